//! `breaches`: what the synced set says of each of its breaches.

use samar_local::exit::Failure;
use samar_local::people::{counted, thousands, wrapped};
use samar_protocol::identifier::Kind;
use samar_protocol::manifest::{Breach, BreachDetails, Manifest};
use serde::Serialize;

use crate::config::Home;
use crate::synced::Synced;

/// What is known of one breach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KnownBreach {
    /// Its id, by which reports and `--only` name it.
    pub id: String,
    /// Its title.
    pub title: String,
    /// A line about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// When it happened.
    pub date: String,
    /// When it came into the set.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub added: String,
    /// When what is known of it last changed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub modified: String,
    /// How sure it is.
    pub status: &'static str,
    /// Whether being in it is itself sensitive.
    pub sensitive: bool,
    /// Where it is known from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// How many records it is said to have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// Identifiers in the set.
    pub entries: u64,
    /// The kinds of those.
    pub kinds: Vec<&'static str>,
    /// Classes exposed of everybody in it.
    pub exposes: Vec<String>,
    /// Classes exposed of some.
    pub varies: Vec<String>,
}

/// The breaches of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Breaches {
    /// Its epoch.
    pub epoch: u64,
    /// In the order of their ids.
    pub breaches: Vec<KnownBreach>,
}

/// Reads what is synced; a set that ran out can be read too.
///
/// # Errors
/// [`Failure`]: nothing synced, or a damaged folder.
pub fn breaches(home: &Home) -> Result<Breaches, Failure> {
    crate::config::Config::load(home)?; // says so where the folder was never joined
    let none = || Failure::input("no breach set was synced yet").remedy("samar sync");
    let synced = Synced::load(home)?.ok_or_else(none)?;
    known(synced.manifest())
}

/// What a manifest says of its breaches.
pub(crate) fn known(manifest: &Manifest) -> Result<Breaches, Failure> {
    let details = manifest.details().map_err(Failure::local)?;
    let breach = |breach: &Breach| {
        let known = details.of(&breach.id).cloned().unwrap_or_default();
        let sensitive = known.is_sensitive();
        let BreachDetails { description, added, modified, records, source, .. } = known;
        KnownBreach {
            id: breach.id.clone(),
            title: breach.title.clone(),
            description,
            date: breach.date.clone(),
            added,
            modified,
            status: breach.status.name(),
            sensitive,
            source,
            records,
            entries: breach.entries(),
            kinds: details.kinds_of(&breach.id).into_iter().map(Kind::name).collect(),
            exposes: breach.exposes.clone(),
            varies: breach.varies.clone(),
        }
    };
    Ok(Breaches { epoch: manifest.epoch, breaches: manifest.breaches.iter().map(breach).collect() })
}

impl std::fmt::Display for Breaches {
    /// In 80 columns, without colours.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "epoch {}, {}", self.epoch, counted(self.breaches.len() as u64, "breach"))?;
        for breach in &self.breaches {
            write!(f, "\n\n{breach}")?;
        }
        Ok(())
    }
}

impl std::fmt::Display for KnownBreach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sensitive = if self.sensitive { ", sensitive" } else { "" };
        let mut entries = format!("{} ({})", counted(self.entries, "identifier"), self.kinds.join(", "));
        if let Some(records) = self.records {
            entries += &format!(" of {} records", thousands(records));
        }
        let dates = [("added", &self.added), ("modified", &self.modified)];
        let dates = dates.iter().filter(|(_, date)| !date.is_empty());
        let history = dates.map(|(name, date)| format!("{name} {date}")).collect::<Vec<_>>().join(", ");
        let facts = [
            ("title", self.title.clone()),
            ("about", self.description.clone()),
            ("happened", self.date.clone()),
            ("history", history),
            ("status", format!("{}{sensitive}", self.status)),
            ("holds", entries),
            ("exposes", self.exposes.join(", ")),
            ("of some", self.varies.join(", ")),
            ("source", self.source.clone()),
        ];
        f.write_str(&self.id)?;
        for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
            write!(f, "\n{}", wrapped(&format!("  {name}"), value))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use samar_protocol::manifest::Details;

    use super::*;

    fn manifest() -> Manifest {
        let breach = |id: &str, varies: &[&str]| Breach {
            id: id.to_owned(),
            title: format!("Title of {id}"),
            date: "2021-05".to_owned(),
            status: samar_protocol::manifest::Status::Disputed,
            exposes: vec!["phone".to_owned()],
            varies: varies.iter().map(ToString::to_string).collect(),
            segments: vec![],
        };
        let details = Details {
            breaches: vec![BreachDetails {
                breach: "shop-2020".to_owned(),
                kinds: vec![Kind::Phone.byte(), Kind::Email.byte()],
                description: "word ".repeat(40).trim().to_owned(),
                added: "2026-11".to_owned(),
                modified: String::new(),
                records: Some(91_000_000),
                flags: BreachDetails::flags(true),
                source: "press".to_owned(),
            }],
        };
        Manifest {
            operator: "Badan Contoh".to_owned(),
            epoch: 4,
            created_s: 0,
            valid_until_s: 0,
            previous: [0; 32],
            suite: 1,
            key_id: [0; 8],
            public_key: [0; 32],
            breaches: vec![breach("plain-2021", &[]), breach("shop-2020", &["photo", "dob"])],
            next_publisher_key: None,
            extensions: vec![details.to_extension().unwrap()],
        }
    }

    #[test]
    fn all_that_the_manifest_says_is_shown_in_80_columns() {
        let breaches = known(&manifest()).unwrap();
        let text = breaches.to_string();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let (plain, shop) = text.split_once("\n\nshop-2020").unwrap();
        assert_eq!(
            plain,
            "epoch 4, 2 breaches\n\nplain-2021\n  title     Title of plain-2021\n  happened  2021-05\n  \
             status    disputed\n  holds     0 identifiers (nik)\n  exposes   phone"
        );
        for says in [
            "status    disputed, sensitive",
            "(phone, email) of 91,000,000 records",
            "of some   photo, dob",
            "history   added 2026-11",
            "source    press",
            "word word",
        ] {
            assert!(shop.contains(says), "{says}: {shop}");
        }
    }

    #[test]
    fn a_program_reads_the_same() {
        let json = serde_json::to_value(known(&manifest()).unwrap()).unwrap();
        assert_eq!(json["breaches"][1]["kinds"], serde_json::json!(["phone", "email"]));
        assert_eq!(json["breaches"][1]["records"], 91_000_000);
        assert!(json["breaches"][0].get("source").is_none(), "{json}");
    }
}
