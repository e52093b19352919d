//! `steadynet inspect`: what a model file holds.

use crate::failure::Failure;
use crate::output::{print, print_json, printable};
use clap::Args;
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;
use steadynet::{Loss, Model, Preprocessing};

/// Show what a model file holds: layers, settings of the training, classes, SHA-256 of the weights
#[derive(Args)]
pub struct Inspect {
    /// A file that `steadynet train` has written
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub fn run(&self) -> Result<(), Failure> {
        let model = Model::load(&self.model)?;
        if self.json { print_json(&self.value(&model)) } else { print(text(&model)) }
    }

    fn value(&self, model: &Model) -> serde_json::Value {
        let layers = model.network.layers().iter().map(|layer| {
            json!({ "inputs": layer.inputs(), "outputs": layer.outputs(), "activation": layer.activation().name() })
        });
        let preprocessing = model.preprocessing.as_ref();
        json!({
            "model": self.model.display().to_string(),
            "layers": layers.collect::<Vec<_>>(),
            "parameters": model.network.parameter_count(),
            "loss": model.network.loss().name(),
            "preprocessing": preprocessing.map(|map| json!({ "shift": map.shift, "scale": map.scale })),
            "class_names": model.class_names,
            "feature_names": model.feature_names,
            "target_name": model.target_name,
            "training": model.training,
            "weights_sha256": model.weights_sha256(),
        })
    }
}

fn text(model: &Model) -> String {
    let network = &model.network;
    let mut text = String::from("layer  inputs  outputs  parameters  activation\n");
    // A `String` takes every write.
    for (i, layer) in network.layers().iter().enumerate() {
        let (inputs, outputs) = (layer.inputs(), layer.outputs());
        let parameters = (inputs + 1) * outputs;
        let activation = layer.activation().name();
        let _ = writeln!(text, "{:>5}  {inputs:>6}  {outputs:>7}  {parameters:>10}  {activation}", i + 1);
    }
    let meaning = match network.loss() {
        Loss::CrossEntropy => " (a prediction is the softmax of the last layer)",
        Loss::BinaryCrossEntropy => " (a prediction is the sigmoid of the last layer)",
        _ => "",
    };
    text.push('\n');
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<13}  {value}");
    };
    line("parameters", network.parameter_count().to_string());
    line("loss", format!("{}{meaning}", network.loss()));
    line("preprocessing", model.preprocessing.as_ref().map_or("none".into(), preprocessing));
    if let Some(names) = &model.class_names {
        line("classes", list(names));
    }
    if let Some(names) = &model.feature_names {
        line("features", list(names));
    }
    if let Some(name) = &model.target_name {
        line("target", printable(name));
    }
    line("SHA-256", model.weights_sha256());
    if !model.training.is_empty() {
        text.push_str("\ntraining\n");
        for (name, value) in &model.training {
            let _ = writeln!(text, "  {:<18}  {}", printable(name), printable(value));
        }
    }
    text
}

/// `x' = (x − shift) · scale` in a line.
fn preprocessing(map: &Preprocessing) -> String {
    let (Some(shift), Some(scale)) = (range(&map.shift), range(&map.scale)) else { return "none".into() };
    format!("(x − shift) · scale, with shift {shift} and scale {scale}")
}

fn range(values: &[f32]) -> Option<String> {
    let smallest = values.iter().copied().reduce(f32::min)?;
    let largest = values.iter().copied().reduce(f32::max)?;
    Some(if smallest == largest {
        format!("{smallest:?}")
    } else {
        format!("{smallest:?} to {largest:?}, different for each feature")
    })
}

/// Names in a line, the first ones if there are many.
fn list(names: &[String]) -> String {
    const LONGEST: usize = 12;
    let mut text = names.iter().take(LONGEST).map(|name| printable(name)).collect::<Vec<_>>().join(", ");
    if names.len() > LONGEST {
        let _ = write!(text, ", … ({} in all)", names.len());
    }
    text
}
