//! DATA: where rows come from.

use crate::failure::Failure;
use crate::output::note;
use crate::targets::{Found, Task, as_numbers};
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use steadynet::data::csv::{self, Column, CsvOptions, Features, Header, TargetKind};
use steadynet::data::{DataError, idx};
use steadynet::{Dataset, Loss, Model};

/// What DATA can be, for the help texts.
pub const DATA_HELP: &str = "`digits` (built in: 1797 handwritten digits of 8×8 pixels), a folder with the four IDX files of MNIST \
     (.gz or not), a CSV file (.gz or not), or `-` for CSV from standard input; a file of the name `digits` is `./digits`";

/// DATA on the command line.
#[derive(Clone)]
pub enum Source {
    Digits,
    StandardInput,
    Path(PathBuf),
}

impl From<OsString> for Source {
    fn from(text: OsString) -> Source {
        match text.to_str() {
            Some("digits") => Source::Digits,
            Some("-") => Source::StandardInput,
            _ => Source::Path(text.into()),
        }
    }
}

/// The kinds of data, which differ in the range of their features.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Digits,
    Idx,
    Csv,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Digits => "digits",
            Kind::Idx => "idx",
            Kind::Csv => "csv",
        }
    }
}

/// Whether the first row of a CSV file holds names.
#[derive(Clone, Copy, ValueEnum)]
enum HeaderArg {
    Auto,
    Yes,
    No,
}

/// The options for CSV files.
#[derive(Args, Clone)]
#[command(next_help_heading = "CSV files")]
pub struct CsvArgs {
    /// The column to predict: a name of the header, or an index from 0 [default: that of the model, else the last column]
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// Whether the first row holds the names of the columns [default: auto]
    #[arg(long, value_name = "WHEN")]
    header: Option<HeaderArg>,
    /// What stands between two cells: a character, or `tab` [default: ,]
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    delimiter: Option<u8>,
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        _ if text == "tab" || text == "\\t" => Ok(b'\t'),
        [byte] if !byte.is_ascii_alphanumeric() && !b"\"\r\n.+-".contains(byte) => Ok(*byte),
        _ => Err("wanted one ASCII character that is no part of a number or word, or `tab`".into()),
    }
}

impl CsvArgs {
    /// The target column as `--target` names it.
    pub fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    /// Refuses options that would do nothing, because none of the sources is CSV.
    pub fn check_used(&self, sources: &[&Source]) -> Result<(), Failure> {
        let given = [
            ("--target", self.target.is_some()),
            ("--header", self.header.is_some()),
            ("--delimiter", self.delimiter.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((option, _)) if !sources.iter().any(|source| source.is_csv()) => {
                let mut names: Vec<String> = sources.iter().map(|source| source.name()).collect();
                names.dedup();
                Err(Failure::Usage(format!("{option} is for CSV files, but {} is none", names.join(" or "))))
            }
            _ => Ok(()),
        }
    }

    fn options(&self, target: Column, kind: TargetKind) -> CsvOptions {
        let header = match self.header {
            None | Some(HeaderArg::Auto) => Header::Detect,
            Some(HeaderArg::Yes) => Header::Present,
            Some(HeaderArg::No) => Header::Absent,
        };
        CsvOptions { header, target, kind, delimiter: self.delimiter.unwrap_or(b',') }
    }
}

/// Data to train on.
pub struct Training {
    pub data: Dataset,
    /// The test set that comes with them.
    pub test: Option<Dataset>,
    pub kind: Kind,
}

/// What data must be like to be asked of a model, or to test a training.
pub struct Schema {
    pub columns: usize,
    pub class_names: Option<Vec<String>>,
    pub feature_names: Option<Vec<String>>,
    pub target: Column,
}

impl Schema {
    /// The data that a model was made for.
    pub fn of_model(model: &Model) -> Schema {
        // `train` notes the index of a target column that has no name.
        let index = || model.training.get(TARGET_INDEX).and_then(|text| text.parse().ok()).map(Column::Index);
        Schema {
            columns: model.network.inputs(),
            class_names: model.class_names.clone(),
            feature_names: model.feature_names.clone(),
            target: model.target_name.clone().map(Column::Name).or_else(index).unwrap_or(Column::Last),
        }
    }

    fn check_features(&self, columns: usize, names: Option<&[String]>) -> Result<(), Failure> {
        if columns != self.columns {
            return Err(DataError::FeatureCount { wanted: self.columns, given: columns }.into());
        }
        let pairs = self.feature_names.iter().flatten().zip(names.unwrap_or_default());
        match pairs.enumerate().find(|(_, (wanted, given))| wanted != given) {
            None => Ok(()),
            Some((feature, (wanted, given))) => {
                let feature = feature + 1;
                Err(Failure::new(format!("feature {feature}: wanted the column {wanted:?}, got {given:?}")))
            }
        }
    }
}

/// Key of a model's training settings: the index of a target column without a name.
pub const TARGET_INDEX: &str = "target_index";

impl Source {
    /// What messages call it.
    pub fn name(&self) -> String {
        match self {
            Source::Digits => "digits".into(),
            Source::StandardInput => "standard input".into(),
            Source::Path(path) if path.as_os_str().is_empty() => "\"\"".into(),
            Source::Path(path) => path.display().to_string(),
        }
    }

    /// The file or folder, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Source::Path(path) => Some(path),
            _ => None,
        }
    }

    fn folder(&self) -> Option<&Path> {
        self.path().filter(|path| path.is_dir())
    }

    /// Whether it is neither built in nor a folder of IDX files.
    fn is_csv(&self) -> bool {
        !matches!(self, Source::Digits) && self.folder().is_none()
    }

    /// Data to train on.
    pub fn training(&self, csv: &CsvArgs, task: Task, loss: Option<Loss>) -> Result<Training, Failure> {
        let (data, test, kind) = match (self, self.folder()) {
            (Source::Digits, _) => (Dataset::digits(), None, Kind::Digits),
            (_, Some(folder)) => {
                let (training, test) = idx::read_folder(folder)?;
                (training, Some(test), Kind::Idx)
            }
            _ => {
                let data = self.csv_to_train(csv, task, loss)?;
                return Ok(Training { data, test: None, kind: Kind::Csv });
            }
        };
        let numbers = |data| if task == Task::Regression { as_numbers(data) } else { Ok(data) };
        Ok(Training { data: numbers(data)?, test: test.map(numbers).transpose()?, kind })
    }

    fn csv_to_train(&self, csv: &CsvArgs, task: Task, loss: Option<Loss>) -> Result<Dataset, Failure> {
        let bytes = self.bytes()?;
        let target = csv.target().map_or(Column::Last, Column::from);
        let read = |kind| csv::read_from(&bytes[..], &self.name(), &csv.options(target.clone(), kind));
        if task == Task::Regression {
            return Ok(read(TargetKind::Values)?);
        }
        let classes = match read(TargetKind::Classes { names: None }) {
            // More distinct values than there can be classes.
            Err(error)
                if task == Task::Auto
                    && matches!(error.without_file(), DataError::OutOfRange { operand: "classes", .. }) =>
            {
                return Ok(read(TargetKind::Values)?);
            }
            other => other?,
        };
        let names = classes.class_names().unwrap_or_default();
        let found = if task == Task::Auto { Task::of_labels(names, loss) } else { Found::Classes };
        match found {
            Found::Classes => {
                const MANY: usize = 100;
                if names.len() > MANY && names.len() > classes.rows() / 10 {
                    let (classes, rows) = (names.len(), classes.rows());
                    note(&format!("{classes} classes in {rows} rows: is it --task regression?"));
                }
                Ok(classes)
            }
            Found::Numbers => Ok(read(TargetKind::Values)?),
            Found::NumbersAndWords => read(TargetKind::Values).map_err(|error| {
                Failure::new(format!("{error} (squared-error; --task classification would take the labels as classes)"))
            }),
        }
    }

    /// Rows with their targets, to measure a model on: the whole of `digits` or of a CSV file, the test set of a folder.
    pub fn test(&self, csv: &CsvArgs, schema: &Schema) -> Result<Dataset, Failure> {
        let about = |failure: Failure| failure.about(&self.name());
        let data = match (self, self.folder()) {
            (Source::Digits, _) => Dataset::digits(),
            (_, Some(folder)) => idx::read_folder(folder)?.1,
            _ => {
                let kind = match &schema.class_names {
                    Some(names) => TargetKind::Classes { names: Some(names.clone()) },
                    None => TargetKind::Values,
                };
                let options = csv.options(csv.target().map_or(schema.target.clone(), Column::from), kind);
                csv::read_from(&self.bytes()?[..], &self.name(), &options)?
            }
        };
        schema.check_features(data.columns(), data.feature_names()).map_err(about)?;
        match &schema.class_names {
            Some(names) => with_classes(data, names).map_err(about),
            None => as_numbers(data).map_err(about),
        }
    }

    /// Rows without targets, to ask a model about: of `digits` or a CSV file all, of a folder the test set.
    pub fn features(&self, csv: &CsvArgs, schema: &Schema) -> Result<Features, Failure> {
        let about = |failure: Failure| failure.about(&self.name());
        let data = match (self, self.folder()) {
            (Source::Digits, _) => Dataset::digits(),
            (_, Some(folder)) => idx::read_folder(folder)?.1,
            _ => {
                let target = csv.target().map_or(schema.target.clone(), Column::from);
                let options = csv.options(target, TargetKind::Values);
                let features = csv::read_features_from(&self.bytes()?[..], &self.name(), schema.columns, &options)?;
                schema.check_features(features.columns, features.names.as_deref()).map_err(about)?;
                return Ok(features);
            }
        };
        schema.check_features(data.columns(), None).map_err(about)?;
        Ok(Features { values: data.features().to_vec(), rows: data.rows(), columns: data.columns(), names: None })
    }

    /// The whole of a file or of standard input: it may have to be read twice.
    fn bytes(&self) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        match self {
            Source::Path(path) => fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)),
            _ => std::io::stdin().lock().read_to_end(&mut bytes),
        }
        .map_err(|error| Failure::new(format!("cannot read {}: {error}", self.name())))?;
        const IDX_BYTES: [u8; 3] = [0, 0, 8];
        if bytes.starts_with(&IDX_BYTES) {
            return Err(Failure::new(format!(
                "{}: this is an IDX file; give the folder that holds all four of them",
                self.name()
            )));
        }
        Ok(bytes)
    }
}

/// The same rows with class indices that mean the classes of these names.
fn with_classes(data: Dataset, names: &[String]) -> Result<Dataset, Failure> {
    let (Some(labels), Some(given)) = (data.labels(), data.class_names()) else {
        return Err(Failure::new("wanted classes as targets, got numbers"));
    };
    if given == names {
        return Ok(data);
    }
    let index = |label: u32| {
        let name = &given[label as usize];
        let found = names.iter().position(|known| known == name);
        found.map(|index| index as u32).ok_or_else(|| {
            let known = names.iter().take(20).map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
            Failure::new(format!("class {name:?} is none of the model's: {known}"))
        })
    };
    let labels = labels.iter().map(|&label| index(label)).collect::<Result<Vec<u32>, Failure>>()?;
    let data = Dataset::classification(data.features().to_vec(), data.columns(), labels, names.len())?;
    Ok(data.with_class_names(names.to_vec())?)
}
