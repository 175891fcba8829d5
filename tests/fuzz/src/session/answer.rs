//! What a server says to a client, honest or not.

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use samar_protocol::codec;
use samar_protocol::group::Backend;
use samar_protocol::limits::PAGE_BYTES_ALLOWED;
use samar_protocol::manifest::{ManifestHash, SignedManifest};
use samar_protocol::oprf::{BlindedBatch, KeyRatio};
use samar_protocol::wire::{
    self, Allowance, Evaluated, Fetched, HintSent, Joined, LookedUp, ManifestSent, Refusal, RefusalCode,
    RequestKind, Response,
};

use super::stream::End;
use crate::manifest::{key, manifest, signed};
use crate::oprf::{next_key, secret_key};
use crate::script::Script;

/// What a server does with one stream.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) opens: bool,
    /// How much of the request it takes, and what then.
    pub(super) takes: (End, u16),
    pub(super) bytes: Vec<u8>,
    pub(super) step: u8,
    pub(super) end: End,
}

impl Answer {
    /// Any bytes, or an honest answer to this, with a few bytes changed, cut short or gone on with.
    pub(super) fn read(
        script: &mut Script<'_>,
        asked: RequestKind,
        blinded: &[[u8; 32]],
        length: u32,
    ) -> Self {
        let act = script.byte();
        let (step, takes, end) = (script.byte(), End::read(script), End::read(script));
        let takes = (takes, if takes == End::Whole { 0 } else { script.u16() % 300 });
        let response = match (act % 4, asked) {
            (0, _) => None,
            (1, _) => {
                let mut refusal = Refusal::new(RefusalCode::Busy);
                refusal.code = u16::from(script.byte() % 20);
                refusal.retry_after_ms = Some(script.u32()).filter(|ms| *ms != 0);
                Some((Response::Refused(refusal), vec![]))
            }
            (_, RequestKind::Join) => {
                let certificate = script.counted().to_vec();
                Some((
                    Response::Joined(Joined { bank: "bank-a".to_owned(), certificate, extensions: vec![] }),
                    vec![],
                ))
            }
            (_, RequestKind::Manifest) => {
                let mut previous = ManifestHash::NONE;
                let mut file = publish(1, previous);
                for epoch in 2..=u64::from(script.byte() % 5) {
                    previous = SignedManifest::inspect(&file).unwrap().hash();
                    file = publish(epoch, previous);
                }
                Some((sent(&file), file))
            }
            (_, RequestKind::Fetch) => {
                let bytes = script.byte();
                Some((
                    Response::Fetched(Fetched { length, extensions: vec![] }),
                    vec![bytes; length as usize],
                ))
            }
            (_, RequestKind::Hint) => {
                let bytes = script.byte();
                let sent = HintSent { length, extensions: vec![] };
                Some((Response::Hint(sent), vec![bytes; length as usize]))
            }
            (_, RequestKind::Lookup) => {
                let page_bytes = PAGE_BYTES_ALLOWED[usize::from(script.byte()) % 4];
                let bulk = vec![script.byte(); page_bytes as usize * 13 / 8];
                Some((Response::LookedUp(LookedUp { page_bytes, extensions: vec![] }), bulk))
            }
            (_, RequestKind::Evaluate) => {
                let batch = BlindedBatch::decode(Backend::Portable, blinded.to_vec()).unwrap();
                let evaluation = secret_key().evaluate(&batch, &mut StdRng::seed_from_u64(act.into()));
                let count = u32::try_from(blinded.len()).unwrap();
                let proof = evaluation.proof.to_bytes();
                let evaluated = Evaluated { count, proof, charged: count, extensions: vec![] };
                Some((Response::Evaluated(evaluated), evaluation.evaluated.into_flattened()))
            }
            (_, RequestKind::Rekey) => {
                let batch = BlindedBatch::decode(Backend::Portable, blinded.to_vec()).unwrap();
                let ratio = KeyRatio::between(secret_key(), next_key());
                let rekeying = ratio.rekey(&batch, &mut StdRng::seed_from_u64(act.into()));
                let count = u32::try_from(blinded.len()).unwrap();
                let proof = rekeying.proof.to_bytes();
                let rekeyed = wire::Rekeyed { count, proof, charged: count, extensions: vec![] };
                Some((Response::Rekeyed(rekeyed), rekeying.evaluated.into_flattened()))
            }
            (_, RequestKind::Allowance) => {
                let [per_day, lifetime, used_today, used_lifetime, next_day_s] =
                    core::array::from_fn(|_| script.u64());
                let allowance = Allowance {
                    per_day,
                    lifetime,
                    used_today,
                    used_lifetime,
                    next_day_s,
                    extensions: vec![],
                };
                Some((Response::Allowance(allowance), vec![]))
            }
        };
        let encoded = response.and_then(|(response, bulk)| Some([response.encode().ok()?, bulk].concat()));
        let mut bytes = encoded.unwrap_or_else(|| script.counted().to_vec());
        match act >> 2 {
            0x3f => drop(script.patch(&mut bytes, 3)),
            0x3e => bytes.truncate(script.u16().into()),
            0x3d => bytes.extend(script.counted()),
            _ => {}
        }
        Self { opens: act != 0xf0, takes, bytes, step, end }
    }
}

/// A manifest of the honest chain.
pub(super) fn publish(epoch: u64, previous: ManifestHash) -> Vec<u8> {
    signed(&codec::encode(&manifest(epoch, previous)).unwrap(), &key(1))
}

/// The answer that goes before a manifest.
pub(super) fn sent(file: &[u8]) -> Response {
    let length = u32::try_from(file.len()).unwrap();
    Response::Manifest(ManifestSent { length, extensions: vec![] })
}
