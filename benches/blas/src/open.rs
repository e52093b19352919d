//! Loading a library beside others with functions of the same names.

#[cfg(any(unix, windows))]
pub use libloading::Library;
use std::path::Path;

/// A loaded library, where the system loads none (WebAssembly): there is no value of this type.
#[cfg(not(any(unix, windows)))]
#[derive(Debug)]
pub enum Library {}

#[cfg(not(any(unix, windows)))]
impl Library {
    #[allow(clippy::missing_safety_doc, reason = "nothing can call it")]
    pub unsafe fn get<T>(&self, _name: &[u8]) -> Result<&T, libloading::Error> {
        match *self {}
    }
}

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
    #[cfg(all(any(unix, windows), not(all(target_os = "linux", target_env = "gnu"))))]
    // SAFETY: the caller's promise.
    unsafe {
        Library::new(path)
    }
    #[cfg(not(any(unix, windows)))]
    {
        let _ = path;
        Err(libloading::Error::DlOpenUnknown)
    }
}
