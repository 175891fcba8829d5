//! What the operator answers: honestly, unless a lie changes the bytes before they are sent.

use std::sync::Arc;

use rand::{SeedableRng as _, rngs::StdRng};
use rcgen::{
    CertificateParams, CertificateSigningRequestParams, CertifiedIssuer, ExtendedKeyUsagePurpose, KeyPair,
};
use samar::people::now_s;
use samar_protocol::codec::Extension;
use samar_protocol::group::Backend;
use samar_protocol::limits::{ELEMENT_BYTES, PREAMBLE_BYTES};
use samar_protocol::lookup::{Answerer, Kernel, QueryVector, Shape};
use samar_protocol::oprf::{BlindedBatch, KeyRatio, SecretKey};
use samar_protocol::segment::Header;
use samar_protocol::wire::{
    Allowance, EXTENSION_BACKEND, Evaluated, Fetched, HintSent, Joined, LookedUp, ManifestSent, Preamble,
    Refusal, RefusalCode, Rekeyed, Request, Response,
};

use super::{Inner, State};

pub(super) async fn exchange(
    state: Arc<State>,
    connection: quinn::Connection,
    mut send: quinn::SendStream,
    mut receive: quinn::RecvStream,
) {
    let Ok(bytes) = receive.read_to_end(8 << 20).await else { return };
    let (preamble, rest) = bytes.split_first_chunk::<PREAMBLE_BYTES>().unwrap();
    let preamble = Preamble::parse(*preamble).unwrap();
    let (control, bulk) = rest.split_at(preamble.control_bytes as usize);
    let request = Request::decode(preamble.kind, control).unwrap();
    let answer = {
        let mut inner = state.inner.lock().unwrap();
        if matches!(request, Request::Lookup(_)) && super::take_one(&mut inner.closed_at_lookup) {
            inner.queries.push(bulk.to_vec());
            return connection.close((RefusalCode::Busy as u32).into(), b"");
        }
        inner.asked.push(request.clone());
        let (response, bulk) = answer(&state, &mut inner, &request, bulk);
        let answer = [response.encode().unwrap(), bulk].concat();
        match &inner.lie {
            Some(lie) => lie(&request, answer),
            None => answer,
        }
    };
    let _ = send.write_all(&answer).await;
    let _ = send.finish();
    let stopped = send.stopped().await;
    let exchanged = format!("{} bytes, then {}, stopped {stopped:?}", bytes.len(), answer.len());
    state.inner.lock().unwrap().exchanged.push(exchanged);
}

/// A certificate for a bank, from its signing request.
pub(super) fn certify(
    ca: &CertifiedIssuer<'static, KeyPair>,
    csr: &[u8],
    change: impl FnOnce(&mut CertificateParams),
) -> Vec<u8> {
    let mut csr = CertificateSigningRequestParams::from_der(&csr.into()).unwrap();
    csr.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    change(&mut csr.params);
    csr.signed_by(ca).unwrap().der().to_vec()
}

/// The answer to a join.
pub(crate) fn joined(certificate: Vec<u8>) -> Response {
    Response::Joined(Joined { bank: "bank-a".to_owned(), certificate, extensions: vec![] })
}

/// A manifest as an answer.
pub(crate) fn manifest_sent(manifest: &[u8]) -> Vec<u8> {
    let length = u32::try_from(manifest.len()).unwrap();
    let head = Response::Manifest(ManifestSent { length, extensions: vec![] }).encode().unwrap();
    [head.as_slice(), manifest].concat()
}

fn answer(state: &State, inner: &mut Inner, request: &Request, bulk: &[u8]) -> (Response, Vec<u8>) {
    let refused = |code| (Response::Refused(Refusal::new(code)), Vec::new());
    if inner.busy > 0 {
        inner.busy -= 1;
        return (Response::Refused(Refusal::new(RefusalCode::Busy).retry_after_ms(1)), Vec::new());
    }
    match request {
        Request::Join(join) => (joined(certify(&state.ca, &join.csr, |_| {})), Vec::new()),
        Request::Manifest(asked) => {
            let epoch = asked.epoch.map_or(inner.manifests.len(), |epoch| usize::try_from(epoch).unwrap());
            match epoch.checked_sub(1).and_then(|at| inner.manifests.get(at)) {
                None => refused(RefusalCode::EpochUnknown),
                Some(file) => {
                    let length = u32::try_from(file.len()).unwrap();
                    (Response::Manifest(ManifestSent { length, extensions: vec![] }), file.clone())
                }
            }
        }
        Request::Fetch(asked) => {
            let from = usize::try_from(asked.offset).unwrap();
            let range = from..from + asked.length as usize;
            match inner.segments.get(&asked.root).and_then(|file| file.get(range)) {
                None => refused(RefusalCode::RangeUnknown),
                Some(bytes) => {
                    let fetched = Fetched { length: asked.length, extensions: vec![] };
                    (Response::Fetched(fetched), bytes.to_vec())
                }
            }
        }
        Request::Evaluate(asked) => {
            let Some(left) = inner.allowance.checked_sub(asked.count.into()) else {
                return refused(RefusalCode::DayAllowanceUsed);
            };
            inner.allowance = left;
            let blinded = bulk.as_chunks::<ELEMENT_BYTES>().0.to_vec();
            let batch = BlindedBatch::decode(Backend::best(), blinded).unwrap();
            // Under the key before, for as long as it is served.
            let before = inner.previous.iter().map(|(key, _)| Arc::clone(key));
            let asked_for = |key: &Arc<SecretKey>| key.public().id().0 == asked.key_id;
            let key = before.chain([state.key()]).find(asked_for).unwrap_or_else(|| state.key());
            let evaluation = key.evaluate(&batch, &mut StdRng::seed_from_u64(2));
            let evaluated = Evaluated {
                count: asked.count,
                proof: evaluation.proof.to_bytes(),
                charged: asked.count,
                extensions: vec![],
            };
            (Response::Evaluated(evaluated), evaluation.evaluated.concat())
        }
        Request::Rekey(asked) => {
            let Some((before, until_s)) = &inner.previous else { return refused(RefusalCode::KeyUnknown) };
            let ratio = KeyRatio::between(before, &state.key());
            let keys = (ratio.from().id().0, ratio.to().id().0);
            if keys != (asked.from_key_id, asked.to_key_id) || now_s() > *until_s {
                return refused(RefusalCode::KeyUnknown);
            }
            if let Some(left) = &mut inner.rekeyings {
                let Some(less) = left.checked_sub(1) else { return refused(RefusalCode::DayAllowanceUsed) };
                *left = less;
            }
            let (elements, _) = bulk.as_chunks::<ELEMENT_BYTES>();
            let batch = BlindedBatch::decode(Backend::best(), elements.to_vec()).unwrap();
            let rekeying = ratio.rekey(&batch, &mut rand::rng());
            let proof = rekeying.proof.to_bytes();
            let rekeyed = Rekeyed { count: asked.count, proof, charged: asked.count, extensions: vec![] };
            (Response::Rekeyed(rekeyed), rekeying.evaluated.into_flattened())
        }
        Request::Hint(asked) => {
            let from = usize::try_from(asked.offset).unwrap();
            let range = from..from + asked.length as usize;
            match inner.hints.get(&asked.root).and_then(|hint| hint.get(range)) {
                None => refused(RefusalCode::LookupNone),
                Some(bytes) => {
                    let sent = HintSent { length: asked.length, extensions: vec![] };
                    (Response::Hint(sent), bytes.to_vec())
                }
            }
        }
        Request::Lookup(asked) => {
            inner.queries.push(bulk.to_vec());
            let Some(file) = inner.segments.get(&asked.root) else {
                return refused(RefusalCode::RangeUnknown);
            };
            let (header, rest) = file.split_at(2_048);
            let header = Header::parse(header).unwrap();
            assert_eq!(asked.pages, header.pages());
            let shape = Shape::new(2_048, asked.pages).unwrap();
            let query = QueryVector::parse(bulk, shape).unwrap();
            let mut answerer = Answerer::new(Kernel::best(), shape, vec![query]);
            answerer.push(&rest[..2_048 * asked.pages as usize]);
            let looked_up = LookedUp { page_bytes: 2_048, extensions: vec![] };
            (Response::LookedUp(looked_up), answerer.finish().pop().unwrap())
        }
        Request::Allowance(_) => {
            let (per_day, lifetime) = (inner.allowance, u64::MAX);
            let allowance = Allowance {
                per_day,
                lifetime,
                used_today: 0,
                used_lifetime: 0,
                next_day_s: 0,
                extensions: vec![Extension { id: EXTENSION_BACKEND, bytes: b"stand-in".to_vec() }],
            };
            (Response::Allowance(allowance), Vec::new())
        }
    }
}
