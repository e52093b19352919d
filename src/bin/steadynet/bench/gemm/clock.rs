//! Time that work takes, on one thread or on all of them at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use steadynet::Parallelism;

/// Seconds that one measurement takes at least: many times the resolution of the clock.
pub const SECONDS: f64 = 1e-3;

pub fn seconds<R>(work: impl FnOnce() -> R) -> (f64, R) {
    let start = Instant::now();
    let result = work();
    (start.elapsed().as_secs_f64(), result)
}

/// How often something must be done to take [`SECONDS`]; `time` takes a number of times and gives seconds.
pub fn repetitions<E>(mut time: impl FnMut(usize) -> Result<f64, E>) -> Result<usize, E> {
    let mut repetitions = 1;
    while time(repetitions)? < SECONDS && repetitions < 1 << 30 {
        repetitions *= 2;
    }
    Ok(repetitions)
}

/// Runs `work` on every thread of the pool, begun at the same moment: processors share power and caches. Gives the sum of what it
/// gives.
pub fn on_every_thread(parallelism: Parallelism, work: impl Fn(usize) -> f64 + Sync) -> f64 {
    if parallelism == Parallelism::Serial {
        return work(0);
    }
    let arrived = AtomicUsize::new(0);
    let results = rayon::broadcast(|context| {
        arrived.fetch_add(1, Ordering::AcqRel);
        while arrived.load(Ordering::Acquire) < context.num_threads() {
            // (With more threads than processors, spinning would keep the last from arriving.)
            std::thread::yield_now();
        }
        work(context.index())
    });
    results.into_iter().sum()
}
