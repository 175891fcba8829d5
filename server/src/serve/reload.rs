//! Taking up a changed configuration and new certificates while serving.

use std::sync::{Arc, PoisonError};

use quinn::Endpoint;
use samar_local::exit::Failure;

use super::{State, quic};
use crate::config::Config;
use crate::pki;

/// Makes a running server read its configuration and certificates anew. Connections that are open stay as they are; enrolments
/// and revocations need no reload, they are looked up at every request.
#[derive(Clone)]
pub struct Reload {
    state: Arc<State>,
    endpoint: Endpoint,
}

impl Reload {
    pub(super) fn new(state: Arc<State>, endpoint: Endpoint) -> Self {
        Self { state, endpoint }
    }

    /// Reads both, and uses them for what begins from now on. What cannot be changed while serving is said, and stays.
    ///
    /// # Errors
    /// A configuration or certificate that cannot be used: everything stays as it was.
    pub fn reload(&self) -> Result<(), Failure> {
        let state = &self.state;
        let before = state.config();
        let config = Config::read(&state.layout.config())?;
        let server = quic(&state.layout, &config)?;
        let certificate_end_s = pki::server_certificate_end_s(&state.layout)?;
        for (setting, changed) in [
            ("listen", config.listen != before.listen),
            ("metrics", config.metrics != before.metrics),
            ("limits.memory_mib", config.limits.memory_mib != before.limits.memory_mib),
            (
                "limits.connections_per_bank",
                config.limits.connections_per_bank != before.limits.connections_per_bank,
            ),
        ] {
            if changed {
                tracing::warn!(setting, "changed, and used from the next start on");
            }
        }
        self.endpoint.set_server_config(Some(server));
        state.metrics.certificate_expiry.set(certificate_end_s);
        *state.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        tracing::info!("configuration and certificates read anew");
        Ok(())
    }
}
