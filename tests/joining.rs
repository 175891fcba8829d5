//! Invitations: traded once, in time, for a key that the asker shows to have; and certificates that no longer count.

use std::time::{Duration, SystemTime};

use quinn::ConnectionError;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use rustls::pki_types::CertificateDer;
use samar_protocol::wire::{JoinRequest, RefusalCode, Response};
use samar_server::accounts::Registry;
use samar_tests::messages::{self, patched};
use samar_tests::{Answer, Bank, Caller, Dial, Identity, Scene, signing_request, token};

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

/// The key that a bank joined with.
fn key_of(bank: &Bank) -> KeyPair {
    KeyPair::try_from(bank.identity.key.as_slice()).unwrap()
}

/// What a renewal of this key comes to on this connection.
async fn renew(caller: &Caller, key: &KeyPair) -> Answer {
    caller.ask(&messages::join(JoinRequest::RENEWAL, signing_request(key)), &[]).await
}

/// A certificate of the operator's authority for this key, until then.
fn certify(scene: &Scene, key: &KeyPair, until: SystemTime) -> CertificateDer<'static> {
    let layout = &scene.operator.layout;
    let read = |path| std::fs::read_to_string(path).unwrap();
    let authority = KeyPair::from_pem(&read(layout.ca_key())).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&read(layout.ca_certificate()), authority).unwrap();
    let mut parameters = CertificateParams::default();
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    parameters.not_after = until.into();
    parameters.signed_by(key, &issuer).unwrap().der().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_renews_the_certificate_of_its_key_and_draws_on_the_same_account() {
    let scene = Scene::new().await;
    scene.still_honest().await;
    let (used, log) = (scene.caller.allowance().await, scene.operator.layout.account_log());
    let recorded = std::fs::read(&log).unwrap();
    let Response::Joined(joined) = renew(&scene.caller, &key_of(&scene.bank)).await.response else {
        panic!("refused")
    };
    assert_eq!(joined.bank, "bank-jaya");
    let certificate = CertificateDer::from(joined.certificate);
    assert_ne!(certificate, scene.bank.identity.certificate);
    let renewed = scene.bank.dial().as_bank(&Identity { certificate, ..scene.bank.identity.clone() });
    let caller = renewed.call(scene.serving.address).await.unwrap();
    assert_eq!(caller.allowance().await, used);
    assert_eq!(std::fs::read(&log).unwrap(), recorded, "nothing is new, so nothing is recorded");
    scene.still_honest().await;
}

// R-JOIN-5: invitation-invalid, R-WIRE-20: not-enrolled
#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_a_key_of_the_bank_itself_is_renewed() {
    let scene = Scene::new().await;
    let other = Bank::join(scene.operator.invite("bank-maju", None, None), scene.serving.address).await;
    let (own, invalid) = (key_of(&scene.bank), Some((RefusalCode::InvitationInvalid, None)));
    // A key that nobody joined with, and another bank's.
    for key in [KeyPair::generate().unwrap(), key_of(&other)] {
        assert_eq!(renew(&scene.caller, &key).await.refused(), invalid);
    }
    // Whoever shows no certificate.
    assert_eq!(renew(&stranger(&scene).await, &own).await.refused(), invalid);
    let garbage = scene.caller.ask(&messages::join(JoinRequest::RENEWAL, vec![0x30, 0]), &[]).await;
    assert_eq!(garbage.refused(), Some((RefusalCode::SigningRequestInvalid, None)));
    // A bank that was revoked, on a connection of before: refused, or closed by then.
    let caller = other.call(scene.serving.address).await;
    caller.allowance().await;
    samar_server::revoke::revoke(&scene.operator.layout, "bank-maju", "test").unwrap();
    let request = messages::join(JoinRequest::RENEWAL, signing_request(&key_of(&other))).encode().unwrap();
    match caller.send(&request).await {
        Ok(answer) => assert_eq!(answer.refused(), Some((RefusalCode::NotEnrolled, None))),
        Err(ConnectionError::ApplicationClosed(close)) => {
            assert_eq!(close.error_code, (RefusalCode::NotEnrolled as u32).into());
        }
        Err(error) => panic!("{error}"),
    }
    scene.still_honest().await;
}

// R-TLS-3: the handshake fails
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_ends_with_its_certificate_and_a_renewed_one_is_let_in() {
    let scene = Scene::new().await;
    let key = key_of(&scene.bank);
    let certificate = certify(&scene, &key, SystemTime::now() + Duration::from_secs(5));
    let short = scene.bank.dial().as_bank(&Identity { certificate, ..scene.bank.identity.clone() });
    let caller = short.call(scene.serving.address).await.unwrap();
    let used = caller.allowance().await;
    let Response::Joined(joined) = renew(&caller, &key).await.response else { panic!("refused") };
    let ended = tokio::time::timeout(Duration::from_secs(30), caller.closed_with()).await;
    assert_eq!(ended.expect("within seconds of its end"), Some(RefusalCode::NotEnrolled));
    let again = match short.call(scene.serving.address).await {
        Ok(caller) => caller.connection.closed().await,
        Err(error) => error,
    };
    assert!(matches!(again, ConnectionError::ConnectionClosed(_)), "by the handshake: {again:?}");
    let certificate = CertificateDer::from(joined.certificate);
    let renewed = scene.bank.dial().as_bank(&Identity { certificate, ..scene.bank.identity.clone() });
    assert_eq!(renewed.call(scene.serving.address).await.unwrap().allowance().await, used);
    scene.still_honest().await;
}
