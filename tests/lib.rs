//! What the tests of both sides stand on: an operator in a folder of its own, and a bank's client that does what it is
//! told, lies included. Everything runs in this process, over real QUIC on the loopback address.

mod fixture;
pub mod ordeal;

pub use fixture::caller::{Answer, Caller, Refused};
pub use fixture::dial::{Dial, Identity};
pub use fixture::invited::{Bank, signing_request, token};
pub use fixture::messages;
pub use fixture::operator::{Operator, Serving, niks};
pub use fixture::pins::{Batch, Pins};
pub use fixture::scene::Scene;
