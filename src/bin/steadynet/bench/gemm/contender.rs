//! Who computes products: our kernel on an instruction set, or another library.

use super::check::Expected;
use super::check::by_definition;
use super::operand::Operand;
use super::product::Product;
use crate::failure::Failure;
use crate::output::note;
use std::path::PathBuf;
use steadynet::kernels::{Epilogue, Mat, MatMut, gemm};
use steadynet::{Activation, Isa, Parallelism};
use steadynet_blas::Blas;

pub enum Contender {
    Ours { isa: Isa, fused: Fused },
    Other { name: String, blas: Blas },
}

/// What a product of ours does with its sums.
#[derive(Clone, Copy)]
pub enum Fused {
    Nothing,
    BiasSigmoid,
}

impl Fused {
    pub const ALL: [Fused; 2] = [Fused::Nothing, Fused::BiasSigmoid];

    fn epilogue(self, bias: &[f32]) -> Epilogue<'_> {
        match self {
            Fused::Nothing => Epilogue::Store,
            Fused::BiasSigmoid => Epilogue::Bias { bias, activation: Activation::Sigmoid },
        }
    }
}

/// What a product needs beside its operands.
pub struct Room {
    pub parallelism: Parallelism,
    pub bias: Operand,
    pub c: Operand,
    pub scratch: Operand,
}

impl Contender {
    /// Every instruction set with and without something fused, then the libraries.
    pub fn all(
        isas: &[Isa],
        libraries: &[PathBuf],
        symbols: &[String],
        threads: u16,
    ) -> Result<Vec<Contender>, Failure> {
        let ours = isas.iter().flat_map(|&isa| Fused::ALL.map(|fused| Contender::Ours { isa, fused }));
        let mut all: Vec<Contender> = ours.collect();
        let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
        for path in libraries {
            let blas = Blas::load(path, &symbols).map_err(|error| Failure::new(format!("--against {error}")))?;
            if blas.set_threads(threads).is_none() {
                let path = path.display();
                note(&format!(
                    "{path}: how to set its number of threads is not known here: it uses as many as it likes"
                ));
            }
            let base = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            let taken = all.iter().any(|other| matches!(other, Contender::Other { name, .. } if *name == base));
            let name = if taken { path.display().to_string() } else { base };
            all.push(Contender::Other { name, blas });
        }
        Ok(all)
    }

    /// The kernel: ours, or the library's file.
    pub fn name(&self) -> &str {
        match self {
            Contender::Ours { .. } => "steadynet",
            Contender::Other { name, .. } => name,
        }
    }

    pub fn isa(&self) -> Option<Isa> {
        match self {
            Contender::Ours { isa, .. } => Some(*isa),
            Contender::Other { .. } => None,
        }
    }

    pub fn epilogue(&self) -> &'static str {
        match self {
            Contender::Ours { fused: Fused::BiasSigmoid, .. } => "bias+sigmoid",
            _ => "none",
        }
    }

    pub fn multiply(&self, a: Mat<'_>, b: Mat<'_>, room: &mut Room) -> Result<(), Failure> {
        let c = MatMut::new(&mut room.c, a.rows(), b.cols())?;
        match self {
            Contender::Ours { isa, fused } => {
                ours(room.parallelism, *isa, a, b, c, fused.epilogue(&room.bias), &mut room.scratch)
            }
            Contender::Other { blas, .. } => Ok(blas.sgemm(a, b, c)?),
        }
    }

    /// Computes once, and compares: ours with the definition, bit by bit; others within the bound of the arithmetic.
    pub fn check(&self, product: &Product, expected: &Expected, room: &mut Room) -> Result<(), Failure> {
        let (a, b) = product.views()?;
        // What is not written, or read before it is written, shows.
        room.c.fill(f32::NAN);
        self.multiply(a, b, room)?;
        let compared = match self {
            Contender::Ours { fused: Fused::Nothing, .. } => expected.check_ours(product, &room.c),
            Contender::Ours { fused, .. } => by_definition(a, b, &room.c, || fused.epilogue(&room.bias)),
            Contender::Other { .. } => expected.check(product, &room.c),
        };
        let what = self.isa().map_or("".into(), |isa| format!(" {isa}"));
        compared.map_err(|error| {
            Failure::new(format!("{}{what}, {}, epilogue {}: {error}", self.name(), product.shape, self.epilogue()))
        })
    }
}

/// Our product on the threads that there are.
fn ours(
    _parallelism: Parallelism,
    isa: Isa,
    a: Mat<'_>,
    b: Mat<'_>,
    c: MatMut<'_>,
    epilogue: Epilogue<'_>,
    scratch: &mut [f32],
) -> Result<(), Failure> {
    Ok(gemm(isa, a, b, c, epilogue, scratch)?)
}
