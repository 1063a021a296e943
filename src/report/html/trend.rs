//! Drift, proof and age over the recorded audits, as lines that are told apart by colour, dashes and marks.

use std::fmt::Write;

use vault_schema::history::RunLine;

use super::super::history::{SERIES, minute};

pub(super) struct Trend {
    pub(super) series: Vec<Series>,
    /// The horizontal lines: how high, and for how many.
    pub(super) levels: Vec<(i64, usize)>,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) rows: Vec<Point>,
}

pub(super) struct Series {
    pub(super) label: &'static str,
    pub(super) tone: &'static str,
    pub(super) dashes: &'static str,
    pub(super) sign: &'static str,
    pub(super) line: String,
    pub(super) marks: String,
}

pub(super) struct Point {
    pub(super) at: String,
    pub(super) counts: Vec<usize>,
}

/// The picture's frame: left, right, top and bottom.
const LEFT: i64 = 40;
const RIGHT: i64 = 940;
const TOP: i64 = 15;
const BOTTOM: i64 = 215;

/// Draws the runs, the oldest first; one alone makes no line.
pub(super) fn trend(runs: &[RunLine]) -> Option<Trend> {
    let ([first, .., last], true) = (runs, runs.len() > 1) else { return None };
    let highest = runs.iter().flat_map(|run| SERIES.map(|(_, of)| of(run))).max().unwrap_or_default().max(1);
    let (from, to) = (first.at.as_second(), last.at.as_second().max(first.at.as_second() + 1));
    let x = |run: &RunLine| LEFT + (run.at.as_second() - from) * (RIGHT - LEFT) / (to - from);
    let y = |count: usize| {
        let part = |number: usize| i64::try_from(number).unwrap_or(i64::MAX / 1000);
        BOTTOM - part(count) * (BOTTOM - TOP) / part(highest)
    };
    let looks = [("bad", "", "●"), ("good", "8 4", "■"), ("warn", "2 4", "▲")];
    let series = SERIES.into_iter().zip(looks).map(|((label, of), (tone, dashes, sign))| {
        let (mut line, mut marks) = (String::new(), String::new());
        for (index, run) in runs.iter().enumerate() {
            let (x, y) = (x(run), y(of(run)));
            let _ = write!(line, "{}{x} {y}", if index == 0 { "M" } else { "L" });
            let _ = match sign {
                "●" => write!(marks, "M{} {y}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0", x - 4),
                "■" => write!(marks, "M{} {}h7v7h-7z", x - 3, y - 3),
                _ => write!(marks, "M{} {}l4 8h-8z", x, y - 5),
            };
        }
        Series { label, tone, dashes, sign, line, marks }
    });
    let middle = highest / 2;
    let levels = [0, middle, highest].map(|count| (y(count), count));
    Some(Trend {
        series: series.collect(),
        levels: if middle == 0 { vec![levels[0], levels[2]] } else { levels.to_vec() },
        first: minute(first.at),
        last: minute(last.at),
        rows: runs
            .iter()
            .map(|run| Point { at: minute(run.at), counts: SERIES.map(|(_, of)| of(run)).to_vec() })
            .collect(),
    })
}
