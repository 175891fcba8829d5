//! The road itself: what is run, in which order, and what must come out.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use samar_benches::machine;
use samar_local::space::{self, Need};
use samar_protocol::group::Backend;
use serde_json::Value;

use super::figures::{Figures, Step, mib, round};
use super::process::{Ended, Running, Usage, watch, watch_piped};
use super::programs::Programs;
use super::{Arguments, cannot};

const BREACH: &str = "bpjs-2021";
/// How long a server may take to listen, or to take up what was published.
const SERVER_MAX: Duration = Duration::from_secs(60);
/// How often the operator's folder is measured.
const DISK_LOOK: Duration = Duration::from_millis(500);

/// Runs everything; the folder of the run is gone afterwards.
pub(crate) fn travel(arguments: &Arguments) -> Result<Figures, String> {
    let programs = Programs::built()?;
    let (entries, customers) = (arguments.entries, arguments.customers);
    let needed = entries.saturating_mul(130).saturating_add(customers.saturating_mul(500));
    space::require(&[Need { what: "this run", folder: &arguments.folder, bytes: needed }])
        .map_err(|failure| failure.to_string())?;
    let folder = tempfile::Builder::new().prefix("samar-scale.").tempdir_in(&arguments.folder);
    let folder = folder.map_err(cannot(format_args!("make a folder in {}", arguments.folder.display())))?;
    let mut road = Road::new(arguments, programs, folder.path())?;

    road.customers()?;
    let ingest = road.ingest("ingest", 0..entries)?;
    let publish = road.publish("publish")?;
    let first_bytes = road.published_bytes()?;
    let server = road.serve()?;
    let mut server = Server { running: server, counted_s: 0.0 };
    road.enrol()?;
    let (sync, synced) = road.sync("sync", 1, &mut server)?;
    let first = road.screen("screen, first time", &mut server)?;
    let report = fs::read(road.path("report.csv")).map_err(cannot("read the report"))?;
    let again = road.screen("screen again, from the ledger", &mut server)?;
    if fs::read(road.path("report.csv")).map_err(cannot("read the report"))? != report {
        return Err("the second screening came to another report".to_owned());
    }
    if again.1["evaluated"] != 0 {
        return Err("the second screening evaluated customers again".to_owned());
    }
    drop(report);

    road.ingest("ingest of 1 % more", entries..entries + entries / 100)?;
    let delta_publish = road.publish("publish of 1 % more")?;
    let (_, delta) = road.sync("sync of 1 % more", 2, &mut server)?;

    let rotate = road.rotate()?;
    road.sync("sync of the rotated set", 3, &mut server)?;
    let rotated = road.screen("screen, ledger rekeyed", &mut server)?;
    if rotated.1["exposed"] != first.1["exposed"] {
        return Err("the screening after the rotation came to other exposures".to_owned());
    }
    let serving = server.running.usage()?;
    drop(server);

    let peak = |bank: bool| {
        let of_bank = |step: &&Step| (step.step.starts_with("s")) == bank; // sync and screen
        road.steps.iter().filter(of_bank).map(|step| step.peak_rss_mib).fold(0.0, f64::max)
    };
    let disk = |until: &str| {
        let past = road.steps.iter().position(|step| step.step == until).map_or(0, |last| last + 1);
        road.steps.iter().take(past).map(|step| step.disk_gib).fold(0.0, f64::max)
    };
    Ok(Figures {
        entries,
        customers,
        ingest_s: round(ingest.clock_s),
        publish_s: round(publish.clock_s),
        peak_rss_mib: peak(false).max(mib(serving.peak_kib)),
        bits_per_entry: round(first_bytes as f64 * 8.0 / entries as f64),
        screen_first_s: round(first.0.clock_s),
        screen_again_s: round(again.0.clock_s),
        delta_download_share: (delta / synced * 1e5).round() / 1e5,
        rotate_s: round(rotate.clock_s),
        disk_peak_gib: road.steps.iter().map(|step| step.disk_gib).fold(0.0, f64::max),
        disk_ingest_publish_gib: disk("publish"),
        backend: Backend::choose(|name| std::env::var(name).ok())
            .map_err(|error| error.to_string())?
            .name()
            .to_owned(),
        delta_publish_share: (delta_publish.clock_s / publish.clock_s * 1e5).round() / 1e5,
        sync_s: round(sync.clock_s),
        sync_mb_per_s: round(synced / 1e6 / sync.clock_s),
        screen_rotated_s: round(rotated.0.clock_s),
        bank_peak_rss_mib: peak(true),
        memory: arguments.memory.to_string(),
        bank_memory: arguments.bank_memory.to_string(),
        machine: machine::describe(),
        commit: commit(),
        steps: road.steps,
    })
}

struct Road<'a> {
    arguments: &'a Arguments,
    programs: Programs,
    folder: &'a Path,
    operator: PathBuf,
    bank: PathBuf,
    log: File,
    address: String,
    disk: Disk,
    steps: Vec<Step>,
}

struct Server {
    running: Running,
    /// Processor time that steps before had of it.
    counted_s: f64,
}

impl Server {
    /// Processor time since the last step.
    fn since(&mut self) -> Result<f64, String> {
        let now = self.running.usage()?.processor_s;
        Ok(now - std::mem::replace(&mut self.counted_s, now))
    }
}

impl<'a> Road<'a> {
    fn new(arguments: &'a Arguments, programs: Programs, folder: &'a Path) -> Result<Self, String> {
        let log = File::create(folder.join("server.log")).map_err(cannot("write a log"))?;
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let address = socket.map_err(cannot("find a free port"))?.to_string();
        let (operator, bank) = (folder.join("operator"), folder.join("bank"));
        let disk = Disk::watch(&operator);
        let steps = Vec::new();
        let road = Self { arguments, programs, folder, operator, bank, log, address, disk, steps };
        road.operator(&["init", "--operator", "Badan Contoh", "--listen", &road.address])?;
        Ok(road)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn path_text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Runs the operator's program to a good end.
    fn operator(&self, arguments: &[&str]) -> Result<Ended, String> {
        good(watch(&mut self.programs.server(&self.operator, arguments))?, &[0], arguments)
    }

    /// Runs the bank's.
    fn bank(&self, arguments: &[&str]) -> Result<Ended, String> {
        good(watch(&mut self.programs.client(&self.bank, arguments))?, &[0, 1], arguments)
    }

    fn note(&mut self, step: &'static str, usage: Usage, beside_s: f64) {
        let step = Step::new(step, usage, beside_s, self.disk.since());
        eprintln!(
            "{}: {} s by the clock, {} s of processor, {} MiB resident, {} GiB of the operator's disk",
            step.step, step.clock_s, step.processor_s, step.peak_rss_mib, step.disk_gib
        );
        self.steps.push(step);
    }

    fn customers(&self) -> Result<(), String> {
        let Arguments { entries, customers, .. } = self.arguments;
        let exposed = (customers / 10).min(*entries);
        let (breach, other) = (format!("{BREACH}=0..{entries}"), format!("none=0..{entries}"));
        let (exposed, clear, out) =
            (exposed.to_string(), (customers - exposed).to_string(), self.path_text("customers.csv"));
        let made = [
            "synth",
            "customers",
            "--breach",
            &breach,
            "--breach",
            &other,
            "--both",
            &exposed,
            "--neither",
            &clear,
        ];
        let shape = ["--odd", "20", "--broken", "0", "--repeated", "0", "--out", &out];
        self.operator(&[&made[..], &shape[..]].concat())?;
        Ok(())
    }

    /// A dump of these persons through a pipe.
    fn ingest(&mut self, step: &'static str, persons: std::ops::Range<u64>) -> Result<Usage, String> {
        let range = format!("{}..{}", persons.start, persons.end);
        let memory = self.arguments.memory.as_u64().to_string();
        let mut dump =
            self.programs.server(&self.operator, &["synth", "dump", "--persons", &range, "--out", "-"]);
        let to = ["ingest", "--breach", BREACH, "--date", "2021-05", "--column", "NIK", "--exposes", "phone"];
        let how = ["--exposes", "photo=FOTO", "--memory", &memory, "--json", "-"];
        let mut ingest = self.programs.server(&self.operator, &[&to[..], &how[..]].concat());
        let (ended, beside) = watch_piped(&mut dump, &mut ingest)?;
        let ended = good(ended, &[0], &to)?;
        let report = json(&ended)?;
        if report["accepted"] != persons.end - persons.start {
            return Err(format!("{step}: {} accepted of {range}", report["accepted"]));
        }
        self.note(step, ended.usage, beside.processor_s);
        Ok(ended.usage)
    }

    fn publish(&mut self, step: &'static str) -> Result<Usage, String> {
        let memory = self.arguments.memory.as_u64().to_string();
        let ended = self.operator(&["publish", "--memory", &memory])?;
        self.note(step, ended.usage, 0.0);
        Ok(ended.usage)
    }

    fn rotate(&mut self) -> Result<Usage, String> {
        let ended = self.operator(&["rotate-key"])?;
        self.note("rotate-key", ended.usage, 0.0);
        Ok(ended.usage)
    }

    fn published_bytes(&self) -> Result<u64, String> {
        let mut bytes = 0;
        for entry in
            fs::read_dir(self.operator.join("published/segments")).map_err(cannot("read the segments"))?
        {
            let entry = entry.map_err(cannot("read the segments"))?;
            if entry.path().extension().is_some_and(|extension| extension == "segment") {
                bytes += entry.metadata().map_err(cannot("read the segments"))?.len();
            }
        }
        Ok(bytes)
    }

    fn serve(&self) -> Result<Running, String> {
        let mut server = Running::start(&mut self.programs.server(&self.operator, &["serve"]), &self.log)?;
        let began = Instant::now();
        while !fs::read_to_string(self.path("server.log")).unwrap_or_default().contains("listening on") {
            server.usage()?;
            if began.elapsed() > SERVER_MAX {
                return Err("the server does not listen".to_owned());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    fn enrol(&self) -> Result<(), String> {
        let (invitation, allowance) = (self.path_text("bank.invitation"), u64::from(u32::MAX).to_string());
        self.operator(&[
            "enroll",
            "bank-jaya",
            "--out",
            &invitation,
            "--per-day",
            &allowance,
            "--lifetime",
            &allowance,
        ])?;
        self.bank(&["join", &invitation])?;
        Ok(())
    }

    /// Synchronizes with this epoch, once the server has taken it up; bytes that came.
    fn sync(&mut self, step: &'static str, epoch: u64, server: &mut Server) -> Result<(Usage, f64), String> {
        let began = Instant::now();
        server.since()?;
        loop {
            let ended = self.bank(&["sync", "--json"])?;
            let report = json(&ended)?;
            if report["epoch"] == epoch {
                self.note(step, ended.usage, server.since()?);
                return Ok((ended.usage, report["bytes_fetched"].as_f64().unwrap_or(f64::NAN)));
            }
            if began.elapsed() > SERVER_MAX {
                return Err(format!("the server does not take up epoch {epoch}"));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Screens the customers; the summary, whose counts must be those of the made-up data.
    fn screen(&mut self, step: &'static str, server: &mut Server) -> Result<(Usage, Value), String> {
        let (customers, report) = (self.path_text("customers.csv"), self.path_text("report.csv"));
        let memory = self.arguments.bank_memory.as_u64().to_string();
        server.since()?;
        let ended = self.bank(&[
            "screen", &customers, "--column", "NIK", "--out", &report, "--memory", &memory, "--json",
        ])?;
        let summary = json(&ended)?;
        let expected =
            (self.arguments.customers, (self.arguments.customers / 10).min(self.arguments.entries));
        let found = (summary["unique"].as_u64(), summary["exposed"].as_u64());
        if found != (Some(expected.0), Some(expected.1)) {
            return Err(format!("{step}: {found:?} customers and exposed, not {expected:?}"));
        }
        self.note(step, ended.usage, server.since()?);
        Ok((ended.usage, summary))
    }
}

/// What ended, if it ended well.
fn good(ended: Ended, codes: &[i32], arguments: &[&str]) -> Result<Ended, String> {
    if codes.contains(&ended.code) {
        return Ok(ended);
    }
    Err(format!("`{}` ended with {}", arguments.join(" "), ended.code))
}

fn json(ended: &Ended) -> Result<Value, String> {
    serde_json::from_str(&ended.printed).map_err(cannot("read what a program printed"))
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = std::process::Command::new("git")
            .arg("-C")
            .arg(env!("CARGO_MANIFEST_DIR"))
            .args(arguments)
            .output();
        output
            .ok()
            .filter(|output| output.status.success())
            .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let dirty =
        git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changed| !changed.is_empty());
    let commit = git(&["rev-parse", "--short", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    if dirty { format!("{commit}, changed") } else { commit }
}

/// Measures how large a folder grows.
struct Disk {
    folder: PathBuf,
    peak: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Disk {
    fn watch(folder: &Path) -> Self {
        let disk = Self { folder: folder.to_owned(), peak: Arc::default(), stop: Arc::default() };
        let (peak, stop, folder) = (Arc::clone(&disk.peak), Arc::clone(&disk.stop), folder.to_owned());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                peak.fetch_max(bytes(&folder), Ordering::Relaxed);
                std::thread::sleep(DISK_LOOK);
            }
        });
        disk
    }

    /// Bytes at most since this was last asked.
    fn since(&self) -> u64 {
        let now = bytes(&self.folder);
        self.peak.swap(now, Ordering::Relaxed).max(now)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Bytes of a folder on disk; what goes away meanwhile counts nothing.
fn bytes(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes(&entry.path()),
            Ok(metadata) => metadata.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}
