//! From a value to its place on an axis, linear or logarithmic.

/// Larger magnitudes are left out of plots: differences of two of them may overflow.
const LARGEST: f64 = 1e300;

/// Positive values that span more than this factor are drawn on a logarithmic scale.
const LINEAR_FACTOR: f64 = 100.0;

/// Values from `low` to `high` and where they lie between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    pub logarithmic: bool,
    /// Lower end: a value, or its decimal logarithm.
    pub low: f64,
    /// Upper end, above the lower end.
    pub high: f64,
}

/// Whether a plot shows this value.
pub(crate) fn is_drawable(value: f64) -> bool {
    value.abs() <= LARGEST
}

/// Least and greatest of the drawable values, if there are any.
pub(crate) fn extremes(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|&value| is_drawable(value)).fold(None, |ends, value| {
        let (low, high) = ends.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

impl Scale {
    /// A linear scale that ends at the two values. Around (nearly) equal values it is widened, so that they lie in the middle.
    pub fn linear(low: f64, high: f64) -> Self {
        let magnitude = low.abs().max(high.abs());
        // Narrower spans are rounding errors of the values, and ticks in them would not be distinct numbers.
        let (low, high) = if high - low > 1e-9 * magnitude && high - low > 1e-290 {
            (low, high)
        } else {
            let margin = if magnitude > 1e-280 { 0.1 * magnitude } else { 1.0 };
            (low - margin, high + margin)
        };
        Self { logarithmic: false, low, high }
    }

    /// A scale that ends at the two values, logarithmic if they are positive and far apart.
    pub fn new(low: f64, high: f64) -> Self {
        if low > 0.0 && high / low > LINEAR_FACTOR {
            Self { logarithmic: true, low: low.log10(), high: high.log10() }
        } else {
            Self::linear(low, high)
        }
    }

    /// This scale, longer by a share of its length below and above.
    #[cfg(feature = "plot")]
    pub fn padded(self, share: f64) -> Self {
        let margin = share * (self.high - self.low);
        Self { low: self.low - margin, high: self.high + margin, ..self }
    }

    /// The values at the lower and the upper end.
    pub fn ends(&self) -> (f64, f64) {
        if self.logarithmic { (10_f64.powf(self.low), 10_f64.powf(self.high)) } else { (self.low, self.high) }
    }

    /// 0 at the lower end, 1 at the upper end; `None` if the value cannot be drawn.
    pub fn position(&self, value: f64) -> Option<f64> {
        let scaled = if self.logarithmic { value.log10() } else { value };
        (is_drawable(value) && is_drawable(scaled)).then(|| (scaled - self.low) / (self.high - self.low))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scale_is_logarithmic_only_for_positive_values_far_apart() {
        assert!(Scale::new(0.001, 1.0).logarithmic);
        assert!(!Scale::new(0.1, 1.0).logarithmic);
        assert!(!Scale::new(0.0, 1e9).logarithmic);
        assert!(!Scale::new(-1.0, 1e9).logarithmic);
    }

    #[test]
    fn positions() {
        assert_eq!(Scale::new(1.0, 3.0).position(1.5), Some(0.25));
        assert_eq!(Scale::new(0.01, 100.0).position(1.0), Some(0.5));
        assert_eq!(Scale::new(0.01, 100.0).ends(), (0.01, 100.0));
        assert_eq!(Scale::new(0.01, 100.0).position(0.0), None);
        assert_eq!(Scale::new(1.0, 3.0).position(f64::NAN), None);
        assert_eq!(Scale::new(1.0, 3.0).position(f64::INFINITY), None);
        for constant in [0.0, 1e-320, -3.0, 1e300, -1e300] {
            assert_eq!(Scale::new(constant, constant).position(constant), Some(0.5), "{constant}");
        }
    }

    #[test]
    fn extremes_leave_out_what_cannot_be_drawn() {
        let values = [f64::NAN, 2.0, f64::NEG_INFINITY, -1.0, 1e301];
        assert_eq!(extremes(values.into_iter()), Some((-1.0, 2.0)));
        assert_eq!(extremes([f64::NAN].into_iter()), None);
    }
}
