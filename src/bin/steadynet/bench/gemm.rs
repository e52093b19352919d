//! `steadynet bench gemm`: matrix products against the machine's own limit.

use crate::compute::isa_named;
use crate::failure::Failure;
use crate::output::{print, print_json};
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use serde_json::json;
use std::fmt::Write;
use std::str::FromStr;
use std::time::Instant;
use steadynet::kernels::random::Random;
use steadynet::kernels::{Epilogue, Mat, MatMut, gemm, gemm_scratch_len, reference, roofline};
use steadynet::{Activation, Isa};

/// GFLOP/s of matrix products, and their share of this machine's limit
///
/// C = A·B with A of m × k and B of k × n, on one thread; and the same with bias and sigmoid fused in, which count as no operations.
/// The limit is that of fused multiply-adds between registers. It is measured before every product, because processors
/// change their clock and virtual machines have neighbours: a share is the median of those within the rounds. Results are
/// compared bit for bit with the scalar definition before they are timed.
#[derive(Args)]
pub struct Gemm {
    /// Shapes m×k×n, as 64x784x128,256x784x512
    #[arg(long, value_name = "SHAPES", value_delimiter = ',', conflicts_with = "set")]
    shapes: Vec<Shape>,
    /// A list of shapes
    #[arg(long, value_name = "NAME", default_value = "mlp")]
    set: Set,
    /// Instruction sets [default: all that this CPU has]
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = PossibleValuesParser::new(["auto"].into_iter().chain(Isa::NAMES)))]
    isa: Vec<String>,
    /// Rounds of measurement
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    rounds: u16,
    /// Print one JSON object
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV
    #[arg(long)]
    csv: bool,
}

/// A product of `m × k` by `k × n`.
#[derive(Clone, Copy, Debug)]
struct Shape {
    m: usize,
    k: usize,
    n: usize,
}

impl Shape {
    fn flops(self) -> f64 {
        2.0 * self.m as f64 * self.k as f64 * self.n as f64
    }
}

impl FromStr for Shape {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Shape, &'static str> {
        // Three matrices of this size take 3 GiB.
        const LARGEST: usize = 1 << 28;
        let extents: Option<Vec<usize>> = text.split(['x', '×']).map(|part| part.parse().ok()).collect();
        match extents.as_deref() {
            Some(&[m, k, n]) if m > 0 && k > 0 && n > 0 => {
                let fits = |a: usize, b: usize| a.checked_mul(b).is_some_and(|len| len <= LARGEST);
                let shape = Shape { m, k, n };
                if fits(m, k) && fits(k, n) && fits(m, n) {
                    Ok(shape)
                } else {
                    Err("larger than 2^28 elements a matrix")
                }
            }
            _ => Err("wanted m×k×n such as 64x784x128, each at least 1"),
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum Set {
    /// Layers of common networks, batches of 64 and 256
    Mlp,
    /// 64 to 1024 in all directions
    Square,
    /// One row: a prediction
    Gemv,
    /// Sizes that no tile divides
    Odd,
}

impl Set {
    fn shapes(self) -> Vec<Shape> {
        let shapes: &[[usize; 3]] = match self {
            Set::Mlp => {
                &[[64, 784, 128], [256, 784, 512], [64, 128, 10], [256, 512, 256], [784, 256, 512], [256, 1024, 1024]]
            }
            Set::Square => &[[64; 3], [128; 3], [256; 3], [512; 3], [1024; 3]],
            Set::Gemv => &[[1, 64, 64], [1, 128, 10], [1, 784, 128], [1, 1024, 1024]],
            Set::Odd => &[[7, 13, 5], [13, 127, 33], [33, 1, 65], [100, 1000, 1], [97, 193, 389]],
        };
        shapes.iter().map(|&[m, k, n]| Shape { m, k, n }).collect()
    }
}

/// What a product does with its sums.
#[derive(Clone, Copy)]
enum Fused {
    Nothing,
    BiasSigmoid,
}

impl Fused {
    const ALL: [Fused; 2] = [Fused::Nothing, Fused::BiasSigmoid];

    fn name(self) -> &'static str {
        match self {
            Fused::Nothing => "none",
            Fused::BiasSigmoid => "bias+sigmoid",
        }
    }

    fn epilogue(self, bias: &[f32]) -> Epilogue<'_> {
        match self {
            Fused::Nothing => Epilogue::Store,
            Fused::BiasSigmoid => Epilogue::Bias { bias, activation: Activation::Sigmoid },
        }
    }
}

/// Seconds that one measurement takes at least: many times the resolution of the clock.
const SECONDS: f64 = 2e-3;

impl Gemm {
    pub fn run(&self) -> Result<(), Failure> {
        let isas: Vec<Isa> = if self.isa.is_empty() {
            Isa::available().collect()
        } else {
            self.isa.iter().map(|name| isa_named(name)).collect::<Result<_, _>>()?
        };
        let shapes = if self.shapes.is_empty() { self.set.shapes() } else { self.shapes.clone() };
        let mut peaks = Vec::new();
        let mut products = Vec::new();
        for &isa in &isas {
            peaks.push(Peak::new(isa));
        }
        for &shape in &shapes {
            for (isa_index, &isa) in isas.iter().enumerate() {
                for fused in Fused::ALL {
                    products.push(Product::new(isa, isa_index, shape, fused)?);
                }
            }
        }
        for _ in 0..self.rounds {
            for peak in &mut peaks {
                peak.measure();
            }
            for product in &mut products {
                // The clock wanders within a round, so each share has a peak of its own, measured just before.
                product.peaks.push(peaks[product.isa_index].rate());
                product.measure()?;
            }
        }
        let machine = |round: usize| peaks.iter().map(|peak| peak.rates[round]).fold(0.0, f64::max);
        let rows: Vec<Row> = products
            .iter()
            .map(|product| Row {
                isa: product.isa,
                shape: product.shape,
                epilogue: product.fused.name(),
                rate: Spread::of(product.rates.iter().copied()),
                of_isa: Spread::of(product.rates.iter().zip(&product.peaks).map(|(rate, peak)| rate / peak)).median,
                of_machine: Spread::of(product.rates.iter().enumerate().map(|(round, rate)| rate / machine(round)))
                    .median,
            })
            .collect();
        let peaks: Vec<(Isa, Spread)> =
            peaks.iter().map(|peak| (peak.isa, Spread::of(peak.rates.iter().copied()))).collect();
        if self.json {
            print_json(&json(&peaks, &rows, self.rounds))
        } else if self.csv {
            print(csv(&peaks, &rows))
        } else {
            print(table(&peaks, &rows, self.rounds))
        }
    }
}

/// Multiply-adds between registers on one instruction set.
struct Peak {
    isa: Isa,
    iterations: usize,
    /// GFLOP/s of each round.
    rates: Vec<f64>,
}

impl Peak {
    fn new(isa: Isa) -> Peak {
        let mut iterations = 1000;
        while seconds(|| roofline::multiply_adds(isa, iterations)).0 < SECONDS && iterations < usize::MAX / 4 {
            iterations *= 2;
        }
        Peak { isa, iterations, rates: Vec::new() }
    }

    /// GFLOP/s now.
    fn rate(&self) -> f64 {
        let (seconds, flops) = seconds(|| roofline::multiply_adds(self.isa, self.iterations));
        flops as f64 / seconds / 1e9
    }

    fn measure(&mut self) {
        let rate = self.rate();
        self.rates.push(rate);
    }
}

/// One product with its operands.
struct Product {
    isa: Isa,
    isa_index: usize,
    shape: Shape,
    fused: Fused,
    a: Operand,
    b: Operand,
    bias: Operand,
    c: Operand,
    scratch: Operand,
    repetitions: usize,
    rates: Vec<f64>,
    /// The peak before each of the rates.
    peaks: Vec<f64>,
}

impl Product {
    fn new(isa: Isa, isa_index: usize, shape: Shape, fused: Fused) -> Result<Product, Failure> {
        let Shape { m, k, n } = shape;
        let mut product = Product {
            isa,
            isa_index,
            shape,
            fused,
            a: Operand::random(m * k, 0),
            b: Operand::random(k * n, 1),
            bias: Operand::random(n, 2),
            c: Operand::random(m * n, 3),
            scratch: Operand::random(gemm_scratch_len(m, k, n), 4),
            repetitions: 1,
            rates: Vec::new(),
            peaks: Vec::new(),
        };
        product.check()?;
        while product.time()? < SECONDS {
            product.repetitions *= 2;
        }
        Ok(product)
    }

    fn multiply(&mut self) -> Result<(), Failure> {
        let Shape { m, k, n } = self.shape;
        let (a, b) = (Mat::new(&self.a, m, k)?, Mat::new(&self.b, k, n)?);
        let epilogue = self.fused.epilogue(&self.bias);
        Ok(gemm(self.isa, a, b, MatMut::new(&mut self.c, m, n)?, epilogue, &mut self.scratch)?)
    }

    /// Compares with the definition, in some rows if it would take long for all.
    fn check(&mut self) -> Result<(), Failure> {
        const MULTIPLY_ADDS: usize = 1 << 24;
        self.multiply()?;
        let Shape { m, k, n } = self.shape;
        let (a, b) = (Mat::new(&self.a, m, k)?, Mat::new(&self.b, k, n)?);
        let step = (m * k).saturating_mul(n).div_ceil(MULTIPLY_ADDS);
        let mut row = vec![0.0; n];
        for i in (0..m).step_by(step).chain([m - 1]) {
            reference::gemm(a.row_range(i, 1)?, b, &mut MatMut::new(&mut row, 1, n)?, self.fused.epilogue(&self.bias));
            let given = &self.c[i * n..(i + 1) * n];
            if let Some(j) = (0..n).find(|&j| given[j].to_bits() != row[j].to_bits()) {
                let (isa, what, Shape { m, k, n }) = (self.isa, self.fused.name(), self.shape);
                return Err(Failure::new(format!(
                    "{isa}, {m}×{k}×{n}, {what}: element ({i}, {j}) is {:?}, by definition {:?}",
                    given[j], row[j]
                )));
            }
        }
        Ok(())
    }

    fn time(&mut self) -> Result<f64, Failure> {
        let repetitions = self.repetitions;
        // Brings the operands back into the caches, from where the other products have driven them.
        self.multiply()?;
        let (seconds, result) = seconds(|| (0..repetitions).try_for_each(|_| self.multiply()));
        result.map(|()| seconds)
    }

    fn measure(&mut self) -> Result<(), Failure> {
        let seconds = self.time()?;
        self.rates.push(self.shape.flops() * self.repetitions as f64 / seconds / 1e9);
        Ok(())
    }
}

fn seconds<R>(work: impl FnOnce() -> R) -> (f64, R) {
    let start = Instant::now();
    let result = work();
    (start.elapsed().as_secs_f64(), result)
}

/// Numbers that begin at a cache line, as those of a network do.
struct Operand {
    memory: Vec<f32>,
    start: usize,
}

impl Operand {
    fn random(len: usize, stream: u64) -> Operand {
        const LINE: usize = 16;
        let mut memory = vec![0.0; len + LINE - 1];
        let start = memory.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE - 1);
        let random = Random::new(0, stream);
        for (index, value) in (0..).zip(&mut memory) {
            *value = random.uniform(index) - 0.5;
        }
        memory.truncate(start + len);
        Operand { memory, start }
    }
}

impl std::ops::Deref for Operand {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.memory[self.start..]
    }
}

impl std::ops::DerefMut for Operand {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.start..]
    }
}

/// Median and extremes over the rounds.
#[derive(Clone, Copy)]
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    /// Of at least one value.
    fn of(values: impl Iterator<Item = f64>) -> Spread {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Spread { median: (low + high) / 2.0, min: values[0], max: values[values.len() - 1] }
    }
}

struct Row {
    isa: Isa,
    shape: Shape,
    epilogue: &'static str,
    /// GFLOP/s.
    rate: Spread,
    of_isa: f64,
    of_machine: f64,
}

fn table(peaks: &[(Isa, Spread)], rows: &[Row], rounds: u16) -> String {
    let mut text = String::from("multiply-adds between registers, GFLOP/s on one thread\n");
    // A `String` takes every write.
    for (isa, peak) in peaks {
        let _ = writeln!(text, "  {:<7} {:>8.1}  ({:.1} to {:.1})", isa.name(), peak.median, peak.min, peak.max);
    }
    let _ = writeln!(
        text,
        "\n{:>16}  {:<7} {:<12}  {:>8} {:>8} {:>8}  {:>6}  {:>10}",
        "m×k×n", "ISA", "epilogue", "GFLOP/s", "least", "most", "of ISA", "of machine"
    );
    for Row { isa, shape: Shape { m, k, n }, epilogue, rate, of_isa, of_machine } in rows {
        let _ = writeln!(
            text,
            "{:>16}  {:<7} {epilogue:<12}  {:>8.1} {:>8.1} {:>8.1}  {:>5.1}%  {:>9.1}%",
            format!("{m}×{k}×{n}"),
            isa.name(),
            rate.median,
            rate.min,
            rate.max,
            100.0 * of_isa,
            100.0 * of_machine
        );
    }
    let _ = writeln!(
        text,
        "\nMedians of {rounds} rounds. Of ISA: share of that instruction set's own peak, of machine: of the highest peak."
    );
    text
}

fn csv(peaks: &[(Isa, Spread)], rows: &[Row]) -> String {
    let mut text = String::from("isa,m,k,n,epilogue,gflops,gflops_min,gflops_max,of_isa_peak,of_machine_peak\n");
    for (isa, Spread { median, min, max }) in peaks {
        let _ = writeln!(text, "{},,,,multiply-adds,{median},{min},{max},1,", isa.name());
    }
    for Row { isa, shape: Shape { m, k, n }, epilogue, rate: Spread { median, min, max }, of_isa, of_machine } in rows {
        let _ = writeln!(text, "{},{m},{k},{n},{epilogue},{median},{min},{max},{of_isa},{of_machine}", isa.name());
    }
    text
}

fn json(peaks: &[(Isa, Spread)], rows: &[Row], rounds: u16) -> serde_json::Value {
    let spread = |spread: Spread| json!({ "median": spread.median, "min": spread.min, "max": spread.max });
    let peaks = peaks.iter().map(|&(isa, peak)| json!({ "isa": isa.name(), "gflops": spread(peak) }));
    let rows = rows.iter().map(|row| {
        json!({
            "isa": row.isa.name(),
            "m": row.shape.m,
            "k": row.shape.k,
            "n": row.shape.n,
            "epilogue": row.epilogue,
            "gflops": spread(row.rate),
            "of_isa_peak": row.of_isa,
            "of_machine_peak": row.of_machine,
        })
    });
    json!({ "rounds": rounds, "peaks": peaks.collect::<Vec<_>>(), "products": rows.collect::<Vec<_>>() })
}
