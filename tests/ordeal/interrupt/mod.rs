//! `interrupt`: kill -9 at a random point of a run, then the same command again.

mod ingest;
mod keeping;
mod publish;
mod rekey;
mod screen;
mod stage;
mod sync;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rand::RngExt as _;

use keeping::{Change, Keeping};

use super::folders::{fingerprint, leftovers};
use super::programs::{Programs, done};
use super::{Outcome, cannot, progress};

/// A command that is interrupted.
trait Case {
    /// What it is called.
    fn name(&self) -> &'static str;
    /// Exit code of a run that went well.
    fn code(&self) -> i32;
    /// Exit codes of the run that follows a kill.
    fn codes_again(&self) -> Vec<i32> {
        vec![self.code()]
    }

    /// Puts everything back to where the command has not run yet.
    fn set_back(&mut self) -> Result<(), String>;
    /// The command.
    fn command(&self) -> Command;
    /// The folder that it works in.
    fn folder(&self) -> &Path;
    /// Whether everything is as after one run that nobody disturbed.
    fn holds(&self) -> Result<(), String>;
}

/// Where the kills landed.
#[derive(Default)]
struct Landed {
    /// Before the run had changed anything.
    before: u32,
    /// While it was changing things.
    within: u32,
    /// After it had ended.
    after: u32,
}

pub(super) fn run(count: u32) -> Outcome {
    let programs = Programs::built()?;
    let mut landed = Landed::default();
    let mut of_each = Vec::new();
    let mut add = |(name, found): (&str, Landed)| {
        of_each.push(format!("{name} {}/{}/{}", found.before, found.within, found.after));
        landed.before += found.before;
        landed.within += found.within;
        landed.after += found.after;
    };
    let stage = stage::Stage::new(&programs, count)?;
    add(kill_often(&mut sync::Sync::new(&stage)?, count)?);
    add(kill_often(&mut screen::Screen::new(&stage)?, count)?);
    add(kill_often(&mut rekey::Rekey::new(&stage)?, count)?);
    add(kill_often(&mut publish::Publish::new(&programs, count)?, count)?);
    add(kill_often(&mut ingest::Ingest::new(&programs, count)?, count)?);
    for change in [Change::Remove, Change::Compact, Change::Rotate] {
        add(kill_often(&mut Keeping::new(&programs, change, count)?, count)?);
    }
    let kills = landed.before + landed.within + landed.after;
    Ok(format!(
        "{kills} kills ({} before the first write, {} within, {} after the end: {}), 0 wrong results, 0 leftovers, 0 paid \
         twice",
        landed.before,
        landed.within,
        landed.after,
        of_each.join(", ")
    ))
}

fn kill_often<C: Case>(case: &mut C, count: u32) -> Result<(&'static str, Landed), String> {
    let (name, codes) = (case.name(), case.codes_again());
    let duration = undisturbed(case)?;
    let mut landed = Landed::default();
    for kill in 1..=count {
        case.set_back()?;
        let after = duration.mul_f64(rand::rng().random_range(0.0..1.0));
        let violated = |what: String| format!("{} killed after {after:?} (kill {kill}): {what}", name);
        interrupt(case, after, &mut landed).map_err(violated)?;
        done(&mut case.command(), &codes).map_err(violated)?;
        case.holds().map_err(violated)?;
        let left = leftovers(case.folder());
        if !left.is_empty() {
            return Err(violated(format!("the next run leaves {}", left.join(", "))));
        }
        progress(name, kill, count);
    }
    Ok((name, landed))
}

/// How long a run takes, the middle one of five; and that its result is the one that is looked for.
fn undisturbed<C: Case>(case: &mut C) -> Result<Duration, String> {
    let mut durations = Vec::new();
    for _ in 0..5 {
        case.set_back()?;
        let began = Instant::now();
        done(&mut case.command(), &[case.code()])?;
        durations.push(began.elapsed());
        case.holds().map_err(|what| format!("{}, undisturbed: {what}", case.name()))?;
    }
    durations.sort();
    Ok(durations[durations.len() / 2])
}

fn interrupt<C: Case>(case: &C, after: Duration, landed: &mut Landed) -> Result<(), String> {
    let before = fingerprint(case.folder());
    let mut child = case
        .command()
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(cannot(format_args!("start {}", case.name())))?;
    std::thread::sleep(after);
    let ended = child.try_wait().map_err(cannot("look at a run"))?;
    child.kill().and_then(|()| child.wait()).map_err(cannot("kill a run"))?;
    match ended {
        Some(status) if status.code() != Some(case.code()) => {
            return Err(format!("it had ended by itself with {status}"));
        }
        Some(_) => landed.after += 1,
        None if fingerprint(case.folder()) == before => landed.before += 1,
        None => landed.within += 1,
    }
    Ok(())
}
