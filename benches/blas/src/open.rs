//! Loading a library beside others with functions of the same names.

use libloading::Library;
use std::path::Path;

/// Loads a library whose own functions come first wherever it calls one by name.
///
/// Without that, two BLAS in one process are one: MKL makes its functions visible to all libraries, and those loaded after it would
/// call its `sgemm_` where they mean theirs.
///
/// # Safety
/// Running the initialisers of the library, and of those that it depends on, is sound.
///
/// # Errors
/// What the system's loader says.
pub unsafe fn open(path: &Path) -> Result<Library, libloading::Error> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use libloading::os::unix;
        // Of `dlfcn.h`.
        const RTLD_DEEPBIND: std::ffi::c_int = 8;
        // SAFETY: the caller's promise.
        unsafe { unix::Library::open(Some(path), unix::RTLD_NOW | unix::RTLD_LOCAL | RTLD_DEEPBIND) }.map(Into::into)
    }
    // (Apple's and Microsoft's loaders note the library of every function by themselves.)
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    // SAFETY: the caller's promise.
    unsafe {
        Library::new(path)
    }
}
