//! Values as text that other programs read. Every buffer is wiped when it is dropped.

use zeroize::Zeroizing;

use super::dotenv;
use crate::domain::inventory::Entry;
use crate::domain::name::SecretName;

type Values<'a> = [(&'a SecretName, &'a Entry)];

/// Writes `NAME=value`, in the form on which the fewest dotenv readers disagree.
pub fn dotenv(values: &Values<'_>) -> Zeroizing<String> {
    joined(values, |name, value| Zeroizing::new([name, "=", &dotenv::render_value(value), "\n"].concat()))
}

/// Writes `export NAME='value'`, for a POSIX shell.
pub fn shell(values: &Values<'_>) -> Zeroizing<String> {
    joined(values, |name, value| {
        let quoted = Zeroizing::new(value.replace('\'', r"'\''"));
        Zeroizing::new(["export ", name, "='", &quoted, "'\n"].concat())
    })
}

/// Writes one object of names and values.
pub fn json(values: &Values<'_>) -> Zeroizing<String> {
    let quoted = |text: &str| Zeroizing::new(serde_json::Value::from(text).to_string());
    let lines: Vec<_> = values
        .iter()
        .map(|(name, entry)| {
            Zeroizing::new(["  ", &quoted(name.as_str()), ": ", &quoted(entry.value.expose())].concat())
        })
        .collect();
    let lines: Vec<&str> = lines.iter().map(|line| line.as_str()).collect();
    if lines.is_empty() {
        return Zeroizing::new("{}\n".to_owned());
    }
    let body = Zeroizing::new(lines.join(",\n"));
    Zeroizing::new(["{\n", &body, "\n}\n"].concat())
}

fn joined(values: &Values<'_>, line: impl Fn(&str, &str) -> Zeroizing<String>) -> Zeroizing<String> {
    let lines: Vec<_> = values.iter().map(|(name, entry)| line(name.as_str(), entry.value.expose())).collect();
    let lines: Vec<&str> = lines.iter().map(|line| line.as_str()).collect();
    Zeroizing::new(lines.concat())
}
