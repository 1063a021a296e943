//! The write budget: how many changes a platform takes from one token in a while.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// How many writes were sent of late, and when the next one may be.
///
/// GitHub asks for no more than 80 content-generating requests a minute and 500 an hour (GitHub documentation, "Rate
/// limits for the REST API"), does not tell how many are left, and may ban who goes on regardless.
#[derive(Debug)]
pub struct WriteBudget {
    per_minute: usize,
    per_hour: usize,
    // The writes of the last hour, oldest first, and never more than `per_hour` of them.
    sent: VecDeque<Instant>,
}

impl Default for WriteBudget {
    fn default() -> Self {
        Self::new(80, 500)
    }
}

impl WriteBudget {
    /// Returns an unspent budget of this many writes in any minute and in any hour.
    pub fn new(per_minute: usize, per_hour: usize) -> Self {
        Self { per_minute, per_hour, sent: VecDeque::new() }
    }

    /// Returns how long the next write has to wait.
    pub fn wait(&self, now: Instant) -> Duration {
        self.wait_of(self.per_minute, MINUTE, now).max(self.wait_of(self.per_hour, HOUR, now))
    }

    /// Counts a write that is sent now.
    pub fn spend(&mut self, now: Instant) {
        self.sent.push_back(now);
        while self.sent.len() > self.per_hour.max(self.per_minute) {
            self.sent.pop_front();
        }
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

    #[test]
    fn a_minute_takes_no_more_than_its_share() {
        let start = Instant::now();
        let mut budget = WriteBudget::new(3, 100);
        for second in 0..3 {
            assert_eq!(budget.wait(start + SECOND * second), Duration::ZERO);
            budget.spend(start + SECOND * second);
        }
        assert_eq!(budget.wait(start + SECOND * 3), SECOND * 57);
        assert_eq!(budget.wait(start + SECOND * 60), Duration::ZERO);
        budget.spend(start + SECOND * 60);
        assert_eq!(budget.wait(start + SECOND * 60), SECOND);
    }

    #[test]
    fn an_hour_takes_no_more_than_its_share() {
        let start = Instant::now();
        let mut budget = WriteBudget::default();
        for write in 0..500 {
            let now = start + SECOND * write;
            assert_eq!(budget.wait(now), Duration::ZERO, "write {write}");
            budget.spend(now);
        }
        assert_eq!(budget.wait(start + SECOND * 500), SECOND * 3100);
        assert_eq!(budget.wait(start + SECOND * 3600), Duration::ZERO);
    }

    #[test]
    fn no_window_ever_holds_more_than_its_limit() {
        let start = Instant::now();
        let mut budget = WriteBudget::default();
        let mut now = start;
        let mut sent = Vec::new();
        for _ in 0..2000 {
            now += budget.wait(now);
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
