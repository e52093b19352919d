//! Two vectors as one: every operation is done on both, one after the other.
//!
//! A long chain of operations on one vector leaves the execution units waiting for its results. Two chains, interleaved
//! operation by operation, need half as many waiting instructions in the CPU's scheduler.

use super::{Kernel, Simd, TileRows};

/// `S`, with vectors of twice the length.
#[derive(Clone, Copy)]
pub(crate) struct Twice<S>(pub(crate) S);

/// Forwards each operation to both halves.
macro_rules! both {
    ($($name:ident($($operand:ident: $kind:ident),*) -> $result:ident;)*) => {$(
        #[inline(always)]
        fn $name(self, $($operand: Self::$kind),*) -> Self::$result {
            (self.0.$name($($operand.0),*), self.0.$name($($operand.1),*))
        }
    )*};
}

impl<S: Simd> Simd for Twice<S> {
    type F = (S::F, S::F);
    type U = (S::U, S::U);
    type M = (S::M, S::M);
    type Single = S::Single;
    const LANES: usize = 2 * S::LANES;
    const TILE_ROWS: TileRows = S::TILE_ROWS;
    const TURNED_ROWS: [usize; 2] = S::TURNED_ROWS;
    const TURNED_WIDEST: [usize; 14] = S::TURNED_WIDEST;
    const TURNED_WIDEST_COLLIDING: [usize; 14] = S::TURNED_WIDEST_COLLIDING;
    const PARTIAL_ROWS: usize = S::PARTIAL_ROWS;
    const SHORT_WAYS: bool = S::SHORT_WAYS;
    const EXPONENT_UNIT: f32 = S::EXPONENT_UNIT;

    #[inline(always)]
    fn single(self) -> S::Single {
        self.0.single()
    }
    #[inline(always)]
    fn vectorize<K: Kernel>(self, kernel: K) -> K::Output {
        self.0.vectorize(Doubled(kernel))
    }
    #[inline(always)]
    fn first(self, count: usize) -> Self::M {
        let first = count.min(S::LANES);
        (self.0.first(first), self.0.first(count - first))
    }
    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        (self.0.splat(x), self.0.splat(x))
    }
    #[inline(always)]
    fn splat_u(self, x: u32) -> Self::U {
        (self.0.splat_u(x), self.0.splat_u(x))
    }
    #[inline(always)]
    fn shl<const N: u32>(self, a: Self::U) -> Self::U {
        (self.0.shl::<N>(a.0), self.0.shl::<N>(a.1))
    }
    #[inline(always)]
    fn shr<const N: u32>(self, a: Self::U) -> Self::U {
        (self.0.shr::<N>(a.0), self.0.shr::<N>(a.1))
    }
    #[inline(always)]
    fn look_up(self, table: &[f32; 16], index: Self::U) -> Self::F {
        (self.0.look_up(table, index.0), self.0.look_up(table, index.1))
    }
    #[inline(always)]
    fn all(self, mask: Self::M) -> bool {
        // One branch for both.
        self.0.all(mask.0) & self.0.all(mask.1)
    }
    #[inline(always)]
    fn split(self, x: Self::F) -> (Self::F, Self::F) {
        let ((m0, e0), (m1, e1)) = (self.0.split(x.0), self.0.split(x.1));
        ((m0, m1), (e0, e1))
    }
    both! {
        add(a: F, b: F) -> F;
        sub(a: F, b: F) -> F;
        mul(a: F, b: F) -> F;
        div(a: F, b: F) -> F;
        sqrt(a: F) -> F;
        fma(a: F, b: F, c: F) -> F;
        pin(a: F) -> F;
        in_step(a: F) -> F;
        neg(a: F) -> F;
        abs(a: F) -> F;
        lt(a: F, b: F) -> M;
        le(a: F, b: F) -> M;
        eq(a: F, b: F) -> M;
        select(mask: M, yes: F, no: F) -> F;
        to_bits(a: F) -> U;
        from_bits(a: U) -> F;
        add_u(a: U, b: U) -> U;
        sub_u(a: U, b: U) -> U;
        and_u(a: U, b: U) -> U;
        or_u(a: U, b: U) -> U;
        xor_u(a: U, b: U) -> U;
        lt_signed(a: U, b: U) -> M;
        from_signed(a: U) -> F;
        lesser(a: F, b: F) -> F;
        greater(a: F, b: F) -> F;
        magnitude_below(limit: F, x: F) -> F;
        copy_sign(a: F, sign: F) -> F;
        scale(a: F, n: F) -> F;
    }
    #[inline(always)]
    unsafe fn load(self, ptr: *const f32) -> Self::F {
        // SAFETY: the caller promises 2·S::LANES readable elements.
        unsafe { (self.0.load(ptr), self.0.load(ptr.add(S::LANES))) }
    }
    #[inline(always)]
    unsafe fn store(self, ptr: *mut f32, value: Self::F) {
        // SAFETY: the caller promises 2·S::LANES writable elements.
        unsafe {
            self.0.store(ptr, value.0);
            self.0.store(ptr.add(S::LANES), value.1);
        }
    }
    #[inline(always)]
    unsafe fn load_first(self, ptr: *const f32, count: usize) -> Self::F {
        let first = count.min(S::LANES);
        // SAFETY: first + (count − first) = count elements, which the caller promises to be readable.
        unsafe { (self.0.load_first(ptr, first), self.0.load_first(ptr.add(first), count - first)) }
    }
    #[inline(always)]
    unsafe fn load_bytes(self, ptr: *const u8) -> Self::F {
        // SAFETY: the caller promises 2·S::LANES readable bytes.
        unsafe { (self.0.load_bytes(ptr), self.0.load_bytes(ptr.add(S::LANES))) }
    }
    #[inline(always)]
    unsafe fn store_first(self, ptr: *mut f32, value: Self::F, count: usize) {
        let first = count.min(S::LANES);
        // SAFETY: first + (count − first) = count elements, which the caller promises to be writable.
        unsafe {
            if first == S::LANES {
                self.0.store(ptr, value.0);
                self.0.store_first(ptr.add(first), value.1, count - first);
            } else {
                self.0.store_first(ptr, value.0, first);
            }
        }
    }
}

/// A kernel that is to run on vectors of twice the length.
struct Doubled<K>(K);

impl<K: Kernel> Kernel for Doubled<K> {
    type Output = K::Output;
    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> K::Output {
        self.0.run(Twice(simd))
    }
}
