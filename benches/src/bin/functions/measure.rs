//! Rounds in which every library has its turn, so that whatever slows the machine down slows all of them down.

use std::time::Instant;

/// Seconds that one measurement takes at least.
const SECONDS: f64 = 0.15e-3;

/// What is measured, given a place for its result.
pub type Call<'a> = Box<dyn FnMut(&mut [f32]) + 'a>;

/// Nanoseconds of each call, medians over the rounds; `None` stays `None`.
pub fn medians(calls: &mut [Option<Call<'_>>], y: &mut [f32], rounds: usize) -> Vec<Option<f64>> {
    let repetitions: Vec<usize> =
        calls.iter_mut().map(|call| call.as_mut().map_or(0, |call| repetitions(call, y))).collect();
    let mut times = vec![Vec::with_capacity(rounds); calls.len()];
    for round in 0..rounds {
        for turn in 0..calls.len() {
            // Another one begins each time.
            let index = (turn + round) % calls.len();
            if let Some(call) = &mut calls[index] {
                // What the others have driven from the caches comes back first.
                time(call, y, repetitions[index].div_ceil(8));
                times[index].push(time(call, y, repetitions[index]));
            }
        }
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied()
    };
    times.into_iter().map(median).collect()
}

fn repetitions(call: &mut Call<'_>, y: &mut [f32]) -> usize {
    let mut repetitions = 1;
    while time(call, y, repetitions) * (repetitions as f64) < SECONDS * 1e9 {
        repetitions *= 2;
    }
    repetitions
}

/// Nanoseconds of a call.
fn time(call: &mut Call<'_>, y: &mut [f32], repetitions: usize) -> f64 {
    let start = Instant::now();
    for _ in 0..repetitions {
        call(y);
    }
    start.elapsed().as_secs_f64() * 1e9 / repetitions as f64
}
