//! ChalametPIR 0.8: private retrieval of values by keys, over FrodoPIR's LWE with n = 1,774 and ternary secrets.
//!
//! It asks for a rayon of its own, which cannot stand in one program with ours. So it is a program (`benches/chalamet`) that is
//! started beside this one and told when to answer a query, in turn with ours; both take the processor time of one thread.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;

/// The program, with its database prepared.
pub struct Chalamet {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// What it prepared.
    pub prepared: Prepared,
}

/// The largest database that it prepares in a minute.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Prepared {
    /// Values of 1,024 bytes.
    pub entries: usize,
    /// Bytes of all values.
    pub bytes: usize,
    /// Seconds by the clock that it prepared for, on all cores.
    pub prepare_s: f64,
    /// Bytes of the hint.
    pub hint_bytes: usize,
    /// Bytes of a query.
    pub query_bytes: usize,
    /// Bytes of an answer.
    pub answer_bytes: usize,
    /// Seconds of one core that its client takes for a query, with everything that ours prepares ahead.
    pub client_s: f64,
}

impl Chalamet {
    /// Who ours is compared with.
    pub const NAME: &str = "chalametpir";

    /// Starts the program, and waits for the three minutes or so in which it finds its largest database.
    ///
    /// # Errors
    /// A program that cannot be started, ends early, or writes something else.
    pub fn start(program: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("a program without pipes".into());
        };
        let mut output = BufReader::new(output);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let prepared = serde_json::from_str(&line)
            .map_err(|error| format!("{} wrote {line:?}: {error}", program.display()))?;
        Ok(Self { child, input, output, prepared })
    }

    /// Seconds of processor time that it takes for the answer to a query, on one thread.
    ///
    /// # Panics
    /// If the program went away.
    pub fn answer_s(&mut self) -> f64 {
        let mut line = String::new();
        self.input.write_all(b"\n").expect("a program that listens");
        self.output.read_line(&mut line).expect("a program that answers");
        line.trim_end().parse().expect("seconds")
    }
}

impl Drop for Chalamet {
    fn drop(&mut self) {
        // It is in the middle of nothing; where it is gone already there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
