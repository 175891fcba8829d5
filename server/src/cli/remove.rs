//! `remove`: arguments to a plan, and the report in words.

use samar_local::exit::{Failure, print, say};
use samar_local::people::thousands;
use samar_local::table::Form;
use samar_protocol::group::Backend;
use serde_json::json;

use super::arguments;
use super::ingest::{identifier_column, memory_bytes, source};
use crate::ingest::{Removal, RemovalPlan, remove};
use crate::layout::Layout;
use crate::vault::remove_breach;

/// A whole breach needs no arithmetic, and so asks for none.
pub(super) fn run(
    layout: &Layout,
    backend: impl FnOnce() -> Result<Backend, Failure>,
    arguments: arguments::Remove,
) -> Result<(), Failure> {
    let (breach, json) = (arguments.breach, arguments.json);
    if arguments.files.is_empty() {
        let entries = remove_breach(layout, &breach)?;
        if json {
            print(format_args!("{}", json!({"breach": breach, "removed": entries, "entries": 0})));
        } else {
            let count =
                entries.map_or_else(String::new, |entries| format!(", {} entries", thousands(entries)));
            print(format_args!("{breach}: taken out as a whole{count}"));
            print(format_args!(
                "Banks see it with the next publish; `ingest` can bring it back from its dumps."
            ));
        }
        return Ok(());
    }
    let plan = RemovalPlan {
        breach,
        columns: arguments.column.into_iter().map(identifier_column).collect(),
        form: Form::named(&arguments.reading.in_format),
        table: arguments.reading.table,
        memory_bytes: memory_bytes(arguments.memory)?,
        rejects: arguments.rejects,
        sources: arguments.files.into_iter().map(source).collect(),
    };
    let removal = remove(layout, backend()?, &plan)?;
    for warning in &removal.warnings {
        say(format_args!("samar-server: warning: {warning}"));
    }
    if json {
        print(format_args!("{}", json!(removal)));
    } else {
        show(&plan.breach, &removal);
    }
    Ok(())
}

fn show(breach: &str, removal: &Removal) {
    let rejected = removal.rejected.values().sum::<u64>();
    let rows = removal.removed + removal.absent + removal.duplicates + rejected;
    print(format_args!("{breach}: {} rows", thousands(rows)));
    print(format_args!("  removed    {:>15}", thousands(removal.removed)));
    print(format_args!("  not there  {:>15}", thousands(removal.absent)));
    print(format_args!("  duplicate  {:>15}", thousands(removal.duplicates)));
    print(format_args!("  rejected   {:>15}", thousands(rejected)));
    for (reason, rows) in &removal.rejected {
        print(format_args!("    {reason:<20} {:>4}", thousands(*rows)));
    }
    print(format_args!("  now holds  {:>15}", thousands(removal.entries)));
}
