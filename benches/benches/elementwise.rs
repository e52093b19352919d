//! Elementary functions and losses on one thread, 4096 elements in the first-level cache. Throughput is in elements.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use steadynet_kernels::{Isa, Mat, MatMut, ShapeError, elementwise, softmax, softmax_cross_entropy};

type Map = fn(Isa, &[f32], &mut [f32]) -> Result<(), ShapeError>;

const MAPS: &[(&str, Map)] = &[
    ("exp", elementwise::exp),
    ("ln", elementwise::ln),
    ("sigmoid", elementwise::sigmoid),
    ("tanh", elementwise::tanh),
    ("softplus", elementwise::softplus),
    ("elu", elementwise::elu),
    ("silu", elementwise::silu),
    ("silu\u{2032}", elementwise::silu_slope),
    ("gelu", elementwise::gelu),
    ("gelu\u{2032}", elementwise::gelu_slope),
    ("gelu_tanh", elementwise::gelu_tanh),
    ("gelu_tanh\u{2032}", elementwise::gelu_tanh_slope),
];

const LEN: usize = 4096;

fn vectors() -> impl Iterator<Item = Isa> {
    Isa::available().filter(|isa| isa.lanes() > 1)
}

fn maps(criterion: &mut Criterion) {
    // From 0 to 8: every function is defined there.
    let x: Vec<f32> = (0..LEN).map(|i| (i * 2654435761 % LEN) as f32 / (LEN / 8) as f32).collect();
    let mut y = vec![0.0; LEN];
    for &(name, map) in MAPS {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(LEN as u64));
        for isa in vectors() {
            group.bench_function(BenchmarkId::from_parameter(isa), |bencher| {
                bencher.iter(|| map(isa, &x, &mut y).expect("equal lengths"));
            });
        }
        group.finish();
    }
}

fn rows(criterion: &mut Criterion) {
    for (batch, classes) in [(64, 10), (32, 128), (4, 1000)] {
        let len = batch * classes;
        let x: Vec<f32> = (0..len).map(|i| (i * 2654435761 % len) as f32 / len as f32).collect();
        let labels: Vec<u32> = (0..batch).map(|i| (i * 7 % classes) as u32).collect();
        let (mut y, mut losses) = (vec![0.0; len], vec![0.0; batch]);
        let mut group = criterion.benchmark_group(format!("{batch} rows of {classes}"));
        group.throughput(Throughput::Elements(len as u64));
        for isa in vectors() {
            let x = Mat::new(&x, batch, classes).expect("x's shape");
            group.bench_function(BenchmarkId::new("softmax", isa), |bencher| {
                bencher.iter(|| {
                    let y = MatMut::new(&mut y, batch, classes).expect("y's shape");
                    softmax(isa, x, y).expect("shapes that agree");
                });
            });
            group.bench_function(BenchmarkId::new("softmax + cross-entropy + gradient", isa), |bencher| {
                bencher.iter(|| {
                    let y = MatMut::new(&mut y, batch, classes).expect("y's shape");
                    softmax_cross_entropy(isa, x, &labels, 1.0, y, &mut losses).expect("labels below the classes");
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, maps, rows);
criterion_main!(benches);
