//! `check` on the command line: lines in, a verdict a line out, with two batches under way.

use std::collections::VecDeque;
use std::sync::Arc;

use samar_local::exit::{Exit, Failure, say};
use samar_protocol::identifier::Kind;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::args::CheckArguments;
use super::{lines, show};
use crate::check::{Answered, Checker};
use crate::config::Home;
use crate::report::Verdict;

/// Batches under way: while the pages of one are looked up, the next is evaluated.
const BATCHES: usize = 2;

pub(super) async fn check(home: &Home, arguments: CheckArguments) -> Result<Exit, Failure> {
    let kind = Kind::from_name(&arguments.kind).unwrap_or(Kind::Nik); // there are no other names
    let checker = Arc::new(Checker::open_with(home, arguments.lookup).await?.of_kind(kind));
    if !checker.is_held() {
        say(format_args!("samar: warning: no breach of the set holds {}", kind.nouns()));
    }
    let mut batches = read(arguments.identifiers, checker.lines());
    let mut under_way: VecDeque<JoinHandle<Result<Result<Answered, Failure>, Failure>>> = VecDeque::new();
    let (mut number, mut exposed, mut wrong) = (0, false, None);
    loop {
        tokio::select! {
            Some(batch) = batches.recv(), if under_way.len() < BATCHES => {
                let (batch, checker) = (batch?, Arc::clone(&checker));
                under_way.push_back(tokio::spawn(async move { checker.ask(&batch).await }));
            }
            Some(asked) = first(&mut under_way) => match asked? {
                // After a wrong page everything else is asked all the same, and nothing more is shown.
                Err(failure) => wrong = Some(failure),
                Ok(_) if wrong.is_some() => {}
                Ok(answered) => for verdict in checker.read(&answered) {
                    number += 1;
                    exposed |= matches!(verdict, Verdict::Exposed(_));
                    if arguments.json { show::check_json(number, &verdict) } else { show::check(number, &verdict) }
                },
            },
            else => break,
        }
    }
    if let Some(checker) = Arc::into_inner(checker) {
        checker.close().await;
    }
    match wrong {
        Some(failure) => Err(failure),
        None => Ok(if exposed { Exit::Exposed } else { Exit::Done }),
    }
}

/// Reads batches of so many lines, on a thread of its own: whoever waits for the first answers before he writes more gets them. It is
/// not waited for at the end, when it may stand in a read for ever.
fn read(identifiers: Vec<String>, most: usize) -> mpsc::Receiver<Result<Vec<String>, Failure>> {
    let (send, batches) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut lines = lines::of(identifiers);
        loop {
            let batch = lines.batch(most);
            let is_last = batch.as_ref().is_ok_and(Vec::is_empty);
            if is_last || send.blocking_send(batch).is_err() {
                return;
            }
        }
    });
    batches
}

/// What the oldest of them comes to; `None` where none is under way.
async fn first<T: Send + 'static>(under_way: &mut VecDeque<JoinHandle<T>>) -> Option<T> {
    // Unwrap safety: a task that panicked has ended the program, and none is cancelled.
    let done = under_way.front_mut()?.await.expect("a batch neither panics nor is cancelled");
    under_way.pop_front();
    Some(done)
}
