//! What a training tells: before it, after it, and as JSON.

use super::parts::Parts;
use crate::data_source::Source;
use crate::output::printable;
use crate::scores::Scores;
use serde_json::{Value, json};
use std::fmt::Write;
use std::io::{IsTerminal, stdout};
use std::path::Path;
use steadynet::terminal_plot::terminal_plot;
use steadynet::{Dataset, Epoch, History, Loss, Model, Network};

/// What is known before.
pub struct Report<'a> {
    pub source: &'a Source,
    pub parts: &'a Parts,
    pub seed: u64,
}

/// What is known after.
pub struct After<'a> {
    pub history: &'a History,
    pub test: Option<&'a Scores>,
    pub model: &'a Model,
    pub model_path: &'a Path,
    pub plot: Option<&'a Path>,
    pub history_path: Option<&'a Path>,
}

impl Report<'_> {
    fn rows(part: Option<&Dataset>) -> usize {
        part.map_or(0, Dataset::rows)
    }

    /// The data and the network in a few lines.
    pub fn before(&self, network: &Network) -> String {
        let Parts { training, validation, test, .. } = self.parts;
        let targets = match training.class_names() {
            Some(names) => format!("{} classes", names.len()),
            None => "a number to predict".to_owned(),
        };
        let mut text = format!(
            "data      {}: {} features, {targets}\nrows      {} to train on, {} to validate, {} to test\n",
            printable(&self.source.name()),
            training.columns(),
            training.rows(),
            Self::rows(validation.as_ref()),
            Self::rows(test.as_ref()),
        );
        text += &format!("network   {}; {} parameters\n", topology(network), network.parameter_count());
        text
    }

    /// The end of the training, the score and the files.
    pub fn after(&self, after: &After) -> String {
        const HEIGHT: usize = 10;
        const WIDTH: usize = 78;
        let mut text = String::new();
        let terminal = stdout().is_terminal();
        if terminal {
            let colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            let _ = write!(text, "\n{}\n", terminal_plot(after.history, WIDTH, HEIGHT, colour));
        }
        // A `String` takes every write.
        let mut line = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<8}  {value}");
        };
        if let Some(last) = after.history.epochs.last() {
            line("epochs", format!("{}: {}", after.history.epochs.len(), measured(last)));
        }
        if let Some(test) = after.test {
            line("test", test.summary());
        }
        line("model", after.model_path.display().to_string());
        line("SHA-256", after.model.weights_sha256());
        if let Some(path) = after.plot {
            line("plot", path.display().to_string());
        }
        if let Some(path) = after.history_path {
            line("history", path.display().to_string());
        }
        text
    }

    /// Everything, for programs.
    pub fn json(&self, after: &After) -> Value {
        let Parts { training, validation, test, .. } = self.parts;
        let network = &after.model.network;
        let layers = network.layers().iter().map(|layer| {
            json!({ "inputs": layer.inputs(), "outputs": layer.outputs(), "activation": layer.activation().name() })
        });
        let epochs = after.history.epochs.iter().map(|epoch| {
            json!({
                "epoch": epoch.epoch,
                "loss": epoch.loss,
                "accuracy": epoch.accuracy,
                "validation_loss": epoch.validation_loss,
                "validation_accuracy": epoch.validation_accuracy,
            })
        });
        json!({
            "data": self.source.name(),
            "features": training.columns(),
            "class_names": training.class_names(),
            "training_rows": training.rows(),
            "validation_rows": Self::rows(validation.as_ref()),
            "test_rows": Self::rows(test.as_ref()),
            "layers": layers.collect::<Vec<_>>(),
            "parameters": network.parameter_count(),
            "loss": network.loss().name(),
            "seed": self.seed,
            "training": after.model.training,
            "epochs": epochs.collect::<Vec<_>>(),
            "test": after.test.map(Scores::json),
            "model": after.model_path.display().to_string(),
            "weights_sha256": after.model.weights_sha256(),
            "plot": after.plot.map(|path| path.display().to_string()),
            "history": after.history_path.map(|path| path.display().to_string()),
        })
    }
}

/// The layers in a line.
fn topology(network: &Network) -> String {
    let mut text = network.inputs().to_string();
    for layer in network.layers() {
        let _ = write!(text, " → {} {}", layer.outputs(), layer.activation().name());
    }
    // A last layer of logits goes on in the loss.
    let logits = " identity";
    match network.loss() {
        Loss::CrossEntropy => text.replace_range(text.len() - logits.len().., " softmax"),
        Loss::BinaryCrossEntropy => text.replace_range(text.len() - logits.len().., " sigmoid"),
        _ => {}
    }
    format!("{text}, {}", network.loss())
}

/// Losses and accuracies of an epoch in a line.
fn measured(epoch: &Epoch) -> String {
    let part = |loss: f64, accuracy: Option<f64>| {
        let accuracy = accuracy.map_or(String::new(), |accuracy| format!(" ({:.2}%)", 100.0 * accuracy));
        format!("{loss:.4}{accuracy}")
    };
    let mut text = format!("training loss {}", part(epoch.loss, epoch.accuracy));
    if let Some(loss) = epoch.validation_loss {
        let _ = write!(text, ", validation {}", part(loss, epoch.validation_accuracy));
    }
    text
}
