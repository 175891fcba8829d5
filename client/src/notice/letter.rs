//! A template filled in with what is known of a breach and what a report says of it.

use samar_local::people::wrapped;
use samar_protocol::identifier::Kind;

use super::found::Found;
use super::words::{Language, Words, fill};
use crate::breaches::KnownBreach;

/// What a letter is about.
pub(super) struct Subject<'a> {
    pub(super) breach: &'a KnownBreach,
    pub(super) found: &'a Found,
    pub(super) epoch: u64,
    /// Name of the report's file.
    pub(super) report: &'a str,
}

/// The draft in one language.
pub(super) fn letter(language: &Language, subject: &Subject<'_>) -> String {
    let Language { template, words } = language;
    let Subject { breach, found, epoch, report } = subject;
    let is_partial = found.classes.values().any(|rows| *rows < found.rows);
    let one = |pattern: &str, name: &str, value: &str| {
        if value.is_empty() { String::new() } else { fill(pattern, &[(name, value)]) }
    };
    let records = breach.records.map(|records| words.number(records)).unwrap_or_default();
    let by = |kind: &Kind| found.kinds.contains(kind.name()) || found.kinds.is_empty() && *kind == Kind::Nik;
    let kinds: Vec<&str> = Kind::ALL.into_iter().filter(by).map(Kind::name).collect();
    let described = one(&words.described, "description", &breach.description);
    let text = |text: &str| paragraph(text);
    fill(
        template,
        &[
            ("breach", &breach.id),
            ("title", &breach.title),
            ("customers", &words.number(found.rows)),
            ("report", report),
            ("epoch", &epoch.to_string()),
            ("partial", &if is_partial { text(&words.partial) } else { String::new() }),
            ("sensitive", &if breach.sensitive { text(&words.sensitive) } else { String::new() }),
            ("what", &text(&format!("{}{described}", breach.title))),
            ("records", &one(&words.records, "records", &records)),
            ("source", &text(&one(&words.source, "source", &breach.source))),
            ("date", &words.date(&breach.date)),
            ("fields", &fields(words, found)),
            ("status", &text(words.status(breach.status))),
            ("how", &text(&fill(&words.how, &[("kinds", &words.kinds(&kinds))]))),
            ("advice", &advice(words, found)),
        ],
    )
}

/// A class a line; those of some alone in brackets, with their number.
fn fields(words: &Words, found: &Found) -> String {
    let field = |(class, rows): (&String, &u64)| {
        let class = words.class(class);
        if *rows == found.rows {
            return format!("- {class}");
        }
        let (some, customers) = (words.number(*rows), words.number(found.rows));
        format!("- {}", fill(&words.some, &[("class", class), ("some", &some), ("customers", &customers)]))
    };
    match found.classes.is_empty() {
        true => format!("- {}", words.none),
        false => found.classes.iter().map(field).collect::<Vec<_>>().join("\n"),
    }
}

/// What everybody should do, and what those should of whom these classes are exposed; each once.
fn advice(words: &Words, found: &Found) -> String {
    let mut advice: Vec<&str> = words.advice.iter().map(String::as_str).collect();
    for class in found.classes.keys() {
        advice.extend(words.advice_of(class).filter(|said| !advice.contains(said)));
    }
    let numbered = |(at, said): (usize, &&str)| paragraph(&format!("{}. {said}", at + 1));
    advice.iter().enumerate().map(numbered).collect::<Vec<_>>().join("\n")
}

/// Broken between words at 80 columns.
fn paragraph(text: &str) -> String {
    let set_in = wrapped("", text);
    set_in.lines().map(str::trim_start).collect::<Vec<_>>().join("\n")
}
