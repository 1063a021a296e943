//! Intents: writes that were begun, and what can be said of one whose end nobody saw.

use std::time::Duration;

use jiff::Timestamp;

use super::name::{EnvironmentName, RemoteName};
use super::place::Place;

/// The longest that one write takes from the look before it to its end: waits for a rate limit, the request itself,
/// and a second on either side because places count in whole seconds.
const LONGEST_WRITE: Duration = Duration::from_secs(120);

/// A write that was begun and whose end nobody saw: the process was killed, or the answer was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Which write it is, among all of this machine.
    pub id: String,
    /// The environment.
    pub environment: EnvironmentName,
    /// The place it went to.
    pub place: String,
    /// The name there.
    pub name: RemoteName,
    /// When it was begun, by our clock; shown to people.
    pub at: Timestamp,
    /// When it was begun, by the place's own clock, if it tells.
    pub there: Option<Timestamp>,
}

impl Intent {
    /// Returns whether the write went to this place.
    pub fn is_at(&self, place: &Place) -> bool {
        place.environment == self.environment && place.location.to_string() == self.place
    }

    /// Returns whether the write was of this name at this place.
    pub fn is_of(&self, place: &Place, name: &RemoteName) -> bool {
        self.name == *name && self.is_at(place)
    }

    /// Returns whether a write that the place shows is the one that was begun.
    ///
    /// It is when the place's own clock has it just after we began. A write of any later time is somebody else's, and
    /// one whose time is not known may be.
    pub fn explains(&self, written: Option<Timestamp>) -> bool {
        let (Some(begun), Some(written)) = (self.there, written) else { return false };
        let earliest = begun.checked_sub(Duration::from_secs(1)).unwrap_or(begun);
        let latest = begun.checked_add(LONGEST_WRITE).unwrap_or(begun);
        (earliest..=latest).contains(&written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_ours_when_the_places_clock_has_it_just_after_we_began() {
        let at = |text: &str| -> Timestamp { text.parse().expect("a time") };
        let begun = at("2026-11-20T08:00:00Z");
        let intent = |there| Intent {
            id: String::new(),
            environment: EnvironmentName::parse("staging").expect("a name"),
            place: "fly:shop".to_owned(),
            name: RemoteName::new("A"),
            // Our own clock may be hours off, and says nothing.
            at: at("2026-11-20T11:00:00Z"),
            there,
        };
        for (written, expected) in [
            ("2026-11-20T07:59:58Z", false),
            ("2026-11-20T07:59:59Z", true),
            ("2026-11-20T08:00:01Z", true),
            ("2026-11-20T08:02:00Z", true),
            ("2026-11-20T08:02:01Z", false),
            ("2026-11-20T11:00:00Z", false),
        ] {
            assert_eq!(intent(Some(begun)).explains(Some(at(written))), expected, "{written}");
        }
        assert!(!intent(None).explains(Some(begun)));
        assert!(!intent(Some(begun)).explains(None));
    }
}
