//! The limit that a bench measures against: multiply-adds between registers.

use std::time::Instant;
use steadynet::Isa;
use steadynet::kernels::roofline;

/// Seconds that one measurement takes: many times the resolution of the clock.
const SECONDS: f64 = 2e-3;

pub struct Limit {
    isa: Isa,
    iterations: usize,
}

impl Limit {
    pub fn new(isa: Isa) -> Limit {
        let mut limit = Limit { isa, iterations: 1000 };
        while limit.time().0 < SECONDS && limit.iterations < usize::MAX / 4 {
            limit.iterations *= 2;
        }
        limit
    }

    fn time(&self) -> (f64, u64) {
        let start = Instant::now();
        let flops = roofline::multiply_adds(self.isa, self.iterations);
        (start.elapsed().as_secs_f64(), flops)
    }

    /// GFLOP/s of one thread now.
    pub fn rate(&self) -> f64 {
        let (seconds, flops) = self.time();
        flops as f64 / seconds / 1e9
    }
}
