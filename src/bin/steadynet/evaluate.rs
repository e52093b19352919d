//! `steadynet evaluate`: how a model does on data with known answers.

use crate::compute::ComputeArgs;
use crate::data_source::{CsvArgs, DATA_HELP, Schema, Source};
use crate::failure::Failure;
use crate::output::{print, print_json};
use crate::scores::measure;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use steadynet::Model;

/// Measure a model on data with known answers
///
/// For classes: loss, accuracy, precision, recall and F1 of each class, and the confusion matrix. For numbers: loss, mean
/// squared error, mean absolute error and R².
///
/// All rows of a CSV file and of `digits` are used (of `digits` also those that the model was trained on: `train` itself
/// measures on rows that it held out), of a folder with IDX files the test set.
#[derive(Args)]
pub struct Evaluate {
    /// A file that `steadynet train` has written
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    #[arg(value_name = "DATA", help = DATA_HELP)]
    data: Source,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    csv: CsvArgs,
    #[command(flatten)]
    compute: ComputeArgs,
}

impl Evaluate {
    pub fn run(&self) -> Result<(), Failure> {
        self.csv.check_used(&[&self.data])?;
        let model = Model::load(&self.model)?;
        let mut data = self.data.test(&self.csv, &Schema::of_model(&model))?;
        if let Some(preprocessing) = &model.preprocessing {
            data = data.preprocessed(preprocessing).map_err(|error| error.in_file(&self.data.name()))?;
        }
        let scores = self.compute.run(|compute| measure(&model.network, &data, compute))?;
        if self.json {
            let mut value = scores.json();
            value["model"] = json!(self.model.display().to_string());
            value["data"] = json!(self.data.name());
            value["weights_sha256"] = json!(model.weights_sha256());
            print_json(&value)
        } else {
            print(scores.text())
        }
    }
}
