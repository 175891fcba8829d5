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
        (house.file("cut.zip", b"PK\x03\x04 and so on"), "cut.zip cannot be read as a zip archive"),
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
fn a_dump_of_which_nothing_can_be_read_makes_no_breach() {
    let house = House::new();
    let rejects = house.path("rejects.csv").into_os_string().into_string().unwrap();
    let dump = house.file("phones.csv", "NIK\n".to_owned() + &"081234567890\n".repeat(300));
    let arguments = ["ingest", "--breach", "breach-a", "--date", "2021", "--rejects", &rejects, &dump];
    house.run(&arguments).fails(
        2,
        &[
            "none of the 300 rows",
            "wrong-length 300",
            "300 of 300 cells are no NIK but a telephone number",
            "--dry-run",
        ],
    );
    assert_eq!(names(&house.layout.vault()), [".runs"]);
    assert_eq!(
        std::fs::read_to_string(&rejects).unwrap().lines().count(),
        301,
        "the list is there all the same"
    );
    let utf32 = [
        b"\xff\xfe\0\0".as_slice(),
        &"NIK\n".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect::<Vec<_>>(),
    ];
    let dump = house.file("utf32.csv", utf32.concat());
    house
        .run(&["ingest", "--breach", "breach-a", "--date", "2021", &dump])
        .fails(2, &["UTF-32", "iconv -f UTF-32"]);
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

fn zip(members: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, text) in members {
        writer.start_file(*name, stored).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn the_same_records_make_the_same_vault_in_whatever_form_they_come() {
    let (niks, photos) =
        (["3201010101900001", "3201014202910002", "3201010303920003"], ["foto.jpg", "", "foto.jpg"]);
    let rows =
        |row: fn(&str, &str) -> String| niks.iter().zip(photos).map(|(n, p)| row(n, p)).collect::<Vec<_>>();
    let csv = format!("NIK,FOTO\n{}\n", rows(|nik, photo| format!("{nik},{photo}")).join("\n"));
    let mysql = format!(
        "-- MySQL dump 10.13\nCREATE TABLE `peserta` (\n  `NIK` varchar(16),\n  `FOTO` text\n);\nINSERT INTO `peserta` VALUES {};\n",
        rows(|nik, photo| format!("('{nik}','{photo}')")).join(",")
    );
    let postgres = format!(
        "-- PostgreSQL database dump\n\nCOPY public.peserta (\"NIK\", \"FOTO\") FROM stdin;\n{}\n\\.\n",
        rows(|nik, photo| format!("{nik}\t{}", if photo.is_empty() { "\\N" } else { photo })).join("\n")
    );
    let jsonl = rows(|nik, photo| format!("{{\"NIK\":\"{nik}\",\"FOTO\":\"{photo}\"}}")).join("\n");
    let array = format!("[{}]", jsonl.replace('\n', ","));
    let forms = [
        ("a.csv", csv.clone().into_bytes(), "csv", None),
        ("b.sql", mysql.clone().into_bytes(), "sql", Some("an SQL dump")),
        ("c.sql", postgres.into_bytes(), "sql", Some("an SQL dump")),
        ("d.jsonl", jsonl.into_bytes(), "jsonl", Some("JSON lines")),
        ("e.json", array.into_bytes(), "json", Some("JSON")),
        ("f.zip", zip(&[("dump/peserta.csv", &csv)]), "auto", Some("in \"dump/peserta.csv\"")),
        ("g.sql.gz", gzip(&mysql), "sql", Some("\"peserta\"")),
    ];
    // Another folder has another key, so every form goes into one and the same breach of the same folder.
    let house = House::new();
    let mut first = None;
    for (name, bytes, form, says) in forms {
        let path = house.file(name, bytes);
        for form in ["auto", form] {
            let arguments =
                ["ingest", "--breach", "breach-a", "--date", "2021-05", "--exposes", "photo=FOTO"];
            let run = house.run(&[&arguments[..], &["--in-format", form, "--json", &path]].concat());
            assert_eq!(run.code, 0, "{name}: {}", run.err);
            let report: serde_json::Value = serde_json::from_str(&run.out).unwrap();
            assert_eq!((&report["accepted"], &report["entries"]), (&3.into(), &3.into()), "{name}");
            let read_as = report["read_as"][0].as_str();
            match says {
                Some(words) => {
                    assert!(run.err.contains(words) && run.err.lines().count() == 1, "{name}: {}", run.err);
                    assert!(read_as.unwrap().contains(words), "{name}: {report}");
                }
                None => assert_eq!((run.err.as_str(), read_as), ("", None)),
            }
            let vault = house.vault("breach-a");
            assert!(*first.get_or_insert_with(|| vault.clone()) == vault, "{name} as {form}");
            house.run(&["remove", "--breach", "breach-a"]).done();
        }
    }
}

#[test]
fn a_table_of_several_is_chosen_by_name() {
    let house = House::filled();
    let dump = house.file(
        "dump.sql",
        "INSERT INTO `admin` (`nik`) VALUES ('3201010404930004');\n\
         INSERT INTO `peserta` (`nik`) VALUES ('3201010101900001'),('3201014202910002');\n",
    );
    let ingest = ["ingest", "--breach", "breach-b", "--date", "2021"];
    house.run(&[&ingest[..], &[&dump]].concat()).fails(2, &["dump.sql", "admin", "peserta", "--table"]);
    house.run(&[&ingest[..], &["--table", "warga", &dump]].concat()).fails(2, &["warga", "admin", "peserta"]);
    let chosen = house.run(&[&ingest[..], &["--table", "admin", &dump]].concat());
    assert_eq!(chosen.code, 0, "{}", chosen.err);
    assert!(chosen.out.contains("breach-b: 1 rows") && chosen.err.contains("\"admin\""), "{}", chosen.err);

    let remove = ["remove", "--breach", "breach-a", "--json"];
    house.run(&[&remove[..], &[&dump]].concat()).fails(2, &["admin", "peserta", "--table"]);
    let removed = house.run(&[&remove[..], &["--table", "peserta", "--in-format", "sql", &dump]].concat());
    assert_eq!(removed.code, 0, "{}", removed.err);
    let report: serde_json::Value = serde_json::from_str(&removed.out).unwrap();
    assert_eq!((&report["removed"], &report["entries"]), (&2.into(), &1.into()));
    assert!(report["read_as"][0].as_str().unwrap().contains("\"peserta\""), "{report}");
    // A table that is named without a file is no order to take the whole breach out.
    let whole = house.run(&["remove", "--breach", "breach-a", "--table", "peserta"]);
    assert_eq!((whole.code, whole.err.contains("<FILE>")), (2, true), "{}", whole.err);
    assert!(house.base("breach-a").exists());
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

#[test]
fn a_breach_without_niks_is_held_by_telephone_number_and_e_mail_address() {
    let house = House::new();
    let rows = "NAMA,HP,SUREL\nAni,0812-3456-7890,Ani@Example.com\nBudi,,budi@example.com\nCici,+62 812 3456 7891,\n\
                Dewi,3201010101900001,tidak ada\nAni,081234567890,ani@example.com\n";
    let dump = house.file("toko.csv", rows);
    let about = house.file(
        "about.toml",
        "title = \"Toko Contoh\"\ndate = \"2020-05\"\nstatus = \"claimed\"\ndescription = \"Akun toko daring\"\n\
         records = 91000000\nadded = \"2020-07-01\"\nsensitive = true\nsource = \"press\"\n",
    );
    let rejects = house.path("rejects.csv").into_os_string().into_string().unwrap();
    let columns = ["--column", "phone=HP", "--column", "email=SUREL", "--rejects", &rejects];
    let arguments =
        [&["ingest", "--breach", "toko-2020", "--about", &about, "--json"], &columns[..], &[&dump]];
    let report: serde_json::Value = serde_json::from_str(&house.run(&arguments.concat()).done()).unwrap();
    let expected = serde_json::json!({
        "accepted": 4, "duplicates": 2, "entries": 4, "warnings": [],
        "rejected": {"empty": 1, "no-country": 1, "no-at": 1},
        "kinds": {
            "phone": {"identifiers": 3, "rejected": {"empty": 1, "no-country": 1}, "without": 0},
            "email": {"identifiers": 3, "rejected": {"no-at": 1}, "without": 1},
        },
    });
    assert_eq!(report, expected);
    let listed = std::fs::read_to_string(rejects).unwrap();
    assert_eq!(listed, "file,line,reason\n1,3,phone:empty\n1,5,phone:no-country\n1,5,email:no-at\n");

    let publish =
        || -> serde_json::Value { serde_json::from_str(&house.run(&["publish", "--json"]).done()).unwrap() };
    assert_eq!(publish()["breaches"][0]["kinds"], serde_json::json!(["phone", "email"]));
    let manifest = |epoch| samar_server::published::read_manifest(&house.layout, epoch).unwrap();
    let details = manifest(1).manifest().details().unwrap();
    let known = details.of("toko-2020").unwrap();
    assert_eq!(
        (known.records, known.is_sensitive(), known.added.as_str()),
        (Some(91_000_000), true, "2020-07-01")
    );

    let path = house.layout.about("toko-2020");
    let shown = house.run(&["inspect", "--json", path.to_str().unwrap()]).done();
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["damaged"], &shown["facts"]["sensitive"]), (&false.into(), &"yes".into()), "{shown}");
    assert_eq!(shown["facts"]["kinds"], serde_json::json!(["phone", "email"]));

    // What is known of it is edited without encoding anything again; the next epoch says it.
    let vault = house.vault("toko-2020");
    let edited = std::fs::read_to_string(&path).unwrap().replace("press", "court");
    std::fs::write(&path, edited).unwrap();
    publish();
    assert_eq!(manifest(2).manifest().details().unwrap().of("toko-2020").unwrap().source, "court");
    assert_eq!(manifest(2).manifest().breaches[0].segments, manifest(1).manifest().breaches[0].segments);
    assert_eq!(house.vault("toko-2020"), vault);

    // NIKs of the same breach join the other kinds.
    house.ingest("toko-2020", "NIK\n3201010404930004\n").done();
    assert_eq!(publish()["breaches"][0]["kinds"], serde_json::json!(["nik", "phone", "email"]));
    for (line, words) in [
        ("added = \"soon\"", "`soon` is no date"),
        ("kinds = [\"email\", \"nik\"]", "the kinds are not as they must be"),
        ("colour = \"red\"", "unknown field"),
    ] {
        let text = format!("title = \"T\"\ndate = \"2020\"\nstatus = \"claimed\"\n{line}\n");
        let bad = house.file("bad.toml", text);
        let run =
            house.run(&["ingest", "--breach", "toko-2020", "--about", &bad, "--column", "phone=HP", &dump]);
        assert!(run.code == 2 && run.err.contains(words) && run.err.contains("\n  try: "), "{}", run.err);
    }
}
