//! What an attempt knows: what it has seen of the places, and what probes have told it of the values.

use super::{Answer, Which};

/// What was seen and heard since the vault was last changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Whether every place was seen to run what the vault has; none where nobody has looked.
    pub seen: Option<bool>,
    /// Whether a place could not be read: what is not seen there may run all the same.
    pub unread: bool,
    /// What was told of the new values; none where nobody was asked.
    pub new: Option<Answer>,
    /// What was told of the old ones.
    pub old: Option<Answer>,
}

impl Known {
    /// Takes note of what was just seen of the places. What was told of the new values before may hold no more.
    pub fn see(&mut self, all: bool, unread: bool) {
        (self.seen, self.unread, self.new) = (Some(all), unread, None);
    }

    /// Forgets what was seen of the places, where something else belongs there now.
    pub fn look_again(&mut self) {
        (self.seen, self.unread) = (None, false);
    }

    /// Takes note of what was just told of the values.
    pub fn hear(&mut self, value: Which, answers: impl IntoIterator<Item = Answer>) {
        match value {
            Which::New => self.new = Some(of_new(answers)),
            Which::Old => self.old = Some(of_old(answers)),
        }
    }
}

/// Returns what is to be thought of several new values: they are as good as the worst of them. Nothing speaks against
/// one of which nobody can be asked.
fn of_new(answers: impl IntoIterator<Item = Answer>) -> Answer {
    of(answers, [Answer::Dead, Answer::Unknown, Answer::Alive])
}

/// Returns what is to be thought of several old values: they are gone when the last of them is.
fn of_old(answers: impl IntoIterator<Item = Answer>) -> Answer {
    of(answers, [Answer::Alive, Answer::Unknown, Answer::Dead])
}

/// Returns the first of these answers that was given, or the last where none was.
fn of(answers: impl IntoIterator<Item = Answer>, [first, second, last]: [Answer; 3]) -> Answer {
    let answers: Vec<Answer> = answers.into_iter().collect();
    [first, second].into_iter().find(|answer| answers.contains(answer)).unwrap_or(last)
}
