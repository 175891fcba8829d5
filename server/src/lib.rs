//! The operator's side of Samar, as a library that the binary `samar-server` and the tests drive.

pub mod accounts;
pub mod audit;
pub mod cli;
mod clock;
pub mod config;
pub mod enroll;
pub mod ingest;
pub mod init;
mod inspect;
pub mod keys;
pub mod layout;
pub mod pki;
pub mod publish;
pub mod published;
pub mod revoke;
pub mod rotate;
pub mod serve;
pub mod synth;
pub mod vault;
