//! Dumps as they come: broken, compressed, piped, repeated.

use std::io::Write as _;

use samar_local::folder;
use samar_protocol::segment::SegmentKind;

use crate::house::{DUMP, House, Run, names};

fn gzip(bytes: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_column_that_is_not_there_is_answered_with_those_that_are() {
    let house = House::new();
    let dump = house.file("dump.csv", DUMP);
    let run = house.run(&["ingest", "--breach", "breach-a", "--date", "2021", "--column", "NIKK", &dump]);
    run.fails(2, &["dump.csv has no column \"NIKK\"", "NIK", "NAMA", "FOTO"]);
    let exposes = ["ingest", "--breach", "breach-a", "--date", "2021", "--exposes", "photo=GAMBAR", &dump];
    house.run(&exposes).fails(2, &["no column \"GAMBAR\"", "FOTO"]);
    let nameless = house.file("nameless.csv", "A,B\nsatu,dua\n");
    let run = house.run(&["ingest", "--breach", "breach-a", "--date", "2021", &nameless]);
    run.fails(2, &["cannot tell which column", "nameless.csv"]);
    house.run(&["publish"]).fails(2, &["the vault is empty"]);
}

#[test]
fn what_is_no_dump_is_named_and_nothing_is_kept_of_it() {
    let house = House::filled();
    let before = house.vault("breach-a");
    let folder = house.path("folder").into_os_string().into_string().unwrap();
    std::fs::create_dir(&folder).unwrap();
    let missing = house.path("missing.csv").into_os_string().into_string().unwrap();
    let whole = gzip(DUMP);
    let sources = [
        (house.file("empty.csv", ""), "empty.csv is empty"),
        (house.file("blank.csv", "\n\n"), "blank.csv is empty"),
        (folder, "is a folder"),
        (missing, "missing.csv does not exist"),
        (house.file("binary.csv", [b"NIK\n".as_slice(), &[0, 1, 2, 0]].concat()), "binary.csv is not text"),
        (house.file("book.xlsx", b"PK\x03\x04 and so on"), "book.xlsx is"),
        (house.file("cut.csv.gz", &whole[..whole.len() - 9]), "cut.csv.gz is damaged gzip"),
    ];
    for (path, words) in sources {
        // A good file before it changes nothing: all of an ingest counts, or none.
        let good = house.file("good.csv", "NIK\n3201010404930004\n");
        house.run(&["ingest", "--breach", "breach-a", &good, &path]).fails(2, &[words]);
        assert_eq!(house.vault("breach-a"), before, "{words}");
    }
    assert_eq!(names(&house.layout.vault().join("breach-a")), ["1-base.vault", "about.toml"]);
    assert_eq!(names(&house.layout.runs()), Vec::<String>::new());
}

#[test]
fn a_plan_that_cannot_be_is_refused_with_what_can() {
    let house = House::new();
    let dump = house.file("dump.csv", DUMP);
    let ingest = |arguments: &[&str]| house.run(&[&["ingest"], arguments, &[dump.as_str()]].concat());
    let dated = ["--breach", "breach-a", "--date", "2021"];
    let with = |more: &[&'static str]| [dated.as_slice(), more].concat();
    ingest(&with(&["--exposes", "shoe_size"]))
        .fails(2, &["`shoe_size` is no data class", "try: one of", "photo"]);
    ingest(&with(&["--exposes", "photo", "--exposes", "photo=FOTO"])).fails(2, &["photo twice"]);
    ingest(&with(&["--status", "certain"])).fails(2, &["`certain` is no status", "confirmed"]);
    ingest(&with(&["--memory", "1MiB"])).fails(2, &["--memory", "try: allow at least 16MiB"]);
    ingest(&with(&["--title", "a\u{1b}[2Jb"])).fails(2, &["title"]);
    ingest(&["--breach", "breach-a"]).fails(2, &["breach-a", "try: add --date"]);
    for date in ["yesterday", "2021-13", "2021-02-29", "21", "2021-5"] {
        ingest(&["--breach", "breach-a", "--date", date]).fails(2, &[date, "YYYY-MM-DD"]);
    }
    for breach in ["BPJS", "../x", "a b", ""] {
        ingest(&["--breach", breach, "--date", "2021"]).fails(2, &["cannot be a breach id", "bpjs-2021"]);
    }
    assert_eq!(names(&house.layout.vault()), Vec::<String>::new());
}

#[test]
fn one_run_at_a_time() {
    let house = House::filled();
    let before = house.vault("breach-a");
    let lock = folder::lock(house.layout.root(), "vault").unwrap();
    house.ingest("breach-a", "NIK\n3201010404930004\n").fails(6, &["another run is working on", "try: wait"]);
    assert_eq!(house.vault("breach-a"), before);
    drop(lock);
    house.ingest("breach-a", "NIK\n3201010404930004\n").done();
    assert!(house.layout.part("breach-a", 2, SegmentKind::Add).exists());
}

#[test]
fn plain_gzip_zstd_and_standard_input_hold_the_same() {
    let house = House::filled();
    let plain = house.vault("breach-a");
    let zstd = zstd::encode_all(DUMP.as_bytes(), 3).unwrap();
    for (name, bytes) in [("dump.csv.gz", gzip(DUMP)), ("dump.csv.zst", zstd), ("dump.csv", DUMP.into())] {
        let breach = format!("breach-{}", name.len());
        let path = house.file(name, &bytes);
        house.run(&["ingest", "--breach", &breach, "--date", "2021-05", &path]).done();
        let piped = format!("{breach}-piped");
        let mut command = house.command(&["ingest", "--breach", &piped, "--date", "2021-05", "-"]);
        Run::from(command.write_stdin(bytes).output().unwrap()).done();
        for breach in [breach, piped] {
            // The header differs, by the breach's name; the records are the same.
            let (found, records) = (house.vault(&breach), 3 * 36);
            let tail = |vault: &[u8]| vault[vault.len() - 40 - records..vault.len() - 40].to_vec();
            assert_eq!(tail(&found), tail(&plain), "{breach}");
        }
    }
}

#[test]
fn rejected_rows_are_listed_by_line_and_reason_and_never_by_value() {
    let house = House::new();
    let rows = "NIK,NAMA\n3201010101900001,Ani\n320101010190,Pendek\n,Kosong\n3201013201900001,Hari\n\"3201\n01\",Patah\n\
                3201010113900001,Bulan\n3201010101900000,Nol\n3.20101E+15,Excel\nTIDAK ADA,Teks\n";
    let (first, second) =
        (house.file("first.csv", rows), house.file("second.csv", "NIK\n3201010101900001\n7\n"));
    let rejects = house.path("rejects.csv");
    let arguments = [
        "ingest",
        "--breach",
        "breach-a",
        "--date",
        "2021",
        "--rejects",
        rejects.to_str().unwrap(),
        &first,
        &second,
    ];
    house.run(&arguments).done();
    let text = std::fs::read_to_string(rejects).unwrap();
    let expected = "file,line,reason\n1,3,wrong-length\n1,4,empty\n1,5,bad-day\n1,6,not-digits\n1,8,bad-month\n\
                    1,9,zero-serial\n1,10,excel-scientific\n1,11,not-digits\n2,3,wrong-length\n";
    assert_eq!(text, expected);
}

#[test]
fn the_same_dump_again_changes_nothing() {
    let house = House::filled();
    let before = house.vault("breach-a");
    let report = house.ingest("breach-a", DUMP).done();
    assert!(report.contains("breach-a: 3 rows"), "{report}");
    assert!(report.lines().any(|line| line.split_whitespace().eq(["duplicate", "3"])), "{report}");
    assert_eq!(house.vault("breach-a"), before);
    // So the next epoch names the same segment.
    let segments = || names(&house.layout.segments());
    house.run(&["publish"]).done();
    let first = segments();
    house.run(&["publish"]).done();
    assert_eq!(segments(), first);
}

#[test]
fn a_second_dump_is_merged_with_the_first() {
    let house = House::filled();
    let shared = DUMP.lines().nth(1).unwrap();
    let report =
        house.ingest("breach-a", format!("NIK,NAMA,FOTO\n{shared}\n3201010404930004,Dewi,\n")).done();
    let line = |name: &str, count: &str| report.lines().any(|line| line.split_whitespace().eq([name, count]));
    assert!(line("accepted", "1") && line("duplicate", "1"), "{report}");
    assert!(report.contains("now holds"), "{report}");
    assert_eq!(&house.vault("breach-a")[..10], b"SAMARVLT\x01\x00");
    house.run(&["publish", "--compact"]).done();
    let both = std::fs::read(house.layout.part("breach-a", 3, SegmentKind::Base)).unwrap();
    let together = House::new();
    std::fs::copy(house.layout.oprf_key(), together.layout.oprf_key()).unwrap();
    together.ingest("breach-a", format!("{DUMP}3201010404930004,Dewi,\n")).done();
    assert!(both == together.vault("breach-a"), "as if it had been one dump");
}

#[test]
fn a_dump_without_header_is_read_from_its_first_row() {
    let house = House::new();
    let (_, rows) = DUMP.split_once('\n').unwrap();
    let report = house.ingest("breach-a", rows).done();
    assert!(report.contains("breach-a: 3 rows"), "{report}");
}

#[test]
fn no_message_shows_a_cell() {
    let house = House::new();
    let nik = "3201010101900001";
    let (first, header) =
        (house.file("a.csv", format!("{nik},Ani\n{nik},Ani\n")), house.file("b.csv", format!("{nik}\n")));
    let attempts: [&[&str]; 3] =
        [&["--column", "NIK", &first], &["--exposes", "photo=FOTO", &first], &["--column", "nomor", &header]];
    for attempt in attempts {
        let run = house.run(&[&["ingest", "--breach", "breach-a", "--date", "2021"], attempt].concat());
        assert_eq!(run.code, 2, "{}", run.err);
        assert!(!run.err.contains(nik), "{}", run.err);
    }
}
