//! Rounds in which every library has its turn, so that whatever slows the machine down slows all of them down.

use crate::library::{Call, Kind, Library, Setting};
use crate::record::{Entry, Measured};
use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use steadynet_benches::check::Expected;
use steadynet_benches::operand::Operand;
use steadynet_benches::product::Product;
use steadynet_benches::shape::Shape;
use steadynet_blas::wait_until_idle;
use steadynet_kernels::random::Random;
use steadynet_kernels::roofline;

/// Seconds that one measurement takes at least: many times the resolution of the clock.
const SECONDS: f64 = 0.7e-3;
/// Longer calls keep their operands in no cache that a call before would have to fill.
const LONG: f64 = 5e-3;

/// Seconds after which threads have processors of their own.
const SETTLED: f64 = 5e-3;
/// Share of the best peak so far below which something else has slowed the machine down.
const DIP: f64 = 0.9;

/// A library that is ready.
struct Contestant<'a> {
    call: Call<'a>,
    repetitions: usize,
    /// Its place among all.
    index: usize,
}

/// Measures all libraries at one shape.
pub fn measure(
    shape: Shape,
    libraries: &[Box<dyn Library>],
    setting: Setting,
    peak: &mut Peak,
    rounds: usize,
) -> Result<Measured, Box<dyn Error>> {
    let product = Product::new(shape)?;
    let expected = Expected::new(&product, setting.isa)?;
    let mut c = Operand::random(shape.m * shape.n, 2)?;
    let mut entries: Vec<Entry> = libraries.iter().map(|library| entry(library.as_ref())).collect();
    let mut contestants = Vec::new();
    for (index, library) in libraries.iter().enumerate() {
        let Some(mut call) = library.prepare(&product) else { continue };
        // What a library does not write, or reads before it writes, shows.
        c.fill(f32::NAN);
        call(&mut c, &mut |once| once());
        let checked = match library.kind() {
            Kind::Ours => expected.check_ours(&product, &c),
            Kind::Rust | Kind::C => expected.check(&product, &c),
        };
        if let Err(reason) = checked {
            entries[index].wrong = Some(reason);
            continue;
        }
        let repetitions = repetitions(&mut call, &mut c);
        contestants.push(Contestant { call, repetitions, index });
    }
    let settled = if setting.threads > 1 { SETTLED } else { 0.0 };
    let mut peaks = Vec::new();
    let mut tries = 0;
    while peaks.len() < rounds {
        tries += 1;
        settle(setting);
        let before = peak.rate();
        let count = contestants.len();
        let mut rates = Vec::with_capacity(count);
        // In another order each time: who comes after whom, and finds the operands still near or driven out, must not matter.
        let random = Random::new(tries as u64, 0);
        for turn in 0..count {
            contestants.swap(turn, turn + random.below(turn as u64, (count - turn) as u64) as usize);
            let Contestant { call, repetitions, index } = &mut contestants[turn];
            settle(setting);
            let seconds = time(call, &mut c, *repetitions, settled);
            rates.push((*index, shape.flops() / seconds / 1e9));
        }
        settle(setting);
        let after = peak.rate();
        // A round in which the machine was slower than it can be is repeated, unless it is always so.
        if before.min(after) < DIP * peak.best && tries < 3 * rounds {
            continue;
        }
        peaks.push(before);
        for (index, rate) in rates {
            entries[index].rates.push(rate);
        }
    }
    Ok(Measured { shape: shape.to_string(), peaks, entries })
}

fn entry(library: &dyn Library) -> Entry {
    Entry {
        library: library.name().into(),
        kind: library.kind(),
        prepared: library.prepared(),
        rates: Vec::new(),
        wrong: None,
    }
}

fn repetitions(call: &mut Call<'_>, c: &mut [f32]) -> usize {
    let mut repetitions = 1;
    while time(call, c, repetitions, 0.0) * (repetitions as f64) < SECONDS {
        repetitions *= 2;
    }
    repetitions
}

/// Seconds of a call. The first calls bring the operands back into the caches, from where the other libraries have driven them, and
/// wake a library's threads, which the system may take a few milliseconds (`settled` seconds) to give processors of their own.
fn time(call: &mut Call<'_>, c: &mut [f32], repetitions: usize, settled: f64) -> f64 {
    let mut seconds = 0.0;
    call(c, &mut |once| {
        let warm = Instant::now();
        let mut calls = 0;
        while calls < repetitions.div_ceil(8) || warm.elapsed().as_secs_f64() < settled {
            once();
            calls += 1;
        }
        seconds = warm.elapsed().as_secs_f64() / calls as f64;
        if repetitions > 1 || seconds <= LONG {
            let start = Instant::now();
            for _ in 0..repetitions {
                once();
            }
            seconds = start.elapsed().as_secs_f64() / repetitions as f64;
        }
    });
    seconds
}

/// Lets other libraries' threads fall asleep.
fn settle(setting: Setting) {
    if setting.threads > 1 {
        wait_until_idle();
    }
}

/// Multiply-adds between registers on every thread.
pub struct Peak {
    setting: Setting,
    iterations: usize,
    /// GFLOP/s at the best moment so far.
    best: f64,
}

impl Peak {
    pub fn new(setting: Setting) -> Peak {
        let mut iterations = 1000;
        loop {
            let start = Instant::now();
            roofline::multiply_adds(setting.isa, iterations);
            if start.elapsed().as_secs_f64() >= SECONDS {
                return Peak { setting, iterations, best: 0.0 };
            }
            iterations *= 2;
        }
    }

    /// GFLOP/s now, of all threads together.
    fn rate(&mut self) -> f64 {
        let arrived = AtomicUsize::new(0);
        let rates = rayon::broadcast(|_| {
            // All at the same time: processors share power, and virtual ones a core.
            arrived.fetch_add(1, Ordering::AcqRel);
            while arrived.load(Ordering::Acquire) < self.setting.threads {
                std::hint::spin_loop();
            }
            let start = Instant::now();
            let flops = roofline::multiply_adds(self.setting.isa, self.iterations);
            flops as f64 / start.elapsed().as_secs_f64() / 1e9
        });
        let rate = rates.iter().sum();
        self.best = self.best.max(rate);
        rate
    }
}
