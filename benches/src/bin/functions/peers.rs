//! Every library, one file each.

mod mkl;
mod onednn;
mod ours;
mod rten;
#[path = "../peers/libraries/shared_object.rs"]
mod shared_object;
mod vector_calls;

use crate::peer::Peer;
use steadynet_kernels::Isa;

/// All that there are, ours first, and why others are missing.
pub fn all(isa: Isa) -> (Vec<Peer>, Vec<String>) {
    let candidates = [
        ("MKL HA", mkl::open("MKL HA", mkl::HIGH_ACCURACY)),
        ("MKL LA", mkl::open("MKL LA", mkl::LOW_ACCURACY)),
        ("SLEEF u10", vector_calls::sleef("SLEEF u10", "u10", isa)),
        ("SLEEF u35", vector_calls::sleef("SLEEF u35", "u35", isa)),
        ("libmvec", vector_calls::libmvec(isa)),
        ("oneDNN", onednn::open()),
        ("rten-vecmath", rten::open(isa)),
    ];
    let (mut found, mut missing) = (vec![ours::open(isa)], Vec::new());
    for (name, peer) in candidates {
        match peer {
            Ok(peer) => found.push(peer),
            Err(reason) => missing.push(format!("{name}: {reason}")),
        }
    }
    (found, missing)
}
