//! `serve`: logs, runtime, signals.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use samar_local::exit::{Failure, say};
use samar_protocol::group::Backend;
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::config::Config;
use crate::layout::Layout;
use crate::serve::{Reload, Server};

pub(super) fn run(layout: &Layout, backend: Backend, json: bool) -> Result<(), Failure> {
    Config::read(&layout.config())?; // before anything is logged or started
    log_to_stderr(json);
    keep_from_dumps();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::local(format!("cannot start the runtime: {error}")))?;
    runtime.block_on(async {
        let no_signals = |error| Failure::local(format!("cannot listen for signals: {error}"));
        let mut terminate = signal(SignalKind::terminate()).map_err(no_signals)?;
        let mut hangup = signal(SignalKind::hangup()).map_err(no_signals)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(no_signals)?;
        let server = Server::start(layout, backend)?;
        let address = server.address()?;
        if json {
            tracing::info!(%address, backend = backend.name(), "listening");
        } else {
            say(format_args!("samar-server: listening on {address} (backend {})", backend.name()));
        }
        tell_manager(&[NotifyState::Ready]);
        let reload = server.reload();
        let stop = async {
            loop {
                tokio::select! {
                    _ = terminate.recv() => break,
                    _ = interrupt.recv() => break,
                    _ = hangup.recv() => reload_now(&reload).await,
                }
            }
            tell_manager(&[NotifyState::Stopping]);
        };
        server.run(stop).await
    })
}

/// Reads configuration and certificates anew; where they cannot be used, says so and goes on with the old ones.
async fn reload_now(reload: &Reload) {
    let since_start = NotifyState::monotonic_usec_now();
    if let Ok(now) = since_start {
        tell_manager(&[NotifyState::Reloading, now]);
    }
    let reload = reload.clone();
    let done = tokio::task::spawn_blocking(move || reload.reload()).await;
    if let Ok(Err(failure)) = done {
        tracing::error!(%failure, "not read anew; the server goes on as it was");
    }
    tell_manager(&[NotifyState::Ready]);
}

/// Tells systemd, where it started this program.
fn tell_manager(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

/// The key must not end in a core file or under another process's debugger. What the system does not allow is said.
fn keep_from_dumps() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let done =
        set_dumpable_behavior(DumpableBehavior::NotDumpable).and_then(|()| setrlimit(Resource::Core, none));
    if let Err(error) = done {
        tracing::warn!(%error, "the process may be dumped to a file, with its key");
    }
}

fn log_to_stderr(json: bool) {
    let filter = EnvFilter::try_from_env("SAMAR_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    if json {
        builder.json().init();
    } else {
        builder.with_ansi(false).init();
    }
}
