//! A copy of what was prepared would be a second query under the same secret.
use samar_protocol::lookup::Prepared;

fn copy(prepared: &Prepared) -> Prepared {
    prepared.clone()
}

fn main() {}
