//! One secret for two queries: the two together give their pages away.
use samar_protocol::lookup::Prepared;

fn ask_two(prepared: Prepared) {
    let _ = prepared.query(1);
    let _ = prepared.query(2);
}

fn main() {}
