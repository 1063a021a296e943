//! How long a value may stand before a new one is due: `90d`, `12w`, `3m`, `1y`.

use jiff::civil::Date;
use jiff::{Span, ToSpan};

/// A number of days, weeks, months or years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    count: i32,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Days,
    Weeks,
    Months,
    Years,
}

impl Interval {
    /// Parses what stands in `rotate-every`. Longer than some years is no interval that anybody keeps.
    pub fn parse(text: &str) -> Option<Self> {
        let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let (unit, most) = match unit {
            "d" => (Unit::Days, 3650),
            "w" => (Unit::Weeks, 520),
            "m" => (Unit::Months, 120),
            "y" => (Unit::Years, 10),
            _ => return None,
        };
        let is_number = count.bytes().all(|byte| byte.is_ascii_digit());
        let count: i32 = count.parse().ok().filter(|count| is_number && (1..=most).contains(count))?;
        Some(Self { count, unit })
    }

    /// Returns the last day on which a value of that day is not overdue.
    pub fn after(self, day: Date) -> Date {
        let span: Span = match self.unit {
            Unit::Days => self.count.days(),
            Unit::Weeks => self.count.weeks(),
            Unit::Months => self.count.months(),
            Unit::Years => self.count.years(),
        };
        day.saturating_add(span)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn days_weeks_months_and_years_are_counted_by_the_calendar() {
        let day = date(2026, 1, 31);
        for (text, expected) in [
            ("1d", date(2026, 2, 1)),
            ("90d", date(2026, 5, 1)),
            ("2w", date(2026, 2, 14)),
            ("1m", date(2026, 2, 28)),
            ("3m", date(2026, 4, 30)),
            ("1y", date(2027, 1, 31)),
        ] {
            assert_eq!(Interval::parse(text).map(|interval| interval.after(day)), Some(expected), "{text}");
        }
        assert_eq!(Interval::parse("10y").map(|interval| interval.after(Date::MAX)), Some(Date::MAX));
        for wrong in ["", "d", "90", "0d", "-1d", "+1d", "1.5y", "90 d", "90D", "90s", "11y", "99999999999d", "9ü"] {
            assert_eq!(Interval::parse(wrong), None, "{wrong}");
        }
    }
}
