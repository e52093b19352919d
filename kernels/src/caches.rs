//! Sizes of the caches, from which blocks are cut. They change the speed and never the results.

/// Bytes of second-level cache of a core; a usual size where the machine cannot be asked.
///
/// Asked once with the `std` feature: the answer costs microseconds on a virtual machine, and there is no place to keep it without atomics.
pub(crate) fn second_level_bytes() -> usize {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    {
        static BYTES: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
        *BYTES.get_or_init(|| x86::second_level_bytes().unwrap_or(USUAL))
    }
    #[cfg(not(all(feature = "std", target_arch = "x86_64")))]
    USUAL
}

const USUAL: usize = 1 << 20;

#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod x86 {
    use core::arch::x86_64::{__cpuid_count, CpuidResult};

    #[allow(unused_unsafe, reason = "newer compilers than the oldest supported one call it safe")]
    fn cpuid(leaf: u32, index: u32) -> CpuidResult {
        // SAFETY: every x86-64 CPU has the instruction.
        unsafe { __cpuid_count(leaf, index) }
    }

    /// From the deterministic cache parameters (Intel: leaf 4, AMD: leaf 0x8000_001D, of the same form), if the CPU lists them.
    pub fn second_level_bytes() -> Option<usize> {
        let lists = |leaf: u32, base: u32| cpuid(base, 0).eax >= leaf;
        let amd = lists(0x8000_001d, 0x8000_0000).then_some(0x8000_001d);
        let intel = lists(4, 0).then_some(4);
        [intel, amd].into_iter().flatten().find_map(|leaf| {
            // A handful of caches at most; type 0 ends the list.
            let caches = (0..8).map(|index| cpuid(leaf, index)).take_while(|cache| cache.eax & 31 != 0);
            let second = caches.filter(|cache| cache.eax >> 5 & 7 == 2).map(|cache| {
                let ways = (cache.ebx >> 22) as usize + 1;
                let partitions = (cache.ebx >> 12 & 0x3ff) as usize + 1;
                let line = (cache.ebx & 0xfff) as usize + 1;
                ways * partitions * line * (cache.ecx as usize + 1)
            });
            second.max()
        })
    }

    #[cfg(test)]
    mod tests {
        #[test]
        fn sizes_are_plausible() {
            if let Some(bytes) = super::second_level_bytes() {
                assert!((1 << 15..1 << 30).contains(&bytes), "{bytes}");
            }
        }
    }
}
