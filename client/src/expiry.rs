//! What runs out soon, said while there is time to do something about it.

use samar_local::exit::{Failure, say};
use samar_protocol::manifest::Manifest;

use crate::config::Home;
use crate::join::{Enrolment, enrolment};
use crate::people::{counted, now_s, time};
use crate::renew::invitation_wanted;

const DAY_S: u64 = 86_400;
/// Before the end of the bank's certificate. `sync` renews it by itself from then on; where that fails, there is time to ask.
const CERTIFICATE_WARNED_S: u64 = 30 * DAY_S;
/// Before the end of the set.
const SET_WARNED_S: u64 = 7 * DAY_S;

/// What is to be said of a certificate and of a set that end then; seconds since 1970 UTC. Nothing of what lasts.
#[must_use]
pub fn warnings(bank: &str, certificate_until_s: u64, set_until_s: Option<u64>, now_s: u64) -> Vec<String> {
    let certificate = ending(certificate_until_s, CERTIFICATE_WARNED_S, now_s).map(|ends| {
        let in_force = if now_s < certificate_until_s { "samar renew; where that fails, " } else { "" };
        format!("the certificate of this bank {ends}: {in_force}{}", invitation_wanted(bank))
    });
    let set = set_until_s.and_then(|until_s| ending(until_s, SET_WARNED_S, now_s)).map(|ends| {
        format!(
            "the synced set {ends}: samar sync; where that brings no newer one, ask the operator to publish"
        )
    });
    certificate.into_iter().chain(set).collect()
}

/// Says on standard error what runs out of a folder that uses this manifest.
pub(crate) fn warn_of(home: &Home, manifest: &Manifest) -> Result<(), Failure> {
    let Enrolment { config, certificate_until_s, .. } = enrolment(home)?;
    for warning in warnings(&config.bank, certificate_until_s, Some(manifest.valid_until_s), now_s()) {
        say(format_args!("samar: warning: {warning}"));
    }
    Ok(())
}

fn ending(until_s: u64, warned_s: u64, now_s: u64) -> Option<String> {
    let end = time(until_s);
    match until_s.checked_sub(now_s) {
        None => Some(format!("ran out on {end}")),
        Some(left_s) if left_s < DAY_S => Some(format!("runs out within a day ({end})")),
        Some(left_s) if left_s < warned_s => {
            Some(format!("runs out in {} ({end})", counted(left_s / DAY_S, "day")))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: u64 = 1_795_326_000;

    #[test]
    fn nothing_is_said_of_what_lasts() {
        let (certificate, set) = (NOW_S + 30 * DAY_S, NOW_S + 7 * DAY_S);
        assert!(warnings("bank-a", certificate, Some(set), NOW_S).is_empty());
        assert!(warnings("bank-a", certificate, None, NOW_S).is_empty());
    }

    #[test]
    fn what_ends_within_weeks_is_said_with_its_remedy() {
        let both = warnings("bank-a", NOW_S + 30 * DAY_S - 1, Some(NOW_S + DAY_S), NOW_S);
        assert!(both[0].contains("runs out in 29 days (2026-12-22"), "{both:?}");
        assert!(
            both[0].contains(": samar renew; where") && both[0].contains("enroll bank-a --again"),
            "{both:?}"
        );
        assert!(
            both[1].contains("the synced set runs out in 1 day (") && both[1].contains("samar sync"),
            "{both:?}"
        );
        let today = warnings("bank-a", NOW_S, None, NOW_S);
        assert!(today[0].contains("runs out within a day (2026-11-22"), "{today:?}");
        let ended = warnings("bank-a", NOW_S - 1, Some(0), NOW_S);
        assert!(
            ended[0].contains("UTC: ask the operator") && ended[0].contains("then samar renew FILE"),
            "{ended:?}"
        );
        assert!(
            ended[0].contains("ran out on 2026-11-22") && ended[1].contains("ran out on 1970"),
            "{ended:?}"
        );
    }
}
