//! Matrix products on one thread: every instruction set, plain and with a fused bias and sigmoid, beside the crates `gemm` and
//! `matrixmultiply`, and beside the machine's own limit (`peak`: multiply-adds from registers, as many as the product has).
//!
//! Throughput is in floating-point operations: read "Gelem/s" as GFLOP/s.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use steadynet_kernels::{Activation, Epilogue, Isa, Mat, MatMut, gemm, gemm_scratch_len, roofline};

/// `m × k × n` and which operand is transposed.
const SHAPES: &[(usize, usize, usize, Transposed)] = &[
    (64, 784, 128, Transposed::None),
    (256, 784, 512, Transposed::None),
    (8, 784, 128, Transposed::None),
    (1, 784, 128, Transposed::None),
    (64, 128, 10, Transposed::None),
    (784, 64, 128, Transposed::A),
    (64, 10, 128, Transposed::B),
    (256, 512, 512, Transposed::B),
];

#[derive(Clone, Copy, PartialEq)]
enum Transposed {
    None,
    A,
    B,
}

impl Transposed {
    fn suffix(self) -> &'static str {
        match self {
            Transposed::None => "",
            Transposed::A => " (A transposed)",
            Transposed::B => " (B transposed)",
        }
    }
}

/// Numbers from −1 to 1 without a pattern that a cache could like, the first at a cache line, as in a network.
fn numbers(len: usize, seed: u64) -> Aligned {
    let random = steadynet_kernels::random::Random::new(seed, 0);
    let mut memory = vec![0.0; len + 15];
    let start = memory.as_ptr().align_offset(64).min(15);
    for (index, number) in (0..).zip(&mut memory[start..start + len]) {
        *number = 2.0 * random.uniform(index) - 1.0;
    }
    Aligned { memory, start, len }
}

struct Aligned {
    memory: Vec<f32>,
    start: usize,
    len: usize,
}

impl std::ops::Deref for Aligned {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.memory[self.start..self.start + self.len]
    }
}

impl std::ops::DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.start..self.start + self.len]
    }
}

fn products(criterion: &mut Criterion) {
    for &(m, k, n, transposed) in SHAPES {
        let (a, b, bias) = (numbers(m * k, 1), numbers(k * n, 2), numbers(n, 3));
        let (a_rs, a_cs) = if transposed == Transposed::A { (1, m) } else { (k, 1) };
        let (b_rs, b_cs) = if transposed == Transposed::B { (1, k) } else { (n, 1) };
        let mut c = numbers(m * n, 4);
        let mut scratch = vec![0.0; gemm_scratch_len(m, k, n)];
        let flops = (2 * m * k * n) as u64;

        let mut group = criterion.benchmark_group(format!("{m}×{k}×{n}{}", transposed.suffix()));
        group.throughput(Throughput::Elements(flops));
        for isa in Isa::available().filter(|isa| isa.lanes() > 1) {
            let round = roofline::multiply_adds(isa, 1);
            let rounds = flops.div_ceil(round) as usize;
            group.bench_function(BenchmarkId::new("peak", isa), |bencher| {
                bencher.iter(|| roofline::multiply_adds(isa, rounds));
            });
            let a = Mat::with_strides(&a, m, k, a_rs, a_cs).expect("a's shape");
            let b = Mat::with_strides(&b, k, n, b_rs, b_cs).expect("b's shape");
            let mut run = |name: &str, activation: Option<Activation>| {
                group.bench_function(BenchmarkId::new(name, isa), |bencher| {
                    bencher.iter(|| {
                        let epilogue = match activation {
                            Some(activation) => Epilogue::Bias { bias: &bias, activation },
                            None => Epilogue::Store,
                        };
                        let c = MatMut::new(&mut c, m, n).expect("c's shape");
                        gemm(isa, a, b, c, epilogue, &mut scratch).expect("shapes that agree");
                    });
                });
            };
            run("steadynet", None);
            run("steadynet + bias + sigmoid", Some(Activation::Sigmoid));
        }
        let stride = |stride: usize| stride as isize;
        group.bench_function("gemm", |bencher| {
            // SAFETY: the strides keep every access inside the three buffers.
            bencher.iter(|| unsafe {
                ::gemm::gemm(
                    m,
                    n,
                    k,
                    c.as_mut_ptr(),
                    1,
                    stride(n),
                    false,
                    a.as_ptr(),
                    stride(a_cs),
                    stride(a_rs),
                    b.as_ptr(),
                    stride(b_cs),
                    stride(b_rs),
                    0.0,
                    1.0,
                    false,
                    false,
                    false,
                    ::gemm::Parallelism::None,
                );
            });
        });
        group.bench_function("matrixmultiply", |bencher| {
            // SAFETY: the strides keep every access inside the three buffers.
            bencher.iter(|| unsafe {
                matrixmultiply::sgemm(
                    m,
                    k,
                    n,
                    1.0,
                    a.as_ptr(),
                    stride(a_rs),
                    stride(a_cs),
                    b.as_ptr(),
                    stride(b_rs),
                    stride(b_cs),
                    0.0,
                    c.as_mut_ptr(),
                    stride(n),
                    1,
                );
            });
        });
        group.finish();
    }
}

criterion_group!(benches, products);
criterion_main!(benches);
