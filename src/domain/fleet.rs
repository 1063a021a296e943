//! The machines of a place, and whether they run what is stored there: an inference, since no platform says.
//!
//! Storing a secret at Fly touches no machine, and no answer tells which secrets a machine was started with. A machine
//! takes them when it is updated, and `fly deploy` and `fly secrets deploy` update it to a new release. So a machine
//! has a secret if its release is no older than the secret. That is the rule of `fly secrets list` (flyctl,
//! `internal/command/secrets/list.go`), with two differences: where flyctl lacks an answer it says "staged", and we say
//! that we do not know; and a machine that undrift updated has a stamp of its own, for that makes no release.

use std::time::Duration;

use jiff::Timestamp;
use vault_schema::verdict::Rollout;

use super::observation::RolloutState;

/// How many machines a detail names.
const NAMED: usize = 3;

/// A machine that runs the app. All times are of the place's own clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its id.
    pub id: String,
    /// When the release that it runs was made, if that is known.
    pub released: Option<Timestamp>,
    /// Up to when it has everything that was stored, by our own stamp on it.
    pub stamped: Option<Timestamp>,
}

impl Machine {
    /// Returns whether it may lack what was last written at one time, or still have what was removed at another.
    pub fn lacks(&self, written: Option<Timestamp>, removed: Option<Timestamp>) -> bool {
        written.is_some_and(|time| self.is_as_new_as(time) != Some(true))
            || removed.is_some_and(|time| self.is_newer_than(time) != Some(true))
    }

    /// Returns whether it was updated at this time or later; `None` when nobody can say.
    fn is_as_new_as(&self, time: Timestamp) -> Option<bool> {
        if self.stamped.is_some_and(|stamped| stamped >= time) {
            return Some(true);
        }
        Some(self.released? >= time)
    }

    /// Returns whether it was updated after something was removed, at a time that is known in whole seconds.
    fn is_newer_than(&self, removed: Timestamp) -> Option<bool> {
        // Our own roll-out follows our own removal, and that waits until the second of a stamp is over, so that the same
        // second is no earlier; a release of that second may have been made before it.
        if self.stamped.is_some_and(|stamped| stamped >= removed) {
            return Some(true);
        }
        Some(self.released? >= removed.checked_add(Duration::from_secs(1)).unwrap_or(removed))
    }
}

/// The machines of a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fleet {
    /// The place has no machines that would have to be updated, or nobody wants to know.
    #[default]
    None,
    /// Nothing can be said of them, for this reason.
    Unknown(String),
    /// All that run the app.
    Known(Vec<Machine>),
}

impl Fleet {
    /// Returns whether the machines run the secret that was last written at this time.
    pub fn runs(&self, written: Option<Timestamp>) -> RolloutState {
        let machines = match self {
            Self::None => return RolloutState::none(),
            Self::Known(machines) if machines.is_empty() => return RolloutState::none(),
            Self::Unknown(reason) => return unknown(reason.clone()),
            Self::Known(machines) => machines,
        };
        let Some(written) = written else { return unknown("Fly does not say when it was written".to_owned()) };
        let older = match older(machines, |machine| machine.is_as_new_as(written)) {
            Ok(older) => older,
            Err(state) => return state,
        };
        let (rollout, detail) = if older.is_empty() {
            (Rollout::Live, String::new())
        } else if older.len() == machines.len() {
            (Rollout::Staged, "stored, and no machine was updated since".to_owned())
        } else {
            (Rollout::Partial, still(&older, machines.len(), "the older value"))
        };
        RolloutState { rollout, detail }
    }

    /// Returns whether the machines run without the secret that was removed at this time. They keep it until they are
    /// updated, and the place's listing no longer shows it.
    pub fn runs_without(&self, removed: Timestamp) -> RolloutState {
        let machines = match self {
            Self::None => return RolloutState::none(),
            Self::Known(machines) if machines.is_empty() => return RolloutState::none(),
            Self::Unknown(reason) => return unknown(reason.clone()),
            Self::Known(machines) => machines,
        };
        let older = match older(machines, |machine| machine.is_newer_than(removed)) {
            Ok(older) => older,
            Err(state) => return state,
        };
        let (rollout, detail) = if older.is_empty() {
            (Rollout::Live, String::new())
        } else if older.len() == machines.len() {
            (Rollout::Staged, "removed, and no machine was updated since".to_owned())
        } else {
            (Rollout::Partial, format!("removed, and {}", still(&older, machines.len(), "it")))
        };
        RolloutState { rollout, detail }
    }
}

/// Returns the ids of the machines that are not new enough, or that one of them cannot be judged.
fn older(machines: &[Machine], is_new: impl Fn(&Machine) -> Option<bool>) -> Result<Vec<&str>, RolloutState> {
    let mut older = Vec::new();
    for machine in machines {
        match is_new(machine) {
            None => return Err(unknown(format!("the release of machine {} is not known", machine.id))),
            Some(false) => older.push(machine.id.as_str()),
            Some(true) => {}
        }
    }
    Ok(older)
}

fn unknown(detail: String) -> RolloutState {
    RolloutState { rollout: Rollout::Unknown, detail }
}

fn still(older: &[&str], all: usize, what: &str) -> String {
    let verb = if older.len() == 1 { "runs" } else { "run" };
    let mut detail = format!("{} of {all} machines still {verb} {what}: ", older.len());
    detail.push_str(&older[..older.len().min(NAMED)].join(", "));
    if older.len() > NAMED {
        detail.push_str(", ...");
    }
    detail
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + minute * 60).expect("a time in range")
    }

    /// Machines by the minute of their release and of their stamp.
    fn fleet(machines: &[(Option<i64>, Option<i64>)]) -> Fleet {
        let machine = |(index, (released, stamped)): (usize, &(Option<i64>, Option<i64>))| Machine {
            id: format!("m{index}"),
            released: released.map(at),
            stamped: stamped.map(at),
        };
        Fleet::Known(machines.iter().enumerate().map(machine).collect())
    }

    /// When the secret was written, the machines, and what is made of them.
    type Case<'a> = (Option<i64>, &'a [(Option<i64>, Option<i64>)], Rollout, &'a str);

    #[test]
    fn a_machine_has_a_secret_if_its_release_or_its_stamp_is_no_older() {
        let (old, new, none) = ((Some(10), None), (Some(20), None), (None, None));
        let unknown_release = "the release of machine m1 is not known";
        let staged = "stored, and no machine was updated since";
        let table: [Case<'_>; 14] = [
            (Some(5), &[old, new], Rollout::Live, ""),
            (Some(10), &[old], Rollout::Live, ""),
            (Some(15), &[old, new], Rollout::Partial, "1 of 2 machines still runs the older value: m0"),
            (Some(25), &[old, new], Rollout::Staged, staged),
            (Some(15), &[], Rollout::None, ""),
            (None, &[], Rollout::None, ""),
            (None, &[new], Rollout::Unknown, "Fly does not say when it was written"),
            (Some(5), &[new, none], Rollout::Unknown, unknown_release),
            (Some(25), &[new, none], Rollout::Unknown, unknown_release),
            (
                Some(15),
                &[old, old, old, old, new],
                Rollout::Partial,
                "4 of 5 machines still run the older value: m0, m1, m2, ...",
            ),
            (Some(25), &[(Some(10), Some(25)), (None, Some(30))], Rollout::Live, ""),
            (Some(25), &[(Some(10), Some(24))], Rollout::Staged, staged),
            (Some(25), &[new, (None, Some(24))], Rollout::Unknown, unknown_release),
            (Some(15), &[(Some(20), Some(5))], Rollout::Live, ""),
        ];
        for (written, machines, rollout, detail) in table {
            let state = fleet(machines).runs(written.map(at));
            assert_eq!((state.rollout, state.detail.as_str()), (rollout, detail), "{written:?} {machines:?}");
        }
        assert_eq!(Fleet::None.runs(None), RolloutState::none());
        assert_eq!(Fleet::Unknown("why".to_owned()).runs(None).detail, "why");
    }

    /// The machines, and what is made of them.
    type RemovalCase<'a> = (&'a [(Option<i64>, Option<i64>)], Rollout, &'a str);

    #[test]
    fn what_was_removed_runs_until_every_machine_was_updated() {
        let table: [RemovalCase<'_>; 6] = [
            (&[], Rollout::None, ""),
            (&[(Some(10), None)], Rollout::Staged, "removed, and no machine was updated since"),
            (&[(Some(10), None), (Some(20), None)], Rollout::Partial, "removed, and 1 of 2 machines still runs it: m0"),
            // A release of the very second may be older; our own stamp of it is not.
            (&[(Some(15), None)], Rollout::Staged, "removed, and no machine was updated since"),
            (&[(Some(10), Some(15)), (Some(16), None)], Rollout::Live, ""),
            (&[(None, None)], Rollout::Unknown, "the release of machine m0 is not known"),
        ];
        for (machines, rollout, detail) in table {
            let state = fleet(machines).runs_without(at(15));
            assert_eq!((state.rollout, state.detail.as_str()), (rollout, detail), "{machines:?}");
        }
    }
}
