//! OPRF.
