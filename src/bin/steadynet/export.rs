//! `steadynet export`: a model as source code.

use crate::failure::Failure;
use crate::output::{check_writable, print};
use clap::Args;
use clap::builder::PossibleValuesParser;
use std::path::PathBuf;
use steadynet::Model;
use steadynet::atomic_file::write_atomically;
use steadynet::export::{Format, export};

/// Write a model as source code for a machine without files: a no_std Rust module or a C99 header
///
/// The code predicts with the same bits as `steadynet predict`, preprocessing included, and has a self-test that says whether the compiler and
/// the machine keep them.
#[derive(Args)]
pub struct Export {
    /// A file that `steadynet train` has written
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Language
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(["rust", "c"]))]
    format: String,
    /// Rust that needs no other crate (without it: on top of steadynet-kernels, which has SIMD and can train)
    #[arg(long)]
    standalone: bool,
    /// File to write; - for standard output
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// What C functions begin with and the comments say [default: the name of the file, or model]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl Export {
    pub fn run(&self) -> Result<(), Failure> {
        let format = match (self.format.as_str(), self.standalone) {
            ("rust", false) => Format::Rust,
            ("rust", true) => Format::RustStandalone,
            (_, true) => return Err(Failure::Usage("--standalone is for --format rust: C needs nothing else".into())),
            _ => Format::C,
        };
        let to_stdout = self.out.as_os_str() == "-";
        if !to_stdout {
            check_writable(&[("--out", &self.out)], &[&self.model])?;
        }
        let model = Model::load(&self.model)?;
        let name = match &self.name {
            Some(name) => name.clone(),
            None if to_stdout => "model".into(),
            None => name_of(&self.out),
        };
        let text = export(&model, format, &name)?;
        if to_stdout {
            return print(text);
        }
        Ok(write_atomically(&self.out, |file| file.write_all(text.as_bytes()))?)
    }
}

/// The file's name as the name of a function, `model` if it cannot be made one.
fn name_of(path: &std::path::Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_lowercase()) { name } else { "model".into() }
}
