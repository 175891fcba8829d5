//! Sets of several breaches, of identifiers of any kind.

use samar::people::now_s;
use samar_protocol::identifier::{Identifier, Kind};
use samar_protocol::manifest::{Breach, BreachDetails, Details, SegmentKind, SignedManifest, Status, sign};

use super::Operator;

/// Kind, cell and label of an entry.
pub(crate) type MadeEntry = (Kind, String, u32);

/// A breach to publish; `details` lend what is said of it, but for its id and kinds.
#[derive(Clone)]
pub(crate) struct MadeBreach {
    pub(crate) id: &'static str,
    pub(crate) date: &'static str,
    pub(crate) status: Status,
    pub(crate) exposes: &'static [&'static str],
    pub(crate) varies: &'static [&'static str],
    pub(crate) parts: Vec<(SegmentKind, Vec<MadeEntry>)>,
    pub(crate) details: BreachDetails,
}

impl Operator {
    /// Publishes the next epoch with these breaches, of identifiers of any kind.
    pub(crate) fn publish_breaches(&self, breaches: &[MadeBreach]) {
        let mut details = Details::default();
        let made: Vec<Breach> = breaches
            .iter()
            .map(|made| {
                let of_kind =
                    |kind: &Kind| made.parts.iter().any(|(_, part)| part.iter().any(|(k, ..)| k == kind));
                let kinds: Vec<u8> = Kind::ALL.into_iter().filter(of_kind).map(Kind::byte).collect();
                let kinds = if kinds.is_empty() { vec![Kind::Nik.byte()] } else { kinds };
                details.breaches.push(BreachDetails {
                    breach: made.id.to_owned(),
                    kinds,
                    ..made.details.clone()
                });
                let classes = |names: &[&str]| names.iter().map(ToString::to_string).collect();
                let segments = made.parts.iter().map(|(kind, part)| {
                    let input =
                        |(kind, text, _): &MadeEntry| Identifier::parse(*kind, text).unwrap().into_input();
                    let labels: Vec<u32> = part.iter().map(|(_, _, label)| *label).collect();
                    let bits = u8::try_from(made.varies.len()).unwrap();
                    self.build_of(made.id, *kind, bits, &part.iter().map(input).collect::<Vec<_>>(), &labels)
                });
                Breach {
                    id: made.id.to_owned(),
                    title: format!("Title of {}", made.id),
                    date: made.date.to_owned(),
                    status: made.status,
                    exposes: classes(made.exposes),
                    varies: classes(made.varies),
                    segments: segments.collect(),
                }
            })
            .collect();
        let mut manifest = self.next(made, now_s() + 3_600);
        manifest.extensions = vec![details.to_extension().unwrap()];
        let bytes = sign(&manifest, &self.state.publisher).unwrap();
        self.state.inner.lock().unwrap().manifests.push(bytes);
    }

    /// Publishes the next epoch with the breaches of the newest, and one part more of this one; its first, where it was not there.
    pub(crate) fn publish_part(&self, breach: &MadeBreach, kind: SegmentKind, entries: &[MadeEntry]) {
        let newest = {
            let inner = self.state.inner.lock().unwrap();
            SignedManifest::inspect(inner.manifests.last().unwrap()).unwrap().manifest().clone()
        };
        let inputs: Vec<_> = entries
            .iter()
            .map(|(kind, text, _)| Identifier::parse(*kind, text).unwrap().into_input())
            .collect();
        let labels: Vec<u32> = entries.iter().map(|(.., label)| *label).collect();
        let bits = u8::try_from(breach.varies.len()).unwrap();
        let segment = self.build_of(breach.id, kind, bits, &inputs, &labels);
        let mut manifest = self.next(newest.breaches, now_s() + 3_600);
        manifest.extensions = newest.extensions;
        let found = manifest.breaches.iter_mut().find(|known| known.id == breach.id).unwrap();
        found.segments.push(segment);
        let bytes = sign(&manifest, &self.state.publisher).unwrap();
        self.state.inner.lock().unwrap().manifests.push(bytes);
    }
}
