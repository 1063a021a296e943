//! Ratios that hold on a machine with other work to do: the things compared take turns, and each round gives one ratio.

use std::time::{Duration, Instant};

/// One thing that is measured.
pub(crate) type Work<'a> = &'a mut dyn FnMut();

/// Runs each piece of work once a round, and returns what each took in every round. The first round warms up and does
/// not count.
pub(crate) fn in_turns<const N: usize>(rounds: usize, mut works: [Work<'_>; N]) -> [Vec<Duration>; N] {
    let mut took = [const { Vec::new() }; N];
    for round in 0..=rounds {
        for (work, took) in works.iter_mut().zip(&mut took) {
            let start = Instant::now();
            work();
            let elapsed = start.elapsed();
            if round > 0 {
                took.push(elapsed);
            }
        }
    }
    took
}

/// Returns the middle one.
pub(crate) fn median<T: Copy + PartialOrd>(values: &[T]) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_by(|left, right| left.partial_cmp(right).expect("a time is a number"));
    sorted[sorted.len() / 2]
}

/// Tells the ratio of two things that took turns: the median of the rounds, and the middle half of them.
pub(crate) fn ratio(ours: &[Duration], theirs: &[Duration]) -> String {
    let mut ratios: Vec<f64> =
        ours.iter().zip(theirs).map(|(ours, theirs)| ours.as_secs_f64() / theirs.as_secs_f64()).collect();
    ratios.sort_by(f64::total_cmp);
    let (low, high) = (ratios[ratios.len() / 4], ratios[ratios.len() * 3 / 4]);
    format!("{:.2} ({low:.2} to {high:.2})", median(&ratios))
}

/// Tells a time for orientation; only ratios carry from one machine to another.
pub(crate) fn milliseconds(times: &[Duration]) -> String {
    format!("{:.1} ms", median(times).as_secs_f64() * 1000.0)
}
