//! What can be wrong with what a caller asks of the library.

use std::fmt;
use steadynet_kernels::ShapeError;

/// Why a network could not be built, trained or asked.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A layer without inputs or outputs, or a network without layers.
    Layers {
        /// What is wrong.
        problem: String,
    },
    /// A setting outside its range.
    Setting {
        /// The setting's name.
        name: &'static str,
        /// The range.
        wanted: &'static str,
        /// What came.
        given: String,
    },
    /// Rows of another length than the network takes.
    Features {
        /// What was measured: features in a row, elements of a slice.
        what: &'static str,
        /// What was needed.
        wanted: usize,
        /// What came.
        given: usize,
    },
    /// Targets that do not fit the network's loss and outputs.
    Targets {
        /// What was needed.
        wanted: String,
        /// What came.
        given: String,
    },
    /// A feature or target of a data set that cannot be trained on.
    Data {
        /// What is wrong.
        problem: String,
    },
    /// The loss or a parameter became infinite or NaN. The network has the parameters of the last good epoch.
    NonFinite {
        /// What is not finite.
        what: &'static str,
        /// Epoch, from 1.
        epoch: usize,
        /// Step of the epoch, from 1.
        step: usize,
    },
    /// There is not enough memory.
    Memory {
        /// What was to lie there.
        what: &'static str,
        /// Its size.
        bytes: usize,
    },
    /// A kernel refused an operand. The library checks before it calls, so this names a mistake in the library.
    Kernel(ShapeError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Layers { problem } => write!(f, "layers: {problem}"),
            Error::Setting { name, wanted, given } => write!(f, "{name}: wanted {wanted}, got {given}"),
            Error::Features { what, wanted, given } => write!(f, "{what}: wanted {wanted}, got {given}"),
            Error::Targets { wanted, given } => write!(f, "targets: wanted {wanted}, got {given}"),
            Error::Data { problem } => write!(f, "data: {problem}"),
            Error::NonFinite { what, epoch, step } => write!(
                f,
                "{what} is not finite in epoch {epoch}, step {step}; the parameters are those of the last good epoch \
                 (a smaller learning rate or scaled features may help)"
            ),
            Error::Memory { what, bytes } => write!(f, "not enough memory: {what} would take {bytes} bytes"),
            Error::Kernel(error) => write!(f, "kernel: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Kernel(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ShapeError> for Error {
    fn from(error: ShapeError) -> Error {
        Error::Kernel(error)
    }
}
