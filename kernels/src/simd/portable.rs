//! One lane of plain Rust.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::Inside;
use super::{Kernel, Simd, TileRows};
use crate::fma::fma;

/// One lane of plain Rust on any machine; fused multiply-add is [emulated](crate::fma) exactly.
#[derive(Clone, Copy)]
pub struct Portable;

/// One lane of plain Rust on an x86 machine with the FMA instruction.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub struct PortableFma(pub(crate) pulp::x86::V3);

/// One lane of plain Rust on an AArch64 machine, all of which have the FMA instruction.
#[cfg(target_arch = "aarch64")]
#[derive(Clone, Copy)]
pub struct PortableFma(pub(crate) pulp::aarch64::Neon);

/// All of [`Simd`] on one lane but `vectorize` and `fma`.
macro_rules! portable_operations {
    () => {
        type F = f32;
        type U = u32;
        type M = bool;
        type Single = Self;
        const LANES: usize = 1;
        const TILE_ROWS: TileRows = TileRows { one: 2, two: 2, three: 0, four: 3, widest: [0; 5] };
        const TURNED_ROWS: [usize; 2] = [0, 0];
        const TURNED_WIDEST: [usize; 14] = [0; 14];
        const TURNED_WIDEST_COLLIDING: [usize; 14] = [0; 14];
        const PARTIAL_ROWS: usize = 3;
        const SHORT_WAYS: bool = false;

        #[inline(always)]
        fn single(self) -> Self {
            self
        }
        #[inline(always)]
        fn splat(self, x: f32) -> f32 {
            x
        }
        #[inline(always)]
        fn add(self, a: f32, b: f32) -> f32 {
            a + b
        }
        #[inline(always)]
        fn sub(self, a: f32, b: f32) -> f32 {
            a - b
        }
        #[inline(always)]
        fn mul(self, a: f32, b: f32) -> f32 {
            a * b
        }
        #[inline(always)]
        fn div(self, a: f32, b: f32) -> f32 {
            a / b
        }
        #[inline(always)]
        fn sqrt(self, a: f32) -> f32 {
            libm::sqrtf(a)
        }
        #[inline(always)]
        fn neg(self, a: f32) -> f32 {
            -a
        }
        #[inline(always)]
        fn abs(self, a: f32) -> f32 {
            f32::from_bits(a.to_bits() & 0x7fff_ffff)
        }
        #[inline(always)]
        fn lt(self, a: f32, b: f32) -> bool {
            a < b
        }
        #[inline(always)]
        fn le(self, a: f32, b: f32) -> bool {
            a <= b
        }
        #[inline(always)]
        fn eq(self, a: f32, b: f32) -> bool {
            a == b
        }
        #[inline(always)]
        fn all(self, mask: bool) -> bool {
            mask
        }
        #[inline(always)]
        fn select(self, mask: bool, yes: f32, no: f32) -> f32 {
            if mask { yes } else { no }
        }
        #[inline(always)]
        fn to_bits(self, a: f32) -> u32 {
            a.to_bits()
        }
        #[inline(always)]
        fn from_bits(self, a: u32) -> f32 {
            f32::from_bits(a)
        }
        #[inline(always)]
        fn splat_u(self, x: u32) -> u32 {
            x
        }
        #[inline(always)]
        fn add_u(self, a: u32, b: u32) -> u32 {
            a.wrapping_add(b)
        }
        #[inline(always)]
        fn sub_u(self, a: u32, b: u32) -> u32 {
            a.wrapping_sub(b)
        }
        #[inline(always)]
        fn and_u(self, a: u32, b: u32) -> u32 {
            a & b
        }
        #[inline(always)]
        fn or_u(self, a: u32, b: u32) -> u32 {
            a | b
        }
        #[inline(always)]
        fn xor_u(self, a: u32, b: u32) -> u32 {
            a ^ b
        }
        #[inline(always)]
        fn look_up(self, table: &[f32; 16], index: u32) -> f32 {
            table[(index & 15) as usize]
        }
        #[inline(always)]
        fn lt_signed(self, a: u32, b: u32) -> bool {
            a.cast_signed() < b.cast_signed()
        }
        #[inline(always)]
        fn from_signed(self, a: u32) -> f32 {
            a.cast_signed() as f32
        }
        #[inline(always)]
        fn shl<const N: u32>(self, a: u32) -> u32 {
            a << N
        }
        #[inline(always)]
        fn shr<const N: u32>(self, a: u32) -> u32 {
            a >> N
        }
        #[inline(always)]
        fn first(self, count: usize) -> bool {
            count > 0
        }
        #[inline(always)]
        unsafe fn load(self, ptr: *const f32) -> f32 {
            // SAFETY: the caller promises one readable element.
            unsafe { *ptr }
        }
        #[inline(always)]
        unsafe fn store(self, ptr: *mut f32, value: f32) {
            // SAFETY: the caller promises one writable element.
            unsafe { *ptr = value }
        }
        #[inline(always)]
        unsafe fn load_first(self, ptr: *const f32, count: usize) -> f32 {
            // SAFETY: the caller promises `count` readable elements.
            if count == 0 { 0.0 } else { unsafe { *ptr } }
        }
        #[inline(always)]
        unsafe fn load_bytes(self, ptr: *const u8) -> f32 {
            // SAFETY: the caller promises one readable byte.
            f32::from(unsafe { *ptr })
        }
        #[inline(always)]
        unsafe fn store_first(self, ptr: *mut f32, value: f32, count: usize) {
            if count != 0 {
                // SAFETY: the caller promises `count` writable elements.
                unsafe { *ptr = value }
            }
        }
    };
}

#[cfg(steadynet_vfma)]
pub(super) use portable_operations;

impl Simd for Portable {
    portable_operations!();

    #[inline(never)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
    #[inline(always)]
    fn fma(self, a: f32, b: f32, c: f32) -> f32 {
        fma(a, b, c)
    }
}

#[cfg(target_arch = "x86_64")]
impl Simd for PortableFma {
    portable_operations!();

    #[inline(never)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        self.0.vectorize(Inside { simd: self, kernel })
    }
    #[inline(always)]
    fn fma(self, a: f32, b: f32, c: f32) -> f32 {
        let lane = |x: f32| self.0.sse._mm_set_ss(x);
        self.0.sse._mm_cvtss_f32(self.0.fma._mm_fmadd_ss(lane(a), lane(b), lane(c)))
    }
}

#[cfg(target_arch = "aarch64")]
impl Simd for PortableFma {
    portable_operations!();

    #[inline(never)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        self.0.vectorize(Inside { simd: self, kernel })
    }
    #[inline(always)]
    fn fma(self, a: f32, b: f32, c: f32) -> f32 {
        // One instruction on scalars, whatever the name says.
        self.0.neon.vfmas_lane_f32::<0>(c, a, self.0.neon.vdup_n_f32(b))
    }
}
