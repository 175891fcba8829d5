//! The bank's side of Samar.
//!
//! [`join`](join::join) makes a folder out of an invitation, [`renew`](renew::renew) keeps its certificate in force,
//! [`sync`](sync::sync) brings the operator's published set into it, [`screen`](screen::screen) and [`Checker`](check::Checker) find out which of the bank's identifiers are in
//! it, [`bench`](bench::bench) measures what the server gives. The operator's server sees blinded elements and counts,
//! nothing else.
//!
//! ```text
//! cli ─→ join   sync   screen   check   bench   status
//!          │      │      ├── customers (data enters), report (data leaves)
//!          │      │      └── evaluation (blind, ask, verify, unblind), matching (tags in segments)
//!          └──────┴── link (QUIC), tls, config, seen, synced (the folder)
//! ```

pub mod bench;
pub mod breaches;
pub mod check;
pub mod cli;
mod config;
mod customers;
mod evaluation;
pub mod expiry;
mod inspect;
pub mod join;
pub mod kept;
mod ledger;
mod link;
pub mod lookup;
mod matching;
pub mod notice;
mod rekey;
pub mod renew;
pub mod report;
pub mod screen;
mod screened;
mod seen;
pub mod status;
pub mod sync;
mod synced;
mod tls;

pub use config::{Config, Home, KeyExchange};
pub use link::{EvaluateAnswer, Link, LinkError, Quic, Streams, Traffic};
/// Numbers, times and fingerprints, as both programs show them.
pub use samar_local::people;
pub use seen::Seen;
