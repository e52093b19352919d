//! A library of C functions, found by an environment variable that holds its path.

use libloading::Library;
use std::path::Path;

/// Opens the library that `variable` names. It stays until the process ends, as threads of its own may.
pub fn open(variable: &str) -> Result<&'static Library, String> {
    let path = path(variable)?;
    // SAFETY: whoever set the variable vouches for the library.
    let library = unsafe { steadynet_blas::open(Path::new(&path)) }.map_err(|error| error.to_string())?;
    Ok(Box::leak(Box::new(library)))
}

/// The path in `variable`.
pub fn path(variable: &str) -> Result<String, String> {
    std::env::var(variable).map_err(|_| format!("{variable} is not set (see benches/README.md)"))
}

/// The function of that name.
///
/// # Safety
/// `F` is the type of the function.
pub unsafe fn function<F: Copy>(library: &'static Library, name: &str) -> Result<F, String> {
    // SAFETY: the caller's promise.
    unsafe { library.get::<F>(name.as_bytes()) }.map(|symbol| *symbol).map_err(|error| error.to_string())
}
