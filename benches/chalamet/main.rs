//! ChalametPIR 0.8.0 as an opponent of `ratios lookup`: keys of 8 bytes to values of 1,024, as in its own benches, without a GPU.
//!
//! It prepares the largest database that it prepares in `SECONDS` (60) on all cores, holds an answer against what was put in, and
//! writes a line of JSON: what the database is, and what it took. Then it answers a query on one thread for each line that it reads,
//! and writes the seconds of processor time. It ends with its input.

use std::collections::HashMap;
use std::error::Error;
use std::io::Write as _;
use std::time::Instant;

use chalametpir_client::Client;
use chalametpir_server::{SEED_BYTE_LEN, Server};
use rayon::{ThreadPool, ThreadPoolBuilder};
use rustix::time::{ClockId, clock_gettime};

/// Bytes of a value.
const VALUE_BYTES: usize = 1_024;
/// Entries of the first database that is tried.
const FIRST_ENTRIES: usize = 1_024;
/// Three-wise binary fuse filters: its smaller hint and query.
const ARITY: u32 = 3;
const SEED: [u8; SEED_BYTE_LEN] = [7; SEED_BYTE_LEN];

/// A database that was prepared.
struct Prepared {
    entries: usize,
    seconds: f64,
    server: Server,
    hint: Vec<u8>,
    filter: Vec<u8>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let limit_s: f64 = std::env::args().nth(1).as_deref().unwrap_or("60").parse()?;
    let prepared = largest_in(limit_s)?;
    let mut client =
        Client::setup(&SEED, &prepared.hint, &prepared.filter).map_err(|error| format!("client: {error}"))?;
    let pool = ThreadPoolBuilder::new().num_threads(1).build()?;
    let wanted = prepared.entries / 2;
    let (asking_s, query) = timed(&pool, || client.query(&key(wanted)));
    let query = query.map_err(|error| format!("query: {error}"))?;
    let (_, answer) = timed(&pool, || prepared.server.respond(&query));
    let answer = answer.map_err(|error| format!("answer: {error}"))?;
    let (reading_s, found) = timed(&pool, || client.process_response(&key(wanted), &answer));
    if found.map_err(|error| format!("value: {error}"))? != value(wanted) {
        return Err("it found another value than was put in".into());
    }
    let mut output = std::io::stdout();
    writeln!(
        output,
        "{{\"entries\": {}, \"bytes\": {}, \"prepare_s\": {}, \"hint_bytes\": {}, \"query_bytes\": {}, \"answer_bytes\": {}, \"client_s\": {}}}",
        prepared.entries,
        prepared.entries * VALUE_BYTES,
        prepared.seconds,
        prepared.hint.len(),
        query.len(),
        answer.len(),
        asking_s + reading_s
    )?;
    for line in std::io::stdin().lines() {
        line?;
        let (seconds, answer) = timed(&pool, || prepared.server.respond(&query));
        answer.map_err(|error| format!("answer: {error}"))?;
        writeln!(output, "{seconds}")?;
        output.flush()?;
    }
    Ok(())
}

/// Tries to come closer to the limit than doubling does.
const FITTINGS: usize = 3;

/// Doubles the database for as long as the next one can be expected within the limit, and then looks for the one that just fits.
fn largest_in(limit_s: f64) -> Result<Prepared, Box<dyn Error>> {
    let mut largest = prepare(FIRST_ENTRIES)?;
    while largest.seconds * 2.5 < limit_s {
        largest = prepare(largest.entries * 2)?;
    }
    let fitting = |tried: &Prepared| (tried.entries as f64 * 0.95 * limit_s / tried.seconds) as usize;
    let mut entries = fitting(&largest);
    for _ in 0..FITTINGS {
        let tried = prepare(entries)?;
        if tried.seconds <= limit_s {
            return Ok(tried);
        }
        entries = fitting(&tried);
    }
    if largest.seconds > limit_s {
        return Err(format!("{} values took {:.0} s", largest.entries, largest.seconds).into());
    }
    Ok(largest)
}

fn prepare(entries: usize) -> Result<Prepared, Box<dyn Error>> {
    let keys: Vec<[u8; 8]> = (0..entries).map(key).collect();
    let values: Vec<Vec<u8>> = (0..entries).map(value).collect();
    let database: HashMap<&[u8], &[u8]> =
        keys.iter().map(|key| key.as_slice()).zip(values.iter().map(Vec::as_slice)).collect();
    let began = Instant::now();
    let (server, hint, filter) =
        Server::setup::<ARITY>(&SEED, database).map_err(|error| format!("{entries} values: {error}"))?;
    let seconds = began.elapsed().as_secs_f64();
    eprintln!("chalametpir: {entries} values of {VALUE_BYTES} bytes prepared in {seconds:.1} s");
    Ok(Prepared { entries, seconds, server, hint, filter })
}

fn key(number: usize) -> [u8; 8] {
    (number as u64).to_le_bytes()
}

/// Bytes without a pattern that an encoding could profit from, another for each number: a multiplicative generator.
fn value(number: usize) -> Vec<u8> {
    let mut state = number as u64 ^ 0x9e37_79b9_7f4a_7c15;
    let mut word = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state ^ state >> 29).to_le_bytes()
    };
    (0..VALUE_BYTES / 8).flat_map(|_| word()).collect()
}

/// What `work` gives on the one thread of `pool`, and the processor time that it took, in seconds.
fn timed<T: Send>(pool: &ThreadPool, work: impl FnOnce() -> T + Send) -> (f64, T) {
    pool.install(|| {
        let start = clock_gettime(ClockId::ThreadCPUTime);
        let result = work();
        let end = clock_gettime(ClockId::ThreadCPUTime);
        let seconds = (end.tv_sec - start.tv_sec) as f64 + (end.tv_nsec - start.tv_nsec) as f64 / 1e9;
        (seconds, result)
    })
}
