//! Rows on their way from a data set into a batch.

use crate::isa::Isa;
use crate::lanes::{Vectors, each_vector, get, put};
use crate::matrix::{ShapeError, check_length};
use crate::simd::{Kernel, Simd};

/// `y[i] ← (bytes[i] − shift[i]) · scale[i]`: features that are kept as bytes, and scaled where they are used.
///
/// # Numerics
/// Two roundings: [`reference::from_byte`](crate::reference::from_byte), to the bit.
/// # Errors
/// [`ShapeError`] if the lengths differ; `y` is untouched.
pub fn from_bytes(isa: Isa, bytes: &[u8], shift: &[f32], scale: &[f32], y: &mut [f32]) -> Result<(), ShapeError> {
    check_length("y", bytes.len(), y.len())?;
    check_length("shift", bytes.len(), shift.len())?;
    check_length("scale", bytes.len(), scale.len())?;
    isa.run(FromBytes { bytes, shift, scale, y });
    Ok(())
}

struct FromBytes<'a> {
    bytes: &'a [u8],
    shift: &'a [f32],
    scale: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for FromBytes<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        each_vector(simd, self.bytes.len(), self);
    }
}

impl Vectors for FromBytes<'_> {
    #[inline(always)]
    fn vector<S: Simd>(&mut self, simd: S, start: usize) {
        let rest = &self.bytes[start..];
        let x = if rest.len() >= S::LANES {
            // SAFETY: `rest` has the bytes of a vector.
            unsafe { simd.load_bytes(rest.as_ptr()) }
        } else {
            const WIDEST: usize = 64;
            const { assert!(S::LANES <= WIDEST) };
            let mut last = [0; WIDEST];
            last[..rest.len()].copy_from_slice(rest);
            // SAFETY: `last` has the bytes of the widest vector.
            unsafe { simd.load_bytes(last.as_ptr()) }
        };
        let y = simd.mul(simd.sub(x, get(simd, self.shift, start)), get(simd, self.scale, start));
        put(simd, self.y, start, y);
    }
}

/// Bytes of a cache line.
const LINE: usize = 64;

/// Asks for the cache lines of `data`, which will be read soon, and does not wait for them.
pub fn prefetch<T>(isa: Isa, data: &[T]) {
    // From the start of the first line, or a last line that is begun would not be met.
    let start: *const u8 = data.as_ptr().cast();
    let before = start.addr() % LINE;
    isa.run(Prefetch { start: start.wrapping_sub(before), bytes: before + size_of_val(data) });
}

struct Prefetch {
    start: *const u8,
    bytes: usize,
}

impl Kernel for Prefetch {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for at in (0..self.bytes).step_by(LINE) {
            simd.prefetch(self.start.wrapping_add(at).cast());
        }
    }
}
