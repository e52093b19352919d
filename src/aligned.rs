//! A buffer of numbers that begins at a cache line, so that no vector of an aligned matrix crosses one.

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
    pub fn zeros(len: usize) -> Aligned {
        let memory = vec![0.0; len + LINE - 1];
        // (A pointer that cannot tell its alignment, which only constant evaluation makes, is as good as aligned.)
        let start = memory.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE - 1);
        Aligned { memory, start, len }
    }
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
        let mut copy = Aligned::zeros(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl PartialEq for Aligned {
    fn eq(&self, other: &Aligned) -> bool {
        **self == **other
    }
}
