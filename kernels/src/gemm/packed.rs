//! Matrices laid out once for many products.

use super::abreast::PANEL_VECTORS;
use super::blocking::{MAX_LANES, few_registers};
use super::pack::{Operand, pack_panel};
use crate::isa::Isa;
use crate::matrix::{Mat, ShapeError, check_dimension, check_length};
use crate::simd::{Kernel, Simd};

/// Columns of a panel that has room for tiles of any width. Its rows of 512 B are read from end to end by one row of A, in quarters by tall tiles; a power of two apart, but too
/// close to fall into few sets of a cache.
const WIDE: usize = 128;

/// Whether panels as wide as a tile of two vectors serve an instruction set.
pub(super) const fn wants_pairs<S: Simd>() -> bool {
    few_registers::<S>() && (PANEL_VECTORS * S::LANES).is_multiple_of(MAX_LANES)
}

/// Columns of the panels of a `rows × cols` matrix. Where registers are few, tiles are low and want the next row of a panel every few cycles: it follows the last, if the panel is as wide as a tile. (Not where all of the matrix
/// stays in the first-level cache, and not for short sums, which wider tiles serve better.)
const fn panel_cols<S: Simd>(rows: usize, cols: usize) -> usize {
    const NEAR: usize = 1 << 12;
    const LEAST_ROWS: usize = 32;
    let pair = PANEL_VECTORS * S::LANES;
    if wants_pairs::<S>() && cols > pair && rows >= LEAST_ROWS && rows.saturating_mul(cols) > NEAR {
        pair
    } else {
        WIDE
    }
}

/// Whether the matrix has several panels, each as wide as a tile of two vectors.
pub(super) fn is_in_pairs<S: Simd>(matrix: &PackedMatrix<'_>) -> bool {
    let pair = PANEL_VECTORS * S::LANES;
    wants_pairs::<S>() && matrix.panel_cols == pair && matrix.cols > pair
}

/// Elements from row to row of a panel of so many columns.
pub(super) const fn panel_stride(cols: usize) -> usize {
    cols.next_multiple_of(MAX_LANES)
}

/// A matrix to multiply by, copied once into panels of columns for many products ([`gemm_packed`](crate::gemm_packed)): the weights of a
/// layer that only predicts.
///
/// The layout: the panels one after the other, each with its rows one after the other, padded to a multiple of 16 columns. What is in the padding is unspecified. A panel has as
/// [many columns](PackedMatrix::panel_cols) as suits the instruction set that it was packed for; any other multiplies by it too, with the same bits.
///
/// ```
/// use steadynet_kernels::{Epilogue, Isa, Mat, MatMut, PackedMatrix, gemm_packed, gemm_scratch_len, packed_len};
///
/// let weights = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
/// let mut memory = [0.0; packed_len(3, 2)];
/// let packed = PackedMatrix::pack(Isa::detect(), Mat::new(&weights, 3, 2)?, &mut memory)?;
/// let mut y = [0.0; 2];
/// let mut scratch = [0.0; gemm_scratch_len(1, 3, 2)];
/// let x = Mat::new(&[1.0, 0.0, 1.0], 1, 3)?;
/// gemm_packed(Isa::detect(), x, packed, MatMut::new(&mut y, 1, 2)?, Epilogue::Store, &mut scratch)?;
/// assert_eq!(y, [6.0, 8.0]);
/// # Ok::<(), steadynet_kernels::ShapeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct PackedMatrix<'a> {
    panels: &'a [f32],
    rows: usize,
    cols: usize,
    panel_cols: usize,
}

/// Elements of memory that a packed `rows × cols` matrix takes; `usize::MAX` if it cannot be represented.
pub const fn packed_len(rows: usize, cols: usize) -> usize {
    match cols.checked_next_multiple_of(MAX_LANES) {
        Some(padded) => rows.saturating_mul(padded),
        None => usize::MAX,
    }
}

impl<'a> PackedMatrix<'a> {
    /// Columns `..at` and columns `at..`.
    ///
    /// # Errors
    /// [`ShapeError::Dimension`] if `at` is neither the number of columns nor a smaller multiple of [`panel_cols`](PackedMatrix::panel_cols).
    pub fn split_at_col(self, at: usize) -> Result<(Self, Self), ShapeError> {
        let border = at.checked_next_multiple_of(self.panel_cols).map_or(self.cols, |border| border.min(self.cols));
        check_dimension("packed matrix", "columns before the cut", border, at)?;
        let (left, right) = self.panels.split_at(if at == self.cols { self.panels.len() } else { at * self.rows });
        let matrix = |panels, cols| PackedMatrix { panels, cols, ..self };
        Ok((matrix(left, at), matrix(right, self.cols - at)))
    }

    /// Copies `matrix` (any strides) to `memory`, of which exactly [`packed_len`] elements are wanted.
    ///
    /// # Errors
    /// [`ShapeError::Length`] if `memory` has another length; it is untouched.
    pub fn pack(isa: Isa, matrix: Mat<'_>, memory: &'a mut [f32]) -> Result<Self, ShapeError> {
        let (rows, cols) = (matrix.rows(), matrix.cols());
        check_length("memory", packed_len(rows, cols), memory.len())?;
        if !memory.is_empty() {
            isa.run(Pack { from: Operand::of(&matrix), rows, cols, to: memory });
        }
        PackedMatrix::from_packed(isa, memory, rows, cols)
    }

    /// The packed matrix that [`pack`](PackedMatrix::pack) has left in `memory`, for the same instruction set (of another, its columns may come in a wrong order).
    ///
    /// # Errors
    /// [`ShapeError::Length`] if `memory` has not [`packed_len`] elements.
    pub fn from_packed(isa: Isa, memory: &'a [f32], rows: usize, cols: usize) -> Result<Self, ShapeError> {
        check_length("memory", packed_len(rows, cols), memory.len())?;
        Ok(PackedMatrix { panels: memory, rows, cols, panel_cols: isa.run(PanelCols { rows, cols }) })
    }

    /// Columns of a panel, between which a packed matrix can be cut.
    pub const fn panel_cols(&self) -> usize {
        self.panel_cols
    }

    /// Number of rows.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub const fn cols(&self) -> usize {
        self.cols
    }

    pub(super) const fn as_ptr(&self) -> *const f32 {
        self.panels.as_ptr()
    }
}

struct PanelCols {
    rows: usize,
    cols: usize,
}

impl Kernel for PanelCols {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> usize {
        panel_cols::<S>(self.rows, self.cols)
    }
}

struct Pack<'a> {
    from: Operand,
    rows: usize,
    cols: usize,
    to: &'a mut [f32],
}

impl Kernel for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Pack { from, rows, cols, to } = self;
        let to = to.as_mut_ptr();
        let panel_cols = panel_cols::<S>(rows, cols);
        for jc in (0..cols).step_by(panel_cols) {
            let cols = panel_cols.min(cols - jc);
            let stride = panel_stride(cols);
            // As many whole vectors as are used; the panel's rows are a multiple of the longest apart.
            for j in (0..cols).step_by(S::LANES) {
                let count = S::LANES.min(cols - j);
                // SAFETY: the block lies inside the matrix, its copy inside the panel.
                unsafe { pack_panel(simd, from.at(0, jc + j), rows, count, 1, stride, to.add(jc * rows + j)) }
            }
        }
    }
}
