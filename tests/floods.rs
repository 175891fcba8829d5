//! Too many, too slow, or silent: nobody can make the server forget the others.

use std::time::Duration;

use quinn::{ConnectionError, RecvStream};
use samar_protocol::limits::FETCH_BYTES_MAX;
use samar_protocol::manifest::sign;
use samar_protocol::wire::RefusalCode;
use samar_server::config::Limits;
use samar_server::{keys, published};
use samar_tests::{Bank, Batch, Caller, Dial, Scene, messages, niks};
use tokio::task::JoinSet;

/// Long after anything here should have happened.
const LONG: Duration = Duration::from_secs(60);

/// Calls as the bank until it is let in and answered.
async fn until_let_in(scene: &Scene) -> Caller {
    let trying = async {
        loop {
            if let Ok(caller) = scene.bank.dial().call(scene.serving.address).await
                && caller.send(&messages::allowance().encode().unwrap()).await.is_ok()
            {
                return caller;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(LONG, trying).await.expect("the bank is let in again")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_has_so_many_connections_and_no_more() {
    let scene = Scene::configured(|config| config.limits.connections_per_bank = 2).await;
    let second = scene.call().await;
    second.allowance().await;
    assert_eq!(scene.call().await.closed_with().await, Some(RefusalCode::Busy));
    // Those it has go on, and another bank is not concerned.
    second.allowance().await;
    scene.caller.allowance().await;
    let other = scene.operator.invite("bank-maju", None, None);
    let other = Bank::join(other, scene.serving.address).await;
    other.call(scene.serving.address).await.allowance().await;
    // One that was hung up makes room.
    second.hang_up().await;
    until_let_in(&scene).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_falls_silent_gives_its_seat_back() {
    let scene = Scene::configured(|config| {
        config.limits.connections_per_bank = 2;
        config.limits.deadline_s = 2;
    })
    .await;
    let silent = Dial { keep_alive: None, ..scene.bank.dial() }.call(scene.serving.address).await.unwrap();
    silent.allowance().await;
    // It never closes; only its silence can tell the server.
    assert!(matches!(silent.connection.closed().await, ConnectionError::TimedOut));
    until_let_in(&scene).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_that_stay_cannot_keep_banks_out() {
    let scene = Scene::configured(|config| {
        config.limits.connections = 3;
        config.limits.deadline_s = 2;
    })
    .await;
    // They show that they are still there, for ever, and ask nothing.
    let stranger = Dial::new(&scene.bank.invitation.ca_certificate);
    let mut strangers = Vec::new();
    let full = async {
        loop {
            match scene.bank.dial().call(scene.serving.address).await {
                Err(ConnectionError::ConnectionClosed(_)) => break,
                Err(error) => panic!("{error:?}"),
                Ok(caller) => caller.hang_up().await,
            }
            strangers.extend(stranger.call(scene.serving.address).await);
        }
    };
    tokio::time::timeout(LONG, full).await.expect("the house is full");
    let first = strangers.first().expect("a stranger that was let in");
    assert_eq!(first.closed_with().await, Some(RefusalCode::TooSlow), "its visit is over");
    until_let_in(&scene).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_must_prove_itself_still_gets_in() {
    // From no handshake in progress on: every address must.
    let scene = Scene::configured(|config| config.limits.retry_from = 0).await;
    scene.still_honest().await;
}

/// Fetches 2 MiB at a time over one connection and never reads. Returns the streams.
async fn stall(scene: &Scene, root: [u8; 32]) -> (Caller, Vec<RecvStream>) {
    let stalled = Dial { stream_window: Some(512), ..scene.bank.dial() };
    let stalled = stalled.call(scene.serving.address).await.unwrap();
    let request = messages::fetch(root, 0, FETCH_BYTES_MAX).encode().unwrap();
    let mut streams = Vec::new();
    for _ in 0..16 {
        let (mut send, recv) = stalled.begin(&request).await;
        send.finish().unwrap();
        streams.push(recv);
    }
    (stalled, streams)
}

/// A scene whose newest epoch names a segment of 2 MiB. What is in it does not matter here.
async fn with_a_large_segment(change: impl FnOnce(&mut Limits)) -> (Scene, [u8; 32]) {
    let mut scene = Scene::configured(|config| change(&mut config.limits)).await;
    let layout = &scene.operator.layout;
    let root = [9; 32];
    let mut manifest = scene.pins.manifest.clone();
    let before = &manifest.breaches[0].segments[0];
    // The header is a true one: a server opens nothing else.
    let mut bytes = std::fs::read(layout.segment(&before.root)).unwrap();
    bytes.truncate(before.page_bytes as usize);
    bytes.resize(FETCH_BYTES_MAX as usize, 7);
    std::fs::write(layout.segment(&root), bytes).unwrap();
    manifest.epoch = 2;
    manifest.previous = published::floor(layout).unwrap().hash.0;
    let segment = &mut manifest.breaches[0].segments[0];
    (segment.root, segment.file_bytes) = (root, FETCH_BYTES_MAX.into());
    let publisher = keys::publisher(layout).unwrap();
    std::fs::write(layout.manifest(2), sign(&manifest, &publisher).unwrap()).unwrap();
    scene.serving = scene.operator.serve_again(scene.serving).await;
    scene.caller = scene.call().await;
    (scene, root)
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_lie_unread_stay_within_the_banks_memory() {
    // Half of it is for bulk, seven eighths of that for what is not small, of which a bank holds an eighth of what it leaves free: six
    // answers of 2 MiB.
    let (scene, root) = with_a_large_segment(|limits| limits.memory_mib = 256).await;
    let (stalled, streams) = stall(&scene, root).await;
    let mut answered = JoinSet::new();
    for mut recv in streams {
        answered.spawn(async move {
            let byte = recv.read_chunk(1, true).await;
            (byte.is_ok_and(|byte| byte.is_some()), recv)
        });
    }
    let mut open = Vec::new();
    for _ in 0..6 {
        open.push(
            tokio::time::timeout(LONG, answered.join_next()).await.expect("answered").unwrap().unwrap(),
        );
    }
    assert!(open.iter().all(|(has_begun, _)| *has_begun));
    let seventh = tokio::time::timeout(Duration::from_secs(2), answered.join_next()).await;
    assert!(seventh.is_err(), "the seventh waits for one of the six");
    // Another bank does not even notice.
    let other = Bank::join(scene.operator.invite("bank-maju", None, None), scene.serving.address).await;
    let other = other.call(scene.serving.address).await;
    assert_eq!(Batch::new(&niks(0, 3), 1).evaluate(&other, &scene.pins).await.0, 3);
    // And this one is itself again once it has hung up.
    stalled.hang_up().await;
    scene.still_honest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stalls_is_given_up() {
    let (scene, root) = with_a_large_segment(|limits| limits.deadline_s = 2).await;
    let (_stalled, streams) = stall(&scene, root).await;
    let mut given_up = JoinSet::new();
    for mut recv in streams {
        // Without reading: the window stays shut.
        given_up.spawn(async move { recv.received_reset().await });
    }
    // There was room for six; the others have waited for it, and a refusal lies there for them.
    for _ in 0..6 {
        let reset = tokio::time::timeout(LONG, given_up.join_next()).await.expect("the server gives up");
        assert_eq!(reset.unwrap().unwrap().unwrap(), Some((RefusalCode::TooSlow as u32).into()));
    }
    scene.still_honest().await;
}
