//! `steadynet bench gemm`: matrix products against the machine's own limit and against other libraries.

mod check;
mod clock;
mod contender;
mod limits;
mod measure;
mod operand;
mod product;
mod report;
mod set;
mod shape;
mod spread;

use crate::compute::{isa_named, on_threads};
use crate::failure::Failure;
use crate::output::{check_writable, print, print_json};
use clap::Args;
use clap::builder::PossibleValuesParser;
use contender::Contender;
use set::Set;
use shape::Shape;
use std::path::{Path, PathBuf};
use steadynet::atomic_file::write_atomically;
use steadynet::{Isa, Parallelism};

/// GFLOP/s of matrix products, and their share of this machine's limit
///
/// C = A·B with A of m × k and B of k × n; the same with bias and sigmoid fused in, which count as no operations; and with a B that was
/// packed before, which counts as none either. Beside it, any BLAS on the machine. The limit is that of fused multiply-adds between registers. It is measured before every product,
/// because processors change their clock and virtual machines have neighbours: a share is the median of those within the
/// rounds. Before anything is timed, results are compared: ours bit for bit with the scalar definition, those of a BLAS within what
/// rounding in another order explains.
#[derive(Args)]
pub struct Gemm {
    /// Shapes m×k×n, as 64x784x128,784x64x128:ta,64x10x128:tb (ta: A is stored transposed; tb: B is)
    #[arg(long, value_name = "SHAPES", value_delimiter = ',', conflicts_with = "set")]
    shapes: Vec<Shape>,
    /// A list of shapes
    #[arg(long, value_name = "NAME", default_value = "mlp")]
    set: Set,
    /// Instruction sets [default: all that this CPU has]
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = PossibleValuesParser::new(["auto"].into_iter().chain(Isa::NAMES)))]
    isa: Vec<String>,
    /// Number of threads
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    /// A BLAS to compare with: a shared library that has cblas_sgemm. Can be given several times
    #[arg(long, value_name = "FILE")]
    against: Vec<PathBuf>,
    /// What the library calls its cblas_sgemm [default: looked for under the usual names, as scipy_cblas_sgemm or cblas_sgemm64_].
    /// Can be given several times. Whether its integers have 32 or 64 bits does not matter
    #[arg(long, value_name = "NAME", requires = "against")]
    symbol: Vec<String>,
    /// Rounds of measurement
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    rounds: u16,
    /// Print one JSON object
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV
    #[arg(long)]
    csv: bool,
    /// Draw the products under the roofs of this machine: an SVG file
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

impl Gemm {
    pub fn run(&self) -> Result<(), Failure> {
        // Everything that can be wrong is found before minutes of measurement.
        let mut isas: Vec<Isa> = Vec::new();
        for name in &self.isa {
            let isa = isa_named(name)?;
            // (`auto` is one of the others.)
            if !isas.contains(&isa) {
                isas.push(isa);
            }
        }
        if isas.is_empty() {
            isas.extend(Isa::available());
        }
        let shapes = if self.shapes.is_empty() { self.set.shapes() } else { self.shapes.clone() };
        if let Some(plot) = &self.plot {
            let inputs: Vec<&Path> = self.against.iter().map(PathBuf::as_path).collect();
            check_writable(&[("--plot", plot)], &inputs)?;
        }
        let report = on_threads(self.threads.into(), |parallelism| self.measure(&isas, &shapes, parallelism))??;
        if let Some(plot) = &self.plot {
            let svg = report.roofline()?;
            write_atomically(plot, |file| file.write_all(svg.as_bytes()))?;
        }
        if self.json {
            print_json(&report.json())
        } else if self.csv {
            print(report.csv()?)
        } else {
            print(report.table())
        }
    }

    fn measure(&self, isas: &[Isa], shapes: &[Shape], parallelism: Parallelism) -> Result<report::Report, Failure> {
        // (Libraries hear of the number of threads on the thread that will call them.)
        let mut contenders = Contender::all(isas, parallelism, &self.against, &self.symbol, self.threads)?;
        for &shape in shapes {
            measure::check(shape, &mut contenders)?;
        }
        measure::measure(shapes, &mut contenders, isas, parallelism, self.rounds)
    }
}
