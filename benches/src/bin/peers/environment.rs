//! What the libraries are told through the environment, before any of them is loaded.

use crate::library::Setting;
use std::env;

/// Sets the number of threads and the instruction set, and takes away what would slow a library down.
///
/// # Safety
/// No other thread runs yet.
pub unsafe fn set(setting: Setting) {
    let threads = setting.threads.to_string();
    let counts =
        ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS", "MATMUL_NUM_THREADS"];
    let mut values: Vec<(&str, &str)> = counts.iter().map(|&name| (name, threads.as_str())).collect();
    values.push(("MKL_THREADING_LAYER", if setting.threads == 1 { "SEQUENTIAL" } else { "INTEL" }));
    values.push(("MKL_DYNAMIC", "FALSE"));
    // Threads wait for more work actively, but not so long that they disturb the library whose turn is next. (Milliseconds, clock
    // cycles as a power of two, iterations.)
    values.extend([("KMP_BLOCKTIME", "1"), ("OPENBLAS_THREAD_TIMEOUT", "21"), ("GOMP_SPINCOUNT", "20000")]);
    // libxsmm asks Intel's OpenMP to bind threads unless somebody has said something else. That would bind the measuring thread, and
    // everybody else's threads with it.
    values.push(("KMP_AFFINITY", "none"));
    for name in
        ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "BLIS_ARCH_TYPE", "MKL_ENABLE_INSTRUCTIONS", "OMP_WAIT_POLICY"]
    {
        // SAFETY: the caller's promise.
        unsafe { env::remove_var(name) };
    }
    if setting.isa.name() == "avx2" {
        values.extend([
            ("MKL_ENABLE_INSTRUCTIONS", "AVX2"),
            ("OPENBLAS_CORETYPE", "Haswell"),
            ("ONEDNN_MAX_CPU_ISA", "AVX2"),
            ("LIBXSMM_TARGET", "hsw"),
            ("BLIS_FORCED_ARCH", "haswell"),
        ]);
    }
    for (name, value) in values {
        // SAFETY: the caller's promise.
        unsafe { env::set_var(name, value) };
    }
}
