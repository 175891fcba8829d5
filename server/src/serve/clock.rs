//! The machine's clock, and whether it can be believed: allowances turn by it, and a record of a day that is far ahead would
//! keep its bank out until that day.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use samar_local::people::now_s;

/// The largest jump that is taken for a clock being set right.
const JUMP_MAX_S: u64 = 86_400;

/// The time of day, beside a clock that nobody can set.
#[derive(Debug)]
pub(super) struct Clock {
    at_start_s: u64,
    up_at_start: Duration,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { at_start_s: now_s(), up_at_start: up() }
    }

    /// By how many seconds the time of day has moved more, or less, than time passed since the start, where that is more
    /// than a day.
    pub(super) fn jumped_s(&self) -> Option<u64> {
        let passed_s = up().saturating_sub(self.up_at_start).as_secs();
        jump_s(self.at_start_s.saturating_add(passed_s), now_s())
    }
}

fn jump_s(expected_s: u64, now_s: u64) -> Option<u64> {
    let jump_s = expected_s.abs_diff(now_s);
    (jump_s > JUMP_MAX_S).then_some(jump_s)
}

/// Since the machine was started, sleep included.
fn up() -> Duration {
    let up = clock_gettime(ClockId::Boottime);
    Duration::from_secs(u64::try_from(up.tv_sec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_jumps_a_day_is_not_believed_either_way() {
        const NOON: u64 = 20_000 * 86_400 + 43_200;
        assert_eq!(jump_s(NOON, NOON), None);
        assert_eq!(jump_s(NOON, NOON + 86_400), None, "set right by a day at most");
        assert_eq!(jump_s(NOON, NOON + 86_401), Some(86_401));
        assert_eq!(jump_s(NOON, NOON - 86_400), None);
        assert_eq!(jump_s(NOON, 0), Some(NOON));
        assert_eq!(Clock::start().jumped_s(), None);
    }
}
