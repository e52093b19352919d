//! What a library is to the measurement.

use crate::function::Function;

pub type Map = Box<dyn Fn(&[f32], &mut [f32])>;
/// Rows of so many columns.
pub type Rows = Box<dyn Fn(&[f32], usize, &mut [f32])>;
/// Rows, columns and labels; gradient of the mean and losses.
pub type Loss = Box<dyn Fn(&[f32], usize, &[u32], &mut [f32], &mut [f32])>;

/// What one library can do.
pub struct Peer {
    pub name: &'static str,
    pub maps: Vec<(Function, Offer<Map>)>,
    pub softmax: Option<Offer<Rows>>,
    pub loss: Option<Offer<Loss>>,
    /// `y ← σ(y + bias)` for rows.
    pub bias_sigmoid: Option<Offer<Rows>>,
}

/// A function, and whether the library has it or it is what one would write with what the library has.
pub struct Offer<F> {
    pub call: F,
    pub composed: bool,
}

pub fn own<F>(call: F) -> Offer<F> {
    Offer { call, composed: false }
}

pub fn composed<F>(call: F) -> Offer<F> {
    Offer { call, composed: true }
}

impl Peer {
    pub fn new(name: &'static str) -> Peer {
        Peer { name, maps: Vec::new(), softmax: None, loss: None, bias_sigmoid: None }
    }

    pub fn map(&self, function: Function) -> Option<&Offer<Map>> {
        self.maps.iter().find(|(is, _)| *is == function).map(|(_, offer)| offer)
    }
}
