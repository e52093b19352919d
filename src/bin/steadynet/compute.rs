//! Where the calculation runs: instruction set and threads. Neither changes a result.

use crate::failure::Failure;
use clap::Args;
use clap::builder::PossibleValuesParser;
use steadynet::{Isa, Parallelism};

/// The options `--isa` and `--threads`.
#[derive(Args, Clone)]
#[command(next_help_heading = "Speed (the results are the same bits for any of these)")]
pub struct ComputeArgs {
    /// Number of threads [default: all processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Instruction set
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = isa_names())]
    isa: String,
}

fn isa_names() -> PossibleValuesParser {
    PossibleValuesParser::new(["auto"].into_iter().chain(Isa::NAMES))
}

/// A checked choice.
#[derive(Clone, Copy)]
pub struct Compute {
    pub isa: Isa,
    pub parallelism: Parallelism,
}

impl ComputeArgs {
    /// Runs `work` on the chosen threads.
    pub fn run<R: Send>(&self, work: impl FnOnce(Compute) -> Result<R, Failure> + Send) -> Result<R, Failure> {
        let isa = self.isa()?;
        match self.threads {
            None => work(Compute { isa, parallelism: Parallelism::Rayon }),
            Some(threads) => on_threads(threads.into(), |parallelism| work(Compute { isa, parallelism }))?,
        }
    }

    /// The chosen instruction set.
    pub fn isa(&self) -> Result<Isa, Failure> {
        isa_named(&self.isa)
    }
}

/// The instruction set of that name, the fastest for `auto`.
pub fn isa_named(name: &str) -> Result<Isa, Failure> {
    if name == "auto" {
        return Ok(Isa::detect());
    }
    Isa::from_name(name).map_err(|error| {
        let available: Vec<&str> = Isa::available().map(Isa::name).collect();
        Failure::new(format!("--isa {name}: {error} (it has {})", available.join(", ")))
    })
}

/// Runs `work` inside a pool of so many threads; one thread needs no pool.
pub fn on_threads<R: Send>(threads: usize, work: impl FnOnce(Parallelism) -> R + Send) -> Result<R, Failure> {
    if threads == 1 {
        return Ok(work(Parallelism::Serial));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|error| Failure::new(format!("cannot start {threads} threads: {error}")))?;
    Ok(pool.install(|| work(Parallelism::Rayon)))
}
