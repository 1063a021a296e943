//! The read budget: how many questions a platform takes from one token in a minute.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::Origin;
use crate::targets::error::{Limit, TargetError};

const MINUTE: Duration = Duration::from_secs(60);

/// How many reads GitHub takes in a minute (GitHub documentation, "Rate limits for the REST API": 900 points, of which a
/// read is one). Writes have a budget of their own, which leaves room for these.
const MOST: usize = 900;

/// When the reads of the last minute were sent, the oldest first.
#[derive(Debug, Default)]
pub(super) struct ReadBudget(VecDeque<Instant>);

impl ReadBudget {
    /// Counts a read that is sent now, or returns how long it has to wait.
    fn take(&mut self, now: Instant) -> Option<Duration> {
        while self.0.front().is_some_and(|sent| *sent + MINUTE <= now) {
            self.0.pop_front();
        }
        if self.0.len() >= MOST {
            return self.0.front().map(|sent| *sent + MINUTE - now);
        }
        self.0.push_back(now);
        None
    }
}

impl Origin {
    /// Waits until a read may be sent, and counts it.
    pub(super) async fn wait_for_reads(&self) -> Result<(), TargetError> {
        while let Some(wait) = self.count_read() {
            let limit = Limit::Reads(MOST);
            if wait > self.client.settings().patience {
                return Err(TargetError::RateLimited { limit, until: Timestamp::now().checked_add(wait).ok() });
            }
            self.pause(Some(limit), wait).await;
        }
        Ok(())
    }

    fn count_read(&self) -> Option<Duration> {
        self.reads.as_ref()?.lock().expect("no holder of the budget panics").take(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_takes_more_than_its_share() {
        let start = Instant::now();
        let mut budget = ReadBudget::default();
        let mut now = start;
        let mut sent = Vec::new();
        for _ in 0..5 * MOST {
            while let Some(wait) = budget.take(now) {
                assert!(wait <= MINUTE && !wait.is_zero());
                now += wait;
            }
            sent.push(now);
            now += Duration::from_millis(3);
        }
        assert_eq!(sent[MOST - 1], start + Duration::from_millis(3) * 899, "the first ones go at once");
        assert!(sent.iter().zip(&sent[MOST..]).all(|(first, last)| *last - *first >= MINUTE));
        assert!(now - start < MINUTE * 5, "and the others as soon as they may");
        assert!(budget.0.len() <= MOST);
    }
}
