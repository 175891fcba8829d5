//! The bank's side of Samar.

mod config;
mod link;
mod people;
mod seen;
mod tls;

pub use config::{Config, Home, KeyExchange};
pub use link::Link;
pub use seen::Seen;
