//! AVX-512 (F, BW, CD, DQ, VL): 16 lanes, 32 registers.

use super::{Inside, Kernel, PortableFma, RowStarts, Simd, TileRows, rotation};
use core::arch::x86_64::*;
use pulp::x86::V4;

/// AVX-512 (F, BW, CD, DQ, VL): 16 lanes, 32 registers.
#[derive(Clone, Copy)]
pub struct Avx512(pub(crate) V4);

impl Simd for Avx512 {
    type F = __m512;
    type U = __m512i;
    type M = __mmask16;
    type Single = PortableFma;

    const LANES: usize = 16;
    const TILE_ROWS: TileRows = TileRows { one: 14, two: 14, three: 9, four: 6, widest: [28, 14, 9, 6, 5] };
    const TURNED_ROWS: [usize; 2] = [11, 11];
    const TURNED_WIDEST: [usize; 14] = [3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1];
    const TURNED_WIDEST_COLLIDING: [usize; 14] = Self::TURNED_WIDEST;
    const PARTIAL_ROWS: usize = usize::MAX;
    const SHORT_WAYS: bool = false;
    const EXPONENT_UNIT: f32 = 1.0;

    #[inline(always)]
    fn single(self) -> PortableFma {
        PortableFma(*self.0)
    }
    #[inline(never)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        self.0.vectorize(Inside { simd: self, kernel })
    }
    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        self.0.avx512f._mm512_set1_ps(x)
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        self.0.avx512f._mm512_add_ps(a, b)
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        self.0.avx512f._mm512_sub_ps(a, b)
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        self.0.avx512f._mm512_mul_ps(a, b)
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        self.0.avx512f._mm512_div_ps(a, b)
    }
    #[inline(always)]
    fn sqrt(self, a: __m512) -> __m512 {
        self.0.avx512f._mm512_sqrt_ps(a)
    }
    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        self.0.avx512f._mm512_fmadd_ps(a, b, c)
    }
    #[inline(always)]
    fn pin(self, a: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { pin(a) }
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
    fn neg(self, a: __m512) -> __m512 {
        self.from_bits(self.xor_u(self.to_bits(a), self.splat_u(0x8000_0000)))
    }
    #[inline(always)]
    fn abs(self, a: __m512) -> __m512 {
        self.from_bits(self.and_u(self.to_bits(a), self.splat_u(0x7fff_ffff)))
    }
    #[inline(always)]
    fn lt(self, a: __m512, b: __m512) -> __mmask16 {
        self.0.avx512f._mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b)
    }
    #[inline(always)]
    fn le(self, a: __m512, b: __m512) -> __mmask16 {
        self.0.avx512f._mm512_cmp_ps_mask::<_CMP_LE_OQ>(a, b)
    }
    #[inline(always)]
    fn eq(self, a: __m512, b: __m512) -> __mmask16 {
        self.0.avx512f._mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b)
    }
    #[inline(always)]
    fn all(self, mask: __mmask16) -> bool {
        mask == 0xffff
    }
    #[inline(always)]
    fn select(self, mask: __mmask16, yes: __m512, no: __m512) -> __m512 {
        self.0.avx512f._mm512_mask_blend_ps(mask, no, yes)
    }
    #[inline(always)]
    fn to_bits(self, a: __m512) -> __m512i {
        self.0.avx512f._mm512_castps_si512(a)
    }
    #[inline(always)]
    fn from_bits(self, a: __m512i) -> __m512 {
        self.0.avx512f._mm512_castsi512_ps(a)
    }
    #[inline(always)]
    fn splat_u(self, x: u32) -> __m512i {
        self.0.avx512f._mm512_set1_epi32(x as i32)
    }
    #[inline(always)]
    fn add_u(self, a: __m512i, b: __m512i) -> __m512i {
        self.0.avx512f._mm512_add_epi32(a, b)
    }
    #[inline(always)]
    fn sub_u(self, a: __m512i, b: __m512i) -> __m512i {
        self.0.avx512f._mm512_sub_epi32(a, b)
    }
    #[inline(always)]
    fn and_u(self, a: __m512i, b: __m512i) -> __m512i {
        self.0.avx512f._mm512_and_si512(a, b)
    }
    #[inline(always)]
    fn or_u(self, a: __m512i, b: __m512i) -> __m512i {
        self.0.avx512f._mm512_or_si512(a, b)
    }
    #[inline(always)]
    fn xor_u(self, a: __m512i, b: __m512i) -> __m512i {
        self.0.avx512f._mm512_xor_si512(a, b)
    }
    #[inline(always)]
    fn lt_signed(self, a: __m512i, b: __m512i) -> __mmask16 {
        self.0.avx512f._mm512_cmplt_epi32_mask(a, b)
    }
    #[inline(always)]
    fn from_signed(self, a: __m512i) -> __m512 {
        self.0.avx512f._mm512_cvtepi32_ps(a)
    }
    #[inline(always)]
    fn shl<const N: u32>(self, a: __m512i) -> __m512i {
        self.0.avx512f._mm512_sllv_epi32(a, self.splat_u(N))
    }
    #[inline(always)]
    fn shr<const N: u32>(self, a: __m512i) -> __m512i {
        self.0.avx512f._mm512_srlv_epi32(a, self.splat_u(N))
    }
    #[inline(always)]
    fn look_up(self, table: &[f32; 16], index: __m512i) -> __m512 {
        // SAFETY: the table has the 16 elements that are read.
        let table = unsafe { self.load(table.as_ptr()) };
        self.0.avx512f._mm512_permutexvar_ps(index, table)
    }
    #[inline(always)]
    fn lesser(self, a: __m512, b: __m512) -> __m512 {
        self.0.avx512f._mm512_min_ps(a, b)
    }
    #[inline(always)]
    fn greater(self, a: __m512, b: __m512) -> __m512 {
        self.0.avx512f._mm512_max_ps(a, b)
    }
    #[inline(always)]
    fn magnitude_below(self, limit: __m512, x: __m512) -> __m512 {
        // The smaller magnitude of the two, sign bit cleared; of a quiet NaN and a number the number. (A signalling one becomes quiet; no caller keeps such a lane.)
        self.0.avx512dq._mm512_range_ps::<0b1010>(x, limit)
    }
    #[inline(always)]
    fn scale(self, a: __m512, n: __m512) -> __m512 {
        self.0.avx512f._mm512_scalef_ps(a, n)
    }
    #[inline(always)]
    fn split(self, x: __m512) -> (__m512, __m512) {
        let m = self.0.avx512f._mm512_getmant_ps::<_MM_MANT_NORM_P75_1P5, _MM_MANT_SIGN_NAN>(x);
        // The exponent of m is −1 or 0: what the interval of m has moved.
        (m, self.sub(self.0.avx512f._mm512_getexp_ps(x), self.0.avx512f._mm512_getexp_ps(m)))
    }
    #[inline(always)]
    fn rotate<const BY: usize>(self, a: __m512) -> __m512 {
        let from = const { rotation::<16>(BY) };
        // SAFETY: sixteen elements are read of as many.
        let from = unsafe { self.0.avx512f._mm512_loadu_epi32(from.as_ptr()) };
        self.0.avx512f._mm512_permutexvar_ps(from, a)
    }
    #[inline(always)]
    fn first(self, count: usize) -> __mmask16 {
        ((1u32 << count) - 1) as __mmask16
    }
    #[inline(always)]
    unsafe fn load_columns(self, from: *const f32, stride: usize, rows: usize, cols: usize) -> [__m512; 4] {
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
                        self.0.avx512f._mm512_castps512_ps128(self.load_first(from, cols))
                    }
                }
            }};
        }
        macro_rules! every_fourth {
            ($i:literal) => {{
                let x = self.0.avx512f._mm512_castps128_ps512(row!(0, $i));
                let x = self.0.avx512f._mm512_insertf32x4::<1>(x, row!(1, $i));
                let x = self.0.avx512f._mm512_insertf32x4::<2>(x, row!(2, $i));
                self.0.avx512f._mm512_insertf32x4::<3>(x, row!(3, $i))
            }};
        }
        self.turn([every_fourth!(0), every_fourth!(1), every_fourth!(2), every_fourth!(3)])
    }
    #[inline(always)]
    unsafe fn load_eight_columns(self, from: *const f32, stride: usize, rows: usize) -> [__m512; 8] {
        let starts = RowStarts::<{ Self::LANES / 4 }>::new(from, stride, rows);
        macro_rules! row {
            ($four:literal, $i:literal) => {{
                let from = starts.at(4 * $four + $i);
                // SAFETY: eight elements of a row that the caller promises.
                self.0.avx._mm256_castps_pd(unsafe { self.0.avx._mm256_loadu_ps(from) })
            }};
        }
        let avx512 = self.0.avx512f;
        // Row `i` of a group of four beside that of the next, 8 elements of each.
        macro_rules! beside {
            ($four:literal, $next:literal, $i:literal) => {
                avx512._mm512_castpd_ps(
                    avx512._mm512_insertf64x4::<1>(avx512._mm512_castpd256_pd512(row!($four, $i)), row!($next, $i)),
                )
            };
        }
        macro_rules! eight_rows {
            ($four:literal, $next:literal) => {
                self.turn([
                    beside!($four, $next, 0),
                    beside!($four, $next, 1),
                    beside!($four, $next, 2),
                    beside!($four, $next, 3),
                ])
            };
        }
        // Quarters of a vector now: four rows of one column, the same of the fourth after it; then both of the next rows.
        let (upper, lower) = (eight_rows!(0, 1), eight_rows!(2, 3));
        let mut columns = [self.splat(0.0); 8];
        for i in 0..4 {
            columns[i] = avx512._mm512_shuffle_f32x4::<0b10_00_10_00>(upper[i], lower[i]);
            columns[i + 4] = avx512._mm512_shuffle_f32x4::<0b11_01_11_01>(upper[i], lower[i]);
        }
        columns
    }
    #[inline(always)]
    unsafe fn load_sixteen_columns(self, from: *const f32, stride: usize, rows: usize) -> [__m512; 16] {
        let starts = RowStarts::<{ Self::LANES / 4 }>::new(from, stride, rows);
        macro_rules! four_rows {
            ($four:literal) => {{
                // SAFETY: sixteen elements of rows that the caller promises.
                self.turn(unsafe {
                    [
                        self.load(starts.at(4 * $four)),
                        self.load(starts.at(4 * $four + 1)),
                        self.load(starts.at(4 * $four + 2)),
                        self.load(starts.at(4 * $four + 3)),
                    ]
                })
            }};
        }
        // Quarter `c` of vector `q`: four rows of column `4c + q`.
        let (a, b, c, d) = (four_rows!(0), four_rows!(1), four_rows!(2), four_rows!(3));
        let avx512 = self.0.avx512f;
        let mut columns = [self.splat(0.0); 16];
        for q in 0..4 {
            let (ab, cd) = (
                avx512._mm512_shuffle_f32x4::<0b01_00_01_00>(a[q], b[q]),
                avx512._mm512_shuffle_f32x4::<0b01_00_01_00>(c[q], d[q]),
            );
            let (ab_upper, cd_upper) = (
                avx512._mm512_shuffle_f32x4::<0b11_10_11_10>(a[q], b[q]),
                avx512._mm512_shuffle_f32x4::<0b11_10_11_10>(c[q], d[q]),
            );
            columns[q] = avx512._mm512_shuffle_f32x4::<0b10_00_10_00>(ab, cd);
            columns[4 + q] = avx512._mm512_shuffle_f32x4::<0b11_01_11_01>(ab, cd);
            columns[8 + q] = avx512._mm512_shuffle_f32x4::<0b10_00_10_00>(ab_upper, cd_upper);
            columns[12 + q] = avx512._mm512_shuffle_f32x4::<0b11_01_11_01>(ab_upper, cd_upper);
        }
        columns
    }
    #[inline(always)]
    unsafe fn store_columns(self, to: *mut f32, stride: usize, rows: usize, cols: usize, columns: [__m512; 4]) {
        let every_fourth = self.turn(columns);
        for (i, x) in every_fourth.into_iter().enumerate() {
            let quarters = [
                self.0.avx512f._mm512_castps512_ps128(x),
                self.0.avx512f._mm512_extractf32x4_ps::<1>(x),
                self.0.avx512f._mm512_extractf32x4_ps::<2>(x),
                self.0.avx512f._mm512_extractf32x4_ps::<3>(x),
            ];
            for (q, quarter) in quarters.into_iter().enumerate() {
                if i + 4 * q < rows {
                    let to = to.wrapping_add((i + 4 * q) * stride);
                    // SAFETY: `cols` elements of a row that the caller promises; the mask has as many lanes set.
                    unsafe {
                        if cols == 4 {
                            self.0.sse._mm_storeu_ps(to, quarter)
                        } else {
                            self.0.avx512f._mm_mask_storeu_ps(to, self.first(cols) as __mmask8, quarter)
                        }
                    }
                }
            }
        }
    }
    #[inline(always)]
    unsafe fn load(self, ptr: *const f32) -> __m512 {
        // SAFETY: the caller promises LANES readable elements.
        unsafe { self.0.avx512f._mm512_loadu_ps(ptr) }
    }
    #[inline(always)]
    unsafe fn store(self, ptr: *mut f32, value: __m512) {
        // SAFETY: the caller promises LANES writable elements.
        unsafe { self.0.avx512f._mm512_storeu_ps(ptr, value) }
    }
    #[inline(always)]
    unsafe fn load_first(self, ptr: *const f32, count: usize) -> __m512 {
        // SAFETY: the mask has `count` lanes set, which the caller promises to be readable; the others are not accessed.
        unsafe { self.0.avx512f._mm512_maskz_loadu_ps(self.first(count), ptr) }
    }
    #[inline(always)]
    unsafe fn load_bytes(self, ptr: *const u8) -> __m512 {
        // SAFETY: the caller promises LANES = 16 readable bytes.
        let bytes = unsafe { self.0.sse2._mm_loadu_si128(ptr.cast()) };
        self.0.avx512f._mm512_cvtepi32_ps(self.0.avx512f._mm512_cvtepu8_epi32(bytes))
    }
    #[inline(always)]
    unsafe fn store_first(self, ptr: *mut f32, value: __m512, count: usize) {
        // SAFETY: the mask has `count` lanes set, which the caller promises to be writable; the others are not accessed.
        unsafe { self.0.avx512f._mm512_mask_storeu_ps(ptr, self.first(count), value) }
    }
}

impl Avx512 {
    /// Transposes the 4 × 4 block in each quarter of four vectors.
    #[inline(always)]
    fn turn(self, [a, b, c, d]: [__m512; 4]) -> [__m512; 4] {
        let avx512 = self.0.avx512f;
        let (ab, ab_upper) = (avx512._mm512_unpacklo_ps(a, b), avx512._mm512_unpackhi_ps(a, b));
        let (cd, cd_upper) = (avx512._mm512_unpacklo_ps(c, d), avx512._mm512_unpackhi_ps(c, d));
        macro_rules! pairs {
            ($unpack:ident, $x:ident, $y:ident) => {
                avx512._mm512_castpd_ps(avx512.$unpack(avx512._mm512_castps_pd($x), avx512._mm512_castps_pd($y)))
            };
        }
        [
            pairs!(_mm512_unpacklo_pd, ab, cd),
            pairs!(_mm512_unpackhi_pd, ab, cd),
            pairs!(_mm512_unpacklo_pd, ab_upper, cd_upper),
            pairs!(_mm512_unpackhi_pd, ab_upper, cd_upper),
        ]
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn pin(mut a: __m512) -> __m512 {
    // SAFETY: no instruction.
    unsafe { core::arch::asm!("/* {} */", inout(zmm_reg) a, options(nostack, preserves_flags)) }
    a
}
