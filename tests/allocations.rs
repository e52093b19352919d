//! A training takes its memory before the first step: later epochs allocate nothing but their line of the history, however many
//! steps they have. A step of a caller's own and a prediction allocate nothing at all.

mod nets;

use std::alloc::{GlobalAlloc, Layout, System};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use steadynet::{
    Activation, BatchSize, Dataset, Epoch, Isa, Loss, Network, Optimizer, Parallelism, Predictor, StepTargets, Trainer,
};

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

fn network(loss: Loss) -> Network {
    let network = Network::builder(64).hidden(256, Activation::Tanh).hidden(20, Activation::Relu).output(10, loss);
    let network = network.build().unwrap();
    // Both phases of a step are long enough for three threads.
    assert!(network.flops() * 50 >= 3 * 150_000);
    network
}

/// Rows of the loss's kind; those of labels as bytes.
fn rows(loss: Loss, rows: usize, seed: u64) -> Dataset {
    let data = nets::data(loss, rows, 64, 10, seed);
    match data.labels() {
        Some(labels) => {
            let bytes = data.features().iter().map(|x| (x * 64.0) as u8).collect();
            Dataset::classification_of_bytes(bytes, 64, labels.to_vec(), 10).unwrap()
        }
        None => data,
    }
}

/// Allocations of each epoch but the first, in a training of `count` rows in batches of 50 with a validation after every epoch.
fn of_epochs(loss: Loss, count: usize, isa: Isa, parallelism: Parallelism) -> Vec<usize> {
    let mut network = network(loss);
    let (data, validation) = (rows(loss, count, 1), rows(loss, 90, 2));
    let trainer = Trainer::new()
        .optimizer(Optimizer::adam(0.001).l2(1e-4))
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

/// Allocations of steps and predictions of different sizes, after the first of each.
fn of_single_calls(loss: Loss, isa: Isa, parallelism: Parallelism) -> usize {
    let (mut network, data) = (network(loss), nets::data(loss, 300, 64, 10, 1));
    let trainer = Trainer::new().optimizer(Optimizer::nesterov(0.001, 0.9)).isa(isa).parallelism(parallelism);
    let mut stepper = trainer.stepper(&mut network, 300).unwrap();
    let mut step = |rows: usize| {
        let targets = match data.labels() {
            Some(labels) => StepTargets::Labels(&labels[..rows]),
            None => StepTargets::Values(&data.values().unwrap()[..rows * 10]),
        };
        stepper.step(&data.features()[..rows * 64], targets).unwrap();
    };
    let sizes = [300, 1, 70];
    sizes.iter().for_each(|&rows| step(rows));
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    sizes.iter().for_each(|&rows| step(rows));
    let steps = ALLOCATIONS.load(Ordering::Relaxed) - before;

    let predictor = Predictor::on(&network, isa).unwrap();
    let mut session = predictor.session(parallelism).unwrap();
    let mut outputs = vec![0.0; 3000];
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for rows in sizes {
        session.predict(&data.features()[..rows * 64], &mut outputs[..rows * 10]).unwrap();
    }
    steps + ALLOCATIONS.load(Ordering::Relaxed) - before
}

/// One test in this file: another one at its side would be counted too.
#[test]
fn nothing_is_allocated_on_the_way() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    // The threads and their queues of tasks allocate when they begin.
    pool.broadcast(|_| of_epochs(Loss::SquaredError, 110, Isa::detect(), Parallelism::Rayon));
    for &loss in Loss::ALL {
        for isa in Isa::available() {
            for (rows, steps) in [(110, 3), (1010, 21)] {
                let serial = of_epochs(loss, rows, isa, Parallelism::Serial);
                // The history doubles its memory now and then.
                assert!(serial.iter().all(|&count| count <= 1), "{loss}, {isa}, {steps} steps: {serial:?}");
                assert!(serial.iter().sum::<usize>() <= EPOCHS.ilog2() as usize, "{loss}, {isa}: {serial:?}");
            }
            let parallel = pool.install(|| of_epochs(loss, 1010, isa, Parallelism::Rayon));
            assert!(parallel.iter().sum::<usize>() <= EPOCHS.ilog2() as usize, "{loss}, {isa}: {parallel:?}");
            assert_eq!(of_single_calls(loss, isa, Parallelism::Serial), 0, "{loss}, {isa}");
            let hot = || Parallelism::Rayon.hot(|| of_single_calls(loss, isa, Parallelism::Rayon));
            assert_eq!(pool.install(hot), 0, "{loss}, {isa}, several threads");
        }
    }
}
