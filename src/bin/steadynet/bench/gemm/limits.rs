//! What the machine can do at most: multiply-adds between registers, and reads from each level of memory.

use super::clock::{on_every_thread, repetitions, seconds};
use super::operand::Operand;
use super::spread::Spread;
use crate::bench::limit::Limit;
use crate::failure::Failure;
use std::convert::Infallible;
use std::fs;
use steadynet::kernels::roofline;
use steadynet::{Isa, Parallelism};

/// Multiply-adds on one instruction set, on all threads together.
pub struct Peak {
    pub isa: Isa,
    limit: Limit,
    parallelism: Parallelism,
    /// GFLOP/s of each measurement.
    pub rates: Vec<f64>,
}

impl Peak {
    pub fn new(isa: Isa, parallelism: Parallelism) -> Peak {
        Peak { isa, limit: Limit::new(isa), parallelism, rates: Vec::new() }
    }

    /// GFLOP/s now.
    pub fn measure(&mut self) -> f64 {
        let rate = on_every_thread(self.parallelism, |_| self.limit.rate());
        self.rates.push(rate);
        rate
    }
}

/// Reads of a block of memory, one for each thread, again and again.
pub struct Bandwidth {
    /// The level of memory that holds the blocks.
    pub level: &'static str,
    /// Of one block.
    pub bytes: usize,
    parallelism: Parallelism,
    isa: Isa,
    blocks: Vec<Operand>,
    repetitions: usize,
    /// GB/s of each measurement.
    pub rates: Vec<f64>,
}

impl Bandwidth {
    /// Every level of memory, nearest first.
    pub fn levels(isa: Isa, parallelism: Parallelism) -> Result<Vec<Bandwidth>, Failure> {
        let threads = parallelism.threads();
        let Caches { l1, l2, l3 } = Caches::of_this_machine();
        // Half of a cache, which other data share; of a cache that threads share, each its part.
        let levels =
            [("L1", l1 / 2), ("L2", l2 / 2), ("L3", l3 / 2 / threads), ("memory", (4 * l3).max(MEMORY) / threads)];
        // A part of a shared cache may be no more than a level below holds.
        let distinct = levels.into_iter().filter(|&(level, bytes)| level != "L3" || bytes > l2);
        distinct.map(|(level, bytes)| Bandwidth::new(level, bytes, isa, parallelism)).collect()
    }

    fn new(level: &'static str, bytes: usize, isa: Isa, parallelism: Parallelism) -> Result<Bandwidth, Failure> {
        // Numbers, not zeros: zeros of a fresh block may all be one page.
        let blocks = (0..parallelism.threads()).map(|thread| Operand::random(bytes / size_of::<f32>(), thread as u64));
        let blocks: Vec<Operand> = blocks.collect::<Result<_, _>>()?;
        let time = |repetitions| Ok::<_, Infallible>(seconds(|| read(isa, &blocks[0], repetitions)).0);
        let Ok(repetitions) = repetitions(time);
        Ok(Bandwidth { level, bytes, parallelism, isa, blocks, repetitions, rates: Vec::new() })
    }

    /// Reads now, after a pass that brings the blocks to where they belong.
    pub fn measure(&mut self) {
        let rate = on_every_thread(self.parallelism, |thread| {
            let block = &self.blocks[thread];
            read(self.isa, block, 1);
            let (seconds, bytes) = seconds(|| read(self.isa, block, self.repetitions));
            bytes as f64 / seconds / 1e9
        });
        self.rates.push(rate);
    }

    pub fn spread(&self) -> Spread {
        Spread::of(self.rates.iter().copied())
    }
}

fn read(isa: Isa, block: &[f32], repetitions: usize) -> u64 {
    (0..repetitions).map(|_| roofline::read(isa, block)).sum()
}

/// More than this is in no cache.
const MEMORY: usize = 64 << 20;

/// Sizes in bytes.
struct Caches {
    l1: usize,
    l2: usize,
    l3: usize,
}

impl Caches {
    /// As the system tells, else as most machines have at least.
    fn of_this_machine() -> Caches {
        let mut caches = Caches { l1: 32 << 10, l2: 256 << 10, l3: 4 << 20 };
        for index in 0..8 {
            let read = |name: &str| {
                let text =
                    fs::read_to_string(format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{name}")).ok()?;
                Some(text.trim().to_owned())
            };
            let (Some(level), Some(kind), Some(size)) = (read("level"), read("type"), read("size")) else { continue };
            let Some(bytes) = bytes(&size) else { continue };
            match (level.as_str(), kind.as_str()) {
                ("1", "Data" | "Unified") => caches.l1 = bytes,
                ("2", "Data" | "Unified") => caches.l2 = bytes,
                ("3", "Data" | "Unified") => caches.l3 = bytes,
                _ => {}
            }
        }
        caches
    }
}

/// Bytes of a size as Linux writes it: `48K`. A cache of no size, as some virtual machines have, is none.
fn bytes(size: &str) -> Option<usize> {
    let digits = size.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &size[digits.len()..] {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return None,
    };
    digits.parse::<usize>().ok()?.checked_mul(1 << shift).filter(|&bytes| bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_as_linux_writes_them() {
        assert_eq!([bytes("48K"), bytes("2M"), bytes("512")], [Some(48 << 10), Some(2 << 20), Some(512)]);
        assert_eq!([bytes("0K"), bytes(""), bytes("12X"), bytes("-1K")], [None; 4]);
    }

    #[test]
    fn levels_grow() {
        let levels = Bandwidth::levels(Isa::detect(), Parallelism::Serial).unwrap();
        assert!(levels.windows(2).all(|pair| pair[0].bytes < pair[1].bytes));
        assert_eq!((levels[0].level, levels[levels.len() - 1].level), ("L1", "memory"));
    }
}
