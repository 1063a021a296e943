//! The mask over values in a program's output.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError, MatchKind};
use zeroize::Zeroizing;

use crate::domain::secret::SecretValue;

/// What stands where a value was.
const SHOWN: &[u8] = b"***";

/// The shortest text that is masked, in bytes: `1` or `yes` as a value would mask half of every log.
const SHORTEST: usize = 4;

/// Finds values in a stream, wherever it is cut.
#[derive(Debug)]
pub struct Mask {
    // Not shown by `Debug`: the type of what holds them does not print them.
    patterns: Patterns,
    automaton: Automaton,
}

struct Patterns(Vec<Pattern>);

/// A text that is masked.
struct Pattern {
    text: Zeroizing<Vec<u8>>,
    /// For each of its beginnings, how long the longest shorter one is that this ends with: what is left of a match that
    /// fails at the next byte, as in the algorithm of Knuth, Morris and Pratt.
    borders: Vec<usize>,
}

impl Pattern {
    fn new(text: &[u8]) -> Self {
        let mut pattern = Self { text: Zeroizing::new(text.to_vec()), borders: vec![0] };
        let mut border = 0;
        for byte in &text[1..] {
            border = pattern.matched(border, *byte);
            pattern.borders.push(border);
        }
        pattern
    }

    /// Returns how many of its first bytes a text ends with, where that ended with this many before the byte.
    fn matched(&self, mut before: usize, byte: u8) -> usize {
        while before > 0 && self.text[before] != byte {
            before = self.borders[before - 1];
        }
        if self.text[before] == byte { before + 1 } else { 0 }
    }

    /// Returns how many of its first bytes, but not all, a text ends with.
    fn begun(&self, text: &[u8]) -> usize {
        let tail = &text[text.len().saturating_sub(self.text.len() - 1)..];
        tail.iter().fold(0, |before, byte| self.matched(before, *byte))
    }
}

impl std::fmt::Debug for Patterns {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} redacted", self.0.len())
    }
}

struct Automaton(AhoCorasick);

impl std::fmt::Debug for Automaton {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("redacted")
    }
}

impl Mask {
    /// Makes the mask. A value of several lines is masked line by line as well, as programs print it.
    pub fn new(values: &[&SecretValue]) -> Result<Self, BuildError> {
        let values = values.iter().map(|value| value.expose());
        let texts = values.flat_map(|value| std::iter::once(value).chain(value.lines().map(str::trim)));
        let texts: BTreeSet<&[u8]> = texts.filter(|text| text.len() >= SHORTEST).map(str::as_bytes).collect();
        // To build the DFA takes the square of a value's length where that repeats itself.
        let kind = Some(AhoCorasickKind::ContiguousNFA);
        let automaton = AhoCorasick::builder().kind(kind).match_kind(MatchKind::LeftmostLongest).build(&texts)?;
        let patterns = texts.into_iter().map(Pattern::new).collect();
        Ok(Self { patterns: Patterns(patterns), automaton: Automaton(automaton) })
    }

    /// Returns the mask over one stream.
    pub fn stream(&self) -> Stream<'_> {
        Stream { mask: self, held: Zeroizing::default() }
    }

    /// Returns how many bytes at the end may be the beginning of a value.
    fn undecided(&self, text: &[u8]) -> usize {
        self.patterns.0.iter().map(|pattern| pattern.begun(text)).max().unwrap_or_default()
    }
}

/// One stream under the mask. What may become a value is held back until that is known.
#[derive(Debug)]
pub struct Stream<'a> {
    mask: &'a Mask,
    held: Zeroizing<Vec<u8>>,
}

impl Stream<'_> {
    /// Takes the next bytes, and returns those that may be shown.
    pub fn push(&mut self, bytes: &[u8]) -> Zeroizing<Vec<u8>> {
        let text = Zeroizing::new([self.held.as_slice(), bytes].concat());
        let certain = text.len() - self.mask.undecided(&text);
        self.show(&text, certain)
    }

    /// Returns what was held back, when nothing more comes.
    pub fn finish(&mut self) -> Zeroizing<Vec<u8>> {
        let text = std::mem::take(&mut self.held);
        self.show(&text, text.len())
    }

    fn show(&mut self, text: &[u8], certain: usize) -> Zeroizing<Vec<u8>> {
        let mut shown = Zeroizing::new(Vec::with_capacity(text.len() + SHOWN.len()));
        let mut from = 0;
        // Where all may be the beginning of a value, there is nothing to find yet.
        let searched = if certain == 0 { &[] } else { text };
        for found in self.mask.automaton.0.find_iter(searched).take_while(|found| found.start() < certain) {
            shown.extend_from_slice(&text[from..found.start()]);
            shown.extend_from_slice(SHOWN);
            from = found.end();
        }
        let certain = certain.max(from);
        shown.extend_from_slice(&text[from..certain]);
        self.held = Zeroizing::new(text[certain..].to_vec());
        shown
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked(values: &[&str], pieces: &[&[u8]]) -> String {
        let values: Vec<SecretValue> = values.iter().map(|value| SecretValue::copied_from(value)).collect();
        let mask = Mask::new(&values.iter().collect::<Vec<_>>()).expect("an automaton");
        let mut stream = mask.stream();
        let mut shown: Vec<u8> = pieces.iter().flat_map(|piece| stream.push(piece).to_vec()).collect();
        shown.extend_from_slice(&stream.finish());
        String::from_utf8_lossy(&shown).into_owned()
    }

    #[test]
    fn values_are_masked_wherever_the_stream_is_cut() {
        assert_eq!(masked(&["hunter2"], &[b"a hunter2 b"]), "a *** b");
        assert_eq!(masked(&["hunter2"], &[b"a hun", b"te", b"r2 b"]), "a *** b");
        assert_eq!(masked(&["hunter2"], &[b"a hun", b"dred"]), "a hundred");
        assert_eq!(masked(&["hunter2"], &[b"hunt"]), "hunt");
        assert_eq!(masked(&["hunter2", "hunter2-long"], &[b"hunter2", b"-long hunter2-x"]), "*** ***-x");
        assert_eq!(masked(&["xabc", "abcd"], &[b"xab", b"cd"]), "***d");
        assert_eq!(masked(&["one-line\ntwo-line\n"], &[b"one-line\r\n  two-line"]), "***\r\n  ***");
        assert_eq!(masked(&["", "1", "yes"], &[b"yes 1"]), "yes 1");
    }

    #[test]
    fn debug_shows_no_value() {
        let value = SecretValue::copied_from("canary-4711");
        let mask = Mask::new(&[&value]).expect("an automaton");
        let mut stream = mask.stream();
        let _ = stream.push(b"canary");
        assert!(!format!("{mask:?}").contains("canary"));
    }

    proptest! {
        #[test]
        fn cutting_changes_nothing_and_no_value_is_left(
            text in "[ab ]{0,60}",
            values in prop::collection::vec("[ab]{4,9}", 1..4),
            cuts in prop::collection::vec(0_usize..60, 0..6),
        ) {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]).collect();
            let shown = masked(&values, &pieces);
            prop_assert_eq!(&shown, &masked(&values, &[text.as_bytes()]));
            for value in values {
                prop_assert!(!shown.contains(value), "{} in {}", value, shown);
            }
        }
    }
}
