//! `enroll`: an invitation for a bank.

use std::io::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use samar_local::exit::{Failure, io_failure};
use samar_local::{folder, output};
use samar_protocol::invitation::{Credential, Invitation, to_hex};
use samar_protocol::manifest::is_breach_id;
use sha2::{Digest as _, Sha256};

use crate::accounts::{Bank, OpenInvitation, Registry};
use crate::config::Config;
use crate::layout::Layout;
use crate::pki::{self, Authority};
use crate::publish::publisher_after_newest;
use crate::published;

/// Seconds an invitation can be traded.
const INVITATION_S: u64 = 7 * 86_400;

/// What to enrol.
#[derive(Clone, Debug)]
pub struct Enrolment<'a> {
    /// Name of the account.
    pub bank: &'a str,
    /// Where the invitation goes.
    pub out: &'a Path,
    /// Evaluations a day; the configuration's where none is given.
    pub per_day: Option<u64>,
    /// Evaluations in all; the configuration's where none is given.
    pub lifetime: Option<u64>,
    /// A signing request of the bank's own PKI, to be certified at once.
    pub csr: Option<&'a Path>,
    /// Another invitation for a bank that is enrolled: a second machine, or a lost token. Its account stays.
    pub again: bool,
}

/// Enrols a bank and writes its invitation. Returns the account as it now is.
///
/// # Errors
/// A name that cannot be used, a bank that is enrolled already or was revoked, a signing request that cannot be used, the file system.
pub fn enroll(layout: &Layout, enrolment: &Enrolment<'_>) -> Result<Bank, Failure> {
    let name = enrolment.bank;
    if !is_breach_id(name) {
        let what = format!("`{}` cannot name a bank", name.escape_debug());
        return Err(
            Failure::input(what).remedy("use lower-case letters, digits and inner hyphens, like bank-jaya")
        );
    }
    if enrolment.csr.is_some_and(|csr| output::is_same(csr, enrolment.out)) {
        return Err(Failure::input("--out names the signing request, which it would replace"));
    }
    let config = Config::read(&layout.config())?;
    let address = config.public_address()?;
    let _lock = folder::lock(layout.root(), "enroll")?;
    let registry = Registry::new(layout);
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut bank = match registry.bank(name)? {
        None if enrolment.again => return Err(Failure::input(format!("{name} is not enrolled yet"))),
        None => Bank {
            name: name.to_owned(),
            per_day: config.per_day,
            lifetime: config.lifetime,
            revoked: None,
            invitations: vec![],
            keys: vec![],
        },
        Some(Bank { revoked: Some(revoked), .. }) => {
            return Err(Failure::input(format!("{name} was revoked: {}", revoked.reason))
                .remedy("a new relation is a new account: give it another name"));
        }
        Some(bank) if enrolment.again => bank,
        Some(_) => {
            return Err(Failure::input(format!("{name} is enrolled already")).remedy(
                "--again hands it another invitation to the same account; another bank needs another name",
            ));
        }
    };
    bank.per_day = enrolment.per_day.unwrap_or(bank.per_day);
    bank.lifetime = enrolment.lifetime.unwrap_or(bank.lifetime);
    bank.invitations.retain(|invitation| now_s < invitation.expires_s);
    let expires_s = now_s + INVITATION_S;
    let credential = match enrolment.csr {
        Some(path) => Credential::Certificate(certify(layout, &mut bank, path)?),
        None => {
            let token: [u8; 32] = rand::random();
            let token_sha256 = to_hex(&Sha256::digest(token).into());
            bank.invitations.push(OpenInvitation { token_sha256, expires_s });
            Credential::Token(token)
        }
    };
    let ca = layout.ca_certificate();
    let invitation = Invitation {
        operator: config.operator.clone(),
        bank: name.to_owned(),
        address,
        ca_certificate: std::fs::read_to_string(&ca).map_err(|error| io_failure("read", &ca, &error))?,
        publisher_key: publisher_after_newest(layout)?,
        floor: published::floor(layout)?,
        expires_s,
        credential,
    };
    let text = invitation.to_text().map_err(Failure::local)?;
    // A place that takes no file is found before anything is recorded.
    let unfinished = output::create(enrolment.out, &layout.kept())?;
    // The account first: an invitation that is out must be good.
    registry.store(&bank)?;
    unfinished.file().write_all(text.as_bytes()).and_then(|()| unfinished.finish()).map_err(|error| {
        let remedy = format!("{name} is enrolled now: make room, then run the same command with --again");
        io_failure("write the invitation", enrolment.out, &error).remedy(remedy)
    })?;
    Ok(bank)
}

fn certify(layout: &Layout, bank: &mut Bank, path: &Path) -> Result<String, Failure> {
    let file = std::fs::read(path).map_err(|error| io_failure("read the signing request", path, &error))?;
    let der = pki::signing_request_der(&file);
    let signed = Authority::load(layout)?.sign_bank(&bank.name, &der);
    let (certificate, key) =
        signed.map_err(|error| Failure::input(format!("{} is {error}", path.display())))?;
    let key = to_hex(&key);
    if !bank.keys.contains(&key) {
        bank.keys.push(key); // the same request once more is the same key
    }
    Ok(certificate.pem())
}
