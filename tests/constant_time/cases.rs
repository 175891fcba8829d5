//! The cases: each makes its secrets, runs one operation of the protocol on them, and says whether they reached its outputs.

use std::convert::Infallible;
use std::hint::black_box;

use curve25519_dalek::{RistrettoPoint, Scalar};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _, TryCryptoRng, TryRng};
use samar_protocol::group::Backend;
use samar_protocol::lookup::{
    Answerer, Client, Hint, HintBuilder, HintNote, Kernel, MatrixSeed, QueryVector, Shape,
};
use samar_protocol::oprf::{
    Blinded, BlindedBatch, BlindedElements, Blinding, Element, Evaluation, KeyRatio, PinnedKey,
    PinnedRotation, SecretKey, Verified, VerifiedRekey,
};
use samar_protocol::segment::{BreachId, Entry, SegmentBuilder, SegmentIndex, SegmentKind, SegmentParams};

use super::valgrind::{is_secret, make_public, make_secret, unreported};
use super::{Case, Expected};

/// More than one vector of eight, and not a whole number of them.
const BATCH: usize = 11;

/// One case for what is the same in each backend; else one for each backend that valgrind can run.
pub(crate) fn all() -> Vec<Case> {
    let file_holds_a_key = Expected::Known(1, "whether the file holds a key");
    let mut cases = vec![
        case("generate-key", Expected::Nothing, generate_key),
        case("load-key", file_holds_a_key, load_key),
        case("look-up-portable", Expected::Known(1, "whether there is such a page"), look_up),
        case("locate-hidden", Expected::Nothing, locate_hidden),
        case("find-hidden", Expected::Nothing, find_hidden),
        case("ratio", Expected::Nothing, ratio),
    ];
    for name in ["portable", "emulated"] {
        let Some(backend) = Backend::from_name(name) else { continue };
        // `double_and_compress_batch` asserts that a product, from which it left out the zeros, is not zero.
        let doubling = match backend {
            Backend::Portable => Expected::Known(1, "an assertion in curve25519-dalek that always holds"),
            _ => Expected::Nothing,
        };
        // Verification is of elements that were sent, but in the coordinates that blinding left them in. Out of the vector
        // form their sum comes through its encoding, and dalek asks twice whether that is one.
        let verdict = match backend {
            Backend::Portable => Expected::Known(1, "the verdict on the proof"),
            _ => Expected::Known(3, "the verdict on the proof, the sum of what was sent"),
        };
        let mut add = |operation: &str, expected, run: Box<dyn Fn() -> bool>| {
            cases.push(Case { name: format!("{operation}-{name}"), expected, run });
        };
        add("encode", doubling, Box::new(move || encode(backend)));
        add("evaluate", doubling, Box::new(move || evaluate(backend)));
        add("prove", Expected::Nothing, Box::new(move || prove(backend)));
        add("rekey", doubling, Box::new(move || rekey(backend)));
        add("prove-rekey", Expected::Nothing, Box::new(move || prove_rekey(backend)));
        for (blinding, kind, encoded) in
            [(Blinding::Additive, "additive", Expected::Nothing), (Blinding::Rfc, "rfc", doubling)]
        {
            let of = |operation: &str| format!("{operation}-{kind}");
            add(&of("blind"), encoded, Box::new(move || blind(backend, blinding)));
            add(&of("verify"), verdict, Box::new(move || verify(backend, blinding)));
            add(&of("unblind"), encoded, Box::new(move || unblind(backend, blinding)));
            add(&of("verify-rekey"), verdict, Box::new(move || verify_rekey(backend, blinding)));
            add(&of("unblind-rekey"), encoded, Box::new(move || unblind_rekey(backend, blinding)));
        }
    }
    cases.extend([
        case("control-variable-time", Expected::Leak, variable_time),
        case("control-branch", Expected::Leak, branch),
        case("control-index", Expected::Leak, index),
    ]);
    cases
}

fn case(name: &str, expected: Expected, run: fn() -> bool) -> Case {
    Case { name: name.to_owned(), expected, run: Box::new(run) }
}

fn generate_key() -> bool {
    let key = SecretKey::generate(&mut SecretRng::new(1));
    is_secret(key.to_bytes().as_slice()) && is_secret(&key.public().to_bytes())
}

/// The verdict: whether the file holds a key at all.
fn load_key() -> bool {
    let mut bytes = *SecretKey::generate(&mut StdRng::seed_from_u64(2)).to_bytes();
    make_secret(&mut bytes);
    SecretKey::from_bytes(&bytes).is_ok_and(|key| is_secret(key.to_bytes().as_slice()))
}

fn encode(backend: Backend) -> bool {
    let elements = secret_key().encode(backend, &secret_inputs());
    elements.iter().all(|element| is_secret(&element.0) && is_secret(&element.tag().0))
}

fn evaluate(backend: Backend) -> bool {
    let evaluated = secret_key().multiply(&batch(backend, &public_blinded()));
    evaluated.iter().all(|encoding| is_secret(encoding))
}

fn prove(backend: Backend) -> bool {
    let key = secret_key();
    let batch = batch(backend, &public_blinded());
    let evaluated = unreported(|| key.multiply(&batch));
    make_public(evaluated.as_slice());
    let proof = key.prove(&batch, &evaluated, &mut SecretRng::new(3)).to_bytes();
    is_secret(&proof[..32]) && is_secret(&proof[32..])
}

fn blind(backend: Backend, blinding: Blinding) -> bool {
    let (_, blinded) = secretly_blinded(backend, blinding);
    blinded.encodings().iter().all(|encoding| is_secret(encoding))
}

fn verify(backend: Backend, blinding: Blinding) -> bool {
    let (key, blinded) = unreported(|| secretly_blinded(backend, blinding));
    let Evaluation { evaluated, proof } = publicly_answered(&key, backend, &blinded);
    blinded.verify(&evaluated, &proof).is_ok()
}

fn unblind(backend: Backend, blinding: Blinding) -> bool {
    let (key, blinded) = unreported(|| secretly_blinded(backend, blinding));
    let Evaluation { evaluated, proof } = publicly_answered(&key, backend, &blinded);
    let verified = unreported(|| blinded.verify(&evaluated, &proof));
    let elements = verified.map(Verified::unblind).unwrap_or_default();
    elements.len() == BATCH && elements.iter().all(|element| is_secret(&element.0))
}

/// Secret and noise, the page asked for, and the page that comes out.
fn look_up() -> bool {
    let (kernel, seed, pages) = (Kernel::Portable, MatrixSeed::from_bytes([13; 16]), vec![14; 10 * 2_048]);
    let shape = Shape::new(2_048, 10).expect("a shape");
    let mut builder = HintBuilder::new(kernel, shape, seed);
    builder.push(&pages);
    let hint = builder.finish();
    let hint = Hint::parse(&hint, &HintNote::of(&hint), 2_048).expect("a hint");
    let client = Client::new(kernel, shape, seed, hint).expect("a hint of this shape");
    let mut page = 7u32;
    make_secret(&mut page);
    let prepared = client.prepare(1, &mut SecretRng::new(15)).pop().expect("one");
    let (query, pending) = prepared.query(page).expect("a page");
    let query = query.into_bytes();
    let hidden = is_secret(&query);
    make_public(query.as_slice());
    let mut answerer =
        Answerer::new(kernel, shape, vec![QueryVector::parse(&query, shape).expect("a query")]);
    answerer.push(&pages);
    hidden && pending.recover(&answerer.finish()[0]).is_ok_and(|page| is_secret(&page))
}

/// The page of a tag, among several.
fn locate_hidden() -> bool {
    let (index, _, mut tag) = segment();
    make_secret(&mut tag);
    let (locator, page) = index.locate_hidden(&tag).expect("a segment with entries");
    is_secret(&page.to_le_bytes()) && is_secret(&locator.key().to_le_bytes())
}

/// What a page says of a tag, page number and content being secret too.
fn find_hidden() -> bool {
    let (index, pages, mut tag) = segment();
    let (_, page) = index.locate_hidden(&tag).expect("a segment with entries");
    let mut bytes = pages[page as usize].clone();
    make_secret(&mut tag);
    make_secret(bytes.as_mut_slice());
    let (locator, page) = index.locate_hidden(&tag).expect("a segment with entries");
    let sealed = index.find_hidden(&locator, page, &bytes);
    // Opened at the end, when the verdict may show.
    let verdict = unreported(|| u8::from(sealed.open().is_ok_and(|label| label.is_some())));
    let hidden = is_secret(&[verdict]);
    make_public(&verdict);
    hidden && verdict == 1
}

/// A segment of several pages, and a tag in it.
fn segment() -> (SegmentIndex, Vec<Vec<u8>>, [u8; 32]) {
    let params = SegmentParams {
        kind: SegmentKind::Base,
        breach_id: BreachId::parse("breach-a").expect("an id"),
        key_id: [1; 8],
        salt: [2; 16],
        entries: 1_500,
        page_bytes: 2_048,
        label_bits: 3,
        extensions: vec![],
    };
    let tag = |n: u32| {
        let mut tag = [0; 32];
        StdRng::seed_from_u64(n.into()).fill_bytes(&mut tag);
        tag
    };
    let placement = params.placement().expect("entries");
    let mut entries: Vec<Entry> = (0..1_500).map(|n| placement.locate(&tag(n)).entry(n & 7)).collect();
    entries.sort_by_key(Entry::key);
    let mut builder = SegmentBuilder::new(params).expect("parameters in order");
    let mut pages: Vec<Vec<u8>> =
        entries.into_iter().filter_map(|entry| builder.push(entry).expect("sorted")).collect();
    let finished = builder.finish().expect("all entries");
    pages.extend(finished.pages);
    let index =
        SegmentIndex::parse(&finished.header_block, &finished.directory, &finished.root).expect("its root");
    assert!(pages.len() > 3);
    (index, pages, tag(700))
}

/// The inverse of a key, times another. A ratio shows nothing of itself but what it makes of an element.
fn ratio() -> bool {
    let ratio = KeyRatio::between(&secret_key(), &other_secret_key());
    let rekeyed = unreported(|| ratio.multiply(&batch(Backend::Portable, &public_blinded())));
    rekeyed.iter().all(|encoding| is_secret(encoding))
}

fn rekey(backend: Backend) -> bool {
    let ratio = unreported(|| KeyRatio::between(&secret_key(), &other_secret_key()));
    let rekeyed = ratio.multiply(&batch(backend, &public_blinded()));
    rekeyed.iter().all(|encoding| is_secret(encoding))
}

fn prove_rekey(backend: Backend) -> bool {
    let ratio = unreported(|| KeyRatio::between(&secret_key(), &other_secret_key()));
    let batch = batch(backend, &public_blinded());
    let rekeyed = unreported(|| ratio.multiply(&batch));
    make_public(rekeyed.as_slice());
    let proof = ratio.prove(&batch, &rekeyed, &mut SecretRng::new(3)).to_bytes();
    is_secret(&proof[..32]) && is_secret(&proof[32..])
}

fn verify_rekey(backend: Backend, blinding: Blinding) -> bool {
    let (ratio, blinded) = unreported(|| secretly_blinded_elements(backend, blinding));
    let Evaluation { evaluated, proof } = publicly_rekeyed(&ratio, backend, &blinded);
    blinded.verify(&evaluated, &proof).is_ok()
}

fn unblind_rekey(backend: Backend, blinding: Blinding) -> bool {
    let (ratio, blinded) = unreported(|| secretly_blinded_elements(backend, blinding));
    let Evaluation { evaluated, proof } = publicly_rekeyed(&ratio, backend, &blinded);
    let verified = unreported(|| blinded.verify(&evaluated, &proof));
    let rekeyed = verified.map(VerifiedRekey::unblind).unwrap_or_default();
    rekeyed.len() == BATCH && rekeyed.into_iter().all(|rekeyed| is_secret(&rekeyed.into_element().0))
}

/// Made for public scalars alone.
fn variable_time() -> bool {
    let mut scalar = Scalar::random(&mut StdRng::seed_from_u64(4));
    make_secret(&mut scalar);
    let point = RistrettoPoint::mul_base(&Scalar::from(5u8));
    let product = RistrettoPoint::vartime_double_scalar_mul_basepoint(&scalar, &point, &Scalar::ONE);
    black_box(product);
    is_secret(scalar.as_bytes())
}

/// A loop as long as a secret.
fn branch() -> bool {
    let mut length = [6u8];
    make_secret(&mut length);
    for round in 0..length[0] {
        black_box(round);
    }
    is_secret(&length)
}

/// A table indexed by a secret.
fn index() -> bool {
    let table = [9u8; 256];
    let mut place = [7u8];
    make_secret(&mut place);
    black_box(black_box(&table)[usize::from(place[0])]);
    is_secret(&place)
}

/// A key whose every bit is secret, its public half excepted.
fn secret_key() -> SecretKey {
    let key = SecretKey::generate(&mut SecretRng::new(8));
    make_public(key.public());
    key
}

/// The key that comes after it.
fn other_secret_key() -> SecretKey {
    let key = SecretKey::generate(&mut SecretRng::new(9));
    make_public(key.public());
    key
}

/// Elements that a bank holds, blinded for the next key.
fn secretly_blinded_elements(backend: Backend, blinding: Blinding) -> (KeyRatio, BlindedElements) {
    let [old, new] = [13, 14].map(|seed| SecretKey::generate(&mut StdRng::seed_from_u64(seed)));
    let elements: Vec<Element> = old.encode(backend, &secret_inputs());
    let pinned = PinnedRotation::new(backend, *old.public(), *new.public(), blinding);
    let blinded = pinned.blind(&elements, &mut SecretRng::new(11)).expect("a batch");
    (KeyRatio::between(&old, &new), blinded)
}

/// The server's answer to what it was sent.
fn publicly_rekeyed(ratio: &KeyRatio, backend: Backend, blinded: &BlindedElements) -> Evaluation {
    make_public(blinded.encodings());
    ratio.rekey(&batch(backend, blinded.encodings()), &mut StdRng::seed_from_u64(12))
}

/// Identifiers of public lengths: numbers, and e-mail addresses that take another block of the hash or two.
fn secret_inputs() -> Vec<Vec<u8>> {
    let input = |i: usize| {
        let bytes = (317_100 + i as u128).to_le_bytes();
        bytes.iter().copied().cycle().take([28, 28, 60, 266][i % 4]).collect()
    };
    let mut inputs: Vec<Vec<u8>> = (0..BATCH).map(input).collect();
    inputs.iter_mut().for_each(|input| make_secret(input.as_mut_slice()));
    inputs
}

/// What a bank sends.
fn public_blinded() -> Vec<[u8; 32]> {
    let points = (0..BATCH as u64).map(|i| RistrettoPoint::mul_base(&Scalar::from(i + 9)));
    points.map(|point| point.compress().to_bytes()).collect()
}

fn batch(backend: Backend, blinded: &[[u8; 32]]) -> BlindedBatch {
    BlindedBatch::decode(backend, blinded.to_vec()).expect("elements")
}

fn secretly_blinded(backend: Backend, blinding: Blinding) -> (SecretKey, Blinded) {
    let key = SecretKey::generate(&mut StdRng::seed_from_u64(10));
    let pinned = PinnedKey::new(backend, *key.public(), blinding);
    let blinded = pinned.blind(&secret_inputs(), &mut SecretRng::new(11)).expect("a batch");
    (key, blinded)
}

/// The server's answer to what it was sent.
fn publicly_answered(key: &SecretKey, backend: Backend, blinded: &Blinded) -> Evaluation {
    make_public(blinded.encodings());
    key.evaluate(&batch(backend, blinded.encodings()), &mut StdRng::seed_from_u64(12))
}

/// Every bit that comes out of it is secret.
struct SecretRng(StdRng);

impl SecretRng {
    fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }
}

impl TryRng for SecretRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut word = self.0.next_u32();
        make_secret(&mut word);
        Ok(word)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut word = self.0.next_u64();
        make_secret(&mut word);
        Ok(word)
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill_bytes(dst);
        make_secret(dst);
        Ok(())
    }
}

impl TryCryptoRng for SecretRng {}
