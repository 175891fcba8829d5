//! Which arithmetic computes: what this machine has, and what its user asks for.

use super::vector::emulated;
#[cfg(target_arch = "x86_64")]
use super::vector::ifma;

/// The arithmetic in use.
///
/// A variant with a value is proof that this CPU has what it needs; [`Backend::best`], [`Backend::available`] and
/// [`Backend::from_name`] are where one comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// curve25519-dalek, one element at a time; runs everywhere.
    Portable,
    /// The vector formulas on plain arrays: runs everywhere, for checking rather than for speed.
    Emulated(emulated::Detected),
    /// The vector formulas on AVX-512 IFMA.
    #[cfg(target_arch = "x86_64")]
    Ifma(ifma::Detected),
}

/// Why a backend cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// Unknown, or not on this machine.
    #[error(
        "there is no backend `{name}` on this machine: ifma needs AVX-512 IFMA; portable and emulated run everywhere"
    )]
    Absent {
        /// The name asked for.
        name: String,
    },
    /// Another than the one required.
    #[error("backend {chosen} was chosen, but {required} is required")]
    Other {
        /// What would be used.
        chosen: &'static str,
        /// What must be.
        required: &'static str,
    },
}

impl Backend {
    /// The fastest backend this machine has.
    #[must_use]
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(detected) = ifma::Detected::detect() {
            return Self::Ifma(detected);
        }
        Self::Portable
    }

    /// Every backend this machine has, the portable one first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        ["portable", "emulated", "ifma"].into_iter().filter_map(Self::from_name).collect()
    }

    /// The backend of this name, if this machine has it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "portable" => Some(Self::Portable),
            "emulated" => emulated::Detected::detect().map(Self::Emulated),
            #[cfg(target_arch = "x86_64")]
            "ifma" => ifma::Detected::detect().map(Self::Ifma),
            _ => None,
        }
    }

    /// The backend that a user asks for: the one that the variable `SAMAR_BACKEND` names, else the best. Where
    /// `SAMAR_REQUIRE_BACKEND` names one, it must be that. `variable` reads the environment.
    ///
    /// # Errors
    /// [`BackendError`] for a name that is none, or a backend that this machine has not.
    pub fn choose(variable: impl Fn(&str) -> Option<String>) -> Result<Self, BackendError> {
        let named = |variable_name: &str| {
            let backend = |name: String| Self::from_name(&name).ok_or(BackendError::Absent { name });
            variable(variable_name).map(backend).transpose()
        };
        let chosen = named("SAMAR_BACKEND")?.unwrap_or_else(Self::best);
        match named("SAMAR_REQUIRE_BACKEND")? {
            Some(required) if required != chosen => {
                Err(BackendError::Other { chosen: chosen.name(), required: required.name() })
            }
            _ => Ok(chosen),
        }
    }

    /// The name printed beside every measurement.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Emulated(_) => "emulated",
            #[cfg(target_arch = "x86_64")]
            Self::Ifma(_) => "ifma",
        }
    }
}
