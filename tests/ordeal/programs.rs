//! The programs as processes.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use super::cannot;

/// How long a server has to say that it listens.
const START_MAX: Duration = Duration::from_secs(30);
/// Last lines of a server's log that are kept for a violation.
const TAIL_LINES: usize = 20;

/// Found or built once.
static PROGRAMS: OnceLock<Result<Programs, String>> = OnceLock::new();

/// Where the programs are.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    server: PathBuf,
    client: PathBuf,
}

impl Programs {
    /// The programs beside this one, built first where the sources are there, so that they are never older.
    pub(crate) fn built() -> Result<Self, String> {
        PROGRAMS.get_or_init(Self::build).clone()
    }

    /// Where they are: the operator's, and the bank's.
    pub(crate) fn into_paths(self) -> (PathBuf, PathBuf) {
        (self.server, self.client)
    }

    /// Those in a folder, as they are.
    pub(crate) fn take(folder: &Path) {
        let found = Self::in_folder(folder).map_err(|missing| format!("{} is missing", missing.display()));
        let _ = PROGRAMS.set(found); // the first to say counts
    }

    fn in_folder(folder: &Path) -> Result<Self, PathBuf> {
        let place =
            |name| Some(folder.join(name)).filter(|path| path.exists()).ok_or_else(|| folder.join(name));
        Ok(Self { server: place("samar-server")?, client: place("samar")? })
    }

    fn build() -> Result<Self, String> {
        let own = std::env::current_exe().map_err(cannot("tell where this program is"))?;
        // Beside this program, or above it where this is a test.
        let beside = own.parent().unwrap_or(Path::new("."));
        let folder = if beside.ends_with("deps") { beside.parent().unwrap_or(beside) } else { beside };
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        let built = match (folder.parent(), sources.exists()) {
            (Some(target), true) => cargo_build(&sources, target),
            _ => Err("the sources are not there".to_owned()),
        };
        let found = Self::in_folder(folder).map_err(|missing| {
            let why = built.as_ref().err().map_or("", |why| why);
            let remedy = "cargo build --release -p samar -p samar-server";
            format!("{} is missing ({why})\n  try: {remedy}", missing.display())
        })?;
        built.map(|()| found)
    }

    /// The operator's program on this folder.
    pub(crate) fn server(&self, folder: &Path, arguments: &[&str]) -> Command {
        command(&self.server, folder, arguments)
    }

    /// The bank's program on this folder.
    pub(crate) fn client(&self, folder: &Path, arguments: &[&str]) -> Command {
        command(&self.client, folder, arguments)
    }
}

fn cargo_build(sources: &Path, target: &Path) -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "-p", "samar", "-p", "samar-server", "--manifest-path"]).arg(sources);
    build.arg("--target-dir").arg(target);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    done(&mut build, &[0]).map(|_| ())
}

fn command(program: &Path, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.arg("--dir").arg(folder).args(arguments).stdin(Stdio::null());
    command
}

/// Runs to the end, which must be with one of these exit codes; what was printed.
pub(crate) fn done(command: &mut Command, codes: &[i32]) -> Result<Output, String> {
    let output = command.output().map_err(cannot(format_args!("run {command:?}")))?;
    match output.status.code() {
        Some(code) if codes.contains(&code) => Ok(output),
        _ => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("{command:?} ended with {}: {}", output.status, said.trim()))
        }
    }
}

/// A port of loopback that nobody listens on.
pub(crate) fn free_address() -> Result<SocketAddr, String> {
    let socket = UdpSocket::bind("127.0.0.1:0").map_err(cannot("find a free port"))?;
    socket.local_addr().map_err(cannot("find a free port"))
}

/// A server that runs as a process of its own, until dropped.
pub(crate) struct ServerProcess {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    tail: Arc<Mutex<Vec<String>>>,
}

impl ServerProcess {
    /// Starts one, and waits until it listens.
    pub(crate) fn start(programs: &Programs, folder: &Path) -> Result<Self, String> {
        let mut command = programs.server(folder, &["serve"]);
        command.env("SAMAR_LOG", "warn").stderr(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().map_err(cannot("start the server"))?;
        let lines = child.stderr.take().map(BufReader::new);
        let tail = Arc::new(Mutex::new(Vec::new()));
        let (say, said) = mpsc::channel();
        let kept = Arc::clone(&tail);
        std::thread::spawn(move || {
            for line in lines.into_iter().flat_map(|lines| lines.lines()).map_while(Result::ok) {
                let _ = say.send(listening(&line)); // only the first is waited for
                let mut tail = kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                tail.push(line);
                if tail.len() > TAIL_LINES {
                    tail.remove(0);
                }
            }
        });
        let mut server = Self { child, address: ([127, 0, 0, 1], 0).into(), tail };
        loop {
            match said.recv_timeout(START_MAX) {
                Ok(Some(address)) => {
                    server.address = address;
                    return Ok(server);
                }
                Ok(None) => {}
                Err(RecvTimeoutError::Timeout) => return Err(server.violated("the server does not start")),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(server.violated("the server ended at once"));
                }
            }
        }
    }

    /// Ends it where it stands.
    pub(crate) fn kill(&mut self) -> Result<(), String> {
        self.still_runs()?;
        self.child.kill().and_then(|()| self.child.wait()).map_err(cannot("kill the server"))?;
        Ok(())
    }

    /// Memory that it has resident, KiB.
    pub(crate) fn resident_kib(&mut self) -> Result<u64, String> {
        self.still_runs()?;
        let path = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(path).map_err(cannot("read the server's memory"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse().ok());
        kib.ok_or_else(|| "the server's memory is not told".to_owned())
    }

    /// Processor time that it has used, over all its threads, seconds.
    pub(crate) fn processor_s(&mut self) -> Result<f64, String> {
        self.still_runs()?;
        processor_s(&format!("/proc/{}/stat", self.child.id()))
    }

    /// Datagrams that the system dropped because the server did not take them in time.
    pub(crate) fn datagrams_dropped(&self) -> u64 {
        let text = std::fs::read_to_string("/proc/net/udp").unwrap_or_default();
        let port = format!(":{:04X}", self.address.port());
        let ours =
            text.lines().find(|line| line.split_whitespace().nth(1).is_some_and(|at| at.ends_with(&port)));
        ours.and_then(|line| line.split_whitespace().last()?.parse().ok()).unwrap_or(0)
    }

    /// A violation if it ended by itself, as after a panic.
    pub(crate) fn still_runs(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.violated(&format!("the server ended by itself with {status}"))),
            Err(error) => Err(format!("cannot look at the server: {error}")),
        }
    }

    fn violated(&self, what: &str) -> String {
        std::thread::sleep(Duration::from_millis(100)); // for its last words
        let tail = self.tail.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        format!("{what}; it said last:\n{}", tail.join("\n"))
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same of this program.
pub(crate) fn own_processor_s() -> Result<f64, String> {
    processor_s("/proc/self/stat")
}

fn processor_s(stat: &str) -> Result<f64, String> {
    /// What the system counts in, whatever its own clock: USER_HZ.
    const TICKS_A_SECOND: f64 = 100.0;
    let text = std::fs::read_to_string(stat).map_err(cannot("read a program's processor time"))?;
    // The name stands in parentheses and may hold anything; the times are the 12th and 13th fields behind it.
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace().skip(11);
    let ticks: Vec<f64> = fields.take(2).filter_map(|field| field.parse().ok()).collect();
    match ticks[..] {
        [user, system] => Ok((user + system) / TICKS_A_SECOND),
        _ => Err(format!("{stat} tells no processor time")),
    }
}

fn listening(line: &str) -> Option<SocketAddr> {
    line.strip_prefix("samar-server: listening on ")?.split(' ').next()?.parse().ok()
}
