//! MKL's products with something made ahead: B packed, or code for the shape.

use super::{Opened, leading, shared_object};
use crate::library::{Call, Kind, Library, Setting, plain};
use libloading::Library as Object;
use std::ffi::{c_int, c_void};
use std::ptr;
use steadynet_benches::product::Product;
use steadynet_benches::shape::Shape;
use steadynet_blas::{CBLAS_NO_TRANS, CBLAS_ROW_MAJOR, CBLAS_TRANS};

const B_MATRIX: c_int = 162;
const PACKED: c_int = 151;

fn transpose(transposed: bool) -> c_int {
    if transposed { CBLAS_TRANS } else { CBLAS_NO_TRANS }
}

/// Extents and leading dimensions as MKL wants them. (The largest shape fits.)
fn int(extent: usize) -> c_int {
    c_int::try_from(extent).unwrap_or(c_int::MAX)
}

type PackSize = unsafe extern "C" fn(c_int, c_int, c_int, c_int) -> usize;
type Pack = unsafe extern "C" fn(c_int, c_int, c_int, c_int, c_int, c_int, f32, *const f32, c_int, *mut f32);
#[rustfmt::skip]
type Compute = unsafe extern "C" fn(c_int, c_int, c_int, c_int, c_int, c_int, *const f32, c_int, *const f32, c_int, f32, *mut f32, c_int);

struct Packed {
    pack_size: PackSize,
    pack: Pack,
    compute: Compute,
}

pub fn open_packed(setting: Setting) -> Opened {
    let object = open(setting)?;
    // SAFETY: the types are those of `mkl_cblas.h`.
    unsafe {
        Ok(Box::new(Packed {
            pack_size: shared_object::function(object, "cblas_sgemm_pack_get_size")?,
            pack: shared_object::function(object, "cblas_sgemm_pack")?,
            compute: shared_object::function(object, "cblas_sgemm_compute")?,
        }))
    }
}

fn open(setting: Setting) -> Result<&'static Object, String> {
    let object = shared_object::open("MKL_LIB")?;
    // SAFETY: the type is that of `mkl_service.h`.
    unsafe {
        shared_object::function::<unsafe extern "C" fn(c_int)>(object, "MKL_Set_Num_Threads")?(int(setting.threads))
    };
    Ok(object)
}

impl Library for Packed {
    fn name(&self) -> &'static str {
        "mkl-packed"
    }

    fn kind(&self) -> Kind {
        Kind::C
    }

    fn prepared(&self) -> bool {
        true
    }

    fn prepare<'a>(&'a self, product: &'a Product) -> Option<Call<'a>> {
        let Shape { m, k, n, a_transposed, b_transposed } = product.shape;
        let (a, b) = product.views().ok()?;
        // SAFETY: the shapes and leading dimensions are those of the operands, and the packed matrix has the size that MKL asks for. Its
        // first element lies at a cache line, as MKL advises.
        unsafe {
            let bytes = (self.pack_size)(B_MATRIX, int(m), int(n), int(k));
            let mut memory = vec![0.0f32; bytes / 4 + 16];
            let skip = memory.as_ptr().align_offset(64).min(15);
            let target = memory.as_mut_ptr().add(skip);
            (self.pack)(
                CBLAS_ROW_MAJOR,
                B_MATRIX,
                transpose(b_transposed),
                int(m),
                int(n),
                int(k),
                1.0,
                b.as_ptr(),
                int(leading(b)),
                target,
            );
            Some(plain(move |c| {
                (self.compute)(
                    CBLAS_ROW_MAJOR,
                    transpose(a_transposed),
                    PACKED,
                    int(m),
                    int(n),
                    int(k),
                    a.as_ptr(),
                    int(leading(a)),
                    memory.as_ptr().add(skip),
                    int(n),
                    0.0,
                    c.as_mut_ptr(),
                    int(n),
                );
            }))
        }
    }
}

#[rustfmt::skip]
type Create = unsafe extern "C" fn(*mut *mut c_void, c_int, c_int, c_int, c_int, c_int, c_int, f32, c_int, c_int, f32, c_int) -> c_int;
type Kernel = unsafe extern "C" fn(*mut c_void, *const f32, *const f32, *mut f32);
type KernelOf = unsafe extern "C" fn(*const c_void) -> Option<Kernel>;

struct Jit {
    create: Create,
    kernel_of: KernelOf,
}

pub fn open_jit(setting: Setting) -> Opened {
    let object = open(setting)?;
    // SAFETY: the types are those of `mkl_blas.h`.
    unsafe {
        Ok(Box::new(Jit {
            create: shared_object::function(object, "mkl_cblas_jit_create_sgemm")?,
            kernel_of: shared_object::function(object, "mkl_jit_get_sgemm_ptr")?,
        }))
    }
}

impl Library for Jit {
    fn name(&self) -> &'static str {
        "mkl-jit"
    }

    fn kind(&self) -> Kind {
        Kind::C
    }

    fn prepared(&self) -> bool {
        true
    }

    fn prepare<'a>(&'a self, product: &'a Product) -> Option<Call<'a>> {
        let Shape { m, k, n, a_transposed, b_transposed } = product.shape;
        let (a, b) = product.views().ok()?;
        let mut jitter = ptr::null_mut();
        // SAFETY: the shapes and leading dimensions are those of the operands.
        unsafe {
            let status = (self.create)(
                &raw mut jitter,
                CBLAS_ROW_MAJOR,
                transpose(a_transposed),
                transpose(b_transposed),
                int(m),
                int(n),
                int(k),
                1.0,
                int(leading(a)),
                int(leading(b)),
                0.0,
                int(n),
            );
            // 1: made, but without code of its own for this shape (the plain product, which is measured anyway); 2: an error.
            if status != 0 {
                return None;
            }
            let kernel = (self.kernel_of)(jitter)?;
            Some(plain(move |c| kernel(jitter, a.as_ptr(), b.as_ptr(), c.as_mut_ptr())))
        }
    }
}
