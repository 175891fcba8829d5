//! Signatures, rules and the chain.

use ed25519_dalek::SigningKey;
use rand::{SeedableRng as _, rngs::StdRng};

use super::*;
use crate::oprf::SecretKey;
use crate::segment::SegmentKind;

fn publisher() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn breach(id: &str) -> Breach {
    Breach {
        id: id.to_owned(),
        title: "BPJS Kesehatan".to_owned(),
        date: "2021-05".to_owned(),
        status: Status::Claimed,
        exposes: vec!["phone".to_owned(), "email".to_owned()],
        varies: vec!["photo".to_owned()],
        segments: vec![SegmentRef {
            root: [3; 32],
            kind: SegmentKind::Base,
            entries: 1_000,
            page_bytes: 8_192,
            file_bytes: 16_420,
        }],
    }
}

fn manifest(epoch: u64, previous: ManifestHash) -> Manifest {
    let key = SecretKey::generate(&mut StdRng::seed_from_u64(1));
    Manifest {
        operator: "Badan Contoh".to_owned(),
        epoch,
        created_s: 1_000,
        valid_until_s: 2_000,
        previous: previous.0,
        suite: oprf::SUITE,
        key_id: key.public().id().0,
        public_key: key.public().to_bytes(),
        breaches: vec![breach("bpjs-2021"), breach("dukcapil-2021")],
        next_publisher_key: None,
        extensions: vec![],
    }
}

/// Manifests of epochs 1 to `count`, each naming the one before.
fn history(count: u64) -> Vec<Vec<u8>> {
    let mut previous = ManifestHash::NONE;
    let next = |epoch| {
        let bytes = sign(&manifest(epoch, previous), &publisher()).unwrap();
        previous = SignedManifest::inspect(&bytes).unwrap().hash();
        bytes
    };
    (1..=count).map(next).collect()
}

const START: Floor = Floor { epoch: 0, hash: ManifestHash::NONE };

#[test]
fn a_signed_manifest_reads_back_and_any_changed_byte_is_refused() {
    let bytes = &history(1)[0];
    let signed = SignedManifest::verify(bytes, &publisher().verifying_key()).unwrap();
    assert_eq!(signed.manifest(), &manifest(1, ManifestHash::NONE));
    assert_eq!(signed.bytes(), bytes);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let error = SignedManifest::verify(&changed, &publisher().verifying_key()).unwrap_err();
        let expected = if at < 10 { ManifestError::Magic } else { ManifestError::Signature };
        assert_eq!(error, expected, "byte {at}");
    }
    let stranger = SigningKey::from_bytes(&[8; 32]).verifying_key();
    assert_eq!(SignedManifest::verify(bytes, &stranger).unwrap_err(), ManifestError::Signature);
}

#[test]
fn every_rule_of_the_body_is_checked() {
    type Break = fn(&mut Manifest);
    let breaks: [Break; 22] = [
        |m| m.operator.clear(),
        |m| m.operator = "a\u{7}b".to_owned(),
        |m| m.epoch = 0,
        |m| m.epoch = 2,
        |m| m.valid_until_s = 999,
        |m| m.valid_until_s = 1_000 + MANIFEST_VALIDITY_S_MAX + 1,
        |m| m.suite = 2,
        |m| m.public_key = [0; 32],
        |m| m.key_id[0] ^= 1,
        |m| m.breaches.swap(0, 1),
        |m| m.breaches[0].id = "-bpjs".to_owned(),
        |m| m.breaches[0].title = "x".repeat(300),
        |m| m.breaches[0].date = "2021-02-29".to_owned(),
        |m| m.breaches[0].exposes.push("photo".to_owned()),
        |m| m.breaches[0].exposes.push("Photo".to_owned()),
        |m| m.breaches[0].varies = (0..33).map(|i| format!("class_{i}")).collect(),
        |m| m.breaches[0].segments[0].page_bytes = 1_000,
        |m| m.breaches[0].segments[0].entries = 1 << 32,
        |m| m.extensions.push(Extension { id: Extension::CRITICAL, bytes: vec![] }),
        |m| m.extensions = [2, 2].map(|id| Extension { id, bytes: vec![] }).to_vec(),
        |m| m.next_publisher_key = Some([2; 32]), // y = 2 … is on no point
        |m| m.next_publisher_key = Some([0; 32]), // of order 4
    ];
    for (index, change) in breaks.iter().enumerate() {
        let mut broken = manifest(1, ManifestHash::NONE);
        change(&mut broken);
        assert!(matches!(sign(&broken, &publisher()), Err(CodecError::Rule { .. })), "rule {index}");
    }
}

#[test]
fn a_rotation_names_the_key_before_and_until_when_it_is_served() {
    let previous = *SecretKey::generate(&mut StdRng::seed_from_u64(2)).public();
    let rotated = |change: &dyn Fn(&mut Extension, &Manifest)| {
        let mut manifest = manifest(1, ManifestHash::NONE);
        let mut extension = Rotation { previous, until_s: 1_500 }.extension();
        change(&mut extension, &manifest);
        manifest.extensions.push(extension);
        sign(&manifest, &publisher()).map(|bytes| SignedManifest::inspect(&bytes).unwrap())
    };
    let signed = rotated(&|_, _| ()).unwrap();
    let rotation = signed.manifest().rotation().unwrap();
    assert_eq!(rotation, Rotation { previous, until_s: 1_500 });
    assert!(rotation.is_open(1_500) && !rotation.is_open(1_501));
    assert_eq!(manifest(1, ManifestHash::NONE).rotation(), None);

    type Break = fn(&mut Extension, &Manifest);
    let breaks: [Break; 8] = [
        |e, _| e.bytes.truncate(47),
        |e, _| e.bytes.push(0),
        |e, _| e.bytes.clear(),
        |e, _| e.bytes[0] ^= 1,        // another key's id
        |e, _| e.bytes[8..40].fill(0), // the identity
        |e, m| e.bytes[..40].copy_from_slice(&[m.key_id.as_slice(), &m.public_key].concat()),
        |e, _| e.bytes[40..].copy_from_slice(&999u64.to_le_bytes()),
        |e, _| e.bytes[40..].copy_from_slice(&(1_000 + MANIFEST_VALIDITY_S_MAX + 1).to_le_bytes()),
    ];
    for (index, change) in breaks.iter().enumerate() {
        assert!(matches!(rotated(change), Err(CodecError::Rule { .. })), "rule {index}");
    }
}

#[test]
fn dates_are_of_the_calendar() {
    for good in ["2021", "2021-05", "2020-02-29", "2000-02-29", "1999-12-31"] {
        assert!(is_date(good), "{good}");
    }
    for bad in [
        "",
        "21",
        "2021-13",
        "2021-00",
        "2021-04-31",
        "1900-02-29",
        "2021-5",
        "2021-05-01-01",
        "2021-05-",
        "2O21",
    ] {
        assert!(!is_date(bad), "{bad}");
    }
}

#[test]
fn a_label_selects_the_classes_that_vary() {
    let breach = breach("bpjs-2021");
    assert_eq!(breach.classes(0).collect::<Vec<_>>(), ["phone", "email"]);
    assert_eq!(breach.classes(1).collect::<Vec<_>>(), ["phone", "email", "photo"]);
    assert_eq!(breach.label_bits(), 1);
}

#[test]
fn a_client_walks_forward_from_what_it_saw() {
    let history = history(5);
    let mut chain = Chain::new(publisher().verifying_key(), START);
    assert_eq!(chain.missing(5), Ok(1..5));
    for bytes in &history {
        chain.advance(bytes).unwrap();
    }
    assert_eq!(chain.at().epoch, 5);
    // Seen again: nothing to do.
    assert_eq!(chain.missing(5), Ok(6..6));
    chain.advance(&history[4]).unwrap();
}

#[test]
fn rollback_fork_and_skip_are_refused() {
    let history = history(3);
    let mut chain = Chain::new(publisher().verifying_key(), START);
    chain.advance(&history[0]).unwrap();
    let skipped = chain.advance(&history[2]).unwrap_err();
    assert_eq!(skipped, ChainError::Epoch { asked: 2, got: 3 });
    chain.advance(&history[1]).unwrap();
    assert_eq!(chain.missing(1), Err(ChainError::Rollback { offered: 1, seen: 2 }));

    // The operator itself signs another history.
    let other = |epoch, previous| {
        let mut manifest = manifest(epoch, previous);
        manifest.breaches.pop();
        sign(&manifest, &publisher()).unwrap()
    };
    let seen = chain.at().hash;
    let same_epoch = other(2, SignedManifest::inspect(&history[0]).unwrap().hash());
    assert_eq!(chain.advance(&same_epoch).unwrap_err(), ChainError::Fork { epoch: 2 });
    let descendant = other(3, SignedManifest::inspect(&same_epoch).unwrap().hash());
    assert_eq!(chain.advance(&descendant).unwrap_err(), ChainError::Fork { epoch: 3 });
    assert_eq!(chain.at(), Floor { epoch: 2, hash: seen }, "a refused manifest moves nothing");
    chain.advance(&other(3, seen)).unwrap();
}

#[test]
fn a_frozen_manifest_is_refused_after_its_end() {
    let signed = SignedManifest::inspect(&history(1)[0]).unwrap();
    assert_eq!(Chain::check_fresh(&signed, 2_000), Ok(()));
    assert_eq!(Chain::check_fresh(&signed, 2_001), Err(ChainError::Expired { epoch: 1, late_s: 1 }));
}

#[test]
fn the_publisher_key_rolls_over_where_the_old_one_says_so() {
    let (old, new) = (publisher(), SigningKey::from_bytes(&[9; 32]));
    let mut first = manifest(1, ManifestHash::NONE);
    first.next_publisher_key = Some(new.verifying_key().to_bytes());
    let first = sign(&first, &old).unwrap();
    let second = manifest(2, SignedManifest::inspect(&first).unwrap().hash());

    let mut chain = Chain::new(old.verifying_key(), START);
    chain.advance(&first).unwrap();
    let by_old = sign(&second, &old).unwrap();
    assert_eq!(chain.advance(&by_old).unwrap_err(), ManifestError::Signature.into());
    chain.advance(&first).unwrap(); // the same once more, though the old key signed it
    chain.advance(&sign(&second, &new).unwrap()).unwrap();
}
