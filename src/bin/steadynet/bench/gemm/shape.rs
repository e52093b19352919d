//! The shape of a product, as people write it.

use std::fmt;
use std::str::FromStr;

/// A product of `m × k` by `k × n`, and which of the operands is stored transposed: A as `(k, m)`, B as `(n, k)`, row-major.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub m: usize,
    pub k: usize,
    pub n: usize,
    pub a_transposed: bool,
    pub b_transposed: bool,
}

impl Shape {
    /// The shape with nothing transposed.
    pub const fn plain(m: usize, k: usize, n: usize) -> Shape {
        Shape { m, k, n, a_transposed: false, b_transposed: false }
    }

    /// Floating-point operations of the product.
    pub fn flops(self) -> f64 {
        2.0 * self.m as f64 * self.k as f64 * self.n as f64
    }

    fn suffix(self) -> &'static str {
        match (self.a_transposed, self.b_transposed) {
            (false, false) => "",
            (true, false) => ":ta",
            (false, true) => ":tb",
            (true, true) => ":tatb",
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}×{}×{}{}", self.m, self.k, self.n, self.suffix()))
    }
}

impl FromStr for Shape {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Shape, &'static str> {
        // Three matrices of this size take 3 GiB.
        const LARGEST: usize = 1 << 28;
        let (extents, suffix) = text.split_once(':').unwrap_or((text, ""));
        let (a_transposed, b_transposed) = match suffix {
            "" if text.ends_with(':') => return Err("wanted ta, tb or tatb after the colon"),
            "" => (false, false),
            "ta" => (true, false),
            "tb" => (false, true),
            "tatb" => (true, true),
            _ => return Err("wanted ta, tb or tatb after the colon"),
        };
        let extents: Option<Vec<usize>> = extents.split(['x', '×']).map(|part| part.parse().ok()).collect();
        match extents.as_deref() {
            Some(&[m, k, n]) if m > 0 && k > 0 && n > 0 => {
                let fits = |a: usize, b: usize| a.checked_mul(b).is_some_and(|len| len <= LARGEST);
                if fits(m, k) && fits(k, n) && fits(m, n) {
                    Ok(Shape { m, k, n, a_transposed, b_transposed })
                } else {
                    Err("larger than 2^28 elements a matrix")
                }
            }
            _ => Err("wanted m×k×n such as 64x784x128, each at least 1"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read_as_they_are_written() {
        for text in ["64×784×128", "784×64×128:ta", "64×10×128:tb", "1×1×1:tatb"] {
            assert_eq!(text.parse::<Shape>().unwrap().to_string(), text);
        }
        assert_eq!("2x3×4".parse(), Ok(Shape::plain(2, 3, 4)));
        for wrong in [
            "",
            "2x3",
            "2x3x4x5",
            "0x3x4",
            "2x3x4:",
            "2x3x4:t",
            "-1x3x4",
            "2x3x",
            "99999x99999x1",
            "18446744073709551615x2x2",
        ] {
            assert!(wrong.parse::<Shape>().is_err(), "{wrong}");
        }
    }
}
