//! The vector operations that the contract allows. Each is an IEEE-754 or integer operation with one possible result, so an
//! algorithm written over [`Simd`] gives the same bits on every implementation.
//!
//! One file an instruction set: pulp's tokens give the intrinsics, [`Portable`] is one lane of plain Rust. WebAssembly's vectors have no file:
//! with the emulated fused multiply-add, on pairs of `f64`, they reached 1.8 GFLOP/s where one lane reaches 3.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
mod twice;
#[cfg(steadynet_vfma)]
mod vfma;

#[cfg(target_arch = "x86_64")]
pub use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub use avx512::Avx512;
#[cfg(target_arch = "aarch64")]
pub use neon::Neon;
#[cfg(not(any(target_arch = "aarch64", steadynet_vfma)))]
pub use portable::Portable;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub use portable::PortableFma;
pub(crate) use twice::Twice;
#[cfg(steadynet_vfma)]
pub use vfma::Vfma;

use crate::reference::{ROUND_WITH_TWO_BIASES, THREE_QUARTERS_BITS};

/// Work that is written once for every instruction set.
pub trait Kernel {
    type Output;
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// A kernel and its token, as the closure that pulp calls inside a function with the token's target features.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
struct Inside<S, K> {
    simd: S,
    kernel: K,
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
impl<S: Simd, K: Kernel> pulp::NullaryFnOnce for Inside<S, K> {
    type Output = K::Output;
    #[inline(always)]
    fn call(self) -> K::Output {
        self.kernel.run(self.simd)
    }
}

/// A token that proves that the CPU can run its instructions, and the operations on its vectors.
///
/// Lanes are `f32` (`F`) or `u32` (`U`); comparisons give masks (`M`) and are false when an operand is NaN.
#[allow(clippy::wrong_self_convention, reason = "a token comes first in every operation")]
pub trait Simd: Copy {
    type F: Copy;
    type U: Copy;
    type M: Copy;
    /// One lane with the same token, for elements that do not lie side by side.
    type Single: Simd<F = f32, U = u32, M = bool>;

    const LANES: usize;
    /// Largest number of tile rows for a tile of 1, 2, 3, 4 and 8 vectors (0: no such tile).
    const TILE_ROWS: TileRows;
    /// Largest number of tile rows for a tile of 1 or 2 vectors that transposes its vectors as it loads them, which takes four
    /// registers a vector.
    const TURNED_ROWS: [usize; 2];
    /// The widest tile of one row, of two and so on, in vectors, that transposes them eight steps at a time where they are long; 0: none.
    const TURNED_WIDEST: [usize; 14];
    /// The same for columns that drive each other out of the first-level cache.
    const TURNED_WIDEST_COLLIDING: [usize; 14];
    /// Largest number of rows of a tile that is wider than a vector and reads the last one in part, which some instruction sets pay for in the inner loop.
    const PARTIAL_ROWS: usize;
    /// Whether [`scale`](Self::scale) and [`split`](Self::split) take so many instructions that it pays to ask whether a whole vector can do without.
    const SHORT_WAYS: bool;
    /// Whether inner loops of tiles take rounds of four steps of `k` whose addresses the compiler leaves alone. (Measured with AVX2 only.)
    const FEW_INSTRUCTIONS: bool = false;
    /// What [`split`](Self::split) counts exponents in.
    const EXPONENT_UNIT: f32 = 1.0 / 8388608.0;

    fn single(self) -> Self::Single;
    /// Runs `kernel` in a function of its own, compiled with the target features of this token. (Never inlined: registers are allocated well
    /// for one kernel at a time.)
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output;

    fn splat(self, x: f32) -> Self::F;
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// `√a`, rounded once.
    fn sqrt(self, a: Self::F) -> Self::F;
    /// `a·b + c`, rounded once.
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `a`, which exists before any later access to memory: an order for the compiler that costs no instruction.
    #[inline(always)]
    fn pin(self, a: Self::F) -> Self::F {
        a
    }
    /// `a`. Of several vectors that go through the same operations, none is taken further before all are here: where registers are few,
    /// the compiler would take them one after the other and load every constant for each.
    #[inline(always)]
    fn in_step(self, a: Self::F) -> Self::F {
        a
    }
    /// `ptr`, without what the compiler knows of it: an address of its own, not the sum of others.
    #[inline(always)]
    fn opaque(self, ptr: *const f32) -> *const f32 {
        ptr
    }
    /// `stride`, of which the compiler makes no multiples ahead: what an instruction's address can express is then left to the instruction.
    #[inline(always)]
    fn opaque_stride(self, stride: usize) -> usize {
        stride
    }
    /// Asks for the cache line at `ptr`, which need not be readable.
    #[inline(always)]
    fn prefetch(self, _ptr: *const f32) {}
    /// As [`prefetch`](Self::prefetch), into the second-level cache, which has room for lines a power of two apart.
    #[inline(always)]
    fn prefetch_second_level(self, _ptr: *const f32) {}
    /// `−a`: the sign bit flipped, NaN included.
    fn neg(self, a: Self::F) -> Self::F;
    fn abs(self, a: Self::F) -> Self::F;

    fn lt(self, a: Self::F, b: Self::F) -> Self::M;
    fn le(self, a: Self::F, b: Self::F) -> Self::M;
    fn eq(self, a: Self::F, b: Self::F) -> Self::M;
    /// Whether every lane is true.
    fn all(self, mask: Self::M) -> bool;
    /// `if mask { yes } else { no }`, lane by lane.
    fn select(self, mask: Self::M, yes: Self::F, no: Self::F) -> Self::F;

    fn to_bits(self, a: Self::F) -> Self::U;
    fn from_bits(self, a: Self::U) -> Self::F;
    fn splat_u(self, x: u32) -> Self::U;
    fn add_u(self, a: Self::U, b: Self::U) -> Self::U;
    fn sub_u(self, a: Self::U, b: Self::U) -> Self::U;
    fn and_u(self, a: Self::U, b: Self::U) -> Self::U;
    fn or_u(self, a: Self::U, b: Self::U) -> Self::U;
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "others negate in one instruction"))]
    fn xor_u(self, a: Self::U, b: Self::U) -> Self::U;
    /// `a < b` of signed integers.
    fn lt_signed(self, a: Self::U, b: Self::U) -> Self::M;
    /// The nearest number to a signed integer.
    fn from_signed(self, a: Self::U) -> Self::F;
    /// `a << N`, zeros shifted in.
    fn shl<const N: u32>(self, a: Self::U) -> Self::U;
    /// `a >> N`, zeros shifted in.
    fn shr<const N: u32>(self, a: Self::U) -> Self::U;

    /// `table[index mod 16]`, lane by lane.
    fn look_up(self, table: &[f32; 16], index: Self::U) -> Self::F;

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

    /// `a·2^n`, rounded once, for |a| from ⅛ to 2 and integers `n` from −200 to 200, or for `n` = 0.
    #[inline(always)]
    fn scale(self, a: Self::F, n: Self::F) -> Self::F {
        // Two powers of two, of which the first leaves `a` normal.
        let biased = self.to_bits(self.add(n, self.splat(ROUND_WITH_TWO_BIASES)));
        let half = self.shr::<1>(biased);
        let first = self.from_bits(self.shl::<23>(half));
        let second = self.from_bits(self.shl::<23>(self.sub_u(biased, half)));
        self.mul(self.mul(a, first), second)
    }

    /// Where `x` is a positive normal number.
    #[inline(always)]
    fn normal(self, x: Self::F) -> Self::M {
        // By one exponent more, infinity and NaN get the sign bit.
        let least = f32::MIN_POSITIVE.to_bits();
        self.lt_signed(self.splat_u(2 * least - 1), self.add_u(self.to_bits(x), self.splat_u(least)))
    }

    /// [`split`](Self::split) of positive normal numbers.
    #[inline(always)]
    fn split_normal(self, x: Self::F) -> (Self::F, Self::F) {
        let bits = self.to_bits(x);
        let exponent = self.and_u(self.sub_u(bits, self.splat_u(THREE_QUARTERS_BITS)), self.splat_u(0xff80_0000));
        // The exponent field, where it stands: 2²³·e as an integer.
        (self.from_bits(self.sub_u(bits, exponent)), self.from_signed(exponent))
    }

    /// `(m, e)` with `x = m·2^(e·u)`, where u is the [unit](Self::EXPONENT_UNIT), and `m` in [3/4, 3/2); `e` = ±∞ and `m` finite for 0
    /// and ∞; `m` NaN for NaN and below 0.
    #[inline(always)]
    fn split(self, x: Self::F) -> (Self::F, Self::F) {
        let subnormal = self.lt(x, self.splat(f32::MIN_POSITIVE));
        let (m, e) = self.split_normal(self.select(subnormal, self.mul(x, self.splat(8388608.0)), x));
        let e = self.select(subnormal, self.sub(e, self.splat(23.0 * 8388608.0)), e);
        let (zero, infinity) = (self.splat(0.0), self.splat(f32::INFINITY));
        let e = self.select(self.eq(x, zero), self.neg(infinity), e);
        (self.select(self.le(zero, x), m, self.splat(f32::NAN)), self.select(self.eq(x, infinity), infinity, e))
    }

    /// Lane `l` gets what lane `(l + BY) % LANES` had.
    #[inline(always)]
    fn rotate<const BY: usize>(self, a: Self::F) -> Self::F {
        let mut twice = [0.0; 2 * MOST_LANES];
        // SAFETY: the array has room for two vectors of the longest kind, and BY < LANES.
        unsafe {
            self.store(twice.as_mut_ptr(), a);
            self.store(twice.as_mut_ptr().add(Self::LANES), a);
            self.load(twice.as_ptr().add(BY % Self::LANES))
        }
    }

    /// True in the first `count ≤ LANES` lanes.
    fn first(self, count: usize) -> Self::M;

    /// Up to four columns of up to [`LANES`](Self::LANES) rows that lie `stride` elements apart: lane `i` of vector `q` is
    /// `from[i·stride + q]` for `i < rows` and `q < cols`, anything elsewhere. A transposition on the way from memory.
    /// # Safety
    /// Those elements are readable; `1 ≤ rows ≤ LANES`, `1 ≤ cols ≤ 4`.
    #[inline(always)]
    unsafe fn load_columns(self, from: *const f32, stride: usize, rows: usize, cols: usize) -> [Self::F; 4] {
        let mut columns = [[0.0; MOST_LANES]; 4];
        let mut vectors = [self.splat(0.0); 4];
        for (q, (column, vector)) in columns.iter_mut().zip(&mut vectors).enumerate().take(cols) {
            for (i, element) in column.iter_mut().enumerate().take(rows) {
                // SAFETY: the caller promises element (i, q).
                *element = unsafe { *from.wrapping_add(i * stride + q) };
            }
            // SAFETY: no vector is longer than `MOST_LANES`.
            *vector = unsafe { self.load(column.as_ptr()) };
        }
        vectors
    }

    /// [`load_columns`](Self::load_columns) for eight columns, which long vectors can do in fewer instructions.
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn load_eight_columns(self, from: *const f32, stride: usize, rows: usize) -> [Self::F; 8] {
        // SAFETY: the caller's promise.
        let (low, high) = unsafe {
            (self.load_columns(from, stride, rows, 4), self.load_columns(from.wrapping_add(4), stride, rows, 4))
        };
        let ([a, b, c, d], [e, f, g, h]) = (low, high);
        [a, b, c, d, e, f, g, h]
    }

    /// [`load_columns`](Self::load_columns) for sixteen columns of as many rows as a vector has lanes: a cache line of each row, read at once if vectors are as
    /// long.
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn load_sixteen_columns(self, from: *const f32, stride: usize, rows: usize) -> [Self::F; 16] {
        let mut columns = [self.splat(0.0); 16];
        for q in (0..16).step_by(4) {
            // SAFETY: the caller's promise.
            let four = unsafe { self.load_columns(from.wrapping_add(q), stride, rows, 4) };
            columns[q..q + 4].copy_from_slice(&four);
        }
        columns
    }

    /// The reverse of [`load_columns`](Self::load_columns): stores lane `i` of vector `q` to `to[i·stride + q]` for `i < rows`, `q < cols`.
    /// # Safety
    /// Those elements are writable; `1 ≤ rows ≤ LANES`, `1 ≤ cols ≤ 4`.
    #[inline(always)]
    unsafe fn store_columns(self, to: *mut f32, stride: usize, rows: usize, cols: usize, columns: [Self::F; 4]) {
        for (q, column) in columns.into_iter().enumerate().take(cols) {
            let mut elements = [0.0; MOST_LANES];
            // SAFETY: no vector is longer than `MOST_LANES`.
            unsafe { self.store(elements.as_mut_ptr(), column) };
            for (i, &element) in elements.iter().enumerate().take(rows) {
                // SAFETY: the caller promises element (i, q).
                unsafe { *to.wrapping_add(i * stride + q) = element };
            }
        }
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
    /// [`LANES`](Self::LANES) bytes as numbers from 0 to 255.
    /// # Safety
    /// `ptr` is valid for reading [`LANES`](Self::LANES) bytes.
    unsafe fn load_bytes(self, ptr: *const u8) -> Self::F;
    /// Stores the first `count < LANES` lanes and touches nothing else. (All of them have [`store`](Self::store).)
    /// # Safety
    /// `ptr` is valid for writing `count` elements.
    unsafe fn store_first(self, ptr: *mut f32, value: Self::F, count: usize);

    /// `N` chains of fused multiply-adds side by side: `sums[v] ← x[p·x_stride]·w[p·w_stride + v·LANES ..] + sums[v]`, `p < len` ascending.
    /// # Safety
    /// Every element that the formula names, `LANES` of them at each place of `w`, is readable.
    #[inline(always)]
    unsafe fn chains<const N: usize>(
        self,
        len: usize,
        x: *const f32,
        x_stride: usize,
        w: *const f32,
        w_stride: usize,
        sums: [Self::F; N],
    ) -> [Self::F; N] {
        // SAFETY: the caller's promise.
        unsafe { chains(self, len, x, x_stride, w, w_stride, sums) }
    }
}

/// [`Simd::chains`] as a loop.
/// # Safety
/// As there.
#[inline(always)]
unsafe fn chains<S: Simd, const N: usize>(
    simd: S,
    len: usize,
    mut x: *const f32,
    x_stride: usize,
    mut w: *const f32,
    w_stride: usize,
    mut sums: [S::F; N],
) -> [S::F; N] {
    for _ in 0..len {
        // SAFETY: the caller promises these elements for each of `len` steps; pointers past the last are made and not read.
        unsafe {
            let factor = simd.splat(*x);
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = simd.fma(factor, simd.load(w.add(v * S::LANES)), *sum);
            }
        }
        (x, w) = (x.wrapping_add(x_stride), w.wrapping_add(w_stride));
    }
    sums
}

/// A token once more, for code that was chosen when there was one. (Tokens have no content.)
///
/// # Safety
/// There was one.
#[inline(always)]
pub(crate) unsafe fn again<S: Simd>() -> S {
    const { assert!(size_of::<S>() == 0) };
    // SAFETY: there are no bytes to read; the caller vouches for what the value proves.
    unsafe { core::ptr::NonNull::<S>::dangling().read() }
}

/// The longest vector that anything here makes: four of sixteen lanes, as one.
pub(crate) const MOST_LANES: usize = 64;

/// The tallest tile, in rows, for each width in vectors: the accumulators, one row of B and a broadcast fit the registers.
#[derive(Clone, Copy)]
pub struct TileRows {
    pub one: usize,
    pub two: usize,
    pub three: usize,
    pub four: usize,
    /// The widest tile of one row, of two, and so on.
    pub widest: [usize; 5],
}

/// Where each of `N` lanes that move by `by` comes from.
#[cfg(target_arch = "x86_64")]
const fn rotation<const N: usize>(by: usize) -> [i32; N] {
    let mut from = [0; N];
    let mut lane = 0;
    while lane < N {
        from[lane] = ((lane + by) % N) as i32;
        lane += 1;
    }
    from
}

/// The same pointer, without what the compiler knows of it: else it keeps the distance to each of many rows in memory.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn opaque(mut ptr: *const f32) -> *const f32 {
    // SAFETY: no instruction.
    unsafe { core::arch::asm!("/* {} */", inout(reg) ptr, options(pure, readonly, nostack, preserves_flags)) }
    ptr
}

/// Where the rows of a block begin that is loaded by columns: up to `4 · FOURS`, `stride` elements apart.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct RowStarts<const FOURS: usize> {
    /// Every fourth row has a pointer of its own, from which the next three are a multiple of the stride away that an address can express.
    fours: [*const f32; FOURS],
    stride: usize,
    rows: usize,
}

#[cfg(target_arch = "x86_64")]
impl<const FOURS: usize> RowStarts<FOURS> {
    #[inline(always)]
    fn new(from: *const f32, stride: usize, rows: usize) -> Self {
        let mut fours = [from; FOURS];
        for i in 1..FOURS {
            fours[i] = opaque(fours[i - 1].wrapping_add(4 * stride));
        }
        RowStarts { fours, stride, rows }
    }

    /// Row `i`; rows past the last are the last once more.
    #[inline(always)]
    fn at(self, i: usize) -> *const f32 {
        if self.rows == 4 * FOURS {
            self.fours[i / 4].wrapping_add(i % 4 * self.stride)
        } else {
            self.fours[0].wrapping_add(i.min(self.rows - 1) * self.stride)
        }
    }
}
