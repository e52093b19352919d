//! The numbers of a matrix, as a network holds them.

use std::collections::TryReserveError;
use std::ops::{Deref, DerefMut};
use steadynet::kernels::random::Random;

/// Numbers from −1/2 to 1/2 without a pattern, the first at a cache line.
pub struct Operand {
    memory: Vec<f32>,
    start: usize,
}

impl Operand {
    /// `len` numbers, others for each stream.
    pub fn random(len: usize, stream: u64) -> Result<Operand, TryReserveError> {
        const LINE: usize = 16;
        let mut memory = Vec::new();
        memory.try_reserve_exact(len.saturating_add(LINE - 1))?;
        memory.resize(len + LINE - 1, 0.0);
        let start = memory.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE - 1);
        memory.truncate(start + len);
        let random = Random::new(0, stream);
        for (counter, numbers) in (0..).zip(memory[start..].chunks_mut(4)) {
            for (number, bits) in numbers.iter_mut().zip(random.block(counter)) {
                *number = (bits >> 8) as f32 / (1 << 24) as f32 - 0.5;
            }
        }
        Ok(Operand { memory, start })
    }
}

impl Deref for Operand {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.memory[self.start..]
    }
}

impl DerefMut for Operand {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.start..]
    }
}
