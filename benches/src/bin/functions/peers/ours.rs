//! This project's own.

use crate::function::Function;
use crate::peer::{Map, Peer, own};
use std::cell::RefCell;
use steadynet_kernels::{
    Activation, Epilogue, Isa, Mat, MatMut, ShapeError, activation_forward, elementwise, gemm, gemm_scratch_len,
    softmax, softmax_cross_entropy,
};

pub fn open(isa: Isa) -> Peer {
    let mut peer = Peer::new("steadynet");
    for function in Function::ALL {
        if let Some(map) = map(isa, function) {
            peer.maps.push((function, own(map)));
        }
    }
    peer.softmax = Some(own(Box::new(move |x, cols, y| {
        let rows = x.len() / cols;
        let done = Mat::new(x, rows, cols).and_then(|x| softmax(isa, x, MatMut::new(y, rows, cols)?));
        done.expect("whole rows");
    })));
    peer.loss = Some(own(Box::new(move |x, cols, labels, gradient, losses| {
        let rows = labels.len();
        let done = Mat::new(x, rows, cols).and_then(|x| {
            let gradient = MatMut::new(gradient, rows, cols)?;
            softmax_cross_entropy(isa, x, labels, 1.0 / rows as f32, gradient, losses)
        });
        done.expect("whole rows, labels below the classes");
    })));
    let scratch = RefCell::new(Vec::new());
    peer.bias_sigmoid = Some(own(Box::new(move |x, cols, y| {
        // The end of a product, so with the shortest one before it: one multiply-add for each element.
        let rows = y.len() / cols;
        let (a, b) = (&x[..rows], &x[rows..][..cols]);
        let mut scratch = scratch.borrow_mut();
        scratch.resize(gemm_scratch_len(rows, 1, cols), 0.0);
        let epilogue = Epilogue::Bias { bias: b, activation: Activation::Sigmoid };
        let done = Mat::new(a, rows, 1)
            .and_then(|a| gemm(isa, a, Mat::new(b, 1, cols)?, MatMut::new(y, rows, cols)?, epilogue, &mut scratch));
        done.expect("shapes that agree");
    })));
    peer
}

type Elementwise = fn(Isa, &[f32], &mut [f32]) -> Result<(), ShapeError>;

fn map(isa: Isa, function: Function) -> Option<Map> {
    let by_element =
        |map: Elementwise| -> Option<Map> { Some(Box::new(move |x, y| map(isa, x, y).expect("equal lengths"))) };
    match function {
        Function::Exp => by_element(elementwise::exp),
        Function::Ln => by_element(elementwise::ln),
        Function::Sigmoid => by_element(elementwise::sigmoid),
        Function::Tanh => by_element(elementwise::tanh),
        Function::Silu => by_element(elementwise::silu),
        Function::Softplus => by_element(elementwise::softplus),
        Function::Gelu | Function::GeluTanh => {
            let activation = Activation::from_name(function.name())?;
            Some(Box::new(move |x, y| {
                let len = x.len();
                let done =
                    Mat::new(x, 1, len).and_then(|x| activation_forward(isa, activation, x, MatMut::new(y, 1, len)?));
                done.expect("equal lengths");
            }))
        }
    }
}
