//! What `bench train` and `bench predict` measure: networks by name or by their layers, and where they run.

use super::limit::Limit;
use crate::compute::isa_named;
use crate::failure::Failure;
use clap::Args;
use clap::builder::PossibleValuesParser;
use std::str::FromStr;
use steadynet::kernels::random::Random;
use steadynet::{Activation, Isa, Loss, Network, Optimizer, Parallelism};

/// A network and its batches.
#[derive(Clone)]
pub struct Workload {
    pub name: String,
    pub widths: Vec<usize>,
    pub activation: Activation,
    pub loss: Loss,
    pub optimizer: Optimizer,
    pub batch: usize,
    /// Rows of an epoch, where whole epochs are measured.
    pub epoch: Option<usize>,
}

impl Workload {
    pub const TRAIN: [&str; 5] = ["W1", "W2", "W3", "W4", "W5"];
    pub const PREDICT: [&str; 4] = ["I1", "I64", "I4096", "I2"];

    fn named(name: &str) -> Workload {
        let of = |widths: &[usize], activation, loss, optimizer, batch| Workload {
            name: name.to_owned(),
            widths: widths.to_vec(),
            activation,
            loss,
            optimizer,
            batch,
            epoch: None,
        };
        let (sigmoid, relu, tanh) = (Activation::Sigmoid, Activation::Relu, Activation::Tanh);
        let (classes, numbers) = (Loss::CrossEntropy, Loss::SquaredError);
        let digits = |batch| of(&[784, 128, 10], sigmoid, classes, Optimizer::sgd(0.01), batch);
        let deeper = |batch| of(&[784, 512, 512, 10], relu, classes, Optimizer::adam(0.001), batch);
        match name {
            "W2" => deeper(256),
            "W3" => of(&[16, 32, 32, 1], tanh, numbers, Optimizer::sgd(0.1), 32),
            "W4" => of(&[1024, 4096, 4096, 1024], relu, numbers, Optimizer::sgd(0.1), 512),
            "W5" => Workload { epoch: Some(60_000), ..digits(64) },
            "I1" => digits(1),
            "I4096" => digits(4096),
            "I2" => deeper(1),
            // W1 and I64.
            _ => digits(64),
        }
    }

    pub fn network(&self) -> Result<Network, Failure> {
        let mut builder = Network::builder(self.widths[0]);
        for &width in &self.widths[1..self.widths.len() - 1] {
            builder = builder.hidden(width, self.activation);
        }
        Ok(builder.output(self.widths[self.widths.len() - 1], self.loss).build()?)
    }

    pub fn describe(&self) -> String {
        let widths: Vec<String> = self.widths.iter().map(usize::to_string).collect();
        let Workload { activation, loss, optimizer, batch, .. } = self;
        format!("{} {activation}, {loss}, {optimizer}, batch {batch}", widths.join("-"), activation = activation.name())
    }
}

/// Widths from the input to the output, as 784-128-10.
#[derive(Clone)]
pub struct Widths(Vec<usize>);

impl FromStr for Widths {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Widths, &'static str> {
        let widths: Option<Vec<usize>> = text.split('-').map(|width| width.parse().ok()).collect();
        match widths {
            Some(widths) if widths.len() >= 2 && widths.iter().all(|width| (1..=1 << 16).contains(width)) => {
                Ok(Widths(widths))
            }
            _ => Err("wanted two or more widths from 1 to 65536, as 784-128-10"),
        }
    }
}

/// The options that choose networks and where they run.
#[derive(Args)]
pub struct Choice {
    /// A network of your own, as 784-128-10, instead of the named ones
    #[arg(long, value_name = "WIDTHS", conflicts_with = "workloads")]
    layers: Option<Widths>,
    /// Rows of a batch of --layers
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    batch: u32,
    /// Activation of the hidden layers of --layers
    #[arg(long, value_name = "NAME", default_value = "relu", value_parser = PossibleValuesParser::new(Activation::ALL.iter().map(|activation| activation.name())))]
    activation: String,
    /// Optimiser of --layers
    #[arg(long, value_name = "NAME", default_value = "sgd", value_parser = PossibleValuesParser::new(Optimizer::NAMES))]
    optimizer: String,
    /// Loss of --layers
    #[arg(long, value_name = "NAME", default_value = "cross-entropy", value_parser = PossibleValuesParser::new(Loss::ALL.iter().map(|loss| loss.name())))]
    loss: String,
    /// Numbers of threads [default: 1 and all processors]
    #[arg(long, value_name = "N,N,…", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Vec<u16>,
    /// Instruction sets [default: the fastest]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = PossibleValuesParser::new(["auto", "all"].into_iter().chain(Isa::NAMES)))]
    isa: Vec<String>,
    /// Rounds of measurement
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub rounds: u16,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Draw the shares of the limit to this SVG file
    #[arg(long, value_name = "FILE")]
    pub plot: Option<std::path::PathBuf>,
}

impl Choice {
    /// The workloads: these, or the network that the options describe.
    pub fn workloads(&self, names: &[String]) -> Result<Vec<Workload>, Failure> {
        let Some(Widths(widths)) = &self.layers else {
            return Ok(names.iter().map(|name| Workload::named(name)).collect());
        };
        let unknown = |what: &str, name: &str| Failure::new(format!("unknown {what} {name}"));
        Ok(vec![Workload {
            name: "layers".to_owned(),
            widths: widths.clone(),
            activation: Activation::from_name(&self.activation)
                .ok_or_else(|| unknown("activation", &self.activation))?,
            loss: self.loss.parse()?,
            optimizer: Optimizer::from_name(&self.optimizer, None)
                .ok_or_else(|| unknown("optimizer", &self.optimizer))?,
            batch: self.batch as usize,
            epoch: None,
        }])
    }

    /// Every instruction set on every number of threads.
    pub fn places(&self) -> Result<Vec<Place>, Failure> {
        let isas: Vec<Isa> = if self.isa.iter().any(|name| name == "all") {
            Isa::available().collect()
        } else if self.isa.is_empty() {
            vec![Isa::detect()]
        } else {
            self.isa.iter().map(|name| isa_named(name)).collect::<Result<_, _>>()?
        };
        let mut threads: Vec<usize> = self.threads.iter().map(|&threads| threads.into()).collect();
        if threads.is_empty() {
            threads = vec![1, std::thread::available_parallelism().map_or(1, usize::from)];
        }
        threads.dedup();
        let mut places = Vec::new();
        for isa in isas {
            for &threads in &threads {
                places.push(Place::new(isa, threads)?);
            }
        }
        Ok(places)
    }
}

/// An instruction set and a number of threads, with the limit of both.
pub struct Place {
    pub isa: Isa,
    pub threads: usize,
    pool: Option<rayon::ThreadPool>,
    pub limit: Limit,
}

impl Place {
    fn new(isa: Isa, threads: usize) -> Result<Place, Failure> {
        let pool = match threads {
            1 => None,
            _ => {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                Some(pool.map_err(|error| Failure::new(format!("cannot start {threads} threads: {error}")))?)
            }
        };
        let limit = Limit::new(isa);
        Ok(Place { isa, threads, pool, limit })
    }

    pub fn parallelism(&self) -> Parallelism {
        if self.threads == 1 { Parallelism::Serial } else { Parallelism::Rayon }
    }

    /// Runs `work` where threads are awake.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match &self.pool {
            None => work(),
            Some(pool) => pool.install(|| Parallelism::Rayon.hot(work)),
        }
    }

    /// GFLOP/s of multiply-adds between registers now, of all threads together.
    pub fn peak(&self) -> f64 {
        match &self.pool {
            None => self.limit.rate(),
            // More than once: the threads may still be on their way to processors of their own.
            Some(_) => {
                self.run(|| (0..3).map(|_| rayon::broadcast(|_| self.limit.rate()).iter().sum()).fold(0.0, f64::max))
            }
        }
    }
}

/// Numbers from 0 to 1.
pub fn numbers(len: usize, stream: u64) -> Vec<f32> {
    let random = Random::new(1, stream);
    (0..len as u64).map(|i| random.uniform(i)).collect()
}

/// Classes.
pub fn labels(len: usize, classes: usize) -> Vec<u32> {
    let random = Random::new(1, 1 << 32);
    (0..len as u64).map(|i| random.below(i, classes as u64) as u32).collect()
}

/// The number below which the share `p` of the sorted numbers lie.
pub fn quantile(sorted: &[f64], p: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * p).round() as usize]
}

/// The median.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    quantile(&values, 0.5)
}
