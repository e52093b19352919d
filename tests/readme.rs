//! What the README shows is what happens.
#![cfg(feature = "cli")]

use std::process::Command;
use steadynet::kernels;
use steadynet::verify;

const README: &str = include_str!("../README.md");

#[test]
fn the_first_command_prints_what_stands_below_it() {
    let arguments =
        README.lines().find_map(|line| line.strip_prefix("cargo run --release --features cli -- ")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_steadynet"));
    let output = command.args(arguments.split_whitespace()).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(README.contains(&format!("```\n{printed}```\n")), "the README shows something else than\n{printed}");
}

#[test]
fn the_hashes_are_those_in_the_source() {
    let weights = &verify::EXPECTED.weights;
    let fingerprint = format!("{:016x}", kernels::verify::EXPECTED);
    assert!(README.contains(&format!("`{}…`", &weights[..16])), "{weights}");
    assert!(README.contains(&format!("`{fingerprint}`")), "{fingerprint}");
    let cells: Vec<&str> =
        README.lines().filter(|line| line.starts_with("| ")).filter_map(|line| line.split(" | ").nth(3)).collect();
    let shortened: Vec<&str> = cells.iter().filter_map(|cell| cell.strip_prefix('`')?.strip_suffix("…`")).collect();
    assert!(shortened.len() >= 7, "{shortened:?}");
    for hash in shortened {
        assert!(weights.starts_with(hash) || fingerprint.starts_with(hash), "{hash}");
    }
}
