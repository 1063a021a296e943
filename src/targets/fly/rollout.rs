//! Whether the machines run what is stored: an inference, since Fly does not say.
//!
//! Storing a secret touches no machine, and no answer tells which secrets a machine was started with. A machine takes
//! them when it is updated, and `fly deploy` and `fly secrets deploy` update it to a new release. So a machine has a
//! secret if its release is no older than the secret. That is the rule of `fly secrets list` (flyctl,
//! `internal/command/secrets/list.go`), with one difference: where flyctl lacks an answer it says "staged", and we say
//! that we do not know.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use vault_schema::verdict::Rollout;

use super::wire;
use crate::domain::observation::RolloutState;

/// How many machines a detail names.
const NAMED: usize = 3;

/// A machine that runs the app.
#[derive(Debug)]
pub(super) struct Machine {
    id: String,
    /// The version of the release it was updated to, if it says so.
    release: Option<u64>,
}

/// When each known release was made, by version.
pub(super) type Releases = BTreeMap<u64, Timestamp>;

/// Picks the machines that run the app: not those that are going, nor those that Fly started for one command.
pub(super) fn members(machines: Vec<wire::Machine>) -> Vec<Machine> {
    machines.into_iter().filter_map(member).collect()
}

fn member(machine: wire::Machine) -> Option<Machine> {
    if matches!(machine.state.as_str(), "destroyed" | "destroying") {
        return None;
    }
    let Some(metadata) = machine.metadata() else {
        // Its host is not well, so that nobody can say what it is; it counts, as one of which nothing is known.
        return Some(Machine { id: machine.id, release: None });
    };
    let value = |key: &str| metadata.get(key).map(String::as_str);
    let group = value("fly_process_group").or_else(|| value("process_group"));
    let single = ["fly_app_release_command", "release_command", "fly_app_test_machine_command", "fly_app_console"];
    if value("fly_platform_version") != Some("v2") || group.is_some_and(|group| single.contains(&group)) {
        return None;
    }
    let release = value("fly_release_version").and_then(|version| version.parse().ok());
    Some(Machine { id: machine.id, release })
}

/// Returns how many releases to ask for, so that those of all machines are likely among them.
pub(super) fn releases_wanted(machines: &[Machine]) -> usize {
    let distinct = machines.iter().filter_map(|machine| machine.release).collect::<BTreeSet<_>>().len();
    (2 * distinct).clamp(20, 200)
}

pub(super) fn releases(list: Vec<wire::Release>) -> Releases {
    list.into_iter().filter_map(|release| Some((release.version, wire::time(&release.created_at)?))).collect()
}

/// Returns whether the machines run the secret that was last written at this time.
pub(super) fn state(updated: Option<Timestamp>, machines: &[Machine], releases: &Releases) -> RolloutState {
    if machines.is_empty() {
        return RolloutState::none();
    }
    let Some(updated) = updated else { return unknown("Fly does not say when it was written") };
    let mut older = Vec::new();
    for machine in machines {
        let Some(created) = machine.release.and_then(|version| releases.get(&version)) else {
            return unknown(&format!("the release of machine {} is not known", machine.id));
        };
        if updated > *created {
            older.push(machine.id.as_str());
        }
    }
    let (rollout, detail) = if older.is_empty() {
        (Rollout::Live, String::new())
    } else if older.len() == machines.len() {
        (Rollout::Staged, "stored, and no machine was updated since".to_owned())
    } else {
        (Rollout::Partial, partial(&older, machines.len()))
    };
    RolloutState { rollout, detail }
}

/// Returns the state of which nothing can be said, for this reason.
pub(super) fn unknown(reason: &str) -> RolloutState {
    RolloutState { rollout: Rollout::Unknown, detail: reason.to_owned() }
}

fn partial(older: &[&str], all: usize) -> String {
    let verb = if older.len() == 1 { "runs" } else { "run" };
    let mut detail = format!("{} of {all} machines still {verb} the older value: ", older.len());
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

    fn machines(releases: &[Option<u64>]) -> Vec<Machine> {
        let machine = |(index, release): (usize, &Option<u64>)| Machine { id: format!("m{index}"), release: *release };
        releases.iter().enumerate().map(machine).collect()
    }

    /// When the secret was written, the releases of the machines, and what is made of them.
    type Case<'a> = (Option<i64>, &'a [Option<u64>], Rollout, &'a str);

    #[test]
    fn a_machine_has_a_secret_if_its_release_is_no_older() {
        let releases = Releases::from([(1, at(10)), (2, at(20))]);
        let unknown_release = "the release of machine m1 is not known";
        let table: [Case<'_>; 10] = [
            (Some(5), &[Some(1), Some(2)], Rollout::Live, ""),
            (Some(10), &[Some(1)], Rollout::Live, ""),
            (Some(15), &[Some(1), Some(2)], Rollout::Partial, "1 of 2 machines still runs the older value: m0"),
            (Some(25), &[Some(1), Some(2)], Rollout::Staged, "stored, and no machine was updated since"),
            (Some(15), &[], Rollout::None, ""),
            (None, &[], Rollout::None, ""),
            (None, &[Some(2)], Rollout::Unknown, "Fly does not say when it was written"),
            (Some(5), &[Some(2), Some(3)], Rollout::Unknown, unknown_release),
            (Some(25), &[Some(2), None], Rollout::Unknown, unknown_release),
            (
                Some(15),
                &[Some(1), Some(1), Some(1), Some(1), Some(2)],
                Rollout::Partial,
                "4 of 5 machines still run the older value: m0, m1, m2, ...",
            ),
        ];
        for (updated, on, rollout, detail) in table {
            let state = state(updated.map(at), &machines(on), &releases);
            assert_eq!((state.rollout, state.detail.as_str()), (rollout, detail), "{updated:?} {on:?}");
        }
    }

    #[test]
    fn without_releases_nothing_counts_as_staged() {
        let state = state(Some(at(1)), &machines(&[Some(1)]), &Releases::new());
        assert_eq!(state.rollout, Rollout::Unknown);
    }

    #[test]
    fn only_machines_that_run_the_app_count() {
        let metadata = |extra: &str| format!("{{\"metadata\":{{\"fly_platform_version\":\"v2\"{extra}}}}}");
        let version = |number: u64| format!(",\"fly_release_version\":\"{number}\"");
        let app = metadata(&version(7));
        let table = [
            (format!("{{\"id\":\"a\",\"state\":\"started\",\"config\":{app}}}"), Some(Some(7))),
            (format!("{{\"id\":\"a\",\"state\":\"stopped\",\"config\":{app}}}"), Some(Some(7))),
            (format!("{{\"id\":\"a\",\"config\":{}}}", metadata("")), Some(None)),
            (format!("{{\"id\":\"a\",\"config\":{}}}", metadata(",\"fly_release_version\":\"x\"")), Some(None)),
            (format!("{{\"id\":\"a\",\"incomplete_config\":{app}}}"), Some(Some(7))),
            ("{\"id\":\"a\",\"state\":\"started\"}".to_owned(), Some(None)),
            (format!("{{\"id\":\"a\",\"state\":\"destroyed\",\"config\":{app}}}"), None),
            (format!("{{\"id\":\"a\",\"state\":\"destroying\",\"config\":{app}}}"), None),
            ("{\"id\":\"a\",\"config\":{}}".to_owned(), None),
            ("{\"id\":\"a\",\"config\":{\"metadata\":null}}".to_owned(), None),
            (
                format!(
                    "{{\"id\":\"a\",\"config\":{}}}",
                    metadata(",\"fly_process_group\":\"fly_app_release_command\"")
                ),
                None,
            ),
            (format!("{{\"id\":\"a\",\"config\":{}}}", metadata(",\"process_group\":\"release_command\"")), None),
            (format!("{{\"id\":\"a\",\"config\":{}}}", metadata(",\"fly_process_group\":\"fly_app_console\"")), None),
            (
                format!(
                    "{{\"id\":\"a\",\"config\":{}}}",
                    metadata(&format!(",\"fly_process_group\":\"worker\"{}", version(3)))
                ),
                Some(Some(3)),
            ),
        ];
        for (json, expected) in table {
            let machine = serde_json::from_str(&json).expect("a literal machine");
            assert_eq!(member(machine).map(|machine| machine.release), expected, "{json}");
        }
    }

    #[test]
    fn enough_releases_are_asked_for() {
        assert_eq!(releases_wanted(&machines(&[Some(1), Some(1), None])), 20);
        let many: Vec<Option<u64>> = (0..15).map(Some).collect();
        assert_eq!(releases_wanted(&machines(&many)), 30);
        let more: Vec<Option<u64>> = (0..500).map(Some).collect();
        assert_eq!(releases_wanted(&machines(&more)), 200);
    }
}
