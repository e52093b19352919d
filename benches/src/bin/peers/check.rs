//! Results before speeds: ours bit by bit against the definition, all others against ours within the bound of the arithmetic.

use crate::library::Setting;
use crate::product::Product;
use crate::shape::Shape;
use steadynet_kernels::{Epilogue, Mat, MatMut, ShapeError, gemm, gemm_scratch_len, k_block_len, reference};

/// What every result is compared with.
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
    pub fn new(product: &Product, setting: Setting) -> Result<Expected, ShapeError> {
        let Shape { m, k, n, .. } = product.shape;
        let (a, b) = product.views()?;
        let mut scratch = vec![0.0; gemm_scratch_len(m, k, n)];
        let mut multiply = |a, b| {
            let mut c = vec![f32::NAN; m * n];
            gemm(setting.isa, a, b, MatMut::new(&mut c, m, n)?, Epilogue::Store, &mut scratch)?;
            Ok(c)
        };
        let sums = multiply(a, b)?;
        let (a_magnitudes, b_magnitudes) = (magnitudes(product.a().data), magnitudes(product.b().data));
        let (stored_a, stored_b) = (product.a(), product.b());
        let magnitudes = multiply(
            Mat::with_strides(&a_magnitudes, m, k, stored_a.row_stride, stored_a.col_stride)?,
            Mat::with_strides(&b_magnitudes, k, n, stored_b.row_stride, stored_b.col_stride)?,
        )?;
        let block = k_block_len(k).max(1);
        let ours = gamma(block + k.div_ceil(block));
        // The magnitudes are rounded as well.
        let bound = (gamma(k) + ours) * (1.0 + ours);
        Ok(Expected { sums, magnitudes, bound })
    }

    /// Whether ours is what the definition says, in some rows if it would take long for all.
    pub fn check_ours(&self, product: &Product, given: &[f32]) -> Result<(), String> {
        const MULTIPLY_ADDS: usize = 1 << 23;
        let Shape { m, k, n, .. } = product.shape;
        let (a, b) = product.views().map_err(|error| error.to_string())?;
        let step = (m * k).saturating_mul(n).div_ceil(MULTIPLY_ADDS);
        let mut row = vec![0.0; n];
        for i in (0..m).step_by(step).chain([m - 1]) {
            let a = a.row_range(i, 1).map_err(|error| error.to_string())?;
            let mut c = MatMut::new(&mut row, 1, n).map_err(|error| error.to_string())?;
            reference::gemm(a, b, &mut c, Epilogue::Store);
            let given = &given[i * n..(i + 1) * n];
            if let Some(j) = (0..n).find(|&j| given[j].to_bits() != row[j].to_bits()) {
                return Err(format!("element ({i}, {j}) is {:?}, by definition {:?}", given[j], row[j]));
            }
        }
        // (And all of it is what the serial product gives.)
        match (0..m * n).find(|&at| given[at].to_bits() != self.sums[at].to_bits()) {
            Some(at) => Err(format!("element ({}, {}) differs from the serial product", at / n, at % n)),
            None => Ok(()),
        }
    }

    /// Whether another library's result is a product.
    pub fn check(&self, product: &Product, given: &[f32]) -> Result<(), String> {
        let n = product.shape.n;
        for (at, ((&given, &ours), &magnitude)) in given.iter().zip(&self.sums).zip(&self.magnitudes).enumerate() {
            let difference = (f64::from(given) - f64::from(ours)).abs();
            // Not `>`: a NaN is no product either.
            if !(difference <= self.bound * f64::from(magnitude)) {
                return Err(format!("element ({}, {}) is {given:?}, ours {ours:?}", at / n, at % n));
            }
        }
        Ok(())
    }
}

fn magnitudes(data: &[f32]) -> Vec<f32> {
    data.iter().map(|x| x.abs()).collect()
}
