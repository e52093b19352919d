//! Our elementary functions, softmax and losses beside those of other libraries: every library in every round, one thread. `functions.sh` finds
//! the libraries; `ELEMENTWISE.md` says what came out.

mod accuracy;
mod function;
mod measure;
mod memory;
mod peer;
mod peers;

use clap::Parser;
use function::Function;
use measure::{Call, medians};
use peer::Peer;
use std::fmt::Write;
use std::process::ExitCode;
use std::time::Instant;
use steadynet_kernels::{Isa, roofline};

/// Elementary functions, softmax and losses of this project and of other libraries, side by side
#[derive(Parser)]
#[command(max_term_width = 110)]
struct Arguments {
    /// Instruction set of ours, and of those others that can be told
    #[arg(long, value_name = "NAME", default_value = "auto")]
    isa: String,
    /// Rounds of measurement
    #[arg(long, value_name = "N", default_value_t = 41, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    rounds: u16,
    /// Only these functions
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    functions: Vec<Function>,
    /// The largest errors over every 257th binary32 number, and no times
    #[arg(long)]
    accuracy: bool,
    /// Maps and parameter updates of a million numbers, and nothing else
    #[arg(long, conflicts_with = "accuracy")]
    memory: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<String, String> {
    let isa = match arguments.isa.as_str() {
        "auto" => Isa::detect(),
        name => Isa::from_name(name).map_err(|error| format!("--isa {name}: {error}"))?,
    };
    let rounds = arguments.rounds.into();
    if arguments.memory {
        return Ok(memory::table(isa, rounds));
    }
    if isa.name() == "avx2" {
        // SAFETY: this is the only thread, and no library has been loaded.
        unsafe {
            std::env::set_var("MKL_ENABLE_INSTRUCTIONS", "AVX2");
            std::env::set_var("ONEDNN_MAX_CPU_ISA", "AVX2");
        }
    }
    // SAFETY: as above.
    unsafe { std::env::set_var("OMP_NUM_THREADS", "1") };
    let (peers, missing) = peers::all(isa);
    for reason in missing {
        eprintln!("without {reason}");
    }
    let functions = if arguments.functions.is_empty() { &Function::ALL[..] } else { &arguments.functions };
    if arguments.accuracy { Ok(accuracy::table(&peers, functions)) } else { Ok(speeds(&peers, functions, isa, rounds)) }
}

/// Elements of the functions' arguments: with the results, 32 KiB.
const LEN: usize = 4096;
/// Rows and columns of softmax.
const SOFTMAX: [(usize, usize); 3] = [(64, 10), (32, 128), (4, 1000)];
/// Rows and columns of the other two.
const LOSS: (usize, usize) = (64, 10);
const BIAS: (usize, usize) = (64, 128);

/// A line of the table.
struct Line<'a> {
    what: String,
    elements: usize,
    /// Of each library, and whether it is composed.
    calls: Vec<Option<(Call<'a>, bool)>>,
}

fn speeds(peers: &[Peer], functions: &[Function], isa: Isa, rounds: usize) -> String {
    let mut lines = Vec::new();
    for &function in functions {
        lines.push(Line::new(function.name().into(), LEN, peers, |peer| {
            let (offer, x) = (peer.map(function)?, function.arguments(LEN));
            Some((Box::new(move |y: &mut [f32]| (offer.call)(&x, &mut y[..LEN])), offer.composed))
        }));
    }
    for (rows, cols) in SOFTMAX {
        lines.push(Line::new(format!("softmax, {rows} rows of {cols}"), rows * cols, peers, |peer| {
            let (offer, x) = (peer.softmax.as_ref()?, Function::Exp.arguments(rows * cols));
            Some((Box::new(move |y: &mut [f32]| (offer.call)(&x, cols, &mut y[..rows * cols])), offer.composed))
        }));
    }
    let (rows, cols) = LOSS;
    lines.push(Line::new(
        format!("softmax, cross-entropy and gradient, {rows} rows of {cols}"),
        rows * cols,
        peers,
        |peer| {
            let (offer, x) = (peer.loss.as_ref()?, Function::Exp.arguments(rows * cols));
            let labels: Vec<u32> = (0..rows).map(|i| (i * 7 % cols) as u32).collect();
            let call = move |y: &mut [f32]| {
                let (gradient, losses) = y[..rows * cols + rows].split_at_mut(rows * cols);
                (offer.call)(&x, cols, &labels, gradient, losses);
            };
            Some((Box::new(call), offer.composed))
        },
    ));
    let (rows, cols) = BIAS;
    lines.push(Line::new(format!("bias and sigmoid, {rows} rows of {cols}"), rows * cols, peers, |peer| {
        let (offer, x) = (peer.bias_sigmoid.as_ref()?, Function::Sigmoid.arguments(rows * cols));
        Some((Box::new(move |y: &mut [f32]| (offer.call)(&x, cols, &mut y[..rows * cols])), offer.composed))
    }));
    let peak = peak(isa);
    let names: Vec<&str> = peers.iter().map(|peer| peer.name).collect();
    let mut text = format!("FMA peak {peak:.0} GFLOP/s.\n\n");
    let _ = writeln!(text, "| ns per element | {} | best other ÷ ours |", names.join(" | "));
    let _ = writeln!(text, "|---|{}--:|", "--:|".repeat(names.len()));
    for line in lines {
        line.measure(&mut text, &names, rounds);
    }
    text
}

impl<'a> Line<'a> {
    fn new(
        what: String,
        elements: usize,
        peers: &'a [Peer],
        call: impl Fn(&'a Peer) -> Option<(Call<'a>, bool)>,
    ) -> Self {
        Line { what, elements, calls: peers.iter().map(call).collect() }
    }

    /// Nanoseconds for each element, with a star where the function is composed; the fastest is bold.
    fn measure(self, text: &mut String, names: &[&str], rounds: usize) {
        let (mut calls, mut stars) = (Vec::new(), Vec::new());
        for call in self.calls {
            stars.push(call.as_ref().is_some_and(|(_, composed)| *composed));
            calls.push(call.map(|(call, _)| call));
        }
        let mut y = vec![0.0; self.elements.max(LEN) + 1024];
        let times = medians(&mut calls, &mut y, rounds);
        let fastest = times.iter().flatten().copied().fold(f64::INFINITY, f64::min);
        let _ = write!(text, "| {} |", self.what);
        for (time, star) in times.iter().zip(stars) {
            let cell = time.map_or("–".into(), |time| {
                let cell = format!("{:.3}{}", time / self.elements as f64, if star { "\\*" } else { "" });
                if time == fastest { format!("**{cell}**") } else { cell }
            });
            let _ = write!(text, " {cell} |");
        }
        let others = times.iter().zip(names).skip(1).filter_map(|(time, name)| Some(((*time)?, name)));
        let ratio = match (times[0], others.min_by(|a, b| a.0.total_cmp(&b.0))) {
            (Some(ours), Some((best, name))) => format!("{:.2} ({name})", best / ours),
            _ => "–".into(),
        };
        let _ = writeln!(text, " {ratio} |");
    }
}

/// GFLOP/s of fused multiply-adds between registers: what the processor could do.
fn peak(isa: Isa) -> f64 {
    let rate = |_| {
        let start = Instant::now();
        let flops = roofline::multiply_adds(isa, 20_000);
        flops as f64 / start.elapsed().as_secs_f64() / 1e9
    };
    (0..20).map(rate).fold(0.0, f64::max)
}
