//! Kinds: what the values of a declared secret are, so that one of another kind is found before a program fails.

pub mod issuer;
pub mod jwt;
pub mod pem;
mod url;

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use regex_lite::Regex;
use zeroize::Zeroizing;

use super::suggest::nearest;
pub use issuer::Issuer;
pub use url::{Url, escape};

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something whose form is known to everybody.
    Form(Form),
    /// Something that a known issuer hands out.
    Issued(&'static Issuer),
}

/// A form that values of no particular issuer have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One word that a program made.
    Token,
    /// What a person or a program proves itself with.
    Password,
    /// An address.
    Url,
    /// The address of a `PostgreSQL` database.
    PostgresUrl,
    /// The address of a `MySQL` or `MariaDB` database.
    MysqlUrl,
    /// The address of a Redis server.
    RedisUrl,
    /// The address of a `MongoDB` database.
    MongodbUrl,
    /// The address of an AMQP broker.
    AmqpUrl,
    /// Keys or certificates in PEM.
    Pem,
    /// A key of OpenSSH.
    SshKey,
    /// JSON.
    Json,
    /// A JSON Web Token.
    Jwt,
    /// Bytes in base64.
    Base64,
    /// Bytes in hexadecimal digits.
    Hex,
    /// An address of a person.
    Email,
    /// A decimal number.
    Number,
    /// Anything.
    Text,
}

impl Form {
    /// Every form, with its name in `undrift.toml` and what a value is that has it.
    const ALL: &[(Self, &str, &str)] = &[
        (Self::Token, "token", "a token, which is one word of visible ASCII characters"),
        (Self::Password, "password", "a password, which is one line"),
        (Self::Url, "url", "a URL, such as `https://HOST/PATH`"),
        (Self::PostgresUrl, "postgres-url", "an address of PostgreSQL, such as `postgres://USER:PASSWORD@HOST/NAME`"),
        (Self::MysqlUrl, "mysql-url", "an address of MySQL, such as `mysql://USER:PASSWORD@HOST/NAME`"),
        (Self::RedisUrl, "redis-url", "an address of Redis, such as `rediss://:PASSWORD@HOST`"),
        (Self::MongodbUrl, "mongodb-url", "an address of MongoDB, such as `mongodb+srv://USER:PASSWORD@HOST/NAME`"),
        (Self::AmqpUrl, "amqp-url", "an address of an AMQP broker, such as `amqps://USER:PASSWORD@HOST`"),
        (Self::Pem, "pem", "PEM, which begins with `-----BEGIN` and ends with an `-----END` line"),
        (Self::SshKey, "ssh-key", "a key of OpenSSH"),
        (Self::Json, "json", "JSON"),
        (Self::Jwt, "jwt", "a JWT, which is three parts with `.` between them"),
        (Self::Base64, "base64", "base64"),
        (Self::Hex, "hex", "hexadecimal digits, two a byte"),
        (Self::Email, "email", "an email address"),
        (Self::Number, "number", "a decimal number"),
        (Self::Text, "text", "text"),
    ];

    fn row(self) -> &'static (Self, &'static str, &'static str) {
        Self::ALL.iter().find(|(form, _, _)| *form == self).expect("every form stands in the table")
    }

    /// Returns the schemes of the addresses that have the form; none where it is no address of a server.
    fn schemes(self) -> Option<&'static [&'static str]> {
        Some(match self {
            Self::PostgresUrl => &["postgres", "postgresql"],
            Self::MysqlUrl => &["mysql", "mariadb"],
            Self::RedisUrl => &["redis", "rediss"],
            Self::MongodbUrl => &["mongodb", "mongodb+srv"],
            Self::AmqpUrl => &["amqp", "amqps"],
            _ => return None,
        })
    }

    fn fits(self, text: &str) -> bool {
        match self {
            Self::Token => text.bytes().all(|byte| byte.is_ascii_graphic()),
            Self::Password => !text.contains(char::is_control),
            Self::Url => Url::parse(text).is_some(),
            Self::PostgresUrl | Self::MysqlUrl | Self::RedisUrl | Self::MongodbUrl | Self::AmqpUrl => {
                let schemes = self.schemes().unwrap_or_default();
                Url::parse(text).is_some_and(|url| schemes.iter().any(|scheme| url.has_scheme(scheme)))
            }
            Self::Pem => pem::blocks(text).is_some(),
            Self::SshKey => pem::is_ssh_key(text),
            Self::Json => serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok(),
            Self::Jwt => jwt::is_jwt(text),
            Self::Base64 => decode_base64(text).is_some(),
            Self::Hex => text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
            Self::Email => is_email(text),
            Self::Number => is_number(text),
            Self::Text => true,
        }
    }
}

impl Kind {
    /// Finds a kind by its name in `undrift.toml`.
    pub fn parse(name: &str) -> Result<Self, Unknown> {
        if let Some((form, _, _)) = Form::ALL.iter().find(|(_, known, _)| *known == name) {
            return Ok(Self::Form(*form));
        }
        let issuers = issuer::all();
        issuers.iter().find(|issuer| issuer.name() == name).map(Self::Issued).ok_or_else(|| {
            let forms = Form::ALL.iter().map(|(_, known, _)| *known);
            let names = forms.chain(issuers.iter().map(Issuer::name));
            // Who writes `github` means what GitHub hands out.
            let longer = issuers.iter().map(Issuer::name).find(|known| known.starts_with(&format!("{name}-")));
            let nearest = nearest(name, names).or(longer).map(str::to_owned);
            Unknown { name: name.to_owned(), nearest }
        })
    }

    /// Returns its name in `undrift.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Form(form) => form.row().1,
            Self::Issued(issuer) => issuer.name(),
        }
    }

    /// Returns what a value of the kind is, for people.
    pub fn looks(self) -> &'static str {
        match self {
            Self::Form(form) => form.row().2,
            Self::Issued(issuer) => &issuer.facts().looks,
        }
    }

    /// Returns whether a text is of the kind. Blanks around it are not looked at: they are a fault of their own.
    pub fn fits(self, value: &str) -> bool {
        let text = value.trim();
        match self {
            Self::Form(Form::Text) => true,
            _ if text.is_empty() => false,
            Self::Form(form) => form.fits(text),
            Self::Issued(issuer) => issuer.fits(text),
        }
    }

    /// Returns whether whoever knows a value of the kind can do something with it.
    pub fn is_credential(self) -> bool {
        match self {
            Self::Form(Form::Url | Form::Json | Form::Email | Form::Number | Form::Text) => false,
            Self::Form(_) => true,
            Self::Issued(issuer) => !issuer.facts().public,
        }
    }

    /// Returns whether line ends and blanks belong to values of the kind.
    pub const fn has_lines(self) -> bool {
        matches!(self, Self::Form(Form::Pem | Form::SshKey | Form::Json | Form::Text))
    }

    /// Returns whether values of the kind are addresses of servers that a password opens.
    pub fn is_connection(self) -> bool {
        matches!(self, Self::Form(form) if form.schemes().is_some())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A name that no kind has.
#[derive(Debug, PartialEq, Eq)]
pub struct Unknown {
    /// What was written.
    pub name: String,
    /// The nearest kind.
    pub nearest: Option<String>,
}

/// A regular expression for the whole of a value.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles a pattern.
    pub fn parse(pattern: &str) -> Result<Self, regex_lite::Error> {
        // What is no pattern by itself must not become one between the brackets.
        Regex::new(pattern)?;
        whole(pattern).map(Self)
    }

    /// Returns whether a text matches. Blanks around it are a fault of their own.
    pub fn fits(&self, value: &str) -> bool {
        self.0.is_match(value.trim())
    }
}

fn whole(pattern: &str) -> Result<Regex, regex_lite::Error> {
    Regex::new(&format!("^(?:{pattern})$"))
}

/// Decodes base64 of either alphabet, with padding or without, over one line or more.
fn decode_base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    const CONFIG: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let joined: Zeroizing<Vec<u8>> = Zeroizing::new(text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect());
    let is_for_urls = joined.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let alphabet = if is_for_urls { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
    GeneralPurpose::new(alphabet, CONFIG).decode(&*joined).ok().map(Zeroizing::new)
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_word = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    let is_domain = domain == "localhost" || (domain.contains('.') && domain.split('.').all(|label| !label.is_empty()));
    is_word(local) && !local.contains(['@', '<', '>']) && is_word(domain) && !domain.contains(['<', '>']) && is_domain
}

fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    match text.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str) -> Kind {
        Kind::parse(name).expect("a kind")
    }

    #[test]
    fn every_form_is_found_by_its_name() {
        for (form, name, looks) in Form::ALL {
            assert_eq!(kind(name), Kind::Form(*form));
            assert_eq!((kind(name).name(), kind(name).looks()), (*name, *looks));
        }
        assert_eq!(kind("github-token").name(), "github-token");
    }

    #[test]
    fn an_unknown_kind_has_a_nearest_one() {
        let nearest = |name: &str| Kind::parse(name).expect_err("no kind").nearest;
        assert_eq!(nearest("passwrod").as_deref(), Some("password"));
        assert_eq!(nearest("postgresql-url").as_deref(), Some("postgres-url"));
        assert_eq!(nearest("github_token").as_deref(), Some("github-token"));
        assert_eq!(nearest("aws").as_deref(), Some("aws-access-key-id"));
        assert_eq!(nearest("zzzzzz"), None);
    }

    #[test]
    fn tells_what_is_of_a_kind_from_what_is_not() {
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----";
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.AAAA";
        let table: &[(&str, &[&str], &[&str])] = &[
            ("token", &["abc-123", " abc "], &["", " ", "two words", "ü", "a\nb"]),
            ("password", &["correct horse", "ü"], &["", "a\nb", "a\tb"]),
            ("url", &["https://example.org", "smtp://u:p@mail:25/x?y#z"], &["", "example.org", "https://", "://x"]),
            (
                "postgres-url",
                &[
                    "postgres://u:p@db/shop",
                    "postgresql://db:5432/shop?sslmode=require",
                    "postgresql+asyncpg://u:p%40@[::1]:5432/x",
                    "postgres:///shop?host=/run",
                ],
                &["mysql://u:p@db/shop", "postgres:u@db", "postgres://u:p#w@db/shop", "postgres://u:p@db:x/shop"],
            ),
            ("mysql-url", &["mysql://u:p@db/shop", "mariadb://db"], &["postgres://db", "mysqlx"]),
            ("redis-url", &["redis://db:6379/0", "rediss://:p@db"], &["http://db", "redis//db"]),
            ("mongodb-url", &["mongodb://a:1,b:2/shop", "mongodb+srv://u:p@c.mongodb.net/"], &["mongo://a"]),
            ("amqp-url", &["amqps://u:p@mq/vhost"], &["mq:5672"]),
            ("pem", &[key, &key.replace('\n', "\\n")], &["", "AAAA", &key[..40], "-----BEGIN A-----\n-----END B-----"]),
            ("ssh-key", &[key, "ssh-ed25519 AAAA ann@home"], &["ssh-ed25519", "AAAA", "-----BEGIN CERTIFICATE-----"]),
            ("json", &["{\"a\": 1}", "\"x\"", "[]\n"], &["{", "{a: 1}", "{} {}"]),
            ("jwt", &[jwt], &["a.b.c", "eyJhbGciOiJIUzI1NiJ9", &jwt.replace('.', "-")]),
            ("base64", &["QUJD", "QUI=", "QUI", "-_-_", "QUJD\nQUJD"], &["", "a b!", "Q"]),
            ("hex", &["00ff", "DEAD"], &["", "0", "0g", "0x00"]),
            ("email", &["ops@shop.org", "a@localhost"], &["ops", "@shop.org", "a@b", "Ops <ops@shop.org>", "a@b@c.d"]),
            ("number", &["0", "-1.5", "+7"], &["", "1e3", "1.", "0x1", "one"]),
            ("text", &["", " anything\n"], &[]),
        ];
        assert_eq!(table.len(), Form::ALL.len(), "a form without examples");
        for (name, fits, misses) in table {
            for text in *fits {
                assert!(kind(name).fits(text), "{name}: {text:?}");
            }
            for text in *misses {
                assert!(!kind(name).fits(text), "{name}: {text:?}");
            }
        }
    }

    #[test]
    fn a_pattern_speaks_of_the_whole_value() {
        let pattern = Pattern::parse("a|ab").expect("a pattern");
        assert!(pattern.fits("ab") && pattern.fits("a") && !pattern.fits("abc") && !pattern.fits("xa"));
        assert!(Pattern::parse("a)(b").is_err());
        assert!(Pattern::parse("[").is_err());
    }
}
