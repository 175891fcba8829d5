//! Writes honest inputs into the corpus of each target, for a fuzzer to begin from: `cargo run -p samar-fuzz --bin seed`.
//! They are what this version writes, so that after a change of a format it is enough to run it again.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use ed25519_dalek::{Signer as _, SigningKey};
use samar_protocol::account::Record;
use samar_protocol::codec::{self, Extension};
use samar_protocol::invitation::{Credential, Invitation};
use samar_protocol::limits::MANIFEST_VALIDITY_S_MAX;
use samar_protocol::lookup::{HINT_MAGIC, HintNote};
use samar_protocol::manifest::{
    Breach, BreachDetails, Details, Floor, MANIFEST_MAGIC, Manifest, ManifestHash, SegmentKind, SegmentRef,
    Status,
};
use samar_protocol::oprf::SecretKey;
use samar_protocol::segment::{BreachId, SegmentBuilder, SegmentParams};
use samar_protocol::vault::VaultHeader;
use samar_protocol::wire::{
    Allowance, AllowanceRequest, EvaluateRequest, Evaluated, FetchRequest, Fetched, HintRequest, HintSent,
    JoinRequest, Joined, LookedUp, LookupRequest, ManifestRequest, ManifestSent, Refusal, RefusalCode,
    RekeyRequest, Rekeyed, Request, Response,
};

fn main() {
    wire();
    manifests();
    details();
    segments();
    operator_files();
    cells();
    elements();
    lookups();
    sessions();
}

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

fn put(target: &str, name: &str, parts: &[&[u8]]) {
    let folder = corpus(target);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("seed-{name}")), parts.concat()).unwrap();
}

/// As the example in SPEC.md.
fn details() {
    let known = BreachDetails {
        breach: "toko-2023".to_owned(),
        kinds: vec![1, 3],
        description: "Akun toko daring".to_owned(),
        added: "2023-02-01".to_owned(),
        records: Some(100_000_000),
        source: "press".to_owned(),
        ..BreachDetails::default()
    };
    put("breach_details", "example", &[&codec::encode(&Details { breaches: vec![known] }).unwrap()]);
    put("breach_details", "none", &[&codec::encode(&Details::default()).unwrap()]);
}

fn extension() -> Vec<Extension> {
    vec![Extension { id: 7, bytes: vec![1, 2, 3] }]
}

fn requests() -> [(&'static str, Request); 8] {
    let rekey = RekeyRequest {
        suite: 1,
        from_key_id: [2; 8],
        to_key_id: [3; 8],
        epoch: 2,
        count: 2,
        extensions: vec![],
    };
    let evaluate = EvaluateRequest { suite: 1, key_id: [2; 8], epoch: 1, count: 2, extensions: vec![] };
    [
        (
            "join",
            Request::Join(JoinRequest { token: [9; 32], csr: vec![0x30, 3, 2, 1, 0], extensions: vec![] }),
        ),
        ("manifest", Request::Manifest(ManifestRequest { epoch: Some(3), extensions: extension() })),
        (
            "fetch",
            Request::Fetch(FetchRequest { root: [1; 32], offset: 8_192, length: 65_536, extensions: vec![] }),
        ),
        ("evaluate", Request::Evaluate(evaluate)),
        ("allowance", Request::Allowance(AllowanceRequest { extensions: vec![] })),
        ("rekey", Request::Rekey(rekey)),
        (
            "hint",
            Request::Hint(HintRequest { root: [1; 32], offset: 8_192, length: 65_536, extensions: vec![] }),
        ),
        ("lookup", Request::Lookup(LookupRequest { root: [1; 32], pages: 3, extensions: extension() })),
    ]
}

fn wire() {
    for (name, request) in requests() {
        put("request", name, &[&request.encode().unwrap()]);
    }
    let [.., (_, allowance), _, _, _] = requests();
    let mut longer = allowance.encode().unwrap();
    longer[2] += 1;
    put("request", "longer", &[&longer, &[0]]);
    let joined =
        Joined { bank: "bank-a".to_owned(), certificate: vec![0x30, 3, 2, 1, 0], extensions: vec![] };
    let evaluated = Evaluated { count: 2, proof: [0; 64], charged: 2, extensions: extension() };
    let rekeyed = Rekeyed { count: 2, proof: [0; 64], charged: 0, extensions: vec![] };
    let allowance = Allowance {
        per_day: 10,
        lifetime: 20,
        used_today: 1,
        used_lifetime: 2,
        next_day_s: 86_400,
        extensions: vec![],
    };
    let responses = [
        Response::Joined(joined),
        Response::Manifest(ManifestSent { length: 524, extensions: vec![] }),
        Response::Fetched(Fetched { length: 65_536, extensions: vec![] }),
        Response::Evaluated(evaluated),
        Response::Allowance(allowance),
        Response::Rekeyed(rekeyed),
        Response::Hint(HintSent { length: 65_536, extensions: vec![] }),
        Response::LookedUp(LookedUp { page_bytes: 8_192, extensions: vec![] }),
    ];
    for (asked, (response, (name, _))) in (0u8..).zip(responses.iter().zip(requests())) {
        put("response", name, &[&[asked], &response.encode().unwrap()]);
    }
    let refusal = Refusal::new(RefusalCode::Busy).retry_after_ms(1_000);
    put("response", "refusal", &[&[3], &Response::Refused(refusal.clone()).encode().unwrap()]);
    put("refusal", "busy", &[&codec::encode(&refusal).unwrap()]);
    put("refusal", "malformed", &[&codec::encode(&Refusal::new(RefusalCode::Malformed)).unwrap()]);
}

fn oprf_key() -> SecretKey {
    SecretKey::from_bytes(&core::array::from_fn(|i| u8::from(i == 0) * 9)).unwrap()
}

fn manifest() -> Manifest {
    let key = oprf_key();
    let segment =
        |kind| SegmentRef { root: [5; 32], kind, entries: 3, page_bytes: 8_192, file_bytes: 2 * 8_192 + 36 };
    let breach = Breach {
        id: "toko-2023".to_owned(),
        title: "Toko".to_owned(),
        date: "2023-04-30".to_owned(),
        status: Status::Claimed,
        exposes: vec!["email".to_owned()],
        varies: vec!["photo".to_owned()],
        segments: vec![segment(SegmentKind::Base), segment(SegmentKind::Remove)],
    };
    let other = Breach { id: "warung".to_owned(), date: "2020".to_owned(), ..breach.clone() };
    Manifest {
        operator: "Badan Contoh".to_owned(),
        epoch: 1,
        created_s: 1_000,
        valid_until_s: 1_000 + MANIFEST_VALIDITY_S_MAX,
        previous: ManifestHash::NONE.0,
        suite: 1,
        key_id: key.public().id().0,
        public_key: key.public().to_bytes(),
        breaches: vec![breach, other],
        next_publisher_key: Some(SigningKey::from_bytes(&[2; 32]).verifying_key().to_bytes()),
        extensions: extension(),
    }
}

fn manifests() {
    let plain = Manifest { breaches: vec![], next_publisher_key: None, extensions: vec![], ..manifest() };
    for (name, manifest) in [("full", manifest()), ("plain", plain)] {
        let body = codec::encode(&manifest).unwrap();
        let signature =
            SigningKey::from_bytes(&[1; 32]).sign(&[b"samar manifest v1", body.as_slice()].concat());
        put("manifest_body", name, &[&body]);
        put("manifest_file", name, &[&MANIFEST_MAGIC, &signature.to_bytes(), &body]);
        put("manifest_file", &format!("{name}-body"), &[&[3, 0, 100, 0, 1], &body]);
    }
    put(
        "manifest_chain",
        "walk",
        &[&[0, 0, 0, 1, 2, 2, 0, 3, 6, 0, 0, 4, 5, 5, 3, 3, 4, 0, 4, 1, 4, 2, 4, 4, 7, 0]],
    );
    put(
        "manifest_chain",
        "changed",
        &[&[0, 0, 0, 0x81, 20, 0, 1, 6, 0x80, 90, 0, 1, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]],
    );
    put("manifest_chain", "far", &[&[0, 0].repeat(12), &20_000u64.to_le_bytes()]);

    let mut invitation = Invitation {
        operator: "Badan Contoh".to_owned(),
        bank: "bank-a".to_owned(),
        address: "127.0.0.1:4498".to_owned(),
        ca_certificate: "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n".to_owned(),
        publisher_key: SigningKey::from_bytes(&[1; 32]).verifying_key(),
        floor: Floor { epoch: 4, hash: ManifestHash([5; 32]) },
        expires_s: 1_800_000_000,
        credential: Credential::Token([0xab; 32]),
    };
    put("invitation", "token", &[invitation.to_text().unwrap().as_bytes()]);
    invitation.credential = Credential::Certificate("PEM".to_owned());
    put("invitation", "certificate", &[invitation.to_text().unwrap().as_bytes()]);
}

fn segments() {
    let build = |kind, entries: u32, label_bits, page_bytes, extensions| {
        let params = SegmentParams {
            kind,
            breach_id: BreachId::parse("bpjs-2021").unwrap(),
            key_id: *b"key id 1",
            salt: *b"sixteen of salt!",
            entries,
            page_bytes,
            label_bits,
            extensions,
        };
        let mut sorted = Vec::new();
        if let Some(placement) = params.placement() {
            let tag = |n: u32| *blake3::hash(&n.to_le_bytes()).as_bytes();
            let label = |n: u32| n & u32::from(label_bits > 0);
            sorted.extend((0..entries).map(|n| placement.locate(&tag(n)).entry(label(n))));
        }
        sorted.sort_unstable_by_key(samar_protocol::segment::Entry::key);
        let mut builder = SegmentBuilder::new(params).unwrap();
        let mut pages: Vec<_> = sorted.into_iter().filter_map(|entry| builder.push(entry).unwrap()).collect();
        let finished = builder.finish().unwrap();
        pages.extend(finished.pages.clone());
        (finished, pages)
    };
    let built = [
        ("empty", build(SegmentKind::Base, 0, 0, 2_048, vec![])),
        ("one", build(SegmentKind::Add, 1, 1, 2_048, extension())),
        ("many", build(SegmentKind::Remove, 900, 12, 2_048, vec![])),
        ("wide", build(SegmentKind::Base, 40, 32, 16_384, vec![])),
        ("looked-up", build(SegmentKind::Base, 9, 1, 2_048, vec![HintNote { hash: [6; 32] }.to_extension()])),
    ];
    for (name, (finished, pages)) in built {
        let used = finished.header_block.iter().rposition(|byte| *byte != 0).unwrap() + 2;
        let fields = &finished.header_block[..used];
        put("segment_header", name, &[&[1], fields]);
        let length = u16::try_from(used).unwrap().to_le_bytes();
        let edges =
            [[7u8; 32].as_slice(), &[0, 0, 0, 0, 1, 0, 0, 0, 132, 3, 0, 0, 255, 255, 255, 255]].concat();
        put("segment_directory", name, &[&edges, &length, fields, &finished.directory]);
        if let (Some(page), "one" | "wide") = (pages.first(), name) {
            let (mode, label_bits, buckets) = if name == "one" { (0, 1, 1) } else { (6, 32, 40) };
            let front = page.iter().take(200).rposition(|byte| *byte != 0).unwrap() + 1;
            let back = page.iter().skip(200).position(|byte| *byte != 0).unwrap() + 200;
            let control = [mode, label_bits, 0, 0, 0, 0, 0, buckets, 0, u8::try_from(front).unwrap(), 0];
            put("segment_page", name, &[&control, &page[..front], &page[back..]]);
        }
    }
    put(
        "segment_page",
        "made",
        &[&[1, 3, 0, 1, 0, 0, 0, 44, 1, 3, 0, 9, 0, 4], &(0..=255).collect::<Vec<u8>>()],
    );
    put("segment_page", "sparse", &[&[3, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0], &[200; 100]]);
    put(
        "segment_operations",
        "base-add-remove",
        &[&[
            12, 0, 0, 1, 0xff, 0, 0, 0, 0, 2, 1, 0, 0, 0, 3, 9, 1, 0, 1, 2, 0, 0, 0, 4, 8, 1, 0, 2, 0, 0, 0,
            0, 5, 7, 1, 0, 2, 4, 0, 0, 0, 3, 0,
        ]],
    );
    put(
        "segment_operations",
        "large",
        &[&[32, 0, 2, 0, 0, 200, 5, 1, 2, 3, 4, 3, 0, 1, 2, 100, 0, 20, 0, 0, 0, 0, 0, 5, 0, 0, 4]],
    );
}

fn operator_files() {
    let bank = "bank-a".to_owned();
    let records = [
        Record::Joined { time_s: 1_795_328_148, bank: bank.clone(), token: [3; 32], key: [4; 32] },
        Record::Debit { time_s: 1_795_328_151, bank: bank.clone(), batch: [5; 32], count: 4 },
        Record::Debit { time_s: 1_795_428_151, bank: bank.clone(), batch: [6; 32], count: 7 },
        Record::Lookup { time_s: 1_795_428_152, bank, count: 1 },
    ];
    let bodies: Vec<Vec<u8>> = records.iter().map(|record| codec::encode(record).unwrap()).collect();
    let (mut chain, mut log) = ([0; 32], b"SAMARLOG\x01\x00".to_vec());
    let mut counted = Vec::new();
    for body in &bodies {
        chain = *blake3::Hasher::new()
            .update(b"samar account log v1")
            .update(&chain)
            .update(body)
            .finalize()
            .as_bytes();
        let length = u16::try_from(body.len()).unwrap() | 1 << 15; // each a group of its own
        log.extend([length.to_le_bytes(), (!length).to_le_bytes()].as_flattened());
        log.extend([body, chain.as_slice()].concat());
        counted.push(u8::try_from(body.len()).unwrap());
        counted.extend(body);
    }
    let now = 1_795_428_200u64.to_le_bytes();
    put("account_log", "raw", &[&[0], &now, &log]);
    put("account_log", "torn", &[&[0], &now, &log[..log.len() - 5]]);
    put("account_log", "zeros", &[&[0], &now, &log, &[0; 50]]);
    put("account_log", "sealed", &[&[1], &now, &[0; 6], &counted]);
    put("account_log", "sealed-cut", &[&[1], &now, &[3, 0, 200, 0, 1, 40, 0, 9, 0], &counted]);

    let header = VaultHeader {
        key_id: [7; 8],
        breach: "toko-2023".to_owned(),
        exposes: vec!["email".to_owned()],
        varies: vec!["photo".to_owned()],
    };
    let header = codec::encode(&header).unwrap();
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    let records = [[[1; 36], [2; 36]].as_flattened(), &[3; 36]].concat();
    put("vault_file", "sealed", &[&[1], &length, &header, &records]);
    put("vault_file", "sealed-twice", &[&[1], &length, &header, &[2; 72]]);
    put("vault_file", "sealed-descending", &[&[1], &length, &header, &[2; 36], &records]);
    let length = u32::try_from(header.len()).unwrap().to_le_bytes();
    let mut vault =
        [b"SAMARVLT\x01\x00".as_slice(), &length, &header, &records, &3u64.to_le_bytes()].concat();
    let check = *blake3::hash(&vault).as_bytes();
    vault.extend(check);
    put("vault_file", "raw", &[&[0], &vault]);

    for (name, purpose, key) in [("oprf", 1, *oprf_key().to_bytes()), ("publisher", 2, [7; 32])] {
        put("key_file", name, &[&[1], b"SAMARKEY\x01\x00", &[purpose, 0], &key]);
        let body = [b"SAMARKEY\x01\x00".as_slice(), &[purpose, 0], &key].concat();
        put("key_file", &format!("{name}-raw"), &[&[0], &body, &blake3::hash(&body).as_bytes()[..8]]);
    }
}

fn cells() {
    let cells = [
        "3201010101900001",
        "'32.01.01.010190.0001",
        "３２０１０１０１０１９００００１",
        "3.20101E+15",
        "3201010101900001,0",
        "3201010101900001/3201010101900002",
        "32010101019000013201010101900002",
        "3201010101900001 (alm)",
        "NIK 3201010101900001",
        "3201012902970001",
        "\u{feff}3201 0169 0296 0001\u{200b}",
        "3201010101900000",
        "3201012902040001",
        "3201012902000001",
        "3201012902010001",
        "3201013104900001",
        "3201017112900001",
        "3201014000900001",
        "3201010113900001",
        "...",
        "320101010190000O",
        "3201010101900001\t2",
    ];
    for (name, cell) in cells.iter().enumerate() {
        put("nik", &name.to_string(), &[cell.as_bytes()]);
    }
    // The first byte is the kind's place: NIK, telephone number, e-mail address, KK, NPWP.
    let of_kinds = [
        (0, "3201010101900001"),
        (1, "+62 (0)812-3456-7890"),
        (1, "081234567890/081298765432"),
        (1, "0044 20 7946 0000"),
        (1, "8.12346E+10"),
        (2, "Budi Santoso <mailto:Budi@Example.com>"),
        (2, "\u{ff42}@\u{ff45}.id"),
        (3, "32.01.01.170317.0003"),
        (4, "09.254.294.3-407.000"),
        (4, "3201014101900001"),
    ];
    for (name, (kind, cell)) in of_kinds.iter().enumerate() {
        put("identifier", &name.to_string(), &[&[*kind], cell.as_bytes()]);
    }
    let csv =
        "NIK,NAMA,ALAMAT\n3201010101900001,\"Budi, S.\",\"Jl. \"\"A\"\"\nNo 1\"\n3201014101900002,Ani,x\n";
    let semicolons = "no;nik\r\n1;3201010101900001\r\n\r\n2;3201014101900002;3\r\n3\r\n";
    put("table", "csv", &[&[0, 3], csv.as_bytes()]);
    put("table", "semicolons", &[&[0, 0], semicolons.as_bytes()]);
    put("table", "open-quote", &[&[16, 9], b"a,b\n\"x,1\ny,2\nz,\"3\n"]);
    put("table", "utf8-bom", &[&[0, 200], b"\xef\xbb\xbfnik\tnama\n1\t2"]);
    put("table", "latin1", &[&[24, 1], b"1|caf\xe9\n2|x\n"]);
    put("table", "mac", &[&[0, 1], b"nik,nama\r1,2\r3,4"]);
    let wide = |unit: fn(u16) -> [u8; 2]| csv.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    put("table", "utf16le", &[&[0, 1, 0xff, 0xfe], &wide(u16::to_le_bytes)]);
    put("table", "utf16be", &[&[0, 2, 0xfe, 0xff], &wide(u16::to_be_bytes)]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(csv.as_bytes()).unwrap();
    put("table", "gzip", &[&[0, 1], &gzip.finish().unwrap()]);
    put("table", "zstd", &[&[0, 1], &zstd::encode_all(csv.as_bytes(), 1).unwrap()]);
    put("table", "zip", &[&[6 << 5, 1], csv.as_bytes()]);
    let sql = "CREATE TABLE `users` (`id` int, `nik` varchar(16));\nINSERT INTO `users` VALUES (1,'3201010101900001'),\
        (2,_binary 'a\\'b'),(3,0x41),(-4.5,NULL);\nINSERT INTO `other` VALUES (1);\n";
    put("table", "sql", &[&[5 << 5, 1], sql.as_bytes()]);
    let copy = "COPY public.users (nik, \"Nama\") FROM stdin;\n3201010101900001\tAni\\tB\n\\N\tx\\\\y\n\\.\n";
    put("table", "copy", &[&[2 << 5, 3], copy.as_bytes()]);
    put(
        "table",
        "jsonl",
        &[&[0, 0], b"{\"nik\":\"3201010101900001\",\"a\":{\"b\":[1,null]}}\n{\"nik\":2}\nx\n{}\n"],
    );
    let sheet = "<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c t=\"str\"><v>TGL</v></c></row><row r=\"3\">\
        <c r=\"A3\"><v>3.20101010190002E+15</v></c><c r=\"B3\" s=\"1\"><v>32874.5</v></c></row><row><c><f>A1</f></c></row></sheetData></worksheet>";
    put("table", "sheet", &[&[7 << 5, 1], sheet.as_bytes()]);
    put("table", "json", &[&[4 << 5, 2], b"[\n {\"nik\": \"\\u0033\", \"b\": true},\n {\"c\": 1e3}, 7\n]\n"]);
}

fn elements() {
    for (name, mode, patches) in [
        ("honest", 2u8, [].as_slice()),
        ("additive", 3, &[]),
        ("changed", 2, &[3, 0, 1]),
        ("proof", 3, &[100, 0, 1]),
        ("made-up", 0, &[1, 2, 3, 4]),
    ] {
        put("oprf_batch", name, &[&[mode, 3], patches]);
    }
    let generator = "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76";
    let generator: Vec<u8> =
        (0..32).map(|i| u8::from_str_radix(&generator[2 * i..2 * i + 2], 16).unwrap()).collect();
    put("oprf_batch", "elements", &[&[0, 1], &generator, &generator, &[1; 30], &[0; 2], &[1; 30]]);
    put("backends", "made", &[&[7], &0x1_ffffu32.to_le_bytes(), &[5; 32], &(0..=255).collect::<Vec<u8>>()]);
    put("backends", "mixed", &[&[8], &0x1_fefeu32.to_le_bytes(), &[3; 32], &generator, &[9; 99], &generator]);
    put("backends", "identity", &[&[0], &[0; 4], &[3; 32], &[0; 32]]);
}

/// See `lookup::lookup`.
fn lookups() {
    put("lookup", "query", &[&[0, 2], &[0xff; 10], &[0x0f]]);
    put("lookup", "query-padding", &[&[0, 2], &[0xff; 10], &[0x1f]]);
    put("lookup", "hint", &[&[1, 0], &HINT_MAGIC, &2_048u32.to_le_bytes(), &[7; 90]]);
    put("lookup", "hint-raw", &[&[2, 0], &HINT_MAGIC, &4_096u32.to_le_bytes()]);
    put("lookup", "answer", &[&[3, 0], &[0xa5; 99]]);
}

/// Scripts: see `session::server::message` and `session::client::Answer::read`.
fn sessions() {
    let exchange = |peer: u8, message: &[u8]| [&[peer, 0, 0, 0], message].concat();
    let evaluate = exchange(0, &[5, 3, 1, 2, 3]);
    // One element asked for, one byte of the request turned; the other patches turn nothing.
    let changed = |patch: &[u8]| exchange(0, &[&[0xfd, 1, 3], patch, &[0; 6]].concat());
    for (name, exchanges) in [
        (
            "requests",
            vec![exchange(0, &[2, 0]), exchange(0, &[3, 0, 0, 0, 32]), exchange(0, &[4]), evaluate.clone()],
        ),
        ("join", vec![exchange(0xff, &[1, 0]), exchange(0xff, &[1, 0]), exchange(0, &[1, 1, 2, 0, 0x30, 0])]),
        ("charged-once", vec![evaluate.clone(), evaluate.clone(), exchange(0, &[6, 7, 9, 9, 9, 9, 9, 9, 9])]),
        ("changed", vec![exchange(0, &[0xfd, 2, 0, 0, 7, 0, 1]), exchange(0, &[0xf5, 1, 1, 40, 0])]),
        ("cut", vec![[0, 3, 0xfe, 0].to_vec(), exchange(0, &[0xec, 1, 0, 9])]),
        ("raw", vec![exchange(0, &[0, 14, 0, 1, 8, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])]),
        ("strangers", vec![exchange(0xff, &[4]), exchange(0xfe, &[4]), exchange(0xfd, &[4])]),
        (
            "element-invalid",
            vec![exchange(0, &[5, 2, 1, 0xff, 1]), exchange(0, &[5, 1, 0xff]), evaluate.clone()],
        ),
        (
            "allowances",
            vec![
                evaluate.clone(),
                exchange(0, &[5, 5, 9, 9, 9, 9, 9]),
                exchange(0, &[5, 6, 1, 3, 5, 7, 8, 2]),
            ],
        ),
        (
            "hint",
            vec![
                exchange(0, &[7, 0, 0, 0, 0, 0, 0, 32]),
                exchange(0, &[7, 0, 0xff, 0xff, 0xff, 0xff, 0, 32]),
            ],
        ),
        (
            "lookups",
            vec![
                exchange(0, &[7, 1, 1, 2, 3, 0x14]),
                exchange(0, &[7, 1, 1, 2, 3, 4]),
                exchange(0, &[7, 1, 5, 6, 7, 8]),
                exchange(0, &[7, 1, 9, 9, 9, 9]),
                evaluate.clone(),
            ],
        ),
        ("other-suite", vec![changed(&[6, 0, 2])]),
        ("other-key", vec![changed(&[9, 0, 1])]),
        ("later-epoch", vec![changed(&[16, 0, 3]), changed(&[17, 0, 1])]),
        ("too-many", vec![changed(&[24, 0, 3])]),
        ("longer", vec![exchange(0, &[0xed, 1, 3, 1, 0, 7]), exchange(0, &[0xec, 1, 0, 7])]),
        (
            "unread",
            vec![[0, 0, 0, 0xfe, 9, 0, 5, 2, 1, 1].to_vec(), [0, 0, 0, 0xfd, 0, 0, 4].to_vec(), evaluate],
        ),
    ] {
        put("session_server", name, &[&exchanges.concat()]);
    }
    let honest = [2, 0, 0, 0];
    let busy = [&[1, 0, 0, 0], &[13u8] as &[u8], &[0, 0, 0, 0]].concat();
    put("session_client", "join", &[&[0, 0, 0], &honest, &[3, 0, 1, 2, 3]]);
    put("session_client", "manifest", &[&[1, 0, 0], &honest, &[3]]);
    put("session_client", "fetch", &[&[2, 0, 9], &honest, &[7]]);
    put("session_client", "evaluate", &[&[3, 2, 0], &honest]);
    put("session_client", "evaluate-rfc", &[&[12, 2, 0], &busy, &honest]);
    put("session_client", "evaluate-changed", &[&[3, 1, 0], &[0xfe, 0, 0, 0, 20, 0, 1]]);
    put("session_client", "allowance", &[&[4, 0, 0], &busy, &busy, &honest, &[1; 40]]);
    put("session_client", "busy", &[&[4, 0, 0], &busy.repeat(7)]);
    put("session_client", "walk", &[&[6, 0, 0], &honest, &[4], &honest, &[1], &honest, &[2], &honest, &[3]]);
    put("session_client", "fork", &[&[24, 0, 0], &honest, &[3], &honest, &[1], &honest, &[2]]);
    put("session_client", "hint", &[&[7, 0, 9], &busy, &honest, &[7]]);
    put("session_client", "lookup", &[&[8, 0, 0], &honest, &[0, 7]]);
    put("session_client", "lookup-busy", &[&[8, 0, 0], &busy, &honest, &[0, 7]]);
    put("session_client", "lookup-other-size", &[&[8, 0, 0], &honest, &[1, 7]]);
    put("session_client", "raw", &[&[4, 0, 0, 0, 2, 0, 0, 54, 0, 1, 0x88, 48, 0, 0, 0], &[0; 48]]);
    put("session_client", "reset", &[&[3, 0, 0, 2, 0, 0, 0xff, 13]]);
    put("session_client", "stalled", &[&[2, 0, 0, 0xf8 | 2, 1, 0xfe, 40, 0, 0xfe, 0, 9, 0]]);
}
