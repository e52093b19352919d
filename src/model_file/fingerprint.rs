//! One short text that two networks share only if they have the same bits.

use sha2::{Digest, Sha256};

/// SHA-256, in lower-case hexadecimal, of the bytes of all values, one slice after another.
///
/// The values are weights and biases in the order of the layers: `W₀, b₀, W₁, b₁, …`, each matrix row-major, each value
/// four little-endian bytes. How they are cut into slices does not matter.
///
/// # Determinism
/// The same text on every machine for the same bits. `0.0` and `-0.0` differ.
pub fn weights_sha256<'a>(parameters: impl IntoIterator<Item = &'a [f32]>) -> String {
    let mut hash = Sha256::new();
    for slice in parameters {
        for value in slice {
            hash.update(value.to_le_bytes());
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
