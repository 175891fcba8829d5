//! Messages to bytes and back, and bytes that are no message.

use proptest::prelude::*;

use super::*;
use crate::codec::Extension;
use crate::limits::{BATCH_ELEMENTS_MAX, FETCH_BYTES_MAX, LOOKUP_PAGES_MAX};

fn requests() -> Vec<Request> {
    let extensions = vec![Extension { id: 7, bytes: vec![1, 2, 3] }];
    vec![
        Request::Join(JoinRequest { token: [9; 32], csr: vec![0x30; 200], extensions: vec![] }),
        Request::Manifest(ManifestRequest { epoch: None, extensions: vec![] }),
        Request::Manifest(ManifestRequest { epoch: Some(3), extensions }),
        Request::Fetch(FetchRequest { root: [1; 32], offset: 8_192, length: 65_536, extensions: vec![] }),
        Request::Evaluate(EvaluateRequest {
            suite: 1,
            key_id: [2; 8],
            epoch: 5,
            count: 4_096,
            extensions: vec![],
        }),
        Request::Rekey(RekeyRequest {
            suite: 1,
            from_key_id: [2; 8],
            to_key_id: [3; 8],
            epoch: 6,
            count: 65_535,
            extensions: vec![],
        }),
        Request::Hint(HintRequest { root: [1; 32], offset: 2_097_152, length: 99, extensions: vec![] }),
        Request::Lookup(LookupRequest { root: [1; 32], pages: LOOKUP_PAGES_MAX, extensions: vec![] }),
        Request::Allowance(AllowanceRequest { extensions: vec![] }),
    ]
}

fn read(bytes: &[u8]) -> Result<Request, WireError> {
    let (preamble, control) = bytes.split_first_chunk::<PREAMBLE_BYTES>().unwrap();
    let preamble = Preamble::parse(*preamble)?;
    assert_eq!(preamble.control_bytes as usize, control.len());
    Request::decode(preamble.kind, control)
}

#[test]
fn every_request_reads_back_as_it_was_written() {
    for request in requests() {
        assert_eq!(read(&request.encode().unwrap()).unwrap(), request);
    }
}

#[test]
fn an_evaluate_request_byte_by_byte() {
    let request = EvaluateRequest { suite: 1, key_id: *b"KEYIDKEY", epoch: 2, count: 3, extensions: vec![] };
    let expected = [
        [1, 4].as_slice(),         // version, kind
        &[30, 0, 0, 0],            // control length
        &[1, 0],                   // suite
        b"KEYIDKEY",               // key id
        &[2, 0, 0, 0, 0, 0, 0, 0], // epoch
        &[3, 0, 0, 0],             // count
        &[0, 0, 0, 0, 0, 0, 0, 0], // no extensions
    ]
    .concat();
    assert_eq!(Request::Evaluate(request.clone()).encode().unwrap(), expected);
    assert_eq!(Request::Evaluate(request).bulk_bytes(), 96);
}

#[test]
fn a_request_cut_short_or_continued_is_refused_at_every_length() {
    for request in requests() {
        let bytes = request.encode().unwrap();
        let (kind, control) = (request.kind() as u8, &bytes[PREAMBLE_BYTES..]);
        for length in 0..control.len() {
            let error = Request::decode(kind, &control[..length]).unwrap_err();
            assert!(matches!(error, WireError::Control(CodecError::Malformed { .. })), "{error}");
        }
        let longer = [control, &[0]].concat();
        let error = Request::decode(kind, &longer).unwrap_err();
        assert!(matches!(error, WireError::Control(CodecError::Trailing { bytes: 1, .. })), "{error}");
    }
}

#[test]
fn preambles_are_refused_before_anything_is_allocated() {
    assert_eq!(Preamble::parse([2, 4, 0, 0, 0, 0]), Err(WireError::Version { got: 2 }));
    assert_eq!(Preamble::parse([1, 4, 1, 0, 1, 0]), Err(WireError::ControlTooLong { bytes: 65_537 }));
    assert_eq!(
        Preamble::parse([1, 4, 255, 255, 255, 255]),
        Err(WireError::ControlTooLong { bytes: u32::MAX })
    );
    assert_eq!(Request::decode(99, &[]), Err(WireError::Kind { got: 99 }));
    assert_eq!(Request::decode(9, &[]), Err(WireError::Kind { got: 9 }));
}

#[test]
fn rules_hold_on_both_sides() {
    let evaluate = |suite, count| {
        Request::Evaluate(EvaluateRequest { suite, key_id: [0; 8], epoch: 1, count, extensions: vec![] })
    };
    let fetch =
        |offset, length| Request::Fetch(FetchRequest { root: [0; 32], offset, length, extensions: vec![] });
    let rekey = |to: u8, epoch, count| {
        let [from_key_id, to_key_id] = [0, to].map(|byte| [byte; 8]);
        Request::Rekey(RekeyRequest { suite: 1, from_key_id, to_key_id, epoch, count, extensions: vec![] })
    };
    rekey(1, 1, 1).encode().unwrap();
    let hint =
        |offset, length| Request::Hint(HintRequest { root: [0; 32], offset, length, extensions: vec![] });
    let lookup = |pages| Request::Lookup(LookupRequest { root: [0; 32], pages, extensions: vec![] });
    assert_eq!(lookup(3).bulk_bytes(), 11);
    let critical = vec![Extension { id: Extension::CRITICAL | 1, bytes: vec![] }];
    let broken = [
        evaluate(1, 0),
        evaluate(1, BATCH_ELEMENTS_MAX as u32 + 1),
        rekey(1, 1, 0),
        hint(0, 0),
        hint(u64::MAX, 1),
        hint(0, FETCH_BYTES_MAX + 1),
        lookup(0),
        lookup(LOOKUP_PAGES_MAX + 1),
        rekey(1, 1, BATCH_ELEMENTS_MAX as u32 + 1),
        rekey(1, 0, 1),
        rekey(0, 1, 1),
        fetch(0, 0),
        fetch(0, FETCH_BYTES_MAX + 1),
        fetch(u64::MAX, 1),
        Request::Manifest(ManifestRequest { epoch: Some(0), extensions: vec![] }),
        Request::Allowance(AllowanceRequest { extensions: critical }),
        Request::Join(JoinRequest { token: [0; 32], csr: vec![], extensions: vec![] }),
    ];
    for request in broken {
        assert!(matches!(request.encode(), Err(CodecError::Rule { .. })), "{request:?}");
    }
    // And when the bytes come from a peer that does not check: an oversized count.
    let mut bytes = evaluate(1, 1).encode().unwrap();
    bytes[PREAMBLE_BYTES + 18..][..4].copy_from_slice(&65_536u32.to_le_bytes());
    assert!(matches!(read(&bytes), Err(WireError::Control(CodecError::Rule { .. }))));
}

#[test]
fn a_response_must_answer_what_was_asked() {
    let allowance = Response::Allowance(Allowance {
        per_day: 1,
        lifetime: 2,
        used_today: 0,
        used_lifetime: 0,
        next_day_s: 86_400,
        extensions: vec![],
    });
    let bytes = allowance.encode().unwrap();
    let control = &bytes[PREAMBLE_BYTES..];
    assert_eq!(Response::decode(RequestKind::Allowance, bytes[1], control).unwrap(), allowance);
    let misplaced = Response::decode(RequestKind::Evaluate, bytes[1], control);
    assert_eq!(misplaced, Err(WireError::Kind { got: 0x88 }));

    let refusal = Response::Refused(Refusal::new(RefusalCode::Busy).retry_after_ms(250));
    let bytes = refusal.encode().unwrap();
    for asked in [RequestKind::Join, RequestKind::Evaluate, RequestKind::Fetch] {
        assert_eq!(Response::decode(asked, bytes[1], &bytes[PREAMBLE_BYTES..]).unwrap(), refusal);
    }
}

#[test]
fn an_answer_is_charged_whole_or_not_at_all() {
    let rekeyed =
        |count, charged| Response::Rekeyed(Rekeyed { count, proof: [7; 64], charged, extensions: vec![] });
    for answer in [rekeyed(3, 0), rekeyed(3, 3)] {
        let bytes = answer.encode().unwrap();
        assert_eq!(bytes[1], 0x85);
        assert_eq!(Response::decode(RequestKind::Rekey, 0x85, &bytes[PREAMBLE_BYTES..]).unwrap(), answer);
        assert_eq!(answer.bulk_bytes(), 96);
    }
    for broken in [rekeyed(0, 0), rekeyed(65_536, 0), rekeyed(3, 1)] {
        assert!(broken.encode().is_err());
    }
}

#[test]
fn refusal_codes_are_a_table_without_gaps_and_its_texts_fit() {
    for (index, code) in RefusalCode::ALL.iter().enumerate() {
        assert_eq!(*code as usize, index + 1);
        assert_eq!(RefusalCode::from_number(*code as u16), Some(*code));
        Refusal::new(*code).check().unwrap();
    }
    assert_eq!(RefusalCode::from_number(0), None);
}

#[test]
fn a_terminal_escape_in_a_refusal_is_refused() {
    let mut refusal = Refusal::new(RefusalCode::Busy);
    refusal.text = "\u{1b}[2Jall clear".to_owned();
    assert!(Response::Refused(refusal).encode().is_err());
}

#[test]
fn a_backend_is_named_only_if_it_can_be_shown() {
    let allowance = |extensions: Vec<Extension>| Allowance {
        per_day: 1,
        lifetime: 2,
        used_today: 0,
        used_lifetime: 0,
        next_day_s: 86_400,
        extensions,
    };
    let named = |bytes: &[u8]| {
        let other = Extension { id: 7, bytes: b"other".to_vec() };
        let backend = Extension { id: EXTENSION_BACKEND, bytes: bytes.to_vec() };
        let bytes = Response::Allowance(allowance(vec![backend, other])).encode().unwrap();
        let decoded = Response::decode(RequestKind::Allowance, bytes[1], &bytes[PREAMBLE_BYTES..]).unwrap();
        let Response::Allowance(read) = decoded else { panic!("{decoded:?}") };
        read.backend().map(str::to_owned)
    };
    assert_eq!(named(b"ifma").as_deref(), Some("ifma"));
    let longest = "x".repeat(32);
    assert_eq!(named(longest.as_bytes()), Some(longest));
    for unfit in [b"".as_slice(), &[b'x'; 33], b"\x1b[2J", b"two words", "é".as_bytes(), &[0xff]] {
        assert_eq!(named(unfit), None, "{unfit:?}");
    }
    assert_eq!(allowance(vec![]).backend(), None, "an older server names none");
}

#[test]
fn a_token_does_not_print() {
    let request = Request::Join(JoinRequest { token: [0xab; 32], csr: vec![1], extensions: vec![] });
    let shown = format!("{request:?}");
    assert!(!shown.contains("171") && !shown.contains("ab, ab"), "{shown}");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(kind: u8, control in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(request) = Request::decode(kind, &control) {
            prop_assert_eq!(&request.encode().unwrap()[PREAMBLE_BYTES..], control.as_slice());
        }
        for asked in [RequestKind::Join, RequestKind::Manifest, RequestKind::Fetch, RequestKind::Evaluate, RequestKind::Rekey, RequestKind::Hint, RequestKind::Lookup, RequestKind::Allowance] {
            let _ = Response::decode(asked, kind, &control);
        }
    }
}
