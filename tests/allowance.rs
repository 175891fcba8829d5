//! The allowance over the wire: charged once, durably, and never exceeded.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use samar_protocol::manifest::sign;
use samar_protocol::wire::{Allowance, RefusalCode, Response};
use samar_server::accounts::Accounts;
use samar_server::{keys, published};
use samar_tests::{Bank, Batch, Caller, Operator, Pins, Scene, niks};
use tokio::task::JoinSet;

const DAY_S: u64 = 86_400;

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A scene whose bank has this allowance, on a day with a minute left at least: at midnight the day's count begins anew.
async fn scene(per_day: u64, lifetime: u64) -> Scene {
    let left_s = DAY_S - now_s() % DAY_S;
    if left_s < 60 {
        tokio::time::sleep(Duration::from_secs(left_s + 1)).await;
    }
    Scene::configured(|config| (config.per_day, config.lifetime) = (per_day, lifetime)).await
}

fn batch(first: u32, count: u32) -> Batch {
    Batch::new(&niks(first, count), rand::random())
}

fn used(allowance: &Allowance) -> (u64, u64) {
    (allowance.used_today, allowance.used_lifetime)
}

async fn evaluate(scene: &Scene, batch: &Batch) -> u32 {
    batch.evaluate(&scene.caller, &scene.pins).await.0
}

async fn refused(scene: &Scene, batch: &Batch) -> Option<(RefusalCode, Option<u32>)> {
    scene.caller.send(&batch.request(&scene.pins)).await.unwrap().refused()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_charged_is_what_was_asked_to_the_element() {
    let scene = scene(1_000, 2_000).await;
    let fresh = scene.caller.allowance().await;
    assert_eq!((fresh.per_day, fresh.lifetime, used(&fresh)), (1_000, 2_000, (0, 0)));
    assert!(fresh.next_day_s > now_s() && fresh.next_day_s.is_multiple_of(DAY_S));
    let mut sum = 0;
    for count in [1, 7, 50] {
        assert_eq!(evaluate(&scene, &batch(0, count)).await, count);
        sum += u64::from(count);
        assert_eq!(used(&scene.caller.allowance().await), (sum, sum));
    }
    let log = scene.operator.layout.account_log();
    let on_disk = Accounts::standing(&log).unwrap().usage("bank-jaya", now_s());
    assert_eq!((on_disk.today, on_disk.lifetime), (sum, sum));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_batch_again_is_free_and_its_answer_as_good() {
    let mut scene = scene(100, 100).await;
    let batch = batch(50, 20);
    let expected = scene.elements(&niks(50, 20));
    for (turn, charged) in [20, 0, 0].into_iter().enumerate() {
        let (found, elements) = batch.evaluate(&scene.caller, &scene.pins).await;
        assert_eq!(found, charged, "turn {turn}");
        assert!(elements == expected);
        scene.caller = scene.call().await;
    }
    // After a restart too: the log is all the memory there is.
    scene.serving = scene.operator.serve_again(scene.serving).await;
    scene.caller = scene.call().await;
    assert_eq!(evaluate(&scene, &batch).await, 0);
    assert_eq!(used(&scene.caller.allowance().await), (20, 20));
    // Other blinds over the same numbers are another batch: the server cannot know.
    assert_eq!(evaluate(&scene, &self::batch(50, 20)).await, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_batch_of_another_bank_is_another_batch() {
    let scene = scene(100, 100).await;
    let batch = batch(0, 5);
    assert_eq!(evaluate(&scene, &batch).await, 5);
    let other = Bank::join(scene.operator.invite("bank-maju", None, None), scene.serving.address).await;
    let other = other.call(scene.serving.address).await;
    assert_eq!(batch.evaluate(&other, &scene.pins).await.0, 5);
    assert_eq!(used(&other.allowance().await), (5, 5));
}

// R-ALLOW-6: internal
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_charged_while_the_newest_manifest_is_one_that_no_client_would_use() {
    let operator = Operator::new();
    let mut manifest = published::read_manifest(&operator.layout, 1).unwrap().manifest().clone();
    (manifest.created_s, manifest.valid_until_s) = (now_s() - 10 * DAY_S, now_s() - 2 * DAY_S);
    let signed = sign(&manifest, &keys::publisher(&operator.layout).unwrap()).unwrap();
    std::fs::write(operator.layout.manifest(1), signed).unwrap();
    let scene = Scene::of(operator).await;
    assert_eq!(refused(&scene, &batch(0, 5)).await.unwrap().0, RefusalCode::Internal);
    assert_eq!(used(&scene.caller.allowance().await), (0, 0));
    // The operator publishes, and the same server goes on.
    scene.operator.publish();
    let began = Instant::now();
    while refused(&scene, &batch(0, 5)).await.is_some() {
        assert!(began.elapsed() < Duration::from_secs(60), "it is refused still");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(used(&scene.caller.allowance().await), (5, 5));
}

// R-ALLOW-1: day-allowance-used
#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_does_not_cover_a_batch_says_when_the_next_begins() {
    let scene = scene(10, 1_000).await;
    let first = batch(0, 6);
    assert_eq!(evaluate(&scene, &first).await, 6);
    let Some((code, Some(retry_after_ms))) = refused(&scene, &batch(6, 5)).await else { panic!("no time") };
    assert_eq!(code, RefusalCode::DayAllowanceUsed);
    let said_s = now_s() + u64::from(retry_after_ms) / 1_000;
    assert!(said_s.abs_diff(scene.caller.allowance().await.next_day_s) <= 30, "at midnight UTC");
    // The refused batch cost nothing, what is left can be used, and what was paid for stays free.
    assert_eq!(evaluate(&scene, &batch(6, 4)).await, 4);
    assert_eq!(evaluate(&scene, &first).await, 0);
    assert_eq!(
        refused(&scene, &batch(20, 1)).await.map(|(code, _)| code),
        Some(RefusalCode::DayAllowanceUsed)
    );
    assert_eq!(used(&scene.caller.allowance().await), (10, 10));
}

// R-ALLOW-2: lifetime-allowance-used
#[tokio::test(flavor = "multi_thread")]
async fn a_lifetime_that_does_not_cover_a_batch_names_no_time() {
    let scene = scene(1_000, 10).await;
    assert_eq!(evaluate(&scene, &batch(0, 9)).await, 9);
    assert_eq!(refused(&scene, &batch(9, 2)).await, Some((RefusalCode::LifetimeAllowanceUsed, None)));
    assert_eq!(evaluate(&scene, &batch(9, 1)).await, 1);
    assert_eq!(used(&scene.caller.allowance().await), (10, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_allowance_counts_for_a_connection_that_is_open() {
    let scene = scene(1_000, 10).await;
    assert_eq!(evaluate(&scene, &batch(0, 10)).await, 10);
    let code = async |batch: &Batch| refused(&scene, batch).await.map(|(code, _)| code);
    assert_eq!(code(&batch(10, 1)).await, Some(RefusalCode::LifetimeAllowanceUsed));
    scene.operator.invite("bank-jaya", None, Some(11));
    assert_eq!(evaluate(&scene, &batch(10, 1)).await, 1);
    // And downwards: what was used stays used.
    scene.operator.invite("bank-jaya", Some(5), Some(1_000));
    assert_eq!(code(&batch(11, 1)).await, Some(RefusalCode::DayAllowanceUsed));
    assert_eq!(used(&scene.caller.allowance().await), (11, 11));
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_restart_nor_a_new_key_nor_an_epoch_hands_anything_back() {
    let mut scene = scene(1_000, 10).await;
    assert_eq!(evaluate(&scene, &batch(0, 10)).await, 10);
    scene.serving = scene.operator.serve_again(scene.serving).await;
    let again = scene.operator.invite("bank-jaya", None, None);
    scene.bank = Bank::join(again, scene.serving.address).await;
    scene.operator.ingest("breach-b", &niks(100, 5));
    scene.operator.publish();
    scene.serving = scene.operator.serve_again(scene.serving).await;
    scene.caller = scene.call().await;
    scene.pins = Pins::take(&scene.caller, &scene.bank.invitation).await;
    assert_eq!(scene.pins.manifest.epoch, 2);
    assert_eq!(used(&scene.caller.allowance().await), (10, 10));
    assert_eq!(refused(&scene, &batch(9, 1)).await, Some((RefusalCode::LifetimeAllowanceUsed, None)));
}

/// Sends every batch at once, by turns over the callers; `None` where there was no answer.
async fn race(callers: [&Caller; 2], pins: &Pins, batches: &[Batch]) -> Vec<Option<Option<u32>>> {
    let mut racing = JoinSet::new();
    for (index, batch) in batches.iter().cloned().enumerate() {
        let (connection, pins) = (callers[index % 2].connection.clone(), pins.clone());
        racing.spawn(async move {
            let answer = Caller::over(connection).send(&batch.request(&pins)).await.ok()?;
            Some((answer.refused().is_none()).then(|| batch.open(&pins, &answer).0))
        });
    }
    racing.join_all().await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_connections_racing_never_exceed_the_allowance() {
    let scene = scene(1_000, 100).await;
    let other = scene.call().await;
    let batches: Vec<_> = (0..40).map(|i| batch(i, 7)).collect();
    let outcomes = race([&scene.caller, &other], &scene.pins, &batches).await;
    let charged: u32 = outcomes.iter().flatten().flatten().sum();
    assert_eq!(outcomes.iter().flatten().count(), 40, "every batch has an answer");
    assert_eq!(charged, 98, "as many whole batches of 7 as 100 covers");
    assert_eq!(used(&other.allowance().await), (98, 98));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_batch_sent_many_times_at_once_is_charged_once() {
    let scene = scene(1_000, 1_000).await;
    let other = scene.call().await;
    let batches = vec![batch(0, 30); 12];
    let outcomes = race([&scene.caller, &other], &scene.pins, &batches).await;
    let mut charged: Vec<u32> = outcomes.into_iter().flatten().flatten().collect();
    charged.sort_unstable();
    assert_eq!(charged, [vec![0; 11], vec![30]].concat());
    assert_eq!(used(&other.allowance().await), (30, 30));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_in_the_middle_forgets_nothing_it_answered() {
    let mut scene = scene(100_000, 100_000).await;
    let batches: Vec<_> = (0..60).map(|i| batch(i, 40)).collect();
    let mut acknowledged = Vec::new();
    let mut racing = JoinSet::new();
    for batch in batches.clone() {
        let (connection, pins) = (scene.caller.connection.clone(), scene.pins.clone());
        racing.spawn(async move {
            let answer = Caller::over(connection).send(&batch.request(&pins)).await.ok()?;
            assert!(matches!(answer.response, Response::Evaluated(_)), "{:?}", answer.response);
            Some(batch)
        });
    }
    while acknowledged.len() < 5 {
        acknowledged.extend(racing.join_next().await.unwrap().unwrap());
    }
    scene.serving.kill().await;
    // What had left the server by then may still arrive; the rest ends with the connection.
    scene.caller.connection.close(0u32.into(), b"");
    acknowledged.extend(racing.join_all().await.into_iter().flatten());

    scene.serving = scene.operator.serve();
    scene.caller = scene.call().await;
    let (today, lifetime) = used(&scene.caller.allowance().await);
    assert_eq!(today, lifetime);
    assert!(lifetime >= 40 * acknowledged.len() as u64, "{lifetime} for {} answers", acknowledged.len());
    assert!(lifetime <= 40 * 60);
    for batch in &acknowledged {
        assert_eq!(evaluate(&scene, batch).await, 0, "paid for before the crash");
    }
}
