//! NEON: 4 lanes, 32 registers. Part of every AArch64 target.

use super::{Inside, Kernel, PortableFma, Simd, TileRows};
use core::arch::aarch64::*;
use pulp::aarch64::Neon as Token;

/// NEON.
#[derive(Clone, Copy)]
pub struct Neon(pub(crate) Token);

impl Simd for Neon {
    type F = float32x4_t;
    type U = uint32x4_t;
    type M = uint32x4_t;
    type Single = PortableFma;

    const LANES: usize = 4;
    const TILE_ROWS: TileRows = TileRows { one: 14, two: 12, three: 8, four: 6, widest: [28, 14, 9, 6, 5] };
    const TURNED_ROWS: [usize; 2] = [11, 11];
    const TURNED_WIDEST: [usize; 14] = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const TURNED_WIDEST_COLLIDING: [usize; 14] = Self::TURNED_WIDEST;
    const PARTIAL_ROWS: usize = 3;
    const SHORT_WAYS: bool = true;

    #[inline(always)]
    fn single(self) -> PortableFma {
        PortableFma(self.0)
    }
    #[inline(never)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        self.0.vectorize(Inside { simd: self, kernel })
    }
    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        self.0.neon.vaddq_f32(a, b)
    }
    #[inline(always)]
    fn sub(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        self.0.neon.vsubq_f32(a, b)
    }
    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        self.0.neon.vmulq_f32(a, b)
    }
    #[inline(always)]
    fn div(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        self.0.neon.vdivq_f32(a, b)
    }
    #[inline(always)]
    fn splat(self, x: f32) -> float32x4_t {
        self.0.neon.vdupq_n_f32(x)
    }
    #[inline(always)]
    fn sqrt(self, a: float32x4_t) -> float32x4_t {
        self.0.neon.vsqrtq_f32(a)
    }
    #[inline(always)]
    fn fma(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        self.0.neon.vfmaq_f32(c, a, b)
    }
    #[inline(always)]
    fn pin(self, mut a: float32x4_t) -> float32x4_t {
        // SAFETY: no instruction.
        unsafe { core::arch::asm!("/* {0:v} */", inout(vreg) a, options(nostack, preserves_flags)) }
        a
    }
    #[inline(always)]
    fn neg(self, a: float32x4_t) -> float32x4_t {
        self.0.neon.vnegq_f32(a)
    }
    #[inline(always)]
    fn abs(self, a: float32x4_t) -> float32x4_t {
        self.0.neon.vabsq_f32(a)
    }
    #[inline(always)]
    fn lt(self, a: float32x4_t, b: float32x4_t) -> uint32x4_t {
        self.0.neon.vcltq_f32(a, b)
    }
    #[inline(always)]
    fn le(self, a: float32x4_t, b: float32x4_t) -> uint32x4_t {
        self.0.neon.vcleq_f32(a, b)
    }
    #[inline(always)]
    fn eq(self, a: float32x4_t, b: float32x4_t) -> uint32x4_t {
        self.0.neon.vceqq_f32(a, b)
    }
    #[inline(always)]
    fn all(self, mask: uint32x4_t) -> bool {
        self.0.neon.vminvq_u32(mask) != 0
    }
    #[inline(always)]
    fn select(self, mask: uint32x4_t, yes: float32x4_t, no: float32x4_t) -> float32x4_t {
        self.0.neon.vbslq_f32(mask, yes, no)
    }
    #[inline(always)]
    fn to_bits(self, a: float32x4_t) -> uint32x4_t {
        self.0.neon.vreinterpretq_u32_f32(a)
    }
    #[inline(always)]
    fn from_bits(self, a: uint32x4_t) -> float32x4_t {
        self.0.neon.vreinterpretq_f32_u32(a)
    }
    #[inline(always)]
    fn splat_u(self, x: u32) -> uint32x4_t {
        self.0.neon.vdupq_n_u32(x)
    }
    #[inline(always)]
    fn add_u(self, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
        self.0.neon.vaddq_u32(a, b)
    }
    #[inline(always)]
    fn sub_u(self, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
        self.0.neon.vsubq_u32(a, b)
    }
    #[inline(always)]
    fn and_u(self, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
        self.0.neon.vandq_u32(a, b)
    }
    #[inline(always)]
    fn or_u(self, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
        self.0.neon.vorrq_u32(a, b)
    }
    #[inline(always)]
    fn xor_u(self, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
        self.0.neon.veorq_u32(a, b)
    }
    #[inline(always)]
    fn lt_signed(self, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
        self.0.neon.vcltq_s32(self.0.neon.vreinterpretq_s32_u32(a), self.0.neon.vreinterpretq_s32_u32(b))
    }
    #[inline(always)]
    fn from_signed(self, a: uint32x4_t) -> float32x4_t {
        self.0.neon.vcvtq_f32_s32(self.0.neon.vreinterpretq_s32_u32(a))
    }
    #[inline(always)]
    fn shl<const N: u32>(self, a: uint32x4_t) -> uint32x4_t {
        self.0.neon.vshlq_u32(a, self.0.neon.vdupq_n_s32(N as i32))
    }
    #[inline(always)]
    fn shr<const N: u32>(self, a: uint32x4_t) -> uint32x4_t {
        // A negative left shift is a right shift.
        self.0.neon.vshlq_u32(a, self.0.neon.vdupq_n_s32(-(N as i32)))
    }
    #[inline(always)]
    fn look_up(self, table: &[f32; 16], index: uint32x4_t) -> float32x4_t {
        let neon = self.0.neon;
        // (A macro, because closures may miss the caller's target features.)
        macro_rules! quarter {
            ($i:literal) => {
                // SAFETY: the table has four elements from there.
                neon.vreinterpretq_u8_f32(unsafe { self.load(table.as_ptr().add(4 * $i)) })
            };
        }
        let quarters = uint8x16x4_t(quarter!(0), quarter!(1), quarter!(2), quarter!(3));
        // Four byte indices for each element.
        let first = neon.vmulq_n_u32(self.and_u(index, self.splat_u(15)), 0x0404_0404);
        let bytes = neon.vreinterpretq_u8_u32(self.add_u(first, self.splat_u(0x0302_0100)));
        neon.vreinterpretq_f32_u8(neon.vqtbl4q_u8(quarters, bytes))
    }
    #[inline(always)]
    fn first(self, count: usize) -> uint32x4_t {
        let lanes = [0u32, 1, 2, 3];
        // SAFETY: the array has the four elements that are read.
        let lanes = unsafe { self.0.neon.vld1q_u32(lanes.as_ptr()) };
        self.0.neon.vcltq_u32(lanes, self.splat_u(count as u32))
    }
    #[inline(always)]
    unsafe fn load_columns(self, from: *const f32, stride: usize, rows: usize, cols: usize) -> [float32x4_t; 4] {
        // Rows past the last are the last once more.
        // (A macro, because closures may miss the caller's target features.)
        macro_rules! row {
            ($i:literal) => {{
                let from = from.wrapping_add($i.min(rows - 1) * stride);
                // SAFETY: `cols` elements of a row that the caller promises.
                unsafe { if cols == 4 { self.load(from) } else { self.load_first(from, cols) } }
            }};
        }
        self.turn([row!(0), row!(1), row!(2), row!(3)])
    }
    #[inline(always)]
    unsafe fn store_columns(self, to: *mut f32, stride: usize, rows: usize, cols: usize, columns: [float32x4_t; 4]) {
        for (i, row) in self.turn(columns).into_iter().enumerate().take(rows) {
            let to = to.wrapping_add(i * stride);
            // SAFETY: `cols` elements of a row that the caller promises.
            unsafe { if cols == 4 { self.store(to, row) } else { self.store_first(to, row, cols) } };
        }
    }
    #[inline(always)]
    unsafe fn load(self, ptr: *const f32) -> float32x4_t {
        // SAFETY: the caller promises LANES readable elements.
        unsafe { self.0.neon.vld1q_f32(ptr) }
    }
    #[inline(always)]
    unsafe fn store(self, ptr: *mut f32, value: float32x4_t) {
        // SAFETY: the caller promises LANES writable elements.
        unsafe { self.0.neon.vst1q_f32(ptr, value) }
    }
    #[inline(always)]
    unsafe fn load_first(self, ptr: *const f32, count: usize) -> float32x4_t {
        let mut lanes = [0.0f32; Self::LANES];
        // SAFETY: the caller promises `count` readable elements and count ≤ LANES, the length of the array.
        unsafe {
            core::ptr::copy_nonoverlapping(ptr, lanes.as_mut_ptr(), count);
            self.load(lanes.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn load_bytes(self, ptr: *const u8) -> float32x4_t {
        // SAFETY: the caller promises LANES = 4 readable bytes.
        let bytes = unsafe { ptr.cast::<[u8; 4]>().read() };
        let wide = self.0.neon.vmovl_u8(self.0.neon.vcreate_u8(u32::from_le_bytes(bytes).into()));
        self.0.neon.vcvtq_f32_u32(self.0.neon.vmovl_u16(self.0.neon.vget_low_u16(wide)))
    }
    #[inline(always)]
    unsafe fn store_first(self, ptr: *mut f32, value: float32x4_t, count: usize) {
        let mut lanes = [0.0f32; Self::LANES];
        // SAFETY: the array has LANES elements; the caller promises `count` writable elements and count ≤ LANES.
        unsafe {
            self.store(lanes.as_mut_ptr(), value);
            core::ptr::copy_nonoverlapping(lanes.as_ptr(), ptr, count);
        }
    }
}

impl Neon {
    /// Transposes a 4 × 4 block.
    #[inline(always)]
    fn turn(self, [a, b, c, d]: [float32x4_t; 4]) -> [float32x4_t; 4] {
        let neon = self.0.neon;
        macro_rules! pairs {
            ($zip:ident, $x:ident, $y:ident) => {
                neon.vreinterpretq_f32_f64(neon.$zip(neon.vreinterpretq_f64_f32($x), neon.vreinterpretq_f64_f32($y)))
            };
        }
        let (ab, ab_upper) = (neon.vzip1q_f32(a, b), neon.vzip2q_f32(a, b));
        let (cd, cd_upper) = (neon.vzip1q_f32(c, d), neon.vzip2q_f32(c, d));
        [
            pairs!(vzip1q_f64, ab, cd),
            pairs!(vzip2q_f64, ab, cd),
            pairs!(vzip1q_f64, ab_upper, cd_upper),
            pairs!(vzip2q_f64, ab_upper, cd_upper),
        ]
    }
}
