//! WebAssembly's 128-bit vectors: 4 lanes, no fused multiply-add (that of `relaxed-simd` may round twice, as the machine likes).
//!
//! It is [emulated](crate::fma) on pairs of `f64`, and lane by lane where one of the four needs the rare way. Still about three
//! times as fast as one lane.

use super::{Kernel, Portable, Simd, TileRows};
use crate::fma::{HALFWAY, SPARE_BITS, fma};
use core::arch::wasm32::*;

/// 128-bit vectors.
#[derive(Clone, Copy)]
pub struct Simd128;

/// The four lanes in an order in which [`f64x2_promote_low_f32x4`] sees the last two.
#[inline(always)]
fn high(a: v128) -> v128 {
    i32x4_shuffle::<2, 3, 2, 3>(a, a)
}

/// Lanes whose `f32` may not be the exact sum rounded once, as [`fma`] says: halfway between two, or below the normal numbers.
#[inline(always)]
fn rounds_twice(sum: v128) -> v128 {
    let halfway = i64x2_eq(v128_and(sum, i64x2_splat(SPARE_BITS as i64)), i64x2_splat(HALFWAY as i64));
    let magnitude = f64x2_abs(sum);
    let tiny =
        v128_and(f64x2_lt(magnitude, f64x2_splat(f32::MIN_POSITIVE as f64)), f64x2_gt(magnitude, f64x2_splat(0.0)));
    v128_or(halfway, tiny)
}

/// Lane by lane.
#[cold]
#[inline(never)]
fn fma_lanes(a: v128, b: v128, c: v128) -> v128 {
    macro_rules! lane {
        ($lane:literal) => {
            fma(f32x4_extract_lane::<$lane>(a), f32x4_extract_lane::<$lane>(b), f32x4_extract_lane::<$lane>(c))
        };
    }
    f32x4(lane!(0), lane!(1), lane!(2), lane!(3))
}

/// `a·b + c`, rounded once. A function of its own: inlined, with its rare way, it makes the kernels large and slow to compile.
#[inline(never)]
fn fma_vector(a: v128, b: v128, c: v128) -> v128 {
    let sum = |a, b, c| {
        let product = f64x2_mul(f64x2_promote_low_f32x4(a), f64x2_promote_low_f32x4(b));
        f64x2_add(product, f64x2_promote_low_f32x4(c))
    };
    let (low, high) = (sum(a, b, c), sum(high(a), high(b), high(c)));
    if v128_any_true(v128_or(rounds_twice(low), rounds_twice(high))) {
        return fma_lanes(a, b, c);
    }
    i32x4_shuffle::<0, 1, 4, 5>(f32x4_demote_f64x2_zero(low), f32x4_demote_f64x2_zero(high))
}

impl Simd for Simd128 {
    type F = v128;
    type U = v128;
    type M = v128;
    type Single = Portable;

    const LANES: usize = 4;
    // The emulated multiply-add is what takes the time: a few sums at once are enough.
    const TILE_ROWS: TileRows = TileRows { one: 4, two: 2, three: 0, four: 1, eight: 0 };
    const TURNED_ROWS: [usize; 2] = [0, 0];

    #[inline(always)]
    fn single(self) -> Portable {
        Portable
    }
    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        // The whole module is compiled for these instructions.
        kernel.run(self)
    }
    #[inline(always)]
    fn splat(self, x: f32) -> v128 {
        f32x4_splat(x)
    }
    #[inline(always)]
    fn add(self, a: v128, b: v128) -> v128 {
        f32x4_add(a, b)
    }
    #[inline(always)]
    fn sub(self, a: v128, b: v128) -> v128 {
        f32x4_sub(a, b)
    }
    #[inline(always)]
    fn mul(self, a: v128, b: v128) -> v128 {
        f32x4_mul(a, b)
    }
    #[inline(always)]
    fn div(self, a: v128, b: v128) -> v128 {
        f32x4_div(a, b)
    }
    #[inline(always)]
    fn fma(self, a: v128, b: v128, c: v128) -> v128 {
        fma_vector(a, b, c)
    }
    #[inline(always)]
    fn neg(self, a: v128) -> v128 {
        f32x4_neg(a)
    }
    #[inline(always)]
    fn abs(self, a: v128) -> v128 {
        f32x4_abs(a)
    }
    #[inline(always)]
    fn lt(self, a: v128, b: v128) -> v128 {
        f32x4_lt(a, b)
    }
    #[inline(always)]
    fn le(self, a: v128, b: v128) -> v128 {
        f32x4_le(a, b)
    }
    #[inline(always)]
    fn eq(self, a: v128, b: v128) -> v128 {
        f32x4_eq(a, b)
    }
    #[inline(always)]
    fn select(self, mask: v128, yes: v128, no: v128) -> v128 {
        v128_bitselect(yes, no, mask)
    }
    #[inline(always)]
    fn to_bits(self, a: v128) -> v128 {
        a
    }
    #[inline(always)]
    fn from_bits(self, a: v128) -> v128 {
        a
    }
    #[inline(always)]
    fn splat_u(self, x: u32) -> v128 {
        u32x4_splat(x)
    }
    #[inline(always)]
    fn add_u(self, a: v128, b: v128) -> v128 {
        i32x4_add(a, b)
    }
    #[inline(always)]
    fn sub_u(self, a: v128, b: v128) -> v128 {
        i32x4_sub(a, b)
    }
    #[inline(always)]
    fn and_u(self, a: v128, b: v128) -> v128 {
        v128_and(a, b)
    }
    #[inline(always)]
    fn or_u(self, a: v128, b: v128) -> v128 {
        v128_or(a, b)
    }
    #[inline(always)]
    fn xor_u(self, a: v128, b: v128) -> v128 {
        v128_xor(a, b)
    }
    #[inline(always)]
    fn shl<const N: u32>(self, a: v128) -> v128 {
        i32x4_shl(a, N)
    }
    #[inline(always)]
    fn shr<const N: u32>(self, a: v128) -> v128 {
        u32x4_shr(a, N)
    }
    #[inline(always)]
    fn first(self, count: usize) -> v128 {
        u32x4_lt(u32x4(0, 1, 2, 3), u32x4_splat(count as u32))
    }
    #[inline(always)]
    unsafe fn load(self, ptr: *const f32) -> v128 {
        // SAFETY: the caller promises LANES readable elements.
        unsafe { v128_load(ptr.cast()) }
    }
    #[inline(always)]
    unsafe fn store(self, ptr: *mut f32, value: v128) {
        // SAFETY: the caller promises LANES writable elements.
        unsafe { v128_store(ptr.cast(), value) }
    }
    #[inline(always)]
    unsafe fn load_first(self, ptr: *const f32, count: usize) -> v128 {
        let mut lanes = [0.0f32; Self::LANES];
        // SAFETY: the caller promises `count` readable elements and count ≤ LANES, the length of the array.
        unsafe {
            core::ptr::copy_nonoverlapping(ptr, lanes.as_mut_ptr(), count);
            self.load(lanes.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store_first(self, ptr: *mut f32, value: v128, count: usize) {
        let mut lanes = [0.0f32; Self::LANES];
        // SAFETY: the array has LANES elements; the caller promises `count` writable elements and count ≤ LANES.
        unsafe {
            self.store(lanes.as_mut_ptr(), value);
            core::ptr::copy_nonoverlapping(lanes.as_ptr(), ptr, count);
        }
    }
}
