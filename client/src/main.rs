//! The bank's program.
fn main() {}
