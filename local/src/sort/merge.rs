//! Merging sorted runs with a tree of losers (Knuth, TAOCP vol. 3, section 5.4.1).

use std::sync::Arc;

use super::SortError;
use super::run::{Run, RunReader};

/// The sorted records. Errors end it: after one there is nothing more.
pub struct Merge<const N: usize>(Source<N>);

enum Source<const N: usize> {
    Memory { records: Arc<Vec<[u8; N]>>, at: usize },
    Runs(LoserTree<N>),
}

impl<const N: usize> Merge<N> {
    /// Of `records`, where there are no runs.
    pub(super) fn of(
        records: Arc<Vec<[u8; N]>>,
        runs: impl ExactSizeIterator<Item = Run>,
        buffer_bytes: usize,
    ) -> Result<Self, SortError> {
        if runs.len() == 0 {
            return Ok(Self(Source::Memory { records, at: 0 }));
        }
        Self::of_runs(runs, buffer_bytes)
    }

    pub(super) fn of_runs(runs: impl Iterator<Item = Run>, buffer_bytes: usize) -> Result<Self, SortError> {
        let mut tree = LoserTree { heads: Vec::new(), readers: Vec::new(), losers: Vec::new(), winner: 0 };
        for run in runs {
            let mut reader = RunReader::open(run, buffer_bytes)?;
            if let Some(head) = reader.next()? {
                tree.heads.push(head);
                tree.readers.push(reader);
            }
        }
        tree.play_all();
        Ok(Self(Source::Runs(tree)))
    }

    /// Records still to come, duplicates included.
    pub fn records_left(&self) -> u64 {
        match &self.0 {
            Source::Memory { records, at } => (records.len() - at) as u64,
            Source::Runs(tree) => {
                tree.readers.iter().map(|reader| 1 + reader.records_left::<N>()).sum::<u64>()
            }
        }
    }
}

impl<const N: usize> Iterator for Merge<N> {
    type Item = Result<[u8; N], SortError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Source::Memory { records, at } => {
                let record = *records.get(*at)?;
                *at += 1;
                Some(Ok(record))
            }
            Source::Runs(tree) => tree.next(),
        }
    }
}

impl<const N: usize> std::fmt::Debug for Merge<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Merge({} records of {N} bytes left)", self.records_left())
    }
}

/// `losers[n]`, 1 <= n < k, is the run that lost the match at inner node n; the leaf of run r is node k + r, and the
/// parent of node n is n / 2. So the next record costs log2(k) comparisons, all on one path.
struct LoserTree<const N: usize> {
    /// The next record of each run.
    heads: Vec<[u8; N]>,
    readers: Vec<RunReader>,
    losers: Vec<usize>,
    winner: usize,
}

impl<const N: usize> LoserTree<N> {
    #[inline]
    fn next(&mut self) -> Option<Result<[u8; N], SortError>> {
        let record = *self.heads.get(self.winner)?;
        match self.readers[self.winner].next() {
            Ok(Some(head)) => {
                self.heads[self.winner] = head;
                self.replay();
            }
            Ok(None) => {
                // Happens once a run: a new tree is simpler than a place for runs that have ended.
                self.heads.swap_remove(self.winner);
                self.readers.swap_remove(self.winner);
                self.play_all();
            }
            Err(error) => {
                self.heads.clear();
                self.readers.clear();
                return Some(Err(error));
            }
        }
        Some(Ok(record))
    }

    /// Plays the matches from the winner's leaf up to the root.
    #[inline]
    fn replay(&mut self) {
        let mut winner = self.winner;
        let mut node = (self.heads.len() + winner) / 2;
        while node > 0 {
            let loser = self.losers[node];
            // Which run wins is a coin toss, so select rather than branch.
            let swap = self.heads[loser] < self.heads[winner];
            self.losers[node] = if swap { winner } else { loser };
            winner = if swap { loser } else { winner };
            node /= 2;
        }
        self.winner = winner;
    }

    /// Plays every match, from the leaves up.
    #[cold]
    fn play_all(&mut self) {
        let k = self.heads.len();
        let mut winners: Vec<usize> = (0..2 * k).map(|node| node.saturating_sub(k)).collect();
        self.losers = vec![0; k];
        for node in (1..k).rev() {
            let (left, right) = (winners[2 * node], winners[2 * node + 1]);
            let (winner, loser) =
                if self.heads[right] < self.heads[left] { (right, left) } else { (left, right) };
            winners[node] = winner;
            self.losers[node] = loser;
        }
        self.winner = if k > 0 { winners[1] } else { 0 };
    }
}
