//! Products on several threads.

use crate::aligned::{Aligned, LINE};
use crate::error::Error;
use crate::parallel::Parallelism;
use steadynet_kernels::{
    Activation, Epilogue, Isa, MAX_STATES, Mat, MatMut, PackedMatrix, SMALL_SCRATCH, ShapeError, Update, gemm,
    gemm_packed, gemm_scratch_len,
};

/// Matrix products with a fused epilogue, [`kernels::gemm`](steadynet_kernels::gemm()), on as many threads as they pay for.
///
/// Keeps the scratch of its products, so that a product no larger than an earlier one allocates nothing.
///
/// # Determinism
/// The bits are those of [`kernels::gemm`](steadynet_kernels::gemm()), on any number of threads.
///
/// ```
/// use steadynet::{Gemm, Isa, Parallelism};
/// use steadynet::kernels::{Epilogue, Mat, MatMut};
///
/// let (a, b, mut c) = (vec![1.0; 300 * 200], vec![0.5; 200 * 100], vec![0.0; 300 * 100]);
/// let mut product = Gemm::new(Isa::detect(), Parallelism::default());
/// // Many products in a row: the threads stay awake.
/// Parallelism::default().hot(|| {
///     for _ in 0..10 {
///         let c = MatMut::new(&mut c, 300, 100)?;
///         product.run(Mat::new(&a, 300, 200)?, Mat::new(&b, 200, 100)?, c, Epilogue::Store)?;
///     }
///     Ok::<(), steadynet::Error>(())
/// })?;
/// assert_eq!(c[0], 100.0);
/// # Ok::<(), steadynet::Error>(())
/// ```
#[derive(Debug)]
pub struct Gemm {
    isa: Isa,
    parallelism: Parallelism,
    /// One for each part of the largest product so far.
    scratch: Vec<Aligned>,
    /// A product `(m, k, n)` that each of them is enough for; so it is for every smaller one.
    fits: Option<(usize, usize, usize)>,
}

/// The second operand of a product.
#[derive(Clone, Copy, Debug)]
pub enum Factor<'a> {
    /// As it lies.
    Plain(Mat<'a>),
    /// Packed before.
    Packed(PackedMatrix<'a>),
}

impl<'a> From<Mat<'a>> for Factor<'a> {
    fn from(matrix: Mat<'a>) -> Self {
        Factor::Plain(matrix)
    }
}

impl<'a> From<PackedMatrix<'a>> for Factor<'a> {
    fn from(matrix: PackedMatrix<'a>) -> Self {
        Factor::Packed(matrix)
    }
}

impl Factor<'_> {
    fn rows(&self) -> usize {
        match self {
            Factor::Plain(matrix) => matrix.rows(),
            Factor::Packed(matrix) => matrix.rows(),
        }
    }

    fn cols(&self) -> usize {
        match self {
            Factor::Plain(matrix) => matrix.cols(),
            Factor::Packed(matrix) => matrix.cols(),
        }
    }

    #[inline]
    fn multiply(
        self,
        isa: Isa,
        a: Mat<'_>,
        c: MatMut<'_>,
        epilogue: Epilogue<'_>,
        scratch: &mut [f32],
    ) -> Result<(), ShapeError> {
        match self {
            Factor::Plain(b) => gemm(isa, a, b, c, epilogue, scratch),
            Factor::Packed(b) => gemm_packed(isa, a, b, c, epilogue, scratch),
        }
    }

    /// Columns that stay together when the matrix is divided.
    fn col_unit(&self) -> usize {
        match self {
            Factor::Plain(_) => 2 * LINE,
            Factor::Packed(matrix) => matrix.panel_cols(),
        }
    }

    fn split_at_col(self, at: usize) -> Result<(Self, Self), ShapeError> {
        Ok(match self {
            Factor::Plain(matrix) => (
                Factor::Plain(matrix.col_range(0, at)?),
                Factor::Plain(matrix.col_range(at, matrix.cols().saturating_sub(at))?),
            ),
            Factor::Packed(matrix) => {
                let (left, right) = matrix.split_at_col(at)?;
                (Factor::Packed(left), Factor::Packed(right))
            }
        })
    }
}

impl Gemm {
    /// Products on an instruction set, on the threads that `parallelism` names.
    pub fn new(isa: Isa, parallelism: Parallelism) -> Gemm {
        Gemm { isa, parallelism, scratch: Vec::new(), fits: None }
    }

    /// `C ← epilogue(A·B)`: shapes, numerics and errors as [`kernels::gemm`](steadynet_kernels::gemm()).
    ///
    /// Small products stay on the calling thread; how large they must be depends on whether the pool's threads are
    /// [kept awake](Parallelism::hot).
    ///
    /// # Errors
    /// [`Error::Kernel`] names the operand, what was wanted and what was given; [`Error::Memory`]. C is untouched.
    #[inline]
    pub fn run<'a>(
        &mut self,
        a: Mat<'_>,
        b: impl Into<Factor<'a>>,
        c: MatMut<'_>,
        epilogue: Epilogue<'_>,
    ) -> Result<(), Error> {
        let b = b.into();
        let (m, k, n) = (c.rows(), b.rows(), c.cols());
        // A product on few rows takes the time that B takes to be read.
        let work = 8usize.saturating_mul(m.div_ceil(4)).saturating_mul(k).saturating_mul(n);
        if self.parallelism.divides(work) {
            let most_parts = most_parts(m, n, b.col_unit());
            if most_parts > 1 {
                return self.run_divided(a, b, c, epilogue, work, most_parts);
            }
        }
        // (Quicker asked than how much a product needs, which takes as long as some products.)
        if !self.fits.is_some_and(|fits| m <= fits.0 && k <= fits.1 && n <= fits.2) {
            self.reserve(1, gemm_scratch_len(m, k, n))?;
            self.fits = Some((m, k, n));
        }
        let [scratch, ..] = &mut self.scratch[..] else { return Ok(()) };
        Ok(b.multiply(self.isa, a, c, epilogue, scratch)?)
    }

    /// [`run`](Gemm::run) for so much work, in up to so many parts.
    fn run_divided(
        &mut self,
        a: Mat<'_>,
        b: Factor<'_>,
        c: MatMut<'_>,
        epilogue: Epilogue<'_>,
        work: usize,
        most_parts: usize,
    ) -> Result<(), Error> {
        let (m, k, n) = (c.rows(), b.rows(), c.cols());
        let (isa, wanted) = (self.isa, gemm_scratch_len(m, k, n));
        // What would be wrong in one part only must not be found when others are done.
        check("a", "rows", m, a.rows())?;
        check("a", "columns", k, a.cols())?;
        check("b", "columns", n, b.cols())?;
        epilogue.check(m, n)?;
        let finish = Finish::new(epilogue);
        self.parallelism.enter(work, |parallelism| {
            let parts = parallelism.parts(work).min(most_parts);
            self.reserve(parts, wanted)?;
            let scratch = &mut self.scratch[..parts];
            let task = Task { a, b, c, finish, scratch };
            parallelism.divide(
                parts,
                task,
                &|task: Task<'_>, left, parts| task.split(left, parts),
                &|task: Task<'_>| task.run(isa),
            )?;
            Ok(())
        })
    }

    /// Makes room for products of these sizes `(m, k, n)`, on as many threads as there may be.
    pub(crate) fn prepare(&mut self, sizes: impl Iterator<Item = (usize, usize, usize)>) -> Result<(), Error> {
        let len = sizes.map(|(m, k, n)| gemm_scratch_len(m, k, n)).max().unwrap_or(0);
        self.reserve(self.parallelism.threads(), len)
    }

    /// Makes room for so many parts.
    #[inline]
    fn reserve(&mut self, parts: usize, len: usize) -> Result<(), Error> {
        let len = len.max(SMALL_SCRATCH);
        if self.scratch.len() < parts || self.scratch.iter().any(|scratch| scratch.len() < len) {
            self.scratch.clear();
            self.fits = None;
            for _ in 0..parts {
                self.scratch.push(Aligned::zeros("the scratch of a product", len)?);
            }
        }
        Ok(())
    }
}

/// A part of a product, to be divided further.
struct Task<'a> {
    a: Mat<'a>,
    b: Factor<'a>,
    c: MatMut<'a>,
    finish: Finish<'a>,
    scratch: &'a mut [Aligned],
}

impl Task<'_> {
    /// Cut into two parts that take `left` and `parts − left` shares of the work.
    fn split(self, left: usize, parts: usize) -> Result<(Self, Self), ShapeError> {
        let Task { a, b, c, finish, scratch } = self;
        let (first, second) = scratch.split_at_mut(left);
        let (m, k, n) = (c.rows(), b.rows(), c.cols());
        Ok(match cut((m, k, n), b.col_unit(), left, parts) {
            Cut::Rows(at) => {
                let (c, below) = c.split_at_row(at)?;
                let (finish, finish_below) = finish.split_at_row(at)?;
                let (a, a_below) = (a.row_range(0, at)?, a.row_range(at, m - at)?);
                (
                    Task { a, b, c, finish, scratch: first },
                    Task { a: a_below, b, c: below, finish: finish_below, scratch: second },
                )
            }
            Cut::Cols(at) => {
                let (c, right) = c.split_at_col(at)?;
                let (finish, finish_right) = finish.split_at_col(at)?;
                let (b, b_right) = b.split_at_col(at)?;
                (
                    Task { a, b, c, finish, scratch: first },
                    Task { a, b: b_right, c: right, finish: finish_right, scratch: second },
                )
            }
        })
    }

    fn run(self, isa: Isa) -> Result<(), ShapeError> {
        let Task { a, b, c, finish, scratch } = self;
        let [scratch, ..] = scratch else { return Ok(()) };
        finish.with(|epilogue| b.multiply(isa, a, c, epilogue, scratch))
    }
}

/// Where a product is cut.
#[derive(Debug, PartialEq)]
enum Cut {
    Rows(usize),
    Cols(usize),
}

/// Rows of a product of `n` columns that stay together when it is divided: vectors run down the rows if the columns fill none.
fn row_unit(n: usize) -> usize {
    if n < LINE { LINE } else { 1 }
}

/// Into how many parts a product can be cut.
fn most_parts(m: usize, n: usize, col_unit: usize) -> usize {
    m.div_ceil(row_unit(n)).max(n.div_ceil(col_unit))
}

/// Each part reads one operand whole and its share of the other. So the larger one is cut, unless the parts would come out less
/// equal: columns are cut between the tiles of a kernel, rows anywhere (between vectors, where these run down the rows). Where sums are so short that C is most of
/// the traffic, rows: prefetchers run on past the end of a part of a row, into what another thread writes.
fn cut((m, k, n): (usize, usize, usize), col_unit: usize, left: usize, parts: usize) -> Cut {
    /// Fewer rows take hardly less time: that in which B is read.
    const LEAST_ROWS: usize = 8;
    /// How much larger than B a C is that is most of the traffic.
    const C_PER_B: usize = 4;
    let row_unit = row_unit(n);
    let share = |extent: usize, unit: usize, least: usize| {
        let units = extent.div_ceil(unit);
        let at = ((units * left + parts / 2) / parts * unit).min(extent);
        // The larger share of the work, in 256ths, if those of all parts are alike.
        let time = |part: usize, share: usize| (part.max(least * share) * parts).div_ceil(share);
        let larger = time(at, left).max(time(extent - at, parts - left));
        (at, larger * 256 / extent.max(least))
    };
    let (row, by_rows) = share(m, row_unit, LEAST_ROWS);
    let (col, by_cols) = share(n, col_unit, 1);
    // A sixteenth of the time is worth more than what is read.
    let alike = by_rows.abs_diff(by_cols) <= 16;
    let written = m / C_PER_B >= k;
    let rows = if alike { m > n || written } else { by_rows < by_cols };
    if rows { Cut::Rows(row) } else { Cut::Cols(col) }
}

/// An [`Epilogue`] that can be cut: what it is, and the operands that it has.
struct Finish<'a> {
    kind: Kind,
    bias: Option<&'a [f32]>,
    saved: Option<Mat<'a>>,
    states: [Option<MatMut<'a>>; MAX_STATES],
}

#[derive(Clone, Copy)]
enum Kind {
    Store,
    Bias(Activation),
    Backward(Activation),
    Accumulate(f32),
    Update(Update),
}

impl<'a> Finish<'a> {
    fn new(epilogue: Epilogue<'a>) -> Finish<'a> {
        let mut finish = Finish { kind: Kind::Store, bias: None, saved: None, states: [const { None }; MAX_STATES] };
        match epilogue {
            Epilogue::Bias { bias, activation } => {
                (finish.kind, finish.bias) = (Kind::Bias(activation), Some(bias));
            }
            Epilogue::Backward { activation, saved } => {
                (finish.kind, finish.saved) = (Kind::Backward(activation), Some(saved));
            }
            Epilogue::Accumulate { alpha } => finish.kind = Kind::Accumulate(alpha),
            Epilogue::Update { update, states } => {
                for (mine, state) in finish.states.iter_mut().zip(states) {
                    *mine = Some(state.reborrow());
                }
                finish.kind = Kind::Update(update);
            }
            _ => {}
        }
        finish
    }

    fn split_at_row(self, at: usize) -> Result<(Self, Self), ShapeError> {
        let Finish { kind, bias, saved, states } = self;
        let (saved, below) = match saved {
            Some(saved) => (Some(saved.row_range(0, at)?), Some(saved.row_range(at, saved.rows().saturating_sub(at))?)),
            None => (None, None),
        };
        let (states, states_below) = split_states(states, |state| state.split_at_row(at))?;
        Ok((Finish { kind, bias, saved, states }, Finish { kind, bias, saved: below, states: states_below }))
    }

    fn split_at_col(self, at: usize) -> Result<(Self, Self), ShapeError> {
        let Finish { kind, bias, saved, states } = self;
        let (bias, bias_right) = bias.and_then(|bias| bias.split_at_checked(at)).unzip();
        let (saved, right) = match saved {
            Some(saved) => (Some(saved.col_range(0, at)?), Some(saved.col_range(at, saved.cols().saturating_sub(at))?)),
            None => (None, None),
        };
        let (states, states_right) = split_states(states, |state| state.split_at_col(at))?;
        Ok((
            Finish { kind, bias, saved, states },
            Finish { kind, bias: bias_right, saved: right, states: states_right },
        ))
    }

    /// Runs `product` with the epilogue.
    fn with<R>(self, product: impl FnOnce(Epilogue<'_>) -> R) -> R {
        let mut states = self.states.map(|state| state.unwrap_or_else(MatMut::empty));
        product(match self.kind {
            Kind::Store => Epilogue::Store,
            Kind::Bias(activation) => Epilogue::Bias { bias: self.bias.unwrap_or_default(), activation },
            Kind::Backward(activation) => {
                Epilogue::Backward { activation, saved: self.saved.unwrap_or_else(|| MatMut::empty().into_ref()) }
            }
            Kind::Accumulate(alpha) => Epilogue::Accumulate { alpha },
            Kind::Update(update) => Epilogue::Update { update, states: &mut states[..update.states()] },
        })
    }
}

type States<'a> = [Option<MatMut<'a>>; MAX_STATES];

fn split_states<'a>(
    states: States<'a>,
    split: impl Fn(MatMut<'a>) -> Result<(MatMut<'a>, MatMut<'a>), ShapeError>,
) -> Result<(States<'a>, States<'a>), ShapeError> {
    let mut halves = ([const { None }; MAX_STATES], [const { None }; MAX_STATES]);
    for ((first, second), state) in halves.0.iter_mut().zip(&mut halves.1).zip(states) {
        if let Some(state) = state {
            let (one, other) = split(state)?;
            (*first, *second) = (Some(one), Some(other));
        }
    }
    Ok(halves)
}

fn check(operand: &'static str, dimension: &'static str, wanted: usize, given: usize) -> Result<(), ShapeError> {
    if wanted == given { Ok(()) } else { Err(ShapeError::Dimension { operand, dimension, wanted, given }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_operand_is_cut_and_parts_are_equal() {
        // Weights: their columns. A gradient: the rows of aᵀ. Ten classes: rows, a multiple of a vector.
        assert_eq!(cut((64, 100, 128), 32, 1, 2), Cut::Cols(64));
        assert_eq!(cut((784, 100, 128), 32, 1, 2), Cut::Rows(392));
        assert_eq!(cut((64, 100, 10), 32, 1, 2), Cut::Rows(32));
        assert_eq!(cut((1, 100, 4096), 32, 1, 2), Cut::Cols(2048));
        // 100 columns are four tiles, of which the last is small: rows come out equal.
        assert_eq!(cut((100, 100, 100), 32, 1, 2), Cut::Rows(50));
        assert_eq!(cut((8, 100, 128), 32, 1, 2), Cut::Cols(64));
        // Parts of few rows would each read all columns, in the time that more rows take.
        assert_eq!(cut((4, 100, 300), 32, 1, 2), Cut::Cols(160));
        assert_eq!(cut((16, 100, 300), 32, 1, 2), Cut::Rows(8));
        // Outer products: rows.
        assert_eq!(cut((600, 1, 1000), 32, 1, 2), Cut::Rows(300));
        // A row by packed weights of one panel is not cut; ten classes of 40 rows are three vectors high.
        assert_eq!(most_parts(1, 128, 128), 1);
        assert_eq!(most_parts(1, 129, 128), 2);
        assert_eq!(most_parts(40, 10, 32), 3);
        for (m, n) in [(1, 1), (1, 100), (3, 31), (100, 1), (17, 33)] {
            for parts in 2..9 {
                for left in 1..parts {
                    match cut((m, 100, n), 32, left, parts) {
                        Cut::Rows(at) => assert!(at <= m),
                        Cut::Cols(at) => assert!(at <= n),
                    }
                }
            }
        }
    }
}
