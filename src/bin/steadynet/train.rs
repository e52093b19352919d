//! `steadynet train`: from data to a model file.

mod options;
mod parts;
mod progress;
mod report;

use crate::compute::ComputeArgs;
use crate::data_source::{CsvArgs, DATA_HELP, Kind, Source, TARGET_INDEX};
use crate::failure::Failure;
use crate::output::{check_writable, note, print, print_json, printable};
use crate::scores::{Scores, measure};
use crate::targets;
use clap::Args;
use clap::builder::PossibleValuesParser;
use options::{Batch, Hidden, Scaling};
use parts::{Parts, Split};
use progress::Progress;
use report::Report;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use steadynet::atomic_file::write_atomically;
use steadynet::plot::loss_curve_svg;
use steadynet::{
    Activation, BatchSize, Dataset, Epoch, Error, History, Init, Loss, Model, Network, Optimizer, Setting, Trainer,
};

/// Train a network and write it to a model file
///
/// The data are divided by the seed: a test set, that only the score at the end sees; a validation set, that is measured after
/// every epoch; and the rest, to train on. The same command on the same data writes the same model file, byte for byte, on every
/// machine and with any number of threads.
#[derive(Args)]
#[command(after_long_help = EXAMPLES, after_help = "`steadynet train --help` tells more, and has examples.")]
pub struct Train {
    #[arg(value_name = "DATA", help = DATA_HELP)]
    data: Source,

    /// Widths of the hidden layers, or `none`
    #[arg(long, value_name = "N,N,…", default_value = "256,128", help_heading = NETWORK)]
    hidden: Hidden,
    /// Activation of the hidden layers
    #[arg(long, value_name = "NAME", default_value = "relu", value_parser = activations(), help_heading = NETWORK)]
    activation: String,
    /// Activation of the last layer, only with squared-error [default: identity]
    #[arg(long, value_name = "NAME", value_parser = activations(), help_heading = NETWORK)]
    output_activation: Option<String>,
    /// Loss [default: cross-entropy for classes, squared-error for numbers]
    ///
    /// cross-entropy: softmax and cross-entropy, for classes. squared-error: mean of (ŷ − y)², for numbers, and for classes with one
    /// output of 0 or 1 a class. bce: sigmoid and binary cross-entropy, with one output for two classes, and one output a class for
    /// more.
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(Loss::ALL.iter().map(|loss| loss.name())), help_heading = NETWORK)]
    loss: Option<String>,
    /// How the weights begin: normal:STD, truncated-normal:STD, uniform:LIMIT, constant:F, glorot-uniform, glorot-normal, he-uniform,
    /// he-normal [default: glorot-uniform in front of identity, sigmoid and tanh, he-normal elsewhere]
    #[arg(long, value_name = "HOW", help_heading = NETWORK)]
    init: Option<Init>,
    /// How the biases begin, as for --init
    #[arg(long, value_name = "HOW", default_value = "constant:0", help_heading = NETWORK)]
    bias_init: Init,

    /// How gradients change the weights
    #[arg(long, value_name = "NAME", default_value = "momentum", value_parser = PossibleValuesParser::new(Optimizer::NAMES), help_heading = TRAINING)]
    optimizer: String,
    /// Learning rate [default: 0.001 for adam and adamw, else 0.05]
    #[arg(long, value_name = "F", value_parser = options::positive, allow_hyphen_values = true, help_heading = TRAINING)]
    lr: Option<f32>,
    /// Share of the last step that goes on, 0 to below 1, with momentum and nesterov [default: 0.9]
    #[arg(long, value_name = "F", value_parser = options::below_one, allow_hyphen_values = true, help_heading = TRAINING)]
    momentum: Option<f32>,
    /// Share of the mean gradient that is kept, 0 to below 1, with adam and adamw [default: 0.9]
    #[arg(long, value_name = "F", value_parser = options::below_one, allow_hyphen_values = true, help_heading = TRAINING)]
    beta1: Option<f32>,
    /// Share of the mean squared gradient that is kept, 0 to below 1, with adam and adamw [default: 0.999]
    #[arg(long, value_name = "F", value_parser = options::below_one, allow_hyphen_values = true, help_heading = TRAINING)]
    beta2: Option<f32>,
    /// What keeps a step finite where gradients vanish, with adam and adamw [default: 1e-8]
    #[arg(long, value_name = "F", value_parser = options::positive, allow_hyphen_values = true, help_heading = TRAINING)]
    epsilon: Option<f32>,
    /// Weight decay apart from the gradients, with adamw: weights lose lr · F of themselves a step [default: 0.01]
    #[arg(long, value_name = "F", value_parser = options::not_negative, allow_hyphen_values = true, help_heading = TRAINING)]
    weight_decay: Option<f32>,
    /// L2 weight decay: adds l2/2 · Σw² to the loss
    #[arg(long, value_name = "F", default_value = "0", value_parser = options::not_negative, allow_hyphen_values = true, help_heading = TRAINING)]
    l2: f32,
    /// Rows of a step, or `full`
    #[arg(long, value_name = "N|full", default_value = "32", help_heading = TRAINING)]
    batch: Batch,
    /// The most passes over the data
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..), help_heading = TRAINING)]
    epochs: u32,
    /// Stop when the loss of two successive epochs differs by less than this
    #[arg(long, value_name = "F", value_parser = options::tolerance, allow_hyphen_values = true, help_heading = TRAINING)]
    tol: Option<f64>,
    /// Seed of everything random: division of the data, initial weights, order of the rows
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = TRAINING)]
    seed: u64,

    /// What the target column holds
    #[arg(long, value_name = "WHAT", default_value = "auto", help_heading = DATA)]
    task: targets::Task,
    /// Bring every feature to mean 0 and standard deviation 1 (of the training rows); the model remembers how
    #[arg(long, conflicts_with = "scale", help_heading = DATA)]
    standardize: bool,
    /// Multiply every feature by a number, or `min-max`: bring it to 0..1, or `none` [default: 1/16 for digits, 1/255 for IDX files,
    /// none for CSV]
    #[arg(long, value_name = "F|min-max|none", allow_hyphen_values = true, help_heading = DATA)]
    scale: Option<Scaling>,
    /// Share of the training rows for validation, 0 for none
    #[arg(long, value_name = "F", default_value = "0.1", value_parser = options::share, allow_hyphen_values = true, help_heading = DATA)]
    validation: f64,
    /// Test on these data instead of a share of DATA (of a folder, its test set)
    #[arg(long, value_name = "DATA", conflicts_with = "test_fraction", help_heading = DATA)]
    test: Option<Source>,
    /// Share of DATA to test on, 0 for none [default: 0.2, but for a folder with IDX files its own test set]
    #[arg(long, value_name = "F", value_parser = options::share, allow_hyphen_values = true, help_heading = DATA)]
    test_fraction: Option<f64>,

    /// The model file
    #[arg(long, value_name = "FILE", default_value = "model.safetensors", help_heading = OUTPUT)]
    out: PathBuf,
    /// Draw the loss to this SVG file [default: loss.svg beside the model]
    #[arg(long, value_name = "FILE", conflicts_with = "no_plot", help_heading = OUTPUT)]
    plot: Option<PathBuf>,
    /// Draw nothing
    #[arg(long, help_heading = OUTPUT)]
    no_plot: bool,
    /// Write the loss of every epoch to this CSV file
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    history: Option<PathBuf>,
    /// Print nothing but errors
    #[arg(long, help_heading = OUTPUT)]
    quiet: bool,
    /// Print one JSON object with settings, epochs and scores
    #[arg(long, help_heading = OUTPUT)]
    json: bool,

    #[command(flatten)]
    csv: CsvArgs,
    #[command(flatten)]
    compute: ComputeArgs,
}

const NETWORK: &str = "Network";
const TRAINING: &str = "Training";
const DATA: &str = "Data";
const OUTPUT: &str = "Output";

const EXAMPLES: &str = "\
Examples:
  steadynet train digits
      The built-in digits with the defaults: a second or so.
  steadynet train mnist/ --hidden 128 --activation sigmoid --optimizer sgd --lr 0.5 --epochs 15
      A folder with the four files of MNIST; tested on its own test set.
  steadynet train iris.csv --target species --standardize --hidden 16,8 --activation tanh
      Classes by name from a CSV file, features of different size.
  steadynet train houses.csv --target price --task regression --standardize --lr 0.001
      A number to predict instead of a class.
  steadynet train xor.csv --hidden 8 --batch full --epochs 500 --test-fraction 0 --validation 0
      So few rows that all are needed for training.

Then:
  steadynet evaluate model.safetensors more.csv
  steadynet predict model.safetensors new.csv --proba";

fn activations() -> PossibleValuesParser {
    PossibleValuesParser::new(Activation::ALL.iter().map(|activation| activation.name()))
}

/// A network under way, and what is known of its training.
struct Fitted {
    network: Network,
    history: History,
    /// The error that ended the training early.
    broken: Option<Error>,
}

impl Train {
    pub fn run(&self) -> Result<(), Failure> {
        let sources: Vec<&Source> = [Some(&self.data), self.test.as_ref()].into_iter().flatten().collect();
        self.csv.check_used(&sources)?;
        let plot = self.plot_path();
        self.check_outputs(plot.as_deref())?;
        let optimizer = self.optimizer()?;

        let loss = self.loss.as_deref().map(str::parse::<Loss>).transpose()?;
        let source = self.data.training(&self.csv, self.task, loss)?;
        let kind = source.kind;
        let split = Split {
            test: self.test.as_ref(),
            test_fraction: self.test_fraction,
            validation: self.validation,
            seed: self.seed,
            scaling: if self.standardize { Scaling::Standardize } else { self.scale.unwrap_or(Scaling::of(kind)) },
        };
        let parts = split.divide(source, &self.csv)?;
        let loss = loss.unwrap_or(match parts.training.class_names() {
            Some(_) => Loss::CrossEntropy,
            None => Loss::SquaredError,
        });
        let training = targets::for_loss(&parts.training, loss, None)?;
        let validation = parts.validation.as_ref().map(|data| targets::for_loss(data, loss, None)).transpose()?;
        let network = self.network(&training, loss)?;
        let report = Report { source: &self.data, parts: &parts, seed: self.seed };
        if !self.quiet && !self.json {
            // The model is wanted even if nobody reads on.
            match print(report.before(&network)) {
                Err(Failure::ClosedPipe) => {}
                other => other?,
            }
        }

        let trainer = self.trainer(optimizer);
        let Fitted { network, history, broken } = self.compute.run(|compute| {
            let trainer = trainer.isa(compute.isa).parallelism(compute.parallelism);
            self.fit(&trainer, network, &training, validation.as_ref())
        })?;
        if let (Some(error), true) = (&broken, history.epochs.is_empty()) {
            return Err(Failure::new(format!("{}; no epoch was good, so no model is written", told(error))));
        }
        let model = self.model(network, &parts, optimizer, kind, history.epochs.len());
        model.save(&self.out)?;
        let drawn = match &plot {
            Some(path) => self.draw(path, &history)?,
            None => None,
        };
        if let Some(path) = &self.history {
            history.save_csv(path)?;
        }
        if let Some(error) = broken {
            return Err(Failure::new(format!(
                "{}; {} holds the model after epoch {}, the last good one",
                told(&error),
                self.out.display(),
                history.epochs.len()
            )));
        }
        // Only now: a test set that cannot be measured must not cost the training.
        let test = parts.test.as_ref().map(|test| self.test(&model, test)).transpose()?;
        let after = report::After {
            history: &history,
            test: test.as_ref(),
            model: &model,
            model_path: &self.out,
            plot: drawn,
            history_path: self.history.as_deref(),
        };
        match (self.json, self.quiet) {
            (true, _) => print_json(&report.json(&after)),
            (false, true) => Ok(()),
            (false, false) => print(report.after(&after)),
        }
    }

    /// Where the plot goes, if there is to be one: nothing belongs beside a device such as /dev/null.
    fn plot_path(&self) -> Option<PathBuf> {
        let device = self.out.exists() && !self.out.is_file();
        match &self.plot {
            Some(path) => Some(path.clone()),
            None if self.no_plot || device => None,
            None => Some(self.out.with_file_name("loss.svg")),
        }
    }

    fn check_outputs(&self, plot: Option<&Path>) -> Result<(), Failure> {
        let outputs = [("--out", Some(self.out.as_path())), ("--plot", plot), ("--history", self.history.as_deref())];
        let outputs: Vec<(&str, &Path)> =
            outputs.into_iter().filter_map(|(option, path)| Some((option, path?))).collect();
        let inputs: Vec<&Path> =
            [Some(&self.data), self.test.as_ref()].into_iter().flatten().filter_map(Source::path).collect();
        check_writable(&outputs, &inputs)
    }

    fn optimizer(&self) -> Result<Optimizer, Failure> {
        let named = |name: &str| Optimizer::from_name(name, self.lr);
        let unknown = || Failure::new(format!("unknown optimizer {}", self.optimizer));
        let mut optimizer = named(&self.optimizer).ok_or_else(unknown)?;
        let given = [
            (Setting::Momentum, "--momentum", self.momentum),
            (Setting::Beta1, "--beta1", self.beta1),
            (Setting::Beta2, "--beta2", self.beta2),
            (Setting::Epsilon, "--epsilon", self.epsilon),
            (Setting::WeightDecay, "--weight-decay", self.weight_decay),
        ];
        for (setting, option, value) in given {
            let Some(value) = value else { continue };
            optimizer = optimizer.with(setting, value).ok_or_else(|| {
                let takes = |name: &&&str| named(name).is_some_and(|other| other.with(setting, value).is_some());
                let names: Vec<&str> = Optimizer::NAMES.iter().filter(takes).copied().collect();
                let (names, not) = (names.join(" or "), &self.optimizer);
                Failure::new(format!("{option} {value} goes with --optimizer {names}, not {not}"))
            })?;
        }
        Ok(optimizer.l2(self.l2))
    }

    fn network(&self, training: &Dataset, loss: Loss) -> Result<Network, Failure> {
        let activation = activation(&self.activation)?;
        let output_activation = self.output_activation.as_deref().map_or(Ok(Activation::Identity), self::activation)?;
        self.check_memory(training)?;
        let mut builder = Network::builder(training.columns()).seed(self.seed).bias_init(self.bias_init);
        if let Some(init) = self.init {
            builder = builder.weight_init(init);
        }
        for &width in &self.hidden.0 {
            builder = builder.hidden(width, activation);
        }
        Ok(builder.output_with(training.target_width(), output_activation, loss).build()?)
    }

    /// A network that cannot fit into memory is refused before the allocator ends the process.
    fn check_memory(&self, training: &Dataset) -> Result<(), Failure> {
        let (inputs, outputs) = (training.columns() as f64, training.target_width() as f64);
        let batch = self.batch.rows().unwrap_or(training.rows()).min(training.rows()) as f64;
        let widths = self.hidden.0.iter().map(|&width| width as f64).chain([outputs]);
        let (mut parameters, mut columns, mut before) = (0.0, inputs, inputs);
        for width in widths {
            parameters += (before + 1.0) * width;
            // An activation and its gradient.
            columns += 2.0 * width;
            before = width;
        }
        // The parameters, those of the last good epoch, and up to two states of the optimiser.
        let bytes = (4.0 * parameters + batch * columns) * size_of::<f32>() as f64;
        let fits = bytes < isize::MAX as f64 && Vec::<u8>::new().try_reserve_exact(bytes as usize).is_ok();
        if fits {
            Ok(())
        } else {
            Err(Failure::new(format!(
                "--hidden: a network of {parameters:.3e} parameters needs {bytes:.3e} bytes of memory"
            )))
        }
    }

    fn trainer(&self, optimizer: Optimizer) -> Trainer {
        let trainer = Trainer::new()
            .optimizer(optimizer)
            .batch_size(self.batch.rows().map_or(BatchSize::Full, BatchSize::Rows))
            .epochs(self.epochs as usize)
            .seed(self.seed);
        match self.tol {
            Some(tolerance) => trainer.tolerance(tolerance),
            None => trainer,
        }
    }

    fn fit(
        &self,
        trainer: &Trainer,
        mut network: Network,
        training: &Dataset,
        validation: Option<&Dataset>,
    ) -> Result<Fitted, Failure> {
        let progress = Progress::new(self.epochs, self.quiet || self.json);
        let mut history = History::default();
        // The history of a training that breaks off is this copy.
        let on_epoch = |epoch: &Epoch| {
            history.epochs.push(epoch.clone());
            progress.show(epoch);
            ControlFlow::Continue(())
        };
        let result = trainer.fit_with(&mut network, training, validation, on_epoch);
        progress.finish();
        let broken = match result {
            Ok(_) => None,
            Err(error @ Error::NonFinite { .. }) => Some(error),
            Err(error) => return Err(Failure::from(error).about("training rows")),
        };
        Ok(Fitted { network, history, broken })
    }

    /// The scores of the saved model on the test rows.
    fn test(&self, model: &Model, test: &Dataset) -> Result<Scores, Failure> {
        self.compute.run(|compute| measure(&model.network, test, compute)).map_err(|failure| {
            failure.about(&format!(
                "the model is saved to {}, but cannot be measured on the test rows",
                self.out.display()
            ))
        })
    }

    /// The file's content. Nothing that two identical trainings may differ in: no threads, instruction set, times, paths.
    fn model(&self, network: Network, parts: &Parts, optimizer: Optimizer, kind: Kind, epochs_run: usize) -> Model {
        let mut settings = BTreeMap::from([
            ("data", kind.name().to_owned()),
            ("training_rows", parts.training.rows().to_string()),
            ("validation_rows", parts.validation.as_ref().map_or(0, Dataset::rows).to_string()),
            ("scaling", parts.scaling.to_string()),
            ("optimizer", optimizer.to_string()),
            ("lr", optimizer.lr().to_string()),
            ("l2", self.l2.to_string()),
            ("batch", self.batch.to_string()),
            ("epochs", self.epochs.to_string()),
            ("epochs_run", epochs_run.to_string()),
            ("seed", self.seed.to_string()),
            ("init", self.init.map_or("default".into(), |init| init.to_string())),
            ("bias_init", self.bias_init.to_string()),
        ]);
        for (setting, value) in optimizer.settings() {
            settings.insert(setting.name(), value.to_string());
        }
        if let Some(tolerance) = self.tol {
            settings.insert("tol", tolerance.to_string());
        }
        let target_name = parts.training.target_name().map(str::to_owned);
        // Where only the test rows are CSV, the target is a column of theirs.
        if let (Kind::Csv, None, Some(target)) = (kind, &target_name, self.csv.target()) {
            settings.insert(TARGET_INDEX, target.to_owned());
        }
        let names = |names: Option<&[String]>| names.map(<[String]>::to_vec);
        Model {
            network,
            preprocessing: parts.preprocessing.clone(),
            class_names: names(parts.training.class_names()),
            feature_names: names(parts.training.feature_names()),
            target_name,
            training: settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }

    /// Draws the history: the path, if there was something to draw.
    fn draw<'a>(&self, path: &'a Path, history: &History) -> Result<Option<&'a Path>, Failure> {
        let title = format!("steadynet train {}", printable(&self.data.name()));
        match loss_curve_svg(history, &title) {
            Ok(svg) => {
                write_atomically(path, |file| file.write_all(svg.as_bytes()))?;
                Ok(Some(path))
            }
            Err(error) => {
                note(&format!("{}: {error}", path.display()));
                Ok(None)
            }
        }
    }
}

fn activation(name: &str) -> Result<Activation, Failure> {
    Activation::from_name(name).ok_or_else(|| Failure::new(format!("unknown activation {name}")))
}

/// The error without the library's words about the parameters, which the command replaces by those about the file.
fn told(error: &Error) -> String {
    match error {
        Error::NonFinite { what, epoch, step } => {
            format!("{what} is not finite in epoch {epoch}, step {step} (a smaller --lr or --standardize may help)")
        }
        other => other.to_string(),
    }
}
