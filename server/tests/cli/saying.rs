//! What is said of arguments and of details that cannot be: the place, what is wrong with it, and a remedy; and nothing is begun.

use crate::house::{DUMP, House};

/// What is wrong on the command line, and what is said of it.
const SAID: [(&[&str], &[&str]); 12] = [
    (&["--date", "2021-13"], &["--date: `2021-13` is no date", "try: write YYYY", "2021-05-20"]),
    (&["--date", "2021-02-30"], &["--date: `2021-02-30` is no date", "try: write YYYY"]),
    (&["--date", "20-05-2021"], &["--date: `20-05-2021` is no date", "try: write YYYY"]),
    (&["--date", "Mei 2021"], &["--date: `Mei 2021` is no date", "try: write YYYY"]),
    (&["--date", ""], &["--date: `` is no date", "try: write YYYY"]),
    (&["--date", "2021\u{7}"], &["--date: `2021\\u{7}` is no date", "try: write YYYY"]),
    (
        &["--exposes", "shoe_size"],
        &["--exposes: `shoe_size` is no data class", "try: one of address, civil_record"],
    ),
    (&["--exposes", "Phone"], &["--exposes: `Phone` is no data class", "try: one of", "phone"]),
    (&["--exposes", "foto=FOTO"], &["--exposes: `foto` is no data class", "try: one of", "photo"]),
    (&["--status", "certain"], &["--status: `certain` is no status", "try: one of claimed, confirmed"]),
    (&["--exposes", "photo=GAMBAR"], &["dump.csv has no column \"GAMBAR\"", "NIK, NAMA, FOTO"]),
    (&["--memory", "1MiB"], &["--memory 1.0 MiB is too little", "try: allow at least 16MiB"]),
];

/// A line of `--about FILE`, and what is said of it beside the name of the file.
const DETAILS: [(&str, &[&str]); 9] = [
    ("date = \"2021-00\"", &["date = `2021-00` is no date", "try: write YYYY, YYYY-MM or YYYY-MM-DD"]),
    ("date = \"\"", &["date = `` is no date", "try: write YYYY"]),
    ("date = 2021", &["date = 2021", "invalid type"]),
    ("date = \"2021\"\nadded = \"kemarin\"", &["added = `kemarin` is no date", "try: write YYYY"]),
    (
        "date = \"2021\"\nmodified = \"2026-11-31\"",
        &["modified = `2026-11-31` is no date", "try: write YYYY"],
    ),
    (
        "date = \"2021\"\nstatus = \"sure\"",
        &["status = `sure` is no status", "try: write one of claimed, confirmed"],
    ),
    (
        "date = \"2021\"\nclasses = [\"phone\"]",
        &["classes = [\"phone\"]", "unknown field `classes`", "expected one of"],
    ),
    (
        "date = \"2021\"\nkinds = [\"sim\"]",
        &["the kinds are not", "try: name one or more of nik, phone, email"],
    ),
    (
        "date = \"2021\"\nsource = \"a\\nb\"",
        &["the source does not fit", "try: write at most", "on one line"],
    ),
];

#[test]
fn what_is_wrong_on_the_command_line_is_named_with_its_place_and_a_remedy() {
    let house = House::new();
    let dump = house.file("dump.csv", DUMP);
    for (arguments, words) in SAID {
        let date: &[&str] = if arguments[0] == "--date" { &[] } else { &["--date", "2021-05"] };
        let run = house.run(&[&["ingest", "--breach", "breach-a"], date, arguments, &[&dump]].concat());
        run.fails(2, words);
        assert!(!house.base("breach-a").exists(), "{arguments:?} leaves something");
    }
}

#[test]
fn what_is_wrong_in_the_details_of_a_breach_is_named_with_the_file_and_a_remedy() {
    let house = House::new();
    let dump = house.file("dump.csv", DUMP);
    for (lines, words) in DETAILS {
        let status = if lines.contains("status") { "" } else { "status = \"claimed\"\n" };
        let about = house.file("about.toml", format!("title = \"BPJS\"\n{status}{lines}\n"));
        let run = house.run(&["ingest", "--breach", "breach-a", "--about", &about, &dump]);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{lines}: {}", run.err);
        assert!(run.err.contains(&about), "{lines}: {}", run.err);
        for word in words {
            assert!(run.err.contains(word), "no `{word}` in: {}", run.err);
        }
        assert!(!house.base("breach-a").exists(), "{lines} leaves something");
    }
}
