//! Waiting for the end of active waiting.

use std::fs;
use std::time::{Duration, Instant};

/// Returns when the threads of libraries do not wait actively any more for work that will not come: when no thread of the process runs
/// but this one. Gives up after 300 ms. (Where the system does not tell, it simply sleeps for 30 ms.)
///
/// After a product on several threads, a library's threads spin for 10 to 200 ms in hope of the next one. They would take the processors
/// from the library that is measured then.
pub fn wait_until_idle() {
    let start = Instant::now();
    // One who waits actively may sleep for a moment.
    let mut idle = 0;
    while idle < 4 && start.elapsed() < Duration::from_millis(300) {
        match others_run() {
            Some(true) => idle = 0,
            Some(false) => idle += 1,
            None => return std::thread::sleep(Duration::from_millis(30)),
        }
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// Whether another thread of this process runs or is ready to. Its state says so at once; the clock of processor time lags behind by a
/// tick of the scheduler, as long as the whole measurement.
fn others_run() -> Option<bool> {
    let this = fs::read_link("/proc/thread-self").ok()?;
    for thread in fs::read_dir("/proc/self/task").ok()? {
        let thread = thread.ok()?;
        if Some(thread.file_name().as_os_str()) == this.file_name() {
            continue;
        }
        // (A thread that has ended meanwhile has no state.)
        let Ok(stat) = fs::read_to_string(thread.path().join("stat")) else { continue };
        // `number (name) state …`, with a name that may hold anything.
        if stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('R')) {
            return Some(true);
        }
    }
    Some(false)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn a_thread_that_spins_is_seen() {
        let (started, end) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                started.store(true, Ordering::Release);
                while !end.load(Ordering::Acquire) {
                    std::hint::spin_loop();
                }
            });
            while !started.load(Ordering::Acquire) {
                std::thread::yield_now();
            }
            assert_eq!(others_run(), Some(true));
            end.store(true, Ordering::Release);
        });
    }
}
