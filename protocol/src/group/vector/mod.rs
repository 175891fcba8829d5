//! Eight points in eight lanes.

pub(super) mod emulated;
#[cfg(target_arch = "x86_64")]
pub(super) mod ifma;
