//! What is left of a secret reads one answer: a second one under it would tell of the first.
use samar_protocol::lookup::Pending;

fn read_two(pending: Pending, first: &[u8], second: &[u8]) {
    let _ = pending.recover(first);
    let _ = pending.recover(second);
}

fn main() {}
