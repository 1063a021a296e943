//! Progress on standard error: a bar on a terminal, and in a log a line for each long wait.

use std::cell::RefCell;
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::style::TemplateError;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use tokio::time::Instant;

use super::Ui;
use super::board::Board;
use crate::flow::event::{Event, Listener};
use crate::targets::client::Wait;

/// The shortest wait that is worth a word.
const WORTH_A_WORD: Duration = Duration::from_secs(3);

/// Shows how many places were read, how many steps were done, how far each place is, and what is waited for.
#[derive(Debug)]
pub struct Progress<'a> {
    bar: ProgressBar,
    waits: SharedWaits,
    board: SharedBoard,
    ui: RefCell<&'a mut Ui>,
}

/// The drawing thread counts down what it finds here.
type SharedWaits = Arc<Mutex<Waits>>;

/// And shows what it finds here.
type SharedBoard = Arc<Mutex<Board>>;

/// The waits that last.
#[derive(Debug, Default)]
struct Waits(Vec<Wait>);

impl Waits {
    /// Adds a wait, and returns whether a person does not know of it yet: many requests wait for the same.
    fn add(&mut self, wait: &Wait, now: Instant) -> bool {
        self.0.retain(|open| open.until > now);
        let same = self.0.iter_mut().find(|open| open.host == wait.host && open.limit == wait.limit);
        let Some(open) = same else {
            self.0.push(wait.clone());
            return true;
        };
        let is_longer = wait.until > open.until + WORTH_A_WORD;
        open.until = open.until.max(wait.until);
        is_longer
    }

    /// Says what is waited for the longest.
    fn line(&self, now: Instant) -> Option<String> {
        self.0.iter().filter(|wait| wait.until > now).max_by_key(|wait| wait.until).map(|wait| line(wait, now))
    }
}

fn line(wait: &Wait, now: Instant) -> String {
    let left = wait.until.saturating_duration_since(now).as_secs_f64().ceil();
    format!("{}: {}, {left} s left", wait.host, wait.limit)
}

impl<'a> Progress<'a> {
    /// Makes one that draws on a terminal, and in a log says what must be said.
    pub fn new(ui: &'a mut Ui) -> Self {
        let target = if ui.progress { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        let (waits, board) = (SharedWaits::default(), SharedBoard::default());
        if ui.progress {
            // The template is a constant; were it wrong, the plain default would do.
            bar.set_style(style(&waits, &board).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Self { bar, waits, board, ui: RefCell::new(ui) }
    }

    fn wait(&self, wait: &Wait, now: Instant) {
        if wait.until.saturating_duration_since(now) < WORTH_A_WORD {
            return;
        }
        let is_news = self.waits.lock().expect("no holder of the waits panics").add(wait, now);
        let mut ui = self.ui.borrow_mut();
        if is_news && !ui.progress {
            ui.say(&format!("note: {}", line(wait, now)));
        }
    }
}

/// The least time after which anything can be said of how long the rest takes.
const SEEN_ENOUGH: Duration = Duration::from_secs(3);

/// Says how long the rest will take, where that is known and worth a word.
fn left(elapsed: Duration, eta: Duration, done: u64) -> Option<String> {
    let seconds = eta.as_secs();
    let told = match seconds {
        0..60 => format!("{seconds} s"),
        _ => format!("{} min", seconds.div_ceil(60)),
    };
    (done > 0 && seconds > 0 && elapsed >= SEEN_ENOUGH).then(|| format!(", about {told} left"))
}

fn style(waits: &SharedWaits, board: &SharedBoard) -> Result<ProgressStyle, TemplateError> {
    let (waits, board) = (Arc::clone(waits), Arc::clone(board));
    let countdown = move |_: &ProgressState, out: &mut dyn Write| {
        if let Some(line) = waits.lock().ok().and_then(|waits| waits.line(Instant::now())) {
            // A line that cannot be drawn now is drawn at the next tick.
            let _ = write!(out, ", {line}");
        }
    };
    let left = |state: &ProgressState, out: &mut dyn Write| {
        let _ = out.write_str(&left(state.elapsed(), state.eta(), state.pos()).unwrap_or_default());
    };
    let places = move |_: &ProgressState, out: &mut dyn Write| {
        let _ = out.write_str(&board.lock().map(|board| board.text()).unwrap_or_default());
    };
    let style = ProgressStyle::with_template("{msg} {pos}/{len}{countdown} {wide_bar} {elapsed}{left}{places}")?;
    let style = style.with_key("countdown", countdown).with_key("left", left).with_key("places", places);
    Ok(style.progress_chars("##-"))
}

impl Listener for Progress<'_> {
    fn hear(&self, event: &Event<'_>) {
        self.board.lock().expect("no holder of the board panics").hear(event);
        match event {
            Event::Reading(places) => {
                self.bar.set_length(*places as u64);
                self.bar.set_message("reading targets");
            }
            Event::Read(_) | Event::Stepped(_) => self.bar.inc(1),
            Event::Writing(steps) => {
                self.bar.set_position(0);
                self.bar.set_length(steps.len() as u64);
                self.bar.set_message("writing");
            }
            Event::RollingOut { .. } => self.bar.set_message("updating machines"),
            Event::Waiting(_) | Event::RolledOut(_) => {}
            Event::Limited(wait) => self.wait(wait, Instant::now()),
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::targets::error::Limit;

    const SECOND: Duration = Duration::from_secs(1);

    fn wait(limit: Limit, until: Instant) -> Wait {
        Wait { limit, host: "api.github.com".to_owned(), until }
    }

    #[test]
    fn the_longest_wait_is_counted_down_until_it_is_over() {
        let start = Instant::now();
        let mut waits = Waits::default();
        assert_eq!(waits.line(start), None);
        waits.add(&wait(Limit::Platform, start + SECOND * 10), start);
        waits.add(&wait(Limit::Minute(80), start + SECOND * 41), start);
        let line = |seconds| waits.line(start + seconds);
        assert_eq!(line(Duration::ZERO).as_deref(), Some("api.github.com: 80 writes a minute are spent, 41 s left"));
        assert_eq!(
            line(SECOND * 40 + SECOND / 2).as_deref(),
            Some("api.github.com: 80 writes a minute are spent, 1 s left")
        );
        assert_eq!(line(SECOND * 41), None);
    }

    #[test]
    fn what_many_requests_wait_for_is_news_once() {
        let start = Instant::now();
        let mut waits = Waits::default();
        assert!(waits.add(&wait(Limit::Platform, start + SECOND * 10), start));
        assert!(!waits.add(&wait(Limit::Platform, start + SECOND * 11), start));
        assert!(waits.add(&wait(Limit::Platform, start + SECOND * 60), start), "it lasts much longer than was said");
        assert!(waits.add(&wait(Limit::Hour(500), start + SECOND * 10), start));
        assert_eq!(waits.line(start).as_deref(), Some("api.github.com: the rate limit is used up, 60 s left"));
        let later = start + SECOND * 60;
        assert!(waits.add(&wait(Limit::Platform, later + SECOND * 10), later), "it is another wait");
    }

    #[test]
    fn a_log_has_a_line_for_each_long_wait_and_a_terminal_has_none() {
        for (terminal, expected) in [(false, 1), (true, 0)] {
            let (output, talk) = (Box::new(io::sink()), tempfile::tempfile().expect("a file"));
            let mut ui =
                Ui::new(output, Box::new(talk.try_clone().expect("the file once more")), Box::new(io::empty()));
            ui.progress = terminal;
            let start = Instant::now();
            let progress = Progress::new(&mut ui);
            progress.wait(&wait(Limit::Pace, start + SECOND), start);
            progress.wait(&wait(Limit::Minute(80), start + SECOND * 41), start);
            progress.wait(&wait(Limit::Minute(80), start + SECOND * 40), start);
            let shown = progress.waits.lock().expect("no holder of the waits panics").line(start);
            assert_eq!(shown.as_deref(), Some("api.github.com: 80 writes a minute are spent, 41 s left"));
            drop(progress);
            let mut said = String::new();
            io::Seek::rewind(&mut &talk).and_then(|()| io::Read::read_to_string(&mut &talk, &mut said)).expect("text");
            let line = "note: api.github.com: 80 writes a minute are spent, 41 s left\n";
            assert_eq!(said, line.repeat(expected));
        }
    }

    #[test]
    fn the_time_left_is_told_once_it_can_be_known() {
        let said = |elapsed, eta, done| left(SECOND * elapsed, SECOND * eta, done);
        assert_eq!(said(10, 42, 100).as_deref(), Some(", about 42 s left"));
        assert_eq!(said(10, 61, 100).as_deref(), Some(", about 2 min left"));
        for (elapsed, eta, done) in [(2, 42, 100), (10, 0, 100), (10, 42, 0)] {
            assert_eq!(said(elapsed, eta, done), None, "{elapsed} {eta} {done}");
        }
    }

    #[test]
    fn the_template_is_one() {
        assert!(style(&SharedWaits::default(), &SharedBoard::default()).is_ok());
    }
}
