//! What the account log costs: batches of 4,096 evaluated with and without their debit, in turn; then debits of one element, as
//! many as group commit lets through; then a start from what these left.
//!
//! `cargo run --release -p samar-benches --bin accounting -- [--rounds N] [--folder FOLDER]`. Evaluation is the server's: a pool of
//! as many threads as cores, and twice as many batches under way, each of which waits for its record to be on the disk.
#![allow(clippy::print_stdout, reason = "the table is the product")]

use std::collections::VecDeque;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use rayon::ThreadPool;
use rustix::time::{ClockId, clock_gettime};
use samar_benches::{machine, oprf_inputs};
use samar_protocol::group::Backend;
use samar_protocol::identifier::OprfInput;
use samar_protocol::oprf::{BlindedBatch, Blinding, PinnedKey, SecretKey};
use samar_server::accounts::{Accounts, Bank};
use sha2::{Digest as _, Sha256};

/// Elements in a batch.
const BATCH: usize = ELEMENTS as usize;
const ELEMENTS: u32 = 4_096;
/// How long each half of a round lasts.
const HALF: Duration = Duration::from_millis(700);
/// Debits of one element, and how many wait for the disk at a time: as many banks' requests as a busy server has under way.
const SMALL: u32 = 200_000;
const WAITING: usize = 256;
/// Noon of a day, seconds since 1970.
const NOON_S: u64 = 20_000 * 86_400 + 43_200;

/// Measures what accounting costs beside evaluation, and how many debits of one element the log takes in a second.
#[derive(Parser)]
struct Arguments {
    /// Rounds, each without and with accounting; their median is taken.
    #[arg(long, default_value_t = 21, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Where the account log is written. The folder for temporary files is often no disk.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let backend = Backend::choose(|name| std::env::var(name).ok())?;
    println!("{}\nbackend {}\n", machine::describe(), backend.name());
    let folder = tempfile::tempdir_in(&arguments.folder)?;
    evaluation(backend, &folder.path().join("batches.log"), arguments.rounds.into())?;
    let log = folder.path().join("small.log");
    small(&log)?;
    starts(&log)
}

/// Evaluation of large batches, with and without accounting.
fn evaluation(backend: Backend, log: &Path, rounds: usize) -> Result<(), Box<dyn Error>> {
    let accounts = Accounts::open(log).map_err(|failure| failure.to_string())?;
    let work = Work::new(backend)?;
    let (mut without, mut with, mut shares, mut cpu) = (vec![], vec![], vec![], vec![]);
    for round in 0..=rounds {
        let plain = work.round(None)?;
        let accounted = work.round(Some(&accounts))?;
        if round > 0 {
            without.push(plain.per_s);
            with.push(accounted.per_s);
            shares.push((1.0 - accounted.per_s / plain.per_s) * 100.0);
            cpu.push((accounted.cpu_us / plain.cpu_us - 1.0) * 100.0);
        }
    }
    let spread = quartiles(&shares);
    println!(
        "batches of {BATCH}, {rounds} rounds in turn, {} under way on {} threads",
        work.under_way,
        work.threads()
    );
    println!("  evaluations/s without accounting {:.0}, with it {:.0}", median(without), median(with));
    println!(
        "  accounting costs {:.2} % of the throughput (half of the rounds within {:.1} to {:.1} %)",
        median(shares),
        spread.0,
        spread.1
    );
    println!("  and {:.2} % more processor time an evaluation", median(cpu));
    Ok(())
}

/// Debits of one element, by group commit.
fn small(log: &Path) -> Result<(), Box<dyn Error>> {
    let accounts = Accounts::open(log).map_err(|failure| failure.to_string())?;
    let bank = bank();
    let (began, cpu_began) = (Instant::now(), cpu_s());
    let mut waiting = VecDeque::new();
    for number in 0..SMALL {
        let batch = Sha256::digest(number.to_le_bytes()).into();
        let debit = accounts.debit(&bank, batch, 1, NOON_S).map_err(|refused| format!("{refused:?}"))?;
        waiting.push_back(debit.synced);
        if waiting.len() == WAITING {
            waiting.pop_front().map_or(Ok(()), |synced| synced.blocking_recv())?;
        }
    }
    for synced in waiting {
        synced.blocking_recv()?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let each_us = (cpu_s() - cpu_began) * 1e6 / f64::from(SMALL);
    println!(
        "debits of one element, {WAITING} waiting at a time: {:.0}/s, {each_us:.1} us of processor time each",
        f64::from(SMALL) / seconds
    );
    Ok(())
}

/// Starts from the whole log, and from a checkpoint of it.
fn starts(log: &Path) -> Result<(), Box<dyn Error>> {
    for start in ["its whole log", "a checkpoint of it"] {
        let began = Instant::now();
        let accounts = Accounts::open(log).map_err(|failure| failure.to_string())?;
        println!("a start from {start}, {SMALL} records: {:.3} s", began.elapsed().as_secs_f64());
        let began = Instant::now();
        accounts.checkpoint(1).map_err(|failure| failure.to_string())?;
        println!("  a checkpoint: {:.3} s", began.elapsed().as_secs_f64());
    }
    Ok(())
}

/// What is evaluated, and on what.
struct Work {
    backend: Backend,
    key: SecretKey,
    elements: Vec<[u8; 32]>,
    pool: ThreadPool,
    under_way: usize,
    /// Tells batches from each other.
    number: AtomicUsize,
}

/// What half a round came to.
struct Half {
    /// Evaluations a second.
    per_s: f64,
    /// Processor time of one, microseconds.
    cpu_us: f64,
}

impl Work {
    fn new(backend: Backend) -> Result<Self, Box<dyn Error>> {
        let mut rng = rand::rng();
        let key = SecretKey::generate(&mut rng);
        let pinned = PinnedKey::new(backend, *key.public(), Blinding::default());
        let inputs: Vec<OprfInput> = oprf_inputs(BATCH);
        let blinded = pinned.blind(&inputs, &mut rng)?;
        let pool = rayon::ThreadPoolBuilder::new().build()?;
        let under_way = 2 * pool.current_num_threads();
        Ok(Self {
            backend,
            key,
            elements: blinded.encodings().to_vec(),
            pool,
            under_way,
            number: AtomicUsize::new(0),
        })
    }

    fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Evaluates batches for a while, and debits each where there are accounts.
    fn round(&self, accounts: Option<&Accounts>) -> Result<Half, Box<dyn Error>> {
        let (began, cpu_began, bank) = (Instant::now(), cpu_s(), bank());
        let one_after_another = || -> Result<u64, String> {
            let mut evaluated = 0;
            while began.elapsed() < HALF {
                self.batch(accounts.map(|accounts| (accounts, &bank)))?;
                evaluated += BATCH as u64;
            }
            Ok(evaluated)
        };
        let evaluated: Result<u64, String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.under_way).map(|_| scope.spawn(one_after_another)).collect();
            threads.into_iter().map(|thread| thread.join().map_err(|_| "a thread is lost".to_owned())?).sum()
        });
        let evaluated = evaluated?;
        let per_s = evaluated as f64 / began.elapsed().as_secs_f64();
        Ok(Half { per_s, cpu_us: (cpu_s() - cpu_began) * 1e6 / evaluated as f64 })
    }

    fn batch(&self, accounts: Option<(&Accounts, &Bank)>) -> Result<(), String> {
        // Another order of the elements is another batch.
        let mut elements = self.elements.clone();
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        elements.rotate_left(number % BATCH);
        elements.swap(0, 1 + number / BATCH % (BATCH - 1));
        let batch = self.pool.install(|| BlindedBatch::decode(self.backend, elements));
        let batch = batch.map_err(|error| error.to_string())?;
        let debit = accounts.map(|(accounts, bank)| accounts.debit(bank, batch.hash(), ELEMENTS, NOON_S));
        let debit = debit.transpose().map_err(|refused| format!("refused: {refused:?}"))?;
        std::hint::black_box(self.pool.install(|| self.key.evaluate(&batch, &mut rand::rng())));
        match debit {
            Some(debit) if debit.charged != ELEMENTS => Err("a batch came twice".to_owned()),
            Some(debit) => debit.synced.blocking_recv().map_err(|_| "the account log failed".to_owned()),
            None => Ok(()),
        }
    }
}

fn bank() -> Bank {
    let all = u64::MAX;
    Bank {
        name: "bank-jaya".to_owned(),
        per_day: all,
        lifetime: all,
        revoked: None,
        invitations: vec![],
        keys: vec![],
    }
}

/// Processor time of this process, seconds.
fn cpu_s() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn median(values: Vec<f64>) -> f64 {
    sorted(values).map_or(f64::NAN, |values| values[values.len() / 2])
}

/// Between which the middle half is.
fn quartiles(values: &[f64]) -> (f64, f64) {
    sorted(values.to_vec())
        .map_or((f64::NAN, f64::NAN), |values| (values[values.len() / 4], values[values.len() * 3 / 4]))
}

fn sorted(mut values: Vec<f64>) -> Option<Vec<f64>> {
    values.sort_unstable_by(f64::total_cmp);
    (!values.is_empty()).then_some(values)
}
