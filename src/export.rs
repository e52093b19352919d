//! A trained network as source code, for machines that read no files.
//!
//! | format | what it is | needs |
//! |---|---|---|
//! | [`Format::Rust`] | a `no_std` module | `steadynet-kernels`: SIMD where the target has it, and training on the device |
//! | [`Format::RustStandalone`] | a `no_std` module | nothing |
//! | [`Format::C`] | a C99 header | a C compiler |
//!
//! All three predict with the bits of [`Model::predict`], preprocessing included, allocate nothing, link only the functions that the network
//! uses, and carry a row with its expected output: `self_test` says whether compiler, flags and machine keep the contract.

mod c;
mod runtime;
mod rust;

use crate::error::Error;
use crate::model::Model;
use std::fmt;
use std::str::FromStr;
use steadynet_kernels::verify::Hash;
use steadynet_kernels::{Activation, random::Random};

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// A Rust module on top of `steadynet-kernels`.
    Rust,
    /// A Rust module that needs nothing else.
    RustStandalone,
    /// A C99 header.
    C,
}

impl Format {
    /// Every format.
    pub const ALL: &'static [Format] = &[Format::Rust, Format::RustStandalone, Format::C];

    /// The name that [`Format::from_str`] takes.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Rust => "rust",
            Format::RustStandalone => "rust-standalone",
            Format::C => "c",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Format, Error> {
        let wanted = "rust, rust-standalone or c";
        let found = Format::ALL.iter().copied().find(|format| format.name() == name);
        found.ok_or_else(|| Error::Setting { name: "format", wanted, given: name.to_string() })
    }
}

/// Why a model cannot be exported.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ExportError {
    /// The format has no code for an activation.
    Activation {
        /// Layer, from 1.
        layer: usize,
        /// The activation's name.
        activation: &'static str,
        /// The format.
        format: Format,
    },
    /// A weight or bias, or a number of the preprocessing, is infinite or NaN.
    NonFinite {
        /// Which.
        what: String,
    },
    /// The name cannot be that of a function.
    Name {
        /// What came.
        given: String,
    },
    /// The model cannot predict.
    Model(Error),
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExportError::Activation { layer, activation, format } => {
                let known: Vec<_> = runtime::ACTIVATIONS.iter().map(|activation| activation.name()).collect();
                let known = known.join(", ");
                write!(
                    f,
                    "layer {layer}: the format {format} has no {activation} (it has {known}; the format rust has every one)"
                )
            }
            ExportError::NonFinite { what } => write!(f, "{what} is not finite"),
            ExportError::Name { given } => {
                write!(f, "name: wanted a lowercase letter, then lowercase letters, digits and _, got {given:?}")
            }
            ExportError::Model(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ExportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ExportError::Model(error) => Some(error),
            _ => None,
        }
    }
}

/// The model as source code. `name` begins the C functions' names and stands in the comments.
///
/// # Determinism
/// The text is a function of model, format and name; the code predicts with the bits of [`Model::predict`] for finite features (test
/// `exported_code_has_the_bits_of_the_library`). The code does not check features: what comes of one that is infinite or NaN follows IEEE 754.
/// # Errors
/// [`ExportError`] names what cannot be exported.
pub fn export(model: &Model, format: Format, name: &str) -> Result<String, ExportError> {
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if !begins || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
        return Err(ExportError::Name { given: name.to_string() });
    }
    let plan = Plan::new(model, format, name)?;
    Ok(match format {
        Format::Rust => rust::on_kernels(&plan),
        Format::RustStandalone => rust::standalone(&plan),
        Format::C => c::header(&plan),
    })
}

/// What becomes of the last layer's outputs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Output {
    AsIs,
    Sigmoid,
    Softmax,
}

/// What the features go through: one pair of numbers for all, or one for each.
enum Scaling {
    None,
    Same { shift: f32, scale: f32 },
    Each { shift: Vec<f32>, scale: Vec<f32> },
}

/// A model checked for a format, in the parts that every format writes.
struct Plan<'a> {
    model: &'a Model,
    name: &'a str,
    output: Output,
    scaling: Scaling,
    /// The row of the self-test, its prediction, and the prediction's hash.
    test: (Vec<f32>, Vec<f32>, u64),
}

impl<'a> Plan<'a> {
    fn new(model: &'a Model, format: Format, name: &'a str) -> Result<Plan<'a>, ExportError> {
        let network = &model.network;
        let finite = |what: String, numbers: &[f32]| match numbers.iter().all(|x| x.is_finite()) {
            true => Ok(()),
            false => Err(ExportError::NonFinite { what }),
        };
        for (l, layer) in network.layers().iter().enumerate() {
            finite(format!("a weight of layer {}", l + 1), network.weights(l).unwrap_or(&[]))?;
            finite(format!("a bias of layer {}", l + 1), network.biases(l).unwrap_or(&[]))?;
            if format != Format::Rust && !runtime::ACTIVATIONS.contains(&layer.activation()) {
                return Err(ExportError::Activation { layer: l + 1, activation: layer.activation().name(), format });
            }
        }
        let scaling = match &model.preprocessing {
            None => Scaling::None,
            Some(map) => {
                finite("a shift of the preprocessing".into(), &map.shift)?;
                finite("a scale of the preprocessing".into(), &map.scale)?;
                let same = |numbers: &[f32]| numbers.windows(2).all(|pair| pair[0].to_bits() == pair[1].to_bits());
                match (map.shift.first(), map.scale.first()) {
                    (Some(&shift), Some(&scale)) if same(&map.shift) && same(&map.scale) => {
                        Scaling::Same { shift, scale }
                    }
                    _ => Scaling::Each { shift: map.shift.clone(), scale: map.scale.clone() },
                }
            }
        };
        let output = match network.loss() {
            loss if loss.takes_labels() => Output::Softmax,
            loss if loss.takes_logits() => Output::Sigmoid,
            _ => Output::AsIs,
        };
        let row = test_row(model);
        let prediction = model.predict(&row).map_err(ExportError::Model)?;
        finite("the prediction for the row of the self-test".into(), &prediction)?;
        let mut hash = Hash::new();
        hash.update(&prediction);
        Ok(Plan { model, name, output, scaling, test: (row, prediction, hash.value()) })
    }

    fn inputs(&self) -> usize {
        self.model.network.inputs()
    }

    fn outputs(&self) -> usize {
        self.model.network.outputs()
    }

    /// The layers with their weights and biases.
    fn layers(&self) -> impl ExactSizeIterator<Item = ExportLayer<'_>> {
        let network = &self.model.network;
        network.layers().iter().enumerate().map(|(l, layer)| ExportLayer {
            inputs: layer.inputs(),
            outputs: layer.outputs(),
            activation: layer.activation(),
            weights: network.weights(l).unwrap_or(&[]),
            biases: network.biases(l).unwrap_or(&[]),
        })
    }

    /// Numbers that the widest layer but the last gives.
    fn widest(&self) -> usize {
        let hidden = self.layers().len() - 1;
        self.layers().take(hidden).map(|layer| layer.outputs).max().unwrap_or(0)
    }

    /// Whether the code needs this function of a number.
    fn uses(&self, activation: Activation) -> bool {
        activation == Activation::Sigmoid && self.output == Output::Sigmoid
            || self.layers().any(|layer| layer.activation == activation)
    }

    /// `64 → 32 relu → 10 softmax`, in ASCII.
    fn summary(&self) -> String {
        let mut text = self.inputs().to_string();
        for layer in self.layers() {
            text += &format!(" -> {} {}", layer.outputs, layer.activation.name());
        }
        text + match self.output {
            Output::AsIs => "",
            Output::Sigmoid => ", then sigmoid",
            Output::Softmax => ", then softmax",
        }
    }

    fn preprocessing(&self) -> &'static str {
        match self.scaling {
            Scaling::None => "Features are taken as they are.",
            _ => "Features are raw: (x - shift) * scale is part of the code.",
        }
    }
}

struct ExportLayer<'a> {
    inputs: usize,
    outputs: usize,
    activation: Activation,
    weights: &'a [f32],
    biases: &'a [f32],
}

/// A row of raw features that the preprocessing takes to numbers between 0 and 1.
fn test_row(model: &Model) -> Vec<f32> {
    let random = Random::new(0, 0);
    let mut row: Vec<f32> = (0..model.network.inputs() as u64).map(|i| random.uniform(i)).collect();
    if let Some(map) = &model.preprocessing {
        for ((x, shift), scale) in row.iter_mut().zip(&map.shift).zip(&map.scale) {
            let raw = shift + *x / scale;
            // A feature that the data never varied can have a scale that divides by almost 0.
            *x = if raw.is_finite() { raw } else { *shift };
        }
    }
    row
}

/// Numbers as lines of eight.
fn lines(numbers: &[f32], indent: &str, literal: impl Fn(f32) -> String) -> String {
    let line = |chunk: &[f32]| {
        let chunk: Vec<_> = chunk.iter().map(|&x| literal(x)).collect();
        format!("{indent}{},\n", chunk.join(", "))
    };
    numbers.chunks(8).map(line).collect()
}
