//! How the C interface describes an operand: transposed or not, and a leading dimension.

use crate::error::SgemmError;
use std::ffi::c_int;
use steadynet_kernels::Mat;

/// `CblasRowMajor` of the C interface.
pub const CBLAS_ROW_MAJOR: c_int = 101;
/// `CblasNoTrans` of the C interface.
pub const CBLAS_NO_TRANS: c_int = 111;
/// `CblasTrans` of the C interface.
pub const CBLAS_TRANS: c_int = 112;

/// A view's memory in the terms of the C interface, for a row-major product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// [`CBLAS_NO_TRANS`] or [`CBLAS_TRANS`].
    pub transpose: c_int,
    /// Elements from one row to the next (from one column to the next of a transposed operand).
    pub leading: usize,
}

impl Layout {
    /// The layout of a view, named `operand` in errors.
    ///
    /// # Errors
    /// [`SgemmError::Strides`] if neither its rows' nor its columns' elements lie side by side and apart from each other;
    /// [`SgemmError::TooLarge`] if 32-bit integers do not hold its extents.
    pub fn of(operand: &'static str, x: Mat<'_>) -> Result<Layout, SgemmError> {
        let (rows, cols) = (x.rows(), x.cols());
        // A stride that no element makes use of may be anything.
        let (row_stride, col_stride) =
            (if rows <= 1 { cols.max(1) } else { x.row_stride() }, if cols <= 1 { 1 } else { x.col_stride() });
        let layout = if col_stride == 1 && row_stride >= cols.max(1) {
            Layout { transpose: CBLAS_NO_TRANS, leading: row_stride }
        } else if (x.row_stride() == 1 || rows <= 1) && x.col_stride() >= rows.max(1) {
            Layout { transpose: CBLAS_TRANS, leading: x.col_stride() }
        } else {
            return Err(SgemmError::Strides { operand });
        };
        if [rows, cols, layout.leading].into_iter().all(|extent| i32::try_from(extent).is_ok()) {
            Ok(layout)
        } else {
            Err(SgemmError::TooLarge { operand })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Result<(c_int, usize), SgemmError> {
        let data = vec![0.0; 100];
        let view = Mat::with_strides(&data, rows, cols, row_stride, col_stride).unwrap();
        Layout::of("x", view).map(|layout| (layout.transpose, layout.leading))
    }

    #[test]
    fn rows_or_columns_side_by_side() {
        assert_eq!(layout(3, 4, 4, 1), Ok((CBLAS_NO_TRANS, 4)));
        assert_eq!(layout(3, 4, 7, 1), Ok((CBLAS_NO_TRANS, 7)));
        assert_eq!(layout(3, 4, 1, 3), Ok((CBLAS_TRANS, 3)));
        assert_eq!(layout(3, 4, 1, 5), Ok((CBLAS_TRANS, 5)));
    }

    #[test]
    fn a_stride_without_a_second_element_does_not_matter() {
        assert_eq!(layout(1, 4, 0, 1), Ok((CBLAS_NO_TRANS, 4)));
        assert_eq!(layout(1, 4, 1, 3), Ok((CBLAS_TRANS, 3)));
        assert_eq!(layout(4, 1, 6, 0), Ok((CBLAS_NO_TRANS, 6)));
        assert_eq!(layout(1, 1, 0, 0), Ok((CBLAS_NO_TRANS, 1)));
        assert_eq!(layout(0, 4, 0, 1), Ok((CBLAS_NO_TRANS, 4)));
    }

    #[test]
    fn what_the_interface_cannot_say_is_refused() {
        let strides = Err(SgemmError::Strides { operand: "x" });
        assert_eq!(layout(3, 4, 8, 2), strides);
        assert_eq!(layout(3, 4, 0, 1), strides);
        assert_eq!(layout(3, 4, 2, 1), strides);
        assert_eq!(layout(3, 4, 1, 2), strides);
    }
}
