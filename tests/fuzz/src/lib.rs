//! What must hold whatever the bytes: one function a decoder or session, which panics where it does not. libFuzzer runs
//! them (`tests/fuzz/run`), and `cargo test -p samar-fuzz` runs them over the corpus and over changes of it.
//!
//! The functions take bytes as they would come from a peer or a disk; where a hash or a signature would turn every change
//! away, also bytes whose checks are made true. What a decoder takes, its encoder must give back; and where a plain reading
//! of SPEC.md is short, it stands beside the real one and both must agree.

mod checkpoint;
mod identifier;
mod ledger;
mod lookup;
mod manifest;
mod operations;
mod operator_files;
mod oprf;
mod plain_page;
mod script;
mod segment;
mod session;
mod table;
mod wire;

pub use checkpoint::{account_checkpoint, checkpointed_log};
pub use identifier::{identifier, nik};
pub use ledger::{ledger, ledger_passphrase};
pub use lookup::lookup;
pub use manifest::{breach_details, invitation, manifest_body, manifest_chain, manifest_file};
pub use operations::segment_operations;
pub use operator_files::{account_log, key_file, vault_file};
pub use oprf::{backends, oprf_batch};
pub use segment::{segment_directory, segment_header, segment_page};
pub use session::{session_client, session_server};
pub use table::table;
pub use wire::{refusal, request, response};

/// Whether a panic now is one that the programs contain, of a dependency over a damaged file.
pub use samar_local::contained::is_contained;

/// A target: its name, which is that of its corpus, and what runs it.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 26] = [
    ("request", request),
    ("response", response),
    ("refusal", refusal),
    ("manifest_body", manifest_body),
    ("manifest_file", manifest_file),
    ("manifest_chain", manifest_chain),
    ("breach_details", breach_details),
    ("invitation", invitation),
    ("segment_header", segment_header),
    ("segment_directory", segment_directory),
    ("segment_page", segment_page),
    ("segment_operations", segment_operations),
    ("lookup", lookup),
    ("account_log", account_log),
    ("account_checkpoint", account_checkpoint),
    ("vault_file", vault_file),
    ("key_file", key_file),
    ("ledger", ledger),
    ("ledger_passphrase", ledger_passphrase),
    ("nik", nik),
    ("identifier", identifier),
    ("table", table),
    ("oprf_batch", oprf_batch),
    ("backends", backends),
    ("session_server", session_server),
    ("session_client", session_client),
];
