//! Where the blinds of a batch come from. The same identifiers in the same order have the same blinds, and only they: a blind
//! never hides two identifiers, nor one under two ways of blinding or two purposes. So a batch whose answer was lost is sent again
//! byte by byte, and answered for free (SPEC.md section "Allowance"). After a screening that came to its end they are
//! others, so that the server cannot tell a batch from any other; after a refused answer too, because the blinds of
//! such a one must not be used again (SPEC.md section "OPRF").

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use samar_local::exit::Failure;
use samar_protocol::oprf::{Blinding, PublicKey};

use super::Ledger;
use crate::customers::Hash;

const EVALUATION: &str = "samar 2026 blinds of a batch v2";
const REKEYING: &str = "samar 2026 blinds of a rekeyed batch v1";

impl Ledger {
    /// The blinds of a batch that is evaluated.
    pub(crate) fn blinds_of(&self, hashes: &[Hash], blinding: Blinding) -> StdRng {
        self.drawn(EVALUATION, &[], hashes, blinding)
    }

    /// Those of a batch that goes from one key to the next.
    pub(crate) fn blinds_of_rekeying(
        &self,
        hashes: &[Hash],
        blinding: Blinding,
        (from, to): (&PublicKey, &PublicKey),
    ) -> StdRng {
        self.drawn(REKEYING, &[from, to], hashes, blinding)
    }

    /// Makes all blinds others from here on, durably: an answer was refused.
    pub(crate) fn discard_blinds(&self) -> Result<(), Failure> {
        self.append(&[], &[])
    }

    fn drawn(&self, purpose: &str, keys: &[&PublicKey], hashes: &[Hash], blinding: Blinding) -> StdRng {
        let state = self.state();
        let mut hasher = blake3::Hasher::new_keyed(&blake3::derive_key(purpose, &self.hash_key.0));
        for key in keys {
            hasher.update(&key.to_bytes());
        }
        hasher.update(&[match blinding {
            Blinding::Additive => 0,
            Blinding::Rfc => 1,
        }]);
        hasher.update(&state.head.screenings.to_le_bytes());
        hasher.update(&(state.head.refused + state.tail.refused).to_le_bytes());
        hasher.update(hashes.as_flattened());
        StdRng::from_seed(*hasher.finalize().as_bytes())
    }
}
