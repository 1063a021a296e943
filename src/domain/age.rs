//! How old a value is, and whether that is too old.

use jiff::civil::Date;

use super::declaration::{Interval, Project};
use super::finding::{Problem, ProblemKind};
use super::inventory::{Entry, Inventory};

/// How many days before its end a value is spoken of.
const NOTICE_DAYS: i64 = 14;

/// What the dates beside a value say today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// Nothing says that it is too old.
    Good,
    /// It has to be made new from time to time, and nobody wrote down when it last was.
    Unknown,
    /// It should have been made new by that day.
    Overdue {
        /// The last day on which it was not overdue.
        due: Date,
    },
    /// It should be made new soon.
    SoonDue {
        /// The last day on which it is not overdue.
        due: Date,
    },
    /// It is valid for a short time only.
    SoonExpired {
        /// The first day on which it is not valid.
        on: Date,
    },
    /// It is valid no longer.
    Expired {
        /// The first day on which it was not valid.
        on: Date,
    },
}

/// Returns the last day on which a value is not overdue, where that is known.
pub fn due(entry: &Entry, rotate_every: Option<Interval>) -> Option<Date> {
    Some(rotate_every?.after(entry.rotated?))
}

/// Judges the dates of a value. What has expired is worse than what is overdue.
pub fn age(entry: &Entry, rotate_every: Option<Interval>, today: Date) -> Age {
    match (entry.expires, due(entry, rotate_every)) {
        (Some(on), _) if on <= today => Age::Expired { on },
        (_, Some(due)) if due < today => Age::Overdue { due },
        (Some(on), _) if is_soon(entry.rotated, on, today) => Age::SoonExpired { on },
        (_, Some(due)) if is_soon(entry.rotated, due, today) => Age::SoonDue { due },
        (_, None) if rotate_every.is_some() => Age::Unknown,
        _ => Age::Good,
    }
}

/// Returns whether a day is soon: within two weeks, or within the last quarter of a time that is shorter than eight.
fn is_soon(from: Option<Date>, end: Date, today: Date) -> bool {
    let days = |from: Date, to: Date| to.duration_since(from).as_hours() / 24;
    let from = from.filter(|from| *from < end);
    let quarter = from.map_or(NOTICE_DAYS, |from| days(from, end) / 4);
    days(today, end) <= quarter.min(NOTICE_DAYS)
}

/// Returns a problem for each value of an environment that is overdue or has expired, or will be soon.
pub fn problems(project: &Project, inventory: &Inventory, today: Date) -> Vec<Problem> {
    let too_old = inventory.entries.iter().filter_map(|(name, entry)| {
        let kind = match age(entry, project.rotate_every(name), today) {
            Age::Good | Age::Unknown => return None,
            Age::Overdue { due } => ProblemKind::Overdue { due },
            Age::SoonDue { due } => ProblemKind::SoonDue { due },
            Age::SoonExpired { on } => ProblemKind::SoonExpired { on },
            Age::Expired { on } => ProblemKind::Expired { on },
        };
        let (file, line) = (Some(entry.source.file.clone()), Some(entry.source.line));
        Some(Problem { file, line, secret: Some(name.to_string()), kind })
    });
    too_old.collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::domain::finding::Source;
    use crate::domain::secret::SecretValue;

    #[test]
    fn a_value_is_as_old_as_its_dates_say() {
        let today = date(2026, 11, 20);
        let day = |text: &str| text.parse::<Date>().ok();
        for (rotated, expires, every, expected) in [
            ("", "", "", Age::Good),
            ("2020-01-01", "", "", Age::Good),
            ("", "", "90d", Age::Unknown),
            ("2026-08-22", "", "90d", Age::SoonDue { due: today }),
            ("2026-09-05", "", "90d", Age::SoonDue { due: date(2026, 12, 4) }),
            ("2026-09-06", "", "90d", Age::Good),
            // Of a week, a quarter is one day.
            ("2026-11-14", "", "7d", Age::SoonDue { due: date(2026, 11, 21) }),
            ("2026-11-15", "", "7d", Age::Good),
            ("", "2026-12-04", "", Age::SoonExpired { on: date(2026, 12, 4) }),
            ("", "2026-12-05", "", Age::Good),
            ("2026-11-14", "2026-11-22", "", Age::SoonExpired { on: date(2026, 11, 22) }),
            ("2026-11-14", "2026-11-23", "", Age::Good),
            ("2026-08-21", "", "90d", Age::Overdue { due: date(2026, 11, 19) }),
            ("2027-01-01", "", "90d", Age::Good),
            ("", "2026-11-21", "", Age::SoonExpired { on: date(2026, 11, 21) }),
            ("", "2026-11-20", "", Age::Expired { on: today }),
            ("", "2026-11-21", "90d", Age::SoonExpired { on: date(2026, 11, 21) }),
            ("", "2027-11-21", "90d", Age::Unknown),
            ("2020-01-01", "2026-11-19", "90d", Age::Expired { on: date(2026, 11, 19) }),
        ] {
            let entry = Entry {
                value: SecretValue::copied_from("v"),
                template: None,
                previous: None,
                rotated: day(rotated),
                expires: day(expires),
                source: Source { file: String::new(), line: 1 },
            };
            assert_eq!(age(&entry, Interval::parse(every), today), expected, "{rotated} {expires} {every}");
        }
    }
}
