//! The C format.

use super::runtime::{part, parts};
use super::{Output, Plan, Scaling, lines};
use std::fmt::Write;
use steadynet_kernels::{Activation, k_block_len};

const RUNTIME: &str = include_str!("runtime.h.txt");

/// A C99 header: everything is static, so include it where it is used.
pub(super) fn header(plan: &Plan<'_>) -> String {
    let upper = plan.name.to_ascii_uppercase();
    let (row, prediction, hash) = &plan.test;
    let (inputs, outputs) = (plan.inputs(), plan.outputs());
    let mut text = format!(
        "/* {}: {}\n\n   {}\n   Exported by steadynet {}; SHA-256 of the weights\n   {}\n\n   \
         @_predict(features, prediction): {inputs} features in, {outputs} numbers out. @_logits: the last layer's outputs.\n   \
         @_self_test(): 1 if this machine, as compiled, calculates the bits that it should.\n\n   \
         C99. Compile with -ffp-contract=off (gcc's default with -std=c99) and without -ffast-math. */\n\
         #ifndef {upper}_H\n#define {upper}_H\n\n\
         #include <float.h>\n#include <math.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <string.h>\n\n\
         #define {upper}_INPUTS {inputs}\n#define {upper}_OUTPUTS {outputs}\n\n",
        plan.name,
        plan.summary(),
        plan.preprocessing(),
        env!("CARGO_PKG_VERSION"),
        plan.model.weights_sha256()
    );
    text += part(RUNTIME, "head");
    // The self-test asks for bits, too.
    text += part(RUNTIME, "bits");
    for name in parts(plan).into_iter().filter(|&name| name != "fma") {
        text += part(RUNTIME, name);
    }
    let mut array = |name: String, numbers: &[f32]| {
        // A `String` takes every write.
        let _ = write!(
            text,
            "static const float @_{name}[{}] = {{\n{}}};\n\n",
            numbers.len(),
            lines(numbers, "    ", literal)
        );
    };
    if let Scaling::Each { shift, scale } = &plan.scaling {
        array("feature_shift".into(), shift);
        array("feature_scale".into(), scale);
    }
    for (l, layer) in plan.layers().enumerate() {
        array(format!("weights_{l}"), layer.weights);
        array(format!("biases_{l}"), layer.biases);
    }
    array("test_features".into(), row);
    let bits = |x: f32| format!("{:#010x}", x.to_bits());
    let _ =
        write!(text, "static const uint32_t @_test_bits[{outputs}] = {{\n{}}};\n\n", lines(prediction, "    ", bits));

    let _ = write!(
        text,
        "/* The outputs of the last layer. */\nstatic inline void @_logits(const float features[{inputs}], float y[{outputs}]) {{\n"
    );
    let hidden = plan.widest();
    let count = plan.layers().len();
    if !matches!(plan.scaling, Scaling::None) {
        let _ = writeln!(text, "    float x[{inputs}];");
    }
    for name in ["h0", "h1"].iter().take(count.saturating_sub(1)) {
        let _ = writeln!(text, "    float {name}[{hidden}];");
    }
    text += "    size_t j;\n";
    let mut from = match &plan.scaling {
        Scaling::None => "features",
        Scaling::Same { shift, scale } => {
            let (shift, scale) = (literal(*shift), literal(*scale));
            let _ = writeln!(text, "    for (j = 0; j < {inputs}; j++) x[j] = (features[j] - {shift}) * {scale};");
            "x"
        }
        Scaling::Each { .. } => {
            let _ = writeln!(
                text,
                "    for (j = 0; j < {inputs}; j++) x[j] = (features[j] - @_feature_shift[j]) * @_feature_scale[j];"
            );
            "x"
        }
    };
    for (l, layer) in plan.layers().enumerate() {
        let to = if l + 1 == count { "y" } else { ["h0", "h1"][l % 2] };
        let (rows, columns, block) = (layer.inputs, layer.outputs, k_block_len(layer.inputs));
        let _ = writeln!(text, "    @_dense({from}, {rows}, @_weights_{l}, @_biases_{l}, {columns}, {block}, {to});");
        if layer.activation != Activation::Identity {
            let name = layer.activation.name();
            let _ = writeln!(text, "    for (j = 0; j < {columns}; j++) {to}[j] = @_{name}({to}[j]);");
        }
        from = to;
    }
    text += "    (void)j;\n}\n\n";
    let _ = write!(
        text,
        "/* The prediction. */\nstatic inline void @_predict(const float features[{inputs}], float prediction[{outputs}]) {{\n    \
         @_logits(features, prediction);\n"
    );
    text += &match plan.output {
        Output::AsIs => String::new(),
        Output::Sigmoid => {
            format!(
                "    {{\n        size_t j;\n        for (j = 0; j < {outputs}; j++) prediction[j] = @_sigmoid(prediction[j]);\n    }}\n"
            )
        }
        Output::Softmax => format!("    @_softmax(prediction, {outputs});\n"),
    };
    let _ = write!(
        text,
        "}}\n\n/* FNV-1a over the bits of some numbers, little-endian. */\n\
         static inline uint64_t @_hash(const float *numbers, size_t n) {{\n    \
         uint64_t hash = UINT64_C(0xcbf29ce484222325);\n    size_t i;\n    int byte;\n    \
         for (i = 0; i < n; i++)\n        for (byte = 0; byte < 4; byte++)\n            \
         hash = (hash ^ (@_bits(numbers[i]) >> (8 * byte) & 0xff)) * UINT64_C(0x100000001b3);\n    return hash;\n}}\n\n\
         static inline int @_self_test(void) {{\n    float y[{outputs}];\n    size_t j;\n    @_predict(@_test_features, y);\n    \
         for (j = 0; j < {outputs}; j++)\n        if (@_bits(y[j]) != @_test_bits[j]) return 0;\n    \
         return @_hash(y, {outputs}) == UINT64_C({hash:#018x});\n}}\n\n#endif\n"
    );
    text.replace("@_", &format!("{}_", plan.name))
}

/// A number in hexadecimal, which no compiler rounds.
fn literal(x: f32) -> String {
    let bits = x.to_bits();
    let sign = if bits >> 31 == 1 { "-" } else { "" };
    let (exponent, fraction) = ((bits >> 23 & 0xff) as i32, bits & 0x7f_ffff);
    match (exponent, fraction) {
        (0, 0) => format!("{sign}0.0f"),
        (0, _) => format!("{sign}0x0.{:06x}p-126f", fraction << 1),
        _ => format!("{sign}0x1.{:06x}p{}f", fraction << 1, exponent - 127),
    }
}
