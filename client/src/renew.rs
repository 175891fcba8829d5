//! `renew`: another certificate for the key that this folder has. The key stays, and with it account, ledger and everything synced.
//!
//! While the certificate is in force the bank asks by showing it (SPEC.md section "Enrolment"); once it ran out the server lets nobody
//! in with it, and the operator has to hand out another invitation.

use rustls::pki_types::CertificateDer;
use samar_local::exit::{Failure, say};
use samar_local::folder::lock;
use samar_protocol::invitation::{Credential, Invitation};
use samar_protocol::wire::{JoinRequest, RefusalCode};

use crate::config::{Config, Home};
use crate::join::{self, Enrolment};
use crate::link::{Link, LinkError};
use crate::people::{now_s, time};
use crate::tls;

/// Before the end of a certificate from which on `sync` renews it by itself.
const RENEWED_S: u64 = 30 * 86_400;

/// Renews the certificate of a folder: over a connection, or by the text of another invitation to the same account.
///
/// # Errors
/// [`Failure`]: not joined, a certificate that ran out where there is no invitation, an invitation to something else, what a join fails
/// with. The certificate of before is then still in its place.
pub async fn renew(home: &Home, invitation: Option<&str>) -> Result<Enrolment, Failure> {
    let before = join::enrolment(home)?;
    let _lock = lock(home.dir(), "sync")?;
    match invitation {
        Some(text) => by_invitation(home, &before, text).await?,
        None => {
            let Config { address, gso, .. } = &before.config;
            if before.certificate_until_s <= now_s() {
                let ended = time(before.certificate_until_s);
                let what =
                    format!("the certificate of this bank ran out on {ended}: no server takes it any more");
                return Err(Failure::input(what).remedy(invitation_wanted(&before.config.bank)));
            }
            let link = Link::connect(address, tls::enrolled(home, &before.config)?, *gso).await?;
            let renewed = over(&link, home, &before.config).await;
            link.close().await;
            renewed?;
        }
    }
    join::enrolment(home)
}

/// Renews a certificate that is about to run out, and says what came of it. Whatever that is, there is time, and the set is synced.
pub(crate) async fn before_it_ends(link: &Link, home: &Home, config: &Config) -> Result<(), Failure> {
    let left_s = join::enrolment(home)?.certificate_until_s.saturating_sub(now_s());
    if left_s >= RENEWED_S {
        return Ok(());
    }
    match over(link, home, config).await {
        Ok(()) => {
            let until = time(join::enrolment(home)?.certificate_until_s);
            say(format_args!("samar: the certificate of this bank was renewed; it is valid until {until}"));
        }
        Err(failure) => say(format_args!("samar: warning: the certificate was not renewed: {failure}")),
    }
    Ok(())
}

/// Asks over a connection on which the certificate of before was shown. The caller holds the lock of a sync.
async fn over(link: &Link, home: &Home, config: &Config) -> Result<(), Failure> {
    let (key, ca) = (join::key_of(home)?, tls::read_ca(home)?);
    let request = join::signing_request(&key, &config.bank)?;
    let joined =
        link.join(JoinRequest::RENEWAL, request).await.map_err(|error| not_renewed(error, config))?;
    join::write_certificate(home, &join::check(joined, &config.bank, &key, &ca)?)
}

/// Trades the token of another invitation, or takes the certificate in it, for the same key.
async fn by_invitation(home: &Home, before: &Enrolment, text: &str) -> Result<(), Failure> {
    let invitation = join::parse(text)?;
    let (ca, config) = (tls::read_ca(home)?, &before.config);
    if join::authority(&invitation)? != ca || invitation.bank != config.bank {
        let what = format!(
            "the invitation is for {} with {}, and this folder is joined to {} as {}, or to another authority of that name",
            invitation.bank, invitation.operator, config.operator, config.bank
        );
        return Err(Failure::input(what).remedy("samar join in another --dir"));
    }
    let certificate = match &invitation.credential {
        Credential::Token(token) => join::trade(home, &invitation, &ca, *token).await?,
        Credential::Certificate(pem) => own(home, &invitation, &ca, pem)?,
    };
    join::write_certificate(home, &certificate)
}

/// The certificate that stands in an invitation, if it is for the key of this folder.
fn own(
    home: &Home,
    invitation: &Invitation,
    ca: &CertificateDer<'static>,
    pem: &str,
) -> Result<CertificateDer<'static>, Failure> {
    let certificate = join::certificate_in(pem)?;
    if !join::is_of(&certificate, &join::key_of(home)?)? {
        let (bank, key) = (&invitation.bank, home.key());
        let what =
            format!("the invitation's certificate is for another key of {bank} than {}", key.display());
        return Err(Failure::input(what).remedy("samar join with that --key in another --dir"));
    }
    tls::check_chain(ca, &certificate, now_s())?;
    Ok(certificate)
}

fn not_renewed(error: LinkError, config: &Config) -> Failure {
    // A server of before renewals knows no such token.
    let unknown = error.refusal_code() == Some(RefusalCode::InvitationInvalid);
    let failure = Failure::from(error);
    if unknown { failure.remedy(invitation_wanted(&config.bank)) } else { failure }
}

/// What helps where a certificate cannot be renewed over a connection.
pub(crate) fn invitation_wanted(bank: &str) -> String {
    format!(
        "ask the operator for another invitation (samar-server enroll {bank} --again), then samar renew FILE; account and ledger stay"
    )
}
