//! The write budget: how many changes a platform takes from one token in a while.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::targets::error::Limit;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// How many writes in a minute are a large number. With so many at once and one a second after them, the first minute
/// takes the eighty that it may.
const MANY: usize = 20;

/// How many writes were sent of late, and when the next one may be.
///
/// GitHub asks for no more than 80 content-generating requests a minute and 500 an hour (GitHub documentation, "Rate
/// limits for the REST API"), does not tell how many are left, and may ban who goes on regardless. Whoever sends a large
/// number is to pause for a second between two ("Best practices for using the REST API").
#[derive(Debug)]
pub struct WriteBudget {
    per_minute: usize,
    per_hour: usize,
    gap: Duration,
    // The writes of the last hour, oldest first, and never more than `per_hour` of them.
    sent: VecDeque<Instant>,
}

impl WriteBudget {
    /// Returns an unspent budget of this many writes in any minute and in any hour, with this pause between those of a
    /// large number.
    pub fn new(per_minute: usize, per_hour: usize, gap: Duration) -> Self {
        Self { per_minute, per_hour, gap, sent: VecDeque::new() }
    }

    /// Returns the budget that GitHub asks for.
    pub fn of_github(gap: Duration) -> Self {
        Self::new(80, 500, gap)
    }

    /// Returns how long the next write has to wait, and for what, unless it may be sent now.
    pub fn wait(&self, now: Instant) -> Option<(Limit, Duration)> {
        let waits = [
            (Limit::Pace, self.wait_of_pace(now)),
            (Limit::Minute(self.per_minute), self.wait_of(self.per_minute, MINUTE, now)),
            (Limit::Hour(self.per_hour), self.wait_of(self.per_hour, HOUR, now)),
        ];
        waits.into_iter().max_by_key(|(_, wait)| *wait).filter(|(_, wait)| !wait.is_zero())
    }

    /// Counts a write that is sent now.
    pub fn spend(&mut self, now: Instant) {
        self.sent.push_back(now);
        while self.sent.len() > self.per_hour.max(self.per_minute) {
            self.sent.pop_front();
        }
    }

    fn wait_of_pace(&self, now: Instant) -> Duration {
        let last = self.sent.back().filter(|_| !self.wait_of(MANY, MINUTE, now).is_zero());
        last.map_or(Duration::ZERO, |last| (*last + self.gap).saturating_duration_since(now))
    }

    // The window is full as long as the write that is `limit` back from the next one lies in it.
    fn wait_of(&self, limit: usize, window: Duration, now: Instant) -> Duration {
        let Some(index) = self.sent.len().checked_sub(limit) else { return Duration::ZERO };
        self.sent.get(index).map_or(Duration::ZERO, |sent| (*sent + window).saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn wait(budget: &WriteBudget, now: Instant) -> Duration {
        budget.wait(now).map_or(Duration::ZERO, |(_, wait)| wait)
    }

    #[test]
    fn a_minute_takes_no_more_than_its_share() {
        let start = Instant::now();
        let mut budget = WriteBudget::new(3, 100, Duration::ZERO);
        for second in 0..3 {
            assert_eq!(budget.wait(start + SECOND * second), None);
            budget.spend(start + SECOND * second);
        }
        assert_eq!(budget.wait(start + SECOND * 3), Some((Limit::Minute(3), SECOND * 57)));
        assert_eq!(budget.wait(start + SECOND * 60), None);
        budget.spend(start + SECOND * 60);
        assert_eq!(budget.wait(start + SECOND * 60), Some((Limit::Minute(3), SECOND)));
    }

    #[test]
    fn an_hour_takes_no_more_than_its_share() {
        let start = Instant::now();
        let mut budget = WriteBudget::of_github(SECOND);
        for write in 0..500 {
            let now = start + SECOND * write;
            assert_eq!(budget.wait(now), None, "write {write}");
            budget.spend(now);
        }
        assert_eq!(budget.wait(start + SECOND * 500), Some((Limit::Hour(500), SECOND * 3100)));
        assert_eq!(budget.wait(start + SECOND * 3600), None);
    }

    #[test]
    fn a_large_number_goes_out_one_a_second_and_a_small_one_at_once() {
        let start = Instant::now();
        let mut budget = WriteBudget::of_github(SECOND);
        for _ in 0..MANY {
            assert_eq!(budget.wait(start), None);
            budget.spend(start);
        }
        let half = SECOND / 2;
        assert_eq!(budget.wait(start + half), Some((Limit::Pace, half)));
        for second in 1..60 {
            assert_eq!(budget.wait(start + SECOND * second), None, "{second}");
            budget.spend(start + SECOND * second);
        }
        assert_eq!(budget.wait(start + SECOND * 59), Some((Limit::Pace, SECOND)));
        // A minute later nothing of it is left to be paced.
        let later = start + SECOND * 200;
        assert_eq!(budget.wait(later), None);
        budget.spend(later);
        assert_eq!(budget.wait(later), None);
    }

    #[test]
    fn no_window_ever_holds_more_than_its_limit() {
        for gap in [Duration::ZERO, SECOND] {
            let start = Instant::now();
            let mut budget = WriteBudget::of_github(gap);
            let mut now = start;
            let mut sent = Vec::new();
            for _ in 0..2000 {
                now += wait(&budget, now);
                budget.spend(now);
                sent.push(now);
            }
            for (limit, window) in [(80, MINUTE), (500, HOUR)] {
                for (first, last) in sent.iter().zip(sent.iter().skip(limit)) {
                    assert!(*last - *first >= window);
                }
            }
        }
    }
}
