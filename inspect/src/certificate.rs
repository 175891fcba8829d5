//! Certificates in PEM: the authority's, the server's, a bank's. Which key signed one is not checked here: a file shows
//! nothing of whom its reader trusts.

use samar_local::exit::Failure;
use samar_local::people::now_s;
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::report::{Facts, Fault, Report, Value};
use crate::source::Source;

const REMEDY: &str = "restore it from its backup; a bank can join again with a new invitation";

pub(crate) fn decode(source: &Source) -> Result<Report, Failure> {
    let mut report = Report::default();
    let (text, fault) = source.text()?;
    let mut facts = Facts::default();
    if let Err(fault) = show(&mut facts, &text) {
        report.fault(fault);
    }
    report.facts = facts;
    if let Some(fault) = fault {
        report.fault(fault);
    }
    report.remedy(REMEDY);
    Ok(report)
}

/// Shows the one certificate of a PEM text.
pub(crate) fn show(facts: &mut Facts, text: &str) -> Result<(), Fault> {
    let at = text.find("-----BEGIN").unwrap_or(0) as u64;
    let blocks = pem::parse_many(text).map_err(|error| Fault::at(at, format!("it is no PEM: {error}")))?;
    let block = blocks.first().filter(|block| block.tag() == "CERTIFICATE");
    let block = block.ok_or_else(|| Fault::at(at, "there is no whole certificate in it"))?;
    let (rest, certificate) = X509Certificate::from_der(block.contents())
        .map_err(|_| Fault::at(at, "what its PEM holds is no certificate"))?;
    facts.text("subject", certificate.subject().to_string());
    facts.text("issuer", certificate.issuer().to_string());
    facts.add("key_fingerprint", Value::Fingerprint(Sha256::digest(certificate.public_key().raw).into()));
    let seconds = |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp()).unwrap_or(0);
    let validity = certificate.validity();
    facts.add("valid_from", Value::Time(seconds(validity.not_before)));
    facts.add("valid_until", Value::Time(seconds(validity.not_after)));
    let in_force = (seconds(validity.not_before)..=seconds(validity.not_after)).contains(&now_s());
    facts.text("in_force", if in_force { "yes" } else { "NO, by this machine's clock" });
    facts.text("used_by", use_of(&certificate));
    if !rest.is_empty() {
        return Err(Fault::at(at, "bytes stand after the certificate in its PEM"));
    }
    if blocks.len() > 1 {
        return Err(Fault::at(at, format!("{} certificates, where one should stand", blocks.len())));
    }
    Ok(())
}

fn use_of(certificate: &X509Certificate<'_>) -> &'static str {
    let extended = certificate.extended_key_usage().ok().flatten().map(|usage| usage.value);
    match extended {
        _ if certificate.is_ca() => "an authority",
        Some(usage) if usage.server_auth => "a server",
        Some(usage) if usage.client_auth => "a bank",
        _ => "not said",
    }
}
