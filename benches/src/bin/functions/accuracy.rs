//! The largest error of each library over every so many binary32 numbers.

use crate::function::Function;
use crate::peer::{Map, Peer};
use std::fmt::Write;

/// Bit patterns from one argument to the next: odd, so that all low bits come.
const STEP: usize = 257;
const CHUNK: usize = 4096;

/// What was found of one library.
#[derive(Clone, Copy, Default)]
struct Worst {
    /// Units in the last place, where the exact result is a normal number.
    normal: f64,
    /// The same where it is a subnormal one.
    subnormal: f64,
    /// Whether some number gave NaN, or an infinity that is not the nearest.
    broken: bool,
}

pub fn table(peers: &[Peer], functions: &[Function]) -> String {
    let names: Vec<&str> = peers.iter().map(|peer| peer.name).collect();
    let mut text = format!("| | {} |\n|---|{}\n", names.join(" | "), "--:|".repeat(names.len()));
    for &function in functions {
        let _ = write!(text, "| {} |", function.name());
        for worst in measure(peers, function) {
            let cell = worst.map_or("–".into(), |worst| {
                let below = match worst.subnormal {
                    error if error <= 2.0 => String::new(),
                    _ => " †".into(),
                };
                format!("{}{below}{}", ulps(worst.normal), if worst.broken { " ‡" } else { "" })
            });
            let _ = write!(text, " {cell} |");
        }
        text.push('\n');
    }
    text
}

fn ulps(error: f64) -> String {
    match error {
        error if error < 100.0 => format!("{error:.2}"),
        error if error < 1e6 => format!("{error:.0}"),
        error => format!("{error:.0e}"),
    }
}

fn measure(peers: &[Peer], function: Function) -> Vec<Option<Worst>> {
    let maps: Vec<Option<&Map>> = peers.iter().map(|peer| peer.map(function).map(|offer| &offer.call)).collect();
    let mut worst: Vec<Option<Worst>> = maps.iter().map(|map| map.map(|_| Worst::default())).collect();
    let mut all = (0..=u32::MAX).step_by(STEP).map(f32::from_bits).filter(|x| !x.is_nan());
    let mut y = vec![0.0f32; CHUNK];
    loop {
        let mut x: Vec<f32> = all.by_ref().take(CHUNK).collect();
        if x.is_empty() {
            return worst;
        }
        x.resize(CHUNK, 1.0);
        let exact: Vec<f64> = x.iter().map(|&x| function.exact(x.into())).collect();
        for (map, worst) in maps.iter().zip(&mut worst) {
            let (Some(map), Some(worst)) = (map, worst) else { continue };
            map(&x, &mut y);
            y.iter().zip(&exact).for_each(|(&y, &exact)| worst.take(y, exact));
        }
    }
}

impl Worst {
    fn take(&mut self, y: f32, exact: f64) {
        let nearest = exact as f32;
        if !nearest.is_finite() || !y.is_finite() {
            // Beyond the largest number by less than a unit is not broken.
            let near = nearest.abs() >= f32::MAX / (1.0 + f32::EPSILON) && y.abs() >= f32::MAX / (1.0 + f32::EPSILON);
            let same = y == nearest || y.is_nan() && nearest.is_nan() || near && y.signum() == nearest.signum();
            self.broken |= !same;
            return;
        }
        let error = (f64::from(y) - exact).abs();
        if exact.abs() >= f64::from(f32::MIN_POSITIVE) {
            let unit = f64::from_bits((exact.abs().to_bits() >> 52 << 52).max(1)) * f64::from(f32::EPSILON);
            self.normal = self.normal.max(error / unit);
        } else {
            self.subnormal = self.subnormal.max(error / f64::from(f32::from_bits(1)));
        }
    }
}
