//! A query is used up by the request that it goes into: after a server that was busy there is nothing left to send again.
use samar_protocol::lookup::Query;

fn send_twice(query: Query) -> [Vec<u8>; 2] {
    [query.into_bytes(), query.into_bytes()]
}

fn main() {}
