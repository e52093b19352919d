//! Waiting until no library's threads wait actively any more for work that will not come.

use std::time::{Duration, Instant};

/// Returns when the process has used little of the processors' time for a moment, at the latest after 50 ms.
pub fn wait(threads: usize) {
    const MOMENT: Duration = Duration::from_micros(300);
    if threads == 1 {
        return;
    }
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(50) {
        let (before, moment) = (processor_time(), Instant::now());
        std::thread::sleep(MOMENT);
        if processor_time() - before < moment.elapsed() / 3 {
            return;
        }
    }
}

/// Time that all threads of the process have run.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place for the answer is ours.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
