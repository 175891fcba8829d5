//! What each request comes to. Everything a bank can ask is here.

use std::sync::Arc;
use std::time::Instant;

use samar_protocol::codec::Extension;
use samar_protocol::limits::ELEMENT_BYTES;
use samar_protocol::manifest::SignedManifest;
use samar_protocol::oprf::{self, BlindedBatch, EvaluateError, Evaluation, KeyId};
use samar_protocol::wire::{
    Allowance, EXTENSION_BACKEND, EvaluateRequest, Evaluated, FetchRequest, Fetched, JoinRequest, Joined,
    ManifestRequest, ManifestSent, Refusal, RefusalCode, RekeyRequest, Rekeyed, Response,
};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use super::compute::Place;
use super::connection::Peer;
use super::keyring::UnderKey;
use super::range::read_range;
use super::{RETRY_AFTER_MS, State};
use crate::accounts::{Bank, Refused};
use crate::published::{self, Published};

/// A response and its bulk, or a refusal and, for the log only, why.
pub(super) type Answer = Result<(Response, Vec<u8>), (Refusal, String)>;

pub(super) fn refuse<T>(code: RefusalCode, why: &(impl ToString + ?Sized)) -> Result<T, (Refusal, String)> {
    Err((Refusal::new(code), why.to_string()))
}

/// Trades a token for a certificate, or renews that of a bank.
pub(super) async fn join(state: &Arc<State>, peer: &Peer, request: JoinRequest) -> Answer {
    if let Peer::Bank(bank) = peer
        && request.token == JoinRequest::RENEWAL
    {
        return renew(state, bank, &request.csr).await;
    }
    let token: [u8; 32] = Sha256::digest(request.token).into();
    let now_s = state.now_s();
    let task = Arc::clone(state);
    // Reads every enrolment.
    let invited = tokio::task::spawn_blocking(move || task.registry.invited(&token, now_s)).await;
    let invited = invited.or_else(|error| refuse(RefusalCode::Internal, &error))?;
    let Some(bank) = invited.or_else(|failure| refuse(RefusalCode::Internal, &failure))? else {
        return refuse(RefusalCode::InvitationInvalid, "unknown or expired");
    };
    let signed = state.authority.sign_bank(&bank.name, &request.csr);
    let (certificate, key) = signed.or_else(|error| refuse(RefusalCode::SigningRequestInvalid, &error))?;
    let Some(synced) = state.accounts.join(&bank.name, token, key, now_s) else {
        return refuse(RefusalCode::InvitationInvalid, "used before");
    };
    synced.await.or_else(|_| refuse(RefusalCode::Internal, "the account log failed"))?;
    tracing::info!(bank = bank.name, key = hex_short(&key), "joined");
    let joined = Joined { bank: bank.name, certificate: certificate.der().to_vec(), extensions: vec![] };
    Ok((Response::Joined(joined), vec![]))
}

/// Certifies a key that a bank has anew: it showed one of its certificates, and the signing request is signed by the key. Nothing is
/// recorded, since nothing is new: the account is found by the key as before.
async fn renew(state: &Arc<State>, bank: &str, csr: &[u8]) -> Answer {
    let served = state.registry.served(bank);
    if served.or_else(|failure| refuse(RefusalCode::Internal, &failure))?.is_none() {
        return refuse(RefusalCode::NotEnrolled, "revoked");
    }
    let signed = state.authority.sign_bank(bank, csr);
    let (certificate, key) = signed.or_else(|error| refuse(RefusalCode::SigningRequestInvalid, &error))?;
    let owner = match state.accounts.bank_of(&key) {
        Some(owner) => Some(owner),
        None => {
            let task = Arc::clone(state);
            // Reads every enrolment.
            let certified = tokio::task::spawn_blocking(move || task.registry.certified(&key)).await;
            let certified = certified.or_else(|error| refuse(RefusalCode::Internal, &error))?;
            certified.or_else(|failure| refuse(RefusalCode::Internal, &failure))?.map(|bank| bank.name)
        }
    };
    if owner.as_deref() != Some(bank) {
        return refuse(RefusalCode::InvitationInvalid, "a renewal for a key that is not this bank's");
    }
    tracing::info!(bank, key = hex_short(&key), "certificate renewed");
    let certificate = certificate.der().to_vec();
    Ok((Response::Joined(Joined { bank: bank.to_owned(), certificate, extensions: vec![] }), vec![]))
}

/// Sends a manifest.
pub(super) fn manifest(state: &State, request: &ManifestRequest) -> Answer {
    let newest = newest(state)?;
    let of_epoch = |signed: &SignedManifest| {
        #[allow(clippy::cast_possible_truncation)] // bounded by MANIFEST_BYTES_MAX
        let length = signed.bytes().len() as u32;
        (Response::Manifest(ManifestSent { length, extensions: vec![] }), signed.bytes().to_vec())
    };
    match request.epoch {
        None => Ok(of_epoch(newest.newest())),
        Some(epoch) if epoch == newest.newest().manifest().epoch => Ok(of_epoch(newest.newest())),
        Some(epoch) if epoch < newest.newest().manifest().epoch => {
            let old = published::read_manifest(&state.layout, epoch);
            Ok(of_epoch(&old.or_else(|failure| refuse(RefusalCode::Internal, &failure))?))
        }
        Some(_) => refuse(RefusalCode::EpochUnknown, "an epoch to come"),
    }
}

/// Sends a range of a segment.
pub(super) async fn fetch(state: &State, request: &FetchRequest) -> Answer {
    let newest = newest(state)?;
    let range_unknown = |why: &str| refuse(RefusalCode::RangeUnknown, why);
    let Some(bytes) = newest.segment(&request.root).map(|segment| segment.bytes) else {
        return range_unknown("unknown segment");
    };
    if request.offset.saturating_add(request.length.into()) > bytes {
        return range_unknown("past the end");
    }
    let (root, offset, length) = (request.root, request.offset, request.length);
    let read = tokio::task::spawn_blocking(move || {
        let segment = newest.segment(&root).ok_or(std::io::ErrorKind::NotFound)?;
        read_range(&segment.file, offset, length)
    });
    match read.await {
        Ok(Ok(bulk)) => Ok((Response::Fetched(Fetched { length, extensions: vec![] }), bulk)),
        Ok(Err(error)) => refuse(RefusalCode::Internal, &error),
        Err(error) => refuse(RefusalCode::Internal, &error),
    }
}

/// Evaluates a batch.
pub(super) async fn evaluate(
    state: &Arc<State>,
    bank: &str,
    place: &Place,
    request: &EvaluateRequest,
    bulk: Vec<u8>,
) -> Answer {
    let under = key_of(state, request)?;
    let (evaluation, charged) = answer_batch(state, bank, place, under, request.count, bulk).await?;
    state.metrics.evaluations.inc_by(request.count.into());
    state.metrics.charged.inc_by(charged.into());
    let proof = evaluation.proof.to_bytes();
    let evaluated = Evaluated { count: request.count, proof, charged, extensions: vec![] };
    Ok((Response::Evaluated(evaluated), evaluation.evaluated.into_flattened()))
}

/// Takes a batch from the key before to the newest.
pub(super) async fn rekey(
    state: &Arc<State>,
    bank: &str,
    place: &Place,
    request: &RekeyRequest,
    bulk: Vec<u8>,
) -> Answer {
    let under = ratio_of(state, request)?;
    let (evaluation, charged) = answer_batch(state, bank, place, under, request.count, bulk).await?;
    state.metrics.rekeyings.inc_by(request.count.into());
    let proof = evaluation.proof.to_bytes();
    let rekeyed = Rekeyed { count: request.count, proof, charged, extensions: vec![] };
    Ok((Response::Rekeyed(rekeyed), evaluation.evaluated.into_flattened()))
}

/// Answers a batch: validate, reserve, append and sync beside the arithmetic, answer after both. What was charged with it.
async fn answer_batch(
    state: &Arc<State>,
    bank: &str,
    place: &Place,
    under: UnderKey,
    count: u32,
    bulk: Vec<u8>,
) -> Result<(Evaluation, u32), (Refusal, String)> {
    check_clock(state)?;
    // Only now that the whole batch is here: a peer that sends slowly holds no more than what it sends.
    let Ok(_work) = timeout(state.deadline(), state.memory.work_on(bulk.len())).await else {
        let refusal = Refusal::new(RefusalCode::Busy).retry_after_ms(RETRY_AFTER_MS);
        return Err((refusal, "no room to work".to_owned()));
    };
    let task = Arc::clone(state);
    let batch = state.compute.run(place, move || {
        let (elements, _) = bulk.as_chunks::<ELEMENT_BYTES>();
        BlindedBatch::decode(task.backend, elements.to_vec())
    });
    let batch = match batch.await.map_err(|refusal| (refusal, "queue".to_owned()))? {
        Ok(batch) => batch,
        Err(error @ EvaluateError::Decode(_)) => return refuse(RefusalCode::ElementInvalid, &error),
        Err(error @ EvaluateError::Size(_)) => return refuse(RefusalCode::Malformed, &error),
    };
    // As it is enrolled when it is charged: the batch may have waited since, and the bank have been revoked.
    let bank = match state.registry.served(bank) {
        Ok(Some(bank)) => bank,
        Ok(None) => return refuse(RefusalCode::NotEnrolled, "revoked while it waited"),
        Err(failure) => return refuse(RefusalCode::Internal, &failure),
    };
    let debit = if under.rekeys() {
        state.accounts.debit_rekeying(&bank, batch.rekey_hash(), count, state.now_s())
    } else {
        state.accounts.debit(&bank, batch.hash(), count, state.now_s())
    };
    let debit = debit.map_err(|refused| {
        let (refusal, why) = (Refusal::new(refused.code()), format!("{count} elements"));
        match refused {
            Refused::Day { retry_after_ms } | Refused::Lookups { retry_after_ms } => {
                (refusal.retry_after_ms(retry_after_ms), why)
            }
            Refused::Lifetime => (refusal, why),
            Refused::Clock { behind } => (refusal, clock_behind(behind)),
        }
    })?;
    let evaluation = state.compute.run(place, move || under.answer(&batch));
    let synced = async {
        let began = Instant::now();
        let synced = debit.synced.await;
        state.metrics.log_sync.observe(began.elapsed().as_secs_f64());
        synced
    };
    let (evaluation, synced) = tokio::join!(evaluation, synced);
    synced.or_else(|_| refuse(RefusalCode::Internal, "the account log failed"))?;
    let evaluation =
        evaluation.map_err(|refusal| (refusal, "charged, and free when tried again".to_owned()))?;
    Ok((evaluation, debit.charged))
}

/// What evaluates a batch. Refuses one of another suite, under a key that is not served or of an epoch that is not published yet,
/// before its bulk is read.
pub(super) fn key_of(state: &State, request: &EvaluateRequest) -> Result<UnderKey, (Refusal, String)> {
    if request.suite != oprf::SUITE {
        return refuse(RefusalCode::Unsupported, "another suite");
    }
    let newest = newest(state)?;
    let Some(under) = state.keys().evaluating(KeyId(request.key_id), state.now_s()) else {
        return refuse(RefusalCode::KeyUnknown, "another key id");
    };
    if request.epoch > newest.newest().manifest().epoch {
        return refuse(RefusalCode::EpochUnknown, "an epoch to come");
    }
    Ok(under)
}

/// What rekeys a batch. Refuses one between keys that are not of a rotation whose grace lasts, and as [`key_of`].
pub(super) fn ratio_of(state: &State, request: &RekeyRequest) -> Result<UnderKey, (Refusal, String)> {
    if request.suite != oprf::SUITE {
        return refuse(RefusalCode::Unsupported, "another suite");
    }
    let (from, to) = (KeyId(request.from_key_id), KeyId(request.to_key_id));
    let Some(under) = state.keys().rekeying(from, to, state.now_s()) else {
        return refuse(RefusalCode::KeyUnknown, "no rotation between these keys");
    };
    if request.epoch > newest(state)?.newest().manifest().epoch {
        return refuse(RefusalCode::EpochUnknown, "an epoch to come");
    }
    Ok(under)
}

/// Refuses a charge while the clock is not to be believed: a record stays for ever, and an account never goes back from its
/// day.
pub(super) fn check_clock(state: &State) -> Result<(), (Refusal, String)> {
    if let Some(jumped_s) = state.clock.jumped_s() {
        let hours = jumped_s / 3_600;
        let why = format!(
            "the clock jumped by {hours} hours while serving: set it right; if it is right now, restart"
        );
        return refuse(RefusalCode::Internal, &why);
    }
    // A client takes no set past its end, so a clock that stands a day behind it is most likely wrong.
    let valid_until_s = newest(state)?.newest().manifest().valid_until_s;
    if state.now_s() > valid_until_s.saturating_add(86_400) {
        let why =
            "the manifest ran out more than a day ago: run `samar-server publish`, or set the clock right";
        return refuse(RefusalCode::Internal, why);
    }
    Ok(())
}

pub(super) fn clock_behind(days: u64) -> String {
    format!(
        "the clock is {days} days behind this bank's newest record: set it right; if it is right, a clock was ahead once, \
         and this account waits until then, or enrol the bank under another name"
    )
}

/// Says what is left.
pub(super) fn allowance(state: &State, bank: &Bank) -> (Response, Vec<u8>) {
    let used = state.accounts.used(&bank.name, state.now_s());
    let backend = Extension { id: EXTENSION_BACKEND, bytes: state.backend.name().into() };
    let allowance = Allowance {
        per_day: bank.per_day,
        lifetime: bank.lifetime,
        used_today: used.today,
        used_lifetime: used.lifetime,
        next_day_s: used.next_day_s,
        extensions: vec![backend],
    };
    (Response::Allowance(allowance), vec![])
}

pub(super) fn newest(state: &State) -> Result<Arc<Published>, (Refusal, String)> {
    match state.published() {
        Some(published) => Ok(published),
        None => refuse(RefusalCode::EpochUnknown, "nothing is published yet"),
    }
}

/// The first digits of a fingerprint, for a log line.
fn hex_short(bytes: &[u8; 32]) -> String {
    bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
