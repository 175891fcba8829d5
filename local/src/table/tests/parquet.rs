//! Parquet as writers make it, as a cut leaves it, and as nobody should.

use std::sync::Arc;

use parquet::basic::{Compression, Encoding, GzipLevel, ZstdLevel};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FixedLenByteArrayType, FloatType, Int32Type, Int64Type,
    Int96, Int96Type,
};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::super::{Form, Input, Row, Table, TableError, TableOptions, Unit};
use super::{open, open_with, options, rows, trickle};

type Writer<'a> = SerializedFileWriter<&'a mut Vec<u8>>;

fn file(schema: &str, properties: WriterPropertiesBuilder, write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(&mut out, schema, Arc::new(properties.build())).unwrap();
    write(&mut writer);
    writer.close().unwrap();
    out
}

fn texts(cells: &[&str]) -> Vec<ByteArray> {
    cells.iter().map(|cell| ByteArray::from(*cell)).collect()
}

/// So many persons in groups of `group`; every third has no telephone number.
fn persons(properties: WriterPropertiesBuilder, count: usize, group: usize) -> Vec<u8> {
    let schema =
        "message m { required binary NIK (UTF8); optional group kontak { optional binary HP (UTF8); } }";
    file(schema, properties, |writer| {
        for first in (0..count).step_by(group) {
            let numbers = first..count.min(first + group);
            let mut rows = writer.next_row_group().unwrap();
            let niks: Vec<_> =
                numbers.clone().map(|i| ByteArray::from(format!("{i:016}").as_str())).collect();
            let mut column = rows.next_column().unwrap().unwrap();
            column.typed::<ByteArrayType>().write_batch(&niks, None, None).unwrap();
            column.close().unwrap();
            let phones: Vec<_> = numbers
                .clone()
                .filter(|i| i % 3 > 0)
                .map(|i| ByteArray::from(format!("08{i}").as_str()))
                .collect();
            let levels: Vec<_> = numbers.map(|i| if i % 3 > 0 { 2 } else { i16::from(i % 2 == 0) }).collect();
            let mut column = rows.next_column().unwrap().unwrap();
            column.typed::<ByteArrayType>().write_batch(&phones, Some(&levels), None).unwrap();
            column.close().unwrap();
            rows.close().unwrap();
        }
    })
}

fn expected(count: usize) -> Vec<String> {
    let phone = |i: usize| if i.is_multiple_of(3) { String::new() } else { format!("08{i}") };
    (0..count).map(|i| format!("{}: {i:016}|{}", i + 1, phone(i))).collect()
}

#[test]
fn rows_are_put_together_from_columns_however_they_are_encoded() {
    let plain = || WriterProperties::builder().set_data_page_row_count_limit(100).set_write_batch_size(50);
    let v2 = || plain().set_writer_version(WriterVersion::PARQUET_2_0);
    for properties in [
        plain(),
        plain().set_dictionary_enabled(false),
        v2(),
        plain().set_compression(Compression::SNAPPY),
        v2().set_compression(Compression::SNAPPY),
        v2().set_compression(Compression::GZIP(GzipLevel::default())),
        plain().set_compression(Compression::ZSTD(ZstdLevel::default())),
        v2().set_dictionary_enabled(false).set_encoding(Encoding::PLAIN),
    ] {
        let bytes = persons(properties, 1_000, 700);
        let mut table = open(&bytes).unwrap();
        assert_eq!((table.form(), table.unit(), table.has_header()), (Form::Parquet, Unit::Row, true));
        assert_eq!(table.columns(), ["NIK", "kontak.HP"]);
        assert_eq!(table.decided(), "Parquet: it begins with PAR1; 1000 rows in 2 row groups");
        assert_eq!(rows(&mut table), expected(1_000));
        let mut table = Table::open(Input::Stream(trickle(&bytes, 777)), &options()).unwrap();
        assert_eq!(rows(&mut table), expected(1_000));
    }
}

#[test]
fn a_codec_that_is_not_read_is_named_and_a_page_that_lies_is_damaged() {
    let plain = persons(WriterProperties::builder(), 50, 50);
    // In a column's metadata the codec follows the path: fields of numbers, zigzag.
    let at = plain.windows(4).rposition(|bytes| bytes == b"NIK\x15").unwrap() + 4;
    assert_eq!(plain[at], 0);
    for (codec, says) in [
        (4, "packed with BROTLI"),
        (7, "packed with LZ4_RAW"),
        (1, "damaged"),
        (2, "damaged"),
        (6, "damaged"),
    ] {
        let mut changed = plain.clone();
        changed[at] = codec << 1;
        let error = open(changed).unwrap_err().to_string();
        assert!(error.contains("column \"NIK\" of row group 1") && error.contains(says), "{error}");
    }
}

#[test]
fn an_encoding_that_is_not_read_is_named() {
    for encoding in [Encoding::DELTA_BYTE_ARRAY, Encoding::DELTA_LENGTH_BYTE_ARRAY] {
        let properties = WriterProperties::builder().set_dictionary_enabled(false).set_encoding(encoding);
        let error = open(persons(properties, 50, 50)).unwrap_err().to_string();
        let says = format!("column \"NIK\" of row group 1: it is encoded as {encoding}; export it again");
        assert!(error.contains(&says), "{error}");
    }
}

#[test]
fn values_are_text_as_people_write_them() {
    let schema = "message m { required boolean a; required int32 b (DATE); required int64 c (TIMESTAMP(MICROS,true));
        required int32 d (DECIMAL(9,2)); required double e; required float f; required int96 g;
        required fixed_len_byte_array(16) h (UUID); required int64 i (UINT_64); required int32 j (TIME(MILLIS,true));
        required fixed_len_byte_array(2) k (DECIMAL(4,1)); required binary l; }";
    let bytes = file(schema, WriterProperties::builder(), |writer| {
        let mut rows = writer.next_row_group().unwrap();
        macro_rules! column {
            ($type:ty, $value:expr) => {
                let mut column = rows.next_column().unwrap().unwrap();
                column.typed::<$type>().write_batch(&[$value], None, None).unwrap();
                column.close().unwrap();
            };
        }
        let mut old = Int96::new();
        old.set_data(0, 0, 2_440_589);
        column!(BoolType, true);
        column!(Int32Type, -1);
        column!(Int64Type, -1_500_000);
        column!(Int32Type, -5);
        column!(DoubleType, 3_201_010_101_900_001.0);
        column!(FloatType, 0.1);
        column!(Int96Type, old);
        column!(FixedLenByteArrayType, ByteArray::from((0..16).collect::<Vec<u8>>()).into());
        column!(Int64Type, -1);
        column!(Int32Type, 3_600_000);
        column!(FixedLenByteArrayType, ByteArray::from(vec![0xff, 0xf6]).into());
        column!(ByteArrayType, ByteArray::from("caf\u{e9}"));
        rows.close().unwrap();
    });
    let text = "1: true|1969-12-31|1969-12-31 23:59:58.5|-0.05|3201010101900001|0.1|1970-01-02 00:00:00|\
        00010203-0405-0607-0809-0a0b0c0d0e0f|18446744073709551615|01:00:00|-1.0|caf\u{e9}";
    assert_eq!(rows(&mut open(bytes).unwrap()), [text]);

    let bytes = file(
        "message m { required double nik; required float hp; }",
        WriterProperties::builder(),
        |writer| {
            let mut rows = writer.next_row_group().unwrap();
            let mut column = rows.next_column().unwrap().unwrap();
            column.typed::<DoubleType>().write_batch(&[9_601_010_101_800_001.0], None, None).unwrap();
            column.close().unwrap();
            let mut column = rows.next_column().unwrap().unwrap();
            column.typed::<FloatType>().write_batch(&[628_123_456_789.0], None, None).unwrap();
            column.close().unwrap();
            rows.close().unwrap();
        },
    );
    let mut table = open(bytes).unwrap();
    let mut row = Row::new();
    assert!(table.next_row(&mut row).unwrap());
    let flaws = [0, 1].map(|column| row.require(column).unwrap_err().name());
    assert_eq!(flaws, ["float-rounded"; 2], "their last digits are not what was written");
}

#[test]
fn a_list_is_no_column_and_said_to_be_none() {
    let schema = "message m { required binary NIK (UTF8);
        optional group hp (LIST) { repeated group list { optional binary element (UTF8); } } }";
    let bytes = file(schema, WriterProperties::builder(), |writer| {
        let mut rows = writer.next_row_group().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&texts(&["1", "2"]), None, None).unwrap();
        column.close().unwrap();
        let mut column = rows.next_column().unwrap().unwrap();
        let (values, levels, repeated) = (texts(&["a", "b"]), [3, 3, 0], [0, 1, 0]);
        column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), Some(&repeated)).unwrap();
        column.close().unwrap();
        rows.close().unwrap();
    });
    let mut table = open(bytes).unwrap();
    assert_eq!(table.columns(), ["NIK"]);
    assert!(table.decided().ends_with("without the list \"hp.list.element\""), "{}", table.decided());
    assert_eq!(rows(&mut table), ["1: 1", "2: 2"]);
}

#[test]
fn a_file_that_is_cut_or_another_says_so() {
    let whole = persons(WriterProperties::builder(), 100, 50);
    for cut in [4, 11, 12, whole.len() / 2, whole.len() - 1] {
        let error = open(&whole[..cut]).unwrap_err().to_string();
        assert!(error.contains("cannot be read as Parquet") && error.contains("copy it again"), "{error}");
    }
    let mut longer = whole.clone();
    let length = longer.len();
    longer[length - 8..length - 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(open(&longer).unwrap_err().to_string().contains("its directory would have 4294967295 bytes"));
    let mut encrypted = whole.clone();
    encrypted[length - 4..].copy_from_slice(b"PARE");
    assert!(open(&encrypted).unwrap_err().to_string().contains("is encrypted; decrypt it first"));
    let named = TableOptions { table: Some("a".into()), ..options() };
    assert!(matches!(open_with(&whole, &named), Err(TableError::NoTables { .. })));
    let said = TableOptions { form: Some(Form::Sql), ..options() };
    let error = open_with(&whole, &said).unwrap_err().to_string();
    assert!(error.contains("is Parquet, and cannot be read as an SQL dump"), "{error}");
    let none = persons(WriterProperties::builder(), 0, 50);
    assert!(matches!(open(none), Err(TableError::Empty { .. })));
}

#[test]
fn a_changed_byte_anywhere_is_rows_or_an_error() {
    let v1 = persons(WriterProperties::builder(), 40, 25);
    let v2 = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_dictionary_enabled(false)
        .set_encoding(Encoding::PLAIN);
    let v2 = persons(v2, 40, 25);
    let mut errors = 0;
    for whole in [v1, v2] {
        for at in 4..whole.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[at] ^= change;
                let Ok(mut table) = open(&changed) else {
                    errors += 1;
                    continue;
                };
                let mut row = Row::new();
                // What is changed may say that there are many rows, and repeat them.
                for _ in 0..200 {
                    match table.next_row(&mut row) {
                        Ok(true) => {}
                        Ok(false) => break,
                        Err(_) => {
                            errors += 1;
                            break;
                        }
                    }
                }
            }
        }
    }
    assert!(errors > 500, "{errors}");
}
