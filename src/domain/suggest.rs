//! "Did you mean": the nearest of the names that would have been right.

/// Returns the candidate that is nearest to what was written, if any is near.
pub fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_ascii_lowercase();
    candidates
        .into_iter()
        .filter_map(|candidate| Some((likeness(&written, &candidate.to_ascii_lowercase())?, candidate)))
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

/// Returns the candidate that is one slip away. Codes are so alike that anything further is another one.
pub fn one_slip_away<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_ascii_uppercase();
    candidates.into_iter().find(|candidate| strsim::damerau_levenshtein(&written, candidate) == 1)
}

/// One measure knows swapped letters, the other knows names that were not written to their end.
fn likeness(written: &str, candidate: &str) -> Option<f64> {
    let slip = strsim::normalized_damerau_levenshtein(written, candidate);
    let beginning = strsim::jaro_winkler(written, candidate);
    (slip >= 0.6 || beginning > 0.8).then_some(slip.max(beginning))
}

#[cfg(test)]
mod tests {
    use super::{nearest, one_slip_away};

    #[test]
    fn finds_a_slip_and_refuses_a_guess() {
        assert_eq!(nearest("stagin", ["staging", "production"]), Some("staging"));
        assert_eq!(nearest("PRODUCTION", ["staging", "production"]), Some("production"));
        assert_eq!(nearest("wbe", ["web", "ci"]), Some("web"));
        assert_eq!(nearest("prod", ["staging", "production"]), Some("production"));
        assert_eq!(nearest("zzz", ["staging", "production"]), None);
    }

    #[test]
    fn a_code_is_one_slip_away_or_another() {
        for (written, expected) in [("ud1044", Some("UD104")), ("UD14", Some("UD104")), ("ud999", None), ("", None)] {
            assert_eq!(one_slip_away(written, ["UD104", "UD329"]), expected, "{written}");
        }
    }
}
