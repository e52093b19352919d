//! The rows of a file, one after the other, and what its first row is.

use std::io::{self, Read};

use csv::{ByteRecord, ReaderBuilder, Terminator};

use super::{Column, CsvOptions, Header};
use crate::data::error::DataError;

/// A file without its byte order mark, with [`END`] after it.
type Lines<R> = io::Chain<io::Chain<io::Cursor<Vec<u8>>, R>, &'static [u8]>;

/// Ends the last line, so that every row has a newline; then a row of one empty cell, which counts as blank and is the
/// last row, unless a quote still open swallows it.
const END: &[u8] = b"\n\"\"\n";

/// A file whose first row has been read.
pub(super) struct Table<R> {
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
    pub width: usize,
    pub first_line: u64,
    /// The first row as text, until [`Table::start`] has decided what it is.
    first: Vec<String>,
    /// The header, once decided.
    pub names: Option<Vec<String>>,
    target: Option<usize>,
    header: Header,
}

impl<R: Read> Table<R> {
    pub fn new(mut bytes: R, options: &CsvOptions) -> Result<Self, DataError> {
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
    pub fn find(&self, target: &Column) -> Result<usize, DataError> {
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
    pub fn start(&mut self, target: Option<usize>, options: &CsvOptions) -> Result<(), DataError> {
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
    pub fn next(&mut self) -> Result<bool, DataError> {
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
    pub fn cell(&self, column: usize) -> Result<&str, DataError> {
        let bytes = self.record.get(column).unwrap_or_default();
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.trim()),
            Err(_) => Err(self.bad_cell(column, "text in UTF-8", &String::from_utf8_lossy(bytes))),
        }
    }

    pub fn number(&self, column: usize) -> Result<f32, DataError> {
        let cell = self.cell(column)?;
        match cell.parse::<f32>() {
            Ok(number) if number.is_finite() => Ok(number),
            Ok(_) => Err(self.bad_cell(column, "a finite number", cell)),
            Err(_) => Err(self.bad_cell(column, "a number", cell)),
        }
    }

    pub fn push_features(&self, features: &mut Vec<f32>) -> Result<(), DataError> {
        for column in 0..self.width {
            if Some(column) != self.target {
                features.push(self.number(column)?);
            }
        }
        Ok(())
    }

    pub fn bad_cell(&self, column: usize, wanted: impl Into<String>, given: &str) -> DataError {
        DataError::Cell {
            line: self.line,
            column: column + 1,
            name: self.names.as_ref().and_then(|names| names.get(column).cloned()),
            wanted: wanted.into(),
            given: given.to_owned(),
        }
    }
}

pub(super) fn is_number(cell: &str) -> bool {
    cell.parse::<f32>().is_ok()
}

/// Names for a message: the first ones, if there are many.
pub(super) fn list(names: &[String]) -> String {
    const LONGEST: usize = 20;
    let mut text = names.iter().take(LONGEST).map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    if names.len() > LONGEST {
        text.push_str(&format!(" and {} more", names.len() - LONGEST));
    }
    text
}
