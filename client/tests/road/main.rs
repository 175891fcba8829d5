//! The bank's road against an operator that is honest, and against one that is not.

mod bank;
mod bench;
mod bounded;
mod captures;
mod certificates;
mod damage;
mod honest;
mod inspect;
mod kinds;
mod lies;
mod lookups;
mod messages;
mod operator;
mod parts;
mod passphrase;
#[path = "../../../protocol/vectors/refused.rs"]
#[allow(dead_code)] // other tests use the rest
mod refused;
mod relay;
mod renewal;
mod rotation;
mod vectors;
