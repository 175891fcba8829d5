//! A private key of TLS in PEM. Of the key only the public half's fingerprint is shown, to be compared with that of a
//! certificate.

use rcgen::{KeyPair, PublicKeyData as _};
use samar_local::exit::Failure;
use sha2::{Digest as _, Sha256};

use crate::report::{Fault, Report, Value};
use crate::source::Source;

pub(crate) fn decode(source: &Source) -> Result<Report, Failure> {
    let mut report = Report::default();
    let (text, _) = source.text()?;
    report.facts.text(
        "protection",
        if text.contains("ENCRYPTED") { "encrypted" } else { "none but the file's mode" },
    );
    match KeyPair::from_pem(&text) {
        Ok(key) => {
            report.facts.add(
                "key_fingerprint",
                Value::Fingerprint(Sha256::digest(key.subject_public_key_info()).into()),
            );
        }
        // The reason is left out: it could quote the key.
        Err(_) => report.fault(Fault::at(0, "it holds no whole private key (PEM, PKCS #8, not encrypted)")),
    }
    report.remedy("restore it from its backup; a bank can join again with a new invitation");
    report.secret(source);
    Ok(report)
}
