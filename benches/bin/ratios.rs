//! Each step of the hot path beside its peers: interleaved rounds, one process, one thread.
//!
//! `cargo run --release -p samar-benches --bin ratios -- [--json] [--rounds N] [--chalamet PROGRAM] [oprf|lookup]`. With `--json`, standard output is
//! the list and nothing else. `SAMAR_BACKEND` names another backend than the best.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is the product")]

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use rand::{SeedableRng as _, rngs::StdRng};
use samar_benches::lookup::{self, Mapped};
use samar_benches::opponents::{chalamet::Chalamet, dalek::Dalek, voprf::Voprf};
use samar_benches::rounds::{self, Outcome, Step, timed};
use samar_benches::{HASH_TO_GROUP_DST, machine, oprf_inputs};
use samar_protocol::group::Backend;
use samar_protocol::identifier::OprfInput;
use samar_protocol::lookup::BATCH_QUERIES_MAX;
use samar_protocol::oprf::{Blinded, BlindedBatch, Blinding, Element, Evaluation, PinnedKey, SecretKey};
use serde::Serialize;

/// Elements in a batch.
const BATCH: usize = 1_024;
/// Seeds the blinds: both sides draw them afresh in every round, and get the same.
const SEED: u64 = 7;

/// Measures each step of the hot path beside its peers.
#[derive(Parser)]
struct Arguments {
    /// Print a JSON list of {step, ours_per_s, opponent, opponent_per_s, ratio}; the rest goes to standard error.
    #[arg(long)]
    json: bool,
    /// Rounds, of which the medians are taken.
    #[arg(long, default_value_t = 51, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Pages of 8,192 bytes of the segment that is looked up in: 279 million entries have 179,078.
    #[arg(long, default_value_t = 179_078, value_parser = clap::value_parser!(u32).range(1..=187_722))]
    pages: u32,
    /// The program of `benches/chalamet`, built: a lookup beside `ChalametPIR`'s, in as many bytes as that prepares in a minute.
    #[arg(long, value_name = "PROGRAM")]
    chalamet: Option<PathBuf>,
    /// What is measured.
    #[arg(value_enum, default_value_t)]
    group: Group,
}

/// Steps that are measured together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Group {
    /// The OPRF beside curve25519-dalek and the crate voprf
    #[default]
    Oprf,
    /// Private lookups: one query beside reading the same memory, sixteen together beside one
    Lookup,
}

/// One line of the result; rates in elements a second, of `lookup_scan` in bytes, of `lookup_batch16` and `lookup_small` in queries.
#[derive(Serialize)]
struct Row {
    step: &'static str,
    ours_per_s: f64,
    opponent: &'static str,
    opponent_per_s: f64,
    ratio: f64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    if arguments.group == Group::Lookup {
        return lookups(&arguments);
    }
    let backend = Backend::choose(|name| std::env::var(name).ok())?;
    let head = format!(
        "{}\nbackend {}, batches of {BATCH}, one thread, medians of {} interleaved rounds, elements per second of processor time\n",
        machine::describe(),
        backend.name(),
        arguments.rounds
    );
    let bench = Bench::new(backend);
    bench.check();
    let mut steps = bench.steps();
    let outcomes = rounds::run(&mut steps, arguments.rounds.into());

    let batch = BATCH as f64;
    let rows: Vec<Row> =
        steps.iter().zip(&outcomes).map(|(step, outcome)| row(step, outcome, batch, batch)).collect();
    show(&arguments, &(head + &table(&rows, &outcomes)), &rows)
}

fn show(arguments: &Arguments, table: &str, rows: &[Row]) -> Result<(), Box<dyn std::error::Error>> {
    if arguments.json {
        eprint!("{table}");
        println!("{}", serde_json::to_string_pretty(rows)?);
    } else {
        print!("{table}");
    }
    Ok(())
}

/// The steps of a private lookup, and below the table what has no opponent.
fn lookups(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let mapped = Mapped::new(arguments.pages)?;
    let mut chalamet = arguments.chalamet.as_deref().map(Chalamet::start).transpose()?;
    let prepared = chalamet.as_ref().map(|chalamet| chalamet.prepared);
    let small = prepared.map(|prepared| Mapped::holding(prepared.bytes)).transpose()?;
    let mut steps = mapped.steps();
    if let (Some(chalamet), Some(small)) = (&mut chalamet, &small) {
        steps.push(small.against(Chalamet::NAME, Box::new(|| chalamet.answer_s())));
    }
    let mut outcomes = rounds::run(&mut steps, arguments.rounds.into());
    // A round of the second step has a pass of sixteen beside a pass of one; what compares is a query.
    let per_query = |ratio: f64| ratio * BATCH_QUERIES_MAX as f64;
    let (low, high) = outcomes[1].spread;
    outcomes[1].spread = (per_query(low), per_query(high));
    let bytes = mapped.bytes() as f64;
    let rows: Vec<Row> = steps
        .iter()
        .zip(&outcomes)
        .map(|(step, outcome)| match step.name {
            "lookup_scan" => row(step, outcome, bytes, bytes),
            "lookup_small" => row(step, outcome, 1.0, 1.0),
            _ => row(step, outcome, BATCH_QUERIES_MAX as f64, 1.0),
        })
        .collect();
    let head = format!(
        "{}\nkernel {}, n 1,024, q 2^32, sigma 16, query 28 bits, answer 13, hint 21; {} pages of 8,192 bytes in a mapped file, one thread, \
         medians of {} interleaved rounds; bytes (lookup_scan) and queries (the others) per second of processor time\n",
        machine::describe(),
        mapped.kernel(),
        arguments.pages,
        arguments.rounds
    );
    let [hint, up, down] = mapped.sizes();
    let client = lookup::client_time(arguments.pages);
    let mut text = head + &table(&rows, &outcomes);
    let milliseconds = |seconds: f64| seconds * 1e3;
    // Cannot fail: a String takes everything.
    let beside = mapped.beside_s();
    for (name, pass) in [
        ("one lookup", outcomes[0].ours_s),
        ("one of sixteen", outcomes[1].ours_s / BATCH_QUERIES_MAX as f64),
    ] {
        let _ = writeln!(
            text,
            "{name}, server: {:.1} ms of a core: pass {:.1}, reading the query and packing the answer {:.2}",
            milliseconds(pass + beside),
            milliseconds(pass),
            milliseconds(beside)
        );
    }
    let _ = writeln!(
        text,
        "client, once there is an identifier: {:.2} ms of a core",
        milliseconds(client.online_s)
    );
    let _ = writeln!(
        text,
        "client, ahead: {:.0} ms a query, four at a time, all cores",
        milliseconds(client.prepare_s)
    );
    let _ = writeln!(text, "bytes: up {up}, down {down}, hint {hint}");
    let _ = writeln!(text, "hint: {:.0} MB of segment a second of a core", lookup::hint_bytes_per_s() / 1e6);
    if let (Some(prepared), Some(small)) = (prepared, &small) {
        let [hint, up, down] = small.sizes();
        let _ = writeln!(
            text,
            "{}: {} values, {} bytes, prepared in {:.0} s on all cores; up {}, down {}, hint {}, client {:.1} ms of a core for all of it; \
             ours of as many bytes: up {up}, down {down}, hint {hint}",
            Chalamet::NAME,
            prepared.entries,
            prepared.bytes,
            prepared.prepare_s,
            prepared.query_bytes,
            prepared.answer_bytes,
            prepared.hint_bytes,
            milliseconds(prepared.client_s)
        );
    }
    show(arguments, &text, &rows)
}

/// A line, of so many things that each side did in a round.
fn row(step: &Step<'_>, outcome: &Outcome, ours: f64, theirs: f64) -> Row {
    let (ours, theirs) = (ours / outcome.ours_s, theirs / outcome.theirs_s);
    // Lookups are a few tens a second.
    let rounded = |rate: f64| if rate < 1_000.0 { (rate * 100.0).round() / 100.0 } else { rate.round() };
    Row {
        step: step.name,
        ours_per_s: rounded(ours),
        opponent: step.opponent,
        opponent_per_s: rounded(theirs),
        ratio: (ours / theirs * 100.0).round() / 100.0,
    }
}

fn table(rows: &[Row], outcomes: &[Outcome]) -> String {
    let mut text = format!(
        "{:<16}{:>12}  {:<14}{:>12}{:>8}  {}\n",
        "step", "ours", "opponent", "opponent", "ratio", "lowest and highest round"
    );
    for (row, outcome) in rows.iter().zip(outcomes) {
        let Row { step, ours_per_s, opponent, opponent_per_s, ratio } = row;
        let (low, high) = outcome.spread;
        // Cannot fail: a String takes everything.
        let _ = writeln!(
            text,
            "{step:<16}{ours_per_s:>12.0}  {opponent:<14}{opponent_per_s:>12.0}{ratio:>8.2}  {low:.2} .. {high:.2}"
        );
    }
    text
}

/// Both sides with one key and one batch of identifiers.
struct Bench {
    backend: Backend,
    key: SecretKey,
    pinned: PinnedKey,
    dalek: Dalek,
    voprf: Voprf,
    inputs: Vec<OprfInput>,
}

impl Bench {
    fn new(backend: Backend) -> Self {
        let key = SecretKey::generate(&mut rng());
        let bytes = key.to_bytes();
        let (dalek, voprf) = (Dalek::new(&bytes), Voprf::new(&bytes));
        let pinned = PinnedKey::new(backend, *key.public(), Blinding::default());
        Self { backend, key, pinned, dalek, voprf, inputs: oprf_inputs(BATCH) }
    }

    /// All sides must come to the same, or the figures compare nothing.
    fn check(&self) {
        let tags = self.encode();
        assert!(self.dalek.encode(&self.inputs) == tags, "dalek encodes to the same tags");
        let (blinded, answer) = self.exchange();
        assert!(self.finalize(blinded, &answer) == tags, "what is unblinded is what is encoded");
        assert_eq!(self.voprf.public_key(), self.key.public().to_bytes());
        let blinded = self.voprf.blind(&self.inputs, SEED);
        let answer = self.voprf.evaluate(&blinded.encodings, SEED);
        assert_eq!(self.evaluate(&blinded.encodings), answer.evaluated);
        assert_eq!(self.dalek.evaluate(&blinded.encodings), answer.evaluated);
        let outputs = self.voprf.finalize(&self.inputs, &blinded, &answer);
        assert_eq!(outputs[BATCH - 1], self.voprf.output(self.inputs[BATCH - 1].as_ref()));
    }

    fn steps(&self) -> Vec<Step<'_>> {
        let mut steps = self.whole_steps();
        steps.extend(self.halves());
        steps.extend(self.group_operations());
        steps
    }

    /// What one side does between two messages, or for its set.
    fn whole_steps(&self) -> Vec<Step<'_>> {
        let Self { dalek, voprf, inputs, .. } = self;
        let (blinded, answer) = self.exchange();
        let encodings = blinded.encodings().to_vec();
        let to_prove = encodings.clone();
        let their_answer = voprf.evaluate(&voprf.blind(inputs, SEED).encodings, SEED);
        let theirs = encodings.clone();
        vec![
            against_dalek(
                "encode",
                move || timed(|| self.encode()).0,
                move || timed(|| dalek.encode(inputs)).0,
            ),
            against_dalek(
                "evaluate",
                move || timed(|| self.evaluate(&encodings)).0,
                move || timed(|| dalek.evaluate(&theirs)).0,
            ),
            against_voprf(
                "evaluate_prove",
                {
                    let blinded = to_prove.clone();
                    move || timed(|| self.evaluate_prove(blinded.clone())).0
                },
                move || timed(|| voprf.evaluate(&to_prove, SEED)).0,
            ),
            against_voprf(
                "blind_finalize",
                move || timed(|| self.finalize(self.blind(), &answer)).0,
                move || timed(|| voprf.finalize(inputs, &voprf.blind(inputs, SEED), &their_answer)).0,
            ),
        ]
    }

    /// The two halves of `blind_finalize`.
    fn halves(&self) -> Vec<Step<'_>> {
        let Self { voprf, inputs, .. } = self;
        let (_, answer) = self.exchange();
        let their_blinded = voprf.blind(inputs, SEED);
        let their_answer = voprf.evaluate(&their_blinded.encodings, SEED);
        vec![
            against_voprf(
                "blind",
                move || timed(|| self.blind()).0,
                move || timed(|| voprf.blind(inputs, SEED)).0,
            ),
            against_voprf(
                "finalize",
                move || {
                    let blinded = self.blind();
                    timed(|| self.finalize(blinded, &answer)).0
                },
                move || timed(|| voprf.finalize(inputs, &their_blinded, &their_answer)).0,
            ),
        ]
    }

    fn group_operations(&self) -> Vec<Step<'_>> {
        let Self { backend, dalek, inputs, .. } = self;
        let points = || (backend.hash_to_group(HASH_TO_GROUP_DST, inputs), dalek.hash_to_group(inputs));
        let (to_multiply, theirs_to_multiply) = points();
        let (to_encode, theirs_to_encode) = points();
        let encodings = to_encode.encode();
        let theirs_to_decode = encodings.clone();
        let half = half_of(&self.key);
        vec![
            against_dalek(
                "hash_to_group",
                move || timed(|| backend.hash_to_group(HASH_TO_GROUP_DST, inputs)).0,
                move || timed(|| dalek.hash_to_group(inputs)).0,
            ),
            against_dalek(
                "multiply",
                move || timed(|| to_multiply.mul_shared(&half)).0,
                move || timed(|| dalek.multiply(&theirs_to_multiply)).0,
            ),
            against_dalek(
                "decode",
                move || timed(|| backend.decode(&encodings)).0,
                move || timed(|| dalek.decode(&theirs_to_decode)).0,
            ),
            against_dalek(
                "encode_double",
                move || timed(|| to_encode.encode_double()).0,
                move || timed(|| dalek.encode_double(&theirs_to_encode)).0,
            ),
        ]
    }

    /// Identifiers to tags.
    fn encode(&self) -> Vec<[u8; 32]> {
        tags(&self.key.encode(self.backend, &self.inputs))
    }

    /// Blinded elements to evaluated ones, without a proof.
    fn evaluate(&self, blinded: &[[u8; 32]]) -> Vec<[u8; 32]> {
        let points = self.backend.decode(blinded).expect("good elements");
        points.mul_shared(&half_of(&self.key)).encode_double()
    }

    fn evaluate_prove(&self, blinded: Vec<[u8; 32]>) -> Evaluation {
        let batch = BlindedBatch::decode(self.backend, blinded).expect("a good batch");
        self.key.evaluate(&batch, &mut rng())
    }

    fn blind(&self) -> Blinded {
        self.pinned.blind(&self.inputs, &mut rng()).expect("a batch of good size")
    }

    fn finalize(&self, blinded: Blinded, answer: &Evaluation) -> Vec<[u8; 32]> {
        let verified = blinded.verify(&answer.evaluated, &answer.proof);
        tags(&verified.expect("a proof that holds").unblind())
    }

    fn exchange(&self) -> (Blinded, Evaluation) {
        let blinded = self.blind();
        let answer = self.evaluate_prove(blinded.encodings().to_vec());
        (blinded, answer)
    }
}

fn rng() -> StdRng {
    StdRng::seed_from_u64(SEED)
}

fn half_of(key: &SecretKey) -> curve25519_dalek::Scalar {
    let key = curve25519_dalek::Scalar::from_canonical_bytes(*key.to_bytes());
    key.expect("a secret key's bytes").div_by_2()
}

fn tags(elements: &[Element]) -> Vec<[u8; 32]> {
    elements.iter().map(|element| element.tag().0).collect()
}

fn against_dalek<'a>(
    name: &'static str,
    ours: impl FnMut() -> f64 + 'a,
    theirs: impl FnMut() -> f64 + 'a,
) -> Step<'a> {
    Step { name, opponent: Dalek::name(), ours: Box::new(ours), theirs: Box::new(theirs) }
}

fn against_voprf<'a>(
    name: &'static str,
    ours: impl FnMut() -> f64 + 'a,
    theirs: impl FnMut() -> f64 + 'a,
) -> Step<'a> {
    Step { name, opponent: Voprf::NAME, ours: Box::new(ours), theirs: Box::new(theirs) }
}
