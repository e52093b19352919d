//! A network with all that a prediction needs besides: in a file of its own, enough to predict.

use crate::data::{self, Preprocessing};
use crate::error::Error;
use crate::loss::Loss;
use crate::model_file::{self, ModelFileError, ModelLayer, ShiftScale};
use crate::network::Network;
use std::collections::BTreeMap;
use std::path::Path;
use steadynet_kernels::Activation;

/// A trained network, the preprocessing of its features, and the names of its classes and columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The network.
    pub network: Network,
    /// What features go through before the network sees them.
    pub preprocessing: Option<Preprocessing>,
    /// The names of the classes, for a classifier.
    pub class_names: Option<Vec<String>>,
    /// The names of the features.
    pub feature_names: Option<Vec<String>>,
    /// The name of the column that is predicted.
    pub target_name: Option<String>,
    /// Settings of the training, for the record.
    pub training: BTreeMap<String, String>,
}

impl Model {
    /// A model of a network alone.
    pub fn new(network: Network) -> Model {
        Model {
            network,
            preprocessing: None,
            class_names: None,
            feature_names: None,
            target_name: None,
            training: BTreeMap::new(),
        }
    }

    /// [`Network::predict`] for rows of raw features, which go through the preprocessing first.
    ///
    /// # Errors
    /// [`Error::Features`] if the length is no multiple of the network's inputs; [`Error::Data`] if the preprocessing is of another
    /// width, or a feature is not finite, as it came or after the preprocessing (which can overflow).
    pub fn predict(&self, features: &[f32]) -> Result<Vec<f32>, Error> {
        self.network.predict(&self.preprocessed(features)?)
    }

    /// Features as the network sees them.
    ///
    /// # Errors
    /// As [`predict`](Model::predict).
    pub fn preprocessed(&self, features: &[f32]) -> Result<Vec<f32>, Error> {
        let inputs = self.network.inputs();
        self.network.check_rows(features)?;
        check_finite("features", features, inputs)?;
        let mut features = features.to_vec();
        if let Some(preprocessing) = &self.preprocessing {
            let columns = preprocessing.shift.len();
            if columns != inputs {
                let problem = format!("preprocessing: wanted {inputs} columns as the network, got {columns}");
                return Err(Error::Data { problem });
            }
            preprocessing.apply(&mut features).map_err(|error| Error::Data { problem: error.to_string() })?;
            check_finite("features after preprocessing", &features, inputs)?;
        }
        Ok(features)
    }

    /// Writes the model to a file, whole or not at all. The bytes are a function of the model alone.
    ///
    /// # Errors
    /// [`ModelFileError`] names the file and what is wrong; an existing file is untouched then.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), ModelFileError> {
        self.to_contents().save(path)
    }

    /// Reads a model from a file.
    ///
    /// # Errors
    /// [`ModelFileError`] names the file and what it lacks.
    pub fn load(path: impl AsRef<Path>) -> Result<Model, ModelFileError> {
        let path = path.as_ref();
        let contents = model_file::Model::load(path)?;
        Model::from_contents(contents)
            .map_err(|error| ModelFileError::InFile { path: path.to_path_buf(), error: Box::new(error) })
    }

    /// SHA-256 of all weights and biases, layer by layer, as little-endian bytes.
    pub fn weights_sha256(&self) -> String {
        self.network.weights_sha256()
    }

    /// What the file holds.
    pub fn to_contents(&self) -> model_file::Model {
        let layers = self.network.layers().iter().enumerate().map(|(l, layer)| ModelLayer {
            inputs: layer.inputs(),
            outputs: layer.outputs(),
            activation: layer.activation().name().to_string(),
            weights: self.network.weights(l).unwrap_or(&[]).to_vec(),
            biases: self.network.biases(l).unwrap_or(&[]).to_vec(),
        });
        model_file::Model {
            layers: layers.collect(),
            loss: self.network.loss().name().to_string(),
            preprocessing: self
                .preprocessing
                .as_ref()
                .map(|Preprocessing { shift, scale }| ShiftScale { shift: shift.clone(), scale: scale.clone() }),
            class_names: self.class_names.clone(),
            feature_names: self.feature_names.clone(),
            target_name: self.target_name.clone(),
            training: self.training.clone(),
        }
    }

    /// The model that a file holds.
    ///
    /// # Errors
    /// [`ModelFileError`] for an activation or loss that is unknown, or layers that make no network.
    pub fn from_contents(contents: model_file::Model) -> Result<Model, ModelFileError> {
        let activations: Vec<_> = Activation::ALL.iter().map(|activation| activation.name()).collect();
        let losses: Vec<_> = Loss::ALL.iter().map(|loss| loss.name()).collect();
        contents.check_names(&activations, &losses)?;
        let network = network(&contents).map_err(|error| ModelFileError::Metadata { reason: error.to_string() })?;
        let preprocessing = contents.preprocessing.map(|ShiftScale { shift, scale }| Preprocessing { shift, scale });
        Ok(Model {
            network,
            preprocessing,
            class_names: contents.class_names,
            feature_names: contents.feature_names,
            target_name: contents.target_name,
            training: contents.training,
        })
    }
}

fn check_finite(operand: &'static str, features: &[f32], columns: usize) -> Result<(), Error> {
    data::check_finite(operand, features, columns).map_err(|error| Error::Data { problem: error.to_string() })
}

/// The network of checked contents.
fn network(contents: &model_file::Model) -> Result<Network, Error> {
    let loss: Loss = contents.loss.parse()?;
    let mut builder = Network::builder(contents.layers.first().map_or(0, |layer| layer.inputs))
        .weight_init(crate::init::Init::Constant(0.0));
    for (l, layer) in contents.layers.iter().enumerate() {
        let activation = Activation::from_name(&layer.activation).unwrap_or(Activation::Identity);
        builder = if l + 1 == contents.layers.len() {
            builder.output_with(layer.outputs, activation, loss)
        } else {
            builder.hidden(layer.outputs, activation)
        };
    }
    let mut network = builder.build()?;
    for (l, layer) in contents.layers.iter().enumerate() {
        if let Some(weights) = network.weights_mut(l) {
            weights.copy_from_slice(&layer.weights);
        }
        if let Some(biases) = network.biases_mut(l) {
            biases.copy_from_slice(&layer.biases);
        }
    }
    Ok(network)
}

impl Network {
    /// SHA-256 of all weights and biases, layer by layer, as little-endian bytes, in hexadecimal digits.
    pub fn weights_sha256(&self) -> String {
        let blocks = (0..self.layers().len()).flat_map(|l| [self.weights(l), self.biases(l)]).flatten();
        model_file::weights_sha256(blocks)
    }
}
