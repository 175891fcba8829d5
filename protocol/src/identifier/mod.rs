//! Identifiers as the OPRF takes them: typed, normalised, domain-separated.
