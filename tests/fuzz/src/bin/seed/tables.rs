//! Cells, and tables of them.

use std::io::Write as _;

use samar_server::synth::{Dirt, DumpForm, DumpSpec, Like, write_dump_as};

use crate::put;

pub(crate) fn cells() {
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
}

pub(crate) fn tables() {
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
    let (like, dirt) = (Like::Bpjs, Dirt::default());
    let spec = DumpSpec { seed: 1, first: 0, count: 5, like, photo_per_mille: 300, dirt };
    let mut columns = Vec::new();
    write_dump_as(&mut columns, &spec, DumpForm::Parquet).unwrap();
    put("table", "parquet", &[&[0, 1], &columns]);
}
