//! What a library is to the measurement.

use crate::libraries;
use serde::{Deserialize, Serialize};
use steadynet_benches::product::Product;

/// Whose work it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Ours,
    Rust,
    C,
}

/// One product, ready to be called with a place for its result, `m × n` row-major, and a schedule: what calls the product as often as it
/// wants. What a library does for many products in a row happens around it.
pub type Call<'a> = Box<dyn FnMut(&mut [f32], &mut Schedule<'_>) + 'a>;

pub type Schedule<'s> = dyn FnMut(&mut dyn FnMut()) + Send + 's;

/// A product that is simply called.
pub fn plain<'a>(mut once: impl FnMut(&mut [f32]) + 'a) -> Call<'a> {
    Box::new(move |c, schedule| schedule(&mut || once(c)))
}

/// One way to have a product computed.
pub trait Library {
    /// Its name on the command line and in tables.
    fn name(&self) -> &'static str;

    fn kind(&self) -> Kind;

    /// Whether something is made ahead of the calls: packed weights, or code for this very shape.
    fn prepared(&self) -> bool {
        false
    }

    /// Makes ready what this library wants ready; `None` if it does not do such a product.
    fn prepare<'a>(&'a self, product: &'a Product) -> Option<Call<'a>>;
}

/// How the libraries are to compute.
#[derive(Clone, Copy)]
pub struct Setting {
    pub isa: steadynet_kernels::Isa,
    pub threads: usize,
}

/// All libraries that there are, and why others are missing. Selected by their names: `mkl` is `mkl`, `mkl-packed` and `mkl-jit`.
pub fn all(setting: Setting, selected: &[String]) -> (Vec<Box<dyn Library>>, Vec<String>) {
    let wanted = |name: &str| {
        let is = |selection: &String| {
            name.strip_prefix(selection.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        selected.is_empty() || selected.iter().any(is)
    };
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for (name, open) in libraries::LIBRARIES {
        // Ours is what all others are compared with.
        if name.starts_with("steadynet") || wanted(name) {
            match open(setting) {
                Ok(library) => found.push(library),
                Err(reason) => missing.push(format!("{name}: {reason}")),
            }
        }
    }
    (found, missing)
}
