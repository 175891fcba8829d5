//! Both session machines without a network: the server's, fed with requests, and the client's, fed with answers.

mod answer;
mod client;
mod server;
mod stage;
mod stream;

pub use client::session_client;
pub use server::session_server;

use tokio::runtime::{Builder, Runtime};

/// A runtime whose clock moves on by itself where all wait: a deadline of half a minute passes at once.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}
