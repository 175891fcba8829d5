//! The words that a language has for what stands in a notice (`texts/`). A class that it has no word for is named as it is.

use std::collections::BTreeMap;

use samar_local::people::thousands;
use serde::Deserialize;

/// A template and the words for it.
pub(super) struct Language {
    pub(super) template: &'static str,
    pub(super) words: Words,
}

/// One language's words. Those with `{}` are filled in as the template is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    /// Its code, which stands in the names of files.
    pub(super) language: String,
    thousands: String,
    and: String,
    pub(super) described: String,
    pub(super) records: String,
    pub(super) source: String,
    pub(super) how: String,
    on_day: String,
    in_month: String,
    pub(super) partial: String,
    pub(super) some: String,
    pub(super) sensitive: String,
    pub(super) none: String,
    months: Vec<String>,
    /// For everybody.
    pub(super) advice: Vec<String>,
    kinds: BTreeMap<String, String>,
    statuses: BTreeMap<String, String>,
    classes: BTreeMap<String, String>,
    /// For whom a class is exposed of.
    advice_of: BTreeMap<String, String>,
}

/// Every language, in the order in which drafts are written.
pub(super) fn languages() -> [Language; 2] {
    let texts = [
        (include_str!("texts/id.txt"), include_str!("texts/id.toml")),
        (include_str!("texts/en.txt"), include_str!("texts/en.toml")),
    ];
    // Unwrap safety: the texts are part of the program, and tests read them.
    texts
        .map(|(template, words)| Language { template, words: toml::from_str(words).expect("words are TOML") })
}

impl Words {
    pub(super) fn number(&self, number: u64) -> String {
        thousands(number).replace(',', &self.thousands)
    }

    pub(super) fn class<'a>(&'a self, class: &'a str) -> &'a str {
        self.classes.get(class).map_or(class, String::as_str)
    }

    pub(super) fn advice_of(&self, class: &str) -> Option<&str> {
        self.advice_of.get(class).map(String::as_str)
    }

    pub(super) fn status<'a>(&'a self, status: &'a str) -> &'a str {
        self.statuses.get(status).map_or(status, String::as_str)
    }

    /// Kinds by name, joined as in a sentence.
    pub(super) fn kinds(&self, kinds: &[&str]) -> String {
        let words: Vec<&str> =
            kinds.iter().map(|kind| self.kinds.get(*kind).map_or(*kind, String::as_str)).collect();
        match words.as_slice() {
            [] => String::new(),
            [one] => (*one).to_owned(),
            [first @ .., last] => format!("{} {} {last}", first.join(", "), self.and),
        }
    }

    /// `2021`, `2021-05` or `2021-05-20` as it is said.
    pub(super) fn date(&self, date: &str) -> String {
        let mut parts = date.split('-');
        let (year, month, day) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let month = month.and_then(|month| self.months.get(month.parse::<usize>().ok()?.checked_sub(1)?));
        let pattern = match (month, day) {
            (None, _) => return date.to_owned(),
            (Some(_), None) => &self.in_month,
            (Some(_), Some(_)) => &self.on_day,
        };
        let day = day.unwrap_or_default().trim_start_matches('0');
        fill(pattern, &[("day", day), ("month", month.map_or("", String::as_str)), ("year", year)])
    }
}

/// The text with each `{name}` replaced by its value, once: what a value says is never a name. A line that has nothing but
/// names without value goes away.
pub(super) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (mut rest, mut out) = (line, String::new());
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            match after.split_once('}').and_then(|(name, after)| Some((value_of(values, name)?, after))) {
                Some((value, after)) => {
                    out.push_str(value);
                    rest = after;
                }
                None => {
                    out.push('{');
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        if !out.trim().is_empty() || line.trim().is_empty() {
            filled.push_str(&out);
        }
    }
    filled
}

fn value_of<'a>(values: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use samar_protocol::identifier::Kind;
    use samar_protocol::manifest::Status;

    use super::*;

    #[test]
    fn every_language_has_a_word_for_everything() {
        const CLASSES: [&str; 15] = [
            "address",
            "civil_record",
            "credential_hash",
            "deceased",
            "dob",
            "email",
            "gender",
            "kk",
            "name",
            "noka",
            "npwp",
            "phone",
            "photo",
            "salary",
            "selfie_ktp",
        ];
        for Language { words, .. } in languages() {
            assert_eq!(words.classes.keys().collect::<Vec<_>>(), CLASSES);
            assert!(Status::ALL.iter().all(|status| words.statuses.contains_key(status.name())));
            assert!(Kind::ALL.iter().all(|kind| words.kinds.contains_key(kind.name())));
            assert_eq!((words.months.len(), words.kinds.len(), words.statuses.len()), (12, 5, 4));
            assert!(words.advice_of.keys().all(|class| words.classes.contains_key(class)));
            assert!(words.advice.iter().any(|advice| advice.contains("OTP")));
        }
    }

    #[test]
    fn dates_numbers_and_lists_are_said_as_the_language_says_them() {
        let [indonesian, english] = languages().map(|language| language.words);
        let dates = |words: &Words| ["2021-05-09", "2021-12", "2021"].map(|date| words.date(date));
        assert_eq!(dates(&indonesian), ["9 Mei 2021", "Desember 2021", "2021"]);
        assert_eq!(dates(&english), ["9 May 2021", "December 2021", "2021"]);
        assert_eq!([indonesian.number(1_234_567), english.number(1_234_567)], ["1.234.567", "1,234,567"]);
        assert_eq!(indonesian.kinds(&["nik", "phone", "email"]), "NIK, nomor telepon dan alamat surel");
        assert_eq!(english.kinds(&["email"]), "e-mail address");
        assert_eq!(english.class("face_print"), "face_print");
    }

    #[test]
    fn a_value_is_text_and_a_line_without_values_goes() {
        let values = [("a", "{b}"), ("b", "B"), ("none", "")];
        assert_eq!(fill("{a} {b} {c} {\n{none}\n\nend", &values), "{b} B {c} {\n\nend");
    }
}
