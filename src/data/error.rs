//! Everything that can be wrong with data.

use std::{fmt, io};

/// Why a data set was refused. Rows and columns of a data set count from 0; lines and columns of a file from 1.
#[derive(Debug)]
#[non_exhaustive]
pub enum DataError {
    /// An error of one file (or stream): the other variants do not repeat its name.
    InFile {
        /// Path of the file, or what the caller calls the stream.
        file: String,
        /// What is wrong with it.
        error: Box<DataError>,
    },
    /// The operating system or the decompressor failed.
    Io(
        /// As it was reported.
        io::Error,
    ),
    /// Something that must have elements has none.
    Empty {
        /// What has none.
        operand: &'static str,
    },
    /// A slice has the wrong length.
    Length {
        /// The slice.
        operand: &'static str,
        /// Needed number of elements.
        wanted: usize,
        /// Number of elements that came.
        given: usize,
    },
    /// A number outside its range.
    OutOfRange {
        /// The argument.
        operand: &'static str,
        /// The range.
        wanted: &'static str,
        /// What came.
        given: String,
    },
    /// NaN or an infinity.
    NotFinite {
        /// `features`, `targets`, `shift` or `scale`.
        operand: &'static str,
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
        /// The value.
        given: f32,
    },
    /// A class index is not below the number of classes.
    Label {
        /// Row, from 0.
        row: usize,
        /// The index that came.
        given: u32,
        /// Number of classes.
        classes: usize,
    },
    /// Two classes or two features of one name.
    DuplicateName {
        /// `class names`.
        operand: &'static str,
        /// The name.
        name: String,
    },
    /// All rows have the same label: there is nothing to learn.
    OneClass {
        /// Its name.
        name: String,
    },
    /// Class labels where numbers are needed, or the other way round.
    Targets {
        /// The needed kind of targets.
        wanted: &'static str,
        /// The kind that came.
        given: &'static str,
    },
    /// Another number of features than the model or the preprocessing has.
    FeatureCount {
        /// The needed number of columns.
        wanted: usize,
        /// The number of columns that came, without the target column.
        given: usize,
    },
    /// A folder lacks one of its files.
    MissingFile {
        /// The names that were looked for, any one of which would do.
        wanted: Vec<String>,
    },
    /// The first four bytes are those of another kind of file.
    Magic {
        /// What the file should be.
        operand: &'static str,
        /// The number it should begin with (big-endian).
        wanted: u32,
        /// The number it begins with.
        given: u32,
    },
    /// The file ends before its header says it does.
    Truncated {
        /// The part that is not complete.
        operand: &'static str,
        /// Bytes that it should have.
        wanted: u64,
        /// Bytes that are there.
        given: u64,
    },
    /// The file goes on after the end that its header gives.
    Surplus {
        /// The part after which the file should end.
        operand: &'static str,
        /// Bytes that it should have.
        wanted: u64,
    },
    /// A cell of a CSV file cannot be read.
    Cell {
        /// Line, from 1, on which the row begins.
        line: u64,
        /// Column, from 1.
        column: usize,
        /// Name of the column, if the file has a header.
        name: Option<String>,
        /// What should stand there.
        wanted: String,
        /// What stands there.
        given: String,
    },
    /// A row of a CSV file has another number of cells than the first row.
    Ragged {
        /// Line, from 1, on which the row begins.
        line: u64,
        /// Cells of the first row.
        wanted: usize,
        /// Cells of this row.
        given: usize,
    },
    /// A quoted cell of a CSV file has no end.
    OpenQuote {
        /// Line, from 1, on which its row begins.
        line: u64,
    },
    /// The target column does not exist.
    MissingColumn {
        /// Name or index of the column.
        wanted: String,
        /// The columns that exist: their names, or their number in a file without a header.
        given: String,
    },
    /// The first row may be a header or data.
    AmbiguousHeader {
        /// Line, from 1.
        line: u64,
        /// Column, from 1, of the cell that is no number though others of its row (or column) are.
        column: usize,
        /// The cell.
        given: String,
    },
}

impl DataError {
    /// The same error, with the name of the file.
    pub fn in_file(self, file: &str) -> Self {
        DataError::InFile { file: file.to_owned(), error: Box::new(self) }
    }

    /// The error without the name of the file.
    pub fn without_file(&self) -> &DataError {
        match self {
            DataError::InFile { error, .. } => error.without_file(),
            other => other,
        }
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataError::InFile { file, error } => write!(f, "{file}: {error}"),
            DataError::Io(error) => write!(f, "{error}"),
            DataError::Empty { operand } => write!(f, "no {operand}"),
            DataError::Length { operand, wanted, given } => write!(f, "{operand}: wanted length {wanted}, got {given}"),
            DataError::OutOfRange { operand, wanted, given } => write!(f, "{operand}: wanted {wanted}, got {given}"),
            DataError::NotFinite { operand, row, column, given } => {
                write!(f, "{operand}: wanted finite numbers, got {given} in row {row}, column {column} (from 0)")
            }
            DataError::Label { row, given, classes } => {
                write!(f, "labels: wanted class indices below {classes}, got {given} in row {row} (from 0)")
            }
            DataError::DuplicateName { operand, name } => {
                write!(f, "{operand}: wanted distinct names, got {} twice", Quoted(name))
            }
            DataError::OneClass { name } => {
                write!(f, "labels: wanted at least two classes, got {} in every row", Quoted(name))
            }
            DataError::Targets { wanted, given } => write!(f, "targets: wanted {wanted}, got {given}"),
            DataError::FeatureCount { wanted, given } => write!(f, "wanted {wanted} feature columns, got {given}"),
            DataError::MissingFile { wanted } => write!(f, "wanted a file {}, found none", wanted.join(" or ")),
            DataError::Magic { operand, wanted, given } => {
                write!(f, "wanted {operand}, which begin with {wanted:#010x}, got {given:#010x}")
            }
            DataError::Truncated { operand, wanted, given } => {
                write!(f, "truncated: the {operand} should have {wanted} bytes, the file has {given} of them")
            }
            DataError::Surplus { operand, wanted } => {
                write!(f, "the {operand} should have {wanted} bytes, but the file goes on after them")
            }
            DataError::Cell { line, column, name, wanted, given } => {
                write!(f, "line {line}, column {column}")?;
                if let Some(name) = name {
                    write!(f, " ({})", Quoted(name))?;
                }
                write!(f, ": wanted {wanted}, got {}", Quoted(given))
            }
            DataError::Ragged { line, wanted, given } => {
                write!(f, "line {line}: wanted {wanted} cells as in the first row, got {given}")
            }
            DataError::OpenQuote { line } => write!(f, "line {line}: a quote is opened and never closed"),
            DataError::MissingColumn { wanted, given } => write!(f, "no column {wanted}: the file has {given}"),
            DataError::AmbiguousHeader { line, column, given } => write!(
                f,
                "line {line}, column {column}: {} is no number, but others are: is the first row a header or data? \
                 Say which",
                Quoted(given)
            ),
        }
    }
}

impl std::error::Error for DataError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            DataError::InFile { error, .. } => Some(error),
            DataError::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for DataError {
    fn from(error: io::Error) -> Self {
        DataError::Io(error)
    }
}

/// Foreign text in a message: in quotes, control characters escaped, cut where it is too long to read.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 40;
        match self.0.char_indices().nth(LONGEST) {
            Some((end, _)) => write!(f, "\"{}…\"", self.0[..end].escape_debug()),
            None => write!(f, "\"{}\"", self.0.escape_debug()),
        }
    }
}
