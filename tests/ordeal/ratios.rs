//! What is compared with a rest that stands beside it in time. A machine that does other things as well is fast in one minute and slow
//! in the next; phases of load and of rest by turns see the same machine, and the median over the rounds is that of none of its moods.

/// What came of each round: of the phase of load, over the mean of the rests before and after it.
///
/// `rests` has one more than `loads`, each load between two of them.
pub(super) fn of_rounds(loads: &[f64], rests: &[f64]) -> Vec<f64> {
    let beside = rests.windows(2).map(|pair| pair.iter().sum::<f64>() / 2.0);
    loads.iter().zip(beside).map(|(load, rest)| load / rest).collect()
}

/// The one in the middle; the higher of two. 0 of none.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_slows_down_for_a_while_changes_no_ratio() {
        // Twice the rest in each round, on a machine that is ten times as slow in the second half.
        let (loads, rests) = ([2.0, 11.0, 20.0], [1.0, 1.0, 10.0, 10.0]);
        assert_eq!(of_rounds(&loads, &rests), [2.0, 2.0, 2.0]);
        assert!((median(&[2.0, 9.0, 1.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&[2.0, 1.0]) - 2.0).abs() < f64::EPSILON);
        assert!(median(&[]).abs() < f64::EPSILON);
    }
}
