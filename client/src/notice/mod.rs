//! `notice`: drafts of the notice to exposed customers, by breach, in Indonesian and English. They say what happened, when, which
//! data, how sure it is and what to do, from the synced manifest and a report; the bank edits them. No cell of a customer enters one.
//!
//! ```text
//! report → found (rows, classes, kinds of each breach) ──┬→ letter (texts/ID.txt with the words of texts/ID.toml) → drafts
//! manifest → breaches (what is known of each) ───────────┘
//! ```

mod found;
mod letter;
mod words;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use samar_local::exit::{Failure, io_failure};
use samar_local::folder::create_private;
use samar_local::output;
use serde::Serialize;

use crate::breaches::{Breaches, breaches};
use crate::config::Home;
use letter::Subject;
use words::languages;

/// What to draft.
#[derive(Clone, Debug)]
pub struct NoticePlan {
    /// The bank's folder.
    pub home: Home,
    /// A report of a screening.
    pub report: PathBuf,
    /// Folder of the drafts, made where it is not there.
    pub out: PathBuf,
    /// Only these breaches; all that the report names where none is given.
    pub only: Vec<String>,
}

/// What was drafted for one breach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Draft {
    /// Its id.
    pub breach: String,
    /// Rows of the report that are exposed in it.
    pub rows: u64,
    /// The drafts, one for each language.
    pub files: Vec<PathBuf>,
}

/// Writes the drafts. One that is there already is not replaced: it may have been edited.
///
/// # Errors
/// [`Failure`]; no draft is half-written.
pub fn notice(plan: &NoticePlan) -> Result<Vec<Draft>, Failure> {
    let known = breaches(&plan.home)?;
    let mut found = found::read(&plan.report)?;
    for id in &plan.only {
        if !found.contains_key(id) {
            let what = format!("nobody in {} is exposed in `{}`", plan.report.display(), id.escape_debug());
            let ids: Vec<&str> = found.keys().map(String::as_str).collect();
            let failure = Failure::input(what);
            return Err(match ids.is_empty() {
                true => failure,
                false => failure.remedy(format!("one of {}", ids.join(", "))),
            });
        }
    }
    found.retain(|id, _| plan.only.is_empty() || plan.only.contains(id));
    let name = plan.report.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut letters = Vec::new();
    for (id, found) in &found {
        let breach = known.breaches.iter().find(|breach| breach.id == *id);
        let subject = Subject {
            breach: breach.ok_or_else(|| gone(&known, &plan.report, id))?,
            found,
            epoch: known.epoch,
            report: &name,
        };
        let of_breach = languages().map(|language| {
            let path = plan.out.join(format!("{id}.{}.txt", language.words.language));
            (path, letter::letter(&language, &subject))
        });
        letters.push((id, found.rows, of_breach));
    }
    // Nothing is written where anything is in the way.
    for (path, _) in letters.iter().flat_map(|(.., of_breach)| of_breach) {
        if path.exists() {
            let what = format!("{} is there already, and may have been edited", path.display());
            return Err(Failure::input(what).remedy("name another folder with --out, or move it away"));
        }
    }
    create_private(&plan.out)?;
    let mut drafts = Vec::new();
    for (id, rows, of_breach) in letters {
        let mut files = Vec::new();
        for (path, text) in of_breach {
            let draft = output::create(&path, &plan.home.kept())?;
            draft.file().write_all(text.as_bytes()).map_err(|error| io_failure("write", &path, &error))?;
            output::finish(draft)?;
            files.push(path);
        }
        drafts.push(Draft { breach: id.clone(), rows, files });
    }
    Ok(drafts)
}

fn gone(known: &Breaches, report: &Path, id: &str) -> Failure {
    let what = format!("{} names {id}, which the set of epoch {} does not", report.display(), known.epoch);
    Failure::input(what).remedy("screen the customers again, or name others with --only")
}

#[cfg(test)]
mod tests;
