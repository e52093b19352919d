//! The same bits from a training and a prediction, whatever the instruction set, the number of threads and the batch around a row;
//! and from a step taken apart.

mod nets;

use rayon::ThreadPoolBuilder;
use steadynet::data::shuffled_indices;
use steadynet::kernels::update;
use steadynet::{
    Activation, BatchSize, Dataset, History, Init, Isa, Loss, Network, Optimizer, Parallelism, Predictor,
    Preprocessing, StepTargets, Trainer, gradient,
};

/// Sizes of the pools that every result is compared on.
const THREADS: [usize; 4] = [1, 2, 3, 7];

/// Operations for which the library takes one more thread: a pass with 7 times as many is divided into 7 parts.
const FLOPS_PER_PART: usize = 150_000;

/// Runs `work` on a pool of so many threads.
fn on_pool<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

/// Every instruction set alone and on every pool, and the pool that is there without being asked for.
fn everywhere<R: Send>(work: impl Fn(Isa, Parallelism) -> R + Sync, mut check: impl FnMut(String, R)) {
    for isa in Isa::available() {
        check(format!("{isa}, serial"), work(isa, Parallelism::Serial));
        check(format!("{isa}, the global pool"), work(isa, Parallelism::Rayon));
        for threads in THREADS {
            // Where threads are awake, work is divided from a few microseconds on.
            let result = on_pool(threads, || Parallelism::Rayon.hot(|| work(isa, Parallelism::Rayon)));
            check(format!("{isa}, {threads} threads"), result);
        }
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// A training: what its result may depend on.
struct Case {
    name: &'static str,
    network: Network,
    data: Dataset,
    validation: Option<Dataset>,
    batch: BatchSize,
    optimizer: Optimizer,
    epochs: usize,
    /// Whether both phases of a step must be large enough for 7 threads.
    divided: bool,
}

impl Case {
    fn new(name: &'static str, widths: &[usize], activation: Activation, loss: Loss, rows: usize) -> Case {
        let (inputs, outputs) = (widths[0], widths[widths.len() - 1]);
        let mut builder = Network::builder(inputs).seed(11).bias_init(Init::Uniform(0.1));
        for &width in &widths[1..widths.len() - 1] {
            builder = builder.hidden(width, activation);
        }
        Case {
            name,
            network: builder.output(outputs, loss).build().unwrap(),
            data: nets::data(loss, rows, inputs, outputs, 5),
            validation: None,
            batch: BatchSize::Rows(32),
            optimizer: Optimizer::sgd(0.05),
            epochs: 3,
            divided: false,
        }
    }

    fn run(&self, isa: Isa, parallelism: Parallelism) -> (Vec<u32>, History) {
        let mut network = self.network.clone();
        let trainer = Trainer::new()
            .optimizer(self.optimizer)
            .batch_size(self.batch)
            .epochs(self.epochs)
            .seed(9)
            .isa(isa)
            .parallelism(parallelism);
        let history = trainer
            .fit_with(&mut network, &self.data, self.validation.as_ref(), |_| std::ops::ControlFlow::Continue(()))
            .unwrap();
        (bits(network.parameters()), history)
    }

    fn batch_rows(&self) -> usize {
        match self.batch {
            BatchSize::Rows(rows) => rows.min(self.data.rows()),
            BatchSize::Full => self.data.rows(),
        }
    }
}

fn cases() -> Vec<Case> {
    let momentum = Optimizer::momentum(0.02, 0.9).l2(1e-3);
    vec![
        Case {
            batch: BatchSize::Rows(300),
            optimizer: momentum,
            validation: Some(nets::data(Loss::CrossEntropy, 203, 64, 10, 6)),
            divided: true,
            ..Case::new("batches in 7 parts", &[64, 256, 10], Activation::Relu, Loss::CrossEntropy, 700)
        },
        // Sums over the batch have two blocks of k.
        Case {
            batch: BatchSize::Rows(600),
            optimizer: Optimizer::sgd(0.1).l2(1e-4),
            divided: true,
            ..Case::new("a batch of two blocks", &[33, 129, 7], Activation::Sigmoid, Loss::CrossEntropy, 1300)
        },
        Case {
            batch: BatchSize::Full,
            optimizer: momentum,
            epochs: 4,
            divided: true,
            ..Case::new("all rows", &[20, 65, 65, 3], Activation::Tanh, Loss::SquaredError, 1100)
        },
        Case {
            batch: BatchSize::Rows(1),
            epochs: 2,
            ..Case::new("one row", &[9, 17, 2], Activation::Sigmoid, Loss::BinaryCrossEntropy, 90)
        },
        Case {
            batch: BatchSize::Rows(5000),
            optimizer: Optimizer::momentum(0.05, 0.5),
            ..Case::new("a batch beyond the data", &[12, 40, 4], Activation::Relu, Loss::CrossEntropy, 150)
        },
        Case {
            batch: BatchSize::Rows(32),
            optimizer: Optimizer::momentum(0.01, 0.9),
            ..Case::new("four layers, ragged", &[17, 31, 15, 33, 16, 5], Activation::Tanh, Loss::SquaredError, 333)
        },
        // More parts than rows of parameters: some have nothing to do.
        Case {
            batch: BatchSize::Rows(600),
            divided: true,
            ..Case::new("one feature", &[1, 3000], Activation::Identity, Loss::BinaryCrossEntropy, 601)
        },
        Case {
            batch: BatchSize::Rows(300),
            optimizer: Optimizer::adam(0.01).l2(1e-3),
            epochs: 4,
            divided: true,
            ..Case::new("two states", &[64, 256, 10], Activation::Tanh, Loss::CrossEntropy, 601)
        },
        // Sums over the features have three blocks of k, and the last layer one output.
        Case {
            batch: BatchSize::Rows(50),
            ..Case::new("one output", &[1030, 20, 1], Activation::Relu, Loss::SquaredError, 120)
        },
    ]
}

#[test]
fn trainings_are_the_same_everywhere() {
    for case in cases() {
        let name = case.name;
        if case.divided {
            let flops = case.network.flops() * case.batch_rows();
            assert!(flops >= 7 * FLOPS_PER_PART, "{name}: {flops} operations are not divided into 7 parts");
        }
        let (expected, history) = case.run(Isa::scalar(), Parallelism::Serial);
        assert_eq!(history.epochs.len(), case.epochs, "{name}");
        assert_ne!(expected, bits(case.network.parameters()), "{name}: nothing was learnt");
        everywhere(
            |isa, parallelism| case.run(isa, parallelism),
            |place, (parameters, losses)| {
                assert!(parameters == expected, "{name}, {place}: other parameters");
                assert_eq!(losses, history, "{name}, {place}");
            },
        );
    }
}

/// The optimiser in the epilogue of the products gives what it gives to a gradient that was written down: momentum and weight decay
/// included, biases without decay.
#[test]
fn a_fused_step_is_the_step_taken_apart() {
    for case in cases() {
        let (fused, _) = case.run(Isa::detect(), Parallelism::Rayon);

        let mut network = case.network.clone();
        let mut steps = case.optimizer.steps();
        let mut states = vec![vec![0.0f32; network.parameters().len()]; case.optimizer.states()];
        for epoch in 1..=case.epochs {
            let rows = case.data.rows();
            let order = if case.batch_rows() < rows {
                shuffled_indices(rows as u32, 9, epoch as u64)
            } else {
                (0..rows as u32).collect()
            };
            for batch in order.chunks(case.batch_rows()) {
                let rows: Vec<usize> = batch.iter().map(|&row| row as usize).collect();
                let batch = case.data.select(&rows).unwrap();
                let (_, gradient) = gradient(&network, &batch, Isa::detect(), Parallelism::Rayon).unwrap();
                let mut start = 0;
                let rule = steps.next().unwrap();
                for l in 0..network.layers().len() {
                    for bias in [false, true] {
                        let block = if bias { network.biases_mut(l) } else { network.weights_mut(l) }.unwrap();
                        let len = block.len();
                        let rule = if bias { rule.without_decay() } else { rule };
                        let mut kept: Vec<&mut [f32]> =
                            states.iter_mut().map(|state| &mut state[start..start + len]).collect();
                        update(Isa::scalar(), rule, &gradient[start..start + len], block, &mut kept).unwrap();
                        start = (start + len).next_multiple_of(16);
                    }
                }
            }
        }
        assert!(bits(network.parameters()) == fused, "{}", case.name);
    }
}

/// Steps of a caller's own loop are those of a fit.
#[test]
fn single_steps_are_those_of_a_fit() {
    for case in cases() {
        let (fitted, history) = case.run(Isa::detect(), Parallelism::Serial);
        everywhere(
            |isa, parallelism| {
                parallelism.hot(|| {
                    let mut network = case.network.clone();
                    let trainer = Trainer::new().optimizer(case.optimizer).isa(isa).parallelism(parallelism);
                    let mut stepper = trainer.stepper(&mut network, case.batch_rows()).unwrap();
                    let mut losses = Vec::new();
                    for epoch in 1..=case.epochs {
                        let rows = case.data.rows();
                        let order = if case.batch_rows() < rows {
                            shuffled_indices(rows as u32, 9, epoch as u64)
                        } else {
                            (0..rows as u32).collect()
                        };
                        let mut sum = 0.0;
                        for batch in order.chunks(case.batch_rows()) {
                            let rows: Vec<usize> = batch.iter().map(|&row| row as usize).collect();
                            let batch = case.data.select(&rows).unwrap();
                            let targets = match batch.labels() {
                                Some(labels) => StepTargets::Labels(labels),
                                None => StepTargets::Values(batch.values().unwrap()),
                            };
                            sum += stepper.step(batch.features(), targets).unwrap() * rows.len() as f64;
                        }
                        losses.push(sum / rows as f64);
                    }
                    (bits(network.parameters()), losses)
                })
            },
            |place, (parameters, losses)| {
                assert!(parameters == fitted, "{}, {place}", case.name);
                for (loss, epoch) in losses.iter().zip(&history.epochs) {
                    assert!((loss - epoch.loss).abs() <= 1e-12 * loss.abs(), "{}, {place}", case.name);
                }
            },
        );
    }
}

/// Features that are kept as bytes give the bits of the numbers that they stand for.
#[test]
fn bytes_train_and_predict_as_numbers_do() {
    for batch in [BatchSize::Rows(64), BatchSize::Full] {
        let data = nets::data(Loss::CrossEntropy, 300, 65, 10, 5);
        let bytes: Vec<u8> = data.features().iter().map(|x| (x * 1000.0) as i32 as u8).collect();
        let labels = data.labels().unwrap().to_vec();
        let kept = Dataset::classification_of_bytes(bytes, 65, labels.clone(), 10).unwrap();
        let map = Preprocessing::standardize(&kept);
        let kept = kept.preprocessed(&map).unwrap();
        let numbers = Dataset::classification(kept.features().to_vec(), 65, labels, 10).unwrap();
        let of = |data| Case {
            data,
            ..Case { batch, ..Case::new("bytes", &[65, 80, 10], Activation::Relu, Loss::CrossEntropy, 2) }
        };
        let (numbers, kept) = (of(numbers), of(kept));
        let expected = numbers.run(Isa::scalar(), Parallelism::Serial);
        let (loss, slope) = gradient(&numbers.network, &numbers.data, Isa::scalar(), Parallelism::Serial).unwrap();
        everywhere(
            |isa, parallelism| {
                let gradient = gradient(&kept.network, &kept.data, isa, parallelism).unwrap();
                (kept.run(isa, parallelism), gradient, kept.network.evaluate_on(&kept.data, isa, parallelism).unwrap())
            },
            |place, (trained, gradient, evaluation)| {
                assert!(trained == expected, "{place}");
                assert!(gradient.0 == loss && bits(&gradient.1) == bits(&slope), "{place}");
                assert_eq!(evaluation, numbers.network.evaluate(&numbers.data).unwrap(), "{place}");
            },
        );
    }
}

/// A predictor gives what the network gives, to several threads at once.
#[test]
fn predictors_are_their_network() {
    for &loss in Loss::ALL {
        let case = Case::new("prediction", &[70, 300, 33], Activation::Tanh, loss, 2);
        let features = nets::numbers(1000 * 70, 8);
        let expected = bits(&case.network.predict_on(&features, Isa::scalar(), Parallelism::Serial).unwrap());
        everywhere(
            |isa, parallelism| {
                let predictor = Predictor::on(&case.network, isa).unwrap();
                let all = |rows: usize| {
                    let mut session = predictor.session(parallelism).unwrap();
                    let mut outputs = vec![f32::NAN; 1000 * 33];
                    for (x, y) in features.chunks(rows * 70).zip(outputs.chunks_mut(rows * 33)) {
                        session.predict(x, y).unwrap();
                    }
                    bits(&outputs)
                };
                std::thread::scope(|scope| {
                    let threads = [1, 7, 1000].map(|rows| scope.spawn(move || all(rows)));
                    threads
                        .map(|thread| thread.join().unwrap())
                        .into_iter()
                        .chain([parallelism.hot(|| all(300))])
                        .collect()
                })
            },
            |place, outputs: Vec<Vec<u32>>| {
                assert!(outputs.iter().all(|outputs| *outputs == expected), "{loss}, {place}");
            },
        );
    }
}

#[test]
fn gradients_are_the_same_everywhere() {
    for case in cases() {
        let of = |isa, parallelism| {
            let (loss, gradient) = gradient(&case.network, &case.data, isa, parallelism).unwrap();
            (loss.to_bits(), bits(&gradient))
        };
        let expected = of(Isa::scalar(), Parallelism::Serial);
        everywhere(of, |place, result| assert!(result == expected, "{}, {place}", case.name));
    }
}

#[test]
fn predictions_are_the_same_everywhere_and_alone() {
    let shapes: [(&[usize], usize, &[Loss], Activation); 4] = [
        (&[784, 200, 10], 1000, &[Loss::CrossEntropy], Activation::Sigmoid),
        (&[5, 8, 3], 1000, Loss::ALL, Activation::Tanh),
        (&[1100, 1], 1700, &[Loss::BinaryCrossEntropy], Activation::Identity),
        (&[3, 500, 500, 2], 300, &[Loss::SquaredError], Activation::Relu),
    ];
    for (widths, rows, losses, activation) in shapes {
        for &loss in losses {
            let case = Case::new("prediction", widths, activation, loss, 2);
            let (network, features) = (&case.network, nets::numbers(rows * widths[0], 8));
            let expected = bits(&network.predict_on(&features, Isa::scalar(), Parallelism::Serial).unwrap());
            assert_eq!(expected.len(), rows * network.outputs());
            let divided = widths[0] != 5;
            assert!(!divided || network.flops() * rows >= 7 * FLOPS_PER_PART, "{widths:?} is not divided");
            assert!(network.predict(&features).unwrap().iter().all(|output| output.is_finite()));
            everywhere(
                |isa, parallelism| bits(&network.predict_on(&features, isa, parallelism).unwrap()),
                |place, outputs| assert!(outputs == expected, "{widths:?}, {loss}, {place}"),
            );
            for isa in Isa::available() {
                let (inputs, outputs) = (network.inputs(), network.outputs());
                for row in (0..rows).step_by(if isa == Isa::detect() { 1 } else { 17 }) {
                    let alone = &features[row * inputs..(row + 1) * inputs];
                    let alone = network.predict_on(alone, isa, Parallelism::Rayon).unwrap();
                    assert!(
                        bits(&alone) == expected[row * outputs..(row + 1) * outputs],
                        "{widths:?}, row {row}, {isa}"
                    );
                }
            }
        }
    }
}

/// What was measured after an epoch is what an evaluation of the finished network gives.
#[test]
fn validation_is_evaluation() {
    let case = cases().remove(0);
    let validation = case.validation.as_ref().unwrap();
    let mut network = case.network.clone();
    let trainer = Trainer::new().optimizer(case.optimizer).batch_size(case.batch).epochs(3).seed(9);
    let go_on = |_: &steadynet::Epoch| std::ops::ControlFlow::Continue(());
    let history = trainer.fit_with(&mut network, &case.data, Some(validation), go_on).unwrap();
    let last = history.epochs.last().unwrap();
    let measured = network.evaluate(validation).unwrap();
    assert_eq!((last.validation_loss, last.validation_accuracy), (Some(measured.loss), measured.accuracy));
    everywhere(
        |isa, parallelism| network.evaluate_on(validation, isa, parallelism).unwrap(),
        |place, evaluation| assert_eq!(evaluation, measured, "{place}"),
    );
}
