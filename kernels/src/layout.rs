//! Shapes and strides without a slice.

use crate::matrix::ShapeError;

/// Where the elements of a `rows × cols` matrix lie in whichever slice holds them: element `(i, j)` at `i·row_stride + j·col_stride`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// Elements from one row to the next.
    pub row_stride: usize,
    /// Elements from one column to the next.
    pub col_stride: usize,
}

impl Layout {
    /// A row-major matrix without gaps.
    #[inline]
    pub const fn row_major(rows: usize, cols: usize) -> Layout {
        Layout { rows, cols, row_stride: cols, col_stride: 1 }
    }

    /// That of the transposed matrix: the same elements, rows and columns exchanged.
    #[inline]
    pub const fn t(self) -> Layout {
        Layout { rows: self.cols, cols: self.rows, row_stride: self.col_stride, col_stride: self.row_stride }
    }

    /// Number of elements from the first to the last, both included.
    ///
    /// # Errors
    /// [`ShapeError::TooLarge`] if no slice can be as long.
    #[inline]
    pub const fn extent(self) -> Result<usize, ShapeError> {
        match self.extent_or_none() {
            Some(extent) => Ok(extent),
            None => Err(ShapeError::TooLarge { operand: "matrix" }),
        }
    }

    #[inline]
    const fn extent_or_none(self) -> Option<usize> {
        if self.rows == 0 || self.cols == 0 {
            return Some(0);
        }
        let (Some(last_row), Some(last_col)) =
            ((self.rows - 1).checked_mul(self.row_stride), (self.cols - 1).checked_mul(self.col_stride))
        else {
            return None;
        };
        let Some(last) = last_row.checked_add(last_col) else { return None };
        // Offsets in bytes must fit `isize` for pointer arithmetic.
        if last < isize::MAX as usize / size_of::<f32>() { Some(last + 1) } else { None }
    }

    /// `Ok` if no two elements lie at one place: one of the strides is at least the extent of the other dimension.
    ///
    /// # Errors
    /// [`ShapeError::Overlap`].
    #[inline]
    pub(crate) fn check_apart(self) -> Result<(), ShapeError> {
        let Layout { rows, cols, row_stride, col_stride } = self;
        if rows == 0 || cols == 0 {
            return Ok(());
        }
        let row_extent = Layout { rows: 1, ..self }.extent_or_none().unwrap_or(usize::MAX);
        let col_extent = Layout { cols: 1, ..self }.extent_or_none().unwrap_or(usize::MAX);
        let apart = (rows <= 1 || row_stride >= row_extent) && (cols <= 1 || col_stride >= 1)
            || (cols <= 1 || col_stride >= col_extent) && (rows <= 1 || row_stride >= 1);
        if apart { Ok(()) } else { Err(ShapeError::Overlap { row_stride, col_stride }) }
    }
}
