//! The server's session machine.

use std::collections::HashSet;
use std::sync::Arc;

use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::traits::IsIdentity as _;
use samar_protocol::group::Backend;
use samar_protocol::limits::PREAMBLE_BYTES;
use samar_protocol::lookup::{Answerer, Kernel, QueryVector, Shape};
use samar_protocol::manifest::SegmentRef;
use samar_protocol::oprf::BlindedBatch;
use samar_protocol::wire::{
    AllowanceRequest, EvaluateRequest, FetchRequest, HintRequest, JoinRequest, LookupRequest,
    ManifestRequest, RefusalCode, RekeyRequest, Request, Response, WireError,
};
use samar_server::keys;
use samar_server::serve::{Peer, Service};

use super::runtime;
use super::stage::{BANK, ELEMENTS, LIFETIME, LOOKUPS, PER_DAY, Stage};
use super::stream::{End, Inbound, Outbound};
use crate::script::Script;

/// A few exchanges with a server: whatever comes in, it is answered with one well-formed message, or not at all where the
/// peer is gone; a refusal is the one that SPEC.md says comes first; what is charged is what was answered, once.
pub fn session_server(data: &[u8]) {
    let mut script = Script::new(data);
    let stage = Stage::set();
    runtime().block_on(async {
        let service = Service::open(&stage.layout, Backend::Portable).unwrap();
        let mut account = Account::default();
        for _ in 0..6 {
            if script.is_over() {
                break;
            }
            let peer = match script.byte() {
                0xff => Peer::Stranger,
                0xfe => Peer::Unknown,
                0xfd => Peer::Bank("bank-gone".to_owned()),
                _ => Peer::Bank(BANK.to_owned()),
            };
            let (step, end, out_end) = (script.byte(), End::read(&mut script), End::read(&mut script));
            let out_bytes = if out_end == End::Whole { 0 } else { script.u16() % 600 };
            let message = message(&mut script, &stage);
            let expected = expected(&peer, &message, end, &stage, &mut account);
            let send = Outbound::new(out_end, out_bytes);
            let sent = Arc::clone(&send.sent);
            service.exchange(peer, send, Inbound::new(message.clone(), step, end)).await;
            let sent = std::mem::take(&mut *sent.lock().unwrap());
            if expected == Expected::Silence {
                assert!(sent.bytes.is_empty() && !sent.whole, "a peer that is gone was answered");
            } else if out_end == End::Whole {
                assert!(sent.whole && sent.reset.is_none());
                check(&message, &sent.bytes, expected, &stage);
            } else {
                assert_eq!(sent.reset.is_some(), out_end == End::Stalled);
            }
        }
        // What was charged is what the exchanges came to, no more and no less, whether or not their answers were taken.
        let ask = Request::Allowance(AllowanceRequest { extensions: vec![] }).encode().unwrap();
        let send = Outbound::new(End::Whole, 0);
        let sent = Arc::clone(&send.sent);
        let bank = Peer::Bank(BANK.to_owned());
        service.exchange(bank, send, Inbound::new(ask.clone(), 0, End::Whole)).await;
        check(&ask, &sent.lock().unwrap().bytes, Expected::Allowance(account.used), &stage);
    });
}

/// What an exchange must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// Nothing: there is nobody.
    Silence,
    Refused(RefusalCode),
    Manifest,
    Fetched,
    Hint,
    LookedUp,
    /// With so many charged.
    Evaluated(u32),
    /// With so many used in all.
    Allowance(u64),
    /// A certificate, or a refusal of the signing request, of the token's second use or of a key to renew that is not the bank's.
    Joined,
}

/// What the bank has used.
#[derive(Default)]
struct Account {
    used: u64,
    lookups: u64,
    batches: HashSet<Vec<u8>>,
}

/// The rules of SPEC.md sections "Exchange" and "Refusals", in their order.
fn expected(peer: &Peer, message: &[u8], end: End, stage: &Stage, account: &mut Account) -> Expected {
    use RefusalCode as Code;
    let ended = match end {
        End::Whole => Expected::Refused(Code::Malformed),
        End::Stalled => Expected::Refused(Code::TooSlow),
        End::Reset(_) | End::Lost => Expected::Silence,
    };
    let Some((preamble, rest)) = message.split_first_chunk::<PREAMBLE_BYTES>() else { return ended };
    if preamble[0] != 1 {
        return Expected::Refused(Code::Unsupported);
    }
    let control_bytes = u32::from_le_bytes([preamble[2], preamble[3], preamble[4], preamble[5]]) as usize;
    if control_bytes > 65_536 {
        return Expected::Refused(Code::Malformed);
    }
    let Some((control, bulk)) = rest.split_at_checked(control_bytes) else { return ended };
    let request = match Request::decode(preamble[1], control) {
        Ok(request) => request,
        Err(WireError::Kind { .. }) => return Expected::Refused(Code::Unsupported),
        Err(_) => return Expected::Refused(Code::Malformed),
    };
    match peer {
        _ if matches!(request, Request::Join(_)) => {}
        Peer::Bank(name) if name == BANK => {}
        Peer::Stranger => return Expected::Refused(Code::Unauthenticated),
        Peer::Bank(_) | Peer::Unknown => return Expected::Refused(Code::NotEnrolled),
    }
    if let Request::Evaluate(asked) = &request {
        if asked.suite != 1 {
            return Expected::Refused(Code::Unsupported);
        }
        if asked.key_id != stage.template.key_id {
            return Expected::Refused(Code::KeyUnknown);
        }
        if asked.epoch > 1 {
            return Expected::Refused(Code::EpochUnknown);
        }
    }
    if let Request::Rekey(asked) = &request {
        let code = if asked.suite == 1 { Code::KeyUnknown } else { Code::Unsupported };
        return Expected::Refused(code);
    }
    if let Request::Lookup(asked) = &request {
        if asked.root != stage.template.segment.root {
            return Expected::Refused(Code::RangeUnknown);
        }
        if asked.pages != 1 {
            return Expected::Refused(Code::Malformed);
        }
    }
    match bulk.len().cmp(&request.bulk_bytes()) {
        std::cmp::Ordering::Less => return ended,
        std::cmp::Ordering::Greater => return Expected::Refused(Code::Malformed),
        std::cmp::Ordering::Equal if end == End::Whole => {}
        std::cmp::Ordering::Equal => return ended,
    }
    match request {
        Request::Join(asked) if asked.token == stage.template.token => Expected::Joined,
        // A renewal: of a key that is the bank's, or not.
        Request::Join(asked) if asked.token == JoinRequest::RENEWAL && matches!(peer, Peer::Bank(_)) => {
            let known = matches!(peer, Peer::Bank(name) if name == BANK);
            if known { Expected::Joined } else { Expected::Refused(Code::NotEnrolled) }
        }
        Request::Join(_) => Expected::Refused(Code::InvitationInvalid),
        Request::Manifest(asked) if asked.epoch.is_none_or(|epoch| epoch == 1) => Expected::Manifest,
        Request::Manifest(_) => Expected::Refused(Code::EpochUnknown),
        Request::Fetch(asked) => {
            let SegmentRef { root, file_bytes, .. } = &stage.template.segment;
            let held = asked.root == *root && asked.offset + u64::from(asked.length) <= *file_bytes;
            if held { Expected::Fetched } else { Expected::Refused(Code::RangeUnknown) }
        }
        Request::Hint(asked) => {
            let bytes = stage.template.hint.len() as u64;
            let held = asked.root == stage.template.segment.root
                && asked.offset.saturating_add(asked.length.into()) <= bytes;
            if held { Expected::Hint } else { Expected::Refused(Code::RangeUnknown) }
        }
        Request::Lookup(_) if bulk[3] > 0x0f => Expected::Refused(Code::Malformed),
        Request::Lookup(_) if account.lookups == LOOKUPS => Expected::Refused(Code::LookupAllowanceUsed),
        Request::Lookup(_) => {
            account.lookups += 1;
            Expected::LookedUp
        }
        Request::Allowance(_) => Expected::Allowance(account.used),
        Request::Rekey(_) => unreachable!("no key was changed"),
        Request::Evaluate(asked) => {
            let is_element = |bytes: &[u8; 32]| {
                CompressedRistretto(*bytes).decompress().is_some_and(|point| !point.is_identity())
            };
            if !bulk.as_chunks().0.iter().all(is_element) {
                return Expected::Refused(Code::ElementInvalid);
            }
            if account.batches.contains(bulk) {
                return Expected::Evaluated(0);
            }
            let after = account.used + u64::from(asked.count);
            if after > LIFETIME {
                return Expected::Refused(Code::LifetimeAllowanceUsed);
            }
            if after > PER_DAY {
                return Expected::Refused(Code::DayAllowanceUsed);
            }
            account.used = after;
            account.batches.insert(bulk.to_vec());
            Expected::Evaluated(asked.count)
        }
    }
}

/// Reads an answer as strictly as a client does, and compares it.
fn check(request: &[u8], answer: &[u8], expected: Expected, stage: &Stage) {
    let control_bytes = u32::from_le_bytes(*answer[2..].first_chunk().unwrap()) as usize;
    let (control, bulk) = answer[PREAMBLE_BYTES..].split_at(control_bytes);
    assert_eq!(answer[0], 1);
    let Expected::Refused(code) = expected else {
        let asked = Request::decode(request[1], &request[PREAMBLE_BYTES..][..length(request)]).unwrap();
        let response = Response::decode(asked.kind(), answer[1], control).unwrap();
        assert_eq!(response.bulk_bytes(), bulk.len());
        match (expected, asked, response) {
            (Expected::Manifest, _, Response::Manifest(_)) => assert_eq!(bulk, stage.template.manifest),
            (Expected::Fetched, Request::Fetch(asked), Response::Fetched(_)) => {
                let from = usize::try_from(asked.offset).unwrap();
                assert_eq!(bulk, &stage.template.segment_file[from..][..asked.length as usize]);
            }
            (Expected::Hint, Request::Hint(asked), Response::Hint(_)) => {
                let from = usize::try_from(asked.offset).unwrap();
                assert_eq!(bulk, &stage.template.hint[from..][..asked.length as usize]);
            }
            (Expected::LookedUp, _, Response::LookedUp(_)) => {
                let shape = Shape::new(2_048, 1).unwrap();
                let query = QueryVector::parse(&request[PREAMBLE_BYTES + length(request)..], shape).unwrap();
                let mut answerer = Answerer::new(Kernel::Portable, shape, vec![query]);
                answerer.push(&stage.template.segment_file[2_048..4_096]);
                assert_eq!(bulk, answerer.finish()[0]);
            }
            (Expected::Evaluated(charged), _, Response::Evaluated(got)) => {
                assert_eq!(got.charged, charged);
                let blinded = request[PREAMBLE_BYTES + length(request)..].as_chunks().0.to_vec();
                let batch = BlindedBatch::decode(Backend::Portable, blinded).unwrap();
                let key = keys::oprf(&stage.layout).unwrap();
                assert_eq!(bulk, key.multiply(&batch).as_flattened());
            }
            (Expected::Allowance(used), _, Response::Allowance(got)) => {
                assert_eq!((got.per_day, got.lifetime), (PER_DAY, LIFETIME));
                assert_eq!(got.used_lifetime, used);
            }
            (Expected::Joined, _, Response::Joined(got)) => assert_eq!(got.bank, BANK),
            (Expected::Joined, _, Response::Refused(refusal)) => assert!(matches!(
                refusal.code(),
                Some(RefusalCode::SigningRequestInvalid | RefusalCode::InvitationInvalid)
            )),
            (expected, _, response) => panic!("{expected:?} was expected, not {response:?}"),
        }
        return;
    };
    let any = samar_protocol::wire::RequestKind::Join;
    let Ok(Response::Refused(refusal)) = Response::decode(any, answer[1], control) else {
        panic!("{code:?} was expected, not a message of kind {:#04x}", answer[1]);
    };
    assert_eq!((refusal.code(), bulk.len()), (Some(code), 0));
    assert_eq!(refusal.text, code.text(), "the peer hears the text of the code and nothing more");
}

fn length(message: &[u8]) -> usize {
    u32::from_le_bytes(*message[2..].first_chunk().unwrap()) as usize
}

/// A message: any bytes, or an honest request with a few bytes changed, cut short or gone on with.
fn message(script: &mut Script<'_>, stage: &Stage) -> Vec<u8> {
    let act = script.byte();
    let template = stage.template;
    let (request, bulk) = match act % 8 {
        0 => return script.counted().to_vec(),
        1 => {
            let choice = script.byte();
            let csr = if choice & 1 == 0 { template.csr.clone() } else { script.counted().to_vec() };
            let token = if choice & 2 == 0 { template.token } else { JoinRequest::RENEWAL };
            (Request::Join(JoinRequest { token, csr, extensions: vec![] }), vec![])
        }
        2 => {
            let epoch = Some(u64::from(script.byte())).filter(|epoch| *epoch != 0);
            (Request::Manifest(ManifestRequest { epoch, extensions: vec![] }), vec![])
        }
        3 => {
            let (offset, length) = (u64::from(script.u16()), u32::from(script.u16()));
            let root = template.segment.root;
            (Request::Fetch(FetchRequest { root, offset, length, extensions: vec![] }), vec![])
        }
        4 => (Request::Allowance(AllowanceRequest { extensions: vec![] }), vec![]),
        5 => {
            let (count, key_id) = (u32::from(script.byte() % 8), template.key_id);
            let request = RekeyRequest {
                suite: 1,
                from_key_id: [script.byte(); 8],
                to_key_id: key_id,
                epoch: 1,
                count,
                extensions: vec![],
            };
            (Request::Rekey(request), ELEMENTS[0].repeat(count as usize))
        }
        7 => {
            let root = template.segment.root;
            if script.byte() & 1 == 0 {
                let (offset, length) = (u64::from(script.u32() >> 9), u32::from(script.u16()));
                (Request::Hint(HintRequest { root, offset, length, extensions: vec![] }), vec![])
            } else {
                let query = script.u32() & 0x1fff_ffff;
                let asked = LookupRequest { root, pages: 1, extensions: vec![] };
                (Request::Lookup(asked), query.to_le_bytes().to_vec())
            }
        }
        _ => {
            let count = script.byte() % 8;
            let elements = (0..count).flat_map(|place| match script.byte() {
                0xff => script.array(),
                chosen => ELEMENTS[usize::from(chosen.wrapping_add(place)) % ELEMENTS.len()],
            });
            let bulk: Vec<u8> = elements.collect();
            let (key_id, count) = (template.key_id, count.into());
            (
                Request::Evaluate(EvaluateRequest { suite: 1, key_id, epoch: 1, count, extensions: vec![] }),
                bulk,
            )
        }
    };
    let Ok(head) = request.encode() else { return script.counted().to_vec() };
    let mut message = [head, bulk].concat();
    match act >> 3 {
        0x1f => drop(script.patch(&mut message, 3)),
        0x1e => message.truncate(script.u16().into()),
        0x1d => message.extend(script.counted()),
        _ => {}
    }
    message
}
