//! `status`: what this folder holds, and what is left of the allowance.

use samar_local::exit::{Exit, Failure};
use samar_protocol::manifest::Manifest;
use samar_protocol::wire::{Allowance, RefusalCode};

use crate::config::{Config, Home};
use crate::expiry::warnings;
use crate::join::{Enrolment, enrolment};
use crate::kept::{Kept, kept};
use crate::link::{Link, LinkError};
use crate::people::{now_s, wait};
use crate::seen::Seen;
use crate::synced::Synced;
use crate::tls;

/// How long a server that goes down takes at most, seconds.
const DRAIN_S: u64 = 60;

/// What a folder holds.
#[derive(Debug)]
pub struct Status {
    /// Whom it is joined to.
    pub enrolment: Enrolment,
    /// What is synced, where anything is.
    pub synced: Option<(Seen, Manifest)>,
    /// What is kept of customers that were evaluated.
    pub ledgers: Vec<Kept>,
    /// What the server says of the allowance, or why it does not; nothing where it was not asked.
    pub allowance: Option<Result<Allowance, Unknown>>,
    /// What runs out within weeks, and what helps.
    pub warnings: Vec<String>,
}

/// Why the allowance is not known: what the server or the network came to.
#[derive(Debug)]
pub struct Unknown {
    /// In words, with what helps.
    pub why: String,
    exit: Exit,
}

impl Status {
    /// How a program that shows it ends: a server that did not answer is part of the status, and told apart all the same.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match &self.allowance {
            Some(Err(unknown)) => unknown.exit,
            None | Some(Ok(_)) => Exit::Done,
        }
    }
}

impl From<LinkError> for Unknown {
    fn from(error: LinkError) -> Self {
        let busy = matches!(error.refusal_code(), Some(RefusalCode::Busy | RefusalCode::Draining));
        let LinkError::Refused { refusal } = &error else {
            return Self { why: error.to_string(), exit: Failure::from(error).exit() };
        };
        if !busy {
            return Self { why: refusal.text.clone(), exit: Exit::Refused };
        }
        // No seat, or going down, which is over in a minute. Whoever looks at a status is told at once, where a sync or screening waits.
        let again_s = refusal.retry_after_ms.map_or(DRAIN_S, |ms| u64::from(ms).div_ceil(1_000));
        let why = format!("the server has no room, or is going down: again in {}", wait(again_s));
        Self { why, exit: Exit::Network }
    }
}

/// Reads the folder and, unless `offline`, asks the server for the allowance, once. A server that does not answer is part of
/// the status, not a failure of it.
///
/// # Errors
/// [`Failure`]: not joined, or a damaged folder.
pub async fn status(home: &Home, offline: bool) -> Result<Status, Failure> {
    let enrolment = enrolment(home)?;
    let synced = Synced::load(home)?.map(|synced| (synced.seen, synced.manifest().clone()));
    let allowance = if offline { None } else { Some(ask(home, &enrolment.config).await?) };
    let set_until_s = synced.as_ref().map(|(_, manifest)| manifest.valid_until_s);
    let warnings = warnings(&enrolment.config.bank, enrolment.certificate_until_s, set_until_s, now_s());
    Ok(Status { enrolment, synced, ledgers: kept(home)?, allowance, warnings })
}

async fn ask(home: &Home, config: &Config) -> Result<Result<Allowance, Unknown>, Failure> {
    let tls = tls::enrolled(home, config)?;
    let link = match Link::connect_once(&config.address, tls, config.gso).await {
        Ok(link) => link,
        Err(error) => return Ok(Err(error.into())),
    };
    let allowance = link.allowance_once().await;
    link.close().await;
    Ok(allowance.map_err(Unknown::from))
}
