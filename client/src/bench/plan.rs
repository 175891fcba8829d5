//! The ladder: which steps there are, and how the evaluations are shared out among them.

use std::time::Duration;

use samar_local::exit::Failure;
use samar_local::people::thousands;

/// Sizes on either side of the ladder.
const RUNGS_MAX: usize = 8;

/// A ladder of batch sizes and streams, and what it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    batches: Vec<u32>,
    streams: Vec<u32>,
    step_time: Duration,
    evaluations: u64,
}

/// One step: batches of this size, so many in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) batch: u32,
    pub(super) streams: u32,
}

impl Step {
    /// One batch on each stream.
    pub(super) fn round(self) -> u64 {
        u64::from(self.batch) * u64::from(self.streams)
    }

    /// Evaluations without which there is nothing to report: a round to warm up, and one to measure.
    fn least(self) -> u64 {
        2 * self.round()
    }
}

impl Ladder {
    /// Each size once, ascending. `step_seconds` bounds the loop of each step, `evaluations` all steps together,
    /// their warm-ups included.
    ///
    /// # Errors
    /// [`Failure`]: no sizes, zeros or too many of them, or fewer evaluations than the ladder takes at least.
    pub fn new(
        mut batches: Vec<u32>,
        mut streams: Vec<u32>,
        step_seconds: u64,
        evaluations: u64,
    ) -> Result<Self, Failure> {
        for (name, sizes) in [("--batch", &mut batches), ("--streams", &mut streams)] {
            sizes.sort_unstable();
            sizes.dedup();
            if sizes.len() > RUNGS_MAX || sizes.first().is_none_or(|least| *least == 0) {
                return Err(Failure::input(format!("{name} takes 1 to {RUNGS_MAX} different sizes above 0")));
            }
        }
        let ladder = Self { batches, streams, step_time: Duration::from_secs(step_seconds), evaluations };
        if evaluations < ladder.least() {
            let (least, given) = (ladder.least(), thousands(evaluations));
            let what = format!("this ladder takes at least {} evaluations, not {given}", thousands(least));
            return Err(Failure::input(what)
                .remedy(format!("--evaluations {least} or more, or smaller --batch and --streams")));
        }
        Ok(ladder)
    }

    /// Evaluations that are spent at most.
    #[must_use]
    pub fn evaluations(&self) -> u64 {
        self.evaluations
    }

    /// How long each step goes on at most.
    #[must_use]
    pub fn step_time(&self) -> Duration {
        self.step_time
    }

    /// Evaluations below which some step would measure nothing.
    pub(super) fn least(&self) -> u64 {
        self.steps().into_iter().map(Step::least).sum()
    }

    /// The steps, in the order of the report.
    pub(super) fn steps(&self) -> Vec<Step> {
        let of_batch = |batch: &u32| {
            let batch = *batch;
            self.streams.iter().map(move |streams| Step { batch, streams: *streams })
        };
        self.batches.iter().flat_map(of_batch).collect()
    }
}

/// What the first of the steps still to come may spend of the evaluations that are left: what it needs at least, and an
/// equal part of what no step needs. A step that ends by the clock leaves its rest to those after it.
pub(super) fn share(left: u64, steps: &[Step]) -> u64 {
    let Some(first) = steps.first() else { return 0 };
    let least: u64 = steps.iter().copied().map(Step::least).sum();
    first.least() + left.saturating_sub(least) / steps.len() as u64
}

#[cfg(test)]
mod tests {
    use samar_local::exit::Exit;

    use super::*;

    #[test]
    fn sizes_come_once_and_in_order() {
        let ladder = Ladder::new(vec![64, 8, 64], vec![4, 1], 2, 10_000).unwrap();
        let steps: Vec<_> = ladder.steps().iter().map(|step| (step.batch, step.streams)).collect();
        assert_eq!(steps, [(8, 1), (8, 4), (64, 1), (64, 4)]);
        assert_eq!(ladder.least(), 2 * (8 + 32 + 64 + 256));
    }

    #[test]
    fn a_ladder_that_cannot_be_climbed_is_refused_with_what_it_takes() {
        let refused = |batches: &[u32], streams: &[u32], evaluations| {
            let failure = Ladder::new(batches.to_vec(), streams.to_vec(), 1, evaluations).unwrap_err();
            assert_eq!(failure.exit(), Exit::Input);
            failure.to_string()
        };
        assert!(refused(&[], &[1], 100).contains("--batch"));
        assert!(refused(&[1], &[0, 1], 100).contains("--streams"));
        assert!(refused(&[1, 2, 3, 4, 5, 6, 7, 8, 9], &[1], 1_000).contains("1 to 8"));
        assert!(refused(&[4_096], &[8], 65_535).contains("at least 65,536 evaluations, not 65,535"));
        assert!(Ladder::new(vec![4_096], vec![8], 1, 65_536).is_ok());
    }

    #[test]
    fn shares_cover_every_step_and_never_pass_the_bound() {
        let ladder = Ladder::new(vec![64, 4_096], vec![1, 8], 1, 100_000).unwrap();
        let steps = ladder.steps();
        for spent in [|share: u64, _: Step| share, |_: u64, step: Step| step.least()] {
            let mut left = ladder.evaluations();
            for at in 0..steps.len() {
                let share = share(left, &steps[at..]);
                assert!(share >= steps[at].least() && share <= left);
                left -= spent(share, steps[at]);
            }
        }
    }
}
