//! CSV files: numeric features, and classes or numbers to learn.
//!
//! A row is a line of cells between commas (or another [delimiter](CsvOptions::delimiter)); a cell may stand in double
//! quotes. Spaces around a cell do not count, nor do empty lines, nor a byte order mark. Gzip is recognised by its content.
//! Lines and columns in errors count from 1, [`Column::Index`] from 0.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder, Terminator};

use super::dataset::Dataset;
use super::error::DataError;
use super::stream;

/// How to read a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvOptions {
    /// Whether the first row holds names.
    pub header: Header,
    /// The column to learn.
    pub target: Column,
    /// What the target column holds.
    pub kind: TargetKind,
    /// What stands between two cells.
    pub delimiter: u8,
}

impl Default for CsvOptions {
    /// A header if there is one, and class labels in the last column, between commas.
    fn default() -> Self {
        CsvOptions {
            header: Header::Detect,
            target: Column::Last,
            kind: TargetKind::Classes { names: None },
            delimiter: b',',
        }
    }
}

/// Whether the first row holds names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// The first row is a header if it has the target column's name in it, or if no feature cell of it is a number.
    /// It is data if each feature cell is a number or empty. What is neither, or a first row that only its label tells
    /// from the others, is refused rather than guessed.
    Detect,
    /// The first row holds names.
    Present,
    /// The first row is data.
    Absent,
}

/// A column of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// The last one.
    Last,
    /// The one with this index, from 0.
    Index(usize),
    /// The first one of this name in the header.
    Name(String),
}

impl From<&str> for Column {
    /// Digits are an index, anything else is a name.
    fn from(text: &str) -> Self {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(index) if digits => Column::Index(index),
            _ => Column::Name(text.to_owned()),
        }
    }
}

/// What the target column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// Labels: any text.
    Classes {
        /// The classes, in the order of their indices; a label that is none of them is refused. `None` takes the labels of
        /// the file, in numerical order if all are numbers, else in that of their bytes. Labels are compared as they are
        /// written: `1` and `1.0` are two.
        names: Option<Vec<String>>,
    },
    /// Numbers.
    Values,
}

/// Rows without a target.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    /// `(rows, columns)`, row-major; finite.
    pub values: Vec<f32>,
    /// Number of rows, at least one.
    pub rows: usize,
    /// Number of features a row.
    pub columns: usize,
    /// Names of the columns, if the file has a header.
    pub names: Option<Vec<String>>,
}

/// Reads features and targets from a file.
///
/// # Errors
/// [`DataError`] with the file's name, and with line and column of a cell that is not what it should be: a feature
/// that is no finite number, a missing or unknown label. Also if a row has another number of cells than the first, the
/// target column does not exist, it is the only column, there are no rows, or the header cannot be told from data.
pub fn read(path: impl AsRef<Path>, options: &CsvOptions) -> Result<Dataset, DataError> {
    let path = path.as_ref();
    stream::open(path).and_then(|bytes| dataset(bytes, options)).map_err(|error| in_file(error, path))
}

/// [`read`] for anything that gives bytes, gzip or not; `name` is what errors call it.
pub fn read_from(reader: impl Read, name: &str, options: &CsvOptions) -> Result<Dataset, DataError> {
    stream::decompressed(reader).and_then(|bytes| dataset(bytes, options)).map_err(|error| error.in_file(name))
}

/// Reads the `columns` features that a model wants from a file that may hold a target column too.
///
/// The target column is left out, whatever it holds, if `options.target` names it and the header has that name, or if there
/// is one column more than `columns`. So with `columns` columns and no such name, all are features.
/// `options.kind` is not looked at.
/// # Errors
/// As [`read`], and [`DataError::FeatureCount`] if the file has another number of features.
pub fn read_features(path: impl AsRef<Path>, columns: usize, options: &CsvOptions) -> Result<Features, DataError> {
    let path = path.as_ref();
    stream::open(path).and_then(|bytes| features(bytes, columns, options)).map_err(|error| in_file(error, path))
}

/// [`read_features`] for anything that gives bytes, gzip or not; `name` is what errors call it.
pub fn read_features_from(
    reader: impl Read,
    name: &str,
    columns: usize,
    options: &CsvOptions,
) -> Result<Features, DataError> {
    stream::decompressed(reader)
        .and_then(|bytes| features(bytes, columns, options))
        .map_err(|error| error.in_file(name))
}

fn in_file(error: DataError, path: &Path) -> DataError {
    error.in_file(&path.display().to_string())
}

fn dataset(bytes: impl Read, options: &CsvOptions) -> Result<Dataset, DataError> {
    let mut table = Table::new(bytes, options)?;
    let target = table.find(&options.target)?;
    table.start(Some(target), options)?;
    let columns = table.width - 1;
    if columns == 0 {
        return Err(DataError::Empty { operand: "feature columns" });
    }
    let mut features = Vec::new();
    let data = match &options.kind {
        TargetKind::Values => {
            let mut values = Vec::new();
            while table.next()? {
                table.push_features(&mut features)?;
                values.push(table.number(target)?);
            }
            Dataset::regression(features, columns, values, 1)?
        }
        TargetKind::Classes { names } => {
            let mut classes = Classes::new(names.as_deref());
            while table.next()? {
                table.push_features(&mut features)?;
                classes.push(&table, target)?;
            }
            let header_unknown = options.header == Header::Detect && table.names.is_none();
            if header_unknown && let Some(given) = classes.lone_first_word() {
                return Err(DataError::AmbiguousHeader { line: table.first_line, column: target + 1, given });
            }
            let (labels, names) = classes.sorted();
            // The number of names cannot be 0 if there are rows.
            Dataset::classification(features, columns, labels, names.len().max(1))?.with_class_names(names)?
        }
    };
    match table.names {
        None => Ok(data),
        Some(mut names) => {
            let target_name = names.remove(target);
            data.with_target_name(target_name).with_feature_names(names)
        }
    }
}

fn features(bytes: impl Read, columns: usize, options: &CsvOptions) -> Result<Features, DataError> {
    if columns == 0 {
        return Err(DataError::Empty { operand: "feature columns" });
    }
    let mut table = Table::new(bytes, options)?;
    let found = table.find(&options.target);
    let named = matches!(options.target, Column::Name(_)) && found.is_ok();
    let target = if named || table.width == columns.saturating_add(1) { Some(found?) } else { None };
    let given = table.width - target.is_some() as usize;
    if given != columns {
        return Err(DataError::FeatureCount { wanted: columns, given });
    }
    table.start(target, options)?;
    let mut values = Vec::new();
    while table.next()? {
        table.push_features(&mut values)?;
    }
    if values.is_empty() {
        return Err(DataError::Empty { operand: "rows" });
    }
    let names = table.names.map(|mut names| {
        if let Some(target) = target {
            names.remove(target);
        }
        names
    });
    Ok(Features { rows: values.len() / columns, values, columns, names })
}

/// A file without its byte order mark, with [`END`] after it.
type Lines<R> = io::Chain<io::Chain<io::Cursor<Vec<u8>>, R>, &'static [u8]>;

/// Ends the last line, so that every row has a newline; then a row of one empty cell, which counts as blank and is the
/// last row, unless a quote still open swallows it.
const END: &[u8] = b"\n\"\"\n";

/// A file whose first row has been read.
struct Table<R> {
    reader: csv::Reader<Lines<R>>,
    /// The current row.
    record: ByteRecord,
    /// Line on which it begins.
    line: u64,
    /// Line on which the current row begins if it never ends; `None` after a blank row.
    open_quote: Option<u64>,
    /// Whether the current row is still to be given out.
    pending: bool,
    /// Cells of the first row.
    width: usize,
    first_line: u64,
    /// The first row as text, until [`Table::start`] has decided what it is.
    first: Vec<String>,
    /// The header, once decided.
    names: Option<Vec<String>>,
    target: Option<usize>,
    header: Header,
}

impl<R: Read> Table<R> {
    fn new(mut bytes: R, options: &CsvOptions) -> Result<Self, DataError> {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        let mut start = Vec::with_capacity(MARK.len());
        bytes.by_ref().take(MARK.len() as u64).read_to_end(&mut start)?;
        if start == MARK {
            start.clear();
        }
        let lines = io::Cursor::new(start).chain(bytes).chain(END);
        // Newlines alone end a row, so that they can be counted. The carriage return of a Windows file goes with the
        // spaces around its cell.
        let mut builder = ReaderBuilder::new();
        builder.has_headers(false).flexible(true).delimiter(options.delimiter).terminator(Terminator::Any(b'\n'));
        let mut table = Table {
            reader: builder.from_reader(lines),
            record: ByteRecord::new(),
            line: 0,
            open_quote: None,
            pending: false,
            width: 0,
            first_line: 0,
            first: Vec::new(),
            names: None,
            target: None,
            header: options.header,
        };
        if !table.advance()? {
            return Err(DataError::Empty { operand: "rows" });
        }
        table.width = table.record.len();
        table.first_line = table.line;
        for column in 0..table.width {
            table.first.push(table.cell(column)?.to_owned());
        }
        Ok(table)
    }

    /// The index of the target column.
    fn find(&self, target: &Column) -> Result<usize, DataError> {
        let counted = || if self.width == 1 { "1 column".to_owned() } else { format!("{} columns", self.width) };
        match target {
            Column::Last => Ok(self.width - 1),
            Column::Index(index) if *index < self.width => Ok(*index),
            Column::Index(index) => {
                Err(DataError::MissingColumn { wanted: format!("{index} (from 0)"), given: counted() })
            }
            Column::Name(name) => {
                let found = self.first.iter().position(|cell| self.header != Header::Absent && cell == name.trim());
                found.ok_or_else(|| {
                    let has_names = match self.header {
                        Header::Absent => false,
                        Header::Present => true,
                        Header::Detect => !self.first.iter().any(|cell| is_number(cell)),
                    };
                    let given = if has_names { list(&self.first) } else { format!("{} and no header", counted()) };
                    DataError::MissingColumn { wanted: format!("{name:?}"), given }
                })
            }
        }
    }

    /// Decides whether the first row is a header; the rest are data.
    fn start(&mut self, target: Option<usize>, options: &CsvOptions) -> Result<(), DataError> {
        self.target = target;
        let header = match options.header {
            Header::Present => true,
            Header::Absent => false,
            // `find` has found the name in the first row.
            Header::Detect if target.is_some() && matches!(options.target, Column::Name(_)) => true,
            Header::Detect => self.detect_header()?,
        };
        let first = std::mem::take(&mut self.first);
        self.pending = !header;
        self.names = header.then_some(first);
        Ok(())
    }

    fn detect_header(&self) -> Result<bool, DataError> {
        let cells = || self.first.iter().enumerate().filter(|(column, _)| Some(*column) != self.target);
        let word = cells().find(|(_, cell)| !cell.is_empty() && !is_number(cell));
        match word {
            None => Ok(false),
            Some(_) if !cells().any(|(_, cell)| is_number(cell)) => Ok(true),
            Some((column, cell)) => {
                Err(DataError::AmbiguousHeader { line: self.first_line, column: column + 1, given: cell.clone() })
            }
        }
    }

    /// Goes to the next row of data, which has as many cells as the first; `false` at the end.
    fn next(&mut self) -> Result<bool, DataError> {
        if std::mem::take(&mut self.pending) {
            return Ok(true);
        }
        if !self.advance()? {
            return Ok(false);
        }
        if self.record.len() != self.width {
            return Err(DataError::Ragged { line: self.line, wanted: self.width, given: self.record.len() });
        }
        Ok(true)
    }

    /// Reads the next row that is not blank.
    fn advance(&mut self) -> Result<bool, DataError> {
        loop {
            let before = self.reader.position().line();
            let more = self.reader.read_byte_record(&mut self.record).map_err(|error| match error.into_kind() {
                csv::ErrorKind::Io(error) => DataError::Io(error),
                // Lengths are checked in `next`, text in `cell`; the reader has nothing else to complain about.
                other => DataError::Io(io::Error::other(format!("{other:?}"))),
            })?;
            if !more {
                return self.open_quote.map_or(Ok(false), |line| Err(DataError::OpenQuote { line }));
            }
            // The reader passes empty lines before it begins a row: count back from the end.
            let inside = self.record.as_slice().iter().filter(|&&byte| byte == b'\n').count() as u64;
            let end = self.reader.position().line().saturating_sub(inside);
            self.line = end.saturating_sub(1).max(before);
            let blank = self.record.len() == 1 && self.record.as_slice().trim_ascii().is_empty();
            self.open_quote = (!blank).then_some(end);
            if !blank {
                return Ok(true);
            }
        }
    }

    /// A cell of the current row without the spaces around it.
    fn cell(&self, column: usize) -> Result<&str, DataError> {
        let bytes = self.record.get(column).unwrap_or_default();
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.trim()),
            Err(_) => Err(self.bad_cell(column, "text in UTF-8", &String::from_utf8_lossy(bytes))),
        }
    }

    fn number(&self, column: usize) -> Result<f32, DataError> {
        let cell = self.cell(column)?;
        match cell.parse::<f32>() {
            Ok(number) if number.is_finite() => Ok(number),
            Ok(_) => Err(self.bad_cell(column, "a finite number", cell)),
            Err(_) => Err(self.bad_cell(column, "a number", cell)),
        }
    }

    fn push_features(&self, features: &mut Vec<f32>) -> Result<(), DataError> {
        for column in 0..self.width {
            if Some(column) != self.target {
                features.push(self.number(column)?);
            }
        }
        Ok(())
    }

    fn bad_cell(&self, column: usize, wanted: impl Into<String>, given: &str) -> DataError {
        DataError::Cell {
            line: self.line,
            column: column + 1,
            name: self.names.as_ref().and_then(|names| names.get(column).cloned()),
            wanted: wanted.into(),
            given: given.to_owned(),
        }
    }
}

/// The labels as they arrive: indices in the order of first appearance, or in that of the given names.
struct Classes<'a> {
    indices: BTreeMap<String, u32>,
    labels: Vec<u32>,
    given: Option<&'a [String]>,
}

impl<'a> Classes<'a> {
    fn new(given: Option<&'a [String]>) -> Self {
        let names = given.unwrap_or_default().iter().zip(0..);
        Classes { indices: names.map(|(name, index)| (name.clone(), index)).collect(), labels: Vec::new(), given }
    }

    fn push<R: Read>(&mut self, table: &Table<R>, column: usize) -> Result<(), DataError> {
        let cell = table.cell(column)?;
        let index = match (self.indices.get(cell), self.given) {
            (Some(&index), _) => index,
            (None, Some(names)) => {
                return Err(table.bad_cell(column, format!("one of the classes {}", list(names)), cell));
            }
            (None, None) if cell.is_empty() => return Err(table.bad_cell(column, "a label", cell)),
            (None, None) => {
                let index = self.indices.len() as u32;
                self.indices.insert(cell.to_owned(), index);
                index
            }
        };
        self.labels.push(index);
        Ok(())
    }

    /// The first label, if it is the only one that is no number: most likely the name of the column.
    fn lone_first_word(&self) -> Option<String> {
        let first = *self.labels.first()?;
        let lone = self.given.is_none() && self.indices.len() > 1 && !self.labels[1..].contains(&first);
        let mut words = self.indices.iter().filter(|(name, _)| !is_number(name));
        let (name, &index) = words.next()?;
        (lone && index == first && words.next().is_none()).then(|| name.clone())
    }

    /// Labels and names, in the order that [`TargetKind::Classes`] promises.
    fn sorted(self) -> (Vec<u32>, Vec<String>) {
        if let Some(names) = self.given {
            return (self.labels, names.to_vec());
        }
        // In the order of bytes so far; a stable sort leaves `1` before `1.0`.
        let mut classes: Vec<(String, u32)> = self.indices.into_iter().collect();
        let numbers: Option<Vec<f64>> = classes.iter().map(|(name, _)| name.parse().ok()).collect();
        if numbers.is_some() {
            classes.sort_by(|(a, _), (b, _)| {
                let number = |name: &str| name.parse::<f64>().unwrap_or(f64::NAN);
                number(a).total_cmp(&number(b))
            });
        }
        let mut new_index = vec![0; classes.len()];
        for (new, (_, old)) in (0..).zip(&classes) {
            new_index[*old as usize] = new;
        }
        let labels = self.labels.iter().map(|&old| new_index[old as usize]).collect();
        (labels, classes.into_iter().map(|(name, _)| name).collect())
    }
}

fn is_number(cell: &str) -> bool {
    cell.parse::<f32>().is_ok()
}

/// Names for a message: the first ones, if there are many.
fn list(names: &[String]) -> String {
    const LONGEST: usize = 20;
    let mut text = names.iter().take(LONGEST).map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    if names.len() > LONGEST {
        text.push_str(&format!(" and {} more", names.len() - LONGEST));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn options(target: &str) -> CsvOptions {
        CsvOptions { target: target.into(), ..CsvOptions::default() }
    }

    fn classes(text: &str, options: &CsvOptions) -> Result<Dataset, DataError> {
        read_from(text.as_bytes(), "test", options)
    }

    fn message<T: std::fmt::Debug>(result: Result<T, DataError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn flowers_with_and_without_header() {
        let rows = "5.1,3.5,setosa\n 7 , 3.2 ,\"versi,color\"\n6.3,-3.3e0,setosa\n";
        let data = classes(rows, &CsvOptions::default()).unwrap();
        assert_eq!((data.features(), data.columns()), (&[5.1, 3.5, 7.0, 3.2, 6.3, -3.3][..], 2));
        assert_eq!(data.labels().unwrap(), [0, 1, 0]);
        assert_eq!(data.class_names().unwrap(), ["setosa", "versi,color"]);
        assert_eq!(data.feature_names(), None);
        let headed = format!("\u{feff}length, width ,kind\n{rows}").replace('\n', "\r\n\r\n");
        for target in [Column::Last, Column::Index(2), Column::Name("kind".into())] {
            let options = CsvOptions { target, ..CsvOptions::default() };
            let with_header = classes(&headed, &options).unwrap();
            assert_eq!(with_header.feature_names().unwrap(), ["length", "width"]);
            assert_eq!(with_header.target_name(), Some("kind"));
            assert_eq!((with_header.features(), with_header.targets()), (data.features(), data.targets()));
        }
    }

    #[test]
    fn any_column_can_be_the_target() {
        let data = classes("a,b,c\n1,x,2\n3,y,4\n", &options("b")).unwrap();
        assert_eq!(
            (data.features(), data.feature_names().unwrap()),
            (&[1.0, 2.0, 3.0, 4.0][..], &["a".into(), "c".into()][..])
        );
        let data = classes("9,1,2\n8,3,4\n", &options("0")).unwrap();
        assert_eq!(
            (data.features(), data.class_names().unwrap()),
            (&[1.0, 2.0, 3.0, 4.0][..], &["8".into(), "9".into()][..])
        );
        let values = CsvOptions { kind: TargetKind::Values, delimiter: b';', ..options("1") };
        let data = classes("9;1.5;2\n8;-3;4", &values).unwrap();
        assert_eq!((data.features(), data.values()), (&[9.0, 2.0, 8.0, 4.0][..], Some(&[1.5, -3.0][..])));
    }

    #[test]
    fn numeric_labels_are_in_numerical_order() {
        let data = classes("1,10\n1,9\n1,-1\n1,1.0\n1,1\n1,9", &CsvOptions::default()).unwrap();
        assert_eq!(data.class_names().unwrap(), ["-1", "1", "1.0", "9", "10"]);
        assert_eq!(data.labels().unwrap(), [4, 3, 0, 2, 1, 3]);
        let data = classes("1,10\n1,9\n1,b\n1,B", &CsvOptions::default()).unwrap();
        assert_eq!(data.class_names().unwrap(), ["10", "9", "B", "b"]);
    }

    #[test]
    fn given_classes_keep_their_indices() {
        let names = Some(vec!["z".to_owned(), "y".to_owned(), "x".to_owned()]);
        let options = CsvOptions { kind: TargetKind::Classes { names }, ..CsvOptions::default() };
        let data = classes("1,y\n2,z\n", &options).unwrap();
        assert_eq!((data.labels().unwrap(), data.target_width()), (&[1, 0][..], 3));
        assert_eq!(
            message(classes("1,y\n2,w\n", &options)),
            r#"test: line 2, column 2: wanted one of the classes "z", "y", "x", got "w""#
        );
    }

    #[test]
    fn a_bad_cell_is_named() {
        let of = |text: &str| message(classes(text, &CsvOptions::default()));
        assert_eq!(of("1,2,a\n3,x,b\n"), r#"test: line 2, column 2: wanted a number, got "x""#);
        assert_eq!(of("p,q,r\n\n1,2,a\n\n\n3,,b"), r#"test: line 6, column 2 ("q"): wanted a number, got """#);
        assert_eq!(
            of("p,q,r\r\n\r\n1,2,a\r\n\r\nnan,1,b"),
            r#"test: line 5, column 1 ("p"): wanted a finite number, got "nan""#
        );
        assert_eq!(of("1,1e40,a\n"), r#"test: line 1, column 2: wanted a finite number, got "1e40""#);
        assert_eq!(of("1,2,a\n3,4,\n"), r#"test: line 2, column 3: wanted a label, got """#);
        assert_eq!(of("1,2,\"a\nb\"\n3,x,b\n"), r#"test: line 3, column 2: wanted a number, got "x""#);
        assert_eq!(of("1,2,a\n3,4\n"), "test: line 2: wanted 3 cells as in the first row, got 2");
        assert_eq!(of("1,2,a\n\n3,4,b,\n"), "test: line 3: wanted 3 cells as in the first row, got 4");
        assert_eq!(of("1,2,a\n\n\n3,4,\"b\n5,6,c\n"), "test: line 4: a quote is opened and never closed");
        assert_eq!(of("1,2,a\r\n3,4,\"b\"\"\r\n"), "test: line 2: a quote is opened and never closed");
        let bytes = read_from(&b"1,2\n3,\xff\n"[..], "test", &CsvOptions::default());
        assert_eq!(message(bytes), "test: line 2, column 2: wanted text in UTF-8, got \"\u{fffd}\"");
        let long = format!("1,2\n{},3\n", "x\t".repeat(1000));
        assert_eq!(of(&long), format!("test: line 2, column 1: wanted a number, got \"{}…\"", r"x\t".repeat(20)));
        let values = CsvOptions { kind: TargetKind::Values, ..CsvOptions::default() };
        assert_eq!(
            message(classes("a,b\n1,inf", &values)),
            r#"test: line 2, column 2 ("b"): wanted a finite number, got "inf""#
        );
    }

    #[test]
    fn a_missing_column_is_named_with_those_that_exist() {
        let of = |text: &str, target: &str| message(classes(text, &options(target)));
        assert_eq!(of("a,b\n1,2\n", "c"), r#"test: no column "c": the file has "a", "b""#);
        assert_eq!(of("3,1,2\n", "c"), r#"test: no column "c": the file has 3 columns and no header"#);
        assert_eq!(of("a,b\n1,2\n", "2"), "test: no column 2 (from 0): the file has 2 columns");
        let absent = CsvOptions { header: Header::Absent, ..options("b") };
        assert_eq!(
            message(classes("a,b\n1,2\n", &absent)),
            r#"test: no column "b": the file has 2 columns and no header"#
        );
    }

    #[test]
    fn a_file_without_data_is_refused() {
        let of = |text: &str| message(classes(text, &CsvOptions::default()));
        assert_eq!(of(""), "test: no rows");
        assert_eq!(of(" \r\n\n"), "test: no rows");
        assert_eq!(of("a,b,c\n"), "test: no rows");
        assert_eq!(of("1\n2\n"), "test: no feature columns");
        assert_eq!(of("\"\"\n"), "test: no rows");
    }

    #[test]
    fn an_ambiguous_header_is_refused_and_can_be_settled() {
        let present = CsvOptions { header: Header::Present, ..CsvOptions::default() };
        let absent = CsvOptions { header: Header::Absent, ..CsvOptions::default() };
        // A missing value in the first row, or a header with a number among its names.
        let mixed = "5,?,a\n6,7,b\n";
        assert_eq!(
            message(classes(mixed, &CsvOptions::default())),
            "test: line 1, column 2: \"?\" is no number, but others are: is the first row a header or data? Say which"
        );
        assert_eq!(classes(mixed, &present).unwrap().rows(), 1);
        assert_eq!(message(classes(mixed, &absent)), r#"test: line 1, column 2: wanted a number, got "?""#);
        // Numbers as names of columns: only the label tells.
        let numbered = "0,1,target\n5,6,1\n7,8,2\n9,9,1\n";
        assert!(
            message(classes(numbered, &CsvOptions::default())).contains("line 1, column 3: \"target\" is no number")
        );
        assert_eq!(classes(numbered, &present).unwrap().feature_names().unwrap(), ["0", "1"]);
        assert_eq!(classes(numbered, &options("target")).unwrap().rows(), 3);
        assert_eq!(classes(numbered, &absent).unwrap().class_names().unwrap(), ["1", "2", "target"]);
        assert_eq!(classes("0,1,a\n5,6,1\n7,8,a", &CsvOptions::default()).unwrap().rows(), 3);
    }

    #[test]
    fn features_with_or_without_the_target() {
        let of = |text: &str, target: &str| read_features_from(text.as_bytes(), "test", 2, &options(target));
        let unnamed = Features { values: vec![1.0, 2.0, 3.0, 4.0], rows: 2, columns: 2, names: None };
        let named = Features { names: Some(vec!["a".into(), "b".into()]), ..unnamed.clone() };
        let last = CsvOptions::default();
        for (text, expected) in [
            ("1,2\n3,4\n", &unnamed),
            ("a,b\n1,2\n3,4\n", &named),
            ("1,2,x\n3,4,\n", &unnamed),
            ("a,b,c\n1,2,x\n3,4,?\n", &named),
        ] {
            assert_eq!(&read_features_from(text.as_bytes(), "test", 2, &last).unwrap(), expected, "{text}");
        }
        assert_eq!(of("1,x,2\n3,y,4\n", "1").unwrap(), unnamed);
        assert_eq!(of("a,kind,b\n1,x,2\n3,y,4\n", "kind").unwrap(), named);
        assert_eq!(of("a,b\n1,2\n3,4\n", "kind").unwrap(), named);
        assert_eq!(of("1,2\n3,4\n", "kind").unwrap(), unnamed);
        assert_eq!(message(of("1,2,x\n", "kind")), r#"test: no column "kind": the file has 3 columns and no header"#);
        assert_eq!(message(of("a,kind\n1,2\n", "kind")), "test: wanted 2 feature columns, got 1");
        assert_eq!(message(of("1,2,3,4\n", "0")), "test: wanted 2 feature columns, got 4");
        assert_eq!(message(of("1,2,3\n", "7")), "test: no column 7 (from 0): the file has 3 columns");
        assert_eq!(message(of("a,b\n", "0")), "test: no rows");
        assert_eq!(message(of("1,2\n3,nan\n", "0")), r#"test: line 2, column 2: wanted a finite number, got "nan""#);
        assert_eq!(message(read_features_from(&b"1"[..], "test", 0, &last)), "test: no feature columns");
        assert!(read_features_from(&b"1"[..], "test", usize::MAX, &last).is_err());
    }

    #[test]
    fn a_file_is_named_by_its_path() {
        let path = std::env::temp_dir().join(format!("steadynet-csv-{}.csv.gz", std::process::id()));
        assert!(message(read(&path, &CsvOptions::default())).starts_with(&path.display().to_string()));
        std::fs::write(&path, include_bytes!("../../data/digits.csv.gz")).unwrap();
        assert_eq!(read(&path, &CsvOptions::default()).unwrap(), Dataset::digits());
        assert_eq!(read_features(&path, 64, &CsvOptions::default()).unwrap().values, Dataset::digits().features());
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn no_truncation_panics() {
        let text = "a,\"b\"\"\",kind\r\n1,2.5e1,\"x\ny\"\r\n3,4,é\r\n".as_bytes();
        for end in 0..=text.len() {
            let read = read_from(&text[..end], "test", &CsvOptions::default());
            // Before the closing quote of the first label there is no whole row.
            assert!(end > 26 || read.is_err(), "{end}: {read:?}");
            let _ = read_features_from(&text[..end], "test", 2, &options("kind"));
        }
        let compressed = include_bytes!("../../data/digits.csv.gz");
        for end in (0..compressed.len()).step_by(997) {
            assert!(read_from(&compressed[..end], "test", &CsvOptions::default()).is_err());
        }
    }

    proptest! {
        #[test]
        fn written_numbers_are_read_to_the_bit(
            rows in prop::collection::vec((prop::num::f32::NORMAL, prop::num::f32::SUBNORMAL | prop::num::f32::ZERO, 0u32..30), 1..20),
        ) {
            let text: String = rows.iter().map(|(a, b, label)| format!("{a},{b:e},{label}\n")).collect();
            let data = classes(&text, &CsvOptions::default()).unwrap();
            let expected: Vec<u32> = rows.iter().flat_map(|(a, b, _)| [a.to_bits(), b.to_bits()]).collect();
            prop_assert_eq!(data.features().iter().map(|x| x.to_bits()).collect::<Vec<_>>(), expected);
            let names = data.class_names().unwrap();
            for ((.., label), &index) in rows.iter().zip(data.labels().unwrap()) {
                prop_assert_eq!(&names[index as usize], &label.to_string());
            }
        }

        #[test]
        fn no_bytes_panic(
            bytes in prop::collection::vec(prop_oneof![8 => prop::sample::select(&b"01.,,\"\n\r ae-"[..]), 1 => any::<u8>()], 0..60),
            target in prop::sample::select(&["0", "1", "5", "a", ""][..]),
            header in prop::sample::select(&[Header::Detect, Header::Present, Header::Absent][..]),
            last: bool,
            values: bool,
            columns in 0usize..4,
        ) {
            let mut options = CsvOptions { header, ..options(target) };
            if last {
                options.target = Column::Last;
            }
            if values {
                options.kind = TargetKind::Values;
            }
            if let Ok(data) = read_from(&bytes[..], "test", &options) {
                prop_assert!(data.features().iter().all(|x| x.is_finite()));
                prop_assert_eq!(data.labels().is_some(), !values);
            }
            if let Ok(read) = read_features_from(&bytes[..], "test", columns, &options) {
                prop_assert_eq!((read.columns, read.values.len()), (columns, read.rows * columns));
            }
        }
    }
}
