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
/// a core does some 100 000 of these in that time: half a microsecond of overhead in five of work.
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

#[cfg(all(test, feature = "rayon"))]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::ops::Range;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    /// The ranges into which `0..len` was divided, in their order.
    fn leaves(parallelism: Parallelism, parts: usize, len: usize) -> Vec<Range<usize>> {
        let ranges = Mutex::new(Vec::new());
        let split = |range: Range<usize>, left: usize, parts: usize| {
            let at = range.start + range.len() * left / parts;
            Ok::<_, ()>((range.start..at, at..range.end))
        };
        let run = |range| {
            ranges.lock().unwrap().push(range);
            Ok(())
        };
        parallelism.divide(parts, 0..len, &split, &run).unwrap();
        let mut ranges = ranges.into_inner().unwrap();
        ranges.sort_by_key(|range| range.start);
        ranges
    }

    #[test]
    fn a_task_is_cut_into_equal_parts_without_gap_or_overlap() {
        for parts in 1..12 {
            for len in [parts, 100, 1001] {
                for parallelism in [Parallelism::Serial, Parallelism::Rayon] {
                    let leaves = leaves(parallelism, parts, len);
                    assert_eq!(leaves.len(), parts);
                    assert_eq!((leaves[0].start, leaves[parts - 1].end), (0, len));
                    assert!(leaves.windows(2).all(|pair| pair[0].end == pair[1].start));
                    assert!(leaves.iter().all(|leaf| leaf.len() >= len / parts - 1 && !leaf.is_empty()), "{leaves:?}");
                }
            }
        }
    }

    #[test]
    fn an_error_in_any_part_comes_out() {
        for parallelism in [Parallelism::Serial, Parallelism::Rayon] {
            for wrong in 0..5 {
                let split = |range: Range<usize>, left, parts| {
                    let at = range.start + range.len() * left / parts;
                    Ok((range.start..at, at..range.end))
                };
                let run = |range: Range<usize>| if range.contains(&wrong) { Err(range.start) } else { Ok(()) };
                assert_eq!(parallelism.divide(5, 0..5, &split, &run), Err(wrong));
            }
        }
    }

    #[test]
    fn as_many_threads_as_the_work_pays() {
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for threads in [1, 2, 3, 7] {
            pool(threads).install(|| {
                assert_eq!(Parallelism::Rayon.parts(FLOPS_PER_PART * 100), threads);
                assert_eq!(Parallelism::Rayon.parts(FLOPS_PER_PART * 2), threads.min(2));
                assert_eq!(Parallelism::Rayon.parts(0), 1);
                assert_eq!(Parallelism::Serial.parts(usize::MAX), 1);
                // Inside a pool nothing has to be woken.
                assert_eq!(Parallelism::Rayon.enter(0, |parallelism| parallelism), Parallelism::Rayon);
            });
        }
        // From outside, small work stays on the caller's thread.
        let here = std::thread::current().id();
        let small = Parallelism::Rayon.enter(1, |parallelism| (parallelism, std::thread::current().id()));
        assert_eq!(small, (Parallelism::Serial, here));
        assert_eq!(Parallelism::Serial.enter(usize::MAX, |_| std::thread::current().id()), here);
    }

    #[test]
    fn parts_run_side_by_side() {
        // Each part waits for the other to arrive, which one thread alone could not see.
        let (arrived, start) = (AtomicUsize::new(0), Instant::now());
        let threads = Mutex::new(BTreeSet::new());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let split = |(), _, _| Ok::<_, ()>(((), ()));
        let run = |()| {
            arrived.fetch_add(1, Ordering::SeqCst);
            while arrived.load(Ordering::SeqCst) < 2 {
                assert!(start.elapsed() < Duration::from_secs(20), "the parts run one after the other");
                std::thread::yield_now();
            }
            threads.lock().unwrap().insert(rayon::current_thread_index());
            Ok(())
        };
        pool.install(|| Parallelism::Rayon.divide(2, (), &split, &run)).unwrap();
        assert_eq!(threads.into_inner().unwrap().len(), 2);
    }
}
