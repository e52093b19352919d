//! Our matrix product beside those of other libraries, at the shapes of networks: every library in every round, results checked before
//! they are timed. `peers.sh` finds the libraries; `README.md` says how to get them and what came out.

mod environment;
mod libraries;
mod library;
mod markdown;
mod measure;
mod record;
mod shapes;
mod summary;
mod table;
mod versions;

use clap::Parser;
use library::Setting;
use record::Run;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use steadynet_benches::shape::Shape;
use steadynet_kernels::Isa;

/// Matrix products of this project and of other libraries, side by side
#[derive(Parser)]
#[command(max_term_width = 110)]
struct Arguments {
    /// Shapes m×k×n, as 64x784x128,784x64x128:ta,64x10x128:tb (ta: A is stored transposed; tb: B) [default: some forty of networks]
    #[arg(long, value_name = "SHAPES", value_delimiter = ',')]
    shapes: Vec<Shape>,
    /// Sixty shapes that this seed draws from the dimensions of networks
    #[arg(long, value_name = "SEED", conflicts_with = "shapes")]
    random: Option<u64>,
    /// Number of threads
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// Libraries beside ours, as mkl,mkl-jit,gemm [default: all that are found]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    libs: Vec<String>,
    /// Rounds of measurement
    #[arg(long, value_name = "N", default_value_t = 11, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    rounds: u16,
    /// Instruction set of ours, and of those others that can be told
    #[arg(long, value_name = "NAME", default_value = "auto")]
    isa: String,
    /// Write what was measured to a file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only the summary, not a table for each shape
    #[arg(long)]
    brief: bool,
    /// Measure nothing: make tables for a README out of files that --json wrote
    #[arg(long, value_name = "FILES", num_args = 1.., conflicts_with_all = ["shapes", "random", "libs", "json", "brief"])]
    markdown: Vec<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if !arguments.markdown.is_empty() {
        let runs: Vec<Run> = arguments.markdown.iter().map(read).collect::<Result<_, _>>()?;
        print!("{}", markdown::tables(&runs));
        return Ok(());
    }
    let isa = match arguments.isa.as_str() {
        "auto" => Isa::detect(),
        name => Isa::from_name(name).map_err(|error| format!("--isa {name}: {error}"))?,
    };
    let setting = Setting { isa, threads: arguments.threads.into() };
    // SAFETY: this is the only thread so far.
    unsafe { environment::set(setting) };
    let shapes = match arguments.random {
        Some(seed) => shapes::random(seed, 60),
        None if arguments.shapes.is_empty() => shapes::default(),
        None => arguments.shapes.clone(),
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(setting.threads).build()?;
    // All of it inside the pool, where a library that uses rayon finds its threads awake.
    let run =
        pool.install(|| measure(arguments, setting, &shapes)).map_err(|error| -> Box<dyn Error> { error.into() })?;
    print!("{}", summary::text(&run));
    if let Some(path) = &arguments.json {
        fs::write(path, serde_json::to_string(&run)?).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let wrong: Vec<&str> =
        run.products.iter().filter(|product| table::is_wrong(product)).map(|product| &*product.shape).collect();
    if wrong.is_empty() { Ok(()) } else { Err(format!("wrong results at {}", wrong.join(", ")).into()) }
}

fn measure(arguments: &Arguments, setting: Setting, shapes: &[Shape]) -> Result<Run, String> {
    let (libraries, missing) = library::all(setting, &arguments.libs);
    for reason in missing {
        eprintln!("without {reason}");
    }
    let mut peak = measure::Peak::new(setting);
    let mut products = Vec::new();
    for &shape in shapes {
        let measured = measure::measure(shape, &libraries, setting, &mut peak, arguments.rounds.into());
        let measured = measured.map_err(|error| format!("{shape}: {error}"))?;
        if !arguments.brief || table::is_wrong(&measured) {
            print!("{}", table::text(&measured));
        }
        products.push(measured);
    }
    Ok(Run {
        processor: versions::processor(),
        isa: setting.isa.name().into(),
        threads: setting.threads,
        rounds: arguments.rounds.into(),
        versions: versions::libraries(),
        products,
    })
}

fn read(path: &PathBuf) -> Result<Run, Box<dyn Error>> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?)
}
