//! A base segment so large that banks look up in it rather than download it.

use std::collections::BTreeMap;

use samar::people::now_s;
use samar_protocol::group::Backend;
use samar_protocol::identifier::Nik;
use samar_protocol::manifest::{SegmentKind, SegmentRef};
use samar_protocol::segment::{BreachId, Entry, SegmentParams};

use super::Operator;

/// Entries: 65 MB with one bit of label.
const ENTRIES: u32 = 12_000_000;

impl Operator {
    /// Publishes the next epoch with these segments, of which the first, a base, is so large that banks look up in it rather than
    /// download it.
    pub(crate) fn publish_large(&self, segments: &[(SegmentKind, &[(String, u32)])]) -> Vec<u8> {
        let [(SegmentKind::Base, large), rest @ ..] = segments else { panic!("a base first") };
        let mut references = vec![self.build_large(large)];
        references.extend(rest.iter().map(|(kind, entries)| self.build(*kind, entries)));
        self.publish_built(references, now_s() + 3_600)
    }

    /// A base in which these NIKs stand, and millions of others that are nobody's: an entry in each bucket.
    fn build_large(&self, niks: &[(String, u32)]) -> SegmentRef {
        let params = SegmentParams {
            kind: SegmentKind::Base,
            breach_id: BreachId::parse("bpjs-2021").unwrap(),
            key_id: self.state.key().public().id().0,
            // Always the same, so that no two of these NIKs meet in a bucket on some day.
            salt: [9; 16],
            entries: ENTRIES,
            page_bytes: 2_048,
            label_bits: 1,
            extensions: vec![],
        };
        let inputs: Vec<_> = niks.iter().map(|(nik, _)| Nik::parse(nik).unwrap().oprf_input()).collect();
        let elements = self.state.key().encode(Backend::best(), &inputs);
        let placement = params.placement().unwrap();
        let located = elements.iter().zip(niks).map(|(element, (_, label))| {
            let entry = placement.locate(&element.tag().0).entry(*label);
            (entry.bucket, entry)
        });
        let real: BTreeMap<u32, Entry> = located.collect();
        assert_eq!(real.len(), niks.len(), "each in a bucket of its own");
        let mut real = real.into_values().peekable();
        let entries = (0..ENTRIES).map(move |bucket| {
            let filler = Entry { bucket, masked_label: bucket & 1, remainder: u64::from(bucket) << 8 | 0x5a };
            real.next_if(|entry| entry.bucket == bucket).unwrap_or(filler)
        });
        let reference = self.offer(params, entries);
        assert!(reference.file_bytes >= 64_000_000, "{} bytes", reference.file_bytes);
        reference
    }
}
