//! The forms that a dump is written in: the same rows as a database, a spreadsheet or a script would leave them.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use super::columns::Column;
use super::text::Text;
use super::{SynthError, WRITE_BYTES, pass_on};

/// A form of a dump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum DumpForm {
    /// CSV with a header.
    #[default]
    Csv,
    /// The same with tabs.
    Tsv,
    /// As mysqldump writes it: INSERT with many rows on a line.
    SqlInsert,
    /// The same, the whole dump on one line.
    SqlOneLine,
    /// As pg_dump writes it: COPY.
    SqlCopy,
    /// An object a line.
    Jsonl,
    /// One array of objects.
    Json,
    /// An object a line, whose columns stand in an object of the table's name: the column peserta.NIK.
    JsonNested,
    /// A sheet of an Excel workbook, of at most 1,048,575 rows.
    Xlsx,
    /// Parquet, packed with snappy.
    Parquet,
}

/// What a dump or a file is a table of.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// The table's name in a dump and a workbook.
    pub(super) table: &'static str,
    /// Each with its name.
    pub(super) columns: &'static [(&'static str, Column)],
}

impl Shape {
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|(name, _)| *name)
    }
}

/// Rows of a row group.
const GROUP_ROWS: usize = 100_000;
/// What a sheet holds beside its header.
const SHEET_ROWS: u64 = 1_048_575;

/// The cells of a row, one after the other.
#[derive(Default)]
pub(super) struct Cells {
    pub(super) bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Cells {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// The bytes written last are a cell.
    pub(super) fn end(&mut self) {
        self.ends.push(self.bytes.len());
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }
}

/// A dump being written.
pub(super) enum Writer<'a, W: Write + Send> {
    Text(Text<'a, W>),
    Sheet(Box<Sheet<'a, W>>),
    Parquet(Columns<'a, W>),
}

impl<'a, W: Write + Send> Writer<'a, W> {
    pub(super) fn begin(out: &'a mut W, form: DumpForm, shape: Shape) -> Result<Self, SynthError> {
        Ok(match form {
            DumpForm::Xlsx => Self::Sheet(Box::new(Sheet::begin(out, shape)?)),
            DumpForm::Parquet => Self::Parquet(Columns::begin(out, shape)?),
            form => Self::Text(Text::begin(out, form, shape)),
        })
    }

    pub(super) fn write(&mut self, cells: &Cells) -> Result<(), SynthError> {
        match self {
            Self::Text(text) => text.write(cells),
            Self::Sheet(sheet) => sheet.write(cells),
            Self::Parquet(columns) => columns.write(cells),
        }
    }

    pub(super) fn finish(self) -> Result<(), SynthError> {
        match self {
            Self::Text(text) => text.finish(),
            Self::Sheet(sheet) => sheet.finish(),
            Self::Parquet(columns) => columns.finish(),
        }
    }
}

/// A workbook of one sheet, whose cells hold their own text.
pub(super) struct Sheet<'a, W: Write> {
    zip: ZipWriter<StreamWriter<&'a mut W>>,
    text: Vec<u8>,
    rows: u64,
}

impl<'a, W: Write> Sheet<'a, W> {
    fn begin(out: &'a mut W, shape: Shape) -> Result<Self, SynthError> {
        const PARTS: [(&str, &str); 4] = [
            (
                "[Content_Types].xml",
                "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"rels\" \
                 ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Override PartName=\"/xl/workbook.xml\" \
                 ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/>\
                 <Override PartName=\"/xl/worksheets/sheet1.xml\" \
                 ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/></Types>",
            ),
            (
                "_rels/.rels",
                "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" \
                 Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" \
                 Target=\"xl/workbook.xml\"/></Relationships>",
            ),
            (
                "xl/workbook.xml",
                "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
                 xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets>\
                 <sheet name=\"TABLE\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>",
            ),
            (
                "xl/_rels/workbook.xml.rels",
                "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" \
                 Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" \
                 Target=\"worksheets/sheet1.xml\"/></Relationships>",
            ),
        ];
        let mut zip = ZipWriter::new_stream(out);
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        for (name, part) in PARTS {
            zip.start_file(name, options).map_err(zip_failed)?;
            zip.write_all(part.replace("TABLE", shape.table).as_bytes())?;
        }
        zip.start_file("xl/worksheets/sheet1.xml", options.large_file(true)).map_err(zip_failed)?;
        let head =
            "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>";
        let mut sheet = Self { zip, text: head.as_bytes().to_vec(), rows: 0 };
        sheet.write_row(shape.names().map(str::as_bytes))?;
        Ok(sheet)
    }

    fn write(&mut self, cells: &Cells) -> Result<(), SynthError> {
        if self.rows > SHEET_ROWS {
            return Err(SynthError::Rows { most: SHEET_ROWS });
        }
        self.write_row(cells.iter())
    }

    fn write_row<'c>(&mut self, cells: impl Iterator<Item = &'c [u8]>) -> Result<(), SynthError> {
        self.rows += 1;
        let row = self.rows.to_string();
        let text = &mut self.text;
        text.extend_from_slice(format!("<row r=\"{row}\">").as_bytes());
        for (column, cell) in (b'A'..=b'Z').zip(cells) {
            if cell.is_empty() {
                continue;
            }
            text.extend_from_slice(b"<c r=\"");
            text.push(column);
            text.extend_from_slice(row.as_bytes());
            text.extend_from_slice(b"\" t=\"inlineStr\"><is><t xml:space=\"preserve\">");
            for byte in cell {
                match byte {
                    b'&' => text.extend_from_slice(b"&amp;"),
                    b'<' => text.extend_from_slice(b"&lt;"),
                    other => text.push(*other),
                }
            }
            text.extend_from_slice(b"</t></is></c>");
        }
        text.extend_from_slice(b"</row>");
        Ok(pass_on(&mut self.text, &mut self.zip, WRITE_BYTES)?)
    }

    fn finish(mut self) -> Result<(), SynthError> {
        self.text.extend_from_slice(b"</sheetData></worksheet>");
        pass_on(&mut self.text, &mut self.zip, 0)?;
        let out = self.zip.finish().map_err(zip_failed)?.into_inner();
        Ok(out.flush()?)
    }
}

fn zip_failed(error: zip::result::ZipError) -> SynthError {
    SynthError::Write(error.into())
}

/// Parquet: a row group is gathered and then written, column by column.
pub(super) struct Columns<'a, W: Write + Send> {
    writer: SerializedFileWriter<&'a mut W>,
    columns: Vec<Vec<ByteArray>>,
}

impl<'a, W: Write + Send> Columns<'a, W> {
    fn begin(out: &'a mut W, shape: Shape) -> Result<Self, SynthError> {
        let Shape { table, columns } = shape;
        let fields: String = shape.names().map(|name| format!("required binary {name} (UTF8); ")).collect();
        let schema = parse_message_type(&format!("message {table} {{ {fields}}}")).map_err(parquet_failed)?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties));
        Ok(Self { writer: writer.map_err(parquet_failed)?, columns: vec![Vec::new(); columns.len()] })
    }

    fn write(&mut self, cells: &Cells) -> Result<(), SynthError> {
        for (column, cell) in self.columns.iter_mut().zip(cells.iter()) {
            column.push(cell.to_vec().into());
        }
        if self.columns.first().is_some_and(|column| column.len() == GROUP_ROWS) {
            self.write_group().map_err(parquet_failed)?;
        }
        Ok(())
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        for values in &mut self.columns {
            if let Some(mut column) = group.next_column()? {
                column.typed::<ByteArrayType>().write_batch(values, None, None)?;
                column.close()?;
            }
            values.clear();
        }
        group.close().map(|_| ())
    }

    fn finish(mut self) -> Result<(), SynthError> {
        if self.columns.first().is_some_and(|column| !column.is_empty()) {
            self.write_group().map_err(parquet_failed)?;
        }
        self.writer.close().map(|_| ()).map_err(parquet_failed)
    }
}

fn parquet_failed(error: ParquetError) -> SynthError {
    SynthError::Write(std::io::Error::other(error))
}
