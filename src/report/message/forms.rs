//! The forms of a message: one for each service, within its limits, with everything that others may have chosen as plain
//! text.

use std::fmt::Write;

use serde_json::{Value, json};
use vault_schema::message::{Message, Part, Row, State};
use vault_schema::project::WebhookFormat;

use crate::report::markdown::{code, sentence};

/// The longest text of a section at Slack, in characters: `docs.slack.dev`, "Section block". The most blocks of a message
/// are 50, "Blocks" there; twenty rows with a heading and an end are always fewer.
const SLACK_SECTION: usize = 3000;

/// The longest blocks of a message at Slack together, as JSON. Slack names no limit and has one: what is longer than some
/// 12,000 characters is refused as `msg_blocks_too_long` (github.com/slackapi/bolt-js, issues 2509 and 2867).
const SLACK_BLOCKS: usize = 10_000;

/// The longest description of an embed at Discord: `docs.discord.com`, "Message Resource", "Embed Limits". The title may
/// have 256 characters, and all texts of a message together 6000.
const DISCORD_DESCRIPTION: usize = 4096;

/// The largest message at Teams is 28 KB: `learn.microsoft.com`, "Create Incoming Webhooks". It is counted in two bytes for
/// each sign where a service on the way reads the body as UTF-16.
const TEAMS_BODY: usize = 14_000;

/// The longest body of an issue at GitHub, in characters, as its refusal of a longer one says.
const GITHUB_BODY: usize = 65_536;

/// The text of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub text: String,
}

/// Returns the body of a webhook.
pub fn webhook(message: &Message, format: WebhookFormat) -> Value {
    match format {
        // The model has string keys and plain values only, so it always serialises.
        WebhookFormat::Json => serde_json::to_value(message).unwrap_or_default(),
        WebhookFormat::Slack => slack(message),
        WebhookFormat::Discord => discord(message),
        WebhookFormat::Teams => teams(message),
    }
}

fn title(message: &Message) -> String {
    let of = if message.project.is_empty() { String::new() } else { format!(" of {}", message.project) };
    format!("undrift audit{of}: {}", message.state.words())
}

/// Returns the sentences after the title.
fn head(message: &Message) -> impl Iterator<Item = &str> {
    std::iter::once(message.summary.as_str()).chain(message.changes.as_deref())
}

/// Returns the sentences at the end.
fn end(message: &Message, left_out: usize) -> Vec<String> {
    let more = message.more + left_out;
    let mut end = Vec::new();
    if more > 0 {
        end.push(format!("{more} more; undrift audit shows them all"));
    }
    if message.state == State::Failed {
        end.push("nobody knows how it stands; the output of the audit says more".to_owned());
    }
    end.extend(message.next_audit.map(|day| format!("the next audit is due by {day}")));
    end
}

/// What a row is about, and the rest of it.
fn where_and_what(row: &Row) -> ([Option<&str>; 3], String) {
    let code = row.code.as_deref().map_or_else(String::new, |code| format!(" ({code})"));
    // A place says most of the time which environment it is of, and never reliably.
    ([row.environment.as_deref(), row.place.as_deref(), row.name.as_deref()], format!("{}{code}", row.message))
}

/// Returns whether advice is a command as it stands.
fn is_command(next: &str) -> bool {
    ["undrift ", "fly ", "gh ", "git "].iter().any(|program| next.starts_with(program)) && !next.contains('`')
}

/// Leaves out rows from the end until the rest fits.
fn fitted<T>(message: &Message, render: impl Fn(&[Row], usize) -> T, fits: impl Fn(&T) -> bool) -> T {
    let mut count = message.rows.len();
    loop {
        let rendered = render(&message.rows[..count], message.rows.len() - count);
        if count == 0 || fits(&rendered) {
            return rendered;
        }
        count -= 1;
    }
}

fn slack(message: &Message) -> Value {
    fitted(
        message,
        |rows, left_out| slack_of(message, rows, left_out),
        |body| body["blocks"].to_string().chars().count() <= SLACK_BLOCKS,
    )
}

fn slack_of(message: &Message, rows: &[Row], mut left_out: usize) -> Value {
    let section = |text: String| {
        // `verbatim` keeps Slack from making links and mentions of what looks like one.
        json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } })
    };
    let span = |text: &str| format!("`{}`", in_mrkdwn(text));
    let fits = |text: &String| text.chars().count() <= SLACK_SECTION;
    let mut blocks = vec![section(format!("*{}*\n{}", in_mrkdwn(&title(message)), lines(head(message), in_mrkdwn)))];
    for row in rows {
        let (about, what) = where_and_what(row);
        let about: Vec<String> = about.into_iter().flatten().map(span).collect();
        let mut text = format!("*{}* {}: {}", row.part.words(), about.join(" "), in_mrkdwn(&what));
        if let Some(next) = &row.next {
            let next = if is_command(next) { span(next) } else { in_mrkdwn(next) };
            let _ = write!(text, "\n{next}");
        }
        // It nearly always does; a message that is refused would be worse than a row that is counted.
        if fits(&text) {
            blocks.push(section(text));
        } else {
            left_out += 1;
        }
    }
    let end = end(message, left_out);
    if !end.is_empty() {
        blocks.push(section(lines(end.iter().map(String::as_str), in_mrkdwn)));
    }
    json!({ "text": in_mrkdwn(&title(message)), "blocks": blocks })
}

/// Three signs begin everything that commands Slack, mentions among it; a code span has no way to write its own end.
fn in_mrkdwn(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('`', "'")
}

fn lines<'a>(sentences: impl Iterator<Item = &'a str>, escape: fn(&str) -> String) -> String {
    sentences.map(escape).collect::<Vec<_>>().join("\n")
}

fn discord(message: &Message) -> Value {
    const GREEN: u32 = 0x002E_7D32;
    const RED: u32 = 0x00C6_2828;
    let description = fitted(
        message,
        |rows, left_out| markdown(message, rows, left_out, |part| format!("**{part}**")),
        |text| text.encode_utf16().count() <= DISCORD_DESCRIPTION,
    );
    json!({
        // No sign in a text mentions anybody, whatever it says.
        "allowed_mentions": { "parse": [] },
        "embeds": [{
            "title": title(message),
            "description": description,
            "color": if message.state == State::InSync { GREEN } else { RED },
        }],
    })
}

/// Writes the message as Markdown, each part under a heading.
fn markdown(message: &Message, rows: &[Row], left_out: usize, heading: fn(&str) -> String) -> String {
    let mut text = lines(head(message), sentence).replace('\n', "\n\n");
    for (part, rows) in parts(rows) {
        let _ = write!(text, "\n\n{}\n", heading(part.words()));
        for row in rows {
            let (about, what) = where_and_what(row);
            let about: Vec<String> = about.into_iter().flatten().map(code).collect();
            let next = row.next.as_ref().map_or_else(String::new, |next| {
                format!(" → {}", if is_command(next) { code(next) } else { sentence(next) })
            });
            let _ = write!(text, "\n- {}: {}{next}", about.join(" "), sentence(&what));
        }
    }
    for sentence_of_end in end(message, left_out) {
        let _ = write!(text, "\n\n{}", sentence(&sentence_of_end));
    }
    text
}

fn parts(rows: &[Row]) -> impl Iterator<Item = (Part, Vec<&Row>)> {
    [Part::New, Part::Open, Part::Mended].into_iter().filter_map(|part| {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.part == part).collect();
        (!rows.is_empty()).then_some((part, rows))
    })
}

/// Text runs are shown as they are: nothing in them is Markdown, and nobody is mentioned without an entity.
fn teams(message: &Message) -> Value {
    let block = |runs: Value| json!({ "type": "RichTextBlock", "inlines": runs });
    let run = |text: String| json!({ "type": "TextRun", "text": text });
    let name = |text: String| json!({ "type": "TextRun", "text": text, "fontType": "Monospace" });
    let card = |rows: &[Row], left_out: usize| {
        let heading = json!({ "type": "TextRun", "text": title(message), "weight": "Bolder", "size": "Medium" });
        let mut body = vec![block(json!([heading]))];
        body.extend(head(message).map(|text| block(json!([run(text.to_owned())]))));
        for row in rows {
            let (about, what) = where_and_what(row);
            let about = about.into_iter().flatten().collect::<Vec<_>>().join(" ");
            body.push(block(json!([run(format!("{}: ", row.part.words())), name(about), run(format!(": {what}"))])));
            body.extend(row.next.clone().map(|next| block(json!([name(next)]))));
        }
        body.extend(end(message, left_out).into_iter().map(|text| block(json!([run(text)]))));
        json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "body": body,
                },
            }],
        })
    };
    fitted(message, card, |card| card.to_string().len() <= TEAMS_BODY)
}

/// Returns the text of a mail.
pub fn letter(message: &Message) -> Letter {
    let mut text = String::new();
    let _ = writeln!(text, "{}, {}", title(message), message.at.strftime("%Y-%m-%d %H:%M UTC"));
    for sentence in head(message) {
        let _ = writeln!(text, "{sentence}");
    }
    for (part, rows) in parts(&message.rows) {
        let _ = writeln!(text, "\n{}", part.words());
        for row in rows {
            let (about, what) = where_and_what(row);
            let about: Vec<&str> = about.into_iter().flatten().collect();
            let _ = writeln!(text, "  {}: {what}", about.join(" "));
            if let Some(next) = &row.next {
                let _ = writeln!(text, "      {next}");
            }
        }
    }
    let end = end(message, 0);
    if !end.is_empty() {
        let _ = writeln!(text, "\n{}", end.join("\n"));
    }
    Letter { subject: title(message), text }
}

/// Returns the title and the body of an issue. The body begins with the mark by which the issue is found again.
pub fn issue(message: &Message, mark: &str) -> (String, String) {
    let body = fitted(
        message,
        |rows, left_out| {
            let at = message.at.strftime("%Y-%m-%d %H:%M UTC");
            let text = markdown(message, rows, left_out, |part| format!("### {part}"));
            format!(
                "{mark}\n{text}\n\nWritten by `undrift audit --notify`, {at}; closed when nothing is wrong any more.\n"
            )
        },
        |body| body.encode_utf16().count() <= GITHUB_BODY,
    );
    (title(message), body)
}
