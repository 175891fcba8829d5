//! Each ordeal in small. A full one takes minutes: `cargo run --release -p samar-tests --bin ordeal -- --help`.

use samar_tests::ordeal::Ordeal;

#[track_caller]
fn hold(name: &str, count: u32) {
    let figure = Ordeal::named(name).expect("an ordeal").hold(count);
    assert!(figure.is_ok(), "{}", figure.unwrap_err());
}

#[test]
fn what_was_interrupted_can_be_run_again() {
    hold("interrupt", 2);
}

#[test]
fn malformed_frames_and_handshakes_harm_nobody() {
    hold("frames", 2_000);
}

#[test]
fn what_was_answered_survives_a_kill_and_is_charged_once() {
    hold("kill", 5);
}

#[test]
fn whatever_a_power_cut_leaves_opens_and_holds_what_was_answered() {
    hold("power", 300);
}

#[test]
fn an_allowance_is_answered_to_the_element_however_it_is_asked_for() {
    hold("enumerate", 3_000);
}

#[test]
fn slow_and_stalled_peers_do_not_keep_an_honest_bank_waiting() {
    hold("slow", 40);
}

#[test]
fn more_work_than_can_be_done_is_refused_and_not_charged() {
    hold("overload", 2);
}

#[test]
fn every_private_lookup_reads_its_page_and_noise_is_what_was_derived() {
    hold("lookups", 200);
}

#[test]
fn a_revoked_bank_is_gone_within_seconds() {
    hold("revoke", 1);
}

#[test]
fn a_server_that_takes_up_new_epochs_fails_nobody_and_mixes_nothing() {
    hold("swap", 3);
}
