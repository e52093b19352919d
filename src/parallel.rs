//! How work is divided between threads. The only file that names rayon.
//!
//! A fork and join by [`rayon::join`] costs a microsecond if a thread is awake to take the other half, and some ten to
//! seventy if one has to be woken. So there are two prices of a part, and a way to the lower one: [`Parallelism::hot`] keeps the
//! pool's threads looking for work as long as some work of many short passes runs.

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

/// Floating-point operations that pay for one more thread that is awake. At some 200 a nanosecond this is less than a microsecond, of which the fork
/// takes half: with two threads, products of 0.3 million gain little, of 0.4 million a third.
const FLOPS_PER_PART: usize = 150_000;

/// Floating-point operations that pay for one more thread that sleeps: on a virtual machine it takes up to 70 µs to wake it.
const FLOPS_TO_WAKE: usize = 10_000_000;

impl Parallelism {
    /// Into how many parts a pass of so many floating-point operations is worth dividing.
    pub(crate) fn parts(self, flops: usize) -> usize {
        let per_part = if hot::here() { FLOPS_PER_PART } else { FLOPS_TO_WAKE };
        self.threads().min(flops / per_part).max(1)
    }

    /// Whether a pass of so many floating-point operations may be worth dividing at all: a question that costs nothing.
    pub(crate) fn divides(self, flops: usize) -> bool {
        self != Parallelism::Serial && flops >= 2 * FLOPS_PER_PART
    }

    /// Number of threads that passes may use.
    pub fn threads(self) -> usize {
        match self {
            Parallelism::Serial => 1,
            #[cfg(feature = "rayon")]
            Parallelism::Rayon => rayon::current_num_threads(),
        }
    }

    /// Runs `work`, one pass of so many operations, inside the pool if that pays and it is not there already.
    #[cfg_attr(not(feature = "rayon"), allow(unused_variables, reason = "only a pool asks how much work there is"))]
    pub(crate) fn enter<R: Send>(self, flops: usize, work: impl FnOnce(Parallelism) -> R + Send) -> R {
        #[cfg(feature = "rayon")]
        if self == Parallelism::Rayon {
            if rayon::current_thread_index().is_some() {
                return work(self);
            }
            if flops >= 2 * FLOPS_TO_WAKE && rayon::current_num_threads() > 1 {
                return rayon::scope(|_| work(self));
            }
        }
        work(Parallelism::Serial)
    }

    /// Runs `work` inside the pool, and keeps the pool's other threads awake until it ends, so that steps and predictions of a few
    /// microseconds in it are worth dividing. Meanwhile these threads use their processors, but give them up to any other
    /// thread that wants them, and run whatever else the pool is given to do.
    ///
    /// Worth it for many passes one after the other: [`Trainer::fit`](crate::Trainer::fit) does it by itself. With one thread, or
    /// [`Parallelism::Serial`], `work` simply runs here. Threads that are busy with something else are not waited for.
    pub fn hot<R: Send>(self, work: impl FnOnce() -> R + Send) -> R {
        match self {
            Parallelism::Serial => work(),
            #[cfg(feature = "rayon")]
            Parallelism::Rayon => hot::run(work),
        }
    }

    /// Runs `work`, which is so many passes of so many floating-point operations each: [`hot`](Parallelism::hot) if they are worth
    /// dividing then and together pay for waking the threads, else on this thread alone.
    pub(crate) fn passes<R: Send>(self, flops: usize, count: usize, work: impl FnOnce(Parallelism) -> R + Send) -> R {
        let divided = flops >= 2 * FLOPS_PER_PART && flops.saturating_mul(count) >= 2 * FLOPS_TO_WAKE;
        if divided && self.threads() > 1 { self.hot(|| work(self)) } else { work(Parallelism::Serial) }
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
        let (left, right) =
            self.join(|| self.divide(left_parts, left, split, run), || self.divide(right_parts, right, split, run));
        left.and(right)
    }

    fn join<A: Send, B: Send>(self, left: impl FnOnce() -> A + Send, right: impl FnOnce() -> B + Send) -> (A, B) {
        match self {
            Parallelism::Serial => (left(), right()),
            #[cfg(feature = "rayon")]
            Parallelism::Rayon => hot::join(left, right),
        }
    }
}

#[cfg(not(feature = "rayon"))]
mod hot {
    /// Nobody is kept awake.
    pub fn here() -> bool {
        false
    }
}

/// Threads that are kept awake. They are ordinary jobs of the pool that look for other jobs until they are told to end: whoever
/// forks puts its half where they find it, and nothing depends on them. A pool that has no thread to spare runs the same
/// work on fewer.
#[cfg(feature = "rayon")]
mod hot {
    use std::cell::Cell;
    use std::hint::spin_loop;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::thread;
    use std::time::{Duration, Instant};

    thread_local! {
        /// Whether the work of a `run` is on this thread's stack.
        static HOT: Cell<bool> = const { Cell::new(false) };
        /// Whether this thread is in the middle of something that others wait for: a keeper on top of it would be in the way.
        static ENGAGED: Cell<bool> = const { Cell::new(false) };
    }

    /// A flag of this thread that is up until the value is dropped, by a panic too.
    struct Raised {
        flag: &'static thread::LocalKey<Cell<bool>>,
        before: bool,
    }

    impl Raised {
        fn new(flag: &'static thread::LocalKey<Cell<bool>>) -> Raised {
            Raised { flag, before: flag.replace(true) }
        }
    }

    impl Drop for Raised {
        fn drop(&mut self) {
            self.flag.set(self.before);
        }
    }

    /// A flag for other threads that goes up when this is dropped, by a panic too.
    struct Signal<'a>(&'a AtomicBool);

    impl Drop for Signal<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }

    pub fn here() -> bool {
        HOT.get()
    }

    pub fn run<R: Send>(work: impl FnOnce() -> R + Send) -> R {
        if rayon::current_num_threads() == 1 || here() {
            return work();
        }
        let (begun, end) = (AtomicUsize::new(0), AtomicBool::new(false));
        rayon::scope(|scope| {
            // Asked on a thread of the pool: the caller's own may be bound to fewer processors.
            let processors = thread::available_parallelism().map_or(1, usize::from);
            let keepers = rayon::current_num_threads().min(processors) - 1;
            if keepers == 0 {
                return work();
            }
            // (Borrowed, while the number is moved into each job.)
            let (begun, end) = (&begun, &end);
            for _ in 0..keepers {
                scope.spawn(move |_| keep(begun, keepers, end));
            }
            // Jobs that nobody took by the end are dropped by this thread when it leaves the scope.
            let _end = Signal(end);
            let _engaged = Raised::new(&ENGAGED);
            let _hot = Raised::new(&HOT);
            work()
        })
    }

    /// Looks for jobs and runs them until the end.
    fn keep(begun: &AtomicUsize, keepers: usize, end: &AtomicBool) {
        if ENGAGED.get() {
            return;
        }
        let _engaged = Raised::new(&ENGAGED);
        begun.fetch_add(1, Ordering::Relaxed);
        // The other keepers are for other threads: time for these to take them.
        let mut patience = Patience::new();
        while begun.load(Ordering::Relaxed) < keepers && !end.load(Ordering::Acquire) && patience.rounds < 1000 {
            patience.wait();
        }
        let mut patience = Patience::new();
        while !end.load(Ordering::Acquire) {
            match rayon::yield_now() {
                Some(rayon::Yield::Executed) => patience = Patience::new(),
                _ => patience.wait(),
            }
        }
    }

    /// A yield to nobody takes less than a microsecond.
    const LATE: Duration = Duration::from_micros(30);

    /// Waiting that begins as spinning, gives way to other threads now and then, and sleeps when it becomes long.
    struct Patience {
        rounds: u32,
    }

    impl Patience {
        fn new() -> Patience {
            Patience { rounds: 0 }
        }

        fn wait(&mut self) {
            self.rounds = self.rounds.saturating_add(1);
            match self.rounds {
                // Tens of milliseconds without anything to do: some serial work of the caller's.
                50_000.. => thread::sleep(Duration::from_micros(50)),
                rounds if rounds.is_multiple_of(32) => {
                    let before = Instant::now();
                    thread::yield_now();
                    // Another thread has been running in this one's place, perhaps the very one that forks. Who wakes up is
                    // given a processor that is free; who merely yields can stay behind the other for a long time.
                    if before.elapsed() > LATE {
                        thread::sleep(Duration::from_micros(20));
                    }
                }
                _ => (0..8).for_each(|_| spin_loop()),
            }
        }
    }

    /// [`rayon::join`], but who finishes first does not fall asleep: if another thread is at work on `right`, it ends in a moment.
    pub fn join<A: Send, B: Send>(left: impl FnOnce() -> A + Send, right: impl FnOnce() -> B + Send) -> (A, B) {
        let (begun, ended) = (AtomicBool::new(false), AtomicBool::new(false));
        rayon::join(
            || {
                let result = {
                    let _engaged = Raised::new(&ENGAGED);
                    left()
                };
                let mut rounds = 0u32;
                while begun.load(Ordering::Acquire) && !ended.load(Ordering::Acquire) {
                    rounds = rounds.wrapping_add(1);
                    if rounds.is_multiple_of(256) { thread::yield_now() } else { spin_loop() }
                }
                result
            },
            || {
                begun.store(true, Ordering::Release);
                let _ended = Signal(&ended);
                let _engaged = Raised::new(&ENGAGED);
                right()
            },
        )
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

    fn on_pool<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
    }

    #[test]
    fn as_many_threads_as_the_work_pays() {
        for threads in [1, 2, 3, 7] {
            on_pool(threads, || {
                assert_eq!(Parallelism::Rayon.parts(FLOPS_TO_WAKE * 100), threads);
                assert_eq!(Parallelism::Rayon.parts(FLOPS_TO_WAKE * 2 - 1), 1);
                assert_eq!(Parallelism::Rayon.parts(0), 1);
                assert_eq!(Parallelism::Serial.parts(usize::MAX), 1);
                // Inside a pool nobody has to be asked to come in.
                assert_eq!(Parallelism::Rayon.enter(0, |parallelism| parallelism), Parallelism::Rayon);
                // Threads that are awake cost less. (One processor keeps nobody awake.)
                let several = std::thread::available_parallelism().unwrap().get() > 1;
                let awake = if several { threads.min(2) } else { 1 };
                assert_eq!(Parallelism::Rayon.hot(|| Parallelism::Rayon.parts(FLOPS_PER_PART * 2)), awake);
                assert_eq!(Parallelism::Rayon.parts(FLOPS_PER_PART * 2), 1);
            });
        }
        // From outside, small work stays on the caller's thread.
        let here = std::thread::current().id();
        let small = Parallelism::Rayon.enter(1, |parallelism| (parallelism, std::thread::current().id()));
        assert_eq!(small, (Parallelism::Serial, here));
        assert_eq!(Parallelism::Serial.enter(usize::MAX, |_| std::thread::current().id()), here);
        assert_eq!(Parallelism::Serial.hot(|| std::thread::current().id()), here);
    }

    /// Divides again and again, and gives the sum over all parts.
    fn many_passes(passes: usize, parts: usize) -> usize {
        let sum = AtomicUsize::new(0);
        let split = |range: Range<usize>, left, parts| {
            let at = range.start + range.len() * left / parts;
            Ok::<_, ()>((range.start..at, at..range.end))
        };
        let run = |range: Range<usize>| {
            sum.fetch_add(range.sum::<usize>(), Ordering::Relaxed);
            Ok(())
        };
        for _ in 0..passes {
            Parallelism::Rayon.divide(parts, 0..100, &split, &run).unwrap();
        }
        sum.into_inner()
    }

    #[test]
    fn threads_that_are_kept_awake_take_their_parts() {
        let threads = Mutex::new(BTreeSet::new());
        let split = |(), _, _| Ok::<_, ()>(((), ()));
        let run = |()| {
            threads.lock().unwrap().insert(rayon::current_thread_index());
            Ok(())
        };
        on_pool(2, || {
            Parallelism::Rayon.hot(|| {
                let start = Instant::now();
                // On one processor nobody is kept awake, and any thread may do all.
                let wanted = std::thread::available_parallelism().unwrap().get().min(2);
                while threads.lock().unwrap().len() < wanted {
                    assert!(start.elapsed() < Duration::from_secs(20), "no other thread came");
                    Parallelism::Rayon.divide(2, (), &split, &run).unwrap();
                }
            });
        });
        // From outside the work moves into the pool.
        assert!(
            Parallelism::Rayon.hot(|| rayon::current_thread_index().is_some()) || rayon::current_num_threads() == 1
        );
    }

    #[test]
    fn hot_work_may_be_nested_side_by_side_and_in_busy_pools() {
        let sum = 100 * 4950;
        for threads in [1, 2, 3, 7] {
            on_pool(threads, || {
                let once = || Parallelism::Rayon.hot(|| many_passes(100, threads));
                assert_eq!(once(), sum);
                // Inside itself, and inside a part of a division.
                assert_eq!(Parallelism::Rayon.hot(once), sum);
                let nested = |()| if once() == sum { Ok(()) } else { Err(()) };
                let split = |(), _, _| Ok(((), ()));
                assert_eq!(Parallelism::Rayon.hot(|| Parallelism::Rayon.divide(5, (), &split, &nested)), Ok(()));
                // Beside itself.
                for _ in 0..20 {
                    assert_eq!(rayon::join(once, once), (sum, sum));
                }
            });
        }
        // No other thread is ever free.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (occupied, other) = (std::sync::Arc::new(AtomicUsize::new(0)), over.clone());
        let flag = occupied.clone();
        pool.spawn(move || {
            flag.store(1, Ordering::SeqCst);
            while !other.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        while occupied.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        assert_eq!(pool.install(|| Parallelism::Rayon.hot(|| many_passes(100, 2))), sum);
        over.store(true, Ordering::SeqCst);
    }

    #[test]
    fn a_panic_in_any_place_comes_out_and_leaves_a_pool_that_works() {
        use std::panic::{AssertUnwindSafe, catch_unwind};
        for threads in [1, 2, 3] {
            on_pool(threads, || {
                for wrong in 0..3 {
                    let split = |range: Range<usize>, left, parts| {
                        let at = range.start + range.len() * left / parts;
                        Ok::<_, ()>((range.start..at, at..range.end))
                    };
                    let run = |range: Range<usize>| {
                        assert!(!range.contains(&wrong), "part {wrong} fails");
                        Ok(())
                    };
                    let hot = || Parallelism::Rayon.hot(|| Parallelism::Rayon.divide(3, 0..3, &split, &run));
                    assert!(catch_unwind(AssertUnwindSafe(hot)).is_err());
                }
                let work = || Parallelism::Rayon.hot(|| panic!("the work fails"));
                assert!(catch_unwind(AssertUnwindSafe(work)).is_err());
                assert!(!hot::here());
                assert_eq!(Parallelism::Rayon.hot(|| many_passes(10, threads)), 10 * 4950);
            });
        }
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
