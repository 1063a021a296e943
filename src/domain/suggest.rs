//! "Did you mean": the nearest of the names that would have been right.

/// Returns the candidate that is nearest to what was written, if any is near.
pub fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&written, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_a_slip_and_refuses_a_guess() {
        assert_eq!(nearest("stagin", ["staging", "production"]), Some("staging"));
        assert_eq!(nearest("PRODUCTION", ["staging", "production"]), Some("production"));
        assert_eq!(nearest("zzz", ["staging", "production"]), None);
    }
}
