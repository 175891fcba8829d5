//! `init`: a new operator's folder, with everything it needs to serve.

use std::net::SocketAddr;

use ed25519_dalek::SigningKey;
use samar_local::durable::{self, Mode};
use samar_local::exit::{Failure, io_failure};
use samar_local::folder;
use samar_protocol::oprf::{KeyId, SecretKey};

use crate::config::Config;
use crate::keys;
use crate::layout::Layout;
use crate::pki::{self, Authority, KeyFingerprint};

/// What `init` made.
#[derive(Clone, Debug)]
pub struct Initialised {
    /// Id of the new OPRF key.
    pub key_id: KeyId,
    /// The new publisher key.
    pub publisher_key: [u8; 32],
    /// The fingerprint of the new authority's key.
    pub ca_key: KeyFingerprint,
}

/// Makes keys, authority, server certificate and configuration. The configuration is written last: a folder that has one
/// is complete, one that has none can be initialised again.
///
/// # Errors
/// A folder that was initialised before, or the file system.
pub fn init(layout: &Layout, operator: &str, listen: SocketAddr) -> Result<Initialised, Failure> {
    if operator.is_empty() || operator.len() > 64 || operator.chars().any(char::is_control) {
        return Err(Failure::input("--operator must be 1 to 64 printable bytes"));
    }
    folder::create_private(layout.root())?;
    let _lock = folder::lock(layout.root(), "init")?;
    if layout.config().exists() {
        let what = format!("{} was initialised before", layout.root().display());
        return Err(Failure::input(what).remedy("use it as it is, or name another folder with --dir"));
    }
    for part in [layout.keys(), layout.vault(), layout.manifests(), layout.segments(), layout.banks()] {
        folder::create_private(&part)?;
    }
    let mut rng = rand::rng();
    let oprf = SecretKey::generate(&mut rng);
    keys::write_oprf(&layout.oprf_key(), &oprf)?;
    let publisher = SigningKey::from_bytes(&rand::random());
    keys::write_publisher(&layout.publisher_key(), &publisher)?;
    Authority::create(layout, operator)?;

    let config = Config::new(operator.to_owned(), listen);
    let path = layout.config();
    durable::write(&path, config.to_text().as_bytes(), Mode::Private)
        .map_err(|error| io_failure("write", &path, &error))?;
    Ok(Initialised {
        key_id: oprf.public().id(),
        publisher_key: publisher.verifying_key().to_bytes(),
        ca_key: pki::authority_fingerprint(layout)?,
    })
}
