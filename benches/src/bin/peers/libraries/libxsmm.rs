//! libxsmm: its BLAS-like entry, and the kernel that it makes for a shape.

use super::{Opened, leading, shared_object};
use crate::library::{Call, Kind, Library, Setting, plain};
use libloading::Library as Object;
use std::ffi::{c_char, c_int};
use std::ptr;
use steadynet_benches::product::Product;
use steadynet_benches::shape::Shape;

const TRANS_A: c_int = 1;
const TRANS_B: c_int = 2;

fn int(extent: usize) -> c_int {
    c_int::try_from(extent).unwrap_or(c_int::MAX)
}

#[rustfmt::skip]
type Sgemm = unsafe extern "C" fn(
    *const c_char, *const c_char, *const c_int, *const c_int, *const c_int, *const f32, *const f32, *const c_int, *const f32,
    *const c_int, *const f32, *mut f32, *const c_int,
);

struct Plain {
    sgemm: Sgemm,
    jit: Jit,
}

pub fn open(_: Setting) -> Opened {
    let object = shared_object::open("XSMM_LIB")?;
    // SAFETY: the types are those of `libxsmm.h`.
    unsafe {
        shared_object::function::<unsafe extern "C" fn()>(object, "libxsmm_init")?();
        Ok(Box::new(Plain { sgemm: shared_object::function(object, "libxsmm_sgemm")?, jit: Jit::of(object)? }))
    }
}

impl Library for Plain {
    fn name(&self) -> &'static str {
        "libxsmm"
    }

    fn kind(&self) -> Kind {
        Kind::C
    }

    fn prepare<'a>(&'a self, product: &'a Product) -> Option<Call<'a>> {
        // Its matrices are column-major: Cᵀ = Bᵀ·Aᵀ.
        let Shape { m, k, n, a_transposed, b_transposed } = product.shape;
        let (a, b) = product.views().ok()?;
        let letter = |transposed: bool| if transposed { c"T" } else { c"N" };
        let (trans_first, trans_second) = (letter(b_transposed), letter(a_transposed));
        let [m, k, n, lda, ldb] = [m, k, n, leading(a), leading(b)].map(int);
        let (one, zero) = (1.0, 0.0);
        // It leaves larger products, and those that it makes no kernel for, to another BLAS, which it has not got here.
        const LARGEST: usize = 64 * 64 * 64;
        if product.shape.m * product.shape.k * product.shape.n > LARGEST || self.jit.kernel(product).is_none() {
            return None;
        }
        Some(plain(move |c| {
            // SAFETY: the shapes and leading dimensions are those of the operands.
            unsafe {
                (self.sgemm)(
                    trans_first.as_ptr(),
                    trans_second.as_ptr(),
                    &raw const n,
                    &raw const m,
                    &raw const k,
                    &raw const one,
                    b.as_ptr(),
                    &raw const ldb,
                    a.as_ptr(),
                    &raw const lda,
                    &raw const zero,
                    c.as_mut_ptr(),
                    &raw const n,
                );
            }
        }))
    }
}

type Kernel = unsafe extern "C" fn(*const f32, *const f32, *mut f32);
#[rustfmt::skip]
type Dispatch = unsafe extern "C" fn(
    c_int, c_int, c_int, *const c_int, *const c_int, *const c_int, *const f32, *const f32, *const c_int, *const c_int,
) -> Option<Kernel>;

struct Jit {
    dispatch: Dispatch,
}

impl Jit {
    fn of(object: &'static Object) -> Result<Jit, String> {
        // SAFETY: the type is that of `libxsmm.h`. (The kernel takes three pointers and, not asked for here, places to prefetch.)
        unsafe { Ok(Jit { dispatch: shared_object::function(object, "libxsmm_smmdispatch")? }) }
    }

    /// The kernel for a shape, if the library makes one. Its matrices are column-major: Cᵀ = Bᵀ·Aᵀ.
    fn kernel(&self, product: &Product) -> Option<Kernel> {
        let Shape { m, k, n, a_transposed, b_transposed } = product.shape;
        let (a, b) = product.views().ok()?;
        let [m, k, n, lda, ldb] = [m, k, n, leading(a), leading(b)].map(int);
        let flags = if b_transposed { TRANS_A } else { 0 } | if a_transposed { TRANS_B } else { 0 };
        let (one, zero) = (1.0, 0.0);
        // SAFETY: the pointers are to places here; a null pointer asks for no prefetching.
        unsafe {
            (self.dispatch)(
                n,
                m,
                k,
                &raw const ldb,
                &raw const lda,
                &raw const n,
                &raw const one,
                &raw const zero,
                &raw const flags,
                ptr::null(),
            )
        }
    }
}

pub fn open_jit(_: Setting) -> Opened {
    Ok(Box::new(Jit::of(shared_object::open("XSMM_LIB")?)?))
}

impl Library for Jit {
    fn name(&self) -> &'static str {
        "libxsmm-jit"
    }

    fn kind(&self) -> Kind {
        Kind::C
    }

    fn prepared(&self) -> bool {
        true
    }

    fn prepare<'a>(&'a self, product: &'a Product) -> Option<Call<'a>> {
        let kernel = self.kernel(product)?;
        let (a, b) = product.views().ok()?;
        // SAFETY: the kernel is for the shapes and leading dimensions of these operands.
        Some(plain(move |c| unsafe { kernel(b.as_ptr(), a.as_ptr(), c.as_mut_ptr()) }))
    }
}
