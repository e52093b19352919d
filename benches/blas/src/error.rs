//! What can be wrong with a library or with the operands of a call.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use steadynet_kernels::{Mat, ShapeError};

/// Why a library cannot serve.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError {
    /// There is no such file.
    Missing {
        /// The path that was given.
        path: PathBuf,
    },
    /// A folder or a device, not a file.
    NotAFile {
        /// The path that was given.
        path: PathBuf,
    },
    /// The system's loader refuses the file.
    NotLoadable {
        /// The path that was given.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// A library without a function of these names.
    NoProduct {
        /// The path that was given.
        path: PathBuf,
        /// The names that were looked for.
        tried: Vec<String>,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { path } => write!(f, "{}: no such file", path.display()),
            Self::NotAFile { path } => write!(f, "{}: not a file", path.display()),
            Self::NotLoadable { path, reason } => {
                write!(f, "{}: not a library that can be loaded: {reason}", path.display())
            }
            Self::NoProduct { path, tried } => {
                write!(f, "{}: the library has no function {}", path.display(), tried.join(", "))
            }
        }
    }
}

impl Error for LoadError {}

/// Why a product cannot be asked of a library.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SgemmError {
    /// The shapes of the operands do not agree.
    Shape(ShapeError),
    /// Neither the rows' nor the columns' elements lie side by side (`c`: the rows').
    Strides {
        /// Which operand.
        operand: &'static str,
    },
    /// An extent or stride is beyond 32-bit integers.
    TooLarge {
        /// Which operand.
        operand: &'static str,
    },
}

impl fmt::Display for SgemmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(error) => write!(f, "{error}"),
            Self::Strides { operand } => write!(f, "{operand}: a BLAS cannot address a matrix with these strides"),
            Self::TooLarge { operand } => write!(f, "{operand}: an extent or stride is beyond 32-bit integers"),
        }
    }
}

impl Error for SgemmError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Shape(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ShapeError> for SgemmError {
    fn from(error: ShapeError) -> SgemmError {
        SgemmError::Shape(error)
    }
}

pub(crate) fn check_shapes(m: usize, k: usize, n: usize, a: Mat<'_>, b: Mat<'_>) -> Result<(), SgemmError> {
    let checks = [("a", "rows", m, a.rows()), ("b", "rows", k, b.rows()), ("b", "columns", n, b.cols())];
    for (operand, dimension, wanted, given) in checks {
        if wanted != given {
            return Err(ShapeError::Dimension { operand, dimension, wanted, given }.into());
        }
    }
    Ok(())
}

/// What the system said, which stands at the end of the chain.
pub(crate) fn innermost(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => innermost(source),
        None => error.to_string(),
    }
}
