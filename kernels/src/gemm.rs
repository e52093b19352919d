//! Blocked matrix product with a fused epilogue.

mod abreast;
mod across;
mod blocking;
mod each;
mod epilogue;
mod loops;
mod microkernel;
mod pack;
mod packed;
mod paired;
mod plan;
mod rounds;
mod scratch;
mod short;
mod stream;
mod wide;

pub use blocking::{K_BLOCK, k_block_len};
pub use epilogue::Epilogue;
pub use packed::{PackedMatrix, packed_len};
pub use plan::GemmPlan;

use crate::isa::Isa;
use crate::matrix::{Mat, MatMut, ShapeError, check_dimension, check_room};
use blocking::MAX_LANES;
use epilogue::Finish;
use loops::{Factor, Product, Small};

/// Blocked matrix product with a fused epilogue: `C ← epilogue(A·B)`.
///
/// # Math
/// `c[i,j] = epilogue(Σₚ a[i,p]·b[p,j])`, summed as [the contract](crate#products) says. For a transposed operand pass
/// [`Mat::t`].
/// # Shapes
/// `a: (m, k)`, `b: (k, n)`, `c: (m, n)`; any strides; zero extents are allowed (with `k = 0` every sum is `+0`).
/// # Scratch
/// At least [`gemm_scratch_len`] elements, contents unspecified before and after. Never allocates.
/// # Numerics
/// Before the epilogue `|ĉ − c| ≤ γ_t Σₚ|a·b|`, `t = min(k, K_BLOCK) + ⌈k/K_BLOCK⌉ − 1`, barring overflow and underflow (test
/// `gemm_error_bound`).
/// # Determinism
/// Same bits on every [`Isa`], for every split of the rows or columns of `C`, for all strides and transposes (test `gemm_bits`).
/// # Errors
/// [`ShapeError`] names the operand, what was wanted and what was given; `c` is untouched. Never panics.
/// # Source
/// Van Zee & van de Geijn, "BLIS: a framework for rapidly instantiating BLAS functionality", TOMS 41(3), 2015.
#[inline]
pub fn gemm(
    isa: Isa,
    a: Mat<'_>,
    b: Mat<'_>,
    mut c: MatMut<'_>,
    mut epilogue: Epilogue<'_>,
    scratch: &mut [f32],
) -> Result<(), ShapeError> {
    product(isa, &a, Factor::Plain(&b), &mut c, &mut epilogue, scratch)
}

/// [`gemm`] with a B that was [packed](PackedMatrix::pack) before: faster where B is large and A has few rows.
///
/// # Math
/// # Shapes
/// # Numerics
/// # Determinism
/// As [`gemm`]; the bits are those of the product with the matrix that was packed (test `gemm_bits`).
/// # Scratch
/// At least [`gemm_scratch_len`] elements, contents unspecified before and after. Never allocates.
/// # Errors
/// As [`gemm`].
#[inline]
pub fn gemm_packed(
    isa: Isa,
    a: Mat<'_>,
    b: PackedMatrix<'_>,
    mut c: MatMut<'_>,
    mut epilogue: Epilogue<'_>,
    scratch: &mut [f32],
) -> Result<(), ShapeError> {
    product(isa, &a, Factor::Packed(&b), &mut c, &mut epilogue, scratch)
}

/// (Views come by reference, and so they go on: a copy of a view that was just made would be read in halves of its stores' order, which waits for the
/// cache.)
fn product(
    isa: Isa,
    a: &Mat<'_>,
    b: Factor<'_>,
    c: &mut MatMut<'_>,
    epilogue: &mut Epilogue<'_>,
    scratch: &mut [f32],
) -> Result<(), ShapeError> {
    let (m, k, n) = (c.rows(), a.cols(), c.cols());
    check_dimension("a", "rows", m, a.rows())?;
    check_dimension("b", "rows", k, b.rows())?;
    check_dimension("b", "columns", n, b.cols())?;
    epilogue.check(m, n)?;
    let finish = Finish::new(epilogue);
    let small = m <= SMALL && k <= K_BLOCK && n <= SMALL;
    if !(small && scratch.len() >= SMALL_SCRATCH) {
        check_room("scratch", gemm_scratch_len(m, k, n), scratch.len())?;
    }
    if m == 0 || n == 0 {
        return Ok(());
    }
    let mut product = Product { a, b, c, finish: &finish, scratch: first_line(scratch) };
    if !isa.run(Small(&mut product)) {
        isa.run(&mut product);
    }
    Ok(())
}

/// The most elements of scratch before its first cache line.
const TO_LINE: usize = MAX_LANES - 1;

/// Where blocks of scratch begin: at its first cache line.
#[inline]
fn first_line(scratch: &mut [f32]) -> *mut f32 {
    let skip = scratch.as_ptr().align_offset(MAX_LANES * size_of::<f32>()).min(TO_LINE);
    scratch.as_mut_ptr().wrapping_add(skip)
}

/// Rows and columns of C up to which [`SMALL_SCRATCH`] is enough.
const SMALL: usize = 128;

/// Elements of scratch that are enough for every [`gemm`] of at most 128 rows and columns of C and [`K_BLOCK`] terms a sum. A product of that
/// size that is lent so many need not calculate how many it needs, which takes as long as the smallest products.
pub const SMALL_SCRATCH: usize = gemm_scratch_len(SMALL, K_BLOCK, SMALL);

/// Elements of scratch that [`gemm`] needs for a product of `m × k` by `k × n`: enough for every smaller product too, and
/// at most about 3 MiB.
pub const fn gemm_scratch_len(m: usize, k: usize, n: usize) -> usize {
    if m == 0 || n == 0 {
        return 0;
    }
    scratch::len(m, k, n) + TO_LINE
}
