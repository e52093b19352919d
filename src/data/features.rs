//! The features of a data set: numbers, or bytes that become numbers where they are used.

use super::error::DataError;
use super::preprocessing::Preprocessing;
use std::ops::Range;
use std::sync::OnceLock;
use steadynet_kernels::{Isa, fetch};

/// Rows of `columns` features each, row-major.
#[derive(Clone, Debug)]
pub(crate) enum Features {
    Floats(Vec<f32>),
    Bytes(Bytes),
}

/// A quarter of the memory that numbers would take, and of the traffic of reading it: an epoch is a walk through all of it.
#[derive(Clone, Debug)]
pub(crate) struct Bytes {
    values: Vec<u8>,
    /// What each byte goes through on its way.
    map: Preprocessing,
    /// All of them as numbers, for whoever wants a slice of these.
    floats: OnceLock<Vec<f32>>,
}

impl Bytes {
    /// The bytes of a range that begins at a row, as numbers.
    fn convert(&self, isa: Isa, range: Range<usize>, to: &mut [f32]) {
        let Preprocessing { shift, scale } = &self.map;
        let rows = self.values[range].chunks_exact(shift.len()).zip(to.chunks_exact_mut(shift.len()));
        for (row, to) in rows {
            // The map has the width of a row.
            let _ = fetch::from_bytes(isa, row, shift, scale, to);
        }
    }
}

impl Features {
    pub fn from_bytes(values: Vec<u8>, columns: usize) -> Features {
        let map = Preprocessing { shift: vec![0.0; columns], scale: vec![1.0; columns] };
        Features::Bytes(Bytes { values, map, floats: OnceLock::new() })
    }

    pub fn len(&self) -> usize {
        match self {
            Features::Floats(values) => values.len(),
            Features::Bytes(Bytes { values, .. }) => values.len(),
        }
    }

    /// All of them, if they are numbers.
    pub fn floats(&self) -> Option<&[f32]> {
        match self {
            Features::Floats(values) => Some(values),
            Features::Bytes(_) => None,
        }
    }

    /// All of them as numbers; bytes are converted, and both are kept.
    pub fn to_floats(&self) -> &[f32] {
        match self {
            Features::Floats(values) => values,
            Features::Bytes(bytes) => bytes.floats.get_or_init(|| {
                let mut floats = vec![0.0; bytes.values.len()];
                bytes.convert(Isa::detect(), 0..bytes.values.len(), &mut floats);
                floats
            }),
        }
    }

    /// Copies the row at this range of elements.
    pub fn copy(&self, isa: Isa, row: Range<usize>, to: &mut [f32]) {
        match self {
            Features::Floats(values) => to.copy_from_slice(&values[row]),
            Features::Bytes(bytes) => bytes.convert(isa, row, to),
        }
    }

    /// Asks for the row at this range, which is wanted soon.
    pub fn prefetch(&self, isa: Isa, row: Range<usize>) {
        match self {
            Features::Floats(values) => fetch::prefetch(isa, &values[row]),
            Features::Bytes(bytes) => fetch::prefetch(isa, &bytes.values[row]),
        }
    }

    /// For how many rows to [ask](Features::prefetch) before the first of them is copied: so many that some 50 lines of memory are on
    /// their way, about what a core can wait for; at least two.
    pub fn rows_ahead(&self, columns: usize) -> usize {
        const UNDER_WAY: usize = 50 * 64;
        let element = match self {
            Features::Floats(_) => size_of::<f32>(),
            Features::Bytes(_) => size_of::<u8>(),
        };
        (UNDER_WAY / (columns * element).max(1)).clamp(2, 32)
    }

    /// The rows at these indices, in this order.
    pub fn gather(&self, indices: &[u32], columns: usize) -> Features {
        match self {
            Features::Floats(values) => Features::Floats(gather(values, indices, columns)),
            Features::Bytes(Bytes { values, map, .. }) => {
                let values = gather(values, indices, columns);
                Features::Bytes(Bytes { values, map: map.clone(), floats: OnceLock::new() })
            }
        }
    }

    /// The same after a map that fits. Bytes stay bytes, unless they go through one already.
    pub fn mapped(self, map: &Preprocessing) -> Result<Features, DataError> {
        match self {
            Features::Bytes(Bytes { values, map: old, .. }) if old.is_identity() => {
                Ok(Features::Bytes(Bytes { values, map: map.clone(), floats: OnceLock::new() }))
            }
            Features::Bytes(bytes) => {
                let mut floats = vec![0.0; bytes.values.len()];
                bytes.convert(Isa::detect(), 0..bytes.values.len(), &mut floats);
                Features::Floats(floats).mapped(map)
            }
            Features::Floats(mut values) => {
                map.apply(&mut values)?;
                Ok(Features::Floats(values))
            }
        }
    }
}

/// The same numbers, however they are kept.
impl PartialEq for Features {
    fn eq(&self, other: &Features) -> bool {
        match (self, other) {
            (Features::Bytes(a), Features::Bytes(b)) if a.map == b.map => a.values == b.values,
            _ => self.to_floats() == other.to_floats(),
        }
    }
}

pub(super) fn gather<T: Copy>(values: &[T], indices: &[u32], width: usize) -> Vec<T> {
    let mut gathered = Vec::with_capacity(indices.len() * width);
    for &index in indices {
        gathered.extend_from_slice(&values[index as usize * width..][..width]);
    }
    gathered
}
