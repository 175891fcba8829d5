//! A clock that stands far from what was recorded by it: nothing is begun by it, and the operator decides.

use samar_local::people::now_s;
use samar_protocol::manifest::sign;
use samar_server::accounts::{Accounts, Bank};
use samar_server::{keys, published};

use crate::house::House;
use crate::serving::Service;

const DAY_S: u64 = 86_400;

/// A bank was charged at this time.
fn charged(house: &House, time_s: u64) {
    let accounts = Accounts::open(&house.layout.account_log()).unwrap();
    let name = "bank-jaya".to_owned();
    let bank = Bank { name, per_day: 9, lifetime: 9, invitations: vec![], keys: vec![], revoked: None };
    let debit = accounts.debit(&bank, [1; 32], 1, time_s).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(debit.synced).unwrap();
}

/// The newest manifest was made at this time.
fn published(house: &House, time_s: u64) {
    let epoch = published::newest_epoch(&house.layout).unwrap();
    let mut manifest = published::read_manifest(&house.layout, epoch).unwrap().manifest().clone();
    (manifest.created_s, manifest.valid_until_s) = (time_s, time_s + 30 * DAY_S);
    let signed = sign(&manifest, &keys::publisher(&house.layout).unwrap()).unwrap();
    std::fs::write(house.layout.manifest(epoch), signed).unwrap();
}

#[track_caller]
fn serves(house: &House) {
    assert_eq!(Service::start(house, &[]).end_with("TERM").0, Some(0));
}

// R-ALLOW-5: 6
#[test]
fn a_clock_that_is_months_ahead_of_all_that_was_recorded_begins_nothing() {
    let house = House::filled();
    house.run(&["publish"]).done();
    serves(&house);
    published(&house, now_s() - 32 * DAY_S);
    // A record that is newer vouches for the clock, and one that is older does not.
    charged(&house, now_s() - 20 * DAY_S);
    serves(&house);
    std::fs::remove_file(house.layout.account_log()).unwrap();
    let _ = std::fs::remove_file(house.layout.account_log().with_extension("checkpoint"));
    charged(&house, now_s() - 100 * DAY_S);
    let words =
        ["the clock of this machine says", "32 days after the newest record", "publish --trust-clock"];
    house.run(&["serve"]).fails(6, &words);
    house.run(&["publish"]).fails(6, &words);
    house.run(&["rotate-key"]).fails(6, &words);
    assert_eq!(published::newest_epoch(&house.layout).unwrap(), 1);
    house.run(&["publish", "--trust-clock"]).done();
    serves(&house);
    house.run(&["publish"]).done();
}

// R-ALLOW-5: 6
#[test]
fn a_clock_that_was_not_set_yet_begins_nothing_either() {
    let house = House::filled();
    house.run(&["publish"]).done();
    published(&house, now_s() + 40 * DAY_S);
    let words =
        ["the clock of this machine says", "days before the newest manifest", "publish --trust-clock"];
    house.run(&["serve"]).fails(6, &words);
    house.run(&["publish"]).fails(6, &words);
    // One bank's account that stands on a day to come is no reason: its batches are refused, and others go on.
    house.run(&["publish", "--trust-clock"]).done();
    charged(&house, now_s() + 40 * DAY_S);
    serves(&house);
}
