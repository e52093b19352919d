//! Waiting for the end of active waiting.

use std::time::{Duration, Instant};

/// Returns when the threads of libraries do not wait actively any more for work that will not come: when the process has used little
/// of the processors' time for a moment. Gives up after 300 ms.
///
/// After a product on several threads, a library's threads spin for 10 to 200 ms in hope of the next one. They would take the processors
/// from the library that is measured then.
pub fn wait_until_idle() {
    const MOMENT: Duration = Duration::from_micros(300);
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(300) {
        let (before, moment) = (processor_time(), Instant::now());
        std::thread::sleep(MOMENT);
        let (Some(before), Some(after)) = (before, processor_time()) else { continue };
        if after.saturating_sub(before) < moment.elapsed() / 3 {
            return;
        }
    }
}

/// Time that all threads of the process have run, where the system tells.
fn processor_time() -> Option<Duration> {
    #[cfg(unix)]
    {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the place for the answer is ours.
        let failed = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) } != 0;
        let (seconds, nanoseconds) = (u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?);
        (!failed).then(|| Duration::new(seconds, nanoseconds))
    }
    #[cfg(not(unix))]
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn work_of_any_thread_counts() {
        let before = processor_time().unwrap();
        std::thread::spawn(move || while processor_time().unwrap() - before < Duration::from_millis(2) {})
            .join()
            .unwrap();
        assert!(processor_time().unwrap() - before >= Duration::from_millis(2));
        wait_until_idle();
    }
}
