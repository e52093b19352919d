//! One lane on the FPU of a Cortex-M (M4F, M7F, M33F …), which has a fused multiply-add that stable Rust cannot name.
//!
//! Nor can its inline assembly take operands in the FPU's registers, so a lone multiply-add costs five moves. The long chains,
//! where the time goes, are a loop in assembly, whose sums stay in registers.

use super::portable::portable_operations;
use super::{Kernel, Simd, TileRows, chains};

/// One lane; fused multiply-add is the instruction `vfma.f32`.
#[derive(Clone, Copy)]
pub struct Vfma;

impl Simd for Vfma {
    portable_operations!();

    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }

    #[inline(always)]
    fn fma(self, a: f32, b: f32, c: f32) -> f32 {
        let sum: u32;
        // SAFETY: the targets that compile this file have the instruction; registers only, all of them named.
        unsafe {
            core::arch::asm!(
                "vmov s0, {a}",
                "vmov s1, {b}",
                "vmov s2, {c}",
                "vfma.f32 s2, s0, s1",
                "vmov {c}, s2",
                a = in(reg) a.to_bits(),
                b = in(reg) b.to_bits(),
                c = inout(reg) c.to_bits() => sum,
                out("s0") _, out("s1") _, out("s2") _,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        f32::from_bits(sum)
    }

    #[inline(always)]
    unsafe fn chains<const N: usize>(
        self,
        len: usize,
        x: *const f32,
        x_stride: usize,
        w: *const f32,
        w_stride: usize,
        mut sums: [f32; N],
    ) -> [f32; N] {
        if len == 0 {
            return sums;
        }
        if N != 8 {
            // SAFETY: the caller's promise.
            return unsafe { chains(self, len, x, x_stride, w, w_stride, sums) };
        }
        // SAFETY: the caller promises `len > 0` elements of `x` and as many rows of eight of `w`; `sums` has eight. Pointers past the
        // last are made and not read.
        unsafe {
            core::arch::asm!(
                "vldmia {sums}, {{s0-s7}}",
                "2:",
                "vldr s16, [{x}]",
                "vldmia {w}, {{s8-s15}}",
                "add {x}, {x_step}",
                "add {w}, {w_step}",
                "subs {len}, #1",
                "vfma.f32 s0, s16, s8",
                "vfma.f32 s1, s16, s9",
                "vfma.f32 s2, s16, s10",
                "vfma.f32 s3, s16, s11",
                "vfma.f32 s4, s16, s12",
                "vfma.f32 s5, s16, s13",
                "vfma.f32 s6, s16, s14",
                "vfma.f32 s7, s16, s15",
                "bne 2b",
                "vstmia {sums}, {{s0-s7}}",
                sums = in(reg) sums.as_mut_ptr(),
                x = inout(reg) x => _,
                w = inout(reg) w => _,
                x_step = in(reg) x_stride * size_of::<f32>(),
                w_step = in(reg) w_stride * size_of::<f32>(),
                len = inout(reg) len => _,
                out("s0") _, out("s1") _, out("s2") _, out("s3") _, out("s4") _, out("s5") _, out("s6") _, out("s7") _,
                out("s8") _, out("s9") _, out("s10") _, out("s11") _, out("s12") _, out("s13") _, out("s14") _,
                out("s15") _, out("s16") _,
                options(nostack),
            );
        }
        sums
    }
}
