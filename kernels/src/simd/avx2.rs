//! AVX2 and FMA: 8 lanes, 16 registers.

use super::{Inside, Kernel, PortableFma, Simd, TileRows};
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
    const TILE_ROWS: TileRows = TileRows { one: 8, two: 6, three: 4, four: 3, eight: 1 };

    #[inline(always)]
    fn single(self) -> PortableFma {
        PortableFma(self.0)
    }
    #[inline(always)]
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
    fn prefetch(self, ptr: *const f32) {
        // SAFETY: a prefetch accesses nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(ptr.cast()) }
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
    fn shl<const N: u32>(self, a: __m256i) -> __m256i {
        self.0.avx2._mm256_sllv_epi32(a, self.splat_u(N))
    }
    #[inline(always)]
    fn shr<const N: u32>(self, a: __m256i) -> __m256i {
        self.0.avx2._mm256_srlv_epi32(a, self.splat_u(N))
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
    fn first(self, count: usize) -> __m256 {
        let lanes = self.0.avx._mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        self.from_bits(self.0.avx2._mm256_cmpgt_epi32(self.splat_u(count as u32), lanes))
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
        // SAFETY: the mask has `count` lanes set, which the caller promises to be writable; the others are not accessed.
        unsafe { self.0.avx._mm256_maskstore_ps(ptr, self.to_bits(self.first(count)), value) }
    }
}

#[inline]
#[target_feature(enable = "avx")]
fn pin(mut a: __m256) -> __m256 {
    // SAFETY: no instruction.
    unsafe { core::arch::asm!("/* {} */", inout(ymm_reg) a, options(nostack, preserves_flags)) }
    a
}
