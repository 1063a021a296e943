//! How old each value is, as a bar that is full on the day a new one is due.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use vault_schema::audit::{Age, AgeState, Report};

pub(super) struct AgeRow<'a> {
    pub(super) age: &'a Age,
    /// The bar's length, of which 100 is the whole time that a value may stand; none without such a time.
    pub(super) width: Option<i64>,
    pub(super) tone: &'static str,
    pub(super) sign: &'static str,
    pub(super) words: String,
    pub(super) search: String,
}

/// The longest bar: half as long again as a value may stand.
const LONGEST: i64 = 150;

/// Returns the values of which anything is known, the oldest against its policy first, and the count of all others.
pub(super) fn rows(report: &Report) -> (Vec<AgeRow<'_>>, usize) {
    let today = report.at.to_zoned(TimeZone::UTC).date();
    let is_dated = |age: &&Age| age.rotated.is_some() || age.expires.is_some() || age.state != AgeState::Good;
    let mut rows: Vec<AgeRow<'_>> = report.ages.iter().filter(is_dated).map(|age| row(age, today)).collect();
    let rank = |row: &AgeRow<'_>| match row.age.state {
        AgeState::Expired => 0,
        AgeState::Overdue => 1,
        AgeState::AgeUnknown => 2,
        AgeState::Good => 3,
    };
    rows.sort_by_key(|row| (rank(row), std::cmp::Reverse(row.width)));
    let undated = report.ages.len() - rows.len();
    (rows, undated)
}

fn row(age: &Age, today: Date) -> AgeRow<'_> {
    let old = age.rotated.map(|rotated| days(rotated, today));
    let may = age.rotated.zip(age.due.into_iter().chain(age.expires).min()).map(|(from, to)| days(from, to).max(1));
    let width = old.zip(may).map(|(old, may)| (old * 100 / may).clamp(0, LONGEST));
    let is_close = width.is_some_and(|width| width >= 85);
    let (tone, sign) = match age.state {
        AgeState::Expired => ("bad", "✕"),
        AgeState::Overdue => ("bad", "!"),
        AgeState::AgeUnknown => ("quiet", "?"),
        AgeState::Good if is_close => ("warn", "◔"),
        AgeState::Good => ("good", "✓"),
    };
    let search = age.secret.to_lowercase();
    AgeRow { age, width, tone, sign, words: words(age, old, today), search }
}

fn words(age: &Age, old: Option<i64>, today: Date) -> String {
    let mut parts = Vec::new();
    if let Some(old) = old {
        parts.push(format!("{} old", counted(old)));
    }
    match age.due {
        Some(due) if due < today => parts.push(format!("overdue by {}, since {due}", counted(days(due, today)))),
        Some(due) => parts.push(format!("due by {due}")),
        None if age.state == AgeState::AgeUnknown => {
            parts.push("has a policy, and nobody wrote down its age".to_owned());
        }
        None => {}
    }
    match age.expires {
        Some(on) if on <= today => parts.push(format!("expired on {on}")),
        Some(on) => parts.push(format!("expires on {on}")),
        None => {}
    }
    if age.due.is_none() && age.expires.is_none() && age.state == AgeState::Good {
        parts.push("no policy".to_owned());
    }
    parts.join(", ")
}

fn counted(days: i64) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

fn days(from: Date, to: Date) -> i64 {
    to.duration_since(from).as_hours() / 24
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn age(state: AgeState, rotated: Option<Date>, due: Option<Date>, expires: Option<Date>) -> Age {
        Age { environment: "staging".to_owned(), secret: "A".to_owned(), state, rotated, due, expires }
    }

    #[test]
    fn a_bar_is_full_on_the_day_a_value_is_due() {
        let today = date(2026, 11, 20);
        for (age, width, tone, expected) in [
            (
                age(AgeState::Good, Some(date(2026, 11, 10)), Some(date(2026, 11, 30)), None),
                Some(50),
                "good",
                "10 days old, due by 2026-11-30",
            ),
            (
                age(AgeState::Good, Some(date(2026, 11, 10)), Some(today), None),
                Some(100),
                "warn",
                "10 days old, due by 2026-11-20",
            ),
            (
                age(AgeState::Overdue, Some(date(2026, 1, 1)), Some(date(2026, 11, 19)), None),
                Some(100),
                "bad",
                "323 days old, overdue by 1 day, since 2026-11-19",
            ),
            (
                age(AgeState::Overdue, Some(date(2020, 1, 1)), Some(date(2020, 1, 2)), None),
                Some(LONGEST),
                "bad",
                "2515 days old, overdue by 2514 days, since 2020-01-02",
            ),
            (
                age(AgeState::Expired, Some(date(2026, 11, 1)), None, Some(date(2026, 11, 20))),
                Some(100),
                "bad",
                "19 days old, expired on 2026-11-20",
            ),
            (age(AgeState::AgeUnknown, None, None, None), None, "quiet", "has a policy, and nobody wrote down its age"),
            (age(AgeState::Good, Some(date(2026, 11, 19)), None, None), None, "good", "1 day old, no policy"),
            (
                age(AgeState::Good, Some(date(2027, 1, 1)), Some(date(2027, 2, 1)), None),
                Some(0),
                "good",
                "-42 days old, due by 2027-02-01",
            ),
        ] {
            let row = row(&age, today);
            assert_eq!((row.width, row.tone, row.words.as_str()), (width, tone, expected));
        }
    }
}
