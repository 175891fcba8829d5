//! `status`: what this folder holds, and what is left of the allowance.

use samar_local::exit::Failure;
use samar_protocol::manifest::Manifest;
use samar_protocol::wire::Allowance;

use crate::config::{Config, Home};
use crate::expiry::warnings;
use crate::join::{Enrolment, enrolment};
use crate::kept::{Kept, kept};
use crate::link::{Link, LinkError};
use crate::people::now_s;
use crate::seen::Seen;
use crate::synced::Synced;
use crate::tls;

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
    pub allowance: Option<Result<Allowance, LinkError>>,
    /// What runs out within weeks, and what helps.
    pub warnings: Vec<String>,
}

/// Reads the folder and, unless `offline`, asks the server for the allowance. A server that does not answer is part of
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

async fn ask(home: &Home, config: &Config) -> Result<Result<Allowance, LinkError>, Failure> {
    let tls = tls::enrolled(home, config)?;
    let link = match Link::connect(&config.address, tls, config.gso).await {
        Ok(link) => link,
        Err(error) => return Ok(Err(error)),
    };
    let allowance = link.allowance().await;
    link.close().await;
    Ok(allowance)
}
