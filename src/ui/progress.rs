//! Progress on standard error, on a terminal only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::flow::event::{Event, Listener};

/// Shows how many places were read, and how many steps were done.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Makes one that draws, or one that does nothing.
    pub fn new(draws: bool) -> Self {
        let target = if draws { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if draws {
            bar.set_style(style());
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Self { bar }
    }
}

fn style() -> ProgressStyle {
    // The template is a constant; were it wrong, the plain default would do.
    ProgressStyle::with_template("{msg} {pos}/{len} {wide_bar} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("##-")
}

impl Listener for Progress {
    fn hear(&self, event: &Event<'_>) {
        match event {
            Event::Reading(places) => {
                self.bar.set_length(*places as u64);
                self.bar.set_message("reading targets");
            }
            Event::Read(_) | Event::Stepped(_) => self.bar.inc(1),
            Event::Writing(steps) => {
                self.bar.set_position(0);
                self.bar.set_length(*steps as u64);
                self.bar.set_message("writing");
            }
            Event::RollingOut { place, number, count } => {
                self.bar.set_message(format!("updating machine {number} of {count} of {}", place.location));
            }
            Event::Waiting(place) => {
                self.bar.set_message(format!("waiting for {} to show what was written", place.location));
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
