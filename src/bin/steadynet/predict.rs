//! `steadynet predict`: what a model says about rows without answers.

use crate::compute::{Compute, ComputeArgs};
use crate::data_source::{CsvArgs, DATA_HELP, Schema, Source};
use crate::failure::Failure;
use crate::output::{check_writable, print};
use crate::scores::decide;
use clap::Args;
use std::path::{Path, PathBuf};
use steadynet::atomic_file::write_atomically;
use steadynet::{Loss, Model};

/// Ask a model about rows of data
///
/// Writes CSV: a header, then one line a row of DATA, in the same order: the name of the class, or the number. A row gets the
/// same bits alone and among any others. The target column of DATA, if it is there, is left out.
#[derive(Args)]
pub struct Predict {
    /// A file that `steadynet train` has written
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    #[arg(value_name = "DATA", help = DATA_HELP)]
    data: Source,
    /// Add the probability of each class (of a model trained with squared-error, its outputs), in as many digits as give the same
    /// bits when read back
    #[arg(long)]
    proba: bool,
    /// Write to this file instead of standard output: whole or not at all
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    csv: CsvArgs,
    #[command(flatten)]
    compute: ComputeArgs,
}

impl Predict {
    pub fn run(&self) -> Result<(), Failure> {
        self.csv.check_used(&[&self.data])?;
        if let Some(out) = &self.out {
            let inputs: Vec<&Path> = [Some(self.model.as_path()), self.data.path()].into_iter().flatten().collect();
            check_writable(&[("--out", out)], &inputs)?;
        }
        let model = Model::load(&self.model)?;
        if self.proba && model.class_names.is_none() {
            return Err(Failure::new("--proba: the model predicts numbers, it has no classes"));
        }
        let features = self.data.features(&self.csv, &Schema::of_model(&model))?.values;
        let inputs = model.preprocessed(&features)?;
        let outputs = self
            .compute
            .run(|Compute { isa, parallelism }| Ok(model.network.predict_on(&inputs, isa, parallelism)?))?;
        check_finite("output", &outputs, model.network.outputs())?;
        let csv = self.table(&model, &outputs)?;
        match &self.out {
            Some(path) => Ok(write_atomically(path, |file| file.write_all(&csv))?),
            None => print(csv),
        }
    }

    /// The predictions as CSV.
    fn table(&self, model: &Model, outputs: &[f32]) -> Result<Vec<u8>, Failure> {
        let width = model.network.outputs();
        let loss = model.network.loss();
        let mut table = csv::Writer::from_writer(Vec::new());
        match &model.class_names {
            Some(names) => {
                let what = if loss == Loss::SquaredError { "output" } else { "p" };
                // With one output there is one number to tell: that of the second class.
                let shown = if width == 1 { &names[1..] } else { &names[..] };
                let columns = shown.iter().filter(|_| self.proba).map(|name| format!("{what}({name})"));
                table.write_record(["prediction".to_owned()].into_iter().chain(columns))?;
                for (class, row) in decide(outputs, width)?.into_iter().zip(outputs.chunks_exact(width)) {
                    let numbers = row.iter().filter(|_| self.proba).map(digits);
                    table.write_record([names[class as usize].clone()].into_iter().chain(numbers))?;
                }
            }
            None => {
                let numbered = (0..width).map(|output| format!("prediction_{output}"));
                let header: Vec<String> = if width == 1 { vec!["prediction".into()] } else { numbered.collect() };
                table.write_record(header)?;
                for row in outputs.chunks_exact(width) {
                    table.write_record(row.iter().map(digits))?;
                }
            }
        }
        Ok(table.into_inner()?)
    }
}

/// The shortest digits that read back as the same `f32`.
fn digits(value: &f32) -> String {
    // `Display` spells 1e-30 out.
    format!("{value:?}")
}

fn check_finite(what: &str, values: &[f32], width: usize) -> Result<(), Failure> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => {
            let (row, column) = (at / width + 1, at % width + 1);
            Err(Failure::new(format!(
                "{what} {column} of row {row} of the data is {}: the numbers are too large",
                values[at]
            )))
        }
    }
}
