//! Which part of the set is looked at: all of it, some breaches, or what is new since an epoch that was screened.

use samar_local::exit::{Failure, say};
use samar_protocol::manifest::{Breach, Manifest};

use super::ScreenPlan;
use crate::ledger::{Day, Entry};
use crate::screened::Screened;

/// The breaches that are looked at.
#[derive(Clone, Default)]
pub(super) struct Scope {
    pub(super) breaches: Vec<Breach>,
    /// For each, how many of its first segments an earlier screening looked through.
    pub(super) known: Vec<usize>,
    /// Whoever was last met on a day before was not looked up in them; nothing where there are none.
    since: Option<Day>,
}

impl Scope {
    /// What the plan asks for of this set.
    ///
    /// # Errors
    /// A breach that the set does not have, an epoch that was not screened.
    pub(super) fn of(plan: &ScreenPlan, manifest: &Manifest) -> Result<Self, Failure> {
        for id in &plan.only {
            if !manifest.breaches.iter().any(|breach| breach.id == *id) {
                let ids: Vec<&str> = manifest.breaches.iter().map(|breach| breach.id.as_str()).collect();
                let what =
                    format!("the set of epoch {} has no breach `{}`", manifest.epoch, id.escape_debug());
                return Err(Failure::input(what).remedy(format!("one of {}", ids.join(", "))));
            }
        }
        let is_wanted = |breach: &&Breach| plan.only.is_empty() || plan.only.contains(&breach.id);
        let breaches: Vec<Breach> = manifest.breaches.iter().filter(is_wanted).cloned().collect();
        let Some(epoch) = plan.since else {
            return Ok(Self { known: vec![0; breaches.len()], breaches, since: None });
        };
        if !plan.ledger {
            let what = "without the ledger nothing is known of who was screened before";
            return Err(Failure::input(what).remedy("leave out --since, or --no-ledger"));
        }
        let screened = Screened::load(&plan.home, epoch)?;
        for breach in breaches.iter().filter(|breach| screened.is_rebuilt(breach)) {
            let id = &breach.id;
            say(format_args!(
                "samar: warning: {id} was built anew since epoch {epoch}: all of it counts as new"
            ));
        }
        let known = breaches.iter().map(|breach| screened.segments_of(breach)).collect();
        Ok(Self { breaches, known, since: Some(screened.day) })
    }

    /// Whether there is an earlier screening to leave out.
    pub(super) fn has_known(&self) -> bool {
        self.since.is_some()
    }

    /// Whether this customer was not looked up by that screening or a later one, so that all is news of him.
    pub(super) fn is_new(&self, entry: &Entry) -> bool {
        self.since.is_none_or(|since| entry.day < since)
    }
}
