//! Roll-outs: what brings stored values to the machines that should run them.

use vault_schema::project::RolloutMode;
pub use vault_schema::push::Outcome;
use vault_schema::verdict::{Rollout, Verdict};

use super::place::Place;
use super::plan::Step;
use super::row::Row;
use super::secret::SecretValue;

/// How many lines of a program's output are kept.
const KEPT_LINES: usize = 3;

/// How much of one line is kept, in characters.
const KEPT_CHARACTERS: usize = 200;

/// One place whose machines are to be updated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollOut {
    /// The place.
    pub place: Place,
    /// How.
    pub mode: RolloutMode,
    /// How many names wait for it there: those that the plan writes, and those that were written before.
    pub waiting: usize,
}

/// A roll-out and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollOutOutcome {
    /// The roll-out.
    pub roll_out: RollOut,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, in a few words; empty when there is nothing to add.
    pub detail: String,
}

/// Returns the roll-outs that these rows and steps ask for: one for each place, however many names wait there.
///
/// A name that was stored before, and that no machine has yet, asks for one as well: a push that was cut short before
/// its roll-out is finished by the next.
pub fn roll_outs(rows: &[Row], steps: &[Step]) -> Vec<RollOut> {
    let mut roll_outs: Vec<RollOut> = Vec::new();
    for row in rows.iter().filter(|row| matches!(row.mode, RolloutMode::Flyctl | RolloutMode::Machines)) {
        let written = steps.iter().any(|step| step.place == row.place && step.remote_name == row.remote_name);
        let staged = !row.ignored
            && row.judgement.verdict == Verdict::InSync
            && matches!(row.rollout.rollout, Rollout::Staged | Rollout::Partial);
        if written || staged {
            match roll_outs.iter_mut().find(|known| known.place == row.place) {
                Some(known) => known.waiting += 1,
                None => roll_outs.push(RollOut { place: row.place.clone(), mode: row.mode, waiting: 1 }),
            }
        }
    }
    // Where every name that is there has no roll-out, nothing runs.
    let nothing_runs = |place: &Place| {
        let mut shown = rows.iter().filter(|row| row.place == *place && row.shown.is_some()).peekable();
        shown.peek().is_some() && shown.all(|row| row.rollout.rollout == Rollout::None)
    };
    roll_outs.retain(|roll_out| !nothing_runs(&roll_out.place));
    roll_outs
}

/// Returns the last lines of a program's output that a person may see: none that has a part of a value in it.
pub fn presentable<'a>(output: &str, values: impl Iterator<Item = &'a SecretValue>) -> String {
    // A value of several lines may appear as any of them. Shorter pieces than this are in every text.
    const TELLING: usize = 4;
    let pieces: Vec<&str> =
        values.flat_map(|value| value.expose().lines()).map(str::trim).filter(|piece| piece.len() >= TELLING).collect();
    let clean = |line: &str| -> String {
        let visible = line.chars().filter(|character| !character.is_control());
        visible.collect::<String>().trim().to_owned()
    };
    let lines: Vec<String> = output.lines().map(clean).filter(|line| !line.is_empty()).collect();
    let telling: Vec<&String> = lines.iter().filter(|line| !pieces.iter().any(|piece| line.contains(*piece))).collect();
    let kept = &telling[telling.len().saturating_sub(KEPT_LINES)..];
    let short = |line: &&String| line.chars().take(KEPT_CHARACTERS).collect::<String>();
    kept.iter().map(short).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_a_part_of_a_value_are_never_shown() {
        let values = ["password-1", "first line\nsecond line", "ab"].map(SecretValue::copied_from);
        let shown = |text: &str| presentable(text, values.iter());
        assert_eq!(shown("one\ntwo\nthree\nfour\n"), "two; three; four");
        assert_eq!(shown("one\nis password-1 right?\nthe second line, too\nlast"), "one; last");
        assert_eq!(shown("\u{1b}red\r\n \n\tabout"), "red; about");
        // A control character must not hide a value.
        assert_eq!(shown("pass\u{7}word-1"), "");
        assert_eq!(shown(&"x".repeat(500)).len(), KEPT_CHARACTERS);
        assert_eq!(shown(""), "");
    }
}
