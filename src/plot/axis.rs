//! Axes with ticks at round numbers.

use crate::plot_scale::Scale;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use std::ops::Range;

/// A scale and the marked values on it.
#[derive(Clone)]
pub(super) struct Axis {
    pub scale: Scale,
    pub ticks: Vec<Tick>,
}

/// A marked value.
#[derive(Clone)]
pub(super) struct Tick {
    pub value: f64,
    pub label: String,
}

impl Axis {
    /// Epochs: whole numbers.
    pub fn epochs(first: usize, last: usize) -> Self {
        let (low, high) = (first as f64, last as f64);
        let scale = Scale::linear(low, high).padded(0.015);
        let step = round_step(scale.high - scale.low, 10.0).max(1.0);
        Self::with_steps(scale, low, high, step, |value| format!("{value:.0}"))
    }

    /// Losses: from zero if that costs little room, logarithmic if they are far apart.
    pub fn losses(low: f64, high: f64) -> Self {
        let scale = Scale::new(low, high);
        if scale.logarithmic {
            return Self::decades(scale.padded(0.05));
        }
        let padded = scale.padded(0.05);
        let scale = if low >= 0.0 && low < 0.4 * high { Scale { low: 0.0, ..padded } } else { padded };
        let step = round_step(scale.high - scale.low, 6.0);
        let largest = scale.low.abs().max(scale.high.abs());
        Self::with_steps(scale, scale.low, scale.high, step, |value| decimal(value, step, largest))
    }

    /// Shares of rows from 0 to 1, in per cent.
    pub fn accuracies(low: f64, high: f64) -> Self {
        let padded = Scale::linear(low, high).padded(0.08);
        let scale = Scale { low: padded.low.max(-BEYOND), high: padded.high.min(1.0 + BEYOND), ..padded };
        let step = round_step(100.0 * (scale.high - scale.low), 6.0) / 100.0;
        let label = |value: f64| format!("{}%", decimal(100.0 * value, 100.0 * step, 100.0));
        Self::with_steps(scale, scale.low.max(0.0), scale.high.min(1.0), step, label)
    }

    /// Positive values on a logarithmic scale that ends at the two values.
    pub fn logarithmic(low: f64, high: f64) -> Self {
        Self::decades(Scale { logarithmic: true, low: low.log10(), high: high.log10() })
    }

    /// Ticks at the multiples of `step` from `low` to `high`.
    fn with_steps(scale: Scale, low: f64, high: f64, step: f64, label: impl Fn(f64) -> String) -> Self {
        // The tolerance keeps an end that is itself a multiple.
        let (first, last) = ((low / step - 1e-6).ceil(), (high / step + 1e-6).floor());
        let count = (last - first + 1.0).clamp(0.0, 20.0) as usize;
        let ticks = (0..count)
            .map(|i| (first + i as f64) * step)
            // (The padded end of an axis may lie past the largest value that can be drawn.)
            .filter(|&value| scale.position(value).is_some())
            .map(|value| Tick { value, label: label(value) })
            .collect();
        Self { scale, ticks }
    }

    /// Ticks at powers of ten, and at two and five times them where there is room.
    fn decades(scale: Scale) -> Self {
        let (first, last) = (scale.low.floor() as i32, scale.high.floor() as i32);
        let stride = (last - first - 1) / 8 + 1;
        let factors: &[f64] = if last - first <= 3 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let ticks = (first..=last)
            .filter(|exponent| exponent % stride == 0)
            .flat_map(|exponent| factors.iter().map(move |factor| factor * 10_f64.powi(exponent)))
            .filter(|&value| scale.position(value).is_some_and(|position| (0.0..=1.0).contains(&position)))
            .map(|value| Tick { value, label: decimal(value, value, value) })
            .collect();
        Self { scale, ticks }
    }
}

/// What the axis of a share shows below 0 and above 1: room for the width of a line, not a possible value.
const BEYOND: f64 = 0.03;

/// How the drawing library sees an axis.
impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        let position = self.scale.position(*value).unwrap_or(0.0);
        start + (position * f64::from(end - start)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.iter().map(|tick| tick.value).collect()
    }

    fn range(&self) -> Range<f64> {
        let (low, high) = self.scale.ends();
        low..high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        self.ticks.iter().find(|tick| tick.value == *value).map_or_else(String::new, |tick| tick.label.clone())
    }
}

/// The least step of 1, 2 or 5 times a power of ten that divides `length` into at most `count` parts.
fn round_step(length: f64, count: f64) -> f64 {
    let least = length / count;
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|&step| step >= least * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

/// `value` with the digits that tell multiples of `step` apart, in scientific notation where the largest number needs it.
fn decimal(value: f64, step: f64, largest: f64) -> String {
    // The tolerance lifts a power of ten whose logarithm came out just below the whole number.
    let exponent = |number: f64| (number.log10() + 1e-9).floor() as i32;
    let decimals = (-exponent(step)).max(0) as usize;
    if value.abs() < step / 2.0 {
        "0".to_owned()
    } else if decimals > 4 || largest >= 1e6 {
        format!("{value:.*e}", (exponent(value.abs()) - exponent(step)).max(0) as usize)
    } else {
        format!("{value:.decimals$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn epochs() {
        assert_eq!(labels(&Axis::epochs(1, 1)), ["1"]);
        assert_eq!(labels(&Axis::epochs(1, 3)), ["1", "2", "3"]);
        assert_eq!(labels(&Axis::epochs(1, 30)), ["5", "10", "15", "20", "25", "30"]);
        assert_eq!(labels(&Axis::epochs(1, 400)), ["50", "100", "150", "200", "250", "300", "350", "400"]);
    }

    #[test]
    fn losses() {
        assert_eq!(labels(&Axis::losses(0.1, 2.3)), ["0.0", "0.5", "1.0", "1.5", "2.0"].map(|l| l.replace("0.0", "0")));
        assert_eq!(labels(&Axis::losses(0.693, 0.694)), ["0.6930", "0.6932", "0.6934", "0.6936", "0.6938", "0.6940"]);
        assert_eq!(labels(&Axis::losses(0.004, 2.0)), ["0.005", "0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1", "2"]);
        assert_eq!(labels(&Axis::losses(1e-7, 2.0)), ["1e-7", "1e-6", "1e-5", "0.0001", "0.001", "0.01", "0.1", "1"]);
        assert_eq!(labels(&Axis::losses(5.0, 5.0)), ["4.6", "4.8", "5.0", "5.2", "5.4"]);
        assert_eq!(labels(&Axis::losses(3e6, 6e6)), ["3e6", "4e6", "5e6", "6e6"]);
        // Five times 2e299 is more than 1e300, which is the most that can be drawn.
        assert_eq!(labels(&Axis::losses(0.0, 9.46e299)), ["0", "2e299", "4e299", "6e299", "8e299"]);
    }

    #[test]
    fn accuracies() {
        assert_eq!(labels(&Axis::accuracies(0.1, 0.98)), ["20%", "40%", "60%", "80%", "100%"]);
        assert_eq!(labels(&Axis::accuracies(0.971, 0.979)), ["97.2%", "97.4%", "97.6%", "97.8%"]);
        assert_eq!(labels(&Axis::accuracies(1.0, 1.0)), ["90%", "95%", "100%"]);
        assert_eq!(labels(&Axis::accuracies(0.0, 0.0)), ["0%", "20%", "40%", "60%", "80%", "100%"]);
    }

    proptest::proptest! {
        /// Whatever the values, ticks are few, lie on the axis and have different labels.
        #[test]
        fn ticks_of_any_losses(bits in proptest::array::uniform2(proptest::num::u64::ANY)) {
            let [a, b] = bits.map(f64::from_bits);
            proptest::prop_assume!(crate::plot_scale::is_drawable(a) && crate::plot_scale::is_drawable(b));
            for (low, high) in [(a.min(b), a.max(b)), (a, a), (a, a + a.abs() * 1e-8)] {
                let axis = Axis::losses(low, high);
                proptest::prop_assert!((2..=12).contains(&axis.ticks.len()), "{low:e} {high:e} {:?}", labels(&axis));
                proptest::prop_assert!(axis.ticks.iter().all(|tick| (-1e-3..=1.001).contains(&axis.scale.position(tick.value).unwrap())));
                let mut distinct = labels(&axis);
                distinct.dedup();
                proptest::prop_assert_eq!(distinct.len(), axis.ticks.len(), "{:?}", labels(&axis));
            }
        }
    }
}
