//! The machine's own limits, to measure kernels against: multiply-adds from registers, and reads.

use crate::isa::Isa;
use crate::lanes::get;
use crate::simd::{Kernel, Simd};
use core::hint::black_box;

/// Independent chains: enough to hide the latency of two units (2 × 4 cycles) with some to spare where their ports are shared
/// unevenly, few enough for 16 registers.
const CHAINS: usize = 13;
/// Rounds between two branches.
const UNROLL: usize = 8;

/// Runs `iterations` rounds of independent fused multiply-adds that never touch memory, and gives the number of
/// floating-point operations done (two for each multiply-add). Divide by the time for the peak.
pub fn multiply_adds(isa: Isa, iterations: usize) -> u64 {
    isa.run(MultiplyAdds(iterations));
    iterations as u64 * (UNROLL * CHAINS * isa.lanes() * 2) as u64
}

/// Reads `data` once in vectors, and gives the number of bytes read. Divide by the time for the read bandwidth of the memory
/// that `data` lives in.
pub fn read(isa: Isa, data: &[f32]) -> u64 {
    isa.run(Read(data));
    size_of_val(data) as u64
}

struct MultiplyAdds(usize);

impl Kernel for MultiplyAdds {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (x, y) = (simd.splat(black_box(0.999)), simd.splat(black_box(1e-3)));
        let mut sums = [simd.splat(black_box(1.0)); CHAINS];
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = simd.add(*sum, simd.splat(black_box(i as f32)));
        }
        for _ in 0..self.0 {
            for _ in 0..UNROLL {
                for sum in &mut sums {
                    *sum = simd.fma(*sum, x, y);
                }
            }
        }
        black_box(sums);
    }
}

struct Read<'a>(&'a [f32]);

impl Kernel for Read<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut bits = [simd.splat_u(0); 8];
        // Chunks of a length that the compiler knows: nothing but loads, or the first-level cache would not be the limit.
        let chunks = self.0.chunks_exact(8 * S::LANES);
        let rest = chunks.remainder();
        for chunk in chunks {
            for (i, bits) in bits.iter_mut().enumerate() {
                *bits = simd.or_u(*bits, simd.to_bits(get(simd, chunk, i * S::LANES)));
            }
        }
        for start in (0..rest.len()).step_by(S::LANES) {
            bits[0] = simd.or_u(bits[0], simd.to_bits(get(simd, rest, start)));
        }
        black_box(bits);
    }
}
