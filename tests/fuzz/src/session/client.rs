//! The client's side of an exchange, and its walk to the newest manifest.

use std::collections::VecDeque;
use std::io;
use std::sync::{LazyLock, Mutex};

use quinn::ConnectionError;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use samar::{Link, LinkError, Streams};
use samar_local::exit::Exit;
use samar_protocol::group::Backend;
use samar_protocol::identifier::Nik;
use samar_protocol::limits::PREAMBLE_BYTES;
use samar_protocol::lookup::{Client, Hint, HintBuilder, HintNote, Kernel, MatrixSeed, Shape};
use samar_protocol::manifest::{Chain, Floor, ManifestHash, SignedManifest};
use samar_protocol::oprf::{Blinding, PinnedRotation, Rekeyed, Verified};
use samar_protocol::wire::{Fetched, HintSent, LookedUp, RefusalCode, RequestKind, Response};

use super::answer::{Answer, publish, sent};
use super::runtime;
use super::stream::{End, Inbound, Outbound};
use crate::manifest::key;
use crate::oprf::{NIKS, next_key, pinned, secret_key};
use crate::script::Script;

/// What a server sends is taken exactly where SPEC.md section "Exchange" takes it, called a lie where it is one, asked for
/// once more only where it says "busy". No answer is unblinded but the key's own, no manifest is taken off the chain.
pub fn session_client(data: &[u8]) {
    let mut script = Script::new(data);
    let act = script.byte();
    let count = 1 + usize::from(script.byte()) % 3;
    let inputs: Vec<_> = NIKS[..count].iter().map(|nik| Nik::parse(nik).unwrap().oprf_input()).collect();
    let blinding = if act & 8 == 0 { Blinding::Additive } else { Blinding::Rfc };
    let blinded = pinned(blinding).blind(&inputs, &mut StdRng::seed_from_u64(1)).unwrap();
    let elements = secret_key().encode(Backend::Portable, &inputs);
    let rotation =
        PinnedRotation::new(Backend::Portable, *secret_key().public(), *next_key().public(), Blinding::Rfc);
    let blinded_elements = rotation.blind(&elements, &mut StdRng::seed_from_u64(2)).unwrap();
    let length = 1 + u32::from(script.byte());
    let kind = KINDS[usize::from(act) % KINDS.len()];
    let mut answers = Vec::new();
    while !script.is_over() && answers.len() < 8 {
        let sent =
            if kind == RequestKind::Rekey { blinded_elements.encodings() } else { blinded.encodings() };
        answers.push(Answer::read(&mut script, kind, sent, length));
    }
    let asked = u32::try_from(count).unwrap();
    let expected = expected(&answers, kind, asked, length);
    let link = Link::over("server.example:4433", Answers(Mutex::new(answers.clone().into())));
    runtime().block_on(async {
        match usize::from(act) % KINDS.len() {
            0 => compare(
                &expected,
                link.join([9; 32], vec![0x30]).await.map(|got| (Response::Joined(got), vec![])),
            ),
            1 => compare(&expected, link.manifest(None).await.map(|file| (sent(&file), file))),
            2 => {
                let fetched = |got: Vec<u8>| (Response::Fetched(Fetched { length, extensions: vec![] }), got);
                compare(&expected, link.fetch([7; 32], 0, length).await.map(fetched));
            }
            3 => {
                let got = link.evaluate(secret_key().public().id(), 1, blinded.encodings()).await;
                compare_evaluated(&expected, &got);
                let Ok(got) = got else { return };
                if let Ok(verified) = blinded.verify(&got.evaluated, &got.proof) {
                    let elements = Verified::unblind(verified);
                    assert!(
                        elements == secret_key().encode(Backend::Portable, &inputs),
                        "a wrong answer was taken"
                    );
                }
            }
            4 => compare(&expected, link.allowance().await.map(|got| (Response::Allowance(got), vec![]))),
            5 => {
                let (from, to) = (secret_key().public().id(), next_key().public().id());
                let got = link.rekey(from, to, 2, blinded_elements.encodings()).await;
                compare_evaluated(&expected, &got);
                let Ok(got) = got else { return };
                if let Ok(verified) = blinded_elements.verify(&got.evaluated, &got.proof) {
                    let elements: Vec<_> =
                        verified.unblind().into_iter().map(Rekeyed::into_element).collect();
                    assert!(
                        elements == next_key().encode(Backend::Portable, &inputs),
                        "a wrong rekeying was taken"
                    );
                }
            }
            7 => {
                let sent = |got: Vec<u8>| (Response::Hint(HintSent { length, extensions: vec![] }), got);
                compare(&expected, link.hint([7; 32], 0, length).await.map(sent));
            }
            8 => {
                let prepared = PRIVATE.prepare(1, &mut StdRng::seed_from_u64(3)).pop().unwrap();
                let (query, pending) = prepared.query(0).unwrap();
                let looked_up =
                    |got: Vec<u8>| (Response::LookedUp(LookedUp { page_bytes: 0, extensions: vec![] }), got);
                let got = link.look_up([7; 32], 1, query).await;
                if let Ok(got) = &got {
                    let page = pending.recover(got);
                    assert_eq!(page.is_ok(), got.len() == PRIVATE.shape().answer_bytes());
                }
                compare(&expected, got.map(looked_up));
            }
            _ => {
                let first = SignedManifest::inspect(&publish(1, ManifestHash::NONE)).unwrap().hash();
                let floor = if act & 16 == 0 { 0 } else { 1 };
                let at = Floor { epoch: floor, hash: if floor == 0 { ManifestHash::NONE } else { first } };
                let mut chain = Chain::new(key(1).verifying_key(), at);
                match samar::sync::to_newest(&link, &mut chain, 1_500).await {
                    Ok(newest) => {
                        assert_eq!(chain.at(), Floor { epoch: newest.manifest().epoch, hash: newest.hash() });
                        assert!(newest.manifest().epoch >= floor && newest.manifest().valid_until_s >= 1_500);
                    }
                    Err(failure) => {
                        assert!(matches!(failure.exit(), Exit::Peer | Exit::Refused | Exit::Network));
                    }
                }
            }
        }
    });
}

/// What is asked, by number. The sixth is the walk.
const KINDS: [RequestKind; 9] = [
    RequestKind::Join,
    RequestKind::Manifest,
    RequestKind::Fetch,
    RequestKind::Evaluate,
    RequestKind::Allowance,
    RequestKind::Rekey,
    RequestKind::Manifest,
    RequestKind::Hint,
    RequestKind::Lookup,
];

/// Private lookups in a segment of one page.
static PRIVATE: LazyLock<Client> = LazyLock::new(|| {
    let (shape, seed) = (Shape::new(2_048, 1).unwrap(), MatrixSeed::from_bytes([5; 16]));
    let mut builder = HintBuilder::new(Kernel::Portable, shape, seed);
    builder.push(&[9; 2_048]);
    let hint = builder.finish();
    let hint = Hint::parse(&hint, &HintNote::of(&hint), 2_048).unwrap();
    Client::new(Kernel::Portable, shape, seed, hint).unwrap()
});

/// A server's answers, one a stream; none is left where there are no more.
struct Answers(Mutex<VecDeque<Answer>>);

impl Streams for Answers {
    type Send = Outbound;
    type Receive = Inbound;

    async fn open(&self) -> io::Result<(Outbound, Inbound)> {
        match self.0.lock().unwrap().pop_front() {
            Some(Answer { opens: true, takes: (end, bytes_max), bytes, step, end: in_end }) => {
                Ok((Outbound::new(end, bytes_max), Inbound::new(bytes, step, in_end)))
            }
            _ => Err(ConnectionError::TimedOut.into()),
        }
    }
}

/// What asking must come to.
#[derive(Debug)]
enum Expected {
    Answered(Response, Vec<u8>),
    Refused(u16),
    Lied,
    Away,
}

/// The first answer that is not "busy", of six at most.
fn expected(answers: &[Answer], asked: RequestKind, count: u32, length: u32) -> Expected {
    // After "busy" a lookup is asked with another query, by whoever makes one.
    let tries = if asked == RequestKind::Lookup { 1 } else { 6 };
    for tried in 0..tries {
        let Some(answer) = answers.get(tried) else { return Expected::Away };
        match one(answer, asked, count, length) {
            Expected::Refused(code) if code == RefusalCode::Busy as u16 && tried + 1 < tries => {}
            done => return done,
        }
    }
    unreachable!("the last answer counts")
}

fn one(answer: &Answer, asked: RequestKind, count: u32, length: u32) -> Expected {
    let request_bytes = request_bytes(asked, count);
    let takes_all = usize::from(answer.takes.1) >= request_bytes;
    match answer.takes.0 {
        _ if !answer.opens => return Expected::Away,
        End::Lost | End::Stalled if !takes_all => return Expected::Away,
        // A server that takes no more has an answer; and one that took all has no say.
        _ => {}
    }
    let ended = match answer.end {
        End::Whole => Expected::Lied,
        End::Lost | End::Stalled => Expected::Away,
        End::Reset(code) if RefusalCode::from_number(code.into()).is_some() => Expected::Refused(code.into()),
        End::Reset(_) => Expected::Away,
    };
    let Some((preamble, rest)) = answer.bytes.split_first_chunk::<PREAMBLE_BYTES>() else { return ended };
    let control_bytes = u32::from_le_bytes([preamble[2], preamble[3], preamble[4], preamble[5]]) as usize;
    if preamble[0] != 1 || control_bytes > 65_536 {
        return Expected::Lied;
    }
    let Some((control, bulk)) = rest.split_at_checked(control_bytes) else { return ended };
    let Ok(response) = Response::decode(asked, preamble[1], control) else { return Expected::Lied };
    match &response {
        Response::Fetched(got) if got.length != length => return Expected::Lied,
        Response::Hint(got) if got.length != length => return Expected::Lied,
        Response::Evaluated(got) if got.count != count => return Expected::Lied,
        Response::Rekeyed(got) if got.count != count => return Expected::Lied,
        _ => {}
    }
    if bulk.len() < response.bulk_bytes() {
        return ended;
    }
    if bulk.len() > response.bulk_bytes() {
        return Expected::Lied;
    }
    match (answer.end, response) {
        (End::Whole, Response::Refused(refusal)) => Expected::Refused(refusal.code),
        (End::Whole, response) => Expected::Answered(response, bulk.to_vec()),
        _ => ended,
    }
}

/// Bytes of the request that this target sends.
fn request_bytes(asked: RequestKind, count: u32) -> usize {
    PREAMBLE_BYTES
        + match asked {
            RequestKind::Join => 32 + 8 + 1 + 8,
            RequestKind::Manifest => 1 + 8,
            RequestKind::Fetch | RequestKind::Hint => 32 + 8 + 4 + 8,
            RequestKind::Lookup => 32 + 4 + 8 + 4,
            RequestKind::Evaluate => 2 + 8 + 8 + 4 + 8 + 32 * count as usize,
            RequestKind::Rekey => 2 + 8 + 8 + 8 + 4 + 8 + 32 * count as usize,
            RequestKind::Allowance => 8,
        }
}

fn compare(expected: &Expected, got: Result<(Response, Vec<u8>), LinkError>) {
    match (expected, got) {
        (Expected::Answered(response, bulk), Ok((got, got_bulk))) => {
            assert_eq!(*bulk, got_bulk);
            match (response, &got) {
                // What a client keeps of these is their bulk.
                (Response::Manifest(_), Response::Manifest(_))
                | (Response::Fetched(_), Response::Fetched(_))
                | (Response::Hint(_), Response::Hint(_))
                | (Response::LookedUp(_), Response::LookedUp(_)) => {}
                (response, got) => assert_eq!(response, got),
            }
        }
        (expected, Err(error)) => compare_error(expected, &error),
        (expected, Ok((got, _))) => panic!("{expected:?} was expected, not {got:?}"),
    }
}

fn compare_evaluated(expected: &Expected, got: &Result<samar::EvaluateAnswer, LinkError>) {
    let said = match expected {
        Expected::Answered(Response::Evaluated(said), bulk) => Some((said.proof, said.charged, bulk)),
        Expected::Answered(Response::Rekeyed(said), bulk) => Some((said.proof, said.charged, bulk)),
        _ => None,
    };
    match (said, got) {
        (Some((proof, charged, bulk)), Ok(got)) => {
            assert_eq!(got.evaluated.as_flattened(), bulk);
            assert_eq!((got.proof.to_bytes(), got.charged), (proof, charged));
        }
        (Some((proof, ..)), Err(LinkError::Lied { .. })) => {
            let proof = samar_protocol::oprf::Proof::from_bytes(&proof);
            assert!(proof.is_err(), "an answer in order was called a lie");
        }
        (_, Err(error)) => compare_error(expected, error),
        (_, Ok(got)) => panic!("{expected:?} was expected, not {got:?}"),
    }
}

fn compare_error(expected: &Expected, error: &LinkError) {
    match (expected, error) {
        (Expected::Refused(code), LinkError::Refused { refusal }) => assert_eq!(refusal.code, *code),
        (Expected::Lied, LinkError::Lied { .. }) | (Expected::Away, LinkError::Away { .. }) => {}
        (expected, error) => panic!("{expected:?} was expected, not {error:?}"),
    }
    assert!(!error.to_string().contains(|c: char| c.is_control()), "an error that a terminal would obey");
}
