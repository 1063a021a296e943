//! Which values should be made new, and why.

use jiff::civil::Date;
use jiff::{Span, ToSpan};

use crate::domain::age;
use crate::domain::declaration::Project;
use crate::domain::inventory::Inventory;
use crate::domain::name::SecretName;

/// How long before its end a value is due.
fn notice() -> Span {
    14.days()
}

/// Why a value should be made new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is valid no longer since that day.
    Expired(Date),
    /// It is valid until that day, which is near.
    Expires(Date),
    /// It has stood as long as it may on that day.
    Due(Date),
}

/// A value that should be made new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due<'a> {
    /// The secret.
    pub name: &'a SecretName,
    /// Why.
    pub why: Why,
    /// The day on which the value was made, where that is written down.
    pub rotated: Option<Date>,
}

/// Returns what is due on a day, by name. What is composed of others is as old as those. A value of which nobody has
/// written down when it was made is not due: nothing says that it is old.
pub fn due<'a>(project: &Project, inventory: &'a Inventory, today: Date) -> Vec<Due<'a>> {
    let soon = today.saturating_add(notice());
    let plain = inventory.entries.iter().filter(|(_, entry)| entry.template.is_none());
    let due = plain.filter_map(|(name, entry)| {
        let why = match (entry.expires, age::due(entry, project.rotate_every(name))) {
            (Some(on), _) if on <= today => Why::Expired(on),
            (_, Some(due)) if due <= today => Why::Due(due),
            (Some(on), _) if on <= soon => Why::Expires(on),
            _ => return None,
        };
        Some(Due { name, why, rotated: entry.rotated })
    });
    due.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use jiff::civil::date;

    use super::*;
    use crate::domain::compose::Template;
    use crate::domain::declaration::{Declaration, Interval};
    use crate::domain::finding::Source;
    use crate::domain::inventory::Entry;
    use crate::domain::name::EnvironmentName;
    use crate::domain::secret::SecretValue;

    #[test]
    fn a_value_is_due_by_its_age_or_by_its_end() {
        let today = date(2026, 11, 20);
        let name = SecretName::parse("A").expect("a name");
        let day = |text: &str| text.parse::<Date>().ok();
        for (rotated, expires, every, expected) in [
            ("", "", "90d", None),
            ("2020-01-01", "", "", None),
            ("2026-08-23", "", "90d", None),
            ("2026-08-22", "", "90d", Some(Why::Due(today))),
            ("2026-08-21", "", "90d", Some(Why::Due(date(2026, 11, 19)))),
            ("", "2026-12-05", "", None),
            ("", "2026-12-04", "", Some(Why::Expires(date(2026, 12, 4)))),
            ("", "2026-11-21", "90d", Some(Why::Expires(date(2026, 11, 21)))),
            ("", "2026-11-20", "", Some(Why::Expired(today))),
            ("2026-08-21", "2026-11-20", "90d", Some(Why::Expired(today))),
            ("2026-08-21", "2026-11-21", "90d", Some(Why::Due(date(2026, 11, 19)))),
        ] {
            for is_composed in [false, true] {
                let template = is_composed.then(|| Template::parse("x${B}").expect("a template"));
                let source = Source { file: String::new(), line: 1 };
                let value = SecretValue::copied_from("v");
                let (rotated, expires) = (day(rotated), day(expires));
                let entry = Entry { value, template, previous: None, rotated, expires, source };
                let environment = EnvironmentName::parse("staging").expect("a name");
                let entries = BTreeMap::from([(name.clone(), entry)]);
                let inventory = Inventory {
                    environment,
                    entries,
                    beside: BTreeSet::new(),
                    over: BTreeSet::new(),
                    problems: Vec::new(),
                };
                let declaration = Declaration { rotate_every: Interval::parse(every), ..Declaration::default() };
                let project = Project { secrets: [(name.clone(), declaration)].into(), ..Project::default() };
                let found: Vec<Why> = due(&project, &inventory, today).iter().map(|due| due.why).collect();
                let expected: Vec<Why> = expected.filter(|_| !is_composed).into_iter().collect();
                assert_eq!(found, expected, "{rotated:?} {expires:?} {every}");
            }
        }
    }
}
