//! Checked matrix views over slices. Strides are in elements and may be anything that keeps the elements of a mutable view apart.

use crate::layout::Layout;
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

/// What is wrong with the shape of an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShapeError {
    /// A dimension differs from what the other operands ask for.
    Dimension {
        /// The operand's name in the function's documentation.
        operand: &'static str,
        /// `rows`, `columns` or another name of a dimension.
        dimension: &'static str,
        /// What was needed.
        wanted: usize,
        /// What came.
        given: usize,
    },
    /// A slice is too short, or of another length than it must be.
    Length {
        /// The operand's name in the function's documentation.
        operand: &'static str,
        /// Needed number of elements.
        wanted: usize,
        /// Number of elements that came.
        given: usize,
    },
    /// The extent that rows, columns and strides ask for is not representable in `usize`.
    TooLarge {
        /// The operand's name in the function's documentation.
        operand: &'static str,
    },
    /// Two elements of a mutable view would be the same memory.
    Overlap {
        /// Row stride of the view.
        row_stride: usize,
        /// Column stride of the view.
        col_stride: usize,
    },
    /// A class index is not below the number of classes.
    Label {
        /// Row of the batch.
        row: usize,
        /// The index that came.
        label: u32,
        /// Number of classes.
        classes: usize,
    },
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ShapeError::Dimension { operand, dimension, wanted, given } => {
                write!(f, "{operand}: wanted {wanted} {dimension}, got {given}")
            }
            ShapeError::Length { operand, wanted, given } => {
                write!(f, "{operand}: wanted {wanted} elements, got {given}")
            }
            ShapeError::TooLarge { operand } => {
                write!(f, "{operand}: rows, columns and strides exceed the address space")
            }
            ShapeError::Overlap { row_stride, col_stride } => {
                write!(f, "elements overlap at row stride {row_stride}, column stride {col_stride}")
            }
            ShapeError::Label { row, label, classes } => {
                write!(f, "labels: row {row} has class {label}, wanted less than {classes}")
            }
        }
    }
}

impl core::error::Error for ShapeError {}

/// `Ok` if `given == wanted`, else the error that names both.
#[inline]
pub(crate) fn check_dimension(
    operand: &'static str,
    dimension: &'static str,
    wanted: usize,
    given: usize,
) -> Result<(), ShapeError> {
    if wanted == given { Ok(()) } else { Err(ShapeError::Dimension { operand, dimension, wanted, given }) }
}

/// `Ok` if `given == wanted`, else the error that names both.
#[inline]
pub(crate) fn check_length(operand: &'static str, wanted: usize, given: usize) -> Result<(), ShapeError> {
    if wanted == given { Ok(()) } else { Err(ShapeError::Length { operand, wanted, given }) }
}

/// `Ok` if memory of length `given` is long enough.
#[inline]
pub(crate) fn check_room(operand: &'static str, wanted: usize, given: usize) -> Result<(), ShapeError> {
    if given >= wanted { Ok(()) } else { Err(ShapeError::Length { operand, wanted, given }) }
}

/// `Ok` if the columns lie side by side.
#[inline]
pub(crate) fn check_unit_columns(operand: &'static str, x: Mat<'_>) -> Result<(), ShapeError> {
    if x.col_stride() == 1 || x.cols() <= 1 {
        Ok(())
    } else {
        Err(ShapeError::Dimension { operand, dimension: "column stride", wanted: 1, given: x.col_stride() })
    }
}

/// `Ok` if both have the same shape and columns side by side.
#[inline]
pub(crate) fn same_shape(first: (&'static str, Mat<'_>), other: (&'static str, Mat<'_>)) -> Result<(), ShapeError> {
    check_dimension(other.0, "rows", first.1.rows(), other.1.rows())?;
    check_dimension(other.0, "columns", first.1.cols(), other.1.cols())?;
    check_unit_columns(first.0, first.1)?;
    check_unit_columns(other.0, other.1)
}

/// A `rows × cols` matrix to read: element `(i, j)` lies at `i·row_stride + j·col_stride` of a slice.
#[derive(Clone, Copy)]
pub struct Mat<'a> {
    ptr: NonNull<f32>,
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
    lifetime: PhantomData<&'a [f32]>,
}

/// A `rows × cols` matrix to write: element `(i, j)` lies at `i·row_stride + j·col_stride` of a slice, no two at one place.
pub struct MatMut<'a> {
    ptr: NonNull<f32>,
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

// SAFETY: a `Mat` stands for a `&[f32]`, of which it reads some elements.
unsafe impl Send for Mat<'_> {}
// SAFETY: as above.
unsafe impl Sync for Mat<'_> {}
// SAFETY: a `MatMut` stands for a `&mut [f32]` (a part of one: views made by splitting share no element).
unsafe impl Send for MatMut<'_> {}
// SAFETY: a shared `MatMut` gives only what a `Mat` gives.
unsafe impl Sync for MatMut<'_> {}

impl<'a> Mat<'a> {
    /// A row-major matrix without gaps: the whole of `data`.
    ///
    /// # Errors
    /// [`ShapeError`] if `data` has not `rows · cols` elements.
    #[inline]
    pub fn new(data: &'a [f32], rows: usize, cols: usize) -> Result<Self, ShapeError> {
        let wanted = rows.checked_mul(cols).ok_or(ShapeError::TooLarge { operand: "matrix" })?;
        check_length("matrix", wanted, data.len())?;
        Self::with_strides(data, rows, cols, cols, 1)
    }

    /// A matrix with any strides; `data` may be longer than needed.
    ///
    /// # Errors
    /// [`ShapeError`] if the last element lies outside `data`.
    #[inline]
    pub fn with_strides(
        data: &'a [f32],
        rows: usize,
        cols: usize,
        row_stride: usize,
        col_stride: usize,
    ) -> Result<Self, ShapeError> {
        check_room("matrix", Layout { rows, cols, row_stride, col_stride }.extent()?, data.len())?;
        Ok(Mat { ptr: NonNull::from(data).cast(), rows, cols, row_stride, col_stride, lifetime: PhantomData })
    }

    /// The transposed matrix: the same elements, rows and columns exchanged.
    #[inline]
    pub fn t(self) -> Self {
        Mat { rows: self.cols, cols: self.rows, row_stride: self.col_stride, col_stride: self.row_stride, ..self }
    }

    /// Element `(row, col)`, or `None` outside.
    #[inline]
    pub fn get(&self, row: usize, col: usize) -> Option<f32> {
        if row < self.rows && col < self.cols {
            // SAFETY: the constructors put every element with row < rows and col < cols inside the borrowed slice.
            Some(unsafe { *self.ptr.as_ptr().add(row * self.row_stride + col * self.col_stride) })
        } else {
            None
        }
    }

    /// Row `row` as a slice, if the columns lie side by side and the row exists.
    #[inline]
    pub fn row(&self, row: usize) -> Option<&'a [f32]> {
        if row < self.rows && (self.col_stride == 1 || self.cols <= 1) {
            if self.cols == 0 {
                return Some(&[]);
            }
            // SAFETY: the row's `cols` elements lie side by side inside the slice borrowed for 'a.
            Some(unsafe { core::slice::from_raw_parts(self.ptr.as_ptr().add(row * self.row_stride), self.cols) })
        } else {
            None
        }
    }

    /// Rows `start .. start + count`.
    ///
    /// # Errors
    /// [`ShapeError`] if there are fewer rows.
    #[inline]
    pub fn row_range(self, start: usize, count: usize) -> Result<Self, ShapeError> {
        let end = check_range("rows", start, count, self.rows)?;
        Ok(Mat { ptr: offset(self.ptr, start, self.row_stride, end > start && self.cols > 0), rows: count, ..self })
    }

    /// Columns `start .. start + count`.
    ///
    /// # Errors
    /// [`ShapeError`] if there are fewer columns.
    #[inline]
    pub fn col_range(self, start: usize, count: usize) -> Result<Self, ShapeError> {
        self.t().row_range(start, count).map(Self::t).map_err(rows_to_columns)
    }

    /// Where element `(0, 0)` lies, if there is one: for code in other languages, which takes strides as they are.
    #[inline]
    pub fn as_ptr(&self) -> *const f32 {
        self.ptr.as_ptr()
    }
}

impl<'a> MatMut<'a> {
    /// A matrix without rows or columns.
    pub const fn empty() -> Self {
        let ptr = NonNull::dangling();
        MatMut { ptr, rows: 0, cols: 0, row_stride: 0, col_stride: 1, lifetime: PhantomData }
    }

    /// A row-major matrix without gaps: the whole of `data`.
    ///
    /// # Errors
    /// [`ShapeError`] if `data` has not `rows · cols` elements.
    #[inline]
    pub fn new(data: &'a mut [f32], rows: usize, cols: usize) -> Result<Self, ShapeError> {
        let wanted = rows.checked_mul(cols).ok_or(ShapeError::TooLarge { operand: "matrix" })?;
        check_length("matrix", wanted, data.len())?;
        Self::with_strides(data, rows, cols, cols, 1)
    }

    /// A matrix with any strides that keep its elements apart; `data` may be longer than needed.
    ///
    /// # Errors
    /// [`ShapeError`] if the last element lies outside `data` or two elements would share a place: one of the strides
    /// must be at least the extent of the other dimension.
    #[inline]
    pub fn with_strides(
        data: &'a mut [f32],
        rows: usize,
        cols: usize,
        row_stride: usize,
        col_stride: usize,
    ) -> Result<Self, ShapeError> {
        let view = Mat::with_strides(data, rows, cols, row_stride, col_stride)?;
        view.layout().check_apart()?;
        let Mat { rows, cols, row_stride, col_stride, .. } = view;
        Ok(MatMut { ptr: NonNull::from(data).cast(), rows, cols, row_stride, col_stride, lifetime: PhantomData })
    }

    /// The transposed matrix: the same elements, rows and columns exchanged.
    #[inline]
    pub fn t(self) -> Self {
        MatMut { rows: self.cols, cols: self.rows, row_stride: self.col_stride, col_stride: self.row_stride, ..self }
    }

    /// A view to read.
    #[inline]
    pub fn as_ref(&self) -> Mat<'_> {
        Mat {
            ptr: self.ptr,
            rows: self.rows,
            cols: self.cols,
            row_stride: self.row_stride,
            col_stride: self.col_stride,
            lifetime: PhantomData,
        }
    }

    /// A view to read for as long as the memory was lent for writing.
    #[inline]
    pub fn into_ref(self) -> Mat<'a> {
        Mat {
            ptr: self.ptr,
            rows: self.rows,
            cols: self.cols,
            row_stride: self.row_stride,
            col_stride: self.col_stride,
            lifetime: PhantomData,
        }
    }

    /// The same view for a shorter time.
    #[inline]
    pub fn reborrow(&mut self) -> MatMut<'_> {
        MatMut { lifetime: PhantomData, ..*self }
    }

    /// Sets element `(row, col)`; false, and nothing set, outside.
    #[inline]
    pub fn set(&mut self, row: usize, col: usize, value: f32) -> bool {
        let inside = row < self.rows && col < self.cols;
        if inside {
            // SAFETY: the constructors put every element with row < rows and col < cols inside the slice, and this
            // view alone may touch it.
            unsafe { *self.ptr.as_ptr().add(row * self.row_stride + col * self.col_stride) = value }
        }
        inside
    }

    /// Row `row` as a slice, if the columns lie side by side and the row exists.
    #[inline]
    pub fn row_mut(&mut self, row: usize) -> Option<&mut [f32]> {
        if row < self.rows && (self.col_stride == 1 || self.cols <= 1) {
            if self.cols == 0 {
                return Some(&mut []);
            }
            // SAFETY: the row's `cols` elements lie side by side inside the mutable slice, which `self` borrows.
            Some(unsafe { core::slice::from_raw_parts_mut(self.ptr.as_ptr().add(row * self.row_stride), self.cols) })
        } else {
            None
        }
    }

    /// Rows `..at` and rows `at..`, two views without a common element.
    ///
    /// # Errors
    /// [`ShapeError`] if there are fewer rows.
    #[inline]
    pub fn split_at_row(self, at: usize) -> Result<(Self, Self), ShapeError> {
        let below = self.rows.checked_sub(at);
        let below = below.ok_or(ShapeError::Dimension {
            operand: "matrix",
            dimension: "rows",
            wanted: at,
            given: self.rows,
        })?;
        let ptr = offset(self.ptr, at, self.row_stride, below > 0 && self.cols > 0);
        Ok((MatMut { rows: at, ..self }, MatMut { ptr, rows: below, ..self }))
    }

    /// Columns `..at` and columns `at..`, two views without a common element.
    ///
    /// # Errors
    /// [`ShapeError`] if there are fewer columns.
    #[inline]
    pub fn split_at_col(self, at: usize) -> Result<(Self, Self), ShapeError> {
        let (left, right) = self.t().split_at_row(at).map_err(rows_to_columns)?;
        Ok((left.t(), right.t()))
    }

    /// Columns `start .. start + count`, the rest given up.
    ///
    /// # Errors
    /// [`ShapeError`] if there are fewer columns.
    #[inline]
    pub fn col_range(self, start: usize, count: usize) -> Result<Self, ShapeError> {
        Ok(self.split_at_col(start)?.1.split_at_col(count)?.0)
    }

    /// Where element `(0, 0)` lies, if there is one: for code in other languages, which takes strides as they are.
    #[inline]
    pub fn as_mut_ptr(&mut self) -> *mut f32 {
        self.ptr.as_ptr()
    }
}

/// Both views have the same shape methods.
macro_rules! shape {
    ($view:ident) => {
        impl $view<'_> {
            /// Number of rows.
            #[inline]
            pub fn rows(&self) -> usize {
                self.rows
            }
            /// Number of columns.
            #[inline]
            pub fn cols(&self) -> usize {
                self.cols
            }
            /// Elements from one row to the next.
            #[inline]
            pub fn row_stride(&self) -> usize {
                self.row_stride
            }
            /// Elements from one column to the next.
            #[inline]
            pub fn col_stride(&self) -> usize {
                self.col_stride
            }
            /// Shape and strides.
            #[inline]
            pub fn layout(&self) -> Layout {
                let (rows, cols, row_stride, col_stride) = (self.rows, self.cols, self.row_stride, self.col_stride);
                Layout { rows, cols, row_stride, col_stride }
            }
        }

        impl fmt::Debug for $view<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (rows, cols, rs, cs) = (self.rows, self.cols, self.row_stride, self.col_stride);
                write!(f, concat!(stringify!($view), " {}×{} (strides {}, {})"), rows, cols, rs, cs)
            }
        }
    };
}

shape!(Mat);
shape!(MatMut);

/// `ptr + count · stride`; `ptr` itself where the part that begins there is empty (its first element need not exist).
#[inline]
fn offset(ptr: NonNull<f32>, count: usize, stride: usize, occupied: bool) -> NonNull<f32> {
    // SAFETY: the part is not empty, so its first element lies inside the view's slice.
    if occupied { unsafe { ptr.add(count * stride) } } else { ptr }
}

/// The end of `start .. start + count`, if it is at most `len`.
#[inline]
fn check_range(dimension: &'static str, start: usize, count: usize, len: usize) -> Result<usize, ShapeError> {
    let end = start.saturating_add(count);
    if end <= len {
        Ok(end)
    } else {
        Err(ShapeError::Dimension { operand: "matrix", dimension, wanted: end, given: len })
    }
}

/// The error of the transposed view, in terms of the view itself.
#[inline]
fn rows_to_columns(error: ShapeError) -> ShapeError {
    match error {
        ShapeError::Dimension { operand, wanted, given, .. } => {
            ShapeError::Dimension { operand, dimension: "columns", wanted, given }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_lie_where_the_strides_say() {
        let data: Vec<f32> = (0..24).map(|i| i as f32).collect();
        let m = Mat::with_strides(&data, 3, 4, 6, 1).unwrap();
        assert_eq!(m.get(2, 3), Some(15.0));
        assert_eq!(m.t().get(3, 2), Some(15.0));
        assert_eq!(m.get(3, 0), None);
        assert_eq!(m.row(1), Some(&data[6..10]));
        assert_eq!(m.t().row(0), None);
        assert_eq!(m.row_range(1, 2).unwrap().col_range(2, 2).unwrap().get(1, 1), Some(15.0));
    }

    #[test]
    fn wrong_shapes_are_named() {
        let mut data = [0.0; 10];
        assert_eq!(Mat::new(&data, 3, 4).unwrap_err(), ShapeError::Length { operand: "matrix", wanted: 12, given: 10 });
        assert!(matches!(Mat::new(&data, usize::MAX, 2), Err(ShapeError::TooLarge { .. })));
        assert!(matches!(Mat::with_strides(&data, 2, 2, usize::MAX, 1), Err(ShapeError::TooLarge { .. })));
        assert!(MatMut::with_strides(&mut data, 3, 3, 2, 1).is_err());
        assert!(MatMut::with_strides(&mut data, 2, 2, 0, 1).is_err());
        assert!(MatMut::with_strides(&mut data, 1, 3, 0, 0).is_err());
        assert!(MatMut::with_strides(&mut data, 3, 3, 3, 1).is_ok());
        assert!(MatMut::with_strides(&mut data, 3, 3, 1, 3).is_ok());
        assert!(MatMut::with_strides(&mut data, 1, 1, 0, 0).is_ok());
        assert!(MatMut::with_strides(&mut [], 0, 5, 0, 1).is_ok());
        let m = Mat::new(&data, 2, 5).unwrap();
        assert!(m.row_range(1, 2).is_err());
        assert_eq!(m.col_range(4, 2).unwrap_err().to_string(), "matrix: wanted 6 columns, got 5");
        assert!(m.row_range(usize::MAX, 2).is_err());
    }

    #[test]
    fn split_views_share_nothing() {
        let mut data = [0.0; 12];
        let m = MatMut::new(&mut data, 3, 4).unwrap();
        let (top, mut bottom) = m.split_at_row(1).unwrap();
        let (mut left, mut right) = top.split_at_col(3).unwrap();
        left.row_mut(0).unwrap().fill(1.0);
        right.row_mut(0).unwrap().fill(2.0);
        bottom.row_mut(1).unwrap().fill(3.0);
        assert_eq!(data, [1.0, 1.0, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 3.0, 3.0, 3.0, 3.0]);
        let m = MatMut::new(&mut data, 3, 4).unwrap();
        let (all, none) = m.split_at_row(3).unwrap();
        assert_eq!((all.rows(), none.rows(), none.cols()), (3, 0, 4));
        assert!(none.split_at_row(1).is_err());
    }
}
