//! The rules for the names of secrets and variables.

use super::refusal::Refusal;

/// Returns the name as GitHub keeps it, which is in upper case, or says which rule it breaks.
pub(super) fn normalise(name: &str) -> Result<String, Refusal> {
    let kept = name.to_ascii_uppercase();
    let refuse = |message: &str| Err(Refusal::invalid("name", "invalid", format!("{name} {message}")));
    if kept.is_empty() || !kept.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric()) {
        return refuse("can only contain alphanumeric characters ([a-z], [A-Z], [0-9]) or underscores (_).");
    }
    if kept.starts_with(|first: char| first.is_ascii_digit()) {
        return refuse("must not start with a number.");
    }
    if kept.starts_with("GITHUB_") {
        return refuse("must not start with the GITHUB_ prefix.");
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_in_upper_case() {
        assert_eq!(normalise("api_Key2").expect("a valid name"), "API_KEY2");
    }

    #[test]
    fn names_that_break_a_rule_are_refused() {
        for name in ["", "a-b", "a b", "1A", "github_token", "GITHUB_TOKEN", "ä"] {
            assert!(normalise(name).is_err(), "{name:?} was accepted");
        }
    }
}
