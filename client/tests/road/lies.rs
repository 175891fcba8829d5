//! What an operator can say against what it said before, or against what it was asked: no single message shows these lies.

use samar_local::exit::Exit;
use samar_protocol::manifest::SegmentKind::Base;
use samar_protocol::wire::{Request, RequestKind};

use super::bank::{Bank, count, entries};
use super::operator::{Operator, manifest_sent};

/// Swaps the bulk of answers to one kind of request.
pub(crate) fn change_bulk(
    kind: RequestKind,
    change: impl Fn(&mut [u8]) + Send + Sync + 'static,
) -> impl Fn(&Request, Vec<u8>) -> Vec<u8> + Send + Sync {
    move |request, mut answer| {
        if request.kind() == kind {
            let control = u32::from_le_bytes(answer[2..6].try_into().unwrap()) as usize;
            change(&mut answer[6 + control..]);
        }
        answer
    }
}

// R-MAN-6: 5, R-MAN-7: 5, R-MAN-10: 5
#[test]
fn every_lie_about_the_set_is_named_and_nothing_of_it_is_kept() {
    let operator = Operator::start();
    let old = operator.publish(&[(Base, &entries(0..10))]);
    operator.publish(&[(Base, &entries(0..20))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();

    let refused = |says: &str| {
        let failure = bank.sync().unwrap_err();
        assert_eq!(failure.exit(), Exit::Peer, "{failure}");
        assert!(failure.to_string().contains(says), "{failure} does not say {says}");
        assert_eq!(bank.screen(0..30).unwrap().exposed, 20, "what was synced before stays in use");
    };
    operator.send_manifest(&old);
    refused("rollback");
    let other = Operator::start();
    other.publish(&[(Base, &entries(0..1))]);
    operator.send_manifest(&other.publish(&[(Base, &entries(0..2))]));
    refused("fork");
    operator.lie(change_bulk(RequestKind::Manifest, |bulk| bulk[20] ^= 1));
    // The newest manifest is known by its hash, so a changed signature over the same body is no other manifest.
    assert!(!bank.sync().unwrap().advanced);

    operator.be_honest();
    operator.publish(&[(Base, &entries(0..30))]);
    operator.lie(change_bulk(RequestKind::Manifest, |bulk| bulk[20] ^= 1));
    refused("signature");
    operator.lie(change_bulk(RequestKind::Fetch, |bulk| bulk[100] ^= 1));
    refused("segment");
    operator.lie(|request, mut answer| {
        if request.kind() == RequestKind::Fetch {
            answer.push(0);
        }
        answer
    });
    refused("bytes follow");
    operator.lie(|request, mut answer| {
        if request.kind() == RequestKind::Fetch {
            answer.truncate(answer.len() - 1);
        }
        answer
    });
    refused("ends too early");
    operator.lie(|request, mut answer| {
        if request.kind() == RequestKind::Manifest {
            answer[1] = 0x83;
        }
        answer
    });
    refused("kind");
    operator.be_honest();
    assert_eq!(bank.sync().unwrap().epoch, 3);

    operator.publish_until(&[(Base, &entries(0..20))], samar::people::now_s() - 5);
    let failure = bank.sync().unwrap_err();
    assert!(failure.exit() == Exit::Peer && failure.to_string().contains("ran out"), "{failure}");
}

// R-OPRF-6: 5
#[test]
fn every_lie_in_an_evaluation_ends_the_run_without_a_report() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..100))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    let refused = |says: &str| {
        operator.asked();
        let failure = bank.screen(0..10).unwrap_err();
        assert_eq!(failure.exit(), Exit::Peer, "{failure}");
        assert!(failure.to_string().contains(says), "{failure} does not say {says}");
        assert!(!bank.path("report.csv").exists());
        assert_eq!(count(&operator.asked(), RequestKind::Evaluate), 1, "a lie is not asked for twice");
    };
    operator.lie(change_bulk(RequestKind::Evaluate, |bulk| bulk.rotate_left(32)));
    refused("batch proof does not hold");
    operator.lie(change_bulk(RequestKind::Evaluate, |bulk| bulk[..32].fill(0)));
    refused("identity");
    operator.lie(change_bulk(RequestKind::Evaluate, |bulk| bulk[32..64].fill(0xff)));
    refused("element 1 is not a canonical");
    operator.lie(|request, mut answer| {
        if request.kind() == RequestKind::Evaluate {
            answer[6] -= 1; // the count
            answer.truncate(answer.len() - 32);
        }
        answer
    });
    refused("a batch is charged whole");
    operator.lie(|request, mut answer| {
        if request.kind() == RequestKind::Evaluate {
            let charged = 6 + 4 + 64;
            answer[6] -= 1;
            answer[charged] -= 1;
            answer.truncate(answer.len() - 32);
        }
        answer
    });
    refused("asked for 10 evaluated elements, it announces 9");

    operator.be_honest();
    assert_eq!(bank.screen(0..10).unwrap().exposed, 10);
}

// R-MAN-7: 5, R-MAN-8: 5, R-MAN-9: 5
#[test]
fn a_walk_ends_where_it_would_leave_the_chain() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..20))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    let of_another_chain = operator.sign_changed(|manifest| manifest.previous = [9; 32]);
    let too_far = operator.sign_changed(|manifest| manifest.epoch = 10_002);
    operator.publish(&[]);
    let third = operator.publish(&[]);
    let refused = |says: &str| {
        let failure = bank.sync().unwrap_err();
        assert_eq!(failure.exit(), Exit::Peer, "{failure}");
        assert!(failure.to_string().contains(says), "{failure} does not say {says}");
        assert!(bank.path("samar/manifests/1.manifest").exists());
        assert_eq!(bank.files("manifests").len(), 1);
    };
    operator.send_manifest(&of_another_chain);
    refused("epoch 2 does not descend from the one seen before: a fork");
    operator.send_manifest(&too_far);
    refused("10001 epochs since the last one seen, more than can be walked");
    operator.lie(move |request, answer| match request {
        Request::Manifest(asked) if asked.epoch == Some(2) => manifest_sent(&third),
        _ => answer,
    });
    refused("asked for the manifest of epoch 2, got that of epoch 3");
    operator.be_honest();
    assert_eq!(bank.sync().unwrap().epoch, 3);
}

// R-MAN-10: 2
#[test]
fn a_set_that_ran_out_since_it_was_synced_is_not_used() {
    let operator = Operator::start();
    let until_s = samar::people::now_s() + 3;
    operator.publish_until(&[(Base, &entries(0..10))], until_s);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    while samar::people::now_s() <= until_s {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let failure = bank.screen(0..10).unwrap_err();
    assert!(failure.exit() == Exit::Input && failure.to_string().contains("was valid until"), "{failure}");
    assert!(!bank.path("report.csv").exists());
}
