//! oneDNN's elementwise and softmax primitives, made for a shape at its first call.

use super::shared_object;
use crate::function::Function;
use crate::peer::{Map, Offer, Peer, Rows, own};
use std::cell::RefCell;
use std::ffi::{c_int, c_uint, c_void};
use std::ptr;

/// An object of the library.
type Handle = *mut c_void;
type Dims = [i64; 12];

const CPU: c_int = 1;
const IN_ORDER: c_uint = 1;
const F32: c_int = 3;
const INFERENCE: c_int = 96;
const SOURCE: c_int = 1;
const DESTINATION: c_int = 17;
const SOFTMAX_ACCURATE: c_int = 0x30000;

/// `dnnl_alg_kind_t` of elementwise functions, with the parameter alpha.
const ALGORITHMS: [(Function, c_int, f32); 8] = [
    (Function::Exp, 0x2a, 0.0),
    (Function::Ln, 0x2d, 0.0),
    (Function::Sigmoid, 0x29, 0.0),
    (Function::Tanh, 0x21, 0.0),
    (Function::Gelu, 0x31, 0.0),
    (Function::GeluTanh, 0x2b, 0.0),
    (Function::Silu, 0x2c, 1.0),
    (Function::Softplus, 0x27, 1.0),
];

#[repr(C)]
struct Argument {
    index: c_int,
    memory: Handle,
}

#[derive(Clone, Copy)]
struct Library {
    engine: Handle,
    stream: Handle,
    describe: unsafe extern "C" fn(*mut Handle, c_int, *const Dims, c_int, *const Dims) -> c_int,
    eltwise: unsafe extern "C" fn(*mut Handle, Handle, c_int, c_int, Handle, Handle, f32, f32, Handle) -> c_int,
    softmax: unsafe extern "C" fn(*mut Handle, Handle, c_int, c_int, Handle, Handle, c_int, Handle) -> c_int,
    create: unsafe extern "C" fn(*mut Handle, Handle) -> c_int,
    memory: unsafe extern "C" fn(*mut Handle, Handle, Handle, *mut c_void) -> c_int,
    set_data: unsafe extern "C" fn(Handle, *mut c_void) -> c_int,
    execute: unsafe extern "C" fn(Handle, Handle, c_int, *const Argument) -> c_int,
}

/// A primitive for one shape.
#[derive(Clone, Copy)]
struct Made {
    rows: usize,
    cols: usize,
    primitive: Handle,
    from: Handle,
    to: Handle,
}

#[derive(Clone, Copy)]
enum Kind {
    Elementwise(c_int, f32),
    Softmax,
}

impl Library {
    /// (Nothing is given back: there are a few dozen of them.)
    fn make(self, kind: Kind, rows: usize, cols: usize) -> Made {
        let (dims, strides) = (dims(rows, cols), dims(cols, 1));
        // SAFETY: the shapes are those of the slices that `run` checks.
        unsafe {
            let layout = made(|handle| (self.describe)(handle, 2, &raw const dims, F32, &raw const strides));
            let description = made(|handle| match kind {
                Kind::Elementwise(algorithm, alpha) => (self.eltwise)(
                    handle,
                    self.engine,
                    INFERENCE,
                    algorithm,
                    layout,
                    layout,
                    alpha,
                    0.0,
                    ptr::null_mut(),
                ),
                Kind::Softmax => {
                    (self.softmax)(handle, self.engine, INFERENCE, SOFTMAX_ACCURATE, layout, layout, 1, ptr::null_mut())
                }
            });
            let primitive = made(|handle| (self.create)(handle, description));
            let from = made(|handle| (self.memory)(handle, layout, self.engine, ptr::null_mut()));
            let to = made(|handle| (self.memory)(handle, layout, self.engine, ptr::null_mut()));
            Made { rows, cols, primitive, from, to }
        }
    }

    fn run(self, made: Made, x: &[f32], y: &mut [f32]) {
        assert!(x.len() == made.rows * made.cols && y.len() == x.len());
        // SAFETY: the primitive is for as many elements as both have; the source is only read.
        let status = unsafe {
            (self.set_data)(made.from, x.as_ptr().cast_mut().cast());
            (self.set_data)(made.to, y.as_mut_ptr().cast());
            let arguments =
                [Argument { index: SOURCE, memory: made.from }, Argument { index: DESTINATION, memory: made.to }];
            (self.execute)(made.primitive, self.stream, 2, arguments.as_ptr())
        };
        assert_eq!(status, 0, "dnnl_primitive_execute");
    }
}

fn dims(rows: usize, cols: usize) -> Dims {
    let mut dims = [0; 12];
    (dims[0], dims[1]) = (rows as i64, cols as i64);
    dims
}

/// A new object.
fn made(make: impl FnOnce(*mut Handle) -> c_int) -> Handle {
    let mut handle = ptr::null_mut();
    assert_eq!(make(&raw mut handle), 0, "oneDNN makes what it is asked for");
    handle
}

pub fn open() -> Result<Peer, String> {
    let object = shared_object::open("DNNL_LIB")?;
    // SAFETY: the types are those of `dnnl.h`.
    let library = unsafe {
        let create_engine: unsafe extern "C" fn(*mut Handle, c_int, usize) -> c_int =
            shared_object::function(object, "dnnl_engine_create")?;
        let create_stream: unsafe extern "C" fn(*mut Handle, Handle, c_uint) -> c_int =
            shared_object::function(object, "dnnl_stream_create")?;
        let engine = made(|handle| create_engine(handle, CPU, 0));
        Library {
            engine,
            stream: made(|handle| create_stream(handle, engine, IN_ORDER)),
            describe: shared_object::function(object, "dnnl_memory_desc_create_with_strides")?,
            eltwise: shared_object::function(object, "dnnl_eltwise_forward_primitive_desc_create")?,
            softmax: shared_object::function(object, "dnnl_softmax_forward_primitive_desc_create")?,
            create: shared_object::function(object, "dnnl_primitive_create")?,
            memory: shared_object::function(object, "dnnl_memory_create")?,
            set_data: shared_object::function(object, "dnnl_memory_set_data_handle")?,
            execute: shared_object::function(object, "dnnl_primitive_execute")?,
        }
    };
    let mut peer = Peer::new("oneDNN");
    for (function, algorithm, alpha) in ALGORITHMS {
        let rows = rows(library, Kind::Elementwise(algorithm, alpha));
        let map: Map = Box::new(move |x, y| rows(x, x.len(), y));
        peer.maps.push((function, own(map)));
    }
    peer.softmax = Some(Offer { call: rows(library, Kind::Softmax), composed: false });
    Ok(peer)
}

/// Makes the primitive for each new shape, and then keeps it.
fn rows(library: Library, kind: Kind) -> Rows {
    let known = RefCell::new(Vec::<Made>::new());
    Box::new(move |x, cols, y| {
        let rows = x.len() / cols;
        let mut known = known.borrow_mut();
        let found = known.iter().find(|made| (made.rows, made.cols) == (rows, cols)).copied();
        let made = found.unwrap_or_else(|| {
            let made = library.make(kind, rows, cols);
            known.push(made);
            made
        });
        library.run(made, x, y);
    })
}
