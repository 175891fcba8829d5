//! `check`: a few identifiers, each with its verdict, by line. An identifier is never repeated in the output.

use std::sync::Arc;

use samar_local::exit::Failure;
use samar_protocol::identifier::{Identifier, Kind};
use samar_protocol::manifest::{Breach, Details};
use samar_protocol::oprf::Tag;
use tokio::sync::Semaphore;

use crate::config::{Config, Home};
use crate::customers::{ByHash, HashKey};
use crate::evaluation::{self, BATCH, Evaluator};
use crate::link::Link;
use crate::lookup::source::{self, Source};
use crate::lookup::{self, LookupMode};
use crate::matching::{self, Match};
use crate::people::now_s;
use crate::report::{NotLookedUp, Verdict};
use crate::synced::Synced;
use crate::tls;

/// Reads this much of a line; no damaged identifier is longer, and a line is bounded whoever writes it.
pub const LINE_BYTES_MAX: usize = 4_096;

/// Lines answered together.
pub const LINES: usize = BATCH;

/// The same where segments are looked up in privately: a lookup takes 50 to 90 ms in a segment of 1.5 GB.
const LOOKUP_LINES: usize = 64;

/// An open connection and the synced set, for as many lines as come.
///
/// ```no_run
/// # async fn example(dir: &std::path::Path, niks: Vec<String>) -> Result<(), samar_local::exit::Failure> {
/// use samar::check::Checker;
/// use samar::lookup::LookupMode;
///
/// let checker = Checker::open_with(&samar::Home::new(dir), LookupMode::Auto).await?;
/// for lines in niks.chunks(checker.lines()) {
///     for verdict in checker.verdicts(lines).await? {
///         let _ = verdict.status(); // `clear`, `exposed` or `invalid:REASON`
///     }
/// }
/// checker.close().await;
/// # Ok(()) }
/// ```
pub struct Checker {
    evaluator: Evaluator,
    /// In manifest order, of each breach its segments in theirs.
    segments: Vec<Vec<Source>>,
    /// Of queries under way.
    turns: Arc<Semaphore>,
    breaches: Vec<Breach>,
    details: Details,
    kind: Kind,
}

/// What was asked about up to [`LINES`] texts, and came back. [`Checker::read`] reads it.
pub(crate) struct Answered {
    /// For each text its place among the identifiers, or why it is none.
    lines: Vec<Result<u32, &'static str>>,
    /// In order of place and then of breach.
    matches: Vec<(u32, Match)>,
}

impl Checker {
    /// [`Checker::open_with`], looking up privately only where a large segment was not synced.
    ///
    /// # Errors
    /// As there.
    pub async fn open(home: &Home) -> Result<Self, Failure> {
        Self::open_with(home, LookupMode::Auto).await
    }

    /// Opens the synced set and connects; fetches what is missing to look in every segment, once.
    ///
    /// # Errors
    /// [`Failure`]: not joined, nothing synced, no connection, a damaged file, no room, no private lookups where they are asked for.
    pub async fn open_with(home: &Home, mode: LookupMode) -> Result<Self, Failure> {
        let (config, backend) = (Config::load(home)?, evaluation::backend()?);
        let synced = Synced::load_valid(home, now_s())?;
        let link = Arc::new(Link::connect(&config.address, tls::enrolled(home, &config)?, config.gso).await?);
        let segments = source::open_all(&link, home, &synced, mode).await?;
        let evaluator = Evaluator::new(link, &synced, config.blinding, backend)?;
        let (breaches, kind) = (synced.manifest().breaches.clone(), Kind::Nik);
        let details = synced.manifest().details().map_err(Failure::local)?;
        Ok(Self { evaluator, segments, turns: lookup::turns(), breaches, details, kind })
    }

    /// The same for identifiers of another kind than NIKs.
    #[must_use]
    pub fn of_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// Whether any breach of the set holds identifiers of this kind.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.breaches.iter().any(|breach| self.details.kinds_of(&breach.id).contains(&self.kind))
    }

    /// How many texts are best asked about together.
    #[must_use]
    pub fn lines(&self) -> usize {
        let on_server = |source: &Source| matches!(source, Source::OnServer(_));
        if self.segments.iter().flatten().any(on_server) { LOOKUP_LINES } else { LINES }
    }

    /// The verdicts on up to [`LINES`] texts, in order. The same identifier twice is evaluated once.
    ///
    /// # Errors
    /// [`Failure`]; then there is no verdict on any of them.
    ///
    /// # Panics
    /// With more than [`LINES`] texts.
    pub async fn verdicts(&self, texts: &[String]) -> Result<Vec<Verdict<'_>>, Failure> {
        Ok(self.read(&self.ask(texts).await??))
    }

    /// The same, telling two kinds of failure apart: after the inner one, of a page that a private lookup brought and that is
    /// wrong, whoever has more to ask goes on asking, so that the server does not see that it was found out.
    pub(crate) async fn ask(&self, texts: &[String]) -> Result<Result<Answered, Failure>, Failure> {
        assert!(texts.len() <= LINES, "one batch at a time");
        let key = HashKey::fresh();
        let mut ordinals = ByHash::<u32>::default();
        let mut inputs = Vec::new();
        let mut lines: Vec<Result<u32, &'static str>> = Vec::with_capacity(texts.len());
        for text in texts {
            lines.push(match Identifier::parse(self.kind, text) {
                Ok(identifier) => {
                    let next = u32::try_from(inputs.len()).unwrap_or(u32::MAX);
                    let input = identifier.into_input();
                    let ordinal = *ordinals.entry(key.hash(&input)).or_insert(next);
                    if ordinal == next {
                        inputs.push(input);
                    }
                    Ok(ordinal)
                }
                Err(rejection) => Err(rejection.name()),
            });
        }
        if inputs.is_empty() {
            return Ok(Ok(Answered { lines, matches: Vec::new() }));
        }
        let (elements, _) = self.evaluator.evaluate(inputs).await?;
        let tags = elements.iter().map(samar_protocol::oprf::Element::tag).collect();
        let found = self.find(Arc::new(tags)).await?;
        Ok(found.map(|matches| Answered { lines, matches }))
    }

    /// The verdicts on what was asked, in order.
    pub(crate) fn read(&self, answered: &Answered) -> Vec<Verdict<'_>> {
        let matches = &answered.matches;
        let verdict = |line: &Result<u32, &'static str>| match line {
            Ok(ordinal) => {
                let from = matches.partition_point(|(found, _)| found < ordinal);
                let to = matches.partition_point(|(found, _)| found <= ordinal);
                Verdict::of_one(self.kind, matches[from..to].iter().map(|(_, found)| *found), &self.breaches)
            }
            Err(reason) => Verdict::Invalid(NotLookedUp { kind: None, reason }),
        };
        answered.lines.iter().map(verdict).collect()
    }

    /// Every match with the position of its tag, in order of tag and then of breach. Every segment on the server is asked for
    /// every tag, whatever comes of it; only then is anything looked at.
    async fn find(&self, tags: Arc<Vec<Tag>>) -> Result<Result<Vec<(u32, Match)>, Failure>, Failure> {
        let on_server = |source: &Source| match source {
            Source::OnServer(segment) => Some(Arc::clone(segment)),
            Source::Here(_) => None,
        };
        let private: Vec<_> = self.segments.iter().flatten().filter_map(on_server).collect();
        let link = self.evaluator.shared_link();
        let mut looked_up = match lookup::find_in_all(link, &private, &tags, &self.turns).await? {
            Ok(found) => found.into_iter(),
            Err(wrong) => return Ok(Err(wrong)),
        };
        let mut matches = Vec::new();
        for (breach, sources) in (0u16..).zip(&self.segments) {
            let mut found = Vec::new();
            for source in sources {
                let (mut here, kind) = match source {
                    Source::OnServer(segment) => (looked_up.next().unwrap_or_default(), segment.kind),
                    Source::Here(segment) => {
                        let (segment, tags, kind) = (Arc::clone(segment), Arc::clone(&tags), segment.kind);
                        let find = move || matching::find(&segment, &tags);
                        // Unwrap safety: a panic has ended the program, and blocking work is never cancelled.
                        (tokio::task::spawn_blocking(find).await.expect("matching does not panic")?, kind)
                    }
                };
                matching::apply(&mut found, &mut here, kind);
            }
            matches.extend(found.into_iter().map(|(ordinal, label)| (ordinal, Match { breach, label })));
        }
        matches.sort_unstable();
        Ok(Ok(matches))
    }

    /// Closes the connection.
    pub async fn close(self) {
        self.evaluator.close().await;
    }
}
