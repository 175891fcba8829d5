//! Reads the vectors of what must be refused, for the tests of more than one crate: each includes this file by its path.

use std::path::Path;

/// One file of `protocol/vectors/refused`: bytes with one thing wrong in them.
#[derive(Debug)]
pub(crate) struct Vector {
    /// Its file, without the ending.
    pub(crate) name: String,
    /// The rule of SPEC.md that it breaks, like `R-SEG-3`.
    pub(crate) rule: String,
    /// What a reader takes it for.
    pub(crate) reads_as: String,
    /// The reader's exact words, where a decoder alone refuses it; else what the one that knows more says.
    pub(crate) refused_as: String,
    /// What the peer or the user sees: one of those in SPEC.md's table.
    pub(crate) seen_as: String,
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
}

/// Every vector, by name.
pub(crate) fn all() -> Vec<Vector> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/vectors/refused");
    let paths = std::fs::read_dir(&folder).expect("the folder of vectors").map(|entry| entry.unwrap().path());
    let mut vectors: Vec<Vector> = paths.map(|path| read(&path)).collect();
    vectors.sort_by(|a, b| a.name.cmp(&b.name));
    vectors
}

/// Those that are read as this; there must be some.
pub(crate) fn read_as(what: &str) -> Vec<Vector> {
    let vectors: Vec<Vector> = all().into_iter().filter(|vector| vector.reads_as == what).collect();
    assert!(!vectors.is_empty(), "no vector reads as {what}");
    vectors
}

/// A file: `# rule:`, `# reads as:`, `# refused as:`, `# seen as:`, then bytes as [`hex`] reads them, or the text itself.
fn read(path: &Path) -> Vector {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let mut head = |label: &str| {
        let line =
            lines.next().and_then(|line| line.strip_prefix("# ")?.strip_prefix(label)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("{}: no `# {label}:` where it should be", path.display())).to_owned()
    };
    let (rule, reads_as) = (head("rule"), head("reads as"));
    let (refused_as, seen_as) = (head("refused as"), head("seen as"));
    let is_text = path.extension().is_some_and(|ending| ending == "toml");
    let bytes = if is_text { text.clone().into_bytes() } else { hex(&text) };
    let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
    assert!(name == rule || name.starts_with(&format!("{rule}-")), "{name} is named after its rule");
    Vector { name, rule, reads_as, refused_as, seen_as, bytes }
}

/// Bytes as SPEC.md writes them: `#` opens a comment, `00*5` is a byte five times, white space is nothing.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let words = text.lines().flat_map(|line| line.split('#').next().unwrap_or_default().split_whitespace());
    let mut bytes = Vec::new();
    for word in words {
        let (digits, times) = word.split_once('*').unwrap_or((word, "1"));
        let pairs =
            (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
        bytes.extend(pairs.collect::<Vec<_>>().repeat(times.parse().unwrap()));
    }
    bytes
}

/// A byte example of SPEC.md by its name.
pub(crate) fn example(name: &str) -> Vec<u8> {
    let spec = include_str!("../../SPEC.md");
    let (_, rest) = spec.split_once(&format!("```hex {name}\n")).expect("an example of SPEC.md");
    hex(rest.split_once("```").unwrap().0)
}

/// A vector of 32 bytes of SPEC.md by its name.
pub(crate) fn listed(name: &str) -> [u8; 32] {
    let spec = include_str!("../../SPEC.md");
    let line = spec.lines().find_map(|line| line.split_once(" = ").filter(|(left, _)| left.trim() == name));
    hex(line.expect("a vector of SPEC.md").1).try_into().unwrap()
}
