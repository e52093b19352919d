//! The workloads of `TRAINING.md` for the driver that runs other libraries on them too: `workloads THREADS SECONDS NAME,NAME,…` prints a line
//! `R {json}` for each. Weights, data and the list of workloads are read from the folder in `TRAIN_DATA`.

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Instant;
use steadynet::{
    Activation, BatchSize, Dataset, Loss, Network, Optimizer, Parallelism, Predictor, StepTargets, Stepper, Trainer,
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Steps after which the weights go back to the initial ones, so that losses stay those of a training.
const RESET_EVERY: usize = 400;

/// A line of the list.
struct Spec {
    widths: Vec<usize>,
    activation: Activation,
    loss: Loss,
    optimizer: Optimizer,
    batch: usize,
    /// Distinct batches.
    pool: usize,
    /// Steps between two looks at the clock.
    chunk: usize,
    weights: String,
    data: String,
}

enum Workload {
    Train(Spec),
    Predict { network: String, batch: usize },
}

struct Bench {
    dir: String,
    threads: usize,
    seconds: f64,
    list: HashMap<String, Workload>,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().collect();
    let [_, threads, seconds, names] = &arguments[..] else {
        return Err("usage: workloads THREADS SECONDS NAME,NAME,…".into());
    };
    let dir = env::var("TRAIN_DATA").map_err(|_| "TRAIN_DATA: wanted the folder with weights and data")?;
    let list = workloads(&fs::read_to_string(format!("{dir}/spec.txt"))?)?;
    let bench = Bench { dir, threads: threads.parse()?, seconds: seconds.parse()?, list };
    let run = || names.split(',').try_for_each(|name| bench.run(name));
    if bench.threads == 1 {
        return run();
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(bench.threads).build()?;
    pool.install(|| Parallelism::Rayon.hot(run))
}

fn workloads(text: &str) -> Result<HashMap<String, Workload>> {
    let mut list = HashMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [name, "infer", network, batch] => {
                list.insert(name.into(), Workload::Predict { network: network.into(), batch: batch.parse()? });
            }
            [name, activation, loss, optimizer, lr, batch, pool, chunk, weights, data, _, ref widths @ ..] => {
                let loss = if loss == "ce" { Loss::CrossEntropy } else { Loss::SquaredError };
                let spec = Spec {
                    widths: widths.iter().map(|width| width.parse()).collect::<std::result::Result<_, _>>()?,
                    activation: Activation::from_name(activation).ok_or("unknown activation")?,
                    loss,
                    optimizer: Optimizer::from_name(optimizer, Some(lr.parse()?)).ok_or("unknown optimizer")?,
                    batch: batch.parse()?,
                    pool: pool.parse()?,
                    chunk: chunk.parse()?,
                    weights: weights.into(),
                    data: data.into(),
                };
                list.insert(name.into(), Workload::Train(spec));
            }
            _ => return Err(format!("spec.txt: {line}").into()),
        }
    }
    Ok(list)
}

/// The number below which the share `p` of the sorted numbers lie.
fn quantile(sorted: &[f64], p: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * p).round() as usize]
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

impl Bench {
    fn run(&self, name: &str) -> Result<()> {
        match (name, self.list.get(name)) {
            ("cold", _) => self.cold(),
            ("W5", _) => self.epochs(),
            (_, Some(Workload::Train(spec))) => self.steps(name, spec),
            (_, Some(Workload::Predict { network, batch })) => self.predictions(name, network, *batch),
            (_, None) => Err(format!("unknown workload {name}").into()),
        }
    }

    fn spec(&self, name: &str) -> Result<&Spec> {
        match self.list.get(name) {
            Some(Workload::Train(spec)) => Ok(spec),
            _ => Err(format!("no training {name}").into()),
        }
    }

    fn words(&self, file: &str) -> Result<impl Iterator<Item = [u8; 4]> + use<>> {
        let bytes = fs::read(format!("{}/{file}", self.dir))?;
        Ok((0..bytes.len() / 4).map(move |i| [bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]]))
    }

    fn numbers(&self, file: &str) -> Result<Vec<f32>> {
        Ok(self.words(file)?.map(f32::from_le_bytes).collect())
    }

    fn labels(&self, file: &str) -> Result<Vec<u32>> {
        Ok(self.words(file)?.map(u32::from_le_bytes).collect())
    }

    fn network(&self, spec: &Spec) -> Result<Network> {
        let mut builder = Network::builder(spec.widths[0]);
        for &width in &spec.widths[1..spec.widths.len() - 1] {
            builder = builder.hidden(width, spec.activation);
        }
        let mut network = builder.output(spec.widths[spec.widths.len() - 1], spec.loss).build()?;
        let file = self.numbers(&format!("{}.w.bin", spec.weights))?;
        let mut rest = &file[..];
        for l in 0..network.layers().len() {
            if let Some(weights) = network.weights_mut(l) {
                let (own, behind) = rest.split_at(weights.len());
                weights.copy_from_slice(own);
                rest = behind;
            }
            if let Some(biases) = network.biases_mut(l) {
                let (own, behind) = rest.split_at(biases.len());
                biases.copy_from_slice(own);
                rest = behind;
            }
        }
        Ok(network)
    }

    fn parallelism(&self) -> Parallelism {
        if self.threads == 1 { Parallelism::Serial } else { Parallelism::Rayon }
    }

    fn trainer(&self, spec: &Spec) -> Trainer {
        Trainer::new().optimizer(spec.optimizer).parallelism(self.parallelism()).batch_size(BatchSize::Rows(spec.batch))
    }

    fn steps(&self, name: &str, spec: &Spec) -> Result<()> {
        let mut network = self.network(spec)?;
        let initial = network.parameters().to_vec();
        let (features, batch) = (self.numbers(&format!("{}.x.bin", spec.data))?, spec.batch);
        let targets = format!("{}.y.bin", spec.data);
        let (labels, values) = match spec.loss {
            Loss::CrossEntropy => (self.labels(&targets)?, Vec::new()),
            _ => (Vec::new(), self.numbers(&targets)?),
        };
        let (inputs, outputs) = (network.inputs(), network.outputs());
        let mut stepper = self.trainer(spec).stepper(&mut network, batch)?;
        let step = |stepper: &mut Stepper<'_>, k: usize| {
            let k = k % spec.pool;
            let targets = match spec.loss {
                Loss::CrossEntropy => StepTargets::Labels(&labels[k * batch..][..batch]),
                _ => StepTargets::Values(&values[k * batch * outputs..][..batch * outputs]),
            };
            stepper.step(&features[k * batch * inputs..][..batch * inputs], targets)
        };
        let reset = |stepper: &mut Stepper<'_>| {
            stepper.network_mut().parameters_mut().copy_from_slice(&initial);
            stepper.restart();
        };
        let mut losses = String::new();
        for k in 0..11 {
            write!(losses, "{}{:.7}", if k > 0 { "," } else { "" }, step(&mut stepper, k)?)?;
        }
        reset(&mut stepper);
        // A step of half a second is its own warm-up.
        let long = name == "W4";
        let seconds = if long { self.seconds.max(2.5) } else { self.seconds };
        let (mut k, mut times, start) = (0, Vec::new(), Instant::now());
        let mut end = None;
        loop {
            if k > 0 && k % RESET_EVERY < spec.chunk {
                reset(&mut stepper);
            }
            let before = Instant::now();
            for _ in 0..spec.chunk {
                black_box(step(&mut stepper, k)?);
                k += 1;
            }
            let seconds_a_step = before.elapsed().as_secs_f64() / spec.chunk as f64;
            let now = start.elapsed().as_secs_f64();
            match end {
                None if long || now > 0.2 * seconds && k >= 2 * spec.chunk => end = Some(now + seconds),
                None => {}
                Some(end) => {
                    times.push(seconds_a_step);
                    if now > end && times.len() >= 3 {
                        break;
                    }
                }
            }
        }
        let times = sorted(times);
        let us = |p| quantile(&times, p) * 1e6;
        println!(
            "R {{\"wl\":\"{name}\",\"us\":{:.3},\"us_min\":{:.3},\"us_p90\":{:.3},\"n\":{},\"losses\":[{losses}]}}",
            us(0.5),
            us(0.0),
            us(0.9),
            times.len()
        );
        Ok(())
    }

    /// From the start of the process to the end of the first step: measured outside.
    fn cold(&self) -> Result<()> {
        let spec = self.spec("W1")?;
        let mut network = self.network(spec)?;
        let (features, labels) = (self.numbers("d1.x.bin")?, self.labels("d1.y.bin")?);
        let mut stepper = self.trainer(spec).stepper(&mut network, spec.batch)?;
        let rows = spec.batch * spec.widths[0];
        let loss = stepper.step(&features[..rows], StepTargets::Labels(&labels[..spec.batch]))?;
        println!("R {{\"wl\":\"cold\",\"loss\":{loss:.7}}}");
        Ok(())
    }

    /// Epochs of 937 whole batches (so many of the 60000 rows), shuffled.
    fn epochs(&self) -> Result<()> {
        let spec = self.spec("W1")?;
        let rows = 60000 / spec.batch * spec.batch;
        let (mut features, mut labels) = (self.numbers("d5.x.bin")?, self.labels("d5.y.bin")?);
        features.truncate(rows * spec.widths[0]);
        labels.truncate(rows);
        let data = Dataset::classification(features, spec.widths[0], labels, 10)?;
        let mut network = self.network(spec)?;
        let (mut before, mut times, mut loss) = (Instant::now(), Vec::new(), 0.0);
        self.trainer(spec).epochs(4).fit_with(&mut network, &data, None, |epoch| {
            times.push(before.elapsed().as_secs_f64() * 1e6);
            if epoch.epoch == 1 {
                loss = epoch.loss;
            }
            before = Instant::now();
            ControlFlow::Continue(())
        })?;
        let (first, times) = (times[0], sorted(times[1..].to_vec()));
        println!(
            "R {{\"wl\":\"W5\",\"us\":{:.1},\"us_min\":{:.1},\"us_first\":{first:.1},\"n\":3,\"epoch_loss\":{loss:.6}}}",
            quantile(&times, 0.5),
            times[0]
        );
        Ok(())
    }

    fn predictions(&self, name: &str, network: &str, batch: usize) -> Result<()> {
        let network = self.network(self.spec(network)?)?;
        // Several inputs, so that none stays in the nearest cache.
        let distinct = match batch {
            1 => 1024,
            64 => 16,
            _ => 4,
        };
        let len = batch * network.inputs();
        let mut features = self.numbers("d5.x.bin")?;
        features.truncate(distinct * len);
        features.shrink_to_fit();
        let mut outputs = vec![0.0; batch * network.outputs()];
        let predictor = Predictor::new(&network)?;
        let mut session = predictor.session(self.parallelism())?;
        let mut predict =
            |i: usize, outputs: &mut [f32]| session.predict(&features[i % distinct * len..][..len], outputs);
        predict(0, &mut outputs)?;
        let check: f64 = outputs.iter().enumerate().map(|(i, &p)| f64::from(p) * (i % 10 + 1) as f64).sum();
        let (mut i, mut times, start) = (0, Vec::new(), Instant::now());
        while start.elapsed().as_secs_f64() < 0.25 * self.seconds {
            predict(i, &mut outputs)?;
            i += 1;
        }
        let start = Instant::now();
        loop {
            let before = Instant::now();
            predict(i, &mut outputs)?;
            times.push(before.elapsed().as_secs_f64());
            i += 1;
            if start.elapsed().as_secs_f64() > self.seconds && times.len() >= 5 {
                break;
            }
        }
        black_box(&outputs);
        let times = sorted(times);
        let us = |p| quantile(&times, p) * 1e6;
        println!(
            "R {{\"wl\":\"{name}\",\"us\":{:.3},\"us_p99\":{:.3},\"us_min\":{:.3},\"n\":{},\"check\":{:.9}}}",
            us(0.5),
            us(0.99),
            us(0.0),
            times.len(),
            check / batch as f64
        );
        Ok(())
    }
}
