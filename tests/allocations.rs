//! A training takes its memory before the first step: later epochs allocate nothing but their line of the history, however many
//! steps they have.

mod nets;

use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use steadynet::{Activation, BatchSize, Epoch, Isa, Loss, Network, Optimizer, Parallelism, Trainer};

/// The system's allocator, which counts what is asked of it, on every thread.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(ptr, layout, new_size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const EPOCHS: usize = 20;

/// Allocations of each epoch but the first, in a training of `rows` in batches of 50 with a validation after every epoch.
fn allocations(loss: Loss, rows: usize, isa: Isa, parallelism: Parallelism) -> Vec<usize> {
    let network = Network::builder(64).hidden(256, Activation::Tanh).hidden(20, Activation::Relu).output(10, loss);
    let mut network = network.build().unwrap();
    // Both phases of a step are long enough for three threads.
    assert!(network.flops() * 50 >= 3 * 500_000);
    let (data, validation) = (nets::data(loss, rows, 64, 10, 1), nets::data(loss, 90, 64, 10, 2));
    let trainer = Trainer::new()
        .optimizer(Optimizer::momentum(0.001, 0.9).l2(1e-4))
        .batch_size(BatchSize::Rows(50))
        .epochs(EPOCHS)
        .isa(isa)
        .parallelism(parallelism);
    let mut counts = Vec::with_capacity(EPOCHS);
    let count = |_: &Epoch| {
        counts.push(ALLOCATIONS.load(Ordering::Relaxed));
        ControlFlow::Continue(())
    };
    trainer.fit_with(&mut network, &data, Some(&validation), count).unwrap();
    counts.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// One test in this file: another one at its side would be counted too.
#[test]
fn epochs_allocate_nothing_but_the_history() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    // The threads and their queues of tasks allocate when they begin.
    pool.broadcast(|_| allocations(Loss::SquaredError, 110, Isa::detect(), Parallelism::Rayon));
    for &loss in Loss::ALL {
        for isa in Isa::available() {
            for (rows, steps) in [(110, 3), (1010, 21)] {
                let serial = allocations(loss, rows, isa, Parallelism::Serial);
                // The history doubles its memory now and then.
                assert!(serial.iter().all(|&count| count <= 1), "{loss}, {isa}, {steps} steps: {serial:?}");
                assert!(serial.iter().sum::<usize>() <= EPOCHS.ilog2() as usize, "{loss}, {isa}: {serial:?}");
            }
            let parallel = pool.install(|| allocations(loss, 1010, isa, Parallelism::Rayon));
            assert!(parallel.iter().sum::<usize>() <= EPOCHS.ilog2() as usize, "{loss}, {isa}: {parallel:?}");
        }
    }
}
