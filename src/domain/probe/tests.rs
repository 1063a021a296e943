use super::*;

fn name(text: &str) -> SecretName {
    SecretName::parse(text).expect("a name")
}

fn declared(toml: &str) -> project::Probe {
    toml::from_str(toml).expect("known keys")
}

fn read(toml: &str) -> Probe {
    Probe::read(&declared(toml), Some(&name("TOKEN"))).expect("a probe")
}

fn request(toml: &str) -> Request {
    match read(toml) {
        Probe::Request(request) => request,
        Probe::Command(_) => panic!("a program"),
    }
}

const URL: &str = "url = 'https://chat.example.com/me'\n";
const HEADERS: &str = "headers = { api_access_token = '{value}' }\n";

/// A secret of each name that a probe may need.
fn secrets() -> [(&'static str, SecretValue); 4] {
    [
        ("BASE", "https://chat.example.com/"),
        ("USER", "ann"),
        ("ODD", "https://good.example@evil.example"),
        ("PLAIN", "http://chat.example.com"),
    ]
    .map(|(name, value)| (name, SecretValue::copied_from(value)))
}

fn find<'a>(secrets: &'a [(&'static str, SecretValue)], wanted: &SecretName) -> Option<&'a SecretValue> {
    secrets.iter().find(|(name, _)| *name == wanted.as_str()).map(|(_, value)| value)
}

#[test]
fn each_answer_means_what_the_table_says() {
    use Answer::{Alive, Dead, Unknown};
    let meaning = request(&format!("{URL}{HEADERS}alive = [200, 403]\ndead = [401, 302]")).meaning;
    let usual = request(&format!("{URL}{HEADERS}")).meaning;
    let nothing = Heard::Nothing("no connection could be made".to_owned());
    let table: [(Heard<'_>, Answer, &str); 15] = [
        (Heard::Status(200, &usual), Alive, "it answered 200"),
        (Heard::Status(401, &usual), Dead, "it answered 401"),
        (Heard::Status(403, &usual), Unknown, "it answered 403, which is neither in `alive` nor in `dead`"),
        (Heard::Status(403, &meaning), Alive, "it answered 403"),
        (Heard::Status(302, &meaning), Dead, "it answered 302"),
        (Heard::Status(204, &usual), Unknown, "it answered 204, which is neither in `alive` nor in `dead`"),
        (
            Heard::Status(302, &usual),
            Unknown,
            "it answered 302, which leads elsewhere, and a probe never goes there; check `url`",
        ),
        (Heard::Status(404, &usual), Unknown, "it answered 404: nothing is at this address; check `url`"),
        (Heard::Status(429, &usual), Unknown, "it answered 429: the service is busy; nothing follows of the value"),
        (
            Heard::Status(500, &usual),
            Unknown,
            "it answered 500: the service is broken or half-configured; nothing follows of the value",
        ),
        (nothing, Unknown, "no connection could be made"),
        (Heard::Ended(Some(0)), Alive, "the program ended with 0"),
        (Heard::Ended(Some(1)), Dead, "the program ended with 1"),
        (Heard::Ended(Some(2)), Unknown, "the program ended with 2, which is neither 0 for alive nor 1 for dead"),
        (Heard::Ended(None), Unknown, "a signal has ended the program"),
    ];
    for (heard, answer, reason) in table {
        assert_eq!(decide(&heard), Told { answer, reason: reason.to_owned() }, "{heard:?}");
    }
}

#[test]
fn values_stand_where_their_names_do_and_other_braces_for_themselves() {
    let secrets = secrets();
    let body = r#"body = '{"user": "{USER}", "token": "{value}", "more": {}}'"#;
    let request = request(&format!("{URL}method = 'POST'\n{body}"));
    let value = SecretValue::copied_from("s3cret");
    let filled = request.body.expect("a body").filled(&value, |name| find(&secrets, name)).expect("a text");
    assert_eq!(filled.expose(), r#"{"user": "ann", "token": "s3cret", "more": {}}"#);
    // What a value looks like is never read again.
    let value = SecretValue::copied_from("{USER}");
    let filled = Text::read("Bearer {value}").filled(&value, |name| find(&secrets, name)).expect("a text");
    assert_eq!(filled.expose(), "Bearer {USER}");
    let missing = Text::read("{GONE}").filled(&value, |name| find(&secrets, name)).expect_err("no text");
    assert_eq!(missing, Unasked::NoSecret(name("GONE")));
}

#[test]
fn an_address_may_begin_with_a_secret_and_has_no_other_host_than_that() {
    let secrets = secrets();
    let filled = |url: &str| {
        let request = request(&format!("url = '{url}'\n{HEADERS}"));
        request.address.filled(|name| find(&secrets, name)).map(|address| address.to_string())
    };
    assert_eq!(filled("{BASE}/api/v1/me").as_deref(), Ok("https://chat.example.com/api/v1/me"));
    assert_eq!(filled("{BASE}").as_deref(), Ok("https://chat.example.com"));
    assert_eq!(filled("https://a.example/x?y=1").as_deref(), Ok("https://a.example/x?y=1"));
    assert_eq!(filled("{GONE}/x"), Err(Unasked::NoSecret(name("GONE"))));
    // Neither a user that looks like a host, nor an address without encryption, nor no address at all.
    for base in ["ODD", "PLAIN", "USER"] {
        assert_eq!(filled(&format!("{{{base}}}/x")), Err(Unasked::NoAddress(name(base))), "{base}");
    }
    for (url, shown) in [("{BASE}/x", "{BASE}/x"), ("https://a.example", "https://a.example")] {
        assert_eq!(read(&format!("url = '{url}'\n{HEADERS}")).asks(), shown);
    }
    assert_eq!(read("command = ['./probe', '-v']").asks(), "./probe -v");
}
