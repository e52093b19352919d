//! A buffer of numbers that begins at a cache line, so that no vector of an aligned matrix crosses one.

use crate::error::Error;
use std::ops::{Deref, DerefMut};

/// Elements of `f32` in a cache line, and in the widest vector.
pub(crate) const LINE: usize = 16;

/// `len` numbers, the first at a multiple of 64 bytes.
#[derive(Debug)]
pub(crate) struct Aligned {
    memory: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// # Errors
    /// [`Error::Memory`] with the name of what was to lie there.
    pub fn zeros(what: &'static str, len: usize) -> Result<Aligned, Error> {
        let memory = zeros(what, len.saturating_add(LINE - 1))?;
        Ok(Aligned::within(memory, len))
    }

    /// The first `len` aligned numbers of `memory`, which has `LINE − 1` more.
    fn within(memory: Vec<f32>, len: usize) -> Aligned {
        // (A pointer that cannot tell its alignment, which only constant evaluation makes, is as good as aligned.)
        let start = memory.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE - 1);
        Aligned { memory, start, len }
    }
}

/// `len` zeros, or an error where a plain vector would end the process: sizes come from settings and files.
pub(crate) fn zeros(what: &'static str, len: usize) -> Result<Vec<f32>, Error> {
    let mut memory = Vec::new();
    let bytes = len.saturating_mul(size_of::<f32>());
    memory.try_reserve_exact(len).map_err(|_| Error::Memory { what, bytes })?;
    memory.resize(len, 0.0);
    Ok(memory)
}

impl Deref for Aligned {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.memory[self.start..self.start + self.len]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.start..self.start + self.len]
    }
}

impl Clone for Aligned {
    fn clone(&self) -> Aligned {
        let mut copy = Aligned::within(vec![0.0; self.memory.len()], self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl PartialEq for Aligned {
    fn eq(&self, other: &Aligned) -> bool {
        **self == **other
    }
}
