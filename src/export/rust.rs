//! The Rust formats.

use super::runtime::part;
use super::{Output, Plan, Scaling, lines};
use std::fmt::Write;
use steadynet_kernels::{Activation, k_block_len};

const RUNTIME: &str = include_str!("runtime.rs.txt");

/// A module on top of `steadynet-kernels`.
pub(super) fn on_kernels(plan: &Plan<'_>) -> String {
    let mut text = head(plan);
    text += match plan.output {
        Output::AsIs => "use steadynet_kernels::{Activation, Dense, Isa, Network};\n",
        Output::Sigmoid => "use steadynet_kernels::{Activation, Dense, Isa, Network, activate};\n",
        Output::Softmax => "use steadynet_kernels::{Activation, Dense, Isa, Mat, MatMut, Network, softmax};\n",
    };
    // A `String` takes every write.
    let _ =
        writeln!(text, "\n/// The layers.\n#[rustfmt::skip]\npub const LAYERS: [Dense; {}] = [", plan.layers().len());
    for layer in plan.layers() {
        let _ =
            writeln!(text, "    Dense::new({}, {}, Activation::{:?}),", layer.inputs, layer.outputs, layer.activation);
    }
    text += "];\n\n/// The layers as a network, to train further: copy [`parameters`] to memory that can be written.\n\
             pub const NETWORK: Network<'static> = Network::new(&LAYERS);\n\n\
             /// Weights and biases, layer by layer.\npub fn parameters() -> &'static [f32; NETWORK.parameter_len()] {\n    &PARAMETERS.0\n}\n";
    constants(&mut text, plan);
    text += "\n/// The outputs of the last layer for a row of features.\npub fn logits(features: &[f32; INPUTS]) -> [f32; OUTPUTS] {\n";
    text += "    let isa = Isa::detect();\n";
    let mut from = scaled(&mut text, plan);
    let mut start = 0;
    let count = plan.layers().len();
    for (l, layer) in plan.layers().enumerate() {
        let to = if l + 1 == count { "y".to_string() } else { format!("h{}", l + 1) };
        let end = start + (layer.inputs + 1) * layer.outputs;
        let _ = writeln!(text, "    let mut {to} = [0.0; {}];", layer.outputs);
        let _ = writeln!(
            text,
            "    let done = LAYERS[{l}].forward(isa, &PARAMETERS.0[{start}..{end}], {from}, 1, &mut {to});\n    \
             debug_assert!(done.is_ok());"
        );
        from = format!("&{to}");
        start = end;
    }
    text += "    y\n}\n";
    text += PREDICT;
    match plan.output {
        Output::AsIs => text += "    logits(features)\n}\n",
        Output::Sigmoid => {
            text += "    let mut y = logits(features);\n    activate(Isa::detect(), Activation::Sigmoid, &mut y);\n    y\n}\n";
        }
        Output::Softmax => {
            text += "    let (y, mut p) = (logits(features), [0.0; OUTPUTS]);\n    \
                     if let (Ok(y), Ok(p)) = (Mat::new(&y, 1, OUTPUTS), MatMut::new(&mut p, 1, OUTPUTS)) {\n        \
                     let done = softmax(Isa::detect(), y, p);\n        debug_assert!(done.is_ok());\n    }\n    p\n}\n";
        }
    }
    let _ = write!(
        text,
        "\n/// Whether this machine, as compiled, calculates the bits that it should.\npub fn self_test() -> bool {{\n    \
         let y = predict(&TEST_FEATURES);\n    let mut hash = steadynet_kernels::verify::Hash::new();\n    hash.update(&y);\n    \
         y.iter().zip(TEST_BITS).all(|(y, bits)| y.to_bits() == bits) && hash.value() == TEST_HASH\n}}\n"
    );
    let numbers: Vec<f32> =
        plan.layers().flat_map(|layer| layer.weights.iter().chain(layer.biases).copied().collect::<Vec<_>>()).collect();
    let _ = writeln!(
        text,
        "\n#[repr(C, align(64))]\nstruct Aligned<const N: usize>([f32; N]);\n\n#[rustfmt::skip]\n\
         static PARAMETERS: Aligned<{{ NETWORK.parameter_len() }}> = Aligned([\n{}]);",
        lines(&numbers, "    ", literal)
    );
    text
}

/// A module that needs nothing else.
pub(super) fn standalone(plan: &Plan<'_>) -> String {
    let mut text = head(plan);
    constants(&mut text, plan);
    text += "\n/// The outputs of the last layer for a row of features.\npub fn logits(features: &[f32; INPUTS]) -> [f32; OUTPUTS] {\n";
    let mut from = scaled(&mut text, plan);
    let count = plan.layers().len();
    for (l, layer) in plan.layers().enumerate() {
        let to = if l + 1 == count { "y".to_string() } else { format!("h{}", l + 1) };
        let _ = writeln!(text, "    let mut {to} = [0.0; {}];", layer.outputs);
        let _ = writeln!(
            text,
            "    dense({from}, &WEIGHTS_{l}.0, &BIASES_{l}.0, {}, &mut {to});",
            k_block_len(layer.inputs)
        );
        if layer.activation != Activation::Identity {
            let _ = writeln!(text, "    {to}.iter_mut().for_each(|y| *y = {}(*y));", layer.activation.name());
        }
        from = format!("&{to}");
    }
    text += "    y\n}\n";
    text += PREDICT;
    text += match plan.output {
        Output::AsIs => "    logits(features)\n}\n",
        Output::Sigmoid => "    logits(features).map(sigmoid)\n}\n",
        Output::Softmax => "    let mut y = logits(features);\n    softmax(&mut y);\n    y\n}\n",
    };
    text += "\n/// Whether this machine, as compiled, calculates the bits that it should.\npub fn self_test() -> bool {\n    \
             let y = predict(&TEST_FEATURES);\n    let bytes = y.iter().flat_map(|y| y.to_bits().to_le_bytes());\n    \
             let hash = bytes.fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));\n    \
             y.iter().zip(TEST_BITS).all(|(y, bits)| y.to_bits() == bits) && hash == TEST_HASH\n}\n\n";
    for name in super::runtime::parts(plan) {
        text += part(RUNTIME, name);
    }
    text += "#[repr(C, align(64))]\nstruct Aligned<const N: usize>([f32; N]);\n";
    for (l, layer) in plan.layers().enumerate() {
        for (name, numbers) in [("WEIGHTS", layer.weights), ("BIASES", layer.biases)] {
            let _ = write!(
                text,
                "\n#[rustfmt::skip]\nstatic {name}_{l}: Aligned<{}> = Aligned([\n{}]);\n",
                numbers.len(),
                lines(numbers, "    ", literal)
            );
        }
    }
    text
}

const PREDICT: &str =
    "\n/// The prediction for a row of features.\npub fn predict(features: &[f32; INPUTS]) -> [f32; OUTPUTS] {\n";

/// What it is and how wide.
fn head(plan: &Plan<'_>) -> String {
    format!(
        "//! {}: {}\n//!\n//! {}\n//! Exported by steadynet {}; SHA-256 of the weights\n//! {}\n\n",
        plan.name,
        plan.summary(),
        plan.preprocessing(),
        env!("CARGO_PKG_VERSION"),
        plan.model.weights_sha256()
    )
}

/// Widths, preprocessing and the row of the self-test.
fn constants(text: &mut String, plan: &Plan<'_>) {
    let (row, prediction, hash) = &plan.test;
    let _ = write!(
        text,
        "\n/// Features in a row.\npub const INPUTS: usize = {};\n/// Numbers in a prediction.\npub const OUTPUTS: usize = {};\n",
        plan.inputs(),
        plan.outputs()
    );
    match &plan.scaling {
        Scaling::None => {}
        Scaling::Same { shift, scale } => {
            let _ =
                write!(text, "\nconst SHIFT: f32 = {};\nconst SCALE: f32 = {};\n", literal(*shift), literal(*scale));
        }
        Scaling::Each { shift, scale } => {
            for (name, numbers) in [("SHIFT", shift), ("SCALE", scale)] {
                let _ = write!(
                    text,
                    "\n#[rustfmt::skip]\nstatic {name}: [f32; INPUTS] = [\n{}];\n",
                    lines(numbers, "    ", literal)
                );
            }
        }
    }
    let bits = |x: f32| format!("{:#010x}", x.to_bits());
    let _ = write!(
        text,
        "\n/// A row of features for the self-test.\n#[rustfmt::skip]\n\
         pub static TEST_FEATURES: [f32; INPUTS] = [\n{}];\n/// The bits of its prediction.\n#[rustfmt::skip]\n\
         pub static TEST_BITS: [u32; OUTPUTS] = [\n{}];\n/// FNV-1a, 64 bits, of these bits as little-endian bytes.\n\
         pub const TEST_HASH: u64 = {hash:#018x};\n",
        lines(row, "    ", literal),
        lines(prediction, "    ", bits)
    );
}

/// Takes the features through the preprocessing; gives the name of the result.
fn scaled(text: &mut String, plan: &Plan<'_>) -> String {
    match plan.scaling {
        Scaling::None => return "features".into(),
        Scaling::Same { .. } => *text += "    let x = features.map(|x| (x - SHIFT) * SCALE);\n",
        Scaling::Each { .. } => {
            *text += "    let mut x = *features;\n    for (x, (shift, scale)) in x.iter_mut().zip(SHIFT.iter().zip(&SCALE)) {\n        \
                      *x = (*x - shift) * scale;\n    }\n";
        }
    }
    "&x".into()
}

/// A number that reads back as the same bits.
fn literal(x: f32) -> String {
    format!("{x:?}")
}
