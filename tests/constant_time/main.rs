//! Every operation on a secret, run under valgrind with the secret marked as undefined: `bash tests/constant_time/run`.
//!
//! Valgrind's memcheck follows undefined bits through every instruction and reports where a branch or an address depends
//! on one. So a report is a place whose time may depend on a key, a blind or an identifier. What becomes public (an
//! encoding that is sent, a proof) is marked as defined where it does, and only there. Each output must be undefined until
//! then, or the case would show nothing; and the controls, which leak on purpose, must be reported.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is the product")]

mod cases;
mod valgrind;

use std::process::ExitCode;

/// What valgrind must say of a case.
#[derive(Clone, Copy)]
enum Expected {
    /// No branch and no address depends on a secret.
    Nothing,
    /// So many do, each known, and the reason why they tell nothing.
    Known(usize, &'static str),
    /// It leaks: a control.
    Leak,
}

struct Case {
    name: String,
    expected: Expected,
    /// Runs it; true if secrets reached where they should.
    run: Box<dyn Fn() -> bool>,
}

fn main() -> ExitCode {
    if !valgrind::is_running() {
        eprintln!(
            "constant-time: nothing is checked outside of valgrind, on x86-64: bash tests/constant_time/run"
        );
        return ExitCode::from(2);
    }
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let cases = cases::all();
    if let Some(unknown) = wanted.iter().find(|name| cases.iter().all(|case| case.name != **name)) {
        eprintln!("constant-time: there is no case `{unknown}`");
        return ExitCode::from(2);
    }
    println!("{:28} {:>8}  expected", "case", "reports");
    let mut deviations = 0;
    for case in cases.iter().filter(|case| wanted.is_empty() || wanted.contains(&case.name)) {
        let before = valgrind::reports();
        let secret = (case.run)();
        let reports = valgrind::reports() - before;
        let (as_expected, expected) = match case.expected {
            Expected::Nothing => (reports == 0, "none".to_owned()),
            Expected::Known(count, why) => (reports == count, format!("{count}: {why}")),
            Expected::Leak => (reports > 0, "some: a control".to_owned()),
        };
        let fault = match (as_expected, secret) {
            (false, _) => "  <- NOT AS EXPECTED",
            (true, false) => "  <- NO SECRET WAS THERE",
            (true, true) => "",
        };
        deviations += usize::from(!fault.is_empty());
        println!("{:28} {reports:8}  {expected}{fault}", case.name);
    }
    println!(
        "{}",
        if deviations == 0 { "all as expected".to_owned() } else { format!("{deviations} deviate") }
    );
    ExitCode::from(u8::from(deviations > 0))
}
