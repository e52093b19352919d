//! `rten-vecmath`, which chooses the instruction set itself: AVX-512 where there is one.

use crate::function::Function;
use crate::peer::{Map, Peer, own};
use rten_simd::{SimdOp, SimdUnaryOp};
use rten_vecmath::{ApproxGelu, Exp, Gelu, Sigmoid, Silu, Softmax, Tanh};
use std::mem::MaybeUninit;
use steadynet_kernels::Isa;

pub fn open(isa: Isa) -> Result<Peer, String> {
    if isa.name() != Isa::detect().name() {
        return Err("cannot be told the instruction set".into());
    }
    let mut peer = Peer::new("rten-vecmath");
    fn map(op: impl SimdUnaryOp<f32> + 'static) -> Map {
        Box::new(move |x, y| {
            op.map(x, uninitialized(y));
        })
    }
    peer.maps.push((Function::Exp, own(map(Exp {}))));
    peer.maps.push((Function::Sigmoid, own(map(Sigmoid {}))));
    peer.maps.push((Function::Tanh, own(map(Tanh {}))));
    peer.maps.push((Function::Gelu, own(map(Gelu {}))));
    peer.maps.push((Function::GeluTanh, own(map(ApproxGelu {}))));
    peer.maps.push((Function::Silu, own(map(Silu {}))));
    peer.softmax = Some(own(Box::new(|x, cols, y| {
        for (x, y) in x.chunks_exact(cols).zip(y.chunks_exact_mut(cols)) {
            Softmax::new(x, uninitialized(y)).dispatch();
        }
    })));
    Ok(peer)
}

/// What is there need not be initialized.
fn uninitialized(y: &mut [f32]) -> &mut [MaybeUninit<f32>] {
    // SAFETY: the same layout; rten writes every element, and only initialized ones.
    unsafe { &mut *(std::ptr::from_mut(y) as *mut [MaybeUninit<f32>]) }
}
