//! One set of blinds for two batches: the difference of the two would be that of their inputs.
use samar_protocol::oprf::PreparedBlinds;

fn blind_two(prepared: PreparedBlinds, first: &[&[u8]], second: &[&[u8]]) {
    let _ = prepared.blind(first);
    let _ = prepared.blind(second);
}

fn main() {}
