//! Manifests, as a body, as a signed file and as a chain; and the invitation that pins where the chain begins.

use std::sync::LazyLock;

use ed25519_dalek::{Signer as _, SigningKey};
use samar_protocol::codec;
use samar_protocol::invitation::Invitation;
use samar_protocol::limits::{BREACHES_MAX, LABEL_BITS_MAX};
use samar_protocol::manifest::{
    Chain, ChainError, Details, Floor, MANIFEST_MAGIC, Manifest, ManifestError, ManifestHash, SignedManifest,
};
use samar_protocol::oprf::SecretKey;

use crate::script::Script;

const CONTEXT: &[u8] = b"samar manifest v1";

/// A body that is read is written back as the same bytes, and keeps what its readers rely on.
pub fn manifest_body(data: &[u8]) {
    let Ok(manifest) = codec::decode::<Manifest>(data) else { return };
    assert_eq!(codec::encode(&manifest).unwrap(), data);
    assert_eq!(manifest.oprf_key().unwrap().id(), manifest.key_id());
    assert!(manifest.breaches.len() <= BREACHES_MAX);
    assert!(manifest.breaches.is_sorted_by(|a, b| a.id < b.id));
    let entries = manifest.breaches.iter().map(|breach| u128::from(breach.entries())).sum::<u128>();
    assert_eq!(u128::from(manifest.entries()), entries);
    for breach in &manifest.breaches {
        assert!(breach.label_bits() <= LABEL_BITS_MAX);
        assert_eq!(breach.classes(u32::MAX).count(), breach.exposes.len() + breach.varies.len());
        assert_eq!(breach.classes(0).count(), breach.exposes.len());
    }
}

/// Details that are read are written back as the same bytes, and each names kinds of its own.
pub fn breach_details(data: &[u8]) {
    let Ok(details) = codec::decode::<Details>(data) else { return };
    assert_eq!(details.to_extension().unwrap().bytes, data);
    for known in &details.breaches {
        assert!(known.kinds.is_sorted() && known.known_kinds().count() <= known.kinds.len());
        assert_eq!(details.of(&known.breach), Some(known));
    }
}

/// As a file: whatever is read keeps its bytes and its hash. As a body that our publisher signs: accepted exactly if the
/// body can be read, under no other key, and with no byte changed.
pub fn manifest_file(data: &[u8]) {
    if let Ok(read) = SignedManifest::inspect(data) {
        assert_eq!(read.bytes(), data);
        assert_eq!(read.hash(), hash(&data[MANIFEST_MAGIC.len() + 64..]));
    }
    assert_eq!(
        SignedManifest::verify(data, &key(1).verifying_key()).is_ok(),
        is_signed(data, &key(1)) && SignedManifest::inspect(data).is_ok(),
    );
    let mut script = Script::new(data);
    let mut patches = Script::new(script.counted());
    let body = script.rest();
    let mut file = signed(body, &key(1));
    let verified = SignedManifest::verify(&file, &key(1).verifying_key());
    assert_eq!(verified.is_ok(), codec::decode::<Manifest>(body).is_ok());
    assert!(SignedManifest::verify(&file, &key(2).verifying_key()).is_err());
    if patches.patch(&mut file, 4) {
        assert!(SignedManifest::verify(&file, &key(1).verifying_key()).is_err());
    }
}

/// A client's walk along manifests, honest and not, beside a plain model of the rules in SPEC.md section "Chain".
pub fn manifest_chain(data: &[u8]) {
    let mut script = Script::new(data);
    let mut at = Floor { epoch: 0, hash: ManifestHash::NONE };
    let mut publisher = 1;
    let mut newest: Option<Vec<u8>> = None;
    let mut chain = Chain::new(key(publisher).verifying_key(), at);
    for _ in 0..12 {
        if script.is_over() {
            break;
        }
        let (act, detail) = (script.byte(), script.byte());
        let mut manifest = manifest(at.epoch + 1, at.hash);
        manifest.created_s += u64::from(detail);
        let mut signer = publisher;
        match act % 8 {
            0 | 1 => {}
            2 => manifest.next_publisher_key = Some(key(detail % 4).verifying_key().to_bytes()),
            3 => signer = detail % 4,
            4 => manifest.epoch = (at.epoch + u64::from(detail % 5)).saturating_sub(1).max(1),
            5 => manifest.previous[usize::from(detail) % 32] ^= 1 + detail % 7,
            6 => {}
            _ => manifest.operator = String::from_utf8_lossy(script.counted()).into_owned(),
        }
        let file = match (act % 8, &newest) {
            (6, Some(newest)) => newest.clone(), // the last one once more, perhaps changed
            _ => match codec::encode(&manifest) {
                Ok(body) => signed(&body, &key(signer)),
                Err(_) => continue, // breaks a rule of the body, and so no publisher can sign it
            },
        };
        let mut file = file;
        if detail & 0x80 != 0 {
            script.patch(&mut file, 1);
        }
        let expected = SignedManifest::inspect(&file).ok().and_then(|read| {
            let new = read.manifest();
            if new.epoch == at.epoch {
                return (read.hash() == at.hash).then_some((at, publisher));
            }
            let follows = new.epoch == at.epoch + 1 && new.previous == at.hash.0;
            let next = (0..4).find(|&n| new.next_publisher_key == Some(key(n).verifying_key().to_bytes()));
            let holds = follows && is_signed(&file, &key(publisher));
            holds.then_some((Floor { epoch: new.epoch, hash: read.hash() }, next.unwrap_or(publisher)))
        });
        let advanced = chain.advance(&file);
        assert_eq!(advanced.is_ok(), expected.is_some(), "{:?}", advanced.err());
        if let Some(expected) = expected {
            (at, publisher) = expected;
            newest = Some(file);
        }
        assert_eq!(chain.at(), at);
        assert_eq!(chain.publisher(), key(publisher).verifying_key());
    }
    let claimed = script.u64();
    match chain.missing(claimed) {
        Ok(epochs) => {
            assert!(claimed >= at.epoch && epochs.end - epochs.start <= 10_000);
            assert_eq!(epochs.start, at.epoch + 1);
            assert_eq!(epochs.end, claimed.max(at.epoch + 1));
        }
        Err(ChainError::Rollback { .. }) => assert!(claimed < at.epoch),
        Err(ChainError::TooFar { .. }) => assert!(claimed - at.epoch > 10_000),
        Err(error) => panic!("{error}"),
    }
}

/// An invitation that is read is written back as one that reads the same; a refusal does not show the token.
pub fn invitation(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match Invitation::parse(text) {
        Ok(invitation) => {
            assert_eq!(Invitation::parse(&invitation.to_text().unwrap()), Ok(invitation));
        }
        Err(error) => {
            let shown = error.to_string();
            assert!(
                !shown.contains(|c: char| c.is_control()),
                "a refusal that a terminal would obey: {shown:?}"
            );
            let tokens = text.lines().filter_map(|line| line.trim_start().strip_prefix("token"));
            for token in tokens.flat_map(|rest| rest.split(|c: char| !c.is_ascii_hexdigit())) {
                assert!(token.len() < 16 || !shown.contains(token), "a refusal shows the token: {shown}");
            }
        }
    }
}

/// Test keys by number. The first publishes.
pub(crate) fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

/// A manifest that keeps every rule, without breaches.
pub(crate) fn manifest(epoch: u64, previous: ManifestHash) -> Manifest {
    static OPRF: LazyLock<([u8; 8], [u8; 32])> = LazyLock::new(|| {
        let mut scalar = [0; 32];
        scalar[0] = 9;
        let key = SecretKey::from_bytes(&scalar).unwrap();
        (key.public().id().0, key.public().to_bytes())
    });
    Manifest {
        operator: "Badan Contoh".to_owned(),
        epoch,
        created_s: 1_000,
        valid_until_s: 2_000,
        previous: previous.0,
        suite: 1,
        key_id: OPRF.0,
        public_key: OPRF.1,
        breaches: vec![],
        next_publisher_key: None,
        extensions: vec![],
    }
}

/// A file around any body.
pub(crate) fn signed(body: &[u8], key: &SigningKey) -> Vec<u8> {
    let signature = key.sign(&[CONTEXT, body].concat());
    [MANIFEST_MAGIC.as_slice(), &signature.to_bytes(), body].concat()
}

fn is_signed(file: &[u8], key: &SigningKey) -> bool {
    !matches!(
        SignedManifest::verify(file, &key.verifying_key()),
        Err(ManifestError::Signature | ManifestError::Magic)
    )
}

fn hash(body: &[u8]) -> ManifestHash {
    ManifestHash(*blake3::Hasher::new().update(CONTEXT).update(body).finalize().as_bytes())
}
