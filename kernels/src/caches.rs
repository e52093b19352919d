//! Sizes of the caches, from which blocks are cut. They change the speed and never the results.

/// Bytes of first-level data cache of a core.
pub(crate) fn first_level_bytes() -> usize {
    sizes().first
}

/// Bytes of second-level cache of a core.
pub(crate) fn second_level_bytes() -> usize {
    sizes().second
}

/// Bytes of the third-level cache, which cores may share.
pub(crate) fn third_level_bytes() -> usize {
    sizes().third
}

struct Sizes {
    first: usize,
    second: usize,
    third: usize,
}

/// Usual sizes, where the machine cannot be asked.
static USUAL: Sizes = Sizes { first: 1 << 15, second: 1 << 20, third: 1 << 25 };

/// Asked once with the `std` feature: the answer costs microseconds on a virtual machine, and there is no place to keep it without atomics.
fn sizes() -> &'static Sizes {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    {
        static SIZES: std::sync::OnceLock<Sizes> = std::sync::OnceLock::new();
        SIZES.get_or_init(|| Sizes {
            first: x86::level_bytes(1).unwrap_or(USUAL.first),
            second: x86::level_bytes(2).unwrap_or(USUAL.second),
            third: x86::level_bytes(3).unwrap_or(USUAL.third),
        })
    }
    #[cfg(not(all(feature = "std", target_arch = "x86_64")))]
    &USUAL
}

#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod x86 {
    use core::arch::x86_64::{__cpuid_count, CpuidResult};

    #[allow(unused_unsafe, reason = "newer compilers than the oldest supported one call it safe")]
    fn cpuid(leaf: u32, index: u32) -> CpuidResult {
        // SAFETY: every x86-64 CPU has the instruction.
        unsafe { __cpuid_count(leaf, index) }
    }

    /// Bytes of a level, without caches for instructions alone, from the deterministic cache parameters (Intel: leaf 4, AMD: leaf 0x8000_001D, of the same
    /// form), if the CPU lists them.
    pub fn level_bytes(level: u32) -> Option<usize> {
        let lists = |leaf: u32, base: u32| cpuid(base, 0).eax >= leaf;
        let amd = lists(0x8000_001d, 0x8000_0000).then_some(0x8000_001d);
        let intel = lists(4, 0).then_some(4);
        [intel, amd].into_iter().flatten().find_map(|leaf| {
            // A handful of caches at most; type 0 ends the list.
            let caches = (0..8).map(|index| cpuid(leaf, index)).take_while(|cache| cache.eax & 31 != 0);
            const INSTRUCTIONS: u32 = 2;
            let holds_data = caches.filter(|cache| cache.eax & 31 != INSTRUCTIONS);
            let of_level = holds_data.filter(|cache| cache.eax >> 5 & 7 == level).map(|cache| {
                let ways = (cache.ebx >> 22) as usize + 1;
                let partitions = (cache.ebx >> 12 & 0x3ff) as usize + 1;
                let line = (cache.ebx & 0xfff) as usize + 1;
                ways * partitions * line * (cache.ecx as usize + 1)
            });
            of_level.max()
        })
    }

    #[cfg(test)]
    mod tests {
        #[test]
        fn sizes_are_plausible() {
            for (level, plausible) in [(1, 1 << 13..1 << 22), (2, 1 << 15..1 << 30), (3, 1 << 18..1 << 34)] {
                if let Some(bytes) = super::level_bytes(level) {
                    assert!(plausible.contains(&bytes), "level {level}: {bytes}");
                }
            }
        }
    }
}
