//! `steadynet bench train`: training steps and epochs against the machine's own limit.

use super::bars::Bars;
use super::profile::profile;
use super::workload::{Choice, Place, Workload, labels, median, numbers};
use crate::failure::Failure;
use crate::output::{check_writable, print, print_json};
use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::json;
use std::fmt::Write;
use std::ops::ControlFlow;
use std::time::Instant;
use steadynet::{BatchSize, Dataset, Loss, StepTargets, Stepper, Trainer};

/// Time of training steps, and their share of this machine's limit
///
/// A step is forward, loss, backward and the optimiser's update on one batch of random rows. The limit is that of fused multiply-adds
/// between registers on the same threads, measured before every round. Networks: W1 784-128-10 sigmoid, SGD, batch 64; W2 784-512-512-10
/// ReLU, Adam, batch 256; W3 16-32-32-1 tanh, SGD, batch 32; W4 1024-4096-4096-1024 ReLU, SGD, batch 512; W5 epochs of W1 over 60000
/// shuffled rows, as numbers and as bytes. Every instruction set and number of threads must give the same loss, to the bit, before it
/// is timed.
#[derive(Args)]
pub struct Train {
    /// What to measure
    #[arg(value_name = "NAME", default_values = ["W1", "W2", "W3"], value_parser = PossibleValuesParser::new(Workload::TRAIN))]
    workloads: Vec<String>,
    /// Say where the time of a step on one thread goes
    #[arg(long, conflicts_with = "json")]
    profile: bool,
    #[command(flatten)]
    choice: Choice,
}

/// Seconds of a round: long enough for the clock, short enough for many rounds.
const SECONDS: f64 = 0.02;

/// Distinct batches.
const BATCHES: usize = 4;

/// One workload in one place.
struct Row {
    workload: Workload,
    isa: &'static str,
    threads: usize,
    /// Seconds of a step, medians of the rounds; and the share of the peak.
    step: f64,
    peak: f64,
    share: f64,
    /// Seconds of an epoch, of features as numbers and as bytes.
    epochs: Option<[f64; 2]>,
}

impl Train {
    pub fn run(&self) -> Result<(), Failure> {
        if let Some(path) = &self.choice.plot {
            check_writable(&[("--plot", path)], &[])?;
        }
        let places = self.choice.places()?;
        let mut rows = Vec::new();
        for workload in self.choice.workloads(&self.workloads)? {
            rows.extend(measure(&workload, &places, self.choice.rounds)?);
        }
        if let Some(path) = &self.choice.plot {
            let bars = rows.iter().map(|row| (row.label(), row.share)).collect();
            Bars { title: "Training steps: share of the multiply-add limit", bars }.write(path)?;
        }
        if self.choice.json {
            let rows: Vec<_> = rows.iter().map(Row::json).collect();
            return print_json(&json!({ "rounds": self.choice.rounds, "workloads": rows }));
        }
        let mut text = table(&rows);
        for row in rows.iter().filter(|row| self.profile && row.threads == 1) {
            text += &format!("{}\n", row.workload.name);
            let isa = steadynet::Isa::from_name(row.isa).unwrap_or_default();
            text += &profile(&row.workload, isa, row.step, row.peak)?;
        }
        print(text)
    }
}

/// The rows of some batches.
struct Data {
    features: Vec<f32>,
    labels: Vec<u32>,
    values: Vec<f32>,
}

impl Data {
    fn new(workload: &Workload, rows: usize) -> Data {
        let (inputs, outputs) = (workload.widths[0], workload.widths[workload.widths.len() - 1]);
        let takes_labels = workload.loss.takes_labels();
        Data {
            features: numbers(rows * inputs, 1),
            labels: if takes_labels { labels(rows, outputs) } else { Vec::new() },
            values: if takes_labels { Vec::new() } else { numbers(rows * outputs, 2) },
        }
    }

    fn step(&self, workload: &Workload, stepper: &mut Stepper<'_>, index: usize) -> Result<f64, Failure> {
        let (inputs, outputs) = (workload.widths[0], workload.widths[workload.widths.len() - 1]);
        let start = index % BATCHES * workload.batch;
        let targets = match workload.loss {
            Loss::CrossEntropy => StepTargets::Labels(&self.labels[start..][..workload.batch]),
            _ => StepTargets::Values(&self.values[start * outputs..][..workload.batch * outputs]),
        };
        Ok(stepper.step(&self.features[start * inputs..][..workload.batch * inputs], targets)?)
    }
}

/// The workload everywhere, round by round.
fn measure(workload: &Workload, places: &[Place], rounds: u16) -> Result<Vec<Row>, Failure> {
    let data = Data::new(workload, BATCHES * workload.batch);
    let initial = workload.network()?;
    let flops = (initial.step_flops() * workload.batch) as f64;
    let trainer =
        |place: &Place| Trainer::new().optimizer(workload.optimizer).isa(place.isa).parallelism(place.parallelism());
    let mut first: Option<f64> = None;
    let mut steps = Vec::new();
    for place in places {
        let mut network = initial.clone();
        let (loss, seconds) = place.run(|| {
            let mut stepper = trainer(place).stepper(&mut network, workload.batch)?;
            data.step(workload, &mut stepper, 0)?;
            let start = Instant::now();
            Ok::<_, Failure>((data.step(workload, &mut stepper, 1)?, start.elapsed().as_secs_f64()))
        })?;
        if first.get_or_insert(loss).to_bits() != loss.to_bits() {
            let Place { isa, threads, .. } = place;
            return Err(Failure::new(format!("{}, {isa}, {threads} threads: another loss", workload.name)));
        }
        steps.push((SECONDS / seconds.max(1e-7)).ceil().min(1e5) as usize);
    }
    let mut times = vec![(Vec::new(), Vec::new(), Vec::new()); places.len()];
    for _ in 0..rounds {
        for ((place, &steps), (seconds, peaks, shares)) in places.iter().zip(&steps).zip(&mut times) {
            let mut network = initial.clone();
            let peak = place.peak();
            let step = place.run(|| {
                let mut stepper = trainer(place).stepper(&mut network, workload.batch)?;
                // Threads come, caches fill.
                for index in 0..steps.div_ceil(10) {
                    data.step(workload, &mut stepper, index)?;
                }
                let start = Instant::now();
                for index in 0..steps {
                    data.step(workload, &mut stepper, index)?;
                }
                Ok::<_, Failure>(start.elapsed().as_secs_f64() / steps as f64)
            })?;
            seconds.push(step);
            peaks.push(peak);
            shares.push(flops / step / 1e9 / peak);
        }
    }
    let mut rows = Vec::new();
    for (place, (seconds, peaks, shares)) in places.iter().zip(times) {
        rows.push(Row {
            workload: workload.clone(),
            isa: place.isa.name(),
            threads: place.threads,
            step: median(seconds),
            peak: median(peaks),
            share: median(shares),
            epochs: workload.epoch.map(|rows| epochs(workload, place, rows)).transpose()?,
        });
    }
    Ok(rows)
}

/// Seconds of an epoch over so many shuffled rows, kept as numbers and as bytes.
fn epochs(workload: &Workload, place: &Place, rows: usize) -> Result<[f64; 2], Failure> {
    const EPOCHS: usize = 4;
    let rows = rows / workload.batch * workload.batch;
    let Data { features, labels, .. } = Data::new(workload, rows);
    let columns = workload.widths[0];
    let bytes = features.iter().map(|x| (x * 255.0) as u8).collect();
    let classes = workload.widths[workload.widths.len() - 1];
    let time = |data: Dataset| {
        let mut network = workload.network()?;
        let trainer = Trainer::new().optimizer(workload.optimizer).isa(place.isa).parallelism(place.parallelism());
        let trainer = trainer.batch_size(BatchSize::Rows(workload.batch)).epochs(EPOCHS);
        let (mut seconds, mut start) = (Vec::new(), Instant::now());
        place.run(|| {
            trainer.fit_with(&mut network, &data, None, |_| {
                seconds.push(start.elapsed().as_secs_f64());
                start = Instant::now();
                ControlFlow::Continue(())
            })
        })?;
        Ok::<_, Failure>(median(seconds.split_off(1)))
    };
    let numbers = time(Dataset::classification(features, columns, labels.clone(), classes)?)?;
    let map = steadynet::Preprocessing::constant(columns, 1.0 / 255.0)?;
    let bytes = Dataset::classification_of_bytes(bytes, columns, labels, classes)?.preprocessed(&map)?;
    Ok([numbers, time(bytes)?])
}

impl Row {
    fn label(&self) -> String {
        let Row { workload, isa, threads, .. } = self;
        format!("{}, {isa}, {threads} thread{}", workload.name, if *threads == 1 { "" } else { "s" })
    }

    fn rows_per_second(&self) -> f64 {
        self.workload.batch as f64 / self.step
    }

    /// Time of an epoch over that of its steps alone.
    fn overhead(&self, epoch: f64) -> f64 {
        let steps = self.workload.epoch.unwrap_or(0) / self.workload.batch;
        epoch / (steps as f64 * self.step)
    }

    fn json(&self) -> serde_json::Value {
        let Row { workload, isa, threads, step, peak, share, epochs } = self;
        json!({
            "name": workload.name,
            "widths": workload.widths,
            "activation": workload.activation.name(),
            "loss": workload.loss.name(),
            "optimizer": workload.optimizer.to_string(),
            "batch": workload.batch,
            "isa": isa,
            "threads": threads,
            "step_us": step * 1e6,
            "steps_per_s": 1.0 / step,
            "rows_per_s": self.rows_per_second(),
            "peak_gflops": peak,
            "share": share,
            "epoch_ms": epochs.map(|[numbers, bytes]| json!({ "numbers": numbers * 1e3, "bytes": bytes * 1e3 })),
            "epoch_over_steps":
                epochs.map(|[numbers, bytes]| json!({ "numbers": self.overhead(numbers), "bytes": self.overhead(bytes) })),
        })
    }
}

fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut last = "";
    for row in rows {
        if row.workload.name != last {
            let _ = writeln!(text, "{}  {}", row.workload.name, row.workload.describe());
            last = &row.workload.name;
        }
        let _ = writeln!(
            text,
            "  {:<7} {:>2} threads  step {:>10.2} µs  {:>10.0} steps/s  {:>10.0} rows/s  {:>3.0}% of {:.0} GFLOP/s",
            row.isa,
            row.threads,
            row.step * 1e6,
            1.0 / row.step,
            row.rows_per_second(),
            row.share * 100.0,
            row.peak
        );
        for (what, epoch) in ["numbers", "bytes"].iter().zip(row.epochs.into_iter().flatten()) {
            let ratio = row.overhead(epoch);
            let _ = writeln!(text, "{:22}  epoch of {what} {:.1} ms, {ratio:.3} × its steps", "", epoch * 1e3);
        }
    }
    text
}
