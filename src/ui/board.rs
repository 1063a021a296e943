//! How far each place is while a push or a rotation goes on: a line for each, below the bar.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use crate::domain::outcome::Outcome;
use crate::domain::place::Place;
use crate::flow::event::Event;

/// The most places that are shown: more do not fit on every screen, and nobody reads them.
const MOST: usize = 12;

/// What is known of each place, in the order in which they were first heard of.
#[derive(Debug, Default)]
pub(super) struct Board {
    lines: Vec<Line>,
    /// Whether there are more places than are shown, so that none is.
    is_full: bool,
}

/// One place.
#[derive(Debug)]
struct Line {
    place: String,
    steps: usize,
    ended: usize,
    now: String,
}

impl Board {
    /// Takes note of what happened.
    pub(super) fn hear(&mut self, event: &Event<'_>) {
        match event {
            Event::Writing(steps) => {
                *self = Self::default();
                for step in *steps {
                    self.at(&step.place, |line| line.steps += 1);
                }
                for line in &mut self.lines {
                    line.now = line.written();
                }
            }
            Event::Stepped(ended) => self.at(&ended.step.place, |line| {
                line.ended += 1;
                line.now = match ended.outcome {
                    Outcome::Done => line.written(),
                    other => format!("{} {}", ended.step.remote_name, other.as_str()),
                };
            }),
            Event::Waiting(place) => {
                self.at(place, |line| "written, and not shown there yet".clone_into(&mut line.now));
            }
            Event::RollingOut { place, number, count } => {
                self.at(place, |line| line.now = format!("updating machine {number} of {count}"));
            }
            Event::RolledOut(ended) => self.at(&ended.roll_out.place, |line| {
                let told = match ended.outcome {
                    Outcome::Done => "brought to the machines",
                    other => other.as_str(),
                };
                told.clone_into(&mut line.now);
            }),
            Event::Reading(_) | Event::Read(_) | Event::Limited(_) => {}
        }
    }

    /// Returns the lines, each after a line break; nothing where there are too many.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let longest = self.lines.iter().map(|line| line.place.width()).max().unwrap_or_default();
        for Line { place, now, .. } in &self.lines {
            let _ = write!(text, "\n  {place}{}  {now}", " ".repeat(longest - place.width()));
        }
        text
    }

    /// Changes the line of a place, unless there are too many.
    fn at(&mut self, place: &Place, change: impl FnOnce(&mut Line)) {
        if self.is_full {
            return;
        }
        let name = place.location.to_string();
        if !self.lines.iter().any(|line| line.place == name) {
            self.lines.push(Line { place: name.clone(), steps: 0, ended: 0, now: String::new() });
        }
        self.is_full = self.lines.len() > MOST;
        if self.is_full {
            self.lines.clear();
        }
        if let Some(line) = self.lines.iter_mut().find(|line| line.place == name) {
            change(line);
        }
    }
}

impl Line {
    fn written(&self) -> String {
        match (self.ended, self.steps) {
            (ended, steps) if ended >= steps => "written".to_owned(),
            (ended, steps) => format!("{ended} of {steps} written"),
        }
    }
}

#[cfg(test)]
mod tests {
    use vault_schema::project::RolloutMode;

    use super::*;
    use crate::domain::name::{EnvironmentName, RemoteName, SecretName, TargetName};
    use crate::domain::outcome::StepOutcome;
    use crate::domain::place::Location;
    use crate::domain::plan::{Action, Step};
    use crate::domain::rollout::{RollOut, RollOutOutcome};
    use crate::domain::verdict::Verdict;

    fn place(app: &str) -> Place {
        Place {
            environment: EnvironmentName::parse("staging").expect("a name"),
            target: TargetName::parse("web").expect("a name"),
            location: Location::FlyApp { app: app.to_owned() },
        }
    }

    fn step(app: &str, name: &str) -> Step {
        Step {
            place: place(app),
            secret: SecretName::parse(name).expect("a name"),
            remote_name: RemoteName::new(name),
            action: Action::Update,
            verdict: Verdict::Behind,
            detail: String::new(),
            expected: None,
        }
    }

    #[test]
    fn each_place_has_a_line_that_says_how_far_it_is() {
        let mut board = Board::default();
        assert_eq!(board.text(), "");
        let steps = [step("one", "A"), step("one", "B"), step("other", "A")];
        board.hear(&Event::Writing(&steps));
        assert_eq!(board.text(), "\n  fly:one    0 of 2 written\n  fly:other  0 of 1 written");
        let ended = |step: &Step, outcome| StepOutcome { step: step.clone(), outcome, detail: String::new() };
        board.hear(&Event::Stepped(&ended(&steps[0], Outcome::Done)));
        board.hear(&Event::Stepped(&ended(&steps[2], Outcome::Failed)));
        assert_eq!(board.text(), "\n  fly:one    1 of 2 written\n  fly:other  A failed");
        board.hear(&Event::Waiting(&place("one")));
        assert!(board.text().contains("fly:one    written, and not shown there yet\n"), "{}", board.text());
        board.hear(&Event::Stepped(&ended(&steps[1], Outcome::Done)));
        assert!(board.text().contains("fly:one    written\n"), "{}", board.text());
        // A place may have nothing to write, and machines that wait.
        board.hear(&Event::RollingOut { place: &place("third"), number: 1, count: 2 });
        assert!(board.text().ends_with("\n  fly:third  updating machine 1 of 2"), "{}", board.text());
        let roll_out = RollOut { place: place("third"), mode: RolloutMode::default(), waiting: 1 };
        let rolled = |outcome| RollOutOutcome { roll_out: roll_out.clone(), outcome, detail: String::new() };
        board.hear(&Event::RolledOut(&rolled(Outcome::Done)));
        assert!(board.text().ends_with("  brought to the machines"), "{}", board.text());
        board.hear(&Event::RolledOut(&rolled(Outcome::Unconfirmed)));
        assert!(board.text().ends_with("  unconfirmed"), "{}", board.text());
        // The next attempt begins anew.
        board.hear(&Event::Writing(&steps[..1]));
        assert_eq!(board.text(), "\n  fly:one  0 of 1 written");
    }

    #[test]
    fn more_places_than_fit_on_a_screen_are_not_shown() {
        let steps: Vec<Step> = (0..=MOST).map(|number| step(&format!("app-{number}"), "A")).collect();
        let mut board = Board::default();
        board.hear(&Event::Writing(&steps[1..]));
        assert_eq!(board.text().lines().count(), MOST + 1);
        board.hear(&Event::Writing(&steps));
        assert_eq!(board.text(), "");
    }
}
