//! What each code means, why it matters and what to do. A code never changes its meaning.

mod codes;

use std::fmt::Write;

pub use codes::CODES;

/// A code and its explanation.
#[derive(Debug)]
pub struct Code {
    /// The code.
    pub code: &'static str,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// Why it matters.
    pub matters: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// Explains one code, however its letters are written.
pub fn one(code: &str, width: usize) -> Option<String> {
    let code = CODES.iter().find(|known| known.code.eq_ignore_ascii_case(code))?;
    let mut text = format!("{}: {}\n", code.code, code.title);
    for paragraph in [code.meaning, code.matters, code.remedy] {
        let _ = write!(text, "\n{}\n", textwrap::fill(paragraph, options(width)));
    }
    Some(text)
}

/// Lists every code with its title.
pub fn all(width: usize) -> String {
    let line = |code: &Code| {
        let indent = " ".repeat(code.code.len() + 2);
        let line = format!("{}  {}", code.code, code.title);
        textwrap::fill(&line, options(width).subsequent_indent(&indent)) + "\n"
    };
    CODES.iter().map(line).collect()
}

/// A line longer than this is hard to read, however wide the terminal is.
fn options<'a>(width: usize) -> textwrap::Options<'a> {
    textwrap::Options::new(width.min(100)).break_words(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_stand_once() {
        assert!(CODES.windows(2).all(|pair| pair[0].code < pair[1].code));
    }

    #[test]
    fn a_code_is_found_however_it_is_written() {
        assert!(one("ud104", 80).is_some_and(|text| text.starts_with("UD104: ")));
        assert!(one("UD999", 80).is_none());
        assert!(all(80).lines().all(|line| line.len() <= 80));
    }
}
