//! Results before speeds: ours bit by bit against the definition, those of other libraries within the bound of the arithmetic.

use super::product::{Product, views};
use super::shape::Shape;
use steadynet::Isa;
use steadynet::kernels::{Epilogue, Mat, MatMut, ShapeError, gemm, gemm_scratch_len, k_block_len, reference};

/// What results are compared with.
pub struct Expected {
    sums: Vec<f32>,
    /// `Σ|a·b|` of each element, the scale of its rounding error.
    magnitudes: Vec<f32>,
    /// How far a sum in any order may lie from ours, in units of the magnitude.
    bound: f64,
}

/// `u·t / (1 − u·t)`: the relative error of `t` operations.
fn gamma(t: usize) -> f64 {
    let error = t as f64 * f64::from(f32::EPSILON) / 2.0;
    error / (1.0 - error)
}

impl Expected {
    /// The product on `isa`, whose bits are those of the definition: compared with it in all rows, in some if that would take long.
    pub fn new(product: &Product, isa: Isa) -> Result<Expected, String> {
        let error = |error: ShapeError| error.to_string();
        let Shape { m, k, n, .. } = product.shape;
        let mut scratch = vec![0.0; gemm_scratch_len(m, k, n)];
        let mut multiply = |(a, b): (Mat<'_>, Mat<'_>)| {
            let mut c = vec![f32::NAN; m * n];
            gemm(isa, a, b, MatMut::new(&mut c, m, n)?, Epilogue::Store, &mut scratch)?;
            Ok(c)
        };
        let (a, b) = product.views().map_err(error)?;
        let sums = multiply((a, b)).map_err(error)?;
        by_definition(a, b, &sums, || Epilogue::Store)?;
        let magnitudes = |data: &[f32]| -> Vec<f32> { data.iter().map(|x| x.abs()).collect() };
        let (a, b) = (magnitudes(&product.a), magnitudes(&product.b));
        let magnitudes = views(product.shape, &a, &b).and_then(&mut multiply).map_err(error)?;
        let block = k_block_len(k).max(1);
        let ours = gamma(block + k.div_ceil(block));
        // The magnitudes are rounded as well.
        let bound = (gamma(k) + ours) * (1.0 + ours);
        Ok(Expected { sums, magnitudes, bound })
    }

    /// Whether a result of ours has the same bits.
    pub fn check_ours(&self, product: &Product, given: &[f32]) -> Result<(), String> {
        let n = product.shape.n;
        match given.iter().zip(&self.sums).position(|(given, sum)| given.to_bits() != sum.to_bits()) {
            Some(at) => Err(differs(at / n, at % n, given[at], self.sums[at])),
            None => Ok(()),
        }
    }

    /// Whether another library's result is the product, within what rounding in another order explains.
    pub fn check(&self, product: &Product, given: &[f32]) -> Result<(), String> {
        let n = product.shape.n;
        let mut elements = given.iter().zip(&self.sums).zip(&self.magnitudes);
        // (A NaN is near nothing.)
        let near = |((&given, &sum), &magnitude): ((&f32, &f32), &f32)| {
            (f64::from(given) - f64::from(sum)).abs() <= self.bound * f64::from(magnitude)
        };
        match elements.position(|element| !near(element)) {
            Some(at) => Err(differs(at / n, at % n, given[at], self.sums[at])),
            None => Ok(()),
        }
    }
}

/// Compares with the definition bit by bit.
pub fn by_definition<'e>(
    a: Mat<'_>,
    b: Mat<'_>,
    given: &[f32],
    epilogue: impl Fn() -> Epilogue<'e>,
) -> Result<(), String> {
    const MULTIPLY_ADDS: usize = 1 << 23;
    let error = |error: ShapeError| error.to_string();
    let (m, k, n) = (a.rows(), a.cols(), b.cols());
    let step = (m * k).saturating_mul(n).div_ceil(MULTIPLY_ADDS);
    let mut row = vec![0.0; n];
    for i in (0..m).step_by(step).chain([m - 1]) {
        let a = a.row_range(i, 1).map_err(error)?;
        reference::gemm(a, b, &mut MatMut::new(&mut row, 1, n).map_err(error)?, epilogue());
        let given = &given[i * n..(i + 1) * n];
        if let Some(j) = (0..n).find(|&j| given[j].to_bits() != row[j].to_bits()) {
            return Err(differs(i, j, given[j], row[j]));
        }
    }
    Ok(())
}

fn differs(i: usize, j: usize, given: f32, wanted: f32) -> String {
    format!("element ({i}, {j}) is {given:?}, by definition {wanted:?}")
}
