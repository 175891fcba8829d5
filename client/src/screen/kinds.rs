//! Kinds of identifiers that are asked about in vain, and those that are not asked about.

use samar_protocol::identifier::Kind;
use samar_protocol::manifest::{Breach, Details};

use crate::customers::Column;

/// Breaches that a warning names; of more their number stands there.
const NAMED_MAX: usize = 5;

/// What to warn of when these breaches are looked at, in the order of [`Kind::ALL`].
pub(super) fn warnings(breaches: &[Breach], details: &Details, columns: &[Column]) -> Vec<String> {
    let held: Vec<(&str, Vec<Kind>)> =
        breaches.iter().map(|breach| (breach.id.as_str(), details.kinds_of(&breach.id))).collect();
    let is_asked = |kind: &Kind| columns.iter().any(|column| column.kind == *kind);
    let mut warnings = Vec::new();
    for kind in Kind::ALL {
        let holding: Vec<&str> =
            held.iter().filter(|(_, kinds)| kinds.contains(&kind)).map(|(id, _)| *id).collect();
        match (is_asked(&kind), holding.as_slice()) {
            (true, []) if !held.is_empty() => {
                warnings.push(format!(
                    "no breach of the set holds {}, so none can be found by them",
                    kind.nouns()
                ));
            }
            (false, [_, ..]) => {
                let (nouns, name, breaches) = (kind.nouns(), kind.name(), named(&holding));
                warnings.push(format!(
                    "{nouns} are not asked about, and stand in {breaches}: --column {name}=NAME"
                ));
            }
            _ => {}
        }
    }
    let closed: Vec<&str> =
        held.iter().filter(|(_, kinds)| !kinds.iter().any(is_asked)).map(|(id, _)| *id).collect();
    if !closed.is_empty() {
        warnings.push(format!("nobody can be found in {}, by what is asked about", named(&closed)));
    }
    warnings
}

fn named(ids: &[&str]) -> String {
    match ids.get(..NAMED_MAX) {
        Some(some) if ids.len() > NAMED_MAX => {
            format!("{} and {} more breaches", some.join(", "), ids.len() - NAMED_MAX)
        }
        _ => ids.join(", "),
    }
}
