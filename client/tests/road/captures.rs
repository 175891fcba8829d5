//! Captures of private lookups: a hit, a miss and a wrong page are the same exchanges, of the same lengths, in the same number.

use samar::lookup::LookupMode;
use samar::sync::sync_for_lookups;
use samar_local::exit::Exit;
use samar_protocol::invitation::Invitation;
use samar_protocol::manifest::SegmentKind::Base;
use samar_protocol::wire::{Request, RequestKind};

use super::bank::{Bank, entries};
use super::lies::change_bulk;
use super::lookups::{bank, check};
use super::operator::Operator;
use super::relay::Relay;

/// What shows on the wire: each request's kind, root, count and bytes.
fn shown(asked: &[Request]) -> Vec<String> {
    asked.iter().map(|request| format!("{:?} and {} bytes", request, request.bulk_bytes())).collect()
}

/// The capture of a hit, a miss and a wrong page: the same requests, of the same lengths, in the same number.
// R-LOOK-8: 5
#[test]
fn a_hit_a_miss_and_a_wrong_page_look_the_same_on_the_wire() {
    let operator = Operator::start();
    operator.offer_lookups();
    operator.publish(&[(Base, &entries(0..500)), (Base, &entries(200..900))]);
    let bank = bank(&operator);
    check(&bank, LookupMode::Always, &[1]).unwrap();
    let captured = |numbers: &[usize]| {
        operator.asked();
        let said = check(&bank, LookupMode::Always, numbers);
        let mut shown = shown(&operator.asked());
        shown.sort(); // whichever stream the connection happened to carry first
        (said, shown)
    };
    let (hits, of_hits) = captured(&[1, 2, 300]);
    assert!(hits.unwrap().iter().all(|said| said.starts_with("exposed")));
    let (misses, of_misses) = captured(&[7_001, 7_002, 7_003]);
    assert!(misses.unwrap().iter().all(|said| said.starts_with("clear")));
    operator.lie(change_bulk(RequestKind::Lookup, |bulk| bulk.iter_mut().for_each(|byte| *byte ^= 0x55)));
    let (wrong, of_wrong) = captured(&[1, 2, 300]);
    let failure = wrong.unwrap_err();
    assert_eq!(failure.exit(), Exit::Peer, "{failure}");
    assert!(failure.to_string().contains("does not match its hash in the directory"), "{failure}");
    assert_eq!(
        of_hits.len(),
        1 + 3 * 2,
        "one evaluation, and for each NIK a query to each base: {of_hits:?}"
    );
    assert_eq!(of_hits, of_misses);
    assert_eq!(of_hits, of_wrong);
}

/// What is captured: customers who are exposed, customers who are not, and pages that are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Hit,
    Miss,
    WrongPage,
}

/// A check as it shows on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Capture {
    /// Of each stream the bytes to the operator and from him, and how the bank closed the connection.
    exchanged: Vec<String>,
    /// Datagrams beyond acknowledgements, to the operator and from him: how many, and their bytes.
    datagrams: [(usize, usize); 2],
}

/// Payload of a datagram from which on it carries more than acknowledgements and the ends of streams.
const LARGE_BYTES: usize = 400;
/// Datagrams, and bytes, in which captures of one and the same check differ, whatever was asked: one that is sent once more, one that
/// tries how long they may be. A single answer has 3.3 KB, a single query 112 KB.
const NOISE: (usize, usize) = (2, 2_600);

/// What a check of these numbers shows on a quiet wire, in a base of 65 MB. It came to what its kind does.
fn capture(relay: &Relay, operator: &Operator, bank: &Bank, kind: Kind, numbers: &[usize]) -> Capture {
    match kind {
        Kind::WrongPage => operator.lie(change_bulk(RequestKind::Lookup, |bulk| {
            bulk.iter_mut().for_each(|byte| *byte ^= 0x55);
        })),
        Kind::Hit | Kind::Miss => operator.be_honest(),
    }
    relay.capture();
    operator.exchanged();
    let said = check(bank, LookupMode::Auto, numbers);
    let seen = relay.capture();
    match kind {
        Kind::Hit => assert!(said.unwrap().iter().all(|said| said.starts_with("exposed"))),
        Kind::Miss => assert!(said.unwrap().iter().all(|said| said.starts_with("clear"))),
        Kind::WrongPage => assert_eq!(said.unwrap_err().exit(), Exit::Peer),
    }
    let mut exchanged = operator.exchanged();
    exchanged.sort(); // whichever stream the connection happened to carry first
    let datagrams = [true, false].map(|to_server| {
        let large = seen.iter().filter(|seen| seen.to_server == to_server && seen.bytes > LARGE_BYTES);
        (large.clone().count(), large.map(|seen| seen.bytes).sum())
    });
    Capture { exchanged, datagrams }
}

/// The capture of a hit, a miss and a wrong page below the requests. Streams and the end of the connection must be the same to the
/// byte. Of datagrams no two captures are equal, even of one and the same check: how many acknowledgements there are follows the clock.
/// So the leanest of several captures of each kind, taken in turn, are compared by what is no acknowledgement; and a check of one
/// customer more shows what difference an exchange would make.
#[test]
fn streams_and_datagrams_of_a_hit_a_miss_and_a_wrong_page_are_the_same() {
    const ROUNDS: usize = 3;
    let operator = Operator::start();
    operator.offer_lookups();
    operator.publish_large(&[(Base, &entries(0..500))]);
    let relay = Relay::before(operator.address);
    let bank = Bank::new();
    let invitation = Invitation { address: relay.address.to_string(), ..operator.invitation() };
    bank.join_by(&invitation, None).unwrap();
    bank.runtime.block_on(sync_for_lookups(&bank.home())).unwrap();
    let kinds: [(Kind, &[usize]); 4] = [
        (Kind::Hit, &[1, 2, 300]),
        (Kind::Miss, &[7_001, 7_002, 7_003]),
        (Kind::WrongPage, &[1, 2, 300]),
        (Kind::Hit, &[1, 2, 300, 301]),
    ];
    let mut captures = kinds.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for ((kind, numbers), captures) in kinds.iter().zip(&mut captures) {
            captures.push(capture(&relay, &operator, &bank, *kind, numbers));
        }
    }
    let [hit, miss, wrong, one_more] = &captures;
    let exchanged = &hit[0].exchanged;
    assert_eq!(exchanged.len(), 1 + 3 + 1, "an evaluation, three lookups and the end: {exchanged:?}");
    for of_kind in [hit, miss, wrong] {
        assert!(of_kind.iter().all(|capture| capture.exchanged == *exchanged), "{captures:#?}");
    }
    let leanest = |captures: &[Capture], direction: usize| {
        let datagrams = || captures.iter().map(|capture| capture.datagrams[direction]);
        (
            datagrams().map(|(count, _)| count).min().unwrap(),
            datagrams().map(|(_, bytes)| bytes).min().unwrap(),
        )
    };
    for direction in [0, 1] {
        let of_hit = leanest(hit, direction);
        let apart = |captures: &[Capture]| {
            let of_other = leanest(captures, direction);
            (of_hit.0.abs_diff(of_other.0), of_hit.1.abs_diff(of_other.1))
        };
        for other in [miss, wrong] {
            let (count, bytes) = apart(other);
            assert!(count <= NOISE.0 && bytes <= NOISE.1, "{captures:#?}");
        }
        let (count, bytes) = apart(one_more);
        assert!(count > NOISE.0 && bytes > NOISE.1, "an exchange more would not be seen: {captures:#?}");
    }
}
