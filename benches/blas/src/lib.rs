//! Any BLAS on the machine as a safe matrix product, to compare kernels with.
//!
//! A library is loaded at run time by its path: OpenBLAS, MKL, BLIS, ARMPL, Accelerate, or any other with the C interface
//! `cblas_sgemm`, whatever prefix or suffix its symbols have and however wide its integers are. Operands are the checked views
//! of [`steadynet_kernels`], so no call can leave their memory.
//!
//! ```no_run
//! use steadynet_blas::Blas;
//! use steadynet_kernels::{Mat, MatMut};
//!
//! let blas = Blas::load("/usr/lib/libopenblas.so", &[])?;
//! let (a, b, mut c) = (vec![1.0; 6], vec![1.0; 12], vec![0.0; 8]);
//! blas.sgemm(Mat::new(&a, 2, 3)?, Mat::new(&b, 3, 4)?, MatMut::new(&mut c, 2, 4)?)?;
//! assert_eq!(c, [3.0; 8]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod idle;
mod layout;
mod open;
mod symbols;
mod threads;

pub use error::{LoadError, SgemmError};
pub use idle::wait_until_idle;
pub use layout::{CBLAS_NO_TRANS, CBLAS_ROW_MAJOR, CBLAS_TRANS, Layout};
pub use open::open;
pub use symbols::KNOWN_SYMBOLS;

use open::Library;
use std::ffi::c_int;
use std::path::{Path, PathBuf};
use steadynet_kernels::{Mat, MatMut};
use symbols::Symbols;

/// `cblas_sgemm` with integers of the width of a register.
///
/// A library with 32-bit integers reads the low half of each: on 64-bit machines every argument has a register or a stack slot of eight
/// bytes to itself, and the callee may not rely on the upper half. So one type serves both kinds of library, and a width that was
/// guessed wrong cannot corrupt a call.
type Sgemm = unsafe extern "C" fn(
    layout: c_int,
    transpose_a: c_int,
    transpose_b: c_int,
    m: isize,
    n: isize,
    k: isize,
    alpha: f32,
    a: *const f32,
    lda: isize,
    b: *const f32,
    ldb: isize,
    beta: f32,
    c: *mut f32,
    ldc: isize,
);

/// A library with its product of single-precision matrices.
#[derive(Debug)]
pub struct Blas {
    path: PathBuf,
    symbols: Symbols,
    sgemm: Sgemm,
    /// Never unloaded: see [`Blas::load`].
    library: &'static Library,
}

impl Blas {
    /// Loads the library at `path` and looks for its product: under the names in `symbols` if there are any, else under the
    /// [`KNOWN_SYMBOLS`].
    ///
    /// The library stays in memory until the process ends: those with threads of their own do not survive being unloaded.
    ///
    /// What no code can check: that the file is a library whose initialisation is sound and that a function of that name is the product
    /// of the C interface. Whoever names the library vouches for it, as whoever starts a program does.
    ///
    /// # Errors
    /// [`LoadError`] if there is no such file, it is not a library that this process can load, or it has no such function.
    pub fn load(path: impl AsRef<Path>, symbols: &[&str]) -> Result<Blas, LoadError> {
        let path = path.as_ref();
        if !path.is_file() {
            let path = path.to_owned();
            return Err(if path.exists() { LoadError::NotAFile { path } } else { LoadError::Missing { path } });
        }
        // A name without a folder would be looked for in the system's folders, and not be the file that was checked.
        let real = path
            .canonicalize()
            .map_err(|error| LoadError::NotLoadable { path: path.to_owned(), reason: error.to_string() })?;
        // SAFETY: that running the library's initialisers is sound is what the caller vouches for by naming it.
        let library = unsafe { open(&real) }
            .map_err(|error| LoadError::NotLoadable { path: path.to_owned(), reason: error::innermost(&error) })?;
        let library: &'static Library = Box::leak(Box::new(library));
        let tried = if symbols.is_empty() { KNOWN_SYMBOLS } else { symbols };
        for &name in tried {
            // SAFETY: that a function of this name has the type of the C interface is what the caller vouches for; the width of its
            // integers does not matter (see `Sgemm`).
            if let Ok(sgemm) = unsafe { library.get::<Sgemm>(name.as_bytes()) } {
                return Ok(Blas { path: path.to_owned(), symbols: Symbols::of(name), sgemm: *sgemm, library });
            }
        }
        let tried = tried.iter().map(|&name| name.to_owned()).collect();
        Err(LoadError::NoProduct { path: path.to_owned(), tried })
    }

    /// The path that the library was loaded from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name under which the product was found.
    pub fn symbol(&self) -> &str {
        &self.symbols.sgemm
    }

    /// `C ← A·B`.
    ///
    /// # Shapes
    /// `a: (m, k)`, `b: (k, n)`, `c: (m, n)`, each with rows or columns that lie side by side; `c` row-major. Zero extents are allowed
    /// (with `k = 0` the product is `+0`).
    /// # Errors
    /// [`SgemmError`] names the operand; nothing was called and `c` is untouched. What the library itself does with an
    /// error is its own affair.
    pub fn sgemm(&self, a: Mat<'_>, b: Mat<'_>, mut c: MatMut<'_>) -> Result<(), SgemmError> {
        let (m, k, n) = (c.rows(), a.cols(), c.cols());
        error::check_shapes(m, k, n, a, b)?;
        if m == 0 || n == 0 {
            return Ok(());
        }
        if k == 0 {
            for i in 0..m {
                for j in 0..n {
                    c.set(i, j, 0.0);
                }
            }
            return Ok(());
        }
        let (layout_a, layout_b) = (Layout::of("a", a)?, Layout::of("b", b)?);
        let layout_c = Layout::of("c", c.as_ref())?;
        if layout_c.transpose != CBLAS_NO_TRANS {
            return Err(SgemmError::Strides { operand: "c" });
        }
        // SAFETY: the views vouch for every element that the shapes and leading dimensions reach, C is lent mutably, and extents and
        // leading dimensions fit 32 bits (`Layout::of`, `check_shapes`), so either width of integer carries them.
        unsafe {
            (self.sgemm)(
                CBLAS_ROW_MAJOR,
                layout_a.transpose,
                layout_b.transpose,
                m as isize,
                n as isize,
                k as isize,
                1.0,
                a.as_ptr(),
                layout_a.leading as isize,
                b.as_ptr(),
                layout_b.leading as isize,
                0.0,
                c.as_mut_ptr(),
                layout_c.leading as isize,
            );
        }
        Ok(())
    }
}
