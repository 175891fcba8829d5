//! Private lookups at a server that runs: answers against the segment in plain, what is refused, what is charged and when.

use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use samar_protocol::limits::PREAMBLE_BYTES;
use samar_protocol::lookup::{Client, Hint, HintNote, Kernel, Shape, hint_bytes};
use samar_protocol::segment::{Header, SegmentIndex, SegmentRoot};
use samar_protocol::wire::{RefusalCode, Response};
use samar_server::audit::Audit;
use samar_server::config::Lookup;
use samar_tests::messages::{self, patched};
use samar_tests::{Caller, Scene, niks};

const LOOKUPS: u64 = 6;
const DAY_S: u64 = 86_400;

/// A segment as the operator's files have it, and what a bank needs to look in it.
struct Published {
    root: [u8; 32],
    file: Vec<u8>,
    pages: u32,
    index: SegmentIndex,
    note: HintNote,
}

impl Published {
    fn of(scene: &Scene) -> Self {
        let reference = &scene.pins.manifest.breaches[0].segments[0];
        let file = std::fs::read(scene.operator.layout.segment(&reference.root)).unwrap();
        let block = &file[..reference.page_bytes as usize];
        let header = Header::parse(block).unwrap();
        let directory = &file[usize::try_from(header.directory_offset()).unwrap()..];
        let index = SegmentIndex::parse(block, directory, &SegmentRoot(reference.root)).unwrap();
        let (pages, note) = (header.pages(), header.lookup().unwrap());
        Self { root: reference.root, file, pages, index, note }
    }

    async fn client(&self, caller: &Caller) -> Client {
        let length = u32::try_from(hint_bytes(2_048)).unwrap();
        let mut hint = Vec::new();
        for offset in (0..length).step_by(1 << 20) {
            let part = (length - offset).min(1 << 20);
            let answer = caller.ask(&messages::hint(self.root, offset.into(), part), &[]).await;
            assert_eq!(answer.refused(), None);
            hint.extend(answer.bulk);
        }
        let hint = Hint::parse(&hint, &self.note, 2_048).unwrap();
        let shape = Shape::new(2_048, self.pages).unwrap();
        Client::new(Kernel::best(), shape, self.index.lookup_seed(), hint).unwrap()
    }

    fn page(&self, page: u32) -> &[u8] {
        &self.file[(page as usize + 1) * 2_048..][..2_048]
    }

    /// A query that hides nothing, for what only has to be counted.
    fn query(&self) -> Vec<u8> {
        let bulk = vec![0; Shape::new(2_048, self.pages).unwrap().query_bytes()];
        [messages::lookup(self.root, self.pages).encode().unwrap(), bulk].concat()
    }
}

/// An operator with private lookups in every base, a few thousand entries, and few lookups in a day.
async fn scene() -> Scene {
    let operator = samar_tests::Operator::configured(|config| {
        config.lookup = Lookup::All;
        config.lookups_per_day = LOOKUPS;
    });
    operator.ingest("breach-a", &niks(100, 3_000));
    samar_server::publish::publish_as(
        &operator.layout,
        &samar_server::publish::Plan {
            memory_bytes: 16 << 20,
            compact: true,
            new_publisher: false,
            trust_clock: false,
        },
    )
    .unwrap();
    Scene::of(operator).await
}

/// Lookups in the log.
fn charged(scene: &Scene) -> u64 {
    let audit = Audit::open(&scene.operator.layout.account_log()).unwrap();
    audit.banks.get("bank-jaya").map_or(0, |sums| sums.lookups)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_comes_out_as_it_stands_in_the_file() {
    let scene = scene().await;
    let published = Published::of(&scene);
    assert!(published.pages > 4, "{} pages", published.pages);
    let client = published.client(&scene.caller).await;
    let mut prepared = client.prepare(4, &mut StdRng::seed_from_u64(1)).into_iter();
    // All at once, so that they share passes.
    let mut asked = Vec::new();
    for page in [0, published.pages - 1, 2, 2] {
        let (query, pending) = prepared.next().unwrap().query(page).unwrap();
        let request = messages::lookup(published.root, published.pages).encode().unwrap();
        let (mut send, receive) = scene.caller.begin(&[request, query.into_bytes()].concat()).await;
        send.finish().unwrap();
        asked.push((page, pending, receive));
    }
    for (page, pending, receive) in asked {
        let answer = scene.caller.answer(receive).await.unwrap();
        let Response::LookedUp(looked_up) = answer.response else { panic!("{:?}", answer.response) };
        assert_eq!(looked_up.page_bytes, 2_048);
        assert_eq!(pending.recover(&answer.bulk).unwrap().as_slice(), published.page(page));
    }
    assert_eq!(charged(&scene), 4, "each is in the log before its answer leaves");
    assert_eq!(scene.caller.allowance().await.used_lifetime, 0, "evaluations are another account");
}

// R-LOOK-1: malformed, R-LOOK-2: malformed, R-WIRE-10: range-unknown
#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_never_charged() {
    let scene = scene().await;
    let published = Published::of(&scene);
    let query = published.query();
    let (root_at, pages_at) = (PREAMBLE_BYTES, PREAMBLE_BYTES + 32);
    for pages in [0, published.pages - 1, published.pages + 1, 200_001, u32::MAX] {
        scene.refuses(&patched(query.clone(), pages_at, &pages.to_le_bytes()), RefusalCode::Malformed).await;
    }
    scene.refuses(&query[..query.len() - 1], RefusalCode::Malformed).await;
    scene.refuses(&[query.as_slice(), &[0]].concat(), RefusalCode::Malformed).await;
    if published.pages % 2 == 1 {
        let padded = patched(query.clone(), query.len() - 1, &[0x10]);
        scene.refuses(&padded, RefusalCode::Malformed).await;
    }
    scene.refuses(&patched(query.clone(), root_at, &[0; 32]), RefusalCode::RangeUnknown).await;
    let past = messages::hint(published.root, hint_bytes(2_048) as u64, 1).encode().unwrap();
    scene.refuses(&past, RefusalCode::RangeUnknown).await;
    assert_eq!(charged(&scene), 0);
}

// R-LOOK-3: lookup-none
#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_was_published_without_lookups_has_none() {
    let scene = Scene::new().await;
    let root = scene.pins.manifest.breaches[0].segments[0].root;
    scene.refuses(&messages::hint(root, 0, 9).encode().unwrap(), RefusalCode::LookupNone).await;
    let query = [messages::lookup(root, 1).encode().unwrap(), vec![0; 4]].concat();
    scene.refuses(&query, RefusalCode::LookupNone).await;
    assert_eq!(charged(&scene), 0);
}

// R-LOOK-4: lookup-allowance-used
#[tokio::test(flavor = "multi_thread")]
async fn a_day_has_so_many_lookups_over_all_connections_and_restarts() {
    let mut scene = scene().await;
    let published = Published::of(&scene);
    let query = published.query();
    for _ in 0..LOOKUPS - 1 {
        assert_eq!(scene.caller.send(&query).await.unwrap().refused(), None);
    }
    scene.serving = scene.operator.serve_again(scene.serving).await;
    scene.caller = scene.bank.call(scene.serving.address).await;
    assert_eq!(scene.caller.send(&query).await.unwrap().refused(), None);
    let other = scene.call().await;
    for caller in [&scene.caller, &other] {
        let (code, retry_after_ms) = caller.send(&query).await.unwrap().refused().unwrap();
        assert_eq!(code, RefusalCode::LookupAllowanceUsed);
        let until_midnight = DAY_S - samar::people::now_s() % DAY_S;
        let waits = u64::from(retry_after_ms.unwrap()) / 1_000;
        assert!(waits <= until_midnight + 5 && waits + 30 >= until_midnight, "{waits} s");
    }
    other.hang_up().await;
    assert_eq!(charged(&scene), LOOKUPS);
    scene.still_honest().await;
}

/// Who hangs up is charged for what was taken up, and nobody waits for it: the same segment answers others.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_whose_bank_went_away_holds_up_nobody() {
    let scene = scene().await;
    let published = Published::of(&scene);
    for _ in 0..2 {
        let gone = scene.call().await;
        let (mut send, _receive) = gone.begin(&published.query()).await;
        let _ = send.finish();
        gone.hang_up().await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let before = charged(&scene);
    assert!(before <= 2);
    let answer = scene.caller.send(&published.query()).await.unwrap();
    assert!(matches!(answer.response, Response::LookedUp(_)), "{:?}", answer.response);
    assert!(charged(&scene) > before);
}
