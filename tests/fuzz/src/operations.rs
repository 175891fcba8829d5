//! Segments of one breach, built and applied, beside a map.

use std::collections::{BTreeMap, HashMap};

use samar_protocol::limits::PAGE_BYTES_ALLOWED;
use samar_protocol::manifest::SegmentKind;
use samar_protocol::segment::{BreachId, BuildError, Finished, SegmentBuilder, SegmentIndex, SegmentParams};

use crate::script::Script;

type Tag = [u8; 32];

/// A list of operations on one breach: entries are gathered, published as a base, an addition or a removal, and looked up.
/// After each publication every tag reads as it does in a map to which the same was done (SPEC.md section "Segments of one
/// breach"); every page of every segment is verified on the way, and the entries add up.
pub fn segment_operations(data: &[u8]) {
    let mut script = Script::new(data);
    let label_bits = script.byte() % 33;
    let page_bytes = PAGE_BYTES_ALLOWED[usize::from(script.byte()) % 4];
    let mask = u32::MAX.checked_shr(32 - u32::from(label_bits)).unwrap_or(0);
    let mut gathered: HashMap<Tag, u32> = HashMap::new();
    let mut model: HashMap<Tag, u32> = HashMap::new();
    let mut published: Vec<Published> = Vec::new();
    for _ in 0..64 {
        if script.is_over() || published.len() == 6 {
            break;
        }
        match script.byte() % 7 {
            0 => drop(gathered.insert(tag(script.byte().into()), script.u32() & mask)),
            1 => drop(gathered.remove(&tag(script.byte().into()))),
            2 => {
                // Many at once, so that a segment has several pages.
                let (first, count, label) = (script.u16(), script.u16() % 1_500, script.u32() & mask);
                let range = u32::from(first)..u32::from(first) + u32::from(count);
                gathered.extend(range.map(|number| (tag(number), label.rotate_left(number % 32) & mask)));
            }
            act => {
                let kind = [SegmentKind::Base, SegmentKind::Add, SegmentKind::Remove][usize::from(act) % 3];
                for (tag, label) in &gathered {
                    match kind {
                        SegmentKind::Base | SegmentKind::Add => *model.entry(*tag).or_default() |= label,
                        SegmentKind::Remove => drop(model.remove(tag)),
                    }
                }
                let params = |salt| SegmentParams {
                    kind,
                    breach_id: BreachId::parse("toko-2023").unwrap(),
                    key_id: [7; 8],
                    salt,
                    entries: u32::try_from(gathered.len()).unwrap(),
                    page_bytes,
                    label_bits,
                    extensions: vec![],
                };
                published.push(Published::build(&gathered, params, script.byte()));
                check(&published, &model, &gathered);
                if script.byte() & 1 == 1 {
                    gathered.clear();
                }
            }
        }
    }
}

/// A segment as a client holds it.
struct Published {
    kind: SegmentKind,
    index: SegmentIndex,
    pages: Vec<Vec<u8>>,
}

impl Published {
    fn build(entries: &HashMap<Tag, u32>, params: impl Fn([u8; 16]) -> SegmentParams, salt: u8) -> Self {
        for attempt in 0u8.. {
            let params = params([salt, attempt, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
            match pack(entries, params.clone()) {
                Ok((pages, finished)) => {
                    let index =
                        SegmentIndex::parse(&finished.header_block, &finished.directory, &finished.root)
                            .unwrap();
                    assert_eq!(index.header().params(), &params);
                    let published = Self { kind: params.kind, index, pages };
                    published.check_pages(entries.len());
                    return published;
                }
                // As a publisher does. So few entries need it only where they are so uneven that a bucket is too large.
                Err(error) => assert!(error.wants_fresh_salt() && attempt < 50, "{error}"),
            }
        }
        unreachable!("an attempt ends the loop")
    }

    fn check_pages(&self, entries: usize) {
        let verified = (0u32..).zip(&self.pages).map(|(number, bytes)| {
            let page = self.index.verify_page(number, bytes).unwrap();
            let mut changed = bytes.clone();
            let at = changed.len() / 2;
            changed[at] ^= 1;
            assert!(self.index.verify_page(number, &changed).is_err());
            page.len()
        });
        assert_eq!(verified.sum::<usize>(), entries);
        assert_eq!(self.pages.len(), self.index.header().pages() as usize);
    }

    /// The label of a tag, if it is in this segment.
    fn find(&self, tag: &Tag) -> Option<u32> {
        let (locator, number) = self.index.locate(tag)?;
        let bytes = &self.pages[number as usize];
        let page = self.index.verify_page(number, bytes).unwrap();
        let label = page.find(locator.bucket(), locator.remainder()).map(|masked| locator.unmask(masked));
        assert_eq!(self.index.find_hidden(&locator, number, bytes).open(), Ok(label));
        label
    }
}

fn pack(entries: &HashMap<Tag, u32>, params: SegmentParams) -> Result<(Vec<Vec<u8>>, Finished), BuildError> {
    let mut sorted = Vec::new();
    if let Some(placement) = params.placement() {
        sorted.extend(entries.iter().map(|(tag, label)| placement.locate(tag).entry(*label)));
    }
    sorted.sort_unstable_by_key(samar_protocol::segment::Entry::key);
    let mut builder = SegmentBuilder::new(params)?;
    let mut pages = Vec::new();
    for entry in sorted {
        pages.extend(builder.push(entry)?);
    }
    let finished = builder.finish()?;
    pages.extend(finished.pages.iter().cloned());
    Ok((pages, finished))
}

/// Every tag that was ever named reads alike in the segments and in the model; so does one that never was.
fn check(published: &[Published], model: &HashMap<Tag, u32>, gathered: &HashMap<Tag, u32>) {
    let small = (0..256).map(tag);
    let strangers = [[0xff; 32], [0; 32]];
    // Tags are looked up by a sample, another one after each publication: each lookup verifies its page anew, and reads all of it.
    let first = published.len();
    let sample = |map: &HashMap<Tag, u32>| {
        let ordered: BTreeMap<Tag, u32> = map.iter().map(|(tag, label)| (*tag, *label)).collect();
        let step = 1 + ordered.len() / 12;
        ordered.into_keys().skip(first % step).step_by(step).collect::<Vec<_>>()
    };
    for tag in small.skip(first).step_by(16).chain(strangers).chain(sample(model)).chain(sample(gathered)) {
        let mut label = None;
        for segment in published {
            let Some(here) = segment.find(&tag) else { continue };
            label = match segment.kind {
                SegmentKind::Base | SegmentKind::Add => Some(label.unwrap_or(0) | here),
                SegmentKind::Remove => None,
            };
        }
        assert_eq!(label, model.get(&tag).copied());
    }
}

fn tag(number: u32) -> Tag {
    *blake3::hash(&number.to_le_bytes()).as_bytes()
}
