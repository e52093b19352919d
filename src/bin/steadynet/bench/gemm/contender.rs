//! Who computes products: our kernel on an instruction set, or another library.

use super::check::Expected;
use super::check::by_definition;
use super::operand::Operand;
use super::product::Product;
use super::shape::Shape;
use crate::failure::Failure;
use crate::output::note;
use std::path::PathBuf;
use steadynet::kernels::{Epilogue, Mat, MatMut, PackedMatrix, packed_len};
use steadynet::{Activation, Factor, Gemm, Isa, Parallelism};
use steadynet_blas::Blas;

pub enum Contender {
    Ours { isa: Isa, variant: Variant, gemm: Gemm },
    Other { name: String, blas: Blas },
}

/// What of ours is measured.
#[derive(Clone, Copy)]
pub enum Variant {
    Plain,
    /// With bias and sigmoid fused in.
    BiasSigmoid,
    /// With a B that was packed before.
    Packed,
}

impl Variant {
    pub const ALL: [Variant; 3] = [Variant::Plain, Variant::BiasSigmoid, Variant::Packed];

    fn epilogue(self, bias: &[f32]) -> Epilogue<'_> {
        match self {
            Variant::Plain | Variant::Packed => Epilogue::Store,
            Variant::BiasSigmoid => Epilogue::Bias { bias, activation: Activation::Sigmoid },
        }
    }
}

/// What a product needs beside its operands.
pub struct Room {
    pub bias: Operand,
    pub c: Operand,
    /// Memory for a packed B.
    pub packed: Operand,
}

impl Room {
    pub fn new(product: &Product) -> Result<Room, Failure> {
        let Shape { m, k, n, .. } = product.shape;
        let packed = Operand::random(packed_len(k, n), 4)?;
        Ok(Room { bias: Operand::random(n, 2)?, c: Operand::random(m * n, 3)?, packed })
    }
}

impl Contender {
    /// Every instruction set with each variant, then the libraries.
    pub fn all(
        isas: &[Isa],
        parallelism: Parallelism,
        libraries: &[PathBuf],
        symbols: &[String],
        threads: u16,
    ) -> Result<Vec<Contender>, Failure> {
        let ours = |isa, variant| Contender::Ours { isa, variant, gemm: Gemm::new(isa, parallelism) };
        let ours = isas.iter().flat_map(|&isa| Variant::ALL.map(|variant| ours(isa, variant)));
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
            Contender::Ours { variant: Variant::Packed, .. } => "steadynet-packed",
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
            Contender::Ours { variant: Variant::BiasSigmoid, .. } => "bias+sigmoid",
            _ => "none",
        }
    }

    /// Lays out what is made once for many products.
    pub fn prepare(&self, b: Mat<'_>, room: &mut Room) -> Result<(), Failure> {
        if let Contender::Ours { isa, variant: Variant::Packed, .. } = self {
            PackedMatrix::pack(*isa, b, &mut room.packed)?;
        }
        Ok(())
    }

    /// Computes the product, for which it has [prepared](Self::prepare).
    pub fn multiply(&mut self, a: Mat<'_>, b: Mat<'_>, room: &mut Room) -> Result<(), Failure> {
        let c = MatMut::new(&mut room.c, a.rows(), b.cols())?;
        match self {
            Contender::Ours { isa, variant, gemm } => {
                let b = match variant {
                    Variant::Plain | Variant::BiasSigmoid => Factor::Plain(b),
                    Variant::Packed => {
                        Factor::Packed(PackedMatrix::from_packed(*isa, &room.packed, b.rows(), b.cols())?)
                    }
                };
                Ok(gemm.run(a, b, c, variant.epilogue(&room.bias))?)
            }
            Contender::Other { blas, .. } => Ok(blas.sgemm(a, b, c)?),
        }
    }

    /// Runs `work`, many products in a row, as a program of many products would: with threads that stay awake.
    pub fn many<R: Send>(&mut self, parallelism: Parallelism, work: impl FnOnce(&mut Contender) -> R + Send) -> R {
        match self {
            Contender::Ours { .. } => parallelism.hot(|| work(self)),
            // (Other libraries see to it themselves.)
            Contender::Other { .. } => work(self),
        }
    }

    /// Computes once, and compares: ours with the definition, bit by bit; others within the bound of the arithmetic.
    pub fn check(&mut self, product: &Product, expected: &Expected, room: &mut Room) -> Result<(), Failure> {
        let (a, b) = product.views()?;
        // What is not written, or read before it is written, shows.
        room.c.fill(f32::NAN);
        self.prepare(b, room)?;
        self.multiply(a, b, room)?;
        let compared = match self {
            Contender::Ours { variant: Variant::Plain | Variant::Packed, .. } => expected.check_ours(product, &room.c),
            Contender::Ours { variant, .. } => by_definition(a, b, &room.c, || variant.epilogue(&room.bias)),
            Contender::Other { .. } => expected.check(product, &room.c),
        };
        let what = self.isa().map_or("".into(), |isa| format!(" {isa}"));
        compared.map_err(|error| {
            Failure::new(format!("{}{what}, {}, epilogue {}: {error}", self.name(), product.shape, self.epilogue()))
        })
    }
}
