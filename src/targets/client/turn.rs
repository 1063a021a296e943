//! When a write may be sent. What it has to wait for is waited for before the place is looked at, so that the write can
//! follow the look at once.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::Origin;
use super::retry::jitter;
use crate::targets::error::{Limit, TargetError};

/// What is known of the next write of one origin.
#[derive(Debug, Default)]
pub(super) struct Turn(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The writes that the budget has already counted and that were not sent yet.
    counted: usize,
    /// Until when a limit of the platform lasts.
    limited: Option<Instant>,
    /// How often in a row the platform has turned a write away without saying for how long.
    unstated: u32,
}

impl Turn {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder of the turn panics")
    }

    /// Notes that a write went through.
    pub(super) fn went_through(&self) {
        self.state().unstated = 0;
    }
}

impl Origin {
    /// Waits until a write may be sent, and counts it. A wait that would be too long is left to the write itself, which
    /// tells of it.
    pub async fn wait_for_turn(&self) {
        let limited = self.turn.state().limited.take();
        let left =
            |until: Instant| Some(until.saturating_duration_since(Instant::now())).filter(|wait| !wait.is_zero());
        if let Some(wait) = limited.and_then(left) {
            self.pause(Some(Limit::Platform), wait).await;
        }
        if self.turn.state().counted > 0 {
            return;
        }
        while let Some((limit, wait)) = self.count() {
            if wait > self.client.settings().patience {
                return;
            }
            self.pause(Some(limit), wait).await;
        }
        self.turn.state().counted += 1;
    }

    /// Waits for the budget, unless this write is counted already.
    pub(super) async fn wait_for_budget(&self) -> Result<(), TargetError> {
        let is_counted = {
            let mut state = self.turn.state();
            let is_counted = state.counted > 0;
            state.counted = state.counted.saturating_sub(1);
            is_counted
        };
        while let Some((limit, wait)) = if is_counted { None } else { self.count() } {
            if wait > self.client.settings().patience {
                return Err(TargetError::RateLimited { limit, until: Timestamp::now().checked_add(wait).ok() });
            }
            self.pause(Some(limit), wait).await;
        }
        Ok(())
    }

    /// Counts a write, or returns what it has to wait for.
    fn count(&self) -> Option<(Limit, Duration)> {
        let mut budget = self.budget.as_ref()?.lock().expect("no holder of the budget panics");
        let now = Instant::now();
        let wait = budget.wait(now);
        if wait.is_none() {
            budget.spend(now);
        }
        wait
    }

    /// Remembers until when the platform takes no write, if that is within patience.
    pub(super) fn turned_away(&self, stated: Option<Duration>, error: TargetError) -> TargetError {
        let mut state = self.turn.state();
        let wait = stated.unwrap_or_else(|| {
            let wait = self.unstated_wait.saturating_mul(1 << state.unstated.min(16));
            state.unstated += 1;
            wait
        });
        let settings = self.client.settings();
        if wait > settings.patience {
            return self.dated(error, wait);
        }
        state.limited = Some(Instant::now() + wait + jitter(settings.backoff));
        TargetError::TurnedAway(Limit::Platform)
    }
}
