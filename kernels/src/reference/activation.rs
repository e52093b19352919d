//! Activations and their derivatives.

use super::{elu, gelu, gelu_slope, gelu_tanh, gelu_tanh_slope, sigmoid, silu, silu_slope, softplus, tanh};
use crate::activation::Activation;
use crate::fma::fma;

/// Slope of [`Activation::LeakyRelu`] below 0.
pub(crate) const LEAKY_SLOPE: f32 = 0.01;

/// `σ(x)`.
pub fn activate(activation: Activation, x: f32) -> f32 {
    match activation {
        Activation::Identity => x,
        Activation::Sigmoid => sigmoid(x),
        Activation::Tanh => tanh(x),
        Activation::Relu => if_else(x <= 0.0, 0.0, x),
        Activation::LeakyRelu => if_else(x > 0.0, x, LEAKY_SLOPE * x),
        Activation::Elu => elu(x),
        Activation::Silu => silu(x),
        Activation::Gelu => gelu(x),
        Activation::GeluTanh => gelu_tanh(x),
        Activation::Softplus => softplus(x),
    }
}

/// `d · σ′`, from what [`Activation::saved`] names: the output `y = σ(x)`, or the input.
pub fn backward(activation: Activation, d: f32, saved: f32) -> f32 {
    let (x, y) = (saved, saved);
    match activation {
        Activation::Identity => d,
        Activation::Sigmoid => d * (y * (1.0 - y)),
        Activation::Tanh => d * fma(-y, y, 1.0),
        Activation::Relu => if_else(y <= 0.0, 0.0, d),
        Activation::LeakyRelu => if_else(y > 0.0, d, LEAKY_SLOPE * d),
        Activation::Elu => if_else(y > 0.0, d, d * (y + 1.0)),
        Activation::Silu => d * silu_slope(x),
        Activation::Gelu => d * gelu_slope(x),
        Activation::GeluTanh => d * gelu_tanh_slope(x),
        Activation::Softplus => d * sigmoid(x),
    }
}

fn if_else(condition: bool, yes: f32, no: f32) -> f32 {
    if condition { yes } else { no }
}
