//! Invitations: traded once, in time, for a key that the asker shows to have; and certificates that no longer count.

use quinn::ConnectionError;
use rcgen::KeyPair;
use samar_protocol::wire::{RefusalCode, Response};
use samar_server::accounts::Registry;
use samar_tests::messages::{self, patched};
use samar_tests::{Answer, Bank, Caller, Dial, Scene, signing_request, token};

async fn stranger(scene: &Scene) -> Caller {
    Dial::new(&scene.bank.invitation.ca_certificate).call(scene.serving.address).await.unwrap()
}

fn csr() -> Vec<u8> {
    signing_request(&KeyPair::generate().unwrap())
}

async fn join(scene: &Scene, token: [u8; 32], csr: Vec<u8>) -> Answer {
    stranger(scene).await.ask(&messages::join(token, csr), &[]).await
}

// R-JOIN-1: invitation-invalid
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_used_or_never_given_is_refused_alike() {
    let scene = Scene::new().await;
    let used = join(&scene, token(&scene.bank.invitation), csr()).await;
    let unknown = join(&scene, [0; 32], csr()).await;
    assert_eq!(used.refused(), Some((RefusalCode::InvitationInvalid, None)));
    assert_eq!(used.response, unknown.response, "which of them it was is not said");
    scene.still_honest().await;
}

// R-JOIN-1: invitation-invalid
#[tokio::test(flavor = "multi_thread")]
async fn a_token_may_be_traded_again_for_the_same_key_whose_answer_was_lost() {
    let scene = Scene::new().await;
    let invitation = scene.operator.invite("bank-maju", None, None);
    let key = KeyPair::generate().unwrap();
    for _ in 0..2 {
        // Each a fresh request, as a bank that starts over makes it.
        assert_eq!(join(&scene, token(&invitation), signing_request(&key)).await.refused(), None);
    }
    let other = join(&scene, token(&invitation), csr()).await;
    assert_eq!(other.refused(), Some((RefusalCode::InvitationInvalid, None)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_stays_used_after_a_restart() {
    let mut scene = Scene::new().await;
    let again = scene.operator.serve_again(scene.serving).await;
    scene.serving = again;
    let used = join(&scene, token(&scene.bank.invitation), csr()).await;
    assert_eq!(used.refused(), Some((RefusalCode::InvitationInvalid, None)));
}

// R-JOIN-1: invitation-invalid
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_refused() {
    let scene = Scene::new().await;
    let invitation = scene.operator.invite("bank-maju", None, None);
    let registry = Registry::new(&scene.operator.layout);
    let mut bank = registry.bank("bank-maju").unwrap().unwrap();
    let expires_s = std::mem::replace(&mut bank.invitations[0].expires_s, 1);
    registry.store(&bank).unwrap();
    let expired = join(&scene, token(&invitation), csr()).await;
    assert_eq!(expired.refused(), Some((RefusalCode::InvitationInvalid, None)));
    // It was the time, and nothing else.
    bank.invitations[0].expires_s = expires_s;
    registry.store(&bank).unwrap();
    assert_eq!(join(&scene, token(&invitation), csr()).await.refused(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_traded_once_however_many_ask_at_once() {
    let scene = Scene::new().await;
    let invitation = scene.operator.invite("bank-maju", None, None);
    let asking: Vec<_> = (0..6).map(|_| join(&scene, token(&invitation), csr())).collect();
    let mut joined = 0;
    for answer in join_all(asking).await {
        match answer.refused() {
            None => joined += 1,
            refused => assert_eq!(refused, Some((RefusalCode::InvitationInvalid, None))),
        }
    }
    assert_eq!(joined, 1);
}

async fn join_all<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in futures.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *done = Some(value);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

// R-JOIN-2: signing-request-invalid, R-WIRE-14: malformed
#[tokio::test(flavor = "multi_thread")]
async fn a_signing_request_that_is_none_costs_no_token() {
    let scene = Scene::new().await;
    let invitation = scene.operator.invite("bank-maju", None, None);
    let (good, other) = (csr(), csr());
    // The self-signature stands last: that of another key over another request fits no more.
    let length = good.len();
    let foreign_signature = patched(good.clone(), length - 16, &other[other.len() - 16..]);
    let damaged = patched(good.clone(), length - 1, &[good[length - 1] ^ 1]);
    let garbage =
        [vec![0], b"not a signing request".to_vec(), good[..length / 2].to_vec(), vec![0xff; 8 * 1_024]];
    for lie in garbage.into_iter().chain([foreign_signature, damaged]) {
        let refused = join(&scene, token(&invitation), lie).await.refused();
        assert_eq!(refused, Some((RefusalCode::SigningRequestInvalid, None)));
    }
    for lie in [vec![], vec![0; 8 * 1_024 + 1]] {
        let control =
            [token(&invitation).as_slice(), &(lie.len() as u64).to_le_bytes(), &lie, &[0; 8]].concat();
        let bytes = messages::framed(1, 1, &control);
        let refused = stranger(&scene).await.send(&bytes).await.unwrap().refused();
        assert_eq!(refused, Some((RefusalCode::Malformed, None)));
    }
    let joined = join(&scene, token(&invitation), good).await.response;
    assert!(matches!(joined, Response::Joined(joined) if joined.bank == "bank-maju"));
}

// R-WIRE-20: not-enrolled
#[tokio::test(flavor = "multi_thread")]
async fn a_bank_whose_enrolment_was_removed_is_not_enrolled() {
    let scene = Scene::new().await;
    let second = Bank::join(scene.operator.invite("bank-maju", None, None), scene.serving.address).await;
    let open = second.call(scene.serving.address).await;
    open.allowance().await;
    std::fs::remove_file(scene.operator.layout.banks().join("bank-maju.toml")).unwrap();
    let caller = second.call(scene.serving.address).await;
    let requests = [messages::manifest(None), messages::allowance(), messages::fetch([0; 32], 0, 1)];
    for request in requests {
        // On a connection that was open before, too.
        for caller in [&caller, &open] {
            match caller.send(&request.encode().unwrap()).await {
                Ok(answer) => assert_eq!(answer.refused(), Some((RefusalCode::NotEnrolled, None))),
                // Within seconds the connection itself is ended, and says the same.
                Err(ConnectionError::ApplicationClosed(close)) => {
                    assert_eq!(close.error_code, (RefusalCode::NotEnrolled as u32).into());
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    scene.still_honest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_key_of_a_bank_draws_on_the_same_account() {
    let scene = Scene::new().await;
    scene.still_honest().await;
    let used = scene.caller.allowance().await;
    let again = scene.operator.invite("bank-jaya", None, None);
    let second = Bank::join(again, scene.serving.address).await;
    assert_eq!(second.call(scene.serving.address).await.allowance().await, used);
}
