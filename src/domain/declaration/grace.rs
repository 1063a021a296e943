//! How long an old value stays once every place runs the new one: `24h`, `3d`, `2w`.

use jiff::{SignedDuration, Span, SpanRelativeTo};

/// The longest time: what stays longer is no rotation any more.
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Parses what stands in `finish-after`. A day has 24 hours here.
pub(super) fn parse(text: &str) -> Option<SignedDuration> {
    let span: Span = text.parse().ok()?;
    let has_calendar = span.get_months() != 0 || span.get_years() != 0;
    let time = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    (!has_calendar && time.is_positive() && time <= LONGEST).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_days_and_weeks_are_times_that_an_old_value_may_stay() {
        for (text, hours) in [("1h", 1), ("24h", 24), ("1d", 24), ("1d 12h", 36), ("2w", 14 * 24), ("366d", 366 * 24)] {
            assert_eq!(parse(text), Some(SignedDuration::from_hours(hours)), "{text}");
        }
        assert_eq!(parse("90m"), Some(SignedDuration::from_mins(90)));
        for wrong in ["", "24", "h", "0h", "-1h", "1mo", "1y", "367d", "soon", "24h ago", "99999999999999999999h"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
