//! The clock of the twin's service, which is not the clock of its client.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// How far a fresh twin runs ahead of the machine it runs on.
///
/// The difference is small enough to be plausible and large enough that a client which compares the service's times
/// with its own is found out.
const DEFAULT_OFFSET: SignedDuration = SignedDuration::from_secs(3);

/// The clock a twin stamps its answers with. Clones share one reading.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Mutex<Reading>>);

#[derive(Debug)]
struct Reading {
    base: Base,
    tick: Duration,
    last_write: Timestamp,
}

#[derive(Debug)]
enum Base {
    Following(SignedDuration),
    Pinned(Timestamp),
}

impl Default for Clock {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Reading {
            base: Base::Following(DEFAULT_OFFSET),
            tick: Duration::from_secs(1),
            last_write: Timestamp::UNIX_EPOCH,
        })))
    }
}

impl Clock {
    /// Returns what the service takes the time to be.
    pub fn now(&self) -> Timestamp {
        self.lock().base.now()
    }

    /// Sets how far the service's clock is ahead of the real one, and unpins it.
    pub fn set_offset(&self, offset: SignedDuration) {
        self.lock().base = Base::Following(offset);
    }

    /// Stops the clock at `now`: from here it moves only by [`advance`](Self::advance) and by a tick for each write.
    pub fn pin(&self, now: Timestamp) {
        let mut reading = self.lock();
        reading.base = Base::Pinned(now);
        reading.last_write = Timestamp::UNIX_EPOCH;
    }

    /// Sets how far each write moves a pinned clock. The default is one second, so that writes have distinct times.
    pub fn set_tick(&self, tick: Duration) {
        self.lock().tick = tick;
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.lock().base.advance(by);
    }

    /// Returns the moment at which a write takes effect.
    ///
    /// A pinned clock ticks first. A running one never gives the same moment twice, because an order of writes that
    /// cannot be seen from their times would make a test pass or fail by luck.
    pub(crate) fn moment_of_write(&self) -> Timestamp {
        let mut reading = self.lock();
        let tick = reading.tick;
        if matches!(reading.base, Base::Pinned(_)) {
            reading.base.advance(tick);
            return reading.base.now();
        }
        let moment = whole_microseconds(reading.base.now()).max(reading.last_write + SignedDuration::from_micros(1));
        reading.last_write = moment;
        moment
    }

    fn lock(&self) -> MutexGuard<'_, Reading> {
        self.0.lock().expect("no holder of the clock panics")
    }
}

impl Base {
    fn now(&self) -> Timestamp {
        match self {
            Self::Following(offset) => Timestamp::now() + *offset,
            Self::Pinned(now) => *now,
        }
    }

    fn advance(&mut self, by: Duration) {
        let by = SignedDuration::try_from(by).expect("a test moves the clock by less than an age");
        match self {
            Self::Following(offset) => *offset += by,
            Self::Pinned(now) => *now += by,
        }
    }
}

fn whole_microseconds(moment: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(moment.as_microsecond()).expect("a rounded timestamp stays in range")
}

/// Drops the fraction of a second, as services that store whole seconds do.
pub(crate) fn whole_seconds(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).expect("a rounded timestamp stays in range")
}

/// Returns the form of the `Date` header.
pub(crate) fn http_date(moment: Timestamp) -> String {
    moment.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_clock_moves_only_when_told() {
        let clock = Clock::default();
        let noon: Timestamp = "2026-01-14T12:00:00Z".parse().expect("a valid timestamp");
        clock.pin(noon);
        assert_eq!(clock.now(), noon);
        assert_eq!(clock.moment_of_write(), noon + SignedDuration::from_secs(1));
        clock.advance(Duration::from_secs(59));
        assert_eq!(clock.now(), noon + SignedDuration::from_secs(60));
        assert_eq!(http_date(clock.now()), "Wed, 14 Jan 2026 12:01:00 GMT");
    }

    #[test]
    fn a_running_clock_never_repeats_the_time_of_a_write() {
        let clock = Clock::default();
        let first = clock.moment_of_write();
        assert!(clock.moment_of_write() > first);
    }
}
