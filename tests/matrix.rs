//! The matrix of what must be refused: SPEC.md's table against the cases in the tests, and against the vectors.
//!
//! A case names what it shows in a comment right above a test, `// R-SEG-3: 5` or `// R-SEG-3: 5, R-PAGE-1: 5; 6`, or in a string
//! of a table of cases, `"R-SEG-3: 6"`: the rule, and what the peer or user sees, as in the table's column "Seen". A vector
//! names both in its head. What is counted here is that each is there; that it is refused so, its own test shows.

#[path = "../protocol/vectors/refused.rs"]
#[allow(dead_code)] // only their names and heads are counted here
mod refused;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use refused::Vector;

/// Rules that no bytes by themselves break, and what it takes.
const NOT_BYTES: [(&str, &str); 31] = [
    ("R-WIRE-15", "a connection without a certificate"),
    ("R-WIRE-16", "time"),
    ("R-WIRE-20", "a certificate whose bank is gone"),
    ("R-ALLOW-1", "what was used today"),
    ("R-ALLOW-2", "what was used in all"),
    ("R-ALLOW-3", "the time of day"),
    ("R-ALLOW-4", "what was rekeyed today"),
    ("R-ALLOW-5", "the time of day"),
    ("R-ALLOW-6", "the time of day"),
    ("R-LED-1", "the keys of a bank's ledger"),
    ("R-LED-2", "the passphrase of a bank's ledger"),
    ("R-TLS-1", "a handshake"),
    ("R-TLS-2", "a handshake"),
    ("R-TLS-3", "a handshake"),
    ("R-JOIN-2", "a token that is good"),
    ("R-JOIN-4", "a key beside the invitation"),
    ("R-JOIN-5", "the keys that a bank joined with"),
    ("R-INV-3", "the time of day"),
    ("R-MAN-6", "a manifest seen before"),
    ("R-MAN-7", "a manifest seen before"),
    ("R-MAN-8", "a manifest seen before"),
    ("R-MAN-9", "a manifest seen before"),
    ("R-MAN-10", "the time of day"),
    ("R-LOG-3", "a log that was longer"),
    ("R-LOOK-3", "a segment that was published without a hint"),
    ("R-LOOK-4", "what was looked up today"),
    ("R-LOOK-8", "a query that is under way"),
    ("R-LOOK-9", "the size of a set"),
    ("R-LOOK-10", "a segment and its hint"),
    ("R-VLT-3", "a file or folder that is gone"),
    ("R-KEY-2", "the mode of a file"),
];

/// A rule of the table, with everything that is seen where it is broken.
type Rows = BTreeMap<String, BTreeSet<String>>;

/// What a case shows: rule and outcome, and where the case is.
struct Mark {
    rule: String,
    seen: String,
    place: String,
}

#[test]
fn every_refusal_of_the_table_has_its_case_and_every_case_its_row() {
    let rows = rows(include_str!("../SPEC.md"));
    assert!(rows.len() > 70, "{} rows were read", rows.len());
    let mut marks = Vec::new();
    for path in sources() {
        let text = std::fs::read_to_string(&path).unwrap();
        marks.extend(marks_of(&path.display().to_string(), &text).unwrap());
    }
    let vectors = refused::all();
    let faults = faults(&rows, &marks, &vectors, &NOT_BYTES.map(|(rule, _)| rule));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The rows under "What must be refused".
fn rows(spec: &str) -> Rows {
    let (_, section) = spec.split_once("\n## What must be refused\n").expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut rows = Rows::new();
    for line in section.lines().filter(|line| line.starts_with("| R-")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [rule, _, _, seen] = cells[..] else { panic!("four columns: {line}") };
        let seen = seen.replace('`', "").split("; ").map(str::to_owned).collect();
        assert!(rows.insert(rule.to_owned(), seen).is_none(), "{rule} stands there twice");
    }
    rows
}

/// Every Rust file with tests.
fn sources() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut folders: Vec<PathBuf> =
        ["tests", "client", "server", "local/src", "protocol/src", "protocol/tests"]
            .map(|name| root.join(name))
            .into();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs")
                && !path.ends_with("tests/matrix.rs")
            {
                files.push(path);
            }
        }
    }
    files
}

/// The marks of a source file. A comment with a mark stands above a test, or it marks nothing.
fn marks_of(name: &str, text: &str) -> Result<Vec<Mark>, String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut marks = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let place = format!("{name}:{}", number + 1);
        if let Some(comment) = line.strip_prefix("// R-") {
            let next = lines[number + 1..].iter().find(|line| !line.starts_with("//"));
            if !next.is_some_and(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test")) {
                return Err(format!("{place}: a rule is named above no test"));
            }
            for mark in format!("R-{comment}").split(", ") {
                marks.extend(read_mark(mark, &place)?);
            }
        }
        for string in line.split('"').skip(1).step_by(2).filter(|string| string.starts_with("R-")) {
            marks.extend(read_mark(string, &place)?);
        }
    }
    Ok(marks)
}

/// `R-SEG-3: 5; 6`.
fn read_mark(mark: &str, place: &str) -> Result<Vec<Mark>, String> {
    let (rule, seen) = mark.split_once(": ").ok_or(format!("{place}: `{mark}` says not what is seen"))?;
    let mark = |seen: &str| Mark { rule: rule.to_owned(), seen: seen.to_owned(), place: place.to_owned() };
    Ok(seen.split("; ").map(mark).collect())
}

/// What is missing, and what there is no row for.
fn faults(rows: &Rows, marks: &[Mark], vectors: &[Vector], not_bytes: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    let shown = marks.iter().map(|mark| (&mark.rule, &mark.seen, mark.place.as_str()));
    let shown =
        shown.chain(vectors.iter().map(|vector| (&vector.rule, &vector.seen_as, vector.name.as_str())));
    let mut cases = BTreeSet::new();
    for (rule, seen, place) in shown {
        if rows.get(rule).is_some_and(|row| row.contains(seen)) {
            cases.insert((rule.as_str(), seen.as_str()));
        } else {
            faults.push(format!("{place}: SPEC.md has no {rule} that is seen as `{seen}`"));
        }
    }
    for (rule, row) in rows {
        for seen in row.iter().filter(|seen| !cases.contains(&(rule.as_str(), seen.as_str()))) {
            faults.push(format!("{rule}: no case shows `{seen}`"));
        }
        let has_vector = vectors.iter().any(|vector| vector.rule == *rule);
        if has_vector == not_bytes.contains(&rule.as_str()) {
            let what = if has_vector { "a vector of what bytes cannot show" } else { "no vector" };
            faults.push(format!("{rule}: {what}"));
        }
    }
    let unknown = not_bytes.iter().filter(|rule| !rows.contains_key(**rule));
    faults.extend(unknown.map(|rule| format!("NOT_BYTES: SPEC.md has no {rule}")));
    faults
}

/// A table of two rules, a source that shows all of it, and a vector of the first: each taken away is missed.
mod the_count {
    use super::*;

    const TABLE: &str = "\n## What must be refused\n\n| Id | Refuse | Reason | Seen |\n| --- | --- | --- | --- |\n\
        | R-A-1 | this | | malformed; 5 |\n| R-B-2 | that | | 6 |\n\n## Next\n| R-C-3 | no row | | 5 |\n";
    const SOURCE: &str =
        "// R-A-1: malformed, R-B-2: 6\n#[test]\nfn one() {\n    let table = [(\"R-A-1: 5\", 1)];\n}\n";

    fn vector(rule: &str) -> Vector {
        let (name, rule) = (format!("{rule}-x"), rule.to_owned());
        let (reads_as, refused_as) = ("request".to_owned(), String::new());
        Vector { name, rule, reads_as, refused_as, seen_as: "malformed".to_owned(), bytes: vec![] }
    }

    fn count(table: &str, source: &str, vectors: &[Vector], not_bytes: &[&str]) -> Vec<String> {
        faults(&rows(table), &marks_of("a.rs", source).unwrap(), vectors, not_bytes)
    }

    #[test]
    fn passes_what_is_complete() {
        assert!(count(TABLE, SOURCE, &[vector("R-A-1")], &["R-B-2"]).is_empty());
    }

    #[test]
    fn misses_a_case_a_side_and_a_vector() {
        let only = |source: &str| count(TABLE, source, &[vector("R-A-1")], &["R-B-2"]);
        assert_eq!(only(&SOURCE.replace(", R-B-2: 6", "")), ["R-B-2: no case shows `6`"]);
        assert_eq!(only(&SOURCE.replace("R-A-1: 5", "")), ["R-A-1: no case shows `5`"]);
        let without = count(TABLE, SOURCE, &[], &["R-B-2"]);
        assert_eq!(without, ["R-A-1: no vector"]);
        assert_eq!(count(TABLE, SOURCE, &[vector("R-A-1")], &[]), ["R-B-2: no vector"]);
    }

    #[test]
    fn knows_no_row_but_those_of_the_table() {
        let unknown = "SPEC.md has no R-C-3 that is seen as `5`";
        let source = format!("{SOURCE}// R-C-3: 5\n#[test]\n");
        assert_eq!(count(TABLE, &source, &[vector("R-A-1")], &["R-B-2"]), [format!("a.rs:6: {unknown}")]);
        // Nor a row with another outcome: the table and the case must agree.
        let source = SOURCE.replace("R-B-2: 6", "R-B-2: 5");
        let faults = count(TABLE, &source, &[vector("R-A-1")], &["R-B-2"]);
        assert_eq!(faults.len(), 2, "{faults:?}");
        let stale = count(TABLE, SOURCE, &[vector("R-A-1"), vector("R-A-1")], &["R-B-2", "R-D-4"]);
        assert_eq!(stale, ["NOT_BYTES: SPEC.md has no R-D-4"]);
        let shown = count(TABLE, SOURCE, &[vector("R-A-1")], &["R-A-1", "R-B-2"]);
        assert_eq!(shown, ["R-A-1: a vector of what bytes cannot show"]);
    }

    #[test]
    fn takes_no_comment_that_stands_above_no_test() {
        assert!(marks_of("a.rs", "// R-A-1: 5\nfn helper() {}\n").is_err());
        assert!(
            marks_of("a.rs", "// R-A-1\n#[test]\n").is_err(),
            "nor one that says nothing of what is seen"
        );
        assert_eq!(marks_of("a.rs", "// R-A-1: 5; 6\n#[tokio::test(flavor)]\n").unwrap().len(), 2);
    }
}
