//! `ingest`: dumps into the vault. An identifier lives in memory between a row and its element, and nowhere else.
//!
//! ```text
//! Table → Identifier → key.encode, on all cores → Sorter → merge with what the vault holds → a new part of it
//! ```

mod distinct;
mod encode;
mod look;
mod merge;
mod read;
mod remove;
mod report;
mod room;

use std::path::PathBuf;

use samar_local::durable::Unfinished;
use samar_local::exit::{Failure, io_failure, say};
use samar_local::people::thousands;
use samar_local::table::Form;
use samar_local::{folder, output};
use samar_protocol::group::Backend;
use samar_protocol::identifier::{Kind, SIGNS_ROWS_MIN};
use samar_protocol::manifest::{Status, is_breach_id, is_date};
use samar_protocol::oprf::SecretKey;
use samar_protocol::vault::VaultHeader;

pub use look::{ColumnLook, IdentifierLook, Look, LookPlan, look};
pub use remove::{Removal, RemovalPlan, remove};
pub use report::{KindReport, Report};

use crate::config::Config;
use crate::keys;
use crate::layout::Layout;
use crate::vault;
use crate::vault::about::{About, Wrong};
use crate::vault::class::{self, Classes, Merged};
use crate::vault::compact::compact;
use crate::vault::elements::Elements;
use crate::vault::file::RECORD_BYTES;
use crate::vault::parts::{self, PARTS_MAX};
use distinct::Distinct;
use samar_local::sort::{Merge, Sorter};

/// A class that the dump exposes: for every row, or for rows whose cell in a column is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// The class.
    pub class: String,
    /// The column that decides, where one does.
    pub column: Option<String>,
}

/// A column of identifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentifierColumn {
    /// Of which kind.
    pub kind: Kind,
    /// Its name or number.
    pub column: String,
}

/// Where rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

/// What to ingest.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Breach the rows belong to.
    pub breach: String,
    /// Title; needed no more once the breach has one.
    pub title: Option<String>,
    /// Date; needed the first time.
    pub date: Option<String>,
    /// Status; `claimed` the first time.
    pub status: Option<String>,
    /// What is known of the breach, in place of what was; title, date and status above go before it.
    pub about: Option<PathBuf>,
    /// Columns of identifiers; where none is given, the one of NIKs that the header tells.
    pub columns: Vec<IdentifierColumn>,
    /// Form of the sources; told from each where it is not given.
    pub form: Option<Form>,
    /// Table of a dump, or file in an archive; needed where one has several.
    pub table: Option<String>,
    /// Classes exposed.
    pub exposes: Vec<Exposure>,
    /// Bytes of memory for sorting.
    pub memory_bytes: usize,
    /// Where rejected rows are listed, by line and reason; of forms without lines it is the number of the row.
    pub rejects: Option<PathBuf>,
    /// Dumps, in order.
    pub sources: Vec<Source>,
}

/// Ingests dumps into a breach, whole or not at all.
///
/// # Errors
/// Input that cannot be read, a plan that does not fit the breach, the file system. The vault is then as it was.
pub fn ingest(layout: &Layout, backend: Backend, plan: &Plan) -> Result<Report, Failure> {
    check(plan)?;
    Config::read(&layout.config())?; // says so where the folder was never initialised
    let _lock = folder::lock(layout.root(), "vault")?;
    vault::ready(layout)?;
    let key = keys::oprf(layout)?;
    let about = about(layout, plan)?;
    if parts::list(layout, &plan.breach)?.len() >= PARTS_MAX {
        compact(layout, &plan.breach)?;
    }
    let old = Elements::open(layout, &plan.breach)?;
    if let Some(old) = &old {
        check_key(&plan.breach, old, &key)?;
    }

    let new = new_classes(plan);
    let before = old.as_ref().map_or_else(
        || new.clone(),
        |old| Classes { exposes: old.header().exposes.clone(), varies: old.header().varies.clone() },
    );
    let too_many = || Failure::input(format!("more than 32 data classes would vary in {}", plan.breach));
    let merged = before.merge(&new).ok_or_else(too_many)?;

    folder::create_private(&layout.runs())?;
    room::require(layout, plan)?;
    let mut report = Report::default();
    let (sorted, rejects) = encode_all(layout, backend, &key, plan, &merged, &mut report)?;
    let header = VaultHeader {
        key_id: key.public().id().0,
        breach: plan.breach.clone(),
        exposes: merged.classes.exposes.clone(),
        varies: merged.classes.varies.clone(),
    };
    let folder = layout.breach(&plan.breach);
    folder::create_private(&folder)?;
    note_kinds(layout, plan, &about)?;
    let written = merge::merge(layout, &header, old, merged.old_label, Distinct::new(sorted), &mut report)
        .and_then(|()| about.write(&layout.about(&plan.breach)));
    if written.is_err() {
        let _ = std::fs::remove_dir(&folder); // refused unless it is empty: a breach that never came to be
    }
    written?;
    report.finish();
    if let Some(rejects) = rejects {
        rejects.finish()?;
    }
    Ok(report)
}

/// Encodes every row of every source; the records in order, and the list of rejected rows.
fn encode_all(
    layout: &Layout,
    backend: Backend,
    key: &SecretKey,
    plan: &Plan,
    merged: &Merged,
    report: &mut Report,
) -> Result<(Merge<RECORD_BYTES>, Option<Rejects>), Failure> {
    let mut rejects = rejects_file(layout, plan)?;
    let mut sorter = Sorter::new(&layout.runs(), plan.memory_bytes);
    for source in &plan.sources {
        let rows = read::Rows::open(source, plan, merged)?;
        if let Some((name, decided)) = rows.decided_otherwise() {
            say(format_args!("samar-server: {name} is read as {decided}"));
            report.read_as(rows.source_index, decided);
        }
        encode::encode(rows, key, backend, &mut sorter, report, rejects.as_mut())?;
    }
    if report.valid == 0 && report.rows >= SIGNS_ROWS_MIN {
        // A breach of nobody would be published, and every bank would read "clear".
        if let Some(rejects) = rejects {
            rejects.finish()?;
        }
        return Err(nothing_usable(report));
    }
    Ok((sorter.finish().map_err(Failure::local)?, rejects))
}

fn nothing_usable(report: &Report) -> Failure {
    let count = |(reason, count): (&&str, &u64)| format!("{reason} {}", thousands(*count));
    let reasons = report.rejected.iter().map(count).collect::<Vec<_>>().join(", ");
    let rows = thousands(report.rows);
    let what =
        format!("none of the {rows} rows holds an identifier of the kinds that are looked for ({reasons})");
    let looks_like = report.warnings.iter().map(|warning| format!("; {warning}")).collect::<String>();
    Failure::input(what + &looks_like)
        .remedy("name the right column with --column; `ingest --dry-run` tells what each one looks like")
}

fn check_key(breach: &str, held: &Elements, key: &SecretKey) -> Result<(), Failure> {
    if held.header().key_id == key.public().id().0 {
        return Ok(());
    }
    Err(Failure::local(format!("the vault of {breach} was made with another OPRF key"))
        .remedy("restore the key file that belongs to this vault"))
}

fn check(plan: &Plan) -> Result<(), Failure> {
    if !is_breach_id(&plan.breach) {
        let what = format!("`{}` cannot be a breach id", plan.breach.escape_debug());
        return Err(
            Failure::input(what).remedy("use lower-case letters, digits and inner hyphens, like bpjs-2021")
        );
    }
    let replaced = |rejects: &PathBuf| {
        plan.sources
            .iter()
            .any(|source| matches!(source, Source::File(dump) if output::is_same(dump, rejects)))
    };
    if plan.rejects.as_ref().is_some_and(replaced) {
        return Err(Failure::input("--rejects names a dump, which it would replace"));
    }
    if let (Some(about), Some(rejects)) = (&plan.about, &plan.rejects)
        && output::is_same(about, rejects)
    {
        return Err(Failure::input("--rejects names the file of --about, which it would replace"));
    }
    for exposure in &plan.exposes {
        if !class::KNOWN.contains(&exposure.class.as_str()) {
            let what = format!("--exposes: `{}` is no data class", exposure.class.escape_debug());
            return Err(Failure::input(what).remedy(format!("one of {}", class::KNOWN.join(", "))));
        }
    }
    if let Some(date) = plan.date.as_ref().filter(|date| !is_date(date)) {
        return Err(Failure::input(format!("--date: `{}` is no date", date.escape_debug()))
            .remedy("write YYYY, YYYY-MM or YYYY-MM-DD, as in 2021-05-20"));
    }
    if let Some(status) = plan.status.as_ref().filter(|status| Status::from_name(status).is_none()) {
        return Err(Failure::input(format!("--status: `{}` is no status", status.escape_debug()))
            .remedy(format!("one of {}", Status::ALL.map(Status::name).join(", "))));
    }
    let mut classes: Vec<&str> = plan.exposes.iter().map(|exposure| exposure.class.as_str()).collect();
    classes.sort_unstable();
    if let Some([class, _]) = classes.array_windows().find(|[a, b]| a == b) {
        return Err(Failure::input(format!("--exposes names {class} twice")));
    }
    Ok(())
}

fn about(layout: &Layout, plan: &Plan) -> Result<About, Failure> {
    let known = About::read(&layout.about(&plan.breach))?;
    let kinds: Vec<Kind> = match plan.columns.as_slice() {
        [] => vec![Kind::Nik],
        columns => columns.iter().map(|column| column.kind).collect(),
    };
    let kinds = About::joined(known.as_ref().map_or(&[], |about| &about.kinds), &kinds);
    let missing = |path: &PathBuf| {
        Failure::input(format!("{} does not exist", path.display()))
            .remedy("name a file with title, date and status, like vault/BREACH/about.toml")
    };
    let known = match &plan.about {
        Some(path) => Some(About::read(path)?.ok_or_else(|| missing(path))?),
        None => known,
    };
    let date = plan.date.clone().or_else(|| known.as_ref().map(|about| about.date.clone()));
    let no_date = || {
        Failure::input(format!("when {} happened is not known yet", plan.breach))
            .remedy("add --date YYYY, YYYY-MM or YYYY-MM-DD")
    };
    let (title, status) = (plan.title.clone(), plan.status.clone());
    let date = date.ok_or_else(no_date)?;
    let about = match known {
        Some(known) => About {
            title: title.unwrap_or(known.title),
            status: status.unwrap_or(known.status),
            date,
            kinds,
            ..known
        },
        None => {
            let title = title.unwrap_or_else(|| plan.breach.clone());
            About::new(title, date, status.unwrap_or_else(|| "claimed".to_owned()), kinds)
        }
    };
    about.check().map_err(Wrong::into_failure)?;
    Ok(about)
}

/// Of a breach that is there already the kinds are noted before its elements: whatever is cut short, it never holds a kind that
/// it does not say.
fn note_kinds(layout: &Layout, plan: &Plan, about: &About) -> Result<(), Failure> {
    let path = layout.about(&plan.breach);
    match About::read(&path)? {
        Some(known) if known.kinds != about.kinds => {
            About { kinds: about.kinds.clone(), ..known }.write(&path)
        }
        _ => Ok(()),
    }
}

fn new_classes(plan: &Plan) -> Classes {
    let of = |column: bool| {
        plan.exposes.iter().filter(|e| e.column.is_some() == column).map(|e| e.class.clone()).collect()
    };
    Classes { exposes: of(false), varies: of(true) }
}

/// The list of rejected rows, as it is written.
struct Rejects {
    unfinished: Unfinished,
    text: String,
}

fn rejects_file(layout: &Layout, plan: &Plan) -> Result<Option<Rejects>, Failure> {
    let Some(place) = &plan.rejects else { return Ok(None) };
    let unfinished = output::create(place, &layout.kept())?;
    Ok(Some(Rejects { unfinished, text: "file,line,reason\n".to_owned() }))
}

impl Rejects {
    /// The kind goes before the reason where there are others than NIKs.
    fn add(&mut self, file: usize, line: u64, kind: Option<Kind>, reason: &str) -> Result<(), Failure> {
        use std::fmt::Write as _;
        let _ = match kind {
            None => writeln!(self.text, "{},{line},{reason}", file + 1),
            Some(kind) => writeln!(self.text, "{},{line},{}:{reason}", file + 1, kind.name()),
        };
        if self.text.len() < 1 << 16 { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        use std::io::Write as _;
        let written = self.unfinished.file().write_all(self.text.as_bytes());
        self.text.clear();
        written.map_err(|error| io_failure("write the rejected rows to", self.unfinished.place(), &error))
    }

    fn finish(mut self) -> Result<(), Failure> {
        self.flush()?;
        output::finish(self.unfinished)
    }
}
