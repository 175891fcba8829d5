//! Whether the machine's clock fits what this folder recorded by it before.
//!
//! Allowances turn by the clock, and an account never goes back from its day: what is charged on a day that is far ahead keeps its bank
//! out until that day. So nothing is begun by a clock that stands further ahead than a manifest lasts: were it right, no bank would take
//! the set any more, and it would have to be published again all the same. One that stands as far behind is most likely not set yet.

use samar_local::exit::Failure;
use samar_local::people::{counted, time};
use samar_protocol::manifest::Manifest;

use crate::config::Config;

const DAY_S: u64 = 86_400;

/// Refuses a clock that stands further ahead of everything that was recorded, or further behind the newest manifest, than a manifest
/// lasts. `newest_day` is that of the account log, counted from 1970. A folder with neither is taken at any time.
///
/// # Errors
/// [`Failure`] with both times and what helps.
pub(crate) fn check(
    config: &Config,
    newest_day: Option<u64>,
    newest: Option<&Manifest>,
    now_s: u64,
) -> Result<(), Failure> {
    let away_s = u64::from(config.manifest_days) * DAY_S;
    let published_s = newest.map(|manifest| manifest.created_s);
    // The end of the day: when on it is not known, and does not matter here.
    let charged_s = newest_day.map(|day| day.saturating_add(1).saturating_mul(DAY_S));
    let recorded_s = charged_s.max(published_s);
    let far = |from_s: u64, to_s: u64| to_s.checked_sub(from_s).filter(|apart_s| *apart_s > away_s);
    let ahead = recorded_s
        .and_then(|recorded_s| far(recorded_s, now_s))
        .map(|apart_s| (apart_s, "after the newest record of the account log and the newest manifest"));
    let behind = published_s.and_then(|published_s| far(now_s, published_s));
    let behind = behind.map(|apart_s| (apart_s, "before the newest manifest was made"));
    match ahead.or(behind) {
        None => Ok(()),
        Some((apart_s, what)) => {
            let (now, days) = (time(now_s), counted(apart_s / DAY_S, "day"));
            Err(Failure::local(format!("the clock of this machine says {now}, {days} {what}"))
                .remedy("set the clock right (NTP); if it is right: samar-server publish --trust-clock"))
        }
    }
}

#[cfg(test)]
mod tests {
    use samar_local::exit::Exit;
    use samar_protocol::manifest::ManifestHash;

    use super::*;

    const NOON: u64 = 20_000 * DAY_S + DAY_S / 2;

    fn config() -> Config {
        let listen = "127.0.0.1:0".parse().unwrap();
        Config { manifest_days: 30, ..Config::new("Badan Contoh".to_owned(), listen) }
    }

    fn made(created_s: u64) -> Manifest {
        Manifest {
            operator: "Badan Contoh".to_owned(),
            epoch: 1,
            created_s,
            valid_until_s: created_s + 30 * DAY_S,
            previous: ManifestHash::NONE.0,
            suite: samar_protocol::oprf::SUITE,
            key_id: [0; 8],
            public_key: [0; 32],
            breaches: vec![],
            next_publisher_key: None,
            extensions: vec![],
        }
    }

    #[test]
    fn a_clock_that_fits_what_was_recorded_is_taken_at_its_word() {
        let check = |day, created_s: Option<u64>, now_s| {
            check(&config(), day, created_s.map(made).as_ref(), now_s).is_ok()
        };
        assert!(check(None, None, 0) && check(None, None, u64::MAX), "nothing tells in a new folder");
        let end = 20_001 * DAY_S + 30 * DAY_S;
        assert!(check(Some(20_000), None, end) && !check(Some(20_000), None, end + 1));
        let end = NOON + 30 * DAY_S;
        assert!(check(None, Some(NOON), end) && !check(None, Some(NOON), end + 1));
        // Whichever is newer.
        assert!(check(Some(19_000), Some(NOON), end) && !check(Some(19_000), Some(NOON), end + 1));
        assert!(check(Some(20_200), Some(NOON), end + 1));
        // Behind: by the manifest alone, since a clock that was ahead once may have charged one bank on a day to come.
        let begin = NOON - 30 * DAY_S;
        assert!(check(Some(20_200), Some(NOON), begin) && !check(Some(20_200), Some(NOON), begin - 1));
        assert!(check(Some(20_200), None, 0));
        assert!(!check(Some(u64::MAX), Some(NOON), 0), "no day is too far to count");
    }

    #[test]
    fn one_that_does_not_names_both_times_and_what_helps() {
        let failure = check(&config(), Some(20_000), Some(&made(NOON)), NOON + 400 * DAY_S).unwrap_err();
        assert_eq!(failure.exit(), Exit::Local);
        let says = failure.to_string();
        assert!(says.contains("says 2025-11-08 12:00 UTC, 399 days after the newest record"), "{says}");
        let failure = check(&config(), None, Some(&made(NOON)), NOON - 31 * DAY_S).unwrap_err();
        assert!(failure.to_string().contains("31 days before the newest manifest"), "{failure}");
    }
}
