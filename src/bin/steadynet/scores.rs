//! How a network does on some rows, as text and as JSON.

use crate::compute::Compute;
use crate::failure::Failure;
use crate::targets;
use serde_json::{Value, json};
use std::fmt::Write;
use steadynet::metrics::{ConfusionMatrix, mae, mse, predicted_classes, r2};
use steadynet::{Dataset, Network};

/// The scores of a network.
pub struct Scores {
    pub rows: usize,
    pub loss: f64,
    pub kind: ScoreKind,
}

/// What depends on the kind of targets.
pub enum ScoreKind {
    Classes(ConfusionMatrix),
    Numbers {
        mse: f64,
        mae: f64,
        /// Not defined where all targets are equal.
        r2: Option<f64>,
    },
}

/// Measures a network on preprocessed rows, whose targets are as they came: classes, or numbers.
pub fn measure(network: &Network, data: &Dataset, compute: Compute) -> Result<Scores, Failure> {
    let Compute { isa, parallelism } = compute;
    let fitting = targets::for_loss(data, network.loss(), Some(network.outputs()))?;
    let loss = network.evaluate_on(&fitting, isa, parallelism)?.loss;
    let outputs = network.predict_on(data.features(), isa, parallelism)?;
    let kind = match (data.labels(), data.class_names(), data.values()) {
        (Some(labels), Some(names), _) => {
            let predictions = decide(&outputs, network.outputs())?;
            ScoreKind::Classes(ConfusionMatrix::new(labels, &predictions, names)?)
        }
        (_, _, Some(values)) => ScoreKind::Numbers {
            mse: mse(values, &outputs)?,
            mae: mae(values, &outputs)?,
            r2: r2(values, &outputs, network.outputs()).ok(),
        },
        _ => return Err(Failure::new("the data have neither classes nor numbers as targets")),
    };
    Ok(Scores { rows: data.rows(), loss, kind })
}

/// The class of each row: that of the largest output; with one output, the second class where it is above ½.
pub fn decide(outputs: &[f32], width: usize) -> Result<Vec<u32>, Failure> {
    if width > 1 {
        return Ok(predicted_classes(outputs, width)?);
    }
    let both: Vec<f32> = outputs.iter().flat_map(|&second| [0.5, second]).collect();
    Ok(predicted_classes(&both, 2)?)
}

impl Scores {
    /// One line with what matters most.
    pub fn summary(&self) -> String {
        let rows = self.rows;
        match &self.kind {
            ScoreKind::Classes(confusion) => {
                let right: u64 = (0..confusion.class_names().len()).map(|class| confusion.count(class, class)).sum();
                format!("accuracy {:.2}% ({right} of {rows} rows), loss {:.4}", 100.0 * confusion.accuracy(), self.loss)
            }
            ScoreKind::Numbers { mse, mae, r2 } => {
                let r2 = r2.map_or("not defined (all targets are equal)".into(), |r2| format!("{r2:.4}"));
                format!("R² {r2}, MSE {mse:.6}, MAE {mae:.6}, loss {:.6} ({rows} rows)", self.loss)
            }
        }
    }

    /// Everything.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // A `String` takes every write.
        let _ = writeln!(text, "{}", self.summary());
        if let ScoreKind::Classes(confusion) = &self.kind {
            let _ = write!(text, "\n{confusion}");
        }
        text
    }

    /// Everything, for programs.
    pub fn json(&self) -> Value {
        let mut value = match &self.kind {
            ScoreKind::Classes(confusion) => {
                let classes = confusion.class_names().len();
                let per_class = confusion.class_names().iter().enumerate().map(|(class, name)| {
                    json!({
                        "class": name,
                        "rows": confusion.actual(class),
                        "precision": confusion.precision(class),
                        "recall": confusion.recall(class),
                        "f1": confusion.f1(class),
                    })
                });
                let counts = |actual| (0..classes).map(|predicted| confusion.count(actual, predicted)).collect();
                json!({
                    "accuracy": confusion.accuracy(),
                    "classes": per_class.collect::<Vec<_>>(),
                    "confusion": (0..classes).map(counts).collect::<Vec<Vec<u64>>>(),
                })
            }
            ScoreKind::Numbers { mse, mae, r2 } => json!({ "mse": mse, "mae": mae, "r2": r2 }),
        };
        value["rows"] = json!(self.rows);
        value["loss"] = json!(self.loss);
        value
    }
}
