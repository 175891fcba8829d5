//! What is run, in which order, and what must come out.

use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use samar_benches::machine;
use samar_local::space::{self, Need};
use serde_json::Value;

use super::figures::{Breach, Figures, mib, round};
use super::process::{Ended, Running, Usage, watch, watch_piped};
use super::programs::Programs;
use super::sets::{Set, count, customers, overlap, sets};
use super::{Arguments, cannot};

/// How long a server may take to listen.
const SERVER_MAX: Duration = Duration::from_secs(60);
/// What the run takes of disk, at most: an entry sorted and written, a customer with a report and a ledger.
const ENTRY_BYTES: u64 = 120;
const CUSTOMER_BYTES: u64 = 1_200;

/// Runs everything; the folder of the run is gone afterwards.
pub(crate) fn travel(arguments: &Arguments) -> Result<Figures, String> {
    let programs = Programs::built()?;
    let sets = sets(arguments.share);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // at most ten million
    let count_of_customers = arguments.customers.unwrap_or((arguments.share * 10_000_000.0) as u64).max(100);
    let most = 2 * count(&sets[1].persons());
    if count_of_customers > most {
        return Err(format!(
            "{count_of_customers} customers are too many for this share: give at most {most}"
        ));
    }
    let entries: u64 = sets.iter().map(Set::entries).sum();
    let bytes = entries * ENTRY_BYTES + count_of_customers * CUSTOMER_BYTES;
    space::require(&[Need { what: "this run", folder: &arguments.folder, bytes }])
        .map_err(|failure| failure.to_string())?;
    let folder = tempfile::Builder::new().prefix("samar-plan.").tempdir_in(&arguments.folder);
    let folder = folder.map_err(cannot(format_args!("make a folder in {}", arguments.folder.display())))?;
    let road = Road::new(arguments, programs, folder.path())?;
    let who = customers(&sets, count_of_customers);
    road.customers(&sets, &who)?;

    let mut breaches = sets.iter().map(|set| road.take_in(set)).collect::<Result<Vec<_>, _>>()?;
    let (publish, published) = road.publish()?;
    for breach in &mut breaches {
        breach.published_bytes = published_bytes(&published, breach)?;
    }
    let operator_bytes = bytes_in(&road.operator);
    let mut server = road.serve()?;
    road.enrol()?;
    let sync = road.bank(&["sync", "--json"])?;
    let synced = json(&sync)?;
    let (first, summary) = road.screen("first.csv")?;
    let exposed = expect(&sets, &who, &summary)?;
    let (again, told) = road.screen("again.csv")?;
    server.usage()?;
    drop(server);
    if told["evaluated"] != 0 || told["exposed"] != summary["exposed"] {
        return Err("the second screening evaluated customers again, or came to others".to_owned());
    }
    Ok(Figures {
        share: arguments.share,
        customers: count_of_customers,
        exposed,
        breaches,
        publish_s: round(publish.clock_s),
        publish_peak_rss_mib: mib(publish.peak_kib),
        sync_s: round(sync.usage.clock_s),
        sync_bytes: synced["bytes_fetched"].as_u64().unwrap_or(0),
        screen_first_s: round(first.clock_s),
        screen_again_s: round(again.clock_s),
        evaluated: summary["evaluated"].as_u64().unwrap_or(0),
        bank_peak_rss_mib: mib([sync.usage, first, again]
            .iter()
            .map(|usage| usage.peak_kib)
            .max()
            .unwrap_or(0)),
        operator_bytes,
        bank_bytes: bytes_in(&road.bank),
        machine: machine::describe(),
    })
}

/// Holds the counts of a summary against what is true; how many customers are exposed.
fn expect(sets: &[Set; 3], who: &[Range<u64>], summary: &Value) -> Result<u64, String> {
    for set in sets {
        let expected = overlap(who, &set.persons());
        let breaches = summary["breaches"].as_array().ok_or("the summary has no breaches")?;
        let found = breaches.iter().find(|breach| breach["id"] == set.id).map(|breach| &breach["exposed"]);
        if found.and_then(Value::as_u64) != Some(expected) {
            return Err(format!("{}: {found:?} customers exposed, not {expected}", set.id));
        }
    }
    // Whoever is in a breach is in the second, but for those before it begins, who are in the first.
    let second = sets[1].persons();
    let expected = overlap(who, &(0..second.start)) + overlap(who, &second);
    if summary["exposed"] != expected || summary["rows"] != who.iter().map(count).sum::<u64>() {
        return Err(format!("{} of {} exposed, not {expected}", summary["exposed"], summary["rows"]));
    }
    Ok(expected)
}

fn published_bytes(published: &Value, breach: &Breach) -> Result<u64, String> {
    let breaches = published["breaches"].as_array().ok_or("nothing was published")?;
    let found = breaches.iter().find(|found| found["id"] == breach.id && found["entries"] == breach.entries);
    found
        .and_then(|found| found["bytes"].as_u64())
        .ok_or_else(|| format!("{} is not published whole", breach.id))
}

struct Road<'a> {
    arguments: &'a Arguments,
    programs: Programs,
    folder: &'a Path,
    operator: PathBuf,
    bank: PathBuf,
    log: File,
}

impl<'a> Road<'a> {
    fn new(arguments: &'a Arguments, programs: Programs, folder: &'a Path) -> Result<Self, String> {
        let log = File::create(folder.join("server.log")).map_err(cannot("write a log"))?;
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let address = socket.map_err(cannot("find a free port"))?.to_string();
        let (operator, bank) = (folder.join("operator"), folder.join("bank"));
        let road = Self { arguments, programs, folder, operator, bank, log };
        road.operator(&["init", "--operator", "Badan Contoh", "--listen", &address])?;
        Ok(road)
    }

    fn place(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Runs the operator's program to a good end.
    fn operator(&self, arguments: &[&str]) -> Result<Ended, String> {
        good(watch(&mut self.programs.server(&self.operator, arguments))?, arguments)
    }

    /// Runs the bank's.
    fn bank(&self, arguments: &[&str]) -> Result<Ended, String> {
        good(watch(&mut self.programs.client(&self.bank, arguments))?, arguments)
    }

    fn customers(&self, sets: &[Set; 3], who: &[Range<u64>]) -> Result<(), String> {
        let ranges: Vec<String> = who.iter().filter(|range| !range.is_empty()).map(text).collect();
        let breaches: Vec<String> =
            sets.iter().map(|set| format!("{}={}", set.id, text(&set.persons()))).collect();
        let out = self.place("customers.csv");
        let mut made =
            vec!["synth", "customers", "--all-kinds", "--broken", "0", "--repeated", "0", "--out", &out];
        made.extend(ranges.iter().flat_map(|range| ["--persons", range]));
        made.extend(breaches.iter().flat_map(|breach| ["--breach", breach]));
        self.operator(&made).map(|_| ())
    }

    /// Ingests each dump of a set, through a pipe from the program that makes it up.
    fn take_in(&self, set: &Set) -> Result<Breach, String> {
        let memory = self.arguments.memory.as_u64().to_string();
        let mut used = Usage::default();
        for dump in &set.dumps {
            let made = ["synth", "dump", "--like", set.like, "--persons", &text(dump), "--out", "-"];
            let mut made = self.programs.server(&self.operator, &made);
            let mut arguments =
                vec!["ingest", "--breach", set.id, "--date", set.date, "--memory", &memory, "--json"];
            arguments.extend(set.columns.iter().flat_map(|column| ["--column", column]));
            arguments.extend(set.exposes.iter().flat_map(|class| ["--exposes", class]));
            arguments.push("-");
            let (ended, _) = watch_piped(&mut made, &mut self.programs.server(&self.operator, &arguments))?;
            let ended = good(ended, &arguments)?;
            let expected = count(dump) * set.columns.len() as u64;
            let accepted = json(&ended)?["accepted"].clone();
            if accepted != expected {
                return Err(format!("{}: {accepted} accepted of {}, not {expected}", set.id, text(dump)));
            }
            used.clock_s += ended.usage.clock_s;
            used.processor_s += ended.usage.processor_s;
            used.peak_kib = used.peak_kib.max(ended.usage.peak_kib);
        }
        eprintln!("{}: {} entries in {:.1} s", set.id, set.entries(), used.clock_s);
        Ok(Breach {
            id: set.id,
            dumps: set.dumps.len(),
            entries: set.entries(),
            ingest_s: round(used.clock_s),
            processor_s: round(used.processor_s),
            peak_rss_mib: mib(used.peak_kib),
            vault_bytes: bytes_in(&self.operator.join("vault").join(set.id)),
            published_bytes: 0, // until it is published
        })
    }

    fn publish(&self) -> Result<(Usage, Value), String> {
        let memory = self.arguments.memory.as_u64().to_string();
        let ended = self.operator(&["publish", "--memory", &memory, "--json"])?;
        eprintln!("published in {:.1} s", ended.usage.clock_s);
        Ok((ended.usage, json(&ended)?))
    }

    fn serve(&self) -> Result<Running, String> {
        let mut server = Running::start(&mut self.programs.server(&self.operator, &["serve"]), &self.log)?;
        let began = Instant::now();
        while !fs::read_to_string(self.folder.join("server.log")).unwrap_or_default().contains("listening on")
        {
            server.usage()?;
            if began.elapsed() > SERVER_MAX {
                return Err("the server does not listen".to_owned());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    fn enrol(&self) -> Result<(), String> {
        let (invitation, allowance) = (self.place("bank.invitation"), u64::from(u32::MAX).to_string());
        let allowed = ["--per-day", &allowance, "--lifetime", &allowance];
        self.operator(&[&["enroll", "bank-jaya", "--out", &invitation][..], &allowed].concat())?;
        self.bank(&["join", &invitation]).map(|_| ())
    }

    fn screen(&self, out: &str) -> Result<(Usage, Value), String> {
        let (customers, report) = (self.place("customers.csv"), self.place(out));
        let memory = self.arguments.bank_memory.as_u64().to_string();
        let columns = ["--column", "nik=NIK", "--column", "email=EMAIL", "--column", "phone=NO_HP"];
        let to = ["--out", &report, "--memory", &memory, "--json"];
        let ended = self.bank(&[&["screen", &customers][..], &columns, &to].concat())?;
        eprintln!("screened in {:.1} s", ended.usage.clock_s);
        Ok((ended.usage, json(&ended)?))
    }
}

fn text(range: &Range<u64>) -> String {
    format!("{}..{}", range.start, range.end)
}

/// What ended, if it ended well: with nobody exposed, or somebody.
fn good(ended: Ended, arguments: &[&str]) -> Result<Ended, String> {
    let may_expose = arguments.first() == Some(&"screen");
    if ended.code == 0 || (ended.code == 1 && may_expose) {
        return Ok(ended);
    }
    Err(format!("`{}` ended with {}", arguments.join(" "), ended.code))
}

fn json(ended: &Ended) -> Result<Value, String> {
    serde_json::from_str(&ended.printed).map_err(cannot("read what a program printed"))
}

/// Bytes of the files in a folder.
fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
