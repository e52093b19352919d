//! AVX2 and FMA: 8 lanes, 16 registers.

use super::{Inside, Kernel, PortableFma, RowStarts, Simd, TileRows, opaque, rotation};
use core::arch::x86_64::*;
use pulp::x86::V3;

/// AVX2 and FMA: 8 lanes, 16 registers.
#[derive(Clone, Copy)]
pub struct Avx2(pub(crate) V3);

impl Simd for Avx2 {
    type F = __m256;
    type U = __m256i;
    type M = __m256;
    type Single = PortableFma;

    const LANES: usize = 8;
    const TILE_ROWS: TileRows = TileRows { one: 10, two: 6, three: 4, four: 3, widest: [13, 6, 4, 3, 2] };
    const TURNED_ROWS: [usize; 2] = [10, 3];
    const TURNED_WIDEST: [usize; 14] = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const TURNED_WIDEST_COLLIDING: [usize; 14] = [1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    const PARTIAL_ROWS: usize = usize::MAX;
    const FEW_INSTRUCTIONS: bool = true;
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
    fn splat(self, x: f32) -> __m256 {
        self.0.avx._mm256_set1_ps(x)
    }
    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        self.0.avx._mm256_add_ps(a, b)
    }
    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        self.0.avx._mm256_sub_ps(a, b)
    }
    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        self.0.avx._mm256_mul_ps(a, b)
    }
    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        self.0.avx._mm256_div_ps(a, b)
    }
    #[inline(always)]
    fn sqrt(self, a: __m256) -> __m256 {
        self.0.avx._mm256_sqrt_ps(a)
    }
    #[inline(always)]
    fn fma(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        self.0.fma._mm256_fmadd_ps(a, b, c)
    }
    #[inline(always)]
    fn pin(self, a: __m256) -> __m256 {
        // SAFETY: the token proves AVX.
        unsafe { pin(a) }
    }
    #[inline(always)]
    fn in_step(self, a: __m256) -> __m256 {
        self.pin(a)
    }
    #[inline(always)]
    fn opaque(self, ptr: *const f32) -> *const f32 {
        opaque(ptr)
    }
    #[inline(always)]
    fn opaque_stride(self, mut stride: usize) -> usize {
        // SAFETY: no instruction.
        unsafe { core::arch::asm!("/* {} */", inout(reg) stride, options(nostack, nomem, preserves_flags)) }
        stride
    }
    #[inline(always)]
    fn prefetch(self, ptr: *const f32) {
        // SAFETY: a prefetch accesses nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(ptr.cast()) }
    }
    #[inline(always)]
    fn prefetch_second_level(self, ptr: *const f32) {
        // SAFETY: a prefetch accesses nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(ptr.cast()) }
    }
    #[inline(always)]
    fn neg(self, a: __m256) -> __m256 {
        self.from_bits(self.xor_u(self.to_bits(a), self.splat_u(0x8000_0000)))
    }
    #[inline(always)]
    fn abs(self, a: __m256) -> __m256 {
        self.from_bits(self.and_u(self.to_bits(a), self.splat_u(0x7fff_ffff)))
    }
    #[inline(always)]
    fn lt(self, a: __m256, b: __m256) -> __m256 {
        self.0.avx._mm256_cmp_ps::<_CMP_LT_OQ>(a, b)
    }
    #[inline(always)]
    fn le(self, a: __m256, b: __m256) -> __m256 {
        self.0.avx._mm256_cmp_ps::<_CMP_LE_OQ>(a, b)
    }
    #[inline(always)]
    fn eq(self, a: __m256, b: __m256) -> __m256 {
        self.0.avx._mm256_cmp_ps::<_CMP_EQ_OQ>(a, b)
    }
    #[inline(always)]
    fn all(self, mask: __m256) -> bool {
        self.0.avx._mm256_movemask_ps(mask) == 0xff
    }
    #[inline(always)]
    fn select(self, mask: __m256, yes: __m256, no: __m256) -> __m256 {
        self.0.avx._mm256_blendv_ps(no, yes, mask)
    }
    #[inline(always)]
    fn to_bits(self, a: __m256) -> __m256i {
        self.0.avx._mm256_castps_si256(a)
    }
    #[inline(always)]
    fn from_bits(self, a: __m256i) -> __m256 {
        self.0.avx._mm256_castsi256_ps(a)
    }
    #[inline(always)]
    fn splat_u(self, x: u32) -> __m256i {
        self.0.avx._mm256_set1_epi32(x as i32)
    }
    #[inline(always)]
    fn add_u(self, a: __m256i, b: __m256i) -> __m256i {
        self.0.avx2._mm256_add_epi32(a, b)
    }
    #[inline(always)]
    fn sub_u(self, a: __m256i, b: __m256i) -> __m256i {
        self.0.avx2._mm256_sub_epi32(a, b)
    }
    #[inline(always)]
    fn and_u(self, a: __m256i, b: __m256i) -> __m256i {
        self.0.avx2._mm256_and_si256(a, b)
    }
    #[inline(always)]
    fn or_u(self, a: __m256i, b: __m256i) -> __m256i {
        self.0.avx2._mm256_or_si256(a, b)
    }
    #[inline(always)]
    fn xor_u(self, a: __m256i, b: __m256i) -> __m256i {
        self.0.avx2._mm256_xor_si256(a, b)
    }
    #[inline(always)]
    fn lt_signed(self, a: __m256i, b: __m256i) -> __m256 {
        self.from_bits(self.0.avx2._mm256_cmpgt_epi32(b, a))
    }
    #[inline(always)]
    fn from_signed(self, a: __m256i) -> __m256 {
        self.0.avx._mm256_cvtepi32_ps(a)
    }
    #[inline(always)]
    fn shl<const N: u32>(self, a: __m256i) -> __m256i {
        self.0.avx2._mm256_sllv_epi32(a, self.splat_u(N))
    }
    #[inline(always)]
    fn shr<const N: u32>(self, a: __m256i) -> __m256i {
        self.0.avx2._mm256_srlv_epi32(a, self.splat_u(N))
    }
    #[inline(always)]
    fn look_up(self, table: &[f32; 16], index: __m256i) -> __m256 {
        let (first, second) = table.split_at(8);
        // SAFETY: each half has the 8 elements that are read.
        let (first, second) = unsafe { (self.load(first.as_ptr()), self.load(second.as_ptr())) };
        // A permutation takes the three lowest bits of an index, a blend the sign bit of its mask: the fourth bit, shifted there.
        let first = self.0.avx2._mm256_permutevar8x32_ps(first, index);
        let second = self.0.avx2._mm256_permutevar8x32_ps(second, index);
        self.select(self.from_bits(self.shl::<28>(index)), second, first)
    }
    #[inline(always)]
    fn lesser(self, a: __m256, b: __m256) -> __m256 {
        self.0.avx._mm256_min_ps(a, b)
    }
    #[inline(always)]
    fn greater(self, a: __m256, b: __m256) -> __m256 {
        self.0.avx._mm256_max_ps(a, b)
    }
    #[inline(always)]
    fn rotate<const BY: usize>(self, a: __m256) -> __m256 {
        let from = const { rotation::<8>(BY) };
        // SAFETY: eight elements are read of as many.
        let from = unsafe { self.0.avx._mm256_loadu_si256(from.as_ptr().cast()) };
        self.0.avx2._mm256_permutevar8x32_ps(a, from)
    }
    #[inline(always)]
    fn first(self, count: usize) -> __m256 {
        let lanes = self.0.avx._mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        self.from_bits(self.0.avx2._mm256_cmpgt_epi32(self.splat_u(count as u32), lanes))
    }
    #[inline(always)]
    unsafe fn load_columns(self, from: *const f32, stride: usize, rows: usize, cols: usize) -> [__m256; 4] {
        let starts = RowStarts::<{ Self::LANES / 4 }>::new(from, stride, rows);
        // (Macros, because closures may miss the caller's target features.)
        macro_rules! row {
            ($four:literal, $i:literal) => {{
                let from = starts.at(4 * $four + $i);
                // SAFETY: `cols` elements of a row that the caller promises; the mask has as many lanes set.
                unsafe {
                    if cols == 4 {
                        self.0.sse._mm_loadu_ps(from)
                    } else {
                        self.0.avx._mm256_castps256_ps128(self.load_first(from, cols))
                    }
                }
            }};
        }
        macro_rules! every_fourth {
            ($i:literal) => {
                self.0.avx._mm256_insertf128_ps::<1>(self.0.avx._mm256_castps128_ps256(row!(0, $i)), row!(1, $i))
            };
        }
        self.turn([every_fourth!(0), every_fourth!(1), every_fourth!(2), every_fourth!(3)])
    }
    #[inline(always)]
    unsafe fn store_columns(self, to: *mut f32, stride: usize, rows: usize, cols: usize, columns: [__m256; 4]) {
        let every_fourth = self.turn(columns);
        for (i, x) in every_fourth.into_iter().enumerate() {
            let halves = [self.0.avx._mm256_castps256_ps128(x), self.0.avx._mm256_extractf128_ps::<1>(x)];
            for (q, half) in halves.into_iter().enumerate() {
                if i + 4 * q < rows {
                    let to = to.wrapping_add((i + 4 * q) * stride);
                    // SAFETY: `cols` elements of a row that the caller promises.
                    unsafe {
                        if cols == 4 {
                            self.0.sse._mm_storeu_ps(to, half);
                        } else {
                            self.store_two_and_one(to, half, cols);
                        }
                    }
                }
            }
        }
    }
    #[inline(always)]
    unsafe fn load(self, ptr: *const f32) -> __m256 {
        // SAFETY: the caller promises LANES readable elements.
        unsafe { self.0.avx._mm256_loadu_ps(ptr) }
    }
    #[inline(always)]
    unsafe fn store(self, ptr: *mut f32, value: __m256) {
        // SAFETY: the caller promises LANES writable elements.
        unsafe { self.0.avx._mm256_storeu_ps(ptr, value) }
    }
    #[inline(always)]
    unsafe fn load_first(self, ptr: *const f32, count: usize) -> __m256 {
        // SAFETY: the mask has `count` lanes set, which the caller promises to be readable; the others are not accessed.
        unsafe { self.0.avx._mm256_maskload_ps(ptr, self.to_bits(self.first(count))) }
    }
    #[inline(always)]
    unsafe fn load_bytes(self, ptr: *const u8) -> __m256 {
        // SAFETY: the caller promises LANES = 8 readable bytes.
        let bytes = unsafe { self.0.sse2._mm_loadl_epi64(ptr.cast()) };
        self.0.avx._mm256_cvtepi32_ps(self.0.avx2._mm256_cvtepu8_epi32(bytes))
    }
    #[inline(always)]
    unsafe fn store_first(self, ptr: *mut f32, value: __m256, count: usize) {
        debug_assert!(count < Self::LANES, "a whole vector has a store of its own");
        let (mut to, mut rest) = (ptr, self.0.avx._mm256_castps256_ps128(value));
        // SAFETY: four, two and one elements add up to `count`, which the caller promises to be writable.
        unsafe {
            if count & 4 != 0 {
                self.0.sse._mm_storeu_ps(to, rest);
                (to, rest) = (to.add(4), self.0.avx._mm256_extractf128_ps::<1>(value));
            }
            self.store_two_and_one(to, rest, count);
        }
    }
}

impl Avx2 {
    /// Stores the first `count % 4` lanes in pieces: a masked store is dozens of operations on many processors.
    ///
    /// # Safety
    /// `to` is valid for writing `count % 4` elements.
    #[inline(always)]
    unsafe fn store_two_and_one(self, mut to: *mut f32, mut x: __m128, count: usize) {
        let (sse, sse2) = (self.0.sse, self.0.sse2);
        // SAFETY: two and one elements add up to `count % 4`, which the caller promises to be writable.
        unsafe {
            if count & 2 != 0 {
                to.cast::<f64>().write_unaligned(sse2._mm_cvtsd_f64(sse2._mm_castps_pd(x)));
                (to, x) = (to.add(2), sse._mm_movehl_ps(x, x));
            }
            if count & 1 != 0 {
                *to = sse._mm_cvtss_f32(x);
            }
        }
    }

    /// Transposes the 4 × 4 block in each half of four vectors.
    #[inline(always)]
    fn turn(self, [a, b, c, d]: [__m256; 4]) -> [__m256; 4] {
        let avx = self.0.avx;
        let (ab, ab_upper) = (avx._mm256_unpacklo_ps(a, b), avx._mm256_unpackhi_ps(a, b));
        let (cd, cd_upper) = (avx._mm256_unpacklo_ps(c, d), avx._mm256_unpackhi_ps(c, d));
        macro_rules! pairs {
            ($unpack:ident, $x:ident, $y:ident) => {
                avx._mm256_castpd_ps(avx.$unpack(avx._mm256_castps_pd($x), avx._mm256_castps_pd($y)))
            };
        }
        [
            pairs!(_mm256_unpacklo_pd, ab, cd),
            pairs!(_mm256_unpackhi_pd, ab, cd),
            pairs!(_mm256_unpacklo_pd, ab_upper, cd_upper),
            pairs!(_mm256_unpackhi_pd, ab_upper, cd_upper),
        ]
    }
}

#[inline]
#[target_feature(enable = "avx")]
fn pin(mut a: __m256) -> __m256 {
    // SAFETY: no instruction.
    unsafe { core::arch::asm!("/* {} */", inout(ymm_reg) a, options(nostack, preserves_flags)) }
    a
}
