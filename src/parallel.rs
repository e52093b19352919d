//! How work is divided between threads. The only file that names rayon.

/// Where the work of a pass may run. The results are the same bits either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Parallelism {
    /// On the calling thread alone; rayon is never touched.
    Serial,
    /// On the threads of the current rayon pool: the caller's own inside [`ThreadPool::install`], else the global one. Work too
    /// small to gain stays on the calling thread.
    ///
    /// [`ThreadPool::install`]: https://docs.rs/rayon/1/rayon/struct.ThreadPool.html#method.install
    #[cfg(feature = "rayon")]
    Rayon,
}

impl Default for Parallelism {
    /// Rayon, if the crate is built with it.
    fn default() -> Parallelism {
        #[cfg(feature = "rayon")]
        return Parallelism::Rayon;
        #[cfg(not(feature = "rayon"))]
        Parallelism::Serial
    }
}

/// Floating-point operations that pay for one more thread inside a pool, where fork and join cost about a microsecond and
/// a core does some 100 of these in that time: half a microsecond of overhead in five of work.
const FLOPS_PER_PART: usize = 500_000;

/// Floating-point operations that pay for waking a pool from outside, which takes up to 70 µs on a virtual machine.
#[cfg(feature = "rayon")]
const FLOPS_TO_ENTER: usize = 20_000_000;

impl Parallelism {
    /// Into how many parts a pass of so many floating-point operations is worth dividing, inside a pool.
    pub(crate) fn parts(self, flops: usize) -> usize {
        self.threads().min(flops / FLOPS_PER_PART).max(1)
    }

    /// Number of threads that passes may use.
    pub fn threads(self) -> usize {
        match self {
            Parallelism::Serial => 1,
            #[cfg(feature = "rayon")]
            Parallelism::Rayon => rayon::current_num_threads(),
        }
    }

    /// Runs `work`, a pass or many of so many operations in all, inside the pool if that pays and it is not there already.
    #[cfg_attr(not(feature = "rayon"), allow(unused_variables, reason = "only a pool asks how much work there is"))]
    pub(crate) fn enter<R: Send>(self, flops: usize, work: impl FnOnce(Parallelism) -> R + Send) -> R {
        #[cfg(feature = "rayon")]
        if self == Parallelism::Rayon {
            if rayon::current_thread_index().is_some() {
                return work(self);
            }
            if flops >= FLOPS_TO_ENTER && rayon::current_num_threads() > 1 {
                return rayon::scope(|_| work(self));
            }
        }
        work(Parallelism::Serial)
    }

    /// Divides a task into `parts` and runs them, side by side if there are threads. `split` cuts a task of so many parts in two: the
    /// first with the given number of parts, the second with the rest.
    pub(crate) fn divide<T: Send, E: Send>(
        self,
        parts: usize,
        task: T,
        split: &(impl Fn(T, usize, usize) -> Result<(T, T), E> + Sync),
        run: &(impl Fn(T) -> Result<(), E> + Sync),
    ) -> Result<(), E> {
        if parts <= 1 {
            return run(task);
        }
        let first = parts / 2;
        let (left, right) = split(task, first, parts)?;
        let (left_parts, right_parts) = (first, parts - first);
        match self {
            Parallelism::Serial => {
                self.divide(left_parts, left, split, run)?;
                self.divide(right_parts, right, split, run)
            }
            #[cfg(feature = "rayon")]
            Parallelism::Rayon => {
                let (left, right) = rayon::join(
                    || self.divide(left_parts, left, split, run),
                    || self.divide(right_parts, right, split, run),
                );
                left.and(right)
            }
        }
    }
}
