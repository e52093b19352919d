//! CSV files: numeric features, and classes or numbers to learn.
//!
//! A row is a line of cells between commas (or another [delimiter](CsvOptions::delimiter)); a cell may stand in double
//! quotes. Spaces around a cell do not count, nor do empty lines, nor a byte order mark. Gzip is recognised by its content.
//! Lines and columns in errors count from 1, [`Column::Index`] from 0.

mod classes;
mod table;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::path::Path;

use classes::Classes;
use table::Table;

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
