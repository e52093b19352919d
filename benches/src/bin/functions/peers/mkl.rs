//! The vector mathematics of MKL, in its accuracies.

use super::shared_object;
use crate::function::Function;
use crate::peer::{Map, Peer, composed, own};
use std::cell::RefCell;
use std::ffi::c_int;

/// `VML_HA | VML_FTZDAZ_OFF | VML_ERRMODE_IGNORE`.
pub const HIGH_ACCURACY: i64 = 0x2 | 0x0014_0000 | 0x100;
/// `VML_LA | VML_FTZDAZ_OFF | VML_ERRMODE_IGNORE`.
pub const LOW_ACCURACY: i64 = 0x1 | 0x0014_0000 | 0x100;

/// `vmsExp` and its like of `mkl_vml_functions.h`.
#[derive(Clone, Copy)]
struct Vml {
    call: unsafe extern "C" fn(c_int, *const f32, *mut f32, i64),
    mode: i64,
}

impl Vml {
    fn map(self, x: &[f32], y: &mut [f32]) {
        assert_eq!(x.len(), y.len());
        // SAFETY: as many elements of each.
        unsafe { (self.call)(x.len() as c_int, x.as_ptr(), y.as_mut_ptr(), self.mode) }
    }

    /// In place, which MKL allows.
    fn map_mut(self, y: &mut [f32]) {
        // SAFETY: as many elements.
        unsafe { (self.call)(y.len() as c_int, y.as_ptr(), y.as_mut_ptr(), self.mode) }
    }
}

pub fn open(name: &'static str, mode: i64) -> Result<Peer, String> {
    let object = shared_object::open("MKL_LIB")?;
    // SAFETY: the types are those of `mkl_service.h` and `mkl_vml_functions.h`.
    let function = |name| unsafe { shared_object::function(object, name) }.map(|call| Vml { call, mode });
    // SAFETY: as above.
    unsafe { shared_object::function::<unsafe extern "C" fn(c_int)>(object, "MKL_Set_Num_Threads")?(1) };
    let (exp, ln, tanh) = (function("vmsExp")?, function("vmsLn")?, function("vmsTanh")?);
    let (normal, log1p) = (function("vmsCdfNorm")?, function("vmsLog1p")?);
    let mut peer = Peer::new(name);
    peer.maps.push((Function::Exp, own::<Map>(Box::new(move |x, y| exp.map(x, y)))));
    peer.maps.push((Function::Ln, own(Box::new(move |x, y| ln.map(x, y)))));
    peer.maps.push((Function::Tanh, own(Box::new(move |x, y| tanh.map(x, y)))));
    peer.maps.push((
        Function::Sigmoid,
        composed(Box::new(move |x, y| {
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = -x);
            exp.map_mut(y);
            y.iter_mut().for_each(|y| *y = 1.0 / (1.0 + *y));
        })),
    ));
    peer.maps.push((
        Function::Silu,
        composed(Box::new(move |x, y| {
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = -x);
            exp.map_mut(y);
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = x / (1.0 + *y));
        })),
    ));
    peer.maps.push((
        Function::Gelu,
        composed(Box::new(move |x, y| {
            normal.map(x, y);
            y.iter_mut().zip(x).for_each(|(y, &x)| *y *= x);
        })),
    ));
    peer.maps.push((
        Function::GeluTanh,
        composed(Box::new(move |x, y| {
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = 0.797_884_6 * (x + 0.044715 * x * x * x));
            tanh.map_mut(y);
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = 0.5 * x * (1.0 + *y));
        })),
    ));
    peer.maps.push((
        Function::Softplus,
        composed(Box::new(move |x, y| {
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = -x.abs());
            exp.map_mut(y);
            log1p.map_mut(y);
            y.iter_mut().zip(x).for_each(|(y, &x)| *y += x.max(0.0));
        })),
    ));
    let sums = RefCell::new(Vec::new());
    peer.softmax = Some(composed(Box::new(move |x, cols, y| {
        // One call for all rows: a call for ten elements would cost more than they do.
        for (x, y) in x.chunks_exact(cols).zip(y.chunks_exact_mut(cols)) {
            let largest = x.iter().copied().fold(f32::NEG_INFINITY, |a, b| if a > b { a } else { b });
            y.iter_mut().zip(x).for_each(|(y, &x)| *y = x - largest);
        }
        exp.map_mut(y);
        let mut sums = sums.borrow_mut();
        sums.clear();
        sums.extend(y.chunks_exact(cols).map(sum));
        for (y, sum) in y.chunks_exact_mut(cols).zip(sums.iter()) {
            let inverse = 1.0 / sum;
            y.iter_mut().for_each(|y| *y *= inverse);
        }
    })));
    Ok(peer)
}

/// In as many chains as vectors want.
fn sum(x: &[f32]) -> f32 {
    let (chunks, rest) = x.as_chunks::<16>();
    let mut sums = [0.0; 16];
    for chunk in chunks {
        sums.iter_mut().zip(chunk).for_each(|(sum, x)| *sum += x);
    }
    sums.iter().chain(rest).sum()
}
