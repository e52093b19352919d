//! Products on several threads: the bits of the serial product, for every epilogue, with B as it lies and packed.

use steadynet::kernels::{
    Activation, Epilogue, Mat, MatMut, PackedMatrix, Update, gemm, gemm_scratch_len, packed_len, random::Random,
};
use steadynet::{Error, Factor, Gemm, Isa, Parallelism};

fn numbers(len: usize, stream: u64) -> Vec<f32> {
    let random = Random::new(5, stream);
    (0..len as u64).map(|index| random.uniform(index) - 0.5).collect()
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Store,
    Bias,
    Backward,
    Accumulate,
    Update,
}

const KINDS: [Kind; 5] = [Kind::Store, Kind::Bias, Kind::Backward, Kind::Accumulate, Kind::Update];

/// C, and the state of an update, after `product` has run on them.
fn with_epilogue(
    kind: Kind,
    (m, n): (usize, usize),
    product: impl FnOnce(MatMut<'_>, Epilogue<'_>),
) -> (Vec<f32>, Vec<f32>) {
    let (mut c, mut state) = (numbers(m * n, 2), numbers(m * n, 3));
    let (bias, saved) = (numbers(n, 4), numbers(m * n, 5));
    let mut states = [MatMut::new(&mut state, m, n).unwrap()];
    let epilogue = match kind {
        Kind::Store => Epilogue::Store,
        Kind::Bias => Epilogue::Bias { bias: &bias, activation: Activation::Sigmoid },
        Kind::Backward => Epilogue::Backward { activation: Activation::Tanh, saved: Mat::new(&saved, m, n).unwrap() },
        Kind::Accumulate => Epilogue::Accumulate { alpha: 0.3 },
        Kind::Update => {
            Epilogue::Update { update: Update::Momentum { lr: 0.1, momentum: 0.9, l2: 0.01 }, states: &mut states }
        }
    };
    product(MatMut::new(&mut c, m, n).unwrap(), epilogue);
    (c, state)
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let isa = Isa::detect();
    // Cut by columns, by rows, by rows between vectors; one row; and too small to be cut.
    for (m, k, n) in [(64, 300, 256), (700, 64, 96), (3000, 60, 10), (1, 2048, 1030), (150, 150, 100), (5, 5, 5)] {
        let (a, b) = (numbers(m * k, 0), numbers(k * n, 1));
        let (a, b) = (Mat::new(&a, m, k).unwrap(), Mat::new(&b, k, n).unwrap());
        let mut memory = vec![0.0; packed_len(k, n)];
        let packed = PackedMatrix::pack(isa, b, &mut memory).unwrap();
        for kind in KINDS {
            let expected = with_epilogue(kind, (m, n), |c, epilogue| {
                gemm(isa, a, b, c, epilogue, &mut vec![f32::NAN; gemm_scratch_len(m, k, n)]).unwrap();
            });
            for threads in [1, 2, 3, 7] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let mut product = Gemm::new(isa, Parallelism::Rayon);
                for factor in [Factor::Plain(b), Factor::Packed(packed)] {
                    let given = pool.install(|| {
                        Parallelism::Rayon.hot(|| {
                            with_epilogue(kind, (m, n), |c, epilogue| product.run(a, factor, c, epilogue).unwrap())
                        })
                    });
                    assert!(given == expected, "{m}×{k}×{n} {kind:?} on {threads} threads, {factor:?}");
                }
            }
            let mut serial = Gemm::new(isa, Parallelism::Serial);
            let given = with_epilogue(kind, (m, n), |c, epilogue| serial.run(a, b, c, epilogue).unwrap());
            assert!(given == expected, "{m}×{k}×{n} {kind:?} serially");
        }
    }
}

/// What does not fit is found before anything is written, even if the part that it concerns would be another thread's.
#[test]
fn wrong_shapes_are_named_and_c_is_untouched() {
    let (m, k, n) = (400, 100, 200);
    let (a, b, before) = (numbers(m * k, 0), numbers(k * n, 1), numbers(m * n, 2));
    let mut c = before.clone();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let mut error = |a: Mat<'_>, b: Mat<'_>, epilogue: Epilogue<'_>| {
        let mut product = Gemm::new(Isa::detect(), Parallelism::Rayon);
        let c = MatMut::new(&mut c, m, n).unwrap();
        let result = pool.install(|| Parallelism::Rayon.hot(|| product.run(a, b, c, epilogue)));
        match result.unwrap_err() {
            Error::Kernel(error) => error.to_string(),
            other => panic!("{other}"),
        }
    };
    let (a, b) = (Mat::new(&a, m, k).unwrap(), Mat::new(&b, k, n).unwrap());
    assert_eq!(error(a.row_range(0, 399).unwrap(), b, Epilogue::Store), "a: wanted 400 rows, got 399");
    assert_eq!(error(a, b.col_range(0, 199).unwrap(), Epilogue::Store), "b: wanted 200 columns, got 199");
    assert_eq!(error(a.col_range(0, 99).unwrap(), b, Epilogue::Store), "a: wanted 100 columns, got 99");
    let bias = Epilogue::Bias { bias: &[0.0; 150], activation: Activation::Relu };
    assert_eq!(error(a, b, bias), "bias: wanted 200 elements, got 150");
    let saved = Epilogue::Backward { activation: Activation::Relu, saved: a };
    assert_eq!(error(a, b, saved), "saved: wanted 200 columns, got 100");
    let update = Epilogue::Update { update: Update::Momentum { lr: 0.1, momentum: 0.9, l2: 0.0 }, states: &mut [] };
    assert_eq!(error(a, b, update), "states: wanted 1 matrices, got 0");
    assert_eq!(c, before);
}
