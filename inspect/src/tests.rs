//! Decoders against every byte of a file that was changed, and every length that it may be cut to.

use ed25519_dalek::SigningKey;
use samar_protocol::invitation::{Credential, Invitation};
use samar_protocol::manifest::{Breach, Floor, Manifest, ManifestHash, SegmentRef, Status, sign};
use samar_protocol::oprf::{self, SecretKey};
use samar_protocol::segment::SegmentKind;

use super::*;

fn publisher() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn manifest() -> Vec<u8> {
    let key = SecretKey::from_bytes(&[1; 32]).unwrap();
    let segment =
        |kind| SegmentRef { root: [3; 32], kind, entries: 9, page_bytes: 8_192, file_bytes: 16_420 };
    let breach = Breach {
        id: "toko-2023".to_owned(),
        title: "Toko Contoh".to_owned(),
        date: "2023".to_owned(),
        status: Status::Confirmed,
        exposes: vec!["email".to_owned()],
        varies: vec!["photo".to_owned()],
        segments: vec![segment(SegmentKind::Base), segment(SegmentKind::Add)],
    };
    let manifest = Manifest {
        operator: "Badan Contoh".to_owned(),
        epoch: 2,
        created_s: 1_795_328_125,
        valid_until_s: 1_795_328_125 + 86_400,
        previous: [4; 32],
        suite: oprf::SUITE,
        key_id: key.public().id().0,
        public_key: key.public().to_bytes(),
        breaches: vec![breach],
        next_publisher_key: Some(SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes()),
        extensions: vec![],
    };
    sign(&manifest, &publisher()).unwrap()
}

fn invitation() -> String {
    let certificate = rcgen::generate_simple_self_signed(vec!["ca".to_owned()]).unwrap().cert.pem();
    let invitation = Invitation {
        operator: "Badan Contoh".to_owned(),
        bank: "bank-a".to_owned(),
        address: "127.0.0.1:4433".to_owned(),
        ca_certificate: certificate,
        publisher_key: publisher().verifying_key(),
        floor: Floor { epoch: 4, hash: ManifestHash([5; 32]) },
        expires_s: 1_900_000_000,
        credential: Credential::Token([0xc7; 32]),
    };
    invitation.to_text().unwrap()
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// What is said of these bytes, in words and as JSON; nothing where no kind was told.
    fn shown(&self, bytes: &[u8]) -> Option<(Report, String)> {
        let path = self.0.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        let source = Source::open(&path).unwrap();
        let kind = kind::recognise(&source).ok()?;
        let program =
            Program { name: "samar", publishers: vec![publisher().verifying_key()], own: &|_, _| None };
        let report = decode(&program, kind, &source).ok()?;
        let text = [report.to_words(kind, &source), report.to_json(kind, &source)].join("\n");
        assert!(!text.contains(|sign: char| sign.is_control() && sign != '\n'), "{text:?}");
        Some((report, text))
    }
}

#[test]
fn no_changed_byte_of_a_manifest_goes_unseen() {
    let (place, good) = (Place::new(), manifest());
    let (report, text) = place.shown(&good).unwrap();
    assert!(!report.is_damaged(), "{text}");
    for at in 0..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 0x81;
        let (report, text) = place.shown(&changed).unwrap();
        assert!(report.is_damaged(), "byte {at}: {text}");
    }
    for length in 8..good.len() {
        let (report, text) = place.shown(&good[..length]).unwrap();
        assert!(report.is_damaged(), "cut at {length}: {text}");
        assert_eq!(length >= 94, text.contains("Badan Contoh"), "cut at {length}: {text}");
    }
}

#[test]
fn a_token_is_not_shown_however_an_invitation_is_changed() {
    let (place, good) = (Place::new(), invitation());
    let (report, text) = place.shown(good.as_bytes()).unwrap();
    assert!(!report.is_damaged() && text.contains("127.0.0.1:4433"), "{text}");
    let mut shown = 0;
    for at in 0..good.len() {
        for bit in [0x02, 0x80] {
            let mut changed = good.clone().into_bytes();
            changed[at] ^= bit;
            let Some((_, text)) = place.shown(&changed) else { continue };
            assert!(!text.contains("c7c7c7"), "byte {at}: {text}");
            shown += 1;
        }
        if let Some((report, text)) = place.shown(&good.as_bytes()[..at]) {
            assert!(report.is_damaged() || at + 1 == good.len(), "cut at {at}: {text}");
            assert!(!text.contains("c7c7c7"), "cut at {at}: {text}");
        }
    }
    assert!(shown > good.len() * 2 * 9 / 10, "{shown} of {}", good.len() * 2);
}
