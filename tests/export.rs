//! Exported code, compiled by the compilers that are here, has the bits of the library.
#![cfg(feature = "model-file")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use steadynet::export::{ExportError, Format, export};
use steadynet::kernels::random::Random;
use steadynet::{Activation, Init, Loss, Model, Network, Preprocessing};

/// The activations that every format has.
const STANDALONE: [Activation; 4] = [Activation::Identity, Activation::Sigmoid, Activation::Tanh, Activation::Relu];

/// Networks that together use every activation, loss, preprocessing and more than a block of products.
fn models() -> Vec<(&'static str, Model)> {
    let build = |inputs: usize, hidden: &[(usize, Activation)], outputs: usize, loss: Loss, seed| {
        let builder = hidden
            .iter()
            .fold(Network::builder(inputs), |builder, &(outputs, activation)| builder.hidden(outputs, activation));
        builder
            .output(outputs, loss)
            .weight_init(Init::Normal(0.4))
            .bias_init(Init::Normal(0.3))
            .seed(seed)
            .build()
            .unwrap()
    };
    let numbers = |len: u64, stream| (0..len).map(|i| Random::new(9, stream).uniform(i) + 0.5).collect::<Vec<_>>();
    let mut softmax =
        Model::new(build(600, &[(13, Activation::Relu), (9, Activation::Tanh)], 19, Loss::CrossEntropy, 1));
    softmax.preprocessing = Some(Preprocessing::constant(600, 1.0 / 16.0).unwrap());
    let mut sigmoid =
        Model::new(build(5, &[(8, Activation::Sigmoid), (3, Activation::Identity)], 2, Loss::BinaryCrossEntropy, 2));
    sigmoid.preprocessing = Some(Preprocessing::new(numbers(5, 1), numbers(5, 2)).unwrap());
    let plain = Model::new(build(3, &[], 9, Loss::SquaredError, 3));
    vec![("softmax", softmax), ("sigmoid", sigmoid), ("plain", plain)]
}

/// Rows that bring every function to its ordinary and its extreme arguments.
fn rows(model: &Model) -> Vec<f32> {
    let inputs = model.network.inputs();
    let mut rows: Vec<f32> = (0..50 * inputs as u64)
        .map(|i| (Random::new(3, 4).uniform(i) - 0.5) * [0.01, 0.1, 1.0, 10.0, 100.0][i as usize % 5])
        .collect();
    rows.extend((0..4 * inputs).map(|i| [0.0, -0.0, 1e-40, -3e4][i % 4]));
    rows
}

/// What the program prints: a line of bits, hexadecimal, for each row.
fn expected(model: &Model) -> String {
    let bits = |row: &[f32]| row.iter().map(|y| format!("{:08x}", y.to_bits())).collect::<Vec<_>>().join(" ") + "\n";
    model.predict(&rows(model)).unwrap().chunks(model.network.outputs()).map(bits).collect()
}

/// Compiles `source`, runs it with the rows' bits as input, and gives what it prints.
fn compiled(compiler: &mut Command, source: &str, extension: &str, model: &Model) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let (file, program) = (folder.path().join("main").with_extension(extension), folder.path().join("program"));
    fs::write(&file, source).unwrap();
    let output = match compiler
        .arg(&file)
        .arg("-o")
        .arg(&program)
        .args(if extension == "c" { &["-lm"][..] } else { &[] })
        .output()
    {
        Err(error) => {
            eprintln!("SKIPPED: {compiler:?} cannot be run: {error}");
            return None;
        }
        Ok(output) => output,
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{compiler:?}: {errors}");
    let mut child = Command::new(&program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let input: String = rows(model).iter().map(|x| format!("{:08x}\n", x.to_bits())).collect();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the self-test failed");
    Some(String::from_utf8(output.stdout).unwrap())
}

const RUST_MAIN: &str = r#"
fn main() {
    let numbers: Vec<f32> = std::io::stdin().lines().map(|line| f32::from_bits(u32::from_str_radix(&line.unwrap(), 16).unwrap())).collect();
    for row in numbers.as_chunks::<{ model::INPUTS }>().0 {
        let bits: Vec<_> = model::predict(row).iter().map(|y| format!("{:08x}", y.to_bits())).collect();
        println!("{}", bits.join(" "));
    }
    assert!(model::self_test());
}
"#;

const C_MAIN: &str = r#"
#include <stdio.h>
int main(void) {
    static float x[MODEL_INPUTS], y[MODEL_OUTPUTS];
    unsigned bits;
    size_t n = 0, j;
    while (scanf("%x", &bits) == 1) {
        uint32_t word = bits;
        memcpy(&x[n], &word, 4);
        if (++n < MODEL_INPUTS) continue;
        n = 0;
        model_predict(x, y);
        for (j = 0; j < MODEL_OUTPUTS; j++) {
            memcpy(&word, &y[j], 4);
            printf(j ? " %08x" : "%08x", (unsigned)word);
        }
        printf("\n");
    }
    return !model_self_test();
}
"#;

fn indented_module(code: &str) -> String {
    format!("mod model {{\n{}\n}}\n", code)
}

#[test]
fn standalone_rust_has_the_bits_of_the_library() {
    for (name, model) in models() {
        let source = indented_module(&export(&model, Format::RustStandalone, "model").unwrap()) + RUST_MAIN;
        // What is compiled where there is no FPU, too.
        let in_f64 = r#"#[cfg(not(any(target_arch = "aarch64", all(any(target_arch = "arm", target_arch = "riscv32"), target_os = "none"))))]"#;
        let in_integers = r#"#[cfg(all(any(target_arch = "arm", target_arch = "riscv32"), target_os = "none", not(target_abi = "eabihf")))]"#;
        assert!(source.contains(in_f64) && source.contains(in_integers));
        let without_fpu = source.replace(in_f64, "#[cfg(any())]").replace(in_integers, "#[cfg(all())]");
        for (source, optimisation) in [(&source, "0"), (&source, "3"), (&without_fpu, "0"), (&without_fpu, "3")] {
            let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()));
            rustc.args(["--edition", "2021", "-Dwarnings", "-Adead_code", "-C", &format!("opt-level={optimisation}")]);
            if let Some(found) = compiled(&mut rustc, source, "rs", &model) {
                assert_eq!(found, expected(&model), "{name}, opt-level {optimisation}");
            }
        }
    }
}

#[test]
fn c_has_the_bits_of_the_library() {
    for (name, model) in models() {
        let source = export(&model, Format::C, "model").unwrap() + C_MAIN;
        let flags = [
            &["-O0"][..],
            &["-O2"],
            &["-O3", "-march=native", "-ffp-contract=off"],
            &["-O2", "-Dmodel_FMA_IN_INTEGERS"],
        ];
        for flags in flags {
            for compiler in ["gcc", "clang"] {
                let mut command = Command::new(compiler);
                command.args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]).args(flags);
                if let Some(found) = compiled(&mut command, &source, "c", &model) {
                    assert_eq!(found, expected(&model), "{name}, {compiler} {flags:?}");
                }
            }
        }
    }
}

/// The module that `examples/cortex-m` carries is what the commands in its README write.
#[cfg(feature = "cli")]
#[path = "../examples/cortex-m/src/model.rs"]
mod digits;

#[cfg(feature = "cli")]
#[test]
fn the_example_is_what_the_command_writes_and_has_the_bits_of_the_library() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_steadynet"));
        let output = command.args(arguments.split_whitespace()).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let readme = include_str!("../examples/cortex-m/README.md");
    let commands: Vec<_> = readme.lines().filter_map(|line| line.strip_prefix("steadynet ")).collect();
    assert_eq!(commands.len(), 2);
    commands.iter().for_each(|command| run(command));

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/cortex-m/src/model.rs");
    let written = fs::read_to_string(folder.path().join("model.rs")).unwrap();
    assert!(
        written == fs::read_to_string(path).unwrap(),
        "write examples/cortex-m/src/model.rs anew, as its README says"
    );

    assert!(digits::self_test());
    let model = Model::load(folder.path().join("digits.safetensors")).unwrap();
    let data = steadynet::Dataset::digits();
    let predictions = model.predict(data.features()).unwrap();
    for (row, wanted) in data.features().as_chunks::<{ digits::INPUTS }>().0.iter().zip(predictions.chunks(10)) {
        let found = digits::predict(row).map(f32::to_bits);
        assert_eq!(found.to_vec(), wanted.iter().map(|y| y.to_bits()).collect::<Vec<_>>());
    }
    assert_eq!(digits::parameters().len(), model.network.parameter_count());
    assert_eq!(digits::NETWORK.layers().len(), 2);
}

#[test]
fn what_cannot_be_exported_is_refused_with_its_name() {
    let (_, model) = models().remove(0);
    for name in ["", "1a", "Model", "a-b", "ä", "a b", "_a"] {
        assert_eq!(export(&model, Format::C, name), Err(ExportError::Name { given: name.into() }));
    }
    for format in Format::ALL {
        assert_eq!(format.name().parse(), Ok(*format));
        for &activation in Activation::ALL {
            let network = Network::builder(2).hidden(2, activation).output(1, Loss::SquaredError).build().unwrap();
            let exported = export(&Model::new(network), *format, "model");
            if *format == Format::Rust || STANDALONE.contains(&activation) {
                assert!(exported.is_ok(), "{format}, {activation:?}");
            } else {
                let error = ExportError::Activation { layer: 1, activation: activation.name(), format: *format };
                assert_eq!(exported, Err(error), "{format}");
            }
        }
    }
    let mut broken = model.clone();
    broken.network.weights_mut(1).unwrap()[3] = f32::NAN;
    let error = export(&broken, Format::Rust, "model").unwrap_err();
    assert_eq!(error.to_string(), "a weight of layer 2 is not finite");
    let mut broken = model.clone();
    broken.preprocessing = Some(Preprocessing { shift: vec![0.0; 600], scale: vec![f32::INFINITY; 600] });
    assert_eq!(
        export(&broken, Format::C, "model").unwrap_err().to_string(),
        "a scale of the preprocessing is not finite"
    );
    let mut broken = model;
    broken.preprocessing = Some(Preprocessing { shift: vec![0.0; 3], scale: vec![1.0; 3] });
    assert!(matches!(export(&broken, Format::C, "model"), Err(ExportError::Model(_))));
    assert!("pascal".parse::<Format>().unwrap_err().to_string().contains("rust, rust-standalone or c"));
}

#[test]
fn the_text_is_a_function_of_the_model() {
    for (_, model) in models() {
        for &format in Format::ALL {
            assert_eq!(export(&model, format, "a").unwrap(), export(&model, format, "a").unwrap());
        }
    }
}
