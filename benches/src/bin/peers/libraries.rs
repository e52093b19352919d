//! Every library, one file each.

mod cblas;
mod faer;
mod gemm;
mod libxsmm;
mod matrixmultiply;
mod mkl;
mod nano_gemm;
mod onednn;
mod ours;
mod private_gemm_x86;
mod rten_gemm;
mod shared_object;

use crate::library::{Library, Setting};
use steadynet_kernels::Mat;

type Opened = Result<Box<dyn Library>, String>;
type Open = fn(Setting) -> Opened;

/// Name and how it is opened, in the order of tables.
pub const LIBRARIES: &[(&str, Open)] = &[
    ("steadynet", ours::open),
    ("steadynet-packed", ours::open_packed),
    ("steadynet-plan", ours::open_planned),
    ("mkl", |setting| cblas::open("mkl", "MKL_LIB", setting)),
    ("mkl-packed", mkl::open_packed),
    ("mkl-jit", mkl::open_jit),
    ("openblas", |setting| cblas::open("openblas", "OPENBLAS_LIB", setting)),
    ("blis", |setting| cblas::open("blis", "BLIS_LIB", setting)),
    ("blis-forced", cblas::open_blis_forced),
    ("onednn", onednn::open),
    ("onednn-packed", onednn::open_packed),
    ("libxsmm", libxsmm::open),
    ("libxsmm-jit", libxsmm::open_jit),
    ("gemm", gemm::open),
    ("faer", faer::open),
    ("private-gemm-x86", private_gemm_x86::open),
    ("nano-gemm", nano_gemm::open),
    ("matrixmultiply", matrixmultiply::open),
    ("rten-gemm", rten_gemm::open),
    ("rten-gemm-packed", rten_gemm::open_packed),
];

/// Elements from one stored row to the next.
fn leading(x: Mat<'_>) -> usize {
    x.row_stride().max(x.col_stride())
}
