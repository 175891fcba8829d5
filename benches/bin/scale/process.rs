//! A process that is watched: how long it took, what it used, how much it had resident at most.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::cannot;

/// How often a process is looked at. What it comes to between the last look and its end is missed.
const LOOK: Duration = Duration::from_millis(20);
/// Kernel ticks in a second, as every Linux has them towards programs.
const TICKS_PER_S: f64 = 100.0;

/// What a process came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) clock_s: f64,
    /// Of all its threads.
    pub(crate) processor_s: f64,
    /// Resident at most.
    pub(crate) peak_kib: u64,
}

/// What it printed, and what it came to.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) printed: String,
    pub(crate) usage: Usage,
}

/// Runs a process to its end.
pub(crate) fn watch(command: &mut Command) -> Result<Ended, String> {
    let mut output = tempfile::tempfile().map_err(cannot("make a temporary file"))?;
    command.stdout(Stdio::from(output.try_clone().map_err(cannot("make a temporary file"))?));
    let began = Instant::now();
    let mut child = command.spawn().map_err(cannot(format_args!("run {command:?}")))?;
    let (code, usage) = wait(&mut child, began)?;
    let mut printed = String::new();
    output
        .rewind()
        .and_then(|()| output.read_to_string(&mut printed))
        .map_err(cannot("read what was printed"))?;
    Ok(Ended { code, printed, usage })
}

/// Runs `first | second`; what became of the second. Both must end well.
pub(crate) fn watch_piped(first: &mut Command, second: &mut Command) -> Result<(Ended, Usage), String> {
    let began = Instant::now();
    let mut feeding = first.stdout(Stdio::piped()).spawn().map_err(cannot(format_args!("run {first:?}")))?;
    let pipe = feeding.stdout.take().ok_or("no pipe")?;
    let watching = std::thread::spawn(move || wait(&mut feeding, began));
    let ended = watch(second.stdin(Stdio::from(pipe)));
    // Unwrap safety: the thread does not panic.
    let (code, usage) = watching.join().expect("watching does not panic")?;
    let ended = ended?;
    if code != 0 {
        return Err(format!("{first:?} ended with {code}"));
    }
    Ok((ended, usage))
}

fn wait(child: &mut Child, began: Instant) -> Result<(i32, Usage), String> {
    let mut usage = Usage::default();
    loop {
        usage.look(child.id());
        if let Some(status) = child.try_wait().map_err(cannot("wait for a process"))? {
            usage.clock_s = began.elapsed().as_secs_f64();
            return Ok((status.code().unwrap_or(-1), usage));
        }
        std::thread::sleep(LOOK);
    }
}

impl Usage {
    /// Takes what the system says of a process now; nothing of one that is gone.
    pub(crate) fn look(&mut self, process: u32) {
        let folder = Path::new("/proc").join(process.to_string());
        let text = |name| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        let status = text("status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next());
        self.peak_kib = self.peak_kib.max(peak.and_then(|kib| kib.parse().ok()).unwrap_or(0));
        // After the name, which is in brackets: state is the first field, user and system time the 12th and 13th.
        let stat = text("stat");
        let fields: Vec<&str> =
            stat.rsplit_once(')').map_or(vec![], |(_, rest)| rest.split_whitespace().collect());
        let ticks = |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
        self.processor_s = self.processor_s.max((ticks(11) + ticks(12)) / TICKS_PER_S);
    }
}

/// A process in the background, until it is dropped.
pub(crate) struct Running {
    child: Child,
    usage: Usage,
}

impl Running {
    pub(crate) fn start(command: &mut Command, log: &File) -> Result<Self, String> {
        let log = log.try_clone().map_err(cannot("write a log"))?;
        let child = command.stderr(Stdio::from(log)).stdout(Stdio::null()).spawn();
        Ok(Self { child: child.map_err(cannot(format_args!("run {command:?}")))?, usage: Usage::default() })
    }

    /// What it came to so far.
    pub(crate) fn usage(&mut self) -> Result<Usage, String> {
        match self.child.try_wait() {
            Ok(None) => {
                self.usage.look(self.child.id());
                Ok(self.usage)
            }
            Ok(Some(status)) => Err(format!("the server ended by itself with {status}")),
            Err(error) => Err(format!("cannot look at the server: {error}")),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
