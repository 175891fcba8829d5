//! A copy of prepared blinds would be a second batch under them.
use samar_protocol::oprf::PreparedBlinds;

fn copy(prepared: &PreparedBlinds) -> PreparedBlinds {
    prepared.clone()
}

fn main() {}
