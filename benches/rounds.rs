//! Interleaved rounds: each runs ours and the opponent once, one after the other, for every step.
//!
//! Clocks drift and neighbours interfere. What two programs did within the same tenth of a second compares; what they
//! did minutes apart does not.

use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};

/// One step of the pipeline, done by both sides. Each closure gives the seconds it took, as [`timed`] measures them.
pub struct Step<'a> {
    /// Name of the step.
    pub name: &'static str,
    /// Who ours is compared with.
    pub opponent: &'static str,
    /// Our side.
    pub ours: Box<dyn FnMut() -> f64 + 'a>,
    /// The other side.
    pub theirs: Box<dyn FnMut() -> f64 + 'a>,
}

/// What the rounds of one step came to.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Median seconds of our side.
    pub ours_s: f64,
    /// Median seconds of the opponent.
    pub theirs_s: f64,
    /// Lowest and highest ratio of a single round: the noise.
    pub spread: (f64, f64),
}

/// Runs all steps once a round, for so many rounds (at least one) after one that is not counted.
#[must_use]
pub fn run(steps: &mut [Step<'_>], rounds: usize) -> Vec<Outcome> {
    let mut seconds = vec![Vec::with_capacity(rounds); steps.len()];
    for round in 0..=rounds {
        for (step, seconds) in steps.iter_mut().zip(&mut seconds) {
            let both = ((step.ours)(), (step.theirs)());
            if round > 0 {
                seconds.push(both);
            }
        }
    }
    seconds.iter().map(|seconds| outcome(seconds)).collect()
}

fn outcome(seconds: &[(f64, f64)]) -> Outcome {
    let ratios = || seconds.iter().map(|(ours, theirs)| theirs / ours);
    Outcome {
        ours_s: median(seconds.iter().map(|both| both.0)),
        theirs_s: median(seconds.iter().map(|both| both.1)),
        spread: (ratios().fold(f64::INFINITY, f64::min), ratios().fold(0.0, f64::max)),
    }
}

/// The middle one, or the upper of two.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What `work` gives, and the processor time of this thread that it took, in seconds. Time in which the thread was
/// not running, because another program was, does not count.
pub fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = clock_gettime(ClockId::ThreadCPUTime);
    let result = black_box(work());
    let end = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = (end.tv_sec - start.tv_sec) as f64 + (end.tv_nsec - start.tv_nsec) as f64 / 1e9;
    (seconds, result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outlier_widens_the_spread_and_leaves_the_medians() {
        let outcome = outcome(&[(1.0, 4.0), (2.0, 6.0), (1.0, 90.0), (1.5, 5.0), (1.0, 5.0)]);
        assert_eq!((outcome.ours_s, outcome.theirs_s), (1.0, 5.0));
        assert_eq!(outcome.spread, (3.0, 90.0));
    }

    #[test]
    fn the_first_round_is_not_counted() {
        let mut times = [9.0, 1.0, 1.0].into_iter();
        let ours = Box::new(move || times.next().unwrap());
        let mut steps = [Step { name: "step", opponent: "other", ours, theirs: Box::new(|| 2.0) }];
        assert_eq!(run(&mut steps, 2)[0].spread, (2.0, 2.0));
    }
}
