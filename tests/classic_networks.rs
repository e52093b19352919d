//! The two classic networks of `examples/`, checked against the same steps in float64: losses of every epoch and the parameters
//! after the last one.

mod float64;

use float64::Net;
use std::path::Path;
use std::sync::OnceLock;
use steadynet::data::{Preprocessing, idx, shuffle};
use steadynet::{Activation, BatchSize, Dataset, Init, Loss, Network, Optimizer, Trainer};

const LR: f32 = 0.01;

/// The first rows of the built-in digits, pixels from 0 to 1.
fn digits(rows: usize) -> Dataset {
    first_rows(&Dataset::digits(), rows, 1.0 / 16.0)
}

/// The first rows of MNIST's test images, pixels from 0 to 1, if the files are there.
fn mnist(rows: usize) -> Option<Dataset> {
    static IMAGES: OnceLock<Option<Dataset>> = OnceLock::new();
    let read = || {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/mnist");
        if !folder.is_dir() {
            println!("MNIST is skipped: there is no folder {}", folder.display());
            return None;
        }
        Some(first_rows(&idx::read_folder(folder).unwrap().1, 500, 1.0 / 255.0))
    };
    IMAGES.get_or_init(read).as_ref().map(|images| images.select(&(0..rows).collect::<Vec<_>>()).unwrap())
}

fn first_rows(data: &Dataset, rows: usize, scale: f32) -> Dataset {
    let scale = Preprocessing::constant(data.columns(), scale).unwrap();
    data.select(&(0..rows).collect::<Vec<_>>()).unwrap().preprocessed(&scale).unwrap()
}

fn sigmoid_network(data: &Dataset) -> Network {
    Network::builder(data.columns())
        .hidden(128, Activation::Sigmoid)
        .output(10, Loss::CrossEntropy)
        .weight_init(Init::Normal(1.0))
        .bias_init(Init::Constant(0.0))
        .seed(1)
        .build()
        .unwrap()
}

fn relu_network(data: &Dataset) -> Network {
    Network::builder(data.columns())
        .hidden(128, Activation::Relu)
        .output(10, Loss::CrossEntropy)
        .weight_init(Init::TruncatedNormal(0.1))
        .bias_init(Init::Constant(0.1))
        .seed(1)
        .build()
        .unwrap()
}

/// Fails unless the losses agree to 1e-5 of themselves and every parameter to what `steps` roundings allow.
///
/// A step rounds a parameter once, by at most 2⁻²⁴ of it, and adds 0.01 of a gradient's error. A gradient is a mean of products of
/// numbers from −1 to 1 and of a few times 1e-6 of their own error (sums of up to 784 products, a sigmoid or a ReLU, a
/// softmax), so 1e-5 is far above it; 0.01 of that in each step is 1e-7 a step.
fn compare(losses: &[f64], exact_losses: &[f64], network: &Network, exact: &Net, start: &Network, steps: usize) {
    assert_eq!(losses.len(), exact_losses.len());
    for (t, (loss, exact)) in losses.iter().zip(exact_losses).enumerate() {
        assert!((loss - exact).abs() <= 1e-5 * exact, "loss {t}: {loss}, float64 {exact}");
    }
    let mut moved = 0.0f64;
    for (l, layer) in exact.layers.iter().enumerate() {
        let blocks = [
            ("weight", network.weights(l), &layer.weights, start.weights(l)),
            ("bias", network.biases(l), &layer.biases, start.biases(l)),
        ];
        for (what, ours, exact, start) in blocks {
            let (ours, start) = (ours.unwrap(), start.unwrap());
            assert_eq!(ours.len(), exact.len());
            for (i, (&ours, &exact)) in ours.iter().zip(exact).enumerate() {
                let bound = steps as f64 * (2f64.powi(-24) * exact.abs() + 1e-7);
                assert!((f64::from(ours) - exact).abs() <= bound, "layer {l}, {what} {i}: {ours}, float64 {exact}");
            }
            // What a training without this block (the biases, say) would miss.
            let distance = exact.iter().zip(start).map(|(a, &b)| (a - f64::from(b)).abs()).fold(0.0, f64::max);
            assert!(distance > 100.0 * steps as f64 * 1e-7, "layer {l}: no {what} moved by more than {distance}");
            moved = moved.max(distance);
        }
    }
    assert!(moved > 1e-2, "nothing moved by more than {moved}");
}

/// Batches of 64 in the order of the library's shuffle.
fn check_sigmoid(data: &Dataset, epochs: usize) {
    let start = sigmoid_network(data);
    let mut network = start.clone();
    let trainer = Trainer::new().optimizer(Optimizer::sgd(LR)).batch_size(BatchSize::Rows(64)).epochs(epochs).seed(5);
    let history = trainer.fit(&mut network, data).unwrap();
    let losses: Vec<f64> = history.epochs.iter().map(|epoch| epoch.loss).collect();

    let mut exact = Net::of(&start);
    let mut order = vec![0u32; data.rows()];
    let (mut exact_losses, mut steps) = (Vec::new(), 0);
    for epoch in 1..=epochs as u64 {
        shuffle(&mut order, 5, epoch);
        let mut sum = 0.0;
        for batch in order.chunks(64) {
            let rows: Vec<usize> = batch.iter().map(|&row| row as usize).collect();
            sum += exact.descend(data, &rows, f64::from(LR)) * rows.len() as f64;
            steps += 1;
        }
        exact_losses.push(sum / data.rows() as f64);
    }
    assert!(losses[epochs - 1] < losses[0], "{losses:?}");
    compare(&losses, &exact_losses, &network, &exact, &start, steps);
}

/// All rows in each step, until two losses are near enough, which must be the same step.
fn check_relu(data: &Dataset, tolerance: f64, most: usize) {
    let start = relu_network(data);
    let mut network = start.clone();
    let trainer =
        Trainer::new().optimizer(Optimizer::sgd(LR)).batch_size(BatchSize::Full).tolerance(tolerance).epochs(most);
    let history = trainer.fit(&mut network, data).unwrap();
    let losses: Vec<f64> = history.epochs.iter().map(|epoch| epoch.loss).collect();

    let rows: Vec<usize> = (0..data.rows()).collect();
    let mut exact = Net::of(&start);
    let mut exact_losses: Vec<f64> = Vec::new();
    for _ in 0..most {
        exact_losses.push(exact.descend(data, &rows, f64::from(LR)));
        if let [.., before, last] = exact_losses[..]
            && (last - before).abs() < tolerance
        {
            break;
        }
    }
    let steps = exact_losses.len();
    assert!((10..most).contains(&steps), "the loss did not come to rest within {most} steps, but in {steps}");
    assert!(losses.windows(2).all(|pair| pair[1] < pair[0]), "{losses:?}");
    compare(&losses, &exact_losses, &network, &exact, &start, steps);
}

#[test]
fn sigmoid_on_digits() {
    check_sigmoid(&digits(300), 8);
}

#[test]
fn relu_on_digits() {
    check_relu(&digits(300), 3.5e-3, 60);
}

#[test]
fn sigmoid_on_mnist() {
    if let Some(images) = mnist(200) {
        check_sigmoid(&images, 6);
    }
}

#[test]
fn relu_on_mnist() {
    if let Some(images) = mnist(150) {
        check_relu(&images, 1.3e-2, 60);
    }
}
