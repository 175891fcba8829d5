//! A client that lies in what it sends. Every lie is refused with its own code, costs the bank nothing, and the next
//! honest request is answered on the same connection and on another ([`Scene::refuses`] shows all three).

use std::time::Duration;

use samar_protocol::limits::{BATCH_ELEMENTS_MAX, FETCH_BYTES_MAX, PREAMBLE_BYTES};
use samar_protocol::wire::{RefusalCode, Request};
use samar_tests::messages::{self, framed, patched};
use samar_tests::{Batch, Dial, Scene, niks};

/// Where fields of an evaluate request stand, counted from its first byte.
const SUITE_AT: usize = PREAMBLE_BYTES;
const KEY_ID_AT: usize = SUITE_AT + 2;
const EPOCH_AT: usize = KEY_ID_AT + 8;
const COUNT_AT: usize = EPOCH_AT + 8;
const EXTENSIONS_AT: usize = COUNT_AT + 4;
const BULK_AT: usize = EXTENSIONS_AT + 8;
/// And of a fetch request.
const LENGTH_AT: usize = PREAMBLE_BYTES + 32 + 8;

fn honest(scene: &Scene) -> Vec<u8> {
    Batch::new(&niks(0, 4), rand::random()).request(&scene.pins)
}

fn root(scene: &Scene) -> ([u8; 32], u64) {
    let segment = &scene.pins.manifest.breaches[0].segments[0];
    (segment.root, segment.file_bytes)
}

// R-WIRE-4: malformed
#[tokio::test(flavor = "multi_thread")]
async fn a_preamble_cut_short() {
    let scene = Scene::new().await;
    for length in [0, 1, PREAMBLE_BYTES - 1] {
        scene.refuses(&honest(&scene)[..length], RefusalCode::Malformed).await;
    }
}

// R-CODEC-1: malformed, R-WIRE-4: malformed
#[tokio::test(flavor = "multi_thread")]
async fn a_control_structure_cut_short() {
    let scene = Scene::new().await;
    for length in [PREAMBLE_BYTES, BULK_AT - 1] {
        scene.refuses(&honest(&scene)[..length], RefusalCode::Malformed).await;
    }
    // As long as it says, but with a field missing.
    scene.refuses(&framed(1, 4, &honest(&scene)[SUITE_AT..EXTENSIONS_AT]), RefusalCode::Malformed).await;
}

// R-WIRE-4: malformed
#[tokio::test(flavor = "multi_thread")]
async fn bulk_cut_short() {
    let scene = Scene::new().await;
    let whole = honest(&scene);
    for length in [BULK_AT, BULK_AT + 32, whole.len() - 1] {
        scene.refuses(&whole[..length], RefusalCode::Malformed).await;
    }
}

// R-WIRE-5: malformed, R-CODEC-2: malformed
#[tokio::test(flavor = "multi_thread")]
async fn bytes_after_the_end() {
    let scene = Scene::new().await;
    scene.refuses(&[honest(&scene), vec![0]].concat(), RefusalCode::Malformed).await;
    let question = messages::allowance().encode().unwrap();
    scene.refuses(&[question.as_slice(), &[0]].concat(), RefusalCode::Malformed).await;
    let control = [&question[PREAMBLE_BYTES..], &[0]].concat();
    scene.refuses(&framed(1, 8, &control), RefusalCode::Malformed).await;
}

// R-WIRE-3: malformed
#[tokio::test(flavor = "multi_thread")]
async fn a_control_structure_that_claims_to_be_huge() {
    let scene = Scene::new().await;
    for length in [64 * 1_024 + 1, u32::MAX] {
        let lie = patched(honest(&scene), 2, &length.to_le_bytes());
        scene.refuses(&lie, RefusalCode::Malformed).await;
    }
}

// R-CODEC-1: malformed
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_claims_to_be_huge() {
    let scene = Scene::new().await;
    for count in [2, 1 << 40, u64::MAX] {
        let lie = patched(honest(&scene), EXTENSIONS_AT, &count.to_le_bytes());
        scene.refuses(&lie, RefusalCode::Malformed).await;
    }
}

// R-OPRF-3: malformed
#[tokio::test(flavor = "multi_thread")]
async fn a_count_that_is_none_or_too_many() {
    let scene = Scene::new().await;
    let too_many = u32::try_from(BATCH_ELEMENTS_MAX).unwrap() + 1;
    for count in [0, too_many, u32::MAX] {
        let lie = patched(honest(&scene), COUNT_AT, &count.to_le_bytes());
        scene.refuses(&lie, RefusalCode::Malformed).await;
    }
}

// R-WIRE-4: malformed, R-WIRE-5: malformed
#[tokio::test(flavor = "multi_thread")]
async fn a_count_other_than_what_follows() {
    let scene = Scene::new().await;
    for count in [3u32, 5] {
        let lie = patched(honest(&scene), COUNT_AT, &count.to_le_bytes());
        scene.refuses(&lie, RefusalCode::Malformed).await;
    }
}

// R-WIRE-1: unsupported
#[tokio::test(flavor = "multi_thread")]
async fn another_version() {
    let scene = Scene::new().await;
    for version in [0, 2, 0xff] {
        scene.refuses(&patched(honest(&scene), 0, &[version]), RefusalCode::Unsupported).await;
    }
}

// R-WIRE-2: unsupported
#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_is_none() {
    let scene = Scene::new().await;
    // No kind at all, a response, a refusal.
    for kind in [0, 99, 0x84, 0xff] {
        scene.refuses(&patched(honest(&scene), 1, &[kind]), RefusalCode::Unsupported).await;
    }
}

// R-WIRE-8: unsupported
#[tokio::test(flavor = "multi_thread")]
async fn another_suite() {
    let scene = Scene::new().await;
    for suite in [0u16, 2, u16::MAX] {
        let lie = patched(honest(&scene), SUITE_AT, &suite.to_le_bytes());
        scene.refuses(&lie, RefusalCode::Unsupported).await;
    }
}

// R-CODEC-5: malformed
#[tokio::test(flavor = "multi_thread")]
async fn a_critical_extension_is_refused_and_another_skipped() {
    let scene = Scene::new().await;
    let extended = |id: u16| {
        let whole = honest(&scene);
        let extension =
            [[1u64.to_le_bytes().as_slice(), &id.to_le_bytes(), &2u64.to_le_bytes()].concat(), vec![7; 2]];
        let control = [&whole[SUITE_AT..EXTENSIONS_AT], &extension.concat()].concat();
        [framed(1, 4, &control), whole[BULK_AT..].to_vec()].concat()
    };
    scene.refuses(&extended(0x8001), RefusalCode::Malformed).await;
    assert_eq!(scene.caller.send(&extended(0x0001)).await.unwrap().refused(), None);
}

// R-OPRF-1: element-invalid
#[tokio::test(flavor = "multi_thread")]
async fn an_element_that_is_not_canonical() {
    let scene = Scene::new().await;
    // The field prime itself, a negative element, and 2^255 - 1, from RFC 9496 appendix A.3.
    let mut prime = [0xff; 32];
    (prime[0], prime[31]) = (0xed, 0x7f);
    let mut negative = [0; 32];
    negative[0] = 1;
    for lie in [prime, negative, [0xff; 32]] {
        for place in [0, 3] {
            let lie = patched(honest(&scene), BULK_AT + 32 * place, &lie);
            scene.refuses(&lie, RefusalCode::ElementInvalid).await;
        }
    }
}

// R-OPRF-1: element-invalid
#[tokio::test(flavor = "multi_thread")]
async fn the_identity_as_an_element() {
    let scene = Scene::new().await;
    let lie = patched(honest(&scene), BULK_AT + 32, &[0; 32]);
    scene.refuses(&lie, RefusalCode::ElementInvalid).await;
}

// R-WIRE-18: key-unknown
#[tokio::test(flavor = "multi_thread")]
async fn another_key_id() {
    let scene = Scene::new().await;
    let lie = patched(honest(&scene), KEY_ID_AT, &[0; 8]);
    scene.refuses(&lie, RefusalCode::KeyUnknown).await;
    // Said before the bulk is there, so that it need not be sent.
    scene.refuses(&lie[..BULK_AT], RefusalCode::KeyUnknown).await;
}

// R-WIRE-19: epoch-unknown
#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_to_come() {
    let scene = Scene::new().await;
    for epoch in [2, u64::MAX] {
        let lie = patched(honest(&scene), EPOCH_AT, &epoch.to_le_bytes());
        scene.refuses(&lie, RefusalCode::EpochUnknown).await;
        let lie = messages::manifest(Some(epoch)).encode().unwrap();
        scene.refuses(&lie, RefusalCode::EpochUnknown).await;
    }
}

// R-WIRE-10: range-unknown
#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_is_none() {
    let scene = Scene::new().await;
    let lie = messages::fetch([7; 32], 0, 1).encode().unwrap();
    scene.refuses(&lie, RefusalCode::RangeUnknown).await;
}

// R-WIRE-10: range-unknown
#[tokio::test(flavor = "multi_thread")]
async fn a_range_past_the_end() {
    let scene = Scene::new().await;
    let (root, bytes) = root(&scene);
    let length = u32::try_from(bytes).unwrap();
    for (offset, length) in [(0, length + 1), (1, length), (bytes, 1), (u64::MAX - 1, 1)] {
        let lie = messages::fetch(root, offset, length).encode().unwrap();
        scene.refuses(&lie, RefusalCode::RangeUnknown).await;
    }
    let whole = scene.caller.ask(&messages::fetch(root, 0, length), &[]).await;
    let file = std::fs::read(scene.operator.layout.segment(&root)).unwrap();
    assert!(whole.bulk == file, "the whole range is the file");
}

// R-WIRE-9: malformed
#[tokio::test(flavor = "multi_thread")]
async fn a_range_of_nothing_of_too_much_or_around_the_end_of_numbers() {
    let scene = Scene::new().await;
    let (root, _) = root(&scene);
    let honest = messages::fetch(root, 0, 1).encode().unwrap();
    for length in [0, FETCH_BYTES_MAX + 1, u32::MAX] {
        let lie = patched(honest.clone(), LENGTH_AT, &length.to_le_bytes());
        scene.refuses(&lie, RefusalCode::Malformed).await;
    }
    let lie = patched(honest, LENGTH_AT - 8, &u64::MAX.to_le_bytes());
    scene.refuses(&lie, RefusalCode::Malformed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_reset_in_the_middle() {
    let scene = Scene::new().await;
    let before = scene.caller.allowance().await;
    let whole = honest(&scene);
    for length in [1, PREAMBLE_BYTES + 1, BULK_AT + 33, whole.len()] {
        let (mut send, _recv) = scene.caller.begin(&whole[..length]).await;
        send.reset(0u32.into()).unwrap();
    }
    assert_eq!(scene.caller.allowance().await, before);
    scene.still_honest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_will_not_hear_its_answer() {
    let scene = Scene::new().await;
    let (_, recv) = scene.caller.begin(&honest(&scene)).await;
    drop(recv);
    // It asked for an answer and pays for it, whether it listens or not.
    let charged = async {
        while scene.caller.allowance().await.used_lifetime < 4 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), charged).await.expect("charged");
    scene.still_honest().await;
}

// R-WIRE-15: unauthenticated
#[tokio::test(flavor = "multi_thread")]
async fn no_certificate_asks_for_anything_but_join() {
    let scene = Scene::new().await;
    let stranger =
        Dial::new(&scene.bank.invitation.ca_certificate).call(scene.serving.address).await.unwrap();
    let (root, _) = root(&scene);
    let requests: [Request; 4] = [
        messages::manifest(None),
        messages::fetch(root, 0, 1),
        messages::evaluate(&scene.pins, 4),
        messages::allowance(),
    ];
    for request in requests {
        let bulk = if request.bulk_bytes() > 0 { &honest(&scene)[BULK_AT..] } else { &[] };
        let answer = stranger.ask(&request, bulk).await;
        assert_eq!(answer.refused(), Some((RefusalCode::Unauthenticated, None)), "{request:?}");
    }
    scene.still_honest().await;
}

// R-WIRE-16: too-slow
#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_stalls_is_told_so() {
    let scene = Scene::configured(|config| config.limits.deadline_s = 2).await;
    let before = scene.caller.allowance().await;
    let whole = honest(&scene);
    for length in [1, PREAMBLE_BYTES + 1, BULK_AT + 33, whole.len()] {
        let (send, recv) = scene.caller.begin(&whole[..length]).await;
        let answer = tokio::time::timeout(Duration::from_secs(60), scene.caller.answer(recv)).await;
        assert_eq!(answer.unwrap().unwrap().refused(), Some((RefusalCode::TooSlow, None)), "{length} bytes");
        drop(send);
    }
    assert_eq!(scene.caller.allowance().await, before);
    scene.still_honest().await;
}
