//! Names in the text of one file: taken out, or called otherwise, with every other byte as it was.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::dotenv;
use super::layout::GroupFormat;
use crate::domain::name::SecretName;

/// Where one entry stands in a text, in bytes.
struct Extent {
    /// Its name.
    name: Range<usize>,
    /// From the first byte of its first line to the end of its last line.
    lines: Range<usize>,
}

/// Takes an entry out. `None` where it is not there, or stands in a form that cannot be edited.
///
/// Comment lines right above it go with it, unless they may speak of something else as well: of the whole file, at its
/// top, or of another value right below.
pub fn remove(text: &[u8], format: GroupFormat, name: &SecretName) -> Option<Zeroizing<Vec<u8>>> {
    let Extent { lines, .. } = locate(text, format, name)?;
    let above = comments_above(text, lines.start);
    let is_alone = is_empty_or_comment(first_line(&text[lines.end..])) || text[lines.end..].starts_with(b"[");
    let start = if is_alone && above > mark(text) { above } else { lines.start };
    let (before, mut after) = (&text[..start], &text[lines.end..]);
    // Of the empty lines around it, those above are enough.
    if before.is_empty() || before.ends_with(b"\n\n") || before.ends_with(b"\n\r\n") {
        while let Some(rest) = after.strip_prefix(b"\r\n").or_else(|| after.strip_prefix(b"\n")) {
            after = rest;
        }
    }
    Some(Zeroizing::new([before, after].concat()))
}

/// Gives an entry another name. `None` where it is not there.
pub fn rename(text: &[u8], format: GroupFormat, old: &SecretName, new: &SecretName) -> Option<Zeroizing<Vec<u8>>> {
    let Extent { name, .. } = locate(text, format, old)?;
    Some(Zeroizing::new([&text[..name.start], new.as_str().as_bytes(), &text[name.end..]].concat()))
}

fn locate(text: &[u8], format: GroupFormat, name: &SecretName) -> Option<Extent> {
    match format {
        GroupFormat::Toml => locate_toml(text, name.as_str()),
        GroupFormat::Dotenv => locate_dotenv(text, name.as_str()),
    }
}

/// How long the byte order mark is, if there is one.
fn mark(text: &[u8]) -> usize {
    if text.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 }
}

fn locate_toml(text: &[u8], name: &str) -> Option<Extent> {
    let offset = mark(text);
    let document = DeTable::parse(std::str::from_utf8(&text[offset..]).ok()?).ok()?;
    let (key, value) = document.get_ref().get_key_value(name)?;
    let last = match value.get_ref() {
        // A table's own span is that of its header; its last line is that of its last key.
        DeValue::Table(table) => {
            let ends = table.values().map(|field| field.span().end);
            ends.chain([value.span().end]).max()?
        }
        _ => value.span().end,
    };
    let shifted = |range: Range<usize>| range.start + offset..range.end + offset;
    let key = shifted(Spanned::span(key));
    Some(Extent { lines: line_start(text, key.start)..line_end(text, last + offset), name: key })
}

fn locate_dotenv(text: &[u8], name: &str) -> Option<Extent> {
    let document = dotenv::parse(text);
    if !document.problems.is_empty() {
        return None;
    }
    let entry = document.entries.iter().find(|entry| entry.name == name)?;
    let equals = text[..entry.value_span.start].iter().rposition(|byte| *byte == b'=')?;
    let end = text[..equals].trim_ascii_end().len();
    let start = end.checked_sub(name.len())?;
    let first = line_start(text, start).max(mark(text));
    Some(Extent { name: start..end, lines: first..line_end(text, entry.value_span.end) })
}

fn line_start(text: &[u8], position: usize) -> usize {
    text[..position].iter().rposition(|byte| *byte == b'\n').map_or_else(|| mark(text), |end| end + 1)
}

fn line_end(text: &[u8], position: usize) -> usize {
    text[position..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |length| position + length + 1)
}

fn first_line(text: &[u8]) -> &[u8] {
    &text[..text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len())]
}

fn is_comment(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"#")
}

fn is_empty_or_comment(line: &[u8]) -> bool {
    line.trim_ascii().is_empty() || is_comment(line)
}

/// Returns where the comment lines right above a line begin.
fn comments_above(text: &[u8], line: usize) -> usize {
    let mut start = line;
    while start > mark(text) {
        let above = line_start(text, start - 1);
        if !is_comment(&text[above..start]) {
            break;
        }
        start = above;
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> SecretName {
        SecretName::parse(text).expect("a name")
    }

    fn removed(format: GroupFormat, text: &str, without: &str) -> Option<String> {
        remove(text.as_bytes(), format, &name(without)).map(|text| String::from_utf8_lossy(&text).into_owned())
    }

    #[test]
    fn what_is_taken_out_leaves_everything_else() {
        let toml = "# shop\nB = \"1\" # keep\nA = '''\n[x]\n# y\n'''  # gone\nC = { value = \"3\" }\n\n# of D\n[D] # d\n\
                    value = \"4\"\nrotated = 2026-01-01 # then\n\n# of E\n[E]\nvalue = \"5\"\n";
        for (without, expected) in [
            ("B", toml.replace("B = \"1\" # keep\n", "")),
            ("A", toml.replace("A = '''\n[x]\n# y\n'''  # gone\n", "")),
            ("C", toml.replace("C = { value = \"3\" }\n", "")),
            ("D", toml.replace("# of D\n[D] # d\nvalue = \"4\"\nrotated = 2026-01-01 # then\n\n", "")),
            ("E", toml.replace("# of E\n[E]\nvalue = \"5\"\n", "")),
        ] {
            assert_eq!(removed(GroupFormat::Toml, toml, without), Some(expected), "{without}");
        }
        assert_eq!(removed(GroupFormat::Toml, toml, "F"), None);
        let dotenv = "\u{feff}# shop\r\nexport A='x\ny' # a\r\n\r\n# of B\r\nB = 2\r\nC=3\r\n\r\n# of D\r\nD=4";
        for (without, expected) in [
            ("A", dotenv.replace("export A='x\ny' # a\r\n", "")),
            ("B", dotenv.replace("B = 2\r\n", "")),
            ("C", dotenv.replace("C=3\r\n", "")),
            ("D", dotenv.replace("# of D\r\nD=4", "")),
        ] {
            assert_eq!(removed(GroupFormat::Dotenv, dotenv, without), Some(expected), "{without}");
        }
    }

    #[test]
    fn comments_go_with_what_they_speak_of_alone() {
        for (text, expected) in [
            ("# the file\nA = \"1\"\n", "# the file\n"),
            ("# the file\n\n# of A\nA = \"1\"\n", "# the file\n\n"),
            ("# the file\n\n# both\nA = \"1\"\nB = \"2\"\n", "# the file\n\n# both\nB = \"2\"\n"),
            ("A = \"1\"\n", ""),
            ("A = \"1\"\n\nB = \"2\"\n", "B = \"2\"\n"),
            ("X = \"0\"\n# of A\nA = \"1\"\n# of B\nB = \"2\"\n", "X = \"0\"\n# of B\nB = \"2\"\n"),
        ] {
            assert_eq!(removed(GroupFormat::Toml, text, "A").as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_new_name_changes_nothing_but_the_name() {
        let renamed = |format, text: &str| {
            let text = rename(text.as_bytes(), format, &name("OLD"), &name("NEW"));
            text.map(|text| String::from_utf8_lossy(&text).into_owned())
        };
        for text in [
            "# OLD\n  OLD  = \"OLD\" # OLD\nB = \"1\"\n",
            "\u{feff}[A]\nvalue = \"OLD\"\n\n# OLD\n[ OLD ] # OLD\nvalue = \"1\"\n",
            "OLD = { value = \"OLD\", rotated = 2026-01-01 }\n",
        ] {
            let at = text.find("OLD  =").or(text.find("OLD ]")).or(text.find("OLD =")).expect("the name");
            let expected = format!("{}NEW{}", &text[..at], &text[at + 3..]);
            assert_eq!(renamed(GroupFormat::Toml, text), Some(expected));
        }
        assert_eq!(renamed(GroupFormat::Toml, "\"OLD\" = \"1\"\n").as_deref(), Some("NEW = \"1\"\n"));
        for (text, expected) in [
            ("# OLD\nexport OLD = OLD # OLD\n", "# OLD\nexport NEW = OLD # OLD\n"),
            ("\u{feff}OLD=\r\nB=OLD\r\n", "\u{feff}NEW=\r\nB=OLD\r\n"),
            ("OLD='a=b\nOLD=c'\n", "NEW='a=b\nOLD=c'\n"),
        ] {
            assert_eq!(renamed(GroupFormat::Dotenv, text).as_deref(), Some(expected));
        }
        assert_eq!(renamed(GroupFormat::Dotenv, "OLD='open\n"), None);
    }
}
