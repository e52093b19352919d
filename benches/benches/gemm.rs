//! Matrix products on one thread: every instruction set, plain and with a fused bias and sigmoid, beside the crates `gemm`, `faer` and
//! `matrixmultiply`, and beside the machine's own limit (`peak`: multiply-adds from registers, as many as the product has).
//!
//! Throughput is in floating-point operations: read "Gelem/s" as GFLOP/s. For the other libraries, and for results that are checked
//! and rounds that are interleaved, see `peers`.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use steadynet_benches::operand::Operand;
use steadynet_benches::product::Product;
use steadynet_benches::shape::Shape;
use steadynet_kernels::{Activation, Epilogue, Isa, MatMut, gemm, gemm_scratch_len, roofline};

/// A batch through a layer, the gradients of its weights and of its inputs, one row, and sizes that no tile divides.
#[rustfmt::skip]
const SHAPES: &[&str] = &[
    "64x784x128", "256x784x512", "32x1024x1024", "64x128x10", "512x512x512",
    "784x64x128:ta", "128x64x10:ta", "64x10x128:tb", "256x512x512:tb",
    "1x128x10", "1x784x128", "8x784x128", "1x1024x1024", "1x4096x4096",
    "7x13x5", "13x127x33", "33x1x65", "100x1000x1", "97x193x389", "100x100x100",
];

fn products(criterion: &mut Criterion) {
    for text in SHAPES {
        let shape: Shape = text.parse().expect("a shape of the list");
        let Shape { m, k, n, .. } = shape;
        let product = Product::new(shape).expect("memory");
        let (a, b) = product.views().expect("the shape of the operands");
        let numbers = |len, stream| Operand::random(len, stream).expect("memory");
        let (bias, mut c, mut scratch) = (numbers(n, 2), numbers(m * n, 3), numbers(gemm_scratch_len(m, k, n), 4));
        let flops = shape.flops() as u64;

        let mut group = criterion.benchmark_group(shape.to_string());
        group.throughput(Throughput::Elements(flops));
        for isa in Isa::available().filter(|isa| isa.lanes() > 1) {
            let round = roofline::multiply_adds(isa, 1);
            let rounds = flops.div_ceil(round) as usize;
            group.bench_function(BenchmarkId::new("peak", isa), |bencher| {
                bencher.iter(|| roofline::multiply_adds(isa, rounds));
            });
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
            // SAFETY: the shapes and strides are those of the operands.
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
                    stride(a.col_stride()),
                    stride(a.row_stride()),
                    b.as_ptr(),
                    stride(b.col_stride()),
                    stride(b.row_stride()),
                    0.0,
                    1.0,
                    false,
                    false,
                    false,
                    ::gemm::Parallelism::None,
                );
            });
        });
        group.bench_function("faer", |bencher| {
            use faer::linalg::matmul::matmul;
            use faer::{Accum, MatRef, Par};
            let stored = |elements, rows, cols, transposed: bool| {
                if transposed {
                    MatRef::from_column_major_slice(elements, rows, cols)
                } else {
                    MatRef::from_row_major_slice(elements, rows, cols)
                }
            };
            let a = stored(&product.a[..], m, k, shape.a_transposed);
            let b = stored(&product.b[..], k, n, shape.b_transposed);
            bencher.iter(|| {
                let c = faer::MatMut::from_row_major_slice_mut(&mut c[..], m, n);
                matmul(c, Accum::Replace, a, b, 1.0, Par::Seq);
            });
        });
        group.bench_function("matrixmultiply", |bencher| {
            // SAFETY: the shapes and strides are those of the operands.
            bencher.iter(|| unsafe {
                matrixmultiply::sgemm(
                    m,
                    k,
                    n,
                    1.0,
                    a.as_ptr(),
                    stride(a.row_stride()),
                    stride(a.col_stride()),
                    b.as_ptr(),
                    stride(b.row_stride()),
                    stride(b.col_stride()),
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
