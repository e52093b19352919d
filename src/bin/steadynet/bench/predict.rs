//! `steadynet bench predict`: the latency of predictions.

use super::bars::Bars;
use super::workload::{Choice, Place, Workload, median, numbers, quantile};
use crate::failure::Failure;
use crate::output::{check_writable, print, print_json};
use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::json;
use std::fmt::Write;
use std::time::Instant;
use steadynet::{Model, Network, Parallelism, Predictor};

/// Time of predictions, and their share of this machine's limit
///
/// A prediction takes a batch of rows to probabilities, in memory that was made before. I1, I64, I4096: 784-128-10 sigmoid for so many
/// rows; I2: 784-512-512-10 ReLU for one row. Several inputs come in turn, so that none stays in the nearest cache. For one row the limit is
/// not that of multiply-adds but of reading the weights, once each.
#[derive(Args)]
pub struct Predict {
    /// What to measure
    #[arg(value_name = "NAME", default_values = Workload::PREDICT, value_parser = PossibleValuesParser::new(Workload::PREDICT))]
    workloads: Vec<String>,
    #[command(flatten)]
    choice: Choice,
}

/// Seconds of a round.
const SECONDS: f64 = 0.03;

/// Elements of all inputs together.
const INPUTS: usize = 1 << 20;

struct Row {
    workload: Workload,
    isa: &'static str,
    threads: usize,
    /// Seconds: medians of the rounds' quantiles.
    p50: f64,
    p99: f64,
    peak: f64,
    share: f64,
    /// Bytes of weights a second.
    bandwidth: f64,
    /// Seconds from a model file to its first prediction.
    start: f64,
}

impl Predict {
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
            let label = |row: &Row| format!("{}, {}, {} threads", row.workload.name, row.isa, row.threads);
            let bars = rows.iter().map(|row| (label(row), row.share)).collect();
            Bars { title: "Predictions: share of the multiply-add limit", bars }.write(path)?;
        }
        if self.choice.json {
            let rows: Vec<_> = rows.iter().map(Row::json).collect();
            return print_json(&json!({ "rounds": self.choice.rounds, "workloads": rows }));
        }
        print(table(&rows))
    }
}

/// What was measured at one place, round by round.
#[derive(Clone, Default)]
struct Times {
    p50: Vec<f64>,
    p99: Vec<f64>,
    peaks: Vec<f64>,
}

fn measure(workload: &Workload, places: &[Place], rounds: u16) -> Result<Vec<Row>, Failure> {
    let network = workload.network()?;
    let (batch, len) = (workload.batch, workload.batch * network.inputs());
    let inputs = INPUTS.div_ceil(len).max(2);
    let features = numbers(inputs * len, 1);
    let flops = (network.flops() * batch) as f64;
    let bytes = (network.parameter_count() * size_of::<f32>()) as f64;
    let mut expected = vec![0.0; batch * network.outputs()];
    let mut times = vec![Times::default(); places.len()];
    for round in 0..rounds {
        for (place, Times { p50, p99, peaks }) in places.iter().zip(&mut times) {
            let predictor = Predictor::on(&network, place.isa)?;
            peaks.push(place.peak());
            let (outputs, sorted) = place.run(|| {
                let mut session = predictor.session(place.parallelism())?;
                let (mut outputs, mut times) = (vec![0.0; batch * network.outputs()], Vec::new());
                let (start, mut index) = (Instant::now(), 0);
                // The last prediction is that of the first input, to compare.
                while start.elapsed().as_secs_f64() < SECONDS || index % inputs != 1 {
                    let before = Instant::now();
                    session.predict(&features[index % inputs * len..][..len], &mut outputs)?;
                    times.push(before.elapsed().as_secs_f64());
                    index += 1;
                }
                times.sort_by(f64::total_cmp);
                Ok::<_, Failure>((outputs, times))
            })?;
            if round == 0 && p50.is_empty() && place.threads == places[0].threads && place.isa == places[0].isa {
                expected.copy_from_slice(&outputs);
            }
            if !expected.iter().zip(&outputs).all(|(a, b)| a.to_bits() == b.to_bits()) {
                let Place { isa, threads, .. } = place;
                return Err(Failure::new(format!("{}, {isa}, {threads} threads: other bits", workload.name)));
            }
            p50.push(quantile(&sorted, 0.5));
            p99.push(quantile(&sorted, 0.99));
        }
    }
    let start = start(&network, &features[..network.inputs()])?;
    let row = |(place, Times { p50, p99, peaks }): (&Place, Times)| {
        let shares = p50.iter().zip(&peaks).map(|(seconds, peak)| flops / seconds / 1e9 / peak).collect();
        let p50 = median(p50);
        Row {
            workload: workload.clone(),
            isa: place.isa.name(),
            threads: place.threads,
            p50,
            p99: median(p99),
            peak: median(peaks),
            share: median(shares),
            bandwidth: bytes / p50,
            start,
        }
    };
    Ok(places.iter().zip(times).map(row).collect())
}

/// Seconds from a model file, which the system has in memory, to the first prediction: the best of some.
fn start(network: &Network, row: &[f32]) -> Result<f64, Failure> {
    let path = std::env::temp_dir().join(format!("steadynet-bench-{}.safetensors", std::process::id()));
    Model::new(network.clone()).save(&path)?;
    let mut best = f64::INFINITY;
    let result = (0..7).try_for_each(|_| {
        let start = Instant::now();
        let predictor = Predictor::new(&Model::load(&path)?.network)?;
        let mut outputs = vec![0.0; network.outputs()];
        predictor.session(Parallelism::Serial)?.predict(row, &mut outputs)?;
        best = best.min(start.elapsed().as_secs_f64());
        Ok::<_, Failure>(())
    });
    std::fs::remove_file(&path)?;
    result.map(|()| best)
}

impl Row {
    fn rows_per_second(&self) -> f64 {
        self.workload.batch as f64 / self.p50
    }

    fn json(&self) -> serde_json::Value {
        let Row { workload, isa, threads, p50, p99, peak, share, bandwidth, start } = self;
        json!({
            "name": workload.name,
            "widths": workload.widths,
            "activation": workload.activation.name(),
            "batch": workload.batch,
            "isa": isa,
            "threads": threads,
            "p50_us": p50 * 1e6,
            "p99_us": p99 * 1e6,
            "rows_per_s": self.rows_per_second(),
            "peak_gflops": peak,
            "share": share,
            "weights_gb_per_s": bandwidth / 1e9,
            "start_ms": start * 1e3,
        })
    }
}

fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut last = "";
    for row in rows {
        if row.workload.name != last {
            let Workload { name, widths, activation, batch, .. } = &row.workload;
            let widths: Vec<String> = widths.iter().map(usize::to_string).collect();
            let (widths, activation, start) = (widths.join("-"), activation.name(), row.start * 1e3);
            let _ = writeln!(
                text,
                "{name}  {widths} {activation}, rows: {batch}; from file to first prediction {start:.2} ms"
            );
            last = name;
        }
        let _ = writeln!(
            text,
            "  {:<7} {:>2} threads  p50 {:>9.2} µs  p99 {:>9.2} µs  {:>10.0} rows/s  {:>3.0}% of {:.0} GFLOP/s  weights {:.0} GB/s",
            row.isa,
            row.threads,
            row.p50 * 1e6,
            row.p99 * 1e6,
            row.rows_per_second(),
            row.share * 100.0,
            row.peak,
            row.bandwidth / 1e9
        );
    }
    text
}
