//! Any product on any instruction set, with B as it lies, packed and planned, gives the bits of the reference, and touches nothing between the elements of C.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use steadynet_kernels::{
    Activation, Epilogue, GemmPlan, Isa, Mat, MatMut, PackedMatrix, Update, gemm, gemm_packed, gemm_scratch_len,
    packed_len, reference,
};

#[derive(Arbitrary, Debug)]
struct Input {
    m: u8,
    k: u16,
    n: u8,
    turned: [bool; 3],
    gaps: [u8; 3],
    epilogue: u8,
    elements: Vec<f32>,
}

/// Strides of a matrix, and how much memory it takes.
fn storage(rows: usize, cols: usize, turned: bool, gap: u8) -> (usize, usize, usize) {
    let gap = usize::from(gap % 8);
    if turned { (1, rows + gap, cols * (rows + gap)) } else { (cols + gap, 1, rows * (cols + gap)) }
}

fuzz_target!(|input: Input| {
    let (m, k, n) = (usize::from(input.m) % 80, usize::from(input.k) % 1200, usize::from(input.n) % 80);
    if input.elements.is_empty() {
        return;
    }
    let mut elements = input.elements.iter().copied().cycle();
    let mut fill = |len: usize| -> Vec<f32> { elements.by_ref().take(len).collect() };
    let (a_rs, a_cs, a_len) = storage(m, k, input.turned[0], input.gaps[0]);
    let (b_rs, b_cs, b_len) = storage(k, n, input.turned[1], input.gaps[1]);
    let (c_rs, c_cs, c_len) = storage(m, n, input.turned[2], input.gaps[2]);
    let (a_memory, b_memory, c, bias, saved) = (fill(a_len), fill(b_len), fill(c_len), fill(n), fill(m * n));
    let a = Mat::with_strides(&a_memory, m, k, a_rs, a_cs).expect("a fits");
    let b = Mat::with_strides(&b_memory, k, n, b_rs, b_cs).expect("b fits");
    let activation = Activation::ALL[usize::from(input.epilogue / 5) % Activation::ALL.len()];
    let update = Update::Momentum { lr: 0.1, momentum: 0.9, l2: 0.01 };
    // `with` runs a product with the epilogue, and gives the state that the epilogue has changed.
    let with = |product: &mut dyn FnMut(Epilogue<'_>)| {
        let mut state = saved.clone();
        {
            let mut states = [MatMut::new(&mut state, m, n).expect("the state fits")];
            product(match input.epilogue % 5 {
                0 => Epilogue::Store,
                1 => Epilogue::Bias { bias: &bias, activation },
                2 => Epilogue::Accumulate { alpha: 0.5 },
                3 => Epilogue::Backward { activation, saved: Mat::new(&saved, m, n).expect("the outputs fit") },
                _ => Epilogue::Update { update, states: &mut states },
            });
        }
        state
    };
    let mut expected = c.clone();
    let mut view = MatMut::with_strides(&mut expected, m, n, c_rs, c_cs).expect("c fits");
    let expected_state = with(&mut |epilogue| reference::gemm(a, b, &mut view, epilogue));
    let mut memory = vec![f32::NAN; packed_len(k, n)];
    for isa in Isa::available() {
        let packed = PackedMatrix::pack(isa, b, &mut memory).expect("the packed length");
        for how in ["plain", "packed", "planned"] {
            let mut ours = c.clone();
            let view = MatMut::with_strides(&mut ours, m, n, c_rs, c_cs).expect("c fits");
            let plan = GemmPlan::new(isa, a.layout(), b.layout(), view.layout()).expect("layouts that agree");
            let mut scratch = vec![f32::NAN; plan.scratch_len()];
            let state = with(&mut |epilogue| {
                let len = gemm_scratch_len(m, k, n);
                let c = MatMut::with_strides(&mut ours, m, n, c_rs, c_cs).expect("c fits");
                let result = match how {
                    "plain" => gemm(isa, a, b, c, epilogue, &mut scratch[..len]),
                    "packed" => gemm_packed(isa, a, packed, c, epilogue, &mut scratch[..len]),
                    _ => plan.run(&a_memory, &b_memory, &mut ours, epilogue, &mut scratch),
                };
                result.expect("shapes agree");
            });
            let pairs = ours.iter().zip(&expected).chain(state.iter().zip(&expected_state));
            for (at, (x, y)) in pairs.enumerate() {
                let same = x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan();
                assert!(same, "{isa} {m}×{k}×{n}, {how}: element {at}: {x} {y}");
            }
        }
    }
});
