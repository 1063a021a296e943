//! Which machines run the app, and when the release that each of them runs was made. What follows from that is
//! [`Fleet`]'s to say.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::wire;
use crate::domain::fleet::{self, Fleet};

/// The key of our own stamp in a machine's metadata: up to when it has everything that was stored.
pub(super) const STAMP: &str = "undrift_secrets_at";

/// The key under which the version of the secrets stands that the update asked for; for people, who may compare it.
pub(super) const STAMPED_VERSION: &str = "undrift_secrets_version";

/// A machine that runs the app.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) id: String,
    /// The version of the release it was updated to, if it says so.
    release: Option<u64>,
    /// Our own stamp, if we updated it.
    pub(super) stamped: Option<Timestamp>,
    /// What keeps it from being updated.
    pub(super) trouble: Option<Trouble>,
}

/// What keeps a machine from being updated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Fly does not know its whole configuration at present; what it says of its host.
    Host(String),
    /// No deployment made it: whose it is, and what it is for, nobody can say.
    Loose,
}

/// When each known release was made, by version.
pub(super) type Releases = BTreeMap<u64, Timestamp>;

/// Picks the machines that run the app: not those that are going, nor those that Fly started for one command. One that
/// was made by other means than a deployment counts, and nobody can say which values it has.
pub(super) fn members(machines: Vec<wire::Machine>) -> Vec<Machine> {
    machines.into_iter().filter_map(member).collect()
}

fn member(machine: wire::Machine) -> Option<Machine> {
    if matches!(machine.state.as_str(), "destroyed" | "destroying") {
        return None;
    }
    let Some(metadata) = machine.metadata() else {
        // Its host is not well, so that nobody can say what it is; it counts, as one of which nothing is known.
        let trouble = machine.trouble().map(Trouble::Host);
        return Some(Machine { id: machine.id, release: None, stamped: None, trouble });
    };
    let value = |key: &str| metadata.get(key).map(String::as_str);
    let group = value("fly_process_group").or_else(|| value("process_group"));
    let single = ["fly_app_release_command", "release_command", "fly_app_test_machine_command", "fly_app_console"];
    if group.is_some_and(|group| single.contains(&group)) {
        return None;
    }
    if value("fly_platform_version") != Some("v2") {
        let trouble = machine.trouble().map_or(Trouble::Loose, Trouble::Host);
        return Some(Machine { id: machine.id, release: None, stamped: None, trouble: Some(trouble) });
    }
    let release = value("fly_release_version").and_then(|version| version.parse().ok());
    let stamped = value(STAMP).and_then(|stamp| stamp.parse().ok());
    let trouble = machine.trouble().map(Trouble::Host);
    Some(Machine { id: machine.id, release, stamped, trouble })
}

/// Returns how many releases to ask for, so that those of all machines are likely among them.
pub(super) fn releases_wanted(machines: &[Machine]) -> usize {
    let distinct = machines.iter().filter_map(|machine| machine.release).collect::<BTreeSet<_>>().len();
    (2 * distinct).clamp(20, 200)
}

pub(super) fn releases(list: Vec<wire::Release>) -> Releases {
    list.into_iter().filter_map(|release| Some((release.version, wire::time(&release.created_at)?))).collect()
}

/// Returns the fleet of these machines: each with the time of the release that it runs.
pub(super) fn fleet(machines: Vec<Machine>, releases: &Releases) -> Fleet {
    let machine = |machine: Machine| fleet::Machine {
        released: machine.release.and_then(|version| releases.get(&version).copied()),
        stamped: machine.stamped,
        id: machine.id,
    };
    Fleet::Known(machines.into_iter().map(machine).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machines(releases: &[Option<u64>]) -> Vec<Machine> {
        let machine =
            |release: &Option<u64>| Machine { id: "m".to_owned(), release: *release, stamped: None, trouble: None };
        releases.iter().map(machine).collect()
    }

    #[test]
    fn a_fleet_tells_when_the_release_of_each_machine_was_made() {
        let made = "2026-11-20T08:00:00Z".parse().expect("a time");
        let Fleet::Known(machines) = fleet(machines(&[Some(1), Some(2), None]), &Releases::from([(1, made)])) else {
            panic!("the machines are known");
        };
        let released: Vec<_> = machines.iter().map(|machine| machine.released).collect();
        assert_eq!(released, [Some(made), None, None]);
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
            ("{\"id\":\"a\",\"config\":{}}".to_owned(), Some(None)),
            ("{\"id\":\"a\",\"config\":{\"metadata\":null}}".to_owned(), Some(None)),
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
