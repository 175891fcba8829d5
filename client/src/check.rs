//! `check`: a few identifiers, each with its verdict, by line. An identifier is never repeated in the output.

use std::sync::Arc;

use samar_local::exit::Failure;
use samar_protocol::identifier::{Kind, Nik};
use samar_protocol::manifest::Breach;

use crate::config::{Config, Home};
use crate::customers::{ByHash, HashKey};
use crate::evaluation::{self, BATCH, Evaluator};
use crate::link::Link;
use crate::matching::match_tags;
use crate::people::now_s;
use crate::report::{NotLookedUp, Verdict};
use crate::synced::{OpenBreach, Synced};
use crate::tls;

/// Reads this much of a line; no damaged NIK is longer, and a line is bounded whoever writes it.
pub const LINE_BYTES_MAX: usize = 4_096;

/// Lines answered together.
pub const LINES: usize = BATCH;

/// An open connection and the synced set, for as many lines as come.
pub struct Checker {
    evaluator: Evaluator,
    segments: Arc<Vec<OpenBreach>>,
    breaches: Vec<Breach>,
}

impl Checker {
    /// Opens the synced set and connects.
    ///
    /// # Errors
    /// [`Failure`]: not joined, nothing synced, no connection.
    pub async fn open(home: &Home) -> Result<Self, Failure> {
        let (config, backend) = (Config::load(home)?, evaluation::backend()?);
        let synced = Synced::load_valid(home, now_s())?;
        let segments = Arc::new(synced.open_segments(home)?);
        let link = Arc::new(Link::connect(&config.address, tls::enrolled(home, &config)?, config.gso).await?);
        let evaluator = Evaluator::new(link, &synced, config.blinding, backend)?;
        Ok(Self { evaluator, segments, breaches: synced.manifest().breaches.clone() })
    }

    /// The verdicts on up to [`LINES`] texts, in order. The same identifier twice is evaluated once.
    ///
    /// # Errors
    /// [`Failure`]; then there is no verdict on any of them.
    ///
    /// # Panics
    /// With more than [`LINES`] texts.
    pub async fn verdicts(&self, texts: &[String]) -> Result<Vec<Verdict<'_>>, Failure> {
        assert!(texts.len() <= LINES, "one batch at a time");
        let key = HashKey::fresh();
        let mut ordinals = ByHash::<u32>::default();
        let mut inputs = Vec::new();
        let mut lines: Vec<Result<u32, &'static str>> = Vec::with_capacity(texts.len());
        for text in texts {
            lines.push(match Nik::parse(text) {
                Ok(nik) => {
                    let next = u32::try_from(inputs.len()).unwrap_or(u32::MAX);
                    let input = nik.oprf_input();
                    let ordinal = *ordinals.entry(key.hash(&input)).or_insert(next);
                    if ordinal == next {
                        inputs.push(input);
                    }
                    Ok(ordinal)
                }
                Err(rejection) => Err(rejection.name()),
            });
        }
        let matches = if inputs.is_empty() {
            Vec::new()
        } else {
            let (elements, _) = self.evaluator.evaluate(inputs).await?;
            let segments = Arc::clone(&self.segments);
            let find = move || {
                let tags: Vec<_> = elements.iter().map(samar_protocol::oprf::Element::tag).collect();
                match_tags(&segments, &tags)
            };
            // Unwrap safety: a panic has ended the program, and blocking work is never cancelled.
            tokio::task::spawn_blocking(find).await.expect("matching does not panic")?
        };
        let verdict = |line: Result<u32, &'static str>| match line {
            Ok(ordinal) => {
                let from = matches.partition_point(|(found, _)| *found < ordinal);
                let to = matches.partition_point(|(found, _)| *found <= ordinal);
                Verdict::of_one(Kind::Nik, matches[from..to].iter().map(|(_, found)| *found), &self.breaches)
            }
            Err(reason) => Verdict::Invalid(NotLookedUp { kind: None, reason }),
        };
        Ok(lines.into_iter().map(verdict).collect())
    }

    /// Closes the connection.
    pub async fn close(self) {
        self.evaluator.close().await;
    }
}
