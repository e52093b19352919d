//! How many threads a library uses. Every library has a function of its own for that.

use crate::Blas;

/// Functions that take a number of threads as an integer. The last is that of the OpenMP runtime behind a library: asked for through the
/// library, it is found among what that depends on.
const SETTERS: [&str; 4] =
    ["openblas_set_num_threads", "MKL_Set_Num_Threads", "bli_thread_set_num_threads", "omp_set_num_threads"];

impl Blas {
    /// Asks the library for so many threads in calls from this thread, and gives the name of the function that took the wish; `None` if
    /// the library has none that is known here.
    pub fn set_threads(&self, threads: u16) -> Option<String> {
        for name in SETTERS.iter().flat_map(|setter| self.symbols.of_function(setter)) {
            // SAFETY: each of these functions takes one integer and returns nothing. BLIS's is as wide as a register; the others
            // read its low half, as with `Sgemm`.
            let found = unsafe { self.library.get::<unsafe extern "C" fn(isize)>(name.as_bytes()) };
            if let Ok(set) = found {
                // SAFETY: as above.
                unsafe { set(threads as isize) };
                return Some(name);
            }
        }
        None
    }
}
