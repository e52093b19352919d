//! The vector operations that the contract allows. Each is an IEEE-754 or integer operation with one possible result, so an
//! algorithm written over [`Simd`] gives the same bits on every implementation.
//!
//! Vectors of pulp's tokens do the work; [`Portable`] is one lane of plain Rust.

mod twice;

pub(crate) use twice::Twice;

use crate::fma::fma;
use crate::reference::{ONE_BITS, ROUND_WITH_TWO_BIASES, THREE_QUARTERS_BITS};
use pulp::Simd as _;

/// A token that proves that the CPU can run its instructions, and the operations on its vectors.
///
/// Lanes are `f32` (`F`) or `u32` (`U`); comparisons give masks (`M`) and are false when an operand is NaN.
pub trait Simd: Copy {
    type F: Copy;
    type U: Copy;
    type M: Copy;
    /// One lane with the same token, for elements that do not lie side by side.
    type Single: Simd;

    const LANES: usize;
    /// Largest number of tile rows for a tile of 1, 2, 3, 4 and 8 vectors (0: no such tile).
    const TILE_ROWS: TileRows;

    fn single(self) -> Self::Single;

    fn splat(self, x: f32) -> Self::F;
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    fn sqrt(self, a: Self::F) -> Self::F;
    /// `a·b + c`, rounded once.
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `−a`: the sign bit flipped, NaN included.
    fn neg(self, a: Self::F) -> Self::F;
    fn abs(self, a: Self::F) -> Self::F;

    fn lt(self, a: Self::F, b: Self::F) -> Self::M;
    fn le(self, a: Self::F, b: Self::F) -> Self::M;
    fn eq(self, a: Self::F, b: Self::F) -> Self::M;
    /// `if mask { yes } else { no }`, lane by lane.
    fn select(self, mask: Self::M, yes: Self::F, no: Self::F) -> Self::F;

    fn to_bits(self, a: Self::F) -> Self::U;
    fn from_bits(self, a: Self::U) -> Self::F;
    fn splat_u(self, x: u32) -> Self::U;
    fn add_u(self, a: Self::U, b: Self::U) -> Self::U;
    fn sub_u(self, a: Self::U, b: Self::U) -> Self::U;
    fn and_u(self, a: Self::U, b: Self::U) -> Self::U;
    fn or_u(self, a: Self::U, b: Self::U) -> Self::U;
    fn xor_u(self, a: Self::U, b: Self::U) -> Self::U;
    /// `a << N`, zeros shifted in.
    fn shl<const N: u32>(self, a: Self::U) -> Self::U;
    /// `a >> N`, zeros shifted in.
    fn shr<const N: u32>(self, a: Self::U) -> Self::U;

    /// The larger operand; NaN if one is NaN; `b` if they are equal.
    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        // `b < a` is false for NaN, which keeps a NaN `b`; a NaN `a` is what `a == a` finds.
        let larger = self.select(self.lt(b, a), a, b);
        self.select(self.eq(a, a), larger, a)
    }

    /// `a` if it is less than `b`, else `b`: `b` if an operand is NaN.
    #[inline(always)]
    fn lesser(self, a: Self::F, b: Self::F) -> Self::F {
        self.select(self.lt(a, b), a, b)
    }

    /// `a` if it is greater than `b`, else `b`: `b` if an operand is NaN.
    #[inline(always)]
    fn greater(self, a: Self::F, b: Self::F) -> Self::F {
        self.select(self.lt(b, a), a, b)
    }

    /// `|x|` if it is less than `limit`, else `limit` (for NaN too).
    #[inline(always)]
    fn magnitude_below(self, limit: Self::F, x: Self::F) -> Self::F {
        self.lesser(self.abs(x), limit)
    }

    /// `a` with its sign bit set if that of `sign` is.
    #[inline(always)]
    fn copy_sign(self, a: Self::F, sign: Self::F) -> Self::F {
        let bit = self.and_u(self.to_bits(sign), self.splat_u(0x8000_0000));
        self.from_bits(self.or_u(self.to_bits(a), bit))
    }

    /// `a·2^n`, rounded once, for |a| from ¼ to 2 and integers `n` from −200 to 200.
    #[inline(always)]
    fn scale(self, a: Self::F, n: Self::F) -> Self::F {
        // Two powers of two, of which the first leaves `a` normal.
        let biased = self.to_bits(self.add(n, self.splat(ROUND_WITH_TWO_BIASES)));
        let half = self.shr::<1>(biased);
        let first = self.from_bits(self.shl::<23>(half));
        let second = self.from_bits(self.shl::<23>(self.sub_u(biased, half)));
        self.mul(self.mul(a, first), second)
    }

    /// `(m, e)` with `x = m·2^e` and `m` in [3/4, 3/2); `e` = ±∞ and `m` finite for 0 and ∞; `m` NaN for NaN and below 0.
    #[inline(always)]
    fn split(self, x: Self::F) -> (Self::F, Self::F) {
        let subnormal = self.lt(x, self.splat(f32::MIN_POSITIVE));
        let normal = self.select(subnormal, self.mul(x, self.splat(8388608.0)), x);
        let bits = self.add_u(self.to_bits(normal), self.splat_u(ONE_BITS - THREE_QUARTERS_BITS));
        // The exponent field in the low bits of 2²³ makes an integer a float.
        let biased = self.from_bits(self.or_u(self.shr::<23>(bits), self.splat_u(0x4b00_0000)));
        let bias = self.select(subnormal, self.splat(8388608.0 + 150.0), self.splat(8388608.0 + 127.0));
        let fraction = self.and_u(bits, self.splat_u(0x007f_ffff));
        let m = self.from_bits(self.add_u(fraction, self.splat_u(THREE_QUARTERS_BITS)));
        let (zero, infinity) = (self.splat(0.0), self.splat(f32::INFINITY));
        let e = self.select(self.eq(x, zero), self.neg(infinity), self.sub(biased, bias));
        (self.select(self.le(zero, x), m, self.splat(f32::NAN)), self.select(self.eq(x, infinity), infinity, e))
    }

    /// # Safety
    /// `ptr` is valid for reading [`LANES`](Self::LANES) elements.
    unsafe fn load(self, ptr: *const f32) -> Self::F;
    /// # Safety
    /// `ptr` is valid for writing [`LANES`](Self::LANES) elements.
    unsafe fn store(self, ptr: *mut f32, value: Self::F);
    /// The first `count ≤ LANES` elements; zero in the other lanes.
    /// # Safety
    /// `ptr` is valid for reading `count` elements.
    unsafe fn load_first(self, ptr: *const f32, count: usize) -> Self::F;
    /// Stores the first `count ≤ LANES` lanes and touches nothing else.
    /// # Safety
    /// `ptr` is valid for writing `count` elements.
    unsafe fn store_first(self, ptr: *mut f32, value: Self::F, count: usize);
}

/// The tallest tile, in rows, for each width in vectors: the accumulators, one row of B and a broadcast fit the registers.
#[derive(Clone, Copy)]
pub struct TileRows {
    pub one: usize,
    pub two: usize,
    pub three: usize,
    pub four: usize,
    pub eight: usize,
}

/// The operations that pulp spells alike on every token.
macro_rules! pulp_operations {
    ($token:ident) => {
        type F = <pulp_token::$token as pulp::Simd>::f32s;
        type U = <pulp_token::$token as pulp::Simd>::u32s;
        type M = <pulp_token::$token as pulp::Simd>::m32s;
        const LANES: usize = <pulp_token::$token as pulp::Simd>::F32_LANES;

        #[inline(always)]
        fn splat(self, x: f32) -> Self::F {
            self.splat_f32s(x)
        }
        #[inline(always)]
        fn add(self, a: Self::F, b: Self::F) -> Self::F {
            self.add_f32s(a, b)
        }
        #[inline(always)]
        fn sub(self, a: Self::F, b: Self::F) -> Self::F {
            self.sub_f32s(a, b)
        }
        #[inline(always)]
        fn mul(self, a: Self::F, b: Self::F) -> Self::F {
            self.mul_f32s(a, b)
        }
        #[inline(always)]
        fn div(self, a: Self::F, b: Self::F) -> Self::F {
            self.div_f32s(a, b)
        }
        #[inline(always)]
        fn sqrt(self, a: Self::F) -> Self::F {
            self.sqrt_f32s(a)
        }
        #[inline(always)]
        fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
            self.mul_add_f32s(a, b, c)
        }
        #[inline(always)]
        fn neg(self, a: Self::F) -> Self::F {
            self.neg_f32s(a)
        }
        #[inline(always)]
        fn abs(self, a: Self::F) -> Self::F {
            self.abs_f32s(a)
        }
        #[inline(always)]
        fn lt(self, a: Self::F, b: Self::F) -> Self::M {
            self.less_than_f32s(a, b)
        }
        #[inline(always)]
        fn le(self, a: Self::F, b: Self::F) -> Self::M {
            self.less_than_or_equal_f32s(a, b)
        }
        #[inline(always)]
        fn eq(self, a: Self::F, b: Self::F) -> Self::M {
            self.equal_f32s(a, b)
        }
        #[inline(always)]
        fn select(self, mask: Self::M, yes: Self::F, no: Self::F) -> Self::F {
            self.select_f32s(mask, yes, no)
        }
        #[inline(always)]
        fn to_bits(self, a: Self::F) -> Self::U {
            self.transmute_u32s_f32s(a)
        }
        #[inline(always)]
        fn from_bits(self, a: Self::U) -> Self::F {
            self.transmute_f32s_u32s(a)
        }
        #[inline(always)]
        fn splat_u(self, x: u32) -> Self::U {
            self.splat_u32s(x)
        }
        #[inline(always)]
        fn add_u(self, a: Self::U, b: Self::U) -> Self::U {
            self.add_u32s(a, b)
        }
        #[inline(always)]
        fn sub_u(self, a: Self::U, b: Self::U) -> Self::U {
            self.sub_u32s(a, b)
        }
        #[inline(always)]
        fn and_u(self, a: Self::U, b: Self::U) -> Self::U {
            self.and_u32s(a, b)
        }
        #[inline(always)]
        fn or_u(self, a: Self::U, b: Self::U) -> Self::U {
            self.or_u32s(a, b)
        }
        #[inline(always)]
        fn xor_u(self, a: Self::U, b: Self::U) -> Self::U {
            self.xor_u32s(a, b)
        }
        #[inline(always)]
        fn shl<const N: u32>(self, a: Self::U) -> Self::U {
            self.wrapping_dyn_shl_u32s(a, self.splat_u32s(N))
        }
        #[inline(always)]
        fn shr<const N: u32>(self, a: Self::U) -> Self::U {
            self.wrapping_dyn_shr_u32s(a, self.splat_u32s(N))
        }
        #[inline(always)]
        unsafe fn load(self, ptr: *const f32) -> Self::F {
            // SAFETY: the caller promises LANES readable elements; an unaligned read asks for nothing else, and
            // every bit pattern is an `F`.
            unsafe { ptr.cast::<Self::F>().read_unaligned() }
        }
        #[inline(always)]
        unsafe fn store(self, ptr: *mut f32, value: Self::F) {
            // SAFETY: the caller promises LANES writable elements; an unaligned write asks for nothing else.
            unsafe { ptr.cast::<Self::F>().write_unaligned(value) }
        }
    };
}

/// pulp's tokens under one path, so that the macro can name them.
mod pulp_token {
    #[cfg(target_arch = "aarch64")]
    pub(super) use pulp::aarch64::Neon;
    #[cfg(target_arch = "x86_64")]
    pub(super) use pulp::x86::{V3, V4};
}

#[cfg(target_arch = "x86_64")]
impl Simd for pulp::x86::V4 {
    pulp_operations!(V4);
    type Single = PortableFma;
    // 32 registers.
    const TILE_ROWS: TileRows = TileRows { one: 14, two: 14, three: 9, four: 6, eight: 3 };

    #[inline(always)]
    fn single(self) -> PortableFma {
        PortableFma(*self)
    }
    #[inline(always)]
    fn lesser(self, a: Self::F, b: Self::F) -> Self::F {
        self.min_f32s(a, b)
    }
    #[inline(always)]
    fn greater(self, a: Self::F, b: Self::F) -> Self::F {
        self.max_f32s(a, b)
    }
    #[inline(always)]
    fn magnitude_below(self, limit: Self::F, x: Self::F) -> Self::F {
        // The smaller magnitude of the two, sign bit cleared; of a NaN and a number the number.
        pulp::cast(self.avx512dq._mm512_range_ps::<0b1010>(pulp::cast(x), pulp::cast(limit)))
    }
    #[inline(always)]
    fn scale(self, a: Self::F, n: Self::F) -> Self::F {
        pulp::cast(self.avx512f._mm512_scalef_ps(pulp::cast(a), pulp::cast(n)))
    }
    #[inline(always)]
    fn split(self, x: Self::F) -> (Self::F, Self::F) {
        use core::arch::x86_64::{_MM_MANT_NORM_P75_1P5, _MM_MANT_SIGN_NAN};
        let x = pulp::cast(x);
        let m = self.avx512f._mm512_getmant_ps::<_MM_MANT_NORM_P75_1P5, _MM_MANT_SIGN_NAN>(x);
        // The exponent of m is −1 or 0: what the interval of m has moved.
        let e = self.avx512f._mm512_sub_ps(self.avx512f._mm512_getexp_ps(x), self.avx512f._mm512_getexp_ps(m));
        (pulp::cast(m), pulp::cast(e))
    }
    #[inline(always)]
    unsafe fn load_first(self, ptr: *const f32, count: usize) -> Self::F {
        let mask = self.mask_between_m32s(0, count as u32).mask();
        // SAFETY: the mask has `count` lanes set, which the caller promises to be readable; the others are not accessed.
        // (A bare mask, made anew: with the token's own, pulp would jump through a table.)
        unsafe { self.mask_load_ptr_f32s(pulp::MemMask::new(mask), ptr) }
    }
    #[inline(always)]
    unsafe fn store_first(self, ptr: *mut f32, value: Self::F, count: usize) {
        let mask = self.mask_between_m32s(0, count as u32).mask();
        // SAFETY: the mask has `count` lanes set, which the caller promises to be writable; the others are not accessed.
        unsafe { self.mask_store_ptr_f32s(pulp::MemMask::new(mask), ptr, value) }
    }
}

#[cfg(target_arch = "x86_64")]
impl Simd for pulp::x86::V3 {
    pulp_operations!(V3);
    type Single = PortableFma;
    // 16 registers.
    const TILE_ROWS: TileRows = TileRows { one: 8, two: 6, three: 4, four: 3, eight: 1 };

    #[inline(always)]
    fn single(self) -> PortableFma {
        PortableFma(self)
    }
    #[inline(always)]
    fn lesser(self, a: Self::F, b: Self::F) -> Self::F {
        self.min_f32s(a, b)
    }
    #[inline(always)]
    fn greater(self, a: Self::F, b: Self::F) -> Self::F {
        self.max_f32s(a, b)
    }
    #[inline(always)]
    unsafe fn load_first(self, ptr: *const f32, count: usize) -> Self::F {
        let mask = self.mask_between_m32s(0, count as u32).mask();
        // SAFETY: the mask has `count` lanes set, which the caller promises to be readable; the others are not accessed.
        unsafe { self.mask_load_ptr_f32s(pulp::MemMask::new(mask), ptr) }
    }
    #[inline(always)]
    unsafe fn store_first(self, ptr: *mut f32, value: Self::F, count: usize) {
        let mask = self.mask_between_m32s(0, count as u32).mask();
        // SAFETY: the mask has `count` lanes set, which the caller promises to be writable; the others are not accessed.
        unsafe { self.mask_store_ptr_f32s(pulp::MemMask::new(mask), ptr, value) }
    }
}

#[cfg(target_arch = "aarch64")]
impl Simd for pulp::aarch64::Neon {
    pulp_operations!(Neon);
    type Single = Portable;
    // 32 registers.
    const TILE_ROWS: TileRows = TileRows { one: 14, two: 12, three: 8, four: 6, eight: 3 };

    #[inline(always)]
    fn single(self) -> Portable {
        Portable
    }
    #[inline(always)]
    unsafe fn load_first(self, ptr: *const f32, count: usize) -> Self::F {
        let mut lanes = [0.0f32; Self::LANES];
        // SAFETY: the caller promises `count` readable elements and count ≤ LANES, the length of the array.
        unsafe {
            core::ptr::copy_nonoverlapping(ptr, lanes.as_mut_ptr(), count);
            self.load(lanes.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store_first(self, ptr: *mut f32, value: Self::F, count: usize) {
        let mut lanes = [0.0f32; Self::LANES];
        // SAFETY: the array has LANES elements; the caller promises `count` writable elements and count ≤ LANES.
        unsafe {
            self.store(lanes.as_mut_ptr(), value);
            core::ptr::copy_nonoverlapping(lanes.as_ptr(), ptr, count);
        }
    }
}

/// One lane of plain Rust on any machine; fused multiply-add is [emulated](crate::fma) exactly.
#[derive(Clone, Copy)]
pub struct Portable;

/// One lane of plain Rust on an x86 machine with the FMA instruction.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub struct PortableFma(pub(crate) pulp::x86::V3);

macro_rules! portable_operations {
    () => {
        type F = f32;
        type U = u32;
        type M = bool;
        type Single = Self;
        const LANES: usize = 1;
        const TILE_ROWS: TileRows = TileRows { one: 4, two: 4, three: 4, four: 3, eight: 1 };

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
        fn shl<const N: u32>(self, a: u32) -> u32 {
            a << N
        }
        #[inline(always)]
        fn shr<const N: u32>(self, a: u32) -> u32 {
            a >> N
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
        unsafe fn store_first(self, ptr: *mut f32, value: f32, count: usize) {
            if count != 0 {
                // SAFETY: the caller promises `count` writable elements.
                unsafe { *ptr = value }
            }
        }
    };
}

impl Simd for Portable {
    portable_operations!();

    #[inline(always)]
    fn fma(self, a: f32, b: f32, c: f32) -> f32 {
        fma(a, b, c)
    }
}

#[cfg(target_arch = "x86_64")]
impl Simd for PortableFma {
    portable_operations!();

    #[inline(always)]
    fn fma(self, a: f32, b: f32, c: f32) -> f32 {
        let lane = |x: f32| self.0.sse._mm_set_ss(x);
        self.0.sse._mm_cvtss_f32(self.0.fma._mm_fmadd_ss(lane(a), lane(b), lane(c)))
    }
}
