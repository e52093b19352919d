//! How weights begin.

use crate::error::Error;
use std::fmt;
use std::str::FromStr;
use steadynet_kernels::random::Random;
use steadynet_kernels::reference::normal_quantile;

/// A distribution of initial weights. Each value is a function of the seed, the layer and its place: never of the order in
/// which values are asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Init {
    /// The same value everywhere.
    Constant(f32),
    /// Normal with mean 0 and this standard deviation.
    Normal(f32),
    /// Normal with mean 0 and this standard deviation before it is cut at two of them on both sides.
    TruncatedNormal(f32),
    /// Uniform in `[−limit, limit)`.
    Uniform(f32),
    /// Uniform with `limit = √(6 / (fan_in + fan_out))`.
    ///
    /// # Source
    /// Glorot & Bengio, AISTATS 2010 (also called Xavier).
    GlorotUniform,
    /// Normal with standard deviation `√(2 / (fan_in + fan_out))`.
    GlorotNormal,
    /// Uniform with `limit = √(6 / fan_in)`.
    ///
    /// # Source
    /// He et al., ICCV 2015 (also called Kaiming).
    HeUniform,
    /// Normal with standard deviation `√(2 / fan_in)`.
    HeNormal,
}

/// `Φ(−2)`, the normal distribution below −2, and what lies between −2 and 2.
const BELOW_MINUS_TWO: f32 = 0.022_750_132;
const WITHIN_TWO: f32 = 0.954_499_7;

impl Init {
    /// Every form, as [`Init::from_str`] spells it.
    pub const NAMES: [&'static str; 8] = [
        "constant:F",
        "normal:STD",
        "truncated-normal:STD",
        "uniform:LIMIT",
        "glorot-uniform",
        "glorot-normal",
        "he-uniform",
        "he-normal",
    ];

    /// `Ok` if the parameter is finite and, where it is a width, not negative.
    pub(crate) fn check(self) -> Result<(), Error> {
        let (ok, value) = match self {
            Init::Constant(value) => (value.is_finite(), value),
            Init::Normal(width) | Init::TruncatedNormal(width) | Init::Uniform(width) => {
                (width.is_finite() && width >= 0.0, width)
            }
            _ => return Ok(()),
        };
        if ok {
            Ok(())
        } else {
            let wanted = "a finite number (for a width, not negative)";
            Err(Error::Setting { name: "init", wanted, given: value.to_string() })
        }
    }

    /// Fills the weights or biases of one layer, drawn from `stream` of the generator.
    pub(crate) fn fill(self, values: &mut [f32], fan_in: usize, fan_out: usize, seed: u64, stream: u64) {
        let random = Random::new(seed, stream);
        let (fan_in, both) = (fan_in as f32, (fan_in + fan_out) as f32);
        let normal = |index| normal_quantile(random.open_uniform(index));
        // In [−1, 1).
        let uniform = |index| 2.0 * random.uniform(index) - 1.0;
        let value: Box<dyn Fn(u64) -> f32> = match self {
            Init::Constant(value) => Box::new(move |_| value),
            Init::Normal(std) => Box::new(move |index| std * normal(index)),
            Init::TruncatedNormal(std) => {
                Box::new(move |index| std * normal_quantile(BELOW_MINUS_TWO + WITHIN_TWO * random.open_uniform(index)))
            }
            Init::Uniform(limit) => Box::new(move |index| limit * uniform(index)),
            Init::GlorotUniform => Box::new(move |index| (6.0 / both).sqrt() * uniform(index)),
            Init::GlorotNormal => Box::new(move |index| (2.0 / both).sqrt() * normal(index)),
            Init::HeUniform => Box::new(move |index| (6.0 / fan_in).sqrt() * uniform(index)),
            Init::HeNormal => Box::new(move |index| (2.0 / fan_in).sqrt() * normal(index)),
        };
        for (index, element) in (0u64..).zip(values) {
            *element = value(index);
        }
    }
}

impl fmt::Display for Init {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Init::Constant(value) => write!(f, "constant:{value}"),
            Init::Normal(std) => write!(f, "normal:{std}"),
            Init::TruncatedNormal(std) => write!(f, "truncated-normal:{std}"),
            Init::Uniform(limit) => write!(f, "uniform:{limit}"),
            Init::GlorotUniform => f.write_str("glorot-uniform"),
            Init::GlorotNormal => f.write_str("glorot-normal"),
            Init::HeUniform => f.write_str("he-uniform"),
            Init::HeNormal => f.write_str("he-normal"),
        }
    }
}

impl FromStr for Init {
    type Err = Error;

    fn from_str(text: &str) -> Result<Init, Error> {
        let wanted = "one of constant:F, normal:STD, truncated-normal:STD, uniform:LIMIT, glorot-uniform, glorot-normal, \
                      he-uniform, he-normal";
        let error = || Error::Setting { name: "init", wanted, given: text.to_string() };
        let (name, parameter) = match text.split_once(':') {
            Some((name, number)) => (name, Some(number.trim().parse::<f32>().map_err(|_| error())?)),
            None => (text, None),
        };
        let init = match (name, parameter) {
            ("constant", Some(value)) => Init::Constant(value),
            ("normal", Some(std)) => Init::Normal(std),
            ("truncated-normal", Some(std)) => Init::TruncatedNormal(std),
            ("uniform", Some(limit)) => Init::Uniform(limit),
            ("glorot-uniform" | "xavier-uniform", None) => Init::GlorotUniform,
            ("glorot-normal" | "xavier-normal", None) => Init::GlorotNormal,
            ("he-uniform" | "kaiming-uniform", None) => Init::HeUniform,
            ("he-normal" | "kaiming-normal", None) => Init::HeNormal,
            _ => return Err(error()),
        };
        init.check()?;
        Ok(init)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(init: Init, fan_in: usize, fan_out: usize) -> (f64, f64, f64) {
        let mut values = vec![0.0; 40_000];
        init.fill(&mut values, fan_in, fan_out, 7, 0);
        let n = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
        let largest = values.iter().fold(0.0f64, |m, &v| m.max(f64::from(v).abs()));
        (mean, variance.sqrt(), largest)
    }

    #[test]
    fn moments_are_those_of_the_distribution() {
        // (init, standard deviation, bound)
        let cases = [
            (Init::Normal(0.5), 0.5, 3.0),
            // The standard deviation of a normal cut at two of them.
            (Init::TruncatedNormal(0.5), 0.5 * 0.879_626, 1.0),
            (Init::Uniform(0.3), 0.3 / 3f64.sqrt(), 0.3),
            (Init::GlorotUniform, (2.0f64 / 300.0).sqrt(), (6.0f64 / 300.0).sqrt()),
            (Init::GlorotNormal, (2.0f64 / 300.0).sqrt(), 1.0),
            (Init::HeUniform, (2.0f64 / 100.0).sqrt(), (6.0f64 / 100.0).sqrt()),
            (Init::HeNormal, (2.0f64 / 100.0).sqrt(), 1.0),
        ];
        for (init, std, bound) in cases {
            let (mean, measured, largest) = moments(init, 100, 200);
            assert!(mean.abs() < 5.0 * std / 200.0, "{init}: mean {mean}");
            assert!((measured / std - 1.0).abs() < 0.02, "{init}: standard deviation {measured}, not {std}");
            assert!(largest <= bound * 1.000_001, "{init}: {largest}");
        }
        assert_eq!(moments(Init::Constant(0.25), 1, 1).0, 0.25);
    }

    #[test]
    fn names_read_back() {
        let all = [
            Init::Constant(0.1),
            Init::Normal(1.0),
            Init::TruncatedNormal(0.1),
            Init::Uniform(0.05),
            Init::GlorotUniform,
            Init::GlorotNormal,
            Init::HeUniform,
            Init::HeNormal,
        ];
        for init in all {
            assert_eq!(init.to_string().parse::<Init>().unwrap(), init);
        }
        for wrong in ["", "normal", "normal:x", "normal:-1", "normal:inf", "he-normal:2", "zeros"] {
            assert!(wrong.parse::<Init>().is_err(), "{wrong}");
        }
    }
}
