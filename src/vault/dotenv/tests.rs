use super::*;
use Dialect::{Compose, Flyctl, Godotenv};
use ProblemKind::{Duplicate, InvalidUtf8, NameEmpty, NameIllegal, NoEquals, Nul, TextAfterQuote, UnterminatedQuote};
use proptest::prelude::*;

/// The characters that some reader treats specially, among ordinary ones.
const VALUE: &str = r#"([ \t\n\r'"\\#$=()\{\}a-cnrtX0]|\PC){0,12}"#;

#[test]
fn reads_values_and_names_the_readers_that_differ() {
    let table: &[(&str, &str, &[Dialect])] = &[
        ("A=plain\n", "plain", &[]),
        ("  A\t= two words \t\n", "two words", &[Flyctl]),
        ("A=x\r\n", "x", &[]),
        ("A=x\r", "x\r", &[Compose, Godotenv, Flyctl]),
        ("A=", "", &[]),
        ("A= # comment", "", &[Compose, Godotenv]),
        ("A=pa#ss", "pa#ss", &[Flyctl]),
        ("A=#x", "#x", &[Flyctl]),
        ("A=x # comment", "x", &[]),
        ("A=x\t# comment", "x", &[Compose, Flyctl]),
        ("A=x # a # b", "x", &[Godotenv]),
        ("A=it's \"so\"", "it's \"so\"", &[]),
        ("A=back\\slash\\", "back\\slash\\", &[]),
        ("A=a$HOME", "a$HOME", &[Compose, Godotenv]),
        ("A=a$home", "a$home", &[Compose]),
        ("A='$2b$10$X'", "$2b$10$X", &[]),
        ("A=\"$X\"", "$X", &[Compose, Godotenv]),
        (r#"A="\$X""#, "$X", &[Flyctl]),
        ("A='pa#ss'", "pa#ss", &[Flyctl]),
        ("A=\"pa#ss\" # comment", "pa#ss", &[Flyctl]),
        ("A=\"x\" # comment", "x", &[]),
        (r#"A="a\nb\tc\qd\\""#, "a\nb\tc\\qd\\", &[Godotenv, Flyctl]),
        (r#"A="a\nb""#, "a\nb", &[Flyctl]),
        (r#"A="say \"x\" now""#, "say \"x\" now", &[Flyctl]),
        (r"A='a\nb'", r"a\nb", &[]),
        (r"A='end\'", r"end\", &[Compose, Godotenv]),
        ("A='one\r\ntwo'\r\n", "one\r\ntwo", &[Godotenv, Flyctl]),
        ("A=\"one\ntwo\"\n", "one\ntwo", &[Flyctl]),
        ("A=\"\"\"one\n\"two\"\n\"\"\"\n", "one\n\"two\"\n", &[Compose, Godotenv]),
        ("export A=x", "x", &[Flyctl]),
        ("\u{feff}A=x", "x", &[Godotenv, Flyctl]),
    ];
    for (text, value, disagreements) in table {
        let document = parse(text.as_bytes());
        assert_eq!(document.problems, [], "{text:?}");
        let [entry] = document.entries.as_slice() else { panic!("{text:?}") };
        assert_eq!((entry.name.as_str(), entry.value.as_str()), ("A", *value), "{text:?}");
        assert_eq!(entry.disagreements, *disagreements, "{text:?}");
    }
    let long = format!("A={}\n", "x".repeat(64 * 1024));
    assert_eq!(parse(long.as_bytes()).entries[0].disagreements, [Flyctl]);
}

#[test]
fn reports_problems_by_line_and_reads_on() {
    let table: &[(&[u8], usize, ProblemKind)] = &[
        (b"NAME\n", 1, NoEquals),
        (b"# fine\n\n =x\n", 3, NameEmpty),
        (b"export =x\n", 1, NameEmpty),
        (b"my-name=x\n", 1, NameIllegal),
        (b"1A='x\n'\n", 1, NameIllegal),
        (b"two words=x\n", 1, NameIllegal),
        (b"\nA=\"x\\\"\n", 2, UnterminatedQuote),
        (b"A=\"\"\"x\n", 1, UnterminatedQuote),
        (b"A='x' y\n", 1, TextAfterQuote),
        (b"A='x'# not apart\n", 1, TextAfterQuote),
        (b"A=\xff\n", 1, InvalidUtf8),
        (b"A='\n\0'\n", 1, Nul),
        (b"ZZZ=0\n", 2, Duplicate { first_line: 1 }),
    ];
    for (text, line, kind) in table {
        let document = parse(&[*text, b"ZZZ=1\n"].concat());
        assert_eq!(document.problems, [Problem { line: *line, kind: *kind }]);
        assert_eq!(document.entries.last().map(|entry| entry.value.as_str()), Some("1"));
    }
}

#[test]
fn writes_the_form_with_the_fewest_disagreements() {
    let table: &[(&str, &str, &[Dialect])] = &[
        ("", "\"\"", &[]),
        ("#x", "\"#x\"", &[]),
        ("plain", "plain", &[]),
        ("pa#ss", "\"pa#ss\"", &[]),
        (" blanks ", "\" blanks \"", &[]),
        ("$2b$10$X", "'$2b$10$X'", &[]),
        ("'quoted'", "\"'quoted'\"", &[]),
        ("\"quoted\"", "'\"quoted\"'", &[]),
        ("one\ntwo\n", "\"one\ntwo\n\"", &[Flyctl]),
        ("one\r\ntwo", r#""one\r\ntwo""#, &[Flyctl]),
    ];
    for (value, form, disagreements) in table {
        assert_eq!(render_value(value).as_str(), *form);
        let document = parse(&append(b"", "A", value));
        assert_eq!(document.entries[0].disagreements, *disagreements, "{form}");
    }
}

#[test]
fn keeps_line_ends_when_it_appends() {
    assert_eq!(append(b"A=1", "B", "2").as_slice(), b"A=1\nB=2\n");
    assert_eq!(append(b"A=1\r\n", "B", "2").as_slice(), b"A=1\r\nB=2\r\n");
    assert_eq!(append(b"A=1\r", "B", "2").as_slice(), b"A=1\r\r\nB=2\r\n");
    assert_eq!(append(b"\xEF\xBB\xBF", "B", "2").as_slice(), b"\xEF\xBB\xBFB=2\n");
}

#[test]
fn shows_no_value() {
    let text = b"A=canary\nA='canary\n'\nB='canary' canary\ncanary\nC=canary\xff\nD=\"canary\nca-nary=x\n";
    let document = parse(text);
    let shown: Vec<String> = document.problems.iter().map(ToString::to_string).collect();
    assert_eq!((document.entries.len(), document.problems.len()), (2, 6));
    assert!(!format!("{document:?}{document:#?}{shown:?}").contains("canary"));
}

proptest! {
    #[test]
    fn gives_back_what_it_wrote(value in VALUE, other in any::<String>()) {
        for value in [value, other.replace('\0', "")] {
            let document = parse(&append(b"", "A", &value));
            prop_assert_eq!(&document.problems, &[]);
            prop_assert_eq!(document.entries[0].value.as_str(), &value);
        }
    }

    #[test]
    fn replaces_nothing_but_the_value(
        old in VALUE,
        new in VALUE,
        before in "[ \t]{0,2}",
        after in "[ \t]{0,2}|[ \t]# c'\"",
    ) {
        let (head, tail) = (format!("# é\r\n\r\nexport A ={before}"), format!("{after}\r\nB='2'\n"));
        let text = [&head, render_value(&old).as_str(), &tail].concat();
        let entries = parse(text.as_bytes()).entries;
        prop_assert_eq!(entries[0].value.as_str(), &old);
        let replaced = replace(text.as_bytes(), &entries[0], &new);
        prop_assert!(replaced.starts_with(head.trim_end_matches([' ', '\t']).as_bytes()));
        prop_assert!(replaced.ends_with(tail.as_bytes()));
        let span = &entries[0].value_span;
        prop_assert_eq!(replaced.len(), text.len() - span.len() + render_value(&new).len());
        let document = parse(&replaced);
        prop_assert_eq!(&document.problems, &[]);
        let values: Vec<&str> = document.entries.iter().map(|entry| entry.value.as_str()).collect();
        prop_assert_eq!(values, [new.as_str(), "2"]);
    }

    #[test]
    fn hides_no_later_line(junk in any::<Vec<u8>>(), likely in r#"([A-C=\n\r'"\\# ]|\PC){0,40}"#) {
        for junk in [junk, likely.into_bytes()] {
            let document = parse(&[&junk, &b"\nZZZ=1"[..]].concat());
            let last = document.entries.last();
            prop_assert_eq!(last.map(|entry| (&*entry.name, entry.value.as_str())), Some(("ZZZ", "1")));
        }
    }
}
