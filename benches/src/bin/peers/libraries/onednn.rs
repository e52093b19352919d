//! oneDNN: its plain product, and its matrix-product primitive with B in the layout that it prefers.

use super::{Opened, leading, shared_object};
use crate::library::{Call, Kind, Library, Setting, plain};
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::ptr;
use steadynet_benches::product::Product;
use steadynet_benches::shape::Shape;
use steadynet_kernels::Mat;

#[rustfmt::skip]
type Sgemm = unsafe extern "C" fn(c_char, c_char, i64, i64, i64, f32, *const f32, i64, *const f32, i64, f32, *mut f32, i64) -> c_int;

struct Plain {
    sgemm: Sgemm,
}

pub fn open(_: Setting) -> Opened {
    let object = shared_object::open("DNNL_LIB")?;
    // SAFETY: the type is that of `dnnl.h`.
    unsafe { Ok(Box::new(Plain { sgemm: shared_object::function(object, "dnnl_sgemm")? })) }
}

impl Library for Plain {
    fn name(&self) -> &'static str {
        "onednn"
    }

    fn kind(&self) -> Kind {
        Kind::C
    }

    fn prepare<'a>(&'a self, product: &'a Product) -> Option<Call<'a>> {
        let Shape { m, k, n, a_transposed, b_transposed } = product.shape;
        let (a, b) = product.views().ok()?;
        let letter = |transposed: bool| if transposed { b'T' } else { b'N' } as c_char;
        let (trans_a, trans_b) = (letter(a_transposed), letter(b_transposed));
        let [m, k, n, lda, ldb] = [m, k, n, leading(a), leading(b)].map(|extent| extent as i64);
        Some(plain(move |c| {
            // SAFETY: the shapes and leading dimensions are those of the operands.
            let status = unsafe {
                (self.sgemm)(trans_a, trans_b, m, n, k, 1.0, a.as_ptr(), lda, b.as_ptr(), ldb, 0.0, c.as_mut_ptr(), n)
            };
            assert_eq!(status, 0, "dnnl_sgemm");
        }))
    }
}

/// An object of the library.
type Handle = *mut c_void;
/// Extents or strides, of which the first two count.
type Dims = [i64; 12];

const CPU: c_int = 1;
const IN_ORDER: c_uint = 1;
const F32: c_int = 3;
const ANY_LAYOUT: c_int = 1;
const QUERY_WEIGHTS: c_int = 131;
const SOURCE: c_int = 1;
const DESTINATION: c_int = 17;
const WEIGHTS: c_int = 33;

#[repr(C)]
struct Argument {
    index: c_int,
    memory: Handle,
}

struct Primitive {
    engine: Handle,
    stream: Handle,
    describe_strides: unsafe extern "C" fn(*mut Handle, c_int, *const Dims, c_int, *const Dims) -> c_int,
    describe_tag: unsafe extern "C" fn(*mut Handle, c_int, *const Dims, c_int, c_int) -> c_int,
    describe_matmul: unsafe extern "C" fn(*mut Handle, Handle, Handle, Handle, Handle, Handle, Handle) -> c_int,
    describe_reorder: unsafe extern "C" fn(*mut Handle, Handle, Handle, Handle, Handle, Handle) -> c_int,
    query: unsafe extern "C" fn(Handle, c_int, c_int) -> Handle,
    create: unsafe extern "C" fn(*mut Handle, Handle) -> c_int,
    execute: unsafe extern "C" fn(Handle, Handle, c_int, *const Argument) -> c_int,
    memory: unsafe extern "C" fn(*mut Handle, Handle, Handle, *mut c_void) -> c_int,
    set_data: unsafe extern "C" fn(Handle, *mut c_void) -> c_int,
}

/// `DNNL_MEMORY_ALLOCATE`: memory of the library's own.
const ALLOCATE: *mut c_void = ptr::without_provenance_mut(usize::MAX);

pub fn open_packed(_: Setting) -> Opened {
    let object = shared_object::open("DNNL_LIB")?;
    // SAFETY: the types are those of `dnnl.h`.
    unsafe {
        let create_engine: unsafe extern "C" fn(*mut Handle, c_int, usize) -> c_int =
            shared_object::function(object, "dnnl_engine_create")?;
        let create_stream: unsafe extern "C" fn(*mut Handle, Handle, c_uint) -> c_int =
            shared_object::function(object, "dnnl_stream_create")?;
        let (mut engine, mut stream) = (ptr::null_mut(), ptr::null_mut());
        if create_engine(&raw mut engine, CPU, 0) != 0 || create_stream(&raw mut stream, engine, IN_ORDER) != 0 {
            return Err("has no engine for this processor".into());
        }
        Ok(Box::new(Primitive {
            engine,
            stream,
            describe_strides: shared_object::function(object, "dnnl_memory_desc_create_with_strides")?,
            describe_tag: shared_object::function(object, "dnnl_memory_desc_create_with_tag")?,
            describe_matmul: shared_object::function(object, "dnnl_matmul_primitive_desc_create")?,
            describe_reorder: shared_object::function(object, "dnnl_reorder_primitive_desc_create")?,
            query: shared_object::function(object, "dnnl_primitive_desc_query_md")?,
            create: shared_object::function(object, "dnnl_primitive_create")?,
            execute: shared_object::function(object, "dnnl_primitive_execute")?,
            memory: shared_object::function(object, "dnnl_memory_create")?,
            set_data: shared_object::function(object, "dnnl_memory_set_data_handle")?,
        }))
    }
}

/// A new object, unless the library refuses to make it.
fn made(make: impl FnOnce(*mut Handle) -> c_int) -> Option<Handle> {
    let mut handle = ptr::null_mut();
    (make(&raw mut handle) == 0).then_some(handle)
}

fn dims(rows: usize, cols: usize) -> Dims {
    let mut dims = [0; 12];
    (dims[0], dims[1]) = (rows as i64, cols as i64);
    dims
}

impl Primitive {
    /// A description of an operand as it lies.
    fn described(&self, x: Mat<'_>) -> Option<Handle> {
        let (extents, strides) = (dims(x.rows(), x.cols()), dims(x.row_stride(), x.col_stride()));
        // SAFETY: two extents and two strides, as announced.
        made(|handle| unsafe { (self.describe_strides)(handle, 2, &extents, F32, &strides) })
    }

    /// The operand's memory under its description. (The library writes to no source.)
    fn lent(&self, description: Handle, x: Mat<'_>) -> Option<Handle> {
        // SAFETY: the description is that of the operand.
        made(|handle| unsafe { (self.memory)(handle, description, self.engine, x.as_ptr().cast_mut().cast()) })
    }
}

impl Library for Primitive {
    fn name(&self) -> &'static str {
        "onednn-packed"
    }

    fn kind(&self) -> Kind {
        Kind::C
    }

    fn prepared(&self) -> bool {
        true
    }

    /// (What it makes stays until the process ends.)
    fn prepare<'a>(&'a self, product: &'a Product) -> Option<Call<'a>> {
        let Shape { m, k, n, .. } = product.shape;
        let (a, b) = product.views().ok()?;
        let result = vec![0.0; m * n];
        let c_description = self.described(Mat::new(&result, m, n).ok()?)?;
        let (a_description, b_description) = (self.described(a)?, self.described(b)?);
        // SAFETY: every handle was made by the library and lives on; the arguments are those that the primitives ask for.
        unsafe {
            let any = made(|handle| (self.describe_tag)(handle, 2, &dims(k, n), F32, ANY_LAYOUT))?;
            let none = ptr::null_mut();
            let matmul = made(|handle| {
                (self.describe_matmul)(handle, self.engine, a_description, any, none, c_description, none)
            })?;
            let preferred = (self.query)(matmul, QUERY_WEIGHTS, 0);
            let primitive = made(|handle| (self.create)(handle, matmul))?;
            let packed = made(|handle| (self.memory)(handle, preferred, self.engine, ALLOCATE))?;
            let reorder = made(|handle| {
                (self.describe_reorder)(handle, b_description, self.engine, preferred, self.engine, none)
            })?;
            let reorder = made(|handle| (self.create)(handle, reorder))?;
            let arguments = [
                Argument { index: SOURCE, memory: self.lent(b_description, b)? },
                Argument { index: DESTINATION, memory: packed },
            ];
            if (self.execute)(reorder, self.stream, 2, arguments.as_ptr()) != 0 {
                return None;
            }
            let source = self.lent(a_description, a)?;
            let result = made(|handle| (self.memory)(handle, c_description, self.engine, none))?;
            let arguments = [
                Argument { index: SOURCE, memory: source },
                Argument { index: WEIGHTS, memory: packed },
                Argument { index: DESTINATION, memory: result },
            ];
            let mut place = ptr::null_mut();
            Some(plain(move |c| {
                if place != c.as_mut_ptr() {
                    place = c.as_mut_ptr();
                    (self.set_data)(result, place.cast());
                }
                let status = (self.execute)(primitive, self.stream, 3, arguments.as_ptr());
                assert_eq!(status, 0, "dnnl_primitive_execute");
            }))
        }
    }
}
