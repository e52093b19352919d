//! Values of options that clap does not know.

use crate::data_source::Kind;
use std::fmt;
use std::str::FromStr;

/// `--hidden`.
#[derive(Clone, Debug)]
pub struct Hidden(pub Vec<usize>);

impl FromStr for Hidden {
    type Err = String;

    fn from_str(text: &str) -> Result<Hidden, String> {
        if text == "none" {
            return Ok(Hidden(Vec::new()));
        }
        let width = |text: &str| match text.trim().parse::<usize>() {
            Ok(0) => Err("a layer has at least 1 unit, got 0".to_owned()),
            Ok(width) => Ok(width),
            Err(_) => Err(format!("wanted widths such as 128,64 or `none`, got {text:?}")),
        };
        text.split(',').map(width).collect::<Result<_, _>>().map(Hidden)
    }
}

/// `--batch`: `None` for all rows.
#[derive(Clone, Copy, Debug)]
pub struct Batch(Option<usize>);

impl Batch {
    /// Rows of a step, `None` for all.
    pub fn rows(self) -> Option<usize> {
        self.0
    }
}

impl FromStr for Batch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Batch, &'static str> {
        match text.parse() {
            _ if text == "full" => Ok(Batch(None)),
            Ok(rows) if rows > 0 => Ok(Batch(Some(rows))),
            _ => Err("wanted a number of rows from 1, or `full`"),
        }
    }
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(rows) => rows.fmt(f),
            None => f.write_str("full"),
        }
    }
}

/// What features go through before the network sees them.
#[derive(Clone, Copy, Debug)]
pub enum Scaling {
    None,
    Constant(f32),
    MinMax,
    Standardize,
}

impl Scaling {
    /// What suits data of this kind.
    pub fn of(kind: Kind) -> Scaling {
        match kind {
            Kind::Digits => Scaling::Constant(1.0 / 16.0),
            Kind::Idx => Scaling::Constant(1.0 / 255.0),
            Kind::Csv => Scaling::None,
        }
    }
}

impl FromStr for Scaling {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Scaling, &'static str> {
        match (text, text.parse::<f32>()) {
            ("none", _) => Ok(Scaling::None),
            ("min-max", _) => Ok(Scaling::MinMax),
            (_, Ok(scale)) if scale.is_finite() && scale != 0.0 => Ok(Scaling::Constant(scale)),
            _ => Err("wanted a finite number other than 0, `min-max` or `none`"),
        }
    }
}

impl fmt::Display for Scaling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scaling::None => f.write_str("none"),
            Scaling::Constant(scale) => scale.fmt(f),
            Scaling::MinMax => f.write_str("min-max"),
            Scaling::Standardize => f.write_str("standardize"),
        }
    }
}

pub fn positive(text: &str) -> Result<f32, &'static str> {
    number(text, |value| value > 0.0).ok_or("wanted a finite number above 0")
}

pub fn not_negative(text: &str) -> Result<f32, &'static str> {
    number(text, |value| value >= 0.0).ok_or("wanted a finite number from 0")
}

pub fn below_one(text: &str) -> Result<f32, &'static str> {
    number(text, |value| (0.0..1.0).contains(&value)).ok_or("wanted a number from 0 to below 1")
}

pub fn tolerance(text: &str) -> Result<f64, &'static str> {
    let value = text.parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0);
    value.ok_or("wanted a finite number from 0")
}

pub fn share(text: &str) -> Result<f64, &'static str> {
    text.parse().ok().filter(|value| (0.0..1.0).contains(value)).ok_or("wanted a number from 0 to below 1")
}

fn number(text: &str, fits: fn(f32) -> bool) -> Option<f32> {
    text.parse().ok().filter(|value: &f32| value.is_finite() && fits(*value))
}
