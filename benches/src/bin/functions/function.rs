//! The functions, and what they are exactly.

use clap::ValueEnum;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Function {
    Exp,
    Ln,
    Sigmoid,
    Tanh,
    Gelu,
    GeluTanh,
    Silu,
    Softplus,
}

impl Function {
    pub const ALL: [Function; 8] = [
        Function::Exp,
        Function::Ln,
        Function::Sigmoid,
        Function::Tanh,
        Function::Gelu,
        Function::GeluTanh,
        Function::Silu,
        Function::Softplus,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Function::Exp => "exp",
            Function::Ln => "ln",
            Function::Sigmoid => "sigmoid",
            Function::Tanh => "tanh",
            Function::Gelu => "gelu",
            Function::GeluTanh => "gelu-tanh",
            Function::Silu => "silu",
            Function::Softplus => "softplus",
        }
    }

    /// In binary64, wrong by far less than a unit of binary32.
    pub fn exact(self, x: f64) -> f64 {
        // 1/(1 + e^−x) loses nothing on either side.
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        match self {
            Function::Exp => x.exp(),
            Function::Ln => x.ln(),
            Function::Sigmoid => sigmoid(x),
            Function::Tanh => x.tanh(),
            // (At −∞ the limit, not NaN.)
            _ if x == f64::NEG_INFINITY => 0.0,
            Function::Gelu => 0.5 * x * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2),
            Function::GeluTanh => {
                let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
                x * sigmoid(2.0 * inner)
            }
            Function::Silu => x * sigmoid(x),
            Function::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        }
    }

    /// Where the timed arguments lie: where a network has them, and every function is defined.
    pub fn arguments(self, len: usize) -> Vec<f32> {
        let unit = (0..len).map(|i| (i * 2654435761 % len) as f32 / len as f32);
        match self {
            Function::Ln => unit.map(|u| 1e-3 + 20.0 * u).collect(),
            _ => unit.map(|u| 16.0 * u - 8.0).collect(),
        }
    }
}
