//! `steadynet verify`: the same bits on this machine?

use crate::compute::on_threads;
use crate::failure::Failure;
use crate::output::{print, print_json};
use clap::Args;
use serde_json::json;
use steadynet::Isa;
use steadynet::verify::{EXPECTED, fingerprint};

/// Check that this machine calculates the same bits as every other
///
/// Runs a fixed training of small networks on the built-in digits, on every instruction set of this CPU with 1, 2 and 3 threads, and
/// compares the SHA-256 of the weights and of the predictions with those that this version of steadynet has everywhere. Takes a few
/// seconds. The exit code is 1 if one differs.
#[derive(Args)]
pub struct Verify {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// WebAssembly has no threads.
const THREADS: &[usize] = if cfg!(target_family = "wasm") { &[1] } else { &[1, 2, 3] };

impl Verify {
    pub fn run(&self) -> Result<(), Failure> {
        let mut rows = Vec::new();
        let (mut total, mut different) = (0, 0);
        if !self.json {
            print(format!("{:<7} threads  {:<64}  predictions\n", "ISA", "SHA-256 of the weights"))?;
        }
        for isa in Isa::available() {
            for &threads in THREADS {
                let found = on_threads(threads, |parallelism| fingerprint(isa, parallelism))??;
                let same = found == EXPECTED;
                total += 1;
                different += usize::from(!same);
                if self.json {
                    rows.push(json!({
                        "isa": isa.name(),
                        "threads": threads,
                        "weights_sha256": found.weights,
                        "predictions_sha256": found.predictions,
                        "ok": same,
                    }));
                } else {
                    let (short, _) = found.predictions.split_at(16);
                    let verdict = if same { "ok" } else { "DIFFERS" };
                    print(format!("{:<7} {threads:>7}  {}  {short}…  {verdict}\n", isa.name(), found.weights))?;
                }
            }
        }
        if self.json {
            print_json(&json!({
                "rows": rows,
                "expected_weights_sha256": EXPECTED.weights,
                "expected_predictions_sha256": EXPECTED.predictions,
                "ok": different == 0,
            }))?;
        } else if different == 0 {
            print(format!(
                "All {total} rows are as expected: this machine calculates the same bits as every other.\n"
            ))?;
        }
        if different == 0 {
            return Ok(());
        }
        Err(Failure::new(format!(
            "{different} of {total} rows differ from the expected hashes: weights {}, predictions {}",
            EXPECTED.weights, EXPECTED.predictions
        )))
    }
}
