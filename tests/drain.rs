//! Stopping and publishing under load: nobody who was being served is let down.

use std::path::Path;
use std::time::Duration;

use quinn::ConnectionError;
use samar_local::exit::Exit;
use samar_protocol::group::Backend;
use samar_protocol::wire::RefusalCode;
use samar_server::layout::Layout;
use samar_server::publish::publish;
use samar_server::serve::Server;
use samar_tests::{Batch, Caller, Pins, Scene, messages, niks};

/// Long after anything here should have happened, and well under the server's own deadline of 30 s where it says so.
const LONG: Duration = Duration::from_secs(60);

/// A request of which the second half is still to come, with the server known to be at work on it.
async fn half_sent(scene: &Scene, batch: &Batch) -> (quinn::SendStream, quinn::RecvStream, Vec<u8>) {
    let request = batch.request(&scene.pins);
    let (first, second) = request.split_at(request.len() / 2);
    let (send, recv) = scene.caller.begin(first).await;
    // Streams are taken in the order they were opened: once a later one is answered, this one was taken.
    scene.caller.allowance().await;
    (send, recv, second.to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_is_answered_and_nothing_new_is_taken() {
    let mut scene = Scene::new().await;
    let batch = Batch::new(&niks(0, 50), 7);
    let (mut send, recv, rest) = half_sent(&scene, &batch).await;
    scene.serving.drain();

    // New connections are refused, as soon as the server has seen that it is to stop.
    let refused = async {
        loop {
            match scene.bank.dial().call(scene.serving.address).await {
                Err(ConnectionError::ConnectionClosed(_)) => return,
                Err(error) => panic!("{error:?}"),
                Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(LONG, refused).await.expect("refused");

    // The one from before is answered, rightly, and only then the connection ends.
    let late = scene.caller.begin(&messages::allowance().encode().unwrap()).await;
    send.write_all(&rest).await.unwrap();
    send.finish().unwrap();
    let answer = scene.caller.answer(recv).await.unwrap();
    let (charged, elements) = batch.open(&scene.pins, &answer);
    assert_eq!(charged, 50);
    assert!(elements == scene.elements(&niks(0, 50)));
    assert_eq!(scene.caller.closed_with().await, Some(RefusalCode::Draining));
    assert!(scene.caller.answer(late.1).await.is_err(), "what came after the drain began is not answered");
    scene.serving.ended().await.unwrap();

    // And the debit is there.
    let serving = scene.operator.serve();
    let caller = scene.bank.call(serving.address).await;
    assert_eq!(caller.allowance().await.used_lifetime, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_do_not_hold_a_stop_up() {
    let mut scene = Scene::new().await;
    let other = scene.call().await;
    other.allowance().await;
    scene.serving.drain();
    // Half of the 30 s that a silent peer may take in other places.
    tokio::time::timeout(Duration::from_secs(15), scene.serving.ended()).await.expect("at once").unwrap();
    assert_eq!(other.closed_with().await, Some(RefusalCode::Draining));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_can_be_served_again_at_once() {
    let mut scene = Scene::new().await;
    for _ in 0..3 {
        scene.serving = scene.operator.serve_again(scene.serving).await;
        scene.caller = scene.call().await;
        scene.still_honest().await;
    }
}

/// One of everything a bank asks, against what it pinned.
async fn everything(caller: &Caller, pins: &Pins) {
    let batch = Batch::new(&niks(10, 3), rand::random());
    assert_eq!(batch.evaluate(caller, pins).await.0, 3);
    let segment = &pins.manifest.breaches[0].segments[0];
    let length = u32::try_from(segment.file_bytes).unwrap();
    let fetched = caller.ask(&messages::fetch(segment.root, 0, length), &[]).await;
    assert_eq!(fetched.refused(), None);
    assert_eq!(caller.ask(&messages::manifest(Some(pins.manifest.epoch)), &[]).await.refused(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_is_taken_up_without_failing_a_request() {
    let scene = Scene::new().await;
    let old = scene.pins.clone();
    // The same breach grows, so its segment is another file; and a second breach comes.
    scene.operator.ingest("breach-a", &niks(200, 40));
    scene.operator.ingest("breach-b", &niks(0, 10));
    let published = scene.operator.publish();
    let taken_up = async {
        loop {
            // A bank that is in the middle of downloading the epoch before is not to be turned away.
            everything(&scene.caller, &old).await;
            let newest = Pins::take(&scene.caller, &scene.bank.invitation).await;
            if newest.manifest.epoch == 2 {
                return newest;
            }
        }
    };
    let newest = tokio::time::timeout(LONG, taken_up).await.expect("taken up");
    assert_eq!(newest.manifest, published.manifest);
    assert_ne!(newest.manifest.breaches[0].segments, old.manifest.breaches[0].segments);
    for pins in [&newest, &old] {
        everything(&scene.caller, pins).await;
        everything(&scene.call().await, pins).await;
    }
    scene.serving.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_after_a_publication_is_given_it() {
    let scene = Scene::new().await;
    for epoch in 2..5 {
        scene.operator.ingest("breach-b", &niks(100 * epoch, 10));
        let published = scene.operator.publish();
        // At once: not when the server looks by itself.
        let pins = Pins::take(&scene.caller, &scene.bank.invitation).await;
        assert_eq!(pins.manifest.epoch, u64::from(epoch));
        assert!(pins.manifest == published.manifest);
        assert_eq!(Batch::new(&niks(0, 4), epoch.into()).evaluate(&scene.caller, &pins).await.0, 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_names_a_missing_file_is_not_taken_up_and_stops_a_start() {
    let scene = Scene::new().await;
    let layout = &scene.operator.layout;
    // What is published elsewhere, and copied without its segments.
    let elsewhere = Layout::new(scene.operator.outside().join("elsewhere"));
    copy(layout.root(), elsewhere.root());
    scene.operator.ingest("breach-b", &niks(200, 10)); // only so that the dump is there
    let _ = std::fs::remove_dir_all(elsewhere.vault());
    copy(&layout.vault(), &elsewhere.vault());
    publish(&elsewhere, 16 << 20).unwrap();
    std::fs::copy(elsewhere.manifest(2), layout.manifest(2)).unwrap();

    for _ in 0..2 {
        let pins = Pins::take(&scene.caller, &scene.bank.invitation).await;
        assert_eq!(pins.manifest.epoch, 1, "the old one goes on being served");
    }
    scene.still_honest().await;
    let Scene { operator, serving, .. } = scene;
    serving.stop().await;
    let failure = Server::start(&operator.layout, Backend::best()).map(drop).unwrap_err();
    assert_eq!(failure.exit(), Exit::Local);
    let said = failure.to_string();
    assert!(said.contains(".segment is missing") && said.contains("the manifest names it"), "{said}");
    copy(&elsewhere.segments(), &operator.layout.segments());
    operator.serve().stop().await;
}

/// Copies the files of a folder, and what is below it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}
