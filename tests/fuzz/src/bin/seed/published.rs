//! What an operator publishes: manifests, segments, and what a private lookup needs of them.

use ed25519_dalek::{Signer as _, SigningKey};
use samar_protocol::codec;
use samar_protocol::invitation::{Credential, Invitation};
use samar_protocol::limits::MANIFEST_VALIDITY_S_MAX;
use samar_protocol::lookup::{HINT_MAGIC, HintNote};
use samar_protocol::manifest::{
    Breach, BreachDetails, Details, Floor, MANIFEST_MAGIC, Manifest, ManifestHash, SegmentKind, SegmentRef,
    Status,
};
use samar_protocol::segment::{BreachId, SegmentBuilder, SegmentParams};

use crate::{extension, oprf_key, put};

pub(crate) fn details() {
    let known = BreachDetails {
        breach: "toko-2023".to_owned(),
        kinds: vec![1, 3],
        description: "Akun toko daring".to_owned(),
        added: "2023-02-01".to_owned(),
        records: Some(100_000_000),
        source: "press".to_owned(),
        ..BreachDetails::default()
    };
    put("breach_details", "example", &[&codec::encode(&Details { breaches: vec![known] }).unwrap()]);
    put("breach_details", "none", &[&codec::encode(&Details::default()).unwrap()]);
}

fn manifest() -> Manifest {
    let key = oprf_key();
    let segment =
        |kind| SegmentRef { root: [5; 32], kind, entries: 3, page_bytes: 8_192, file_bytes: 2 * 8_192 + 36 };
    let breach = Breach {
        id: "toko-2023".to_owned(),
        title: "Toko".to_owned(),
        date: "2023-04-30".to_owned(),
        status: Status::Claimed,
        exposes: vec!["email".to_owned()],
        varies: vec!["photo".to_owned()],
        segments: vec![segment(SegmentKind::Base), segment(SegmentKind::Remove)],
    };
    let other = Breach { id: "warung".to_owned(), date: "2020".to_owned(), ..breach.clone() };
    Manifest {
        operator: "Badan Contoh".to_owned(),
        epoch: 1,
        created_s: 1_000,
        valid_until_s: 1_000 + MANIFEST_VALIDITY_S_MAX,
        previous: ManifestHash::NONE.0,
        suite: 1,
        key_id: key.public().id().0,
        public_key: key.public().to_bytes(),
        breaches: vec![breach, other],
        next_publisher_key: Some(SigningKey::from_bytes(&[2; 32]).verifying_key().to_bytes()),
        extensions: extension(),
    }
}

pub(crate) fn manifests() {
    let plain = Manifest { breaches: vec![], next_publisher_key: None, extensions: vec![], ..manifest() };
    for (name, manifest) in [("full", manifest()), ("plain", plain)] {
        let body = codec::encode(&manifest).unwrap();
        let signature =
            SigningKey::from_bytes(&[1; 32]).sign(&[b"samar manifest v1", body.as_slice()].concat());
        put("manifest_body", name, &[&body]);
        put("manifest_file", name, &[&MANIFEST_MAGIC, &signature.to_bytes(), &body]);
        put("manifest_file", &format!("{name}-body"), &[&[3, 0, 100, 0, 1], &body]);
    }
    put(
        "manifest_chain",
        "walk",
        &[&[0, 0, 0, 1, 2, 2, 0, 3, 6, 0, 0, 4, 5, 5, 3, 3, 4, 0, 4, 1, 4, 2, 4, 4, 7, 0]],
    );
    put(
        "manifest_chain",
        "changed",
        &[&[0, 0, 0, 0x81, 20, 0, 1, 6, 0x80, 90, 0, 1, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]],
    );
    put("manifest_chain", "far", &[&[0, 0].repeat(12), &20_000u64.to_le_bytes()]);

    let mut invitation = Invitation {
        operator: "Badan Contoh".to_owned(),
        bank: "bank-a".to_owned(),
        address: "127.0.0.1:4498".to_owned(),
        ca_certificate: "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n".to_owned(),
        publisher_key: SigningKey::from_bytes(&[1; 32]).verifying_key(),
        floor: Floor { epoch: 4, hash: ManifestHash([5; 32]) },
        expires_s: 1_800_000_000,
        credential: Credential::Token([0xab; 32]),
    };
    put("invitation", "token", &[invitation.to_text().unwrap().as_bytes()]);
    invitation.credential = Credential::Certificate("PEM".to_owned());
    put("invitation", "certificate", &[invitation.to_text().unwrap().as_bytes()]);
}

pub(crate) fn segments() {
    let build = |kind, entries: u32, label_bits, page_bytes, extensions| {
        let params = SegmentParams {
            kind,
            breach_id: BreachId::parse("bpjs-2021").unwrap(),
            key_id: *b"key id 1",
            salt: *b"sixteen of salt!",
            entries,
            page_bytes,
            label_bits,
            extensions,
        };
        let mut sorted = Vec::new();
        if let Some(placement) = params.placement() {
            let tag = |n: u32| *blake3::hash(&n.to_le_bytes()).as_bytes();
            let label = |n: u32| n & u32::from(label_bits > 0);
            sorted.extend((0..entries).map(|n| placement.locate(&tag(n)).entry(label(n))));
        }
        sorted.sort_unstable_by_key(samar_protocol::segment::Entry::key);
        let mut builder = SegmentBuilder::new(params).unwrap();
        let mut pages: Vec<_> = sorted.into_iter().filter_map(|entry| builder.push(entry).unwrap()).collect();
        let finished = builder.finish().unwrap();
        pages.extend(finished.pages.clone());
        (finished, pages)
    };
    let built = [
        ("empty", build(SegmentKind::Base, 0, 0, 2_048, vec![])),
        ("one", build(SegmentKind::Add, 1, 1, 2_048, extension())),
        ("many", build(SegmentKind::Remove, 900, 12, 2_048, vec![])),
        ("wide", build(SegmentKind::Base, 40, 32, 16_384, vec![])),
        ("looked-up", build(SegmentKind::Base, 9, 1, 2_048, vec![HintNote { hash: [6; 32] }.to_extension()])),
    ];
    for (name, (finished, pages)) in built {
        let used = finished.header_block.iter().rposition(|byte| *byte != 0).unwrap() + 2;
        let fields = &finished.header_block[..used];
        put("segment_header", name, &[&[1], fields]);
        let length = u16::try_from(used).unwrap().to_le_bytes();
        let edges =
            [[7u8; 32].as_slice(), &[0, 0, 0, 0, 1, 0, 0, 0, 132, 3, 0, 0, 255, 255, 255, 255]].concat();
        put("segment_directory", name, &[&edges, &length, fields, &finished.directory]);
        if let (Some(page), "one" | "wide") = (pages.first(), name) {
            let (mode, label_bits, buckets) = if name == "one" { (0, 1, 1) } else { (6, 32, 40) };
            let front = page.iter().take(200).rposition(|byte| *byte != 0).unwrap() + 1;
            let back = page.iter().skip(200).position(|byte| *byte != 0).unwrap() + 200;
            let control = [mode, label_bits, 0, 0, 0, 0, 0, buckets, 0, u8::try_from(front).unwrap(), 0];
            put("segment_page", name, &[&control, &page[..front], &page[back..]]);
        }
    }
    put(
        "segment_page",
        "made",
        &[&[1, 3, 0, 1, 0, 0, 0, 44, 1, 3, 0, 9, 0, 4], &(0..=255).collect::<Vec<u8>>()],
    );
    put("segment_page", "sparse", &[&[3, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0], &[200; 100]]);
    put(
        "segment_operations",
        "base-add-remove",
        &[&[
            12, 0, 0, 1, 0xff, 0, 0, 0, 0, 2, 1, 0, 0, 0, 3, 9, 1, 0, 1, 2, 0, 0, 0, 4, 8, 1, 0, 2, 0, 0, 0,
            0, 5, 7, 1, 0, 2, 4, 0, 0, 0, 3, 0,
        ]],
    );
    put(
        "segment_operations",
        "large",
        &[&[32, 0, 2, 0, 0, 200, 5, 1, 2, 3, 4, 3, 0, 1, 2, 100, 0, 20, 0, 0, 0, 0, 0, 5, 0, 0, 4]],
    );
}

pub(crate) fn lookups() {
    put("lookup", "query", &[&[0, 2], &[0xff; 10], &[0x0f]]);
    put("lookup", "query-padding", &[&[0, 2], &[0xff; 10], &[0x1f]]);
    put("lookup", "hint", &[&[1, 0], &HINT_MAGIC, &2_048u32.to_le_bytes(), &[7; 90]]);
    put("lookup", "hint-raw", &[&[2, 0], &HINT_MAGIC, &4_096u32.to_le_bytes()]);
    put("lookup", "answer", &[&[3, 0], &[0xa5; 99]]);
}
