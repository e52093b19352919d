//! Wrong input to every public function of networks, training and models: a typed error that names what was wrong, nothing changed.

mod nets;

use std::ops::ControlFlow;
use steadynet::data::Preprocessing;
use steadynet::{
    Activation, BatchSize, Dataset, Epoch, Error, Init, Isa, Loss, Model, Network, NetworkBuilder, Optimizer,
    Parallelism, Predictor, StepTargets, Trainer, gradient,
};

fn network() -> Network {
    Network::builder(3).hidden(4, Activation::Tanh).output(2, Loss::CrossEntropy).build().unwrap()
}

fn of_loss(loss: Loss, outputs: usize) -> Network {
    Network::builder(3).output(outputs, loss).build().unwrap()
}

#[test]
fn builders_are_refused_by_what_is_wrong() {
    let (entropy, squared) = (Loss::CrossEntropy, Loss::SquaredError);
    let relu = Activation::Relu;
    let cases: [(NetworkBuilder, &str); 12] = [
        (Network::builder(3), "layers: there is no last layer: call `output`"),
        (Network::builder(3).hidden(4, relu), "layers: there is no last layer: call `output`"),
        (Network::builder(0).output(2, entropy), "layers: the network takes 0 features, wanted at least 1"),
        (Network::builder(3).output(0, entropy), "layers: layer 1 has 0 outputs, wanted at least 1"),
        (
            Network::builder(3).hidden(2, relu).hidden(0, relu).output(2, entropy),
            "layers: layer 2 has 0 outputs, wanted at least 1",
        ),
        (
            Network::builder(3).output(2, squared).hidden(4, Activation::Identity),
            "layers: layer 2 stands behind the last one: `output` comes once, at the end",
        ),
        (
            Network::builder(3).output(2, entropy).output(2, entropy),
            "layers: layer 2 stands behind the last one: `output` comes once, at the end",
        ),
        (
            Network::builder(3).output_with(2, Activation::Sigmoid, entropy),
            "layers: cross-entropy takes logits: the last layer must be identity, not sigmoid",
        ),
        (
            Network::builder(3).output_with(2, relu, Loss::BinaryCrossEntropy),
            "layers: bce takes logits: the last layer must be identity, not relu",
        ),
        (
            Network::builder(1 << 40).hidden(1 << 40, relu).output(2, entropy),
            "layers: layer 1 has more parameters than",
        ),
        (
            Network::builder(usize::MAX).hidden(1, relu).output(usize::MAX, entropy),
            "layers: layer 1 has more parameters than the address space",
        ),
        // Addresses, but no memory: an error and not the end of the process.
        (Network::builder(1 << 30).output(1 << 28, entropy), "not enough memory: the parameters would take 11529"),
    ];
    for (builder, message) in cases {
        let error = builder.build().unwrap_err();
        assert!(matches!(error, Error::Layers { .. } | Error::Memory { .. }), "{error:?}");
        assert!(error.to_string().starts_with(message), "{error}");
    }
    for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for init in [Init::Constant(wrong), Init::Normal(wrong), Init::TruncatedNormal(wrong), Init::Uniform(wrong)] {
            for builder in [
                Network::builder(3).weight_init(init).output(2, entropy),
                Network::builder(3).bias_init(init).output(2, entropy),
            ] {
                let error = builder.build().unwrap_err();
                assert!(matches!(&error, Error::Setting { name: "init", given, .. } if *given == wrong.to_string()));
            }
        }
    }
    for init in [Init::Normal(-1.0), Init::TruncatedNormal(-0.1), Init::Uniform(-1.0)] {
        let error = Network::builder(3).weight_init(init).output(2, entropy).build().unwrap_err();
        assert!(error.to_string().starts_with("init: wanted a finite number (for a width, not negative), got -"));
    }
    assert!(Network::builder(3).bias_init(Init::Constant(-1.0)).output(2, entropy).build().is_ok());
}

#[test]
fn layers_that_are_not_there_are_none() {
    let mut network = network();
    assert_eq!((network.weights(1).unwrap().len(), network.biases(1).unwrap().len()), (8, 2));
    assert!(network.weights(2).is_none() && network.biases(usize::MAX).is_none());
    assert!(network.weights_mut(2).is_none() && network.biases_mut(2).is_none());
}

#[test]
fn names_that_are_unknown_are_refused() {
    let error = "hinge".parse::<Loss>().unwrap_err().to_string();
    assert_eq!(error, "loss: wanted cross-entropy, squared-error or bce, got hinge");
    for &loss in Loss::ALL {
        assert_eq!(loss.name().parse(), Ok(loss));
    }
    assert!("normal".parse::<Init>().unwrap_err().to_string().starts_with("init: wanted one of"));
    assert!(Activation::from_name("swish2").is_none());
    assert!(Optimizer::from_name("adamant", None).is_none());
    assert!(Isa::from_name("mmx").is_err());
}

#[test]
fn settings_outside_their_range_are_named() {
    let data = nets::data(Loss::CrossEntropy, 10, 3, 2, 1);
    let trainer = Trainer::new;
    let mut cases = Vec::new();
    for lr in [0.0, -0.1, f32::NAN, f32::INFINITY] {
        let message = format!("learning rate: wanted a finite number above 0, got {lr}");
        cases.push((trainer().optimizer(Optimizer::sgd(lr)), message.clone()));
        cases.push((trainer().optimizer(Optimizer::momentum(lr, 0.9)), message));
    }
    for momentum in [1.0, -0.1, f32::NAN, f32::INFINITY] {
        let message = format!("momentum: wanted a number from 0 to below 1, got {momentum}");
        cases.push((trainer().optimizer(Optimizer::momentum(0.1, momentum)), message.clone()));
        cases.push((trainer().optimizer(Optimizer::nesterov(0.1, momentum)), message));
    }
    for l2 in [-1.0, f32::NAN, f32::INFINITY] {
        let message = format!("l2: wanted a finite number, not negative, got {l2}");
        cases.push((trainer().optimizer(Optimizer::sgd(0.1).l2(l2)), message.clone()));
        cases.push((trainer().optimizer(Optimizer::momentum(0.1, 0.9).l2(l2)), message));
    }
    cases.push((trainer().batch_size(BatchSize::Rows(0)), "batch size: wanted at least 1 row, got 0".into()));
    for tolerance in [-1e-9, f64::NAN, f64::INFINITY] {
        let message = format!("tolerance: wanted a finite number, not negative, got {tolerance}");
        cases.push((trainer().tolerance(tolerance), message));
    }
    for (trainer, message) in cases {
        let mut network = network();
        let error = trainer.fit(&mut network, &data).unwrap_err();
        assert!(matches!(error, Error::Setting { .. }), "{error:?}");
        assert_eq!(error.to_string(), message);
        assert_eq!(network, self::network(), "{message}: the network changed");
    }
}

/// Every way to hand data to a network that takes 3 features.
fn each_use(network: &Network, data: &Dataset) -> Vec<Error> {
    let good = match network.loss() {
        Loss::CrossEntropy => nets::data(Loss::CrossEntropy, 5, 3, network.outputs(), 1),
        loss => nets::data(loss, 5, 3, network.outputs(), 1),
    };
    let mut trained = network.clone();
    let go_on = |_: &Epoch| ControlFlow::Continue(());
    let errors = vec![
        Trainer::new().fit(&mut trained, data).unwrap_err(),
        Trainer::new().fit_with(&mut trained, &good, Some(data), go_on).unwrap_err(),
        gradient(network, data, Isa::detect(), Parallelism::Serial).unwrap_err(),
        network.evaluate(data).unwrap_err(),
        network.evaluate_on(data, Isa::scalar(), Parallelism::Serial).unwrap_err(),
    ];
    assert_eq!(&trained, network);
    errors
}

#[test]
fn data_that_does_not_fit_is_refused_everywhere() {
    let labels = |classes| nets::data(Loss::CrossEntropy, 10, 3, classes, 1);
    let values = |width| nets::data(Loss::SquaredError, 10, 3, width, 1);
    let beyond_one = Dataset::regression(vec![0.0; 6], 3, vec![0.0, 0.5, 0.25, 1.5], 2).unwrap();
    let cases = [
        (network(), nets::data(Loss::CrossEntropy, 10, 4, 2, 1), "features in a row: wanted 3, got 4"),
        (network(), labels(5), "targets: wanted labels of 2 classes (for cross-entropy), got labels of 5 classes"),
        (network(), values(2), "targets: wanted labels of 2 classes (for cross-entropy), got 2 numbers a row"),
        (
            of_loss(Loss::SquaredError, 2),
            values(3),
            "targets: wanted 2 numbers a row (for squared-error), got 3 numbers a row",
        ),
        (
            of_loss(Loss::SquaredError, 2),
            labels(2),
            "targets: wanted 2 numbers a row (for squared-error), got labels of 2 classes",
        ),
        (
            of_loss(Loss::BinaryCrossEntropy, 2),
            beyond_one,
            "targets: wanted numbers from 0 to 1 (for bce), got 1.5 in row 1",
        ),
    ];
    for (network, data, message) in cases {
        for error in each_use(&network, &data) {
            assert_eq!(error.to_string(), message);
        }
    }
    // One class cannot be learnt, but measured.
    let one = Dataset::classification(vec![0.5; 6], 3, vec![1, 1], 2).unwrap();
    let error = Trainer::new().fit(&mut network(), &one).unwrap_err();
    assert_eq!(error.to_string(), r#"data: labels: wanted at least two classes, got "1" in every row"#);
    assert!(network().evaluate(&one).is_ok());
}

#[test]
fn features_that_are_no_rows_are_refused_and_none_are_fine() {
    let network = network();
    for len in [1, 2, 4, 5, 7] {
        let features = vec![0.5; len];
        let wanted = len.next_multiple_of(3);
        let expected = Error::Features { what: "features (a whole number of rows)", wanted, given: len };
        let calls = [
            network.predict(&features),
            network.predict_on(&features, Isa::scalar(), Parallelism::Serial),
            network.logits_on(&features, Isa::detect(), Parallelism::Rayon),
            Model::new(network.clone()).predict(&features),
            Model::new(network.clone()).preprocessed(&features),
        ];
        for result in calls {
            assert_eq!(result.unwrap_err(), expected);
        }
    }
    assert_eq!(network.predict(&[]), Ok(vec![]));
    assert_eq!(Model::new(network.clone()).predict(&[]), Ok(vec![]));
    assert_eq!(network.logits_on(&[], Isa::scalar(), Parallelism::Serial), Ok(vec![]));
}

#[test]
fn a_model_refuses_foreign_preprocessing_and_features_that_are_not_finite() {
    let mut model = Model::new(network());
    model.preprocessing = Some(Preprocessing { shift: vec![0.0; 6], scale: vec![1.0; 6] });
    let error = model.predict(&[0.0; 6]).unwrap_err().to_string();
    assert_eq!(error, "data: preprocessing: wanted 3 columns as the network, got 6");
    assert!(model.save(tempfile::tempdir().unwrap().path().join("model")).is_err());
    model.preprocessing = Some(Preprocessing { shift: vec![0.0; 3], scale: vec![1.0; 2] });
    let error = model.predict(&[0.0; 3]).unwrap_err();
    assert!(matches!(&error, Error::Data { problem } if problem.contains("scale")), "{error}");
    model.preprocessing = None;
    for (wrong, name) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        for preprocessing in [None, Some(Preprocessing::constant(3, 0.5).unwrap())] {
            model.preprocessing = preprocessing;
            let error = model.predict(&[0.0, 1.0, 2.0, 3.0, wrong, 5.0]).unwrap_err().to_string();
            assert_eq!(error, format!("data: features: wanted finite numbers, got {name} in row 1, column 1 (from 0)"));
        }
    }
    // Finite as it comes, but not as the network would see it.
    model.preprocessing = Some(Preprocessing::constant(3, 1e10).unwrap());
    for result in
        [model.predict(&[0.0, 1.0, 2.0, -1e30, 4.0, 5.0]), model.preprocessed(&[0.0, 1.0, 2.0, -1e30, 4.0, 5.0])]
    {
        let problem =
            "features after preprocessing: wanted finite numbers, got -inf in row 1, column 0 (from 0)".to_string();
        assert_eq!(result, Err(Error::Data { problem }));
    }
}

#[test]
fn a_network_takes_features_that_are_not_finite_without_harm_to_other_rows() {
    let network = network();
    let bits = |outputs: &[f32]| outputs.iter().map(|output| output.to_bits()).collect::<Vec<_>>();
    let good: Vec<f32> = (0..210).map(|i| (i % 13) as f32 / 13.0).collect();
    let clean = network.predict(&good).unwrap();
    let width = network.outputs();
    for isa in Isa::available() {
        for wrong in [f32::NAN, f32::INFINITY] {
            let mut features = good.clone();
            features[3 * 35 + 1] = wrong;
            let mut outputs = network.predict_on(&features, isa, Parallelism::Serial).unwrap();
            assert_ne!(bits(&outputs), bits(&clean), "{isa:?} {wrong}");
            outputs[35 * width..36 * width].copy_from_slice(&clean[35 * width..36 * width]);
            assert_eq!(bits(&outputs), bits(&clean), "{isa:?} {wrong}");
        }
    }
}

#[test]
fn a_file_that_is_no_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    assert!(Model::load(&path).unwrap_err().to_string().contains("model.safetensors"));
    Model::new(network()).save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for end in [0, 7, 8, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..end]).unwrap();
        assert!(Model::load(&path).unwrap_err().to_string().contains("model.safetensors"), "{end} bytes");
    }
    // Contents that are whole but make no network.
    let change = |change: &dyn Fn(&mut steadynet::model_file::Model)| {
        let mut contents = Model::new(network()).to_contents();
        change(&mut contents);
        contents.save(&path).unwrap();
        Model::load(&path).unwrap_err().to_string()
    };
    assert!(change(&|model| model.loss = "hinge".into()).contains("hinge"));
    assert!(change(&|model| model.layers[0].activation = "step".into()).contains("step"));
    assert!(change(&|model| model.layers[1].activation = "relu".into()).contains("cross-entropy takes logits"));
    // A model with a parameter that is not finite is not written, and the file that is there stays.
    Model::new(network()).save(&path).unwrap();
    let mut broken = network();
    broken.weights_mut(0).unwrap()[5] = f32::NAN;
    let error = Model::new(broken).save(&path).unwrap_err().to_string();
    assert!(error.contains("layers.0.weight"), "{error}");
    assert_eq!(Model::load(&path).unwrap(), Model::new(network()));
}

/// A line through data whose error doubles in every step: `lr` decides when float32 ends.
fn diverging() -> (Network, Dataset) {
    let data = Dataset::regression(vec![1.0, -2.0, 3.0, 0.5], 1, vec![2.0, -4.0, 6.0, 1.0], 1).unwrap();
    (Network::builder(1).output(1, Loss::SquaredError).seed(1).build().unwrap(), data)
}

#[test]
fn a_training_that_diverges_keeps_the_last_good_epoch() {
    let (start, data) = diverging();
    for (lr, batch) in [(10.0, BatchSize::Full), (10.0, BatchSize::Rows(1)), (1e6, BatchSize::Rows(3))] {
        for parallelism in [Parallelism::Serial, Parallelism::Rayon] {
            let trainer = Trainer::new()
                .optimizer(Optimizer::sgd(lr))
                .batch_size(batch)
                .seed(4)
                .epochs(1000)
                .parallelism(parallelism);
            let mut network = start.clone();
            let mut seen = 0;
            let error = trainer
                .fit_with(&mut network, &data, Some(&data), |epoch| {
                    seen = epoch.epoch;
                    ControlFlow::Continue(())
                })
                .unwrap_err();
            let Error::NonFinite { what, epoch, step } = error else { panic!("{error:?}") };
            assert_eq!(epoch, seen + 1);
            assert!((1..=4).contains(&step), "{step}");
            assert!(["the loss", "a parameter"].contains(&what));
            assert!(epoch > 1, "there was no good epoch with lr {lr}");
            let message =
                format!("{what} is not finite in epoch {epoch}, step {step}; the parameters are those of the last");
            assert!(error.to_string().starts_with(&message), "{error}");
            let mut good = start.clone();
            trainer.epochs(epoch - 1).fit(&mut good, &data).unwrap();
            assert_eq!(network.parameters(), good.parameters());
            assert!(network.parameters().iter().all(|parameter| parameter.is_finite()));
        }
    }
}

#[test]
fn a_first_epoch_that_fails_leaves_the_network_as_it_was() {
    let (start, data) = diverging();
    let mut network = start.clone();
    let trainer = Trainer::new().optimizer(Optimizer::sgd(f32::MAX)).batch_size(BatchSize::Full);
    let error = trainer.fit(&mut network, &data).unwrap_err();
    assert_eq!(error, Error::NonFinite { what: "a parameter", epoch: 1, step: 1 });
    assert_eq!(network, start);

    // Parameters of the caller that are not finite: named at once, and left to him.
    network.weights_mut(0).unwrap()[0] = f32::NAN;
    let error = trainer.fit(&mut network, &data).unwrap_err();
    assert_eq!(error, Error::NonFinite { what: "the loss", epoch: 1, step: 1 });
    assert!(network.weights(0).unwrap()[0].is_nan());
}

#[test]
fn no_epochs_and_a_callers_stop_are_fine() {
    let data = nets::data(Loss::CrossEntropy, 10, 3, 2, 1);
    let mut trained = network();
    let history = Trainer::new().epochs(0).fit(&mut trained, &data).unwrap();
    assert!(history.epochs.is_empty());
    assert_eq!(trained, network());
    let stop = |epoch: &Epoch| if epoch.epoch == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let history = Trainer::new().epochs(50).fit_with(&mut trained, &data, None, stop).unwrap();
    assert_eq!(history.epochs.len(), 3);
    let mut three = network();
    Trainer::new().epochs(3).fit(&mut three, &data).unwrap();
    assert_eq!(three, trained);
}

#[test]
fn a_tolerance_ends_a_training_after_two_near_losses() {
    let (start, data) = diverging();
    let trainer = Trainer::new().optimizer(Optimizer::sgd(0.01)).batch_size(BatchSize::Full).epochs(10_000);
    let mut network = start.clone();
    let history = trainer.clone().tolerance(1e-4).fit(&mut network, &data).unwrap();
    let losses: Vec<f64> = history.epochs.iter().map(|epoch| epoch.loss).collect();
    assert!(losses.len() > 2 && losses.len() < 10_000);
    let differences: Vec<f64> = losses.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    let (last, before) = differences.split_last().unwrap();
    assert!(*last < 1e-4 && before.iter().all(|difference| *difference >= 1e-4));
    // A tolerance of 0 is never reached: even equal losses differ by no less than 0.
    let history = trainer.epochs(500).tolerance(0.0).fit(&mut start.clone(), &data).unwrap();
    assert_eq!(history.epochs.len(), 500);
}

#[test]
fn steps_and_sessions_refuse_what_does_not_fit() {
    let mut network = Network::builder(3).hidden(4, Activation::Tanh).output(2, Loss::CrossEntropy).build().unwrap();
    let trainer = Trainer::new().optimizer(Optimizer::adam(0.1));
    assert_eq!(trainer.stepper(&mut network, 0).err().unwrap().to_string(), "batch size: wanted at least 1 row, got 0");
    let bad = Trainer::new().optimizer(Optimizer::adamw(0.1, -1.0));
    let error = bad.stepper(&mut network, 4).err().unwrap().to_string();
    assert_eq!(error, "weight_decay: wanted a finite number, not negative, got -1");
    let before = network.clone();
    let mut stepper = trainer.stepper(&mut network, 4).unwrap();
    let labels = StepTargets::Labels;
    let cases = [
        (&[1.0; 7][..], labels(&[0, 1]), "features (a whole number of rows): wanted 9, got 7"),
        (&[], labels(&[]), "rows of a step: wanted 1, got 0"),
        (&[1.0; 15], labels(&[0; 5]), "rows of a step: wanted 4, got 5"),
        (&[1.0; 6], labels(&[0]), "targets: wanted 2 labels below 2 (for cross-entropy), got 1 labels"),
        (&[1.0; 6], labels(&[0, 2]), "targets: wanted 2 labels below 2 (for cross-entropy), got label 2"),
        (
            &[1.0; 6],
            StepTargets::Values(&[0.0; 4]),
            "targets: wanted 2 labels below 2 (for cross-entropy), got 4 numbers",
        ),
    ];
    for (features, targets, message) in cases {
        assert_eq!(stepper.step(features, targets).unwrap_err().to_string(), message);
    }
    // A loss that is not finite is told and changes nothing.
    assert!(stepper.step(&[f32::NAN; 3], labels(&[0])).unwrap().is_nan());
    assert_eq!(*stepper.network(), before);
    assert!(stepper.step(&[0.5; 3], labels(&[0])).unwrap().is_finite());
    assert_ne!(*stepper.network(), before);

    let mut network = Network::builder(3).output(2, Loss::SquaredError).build().unwrap();
    let mut stepper = trainer.stepper(&mut network, 4).unwrap();
    let error = stepper.step(&[1.0; 6], StepTargets::Values(&[0.0; 3])).unwrap_err().to_string();
    assert_eq!(error, "targets: wanted 4 numbers (for squared-error), got 3 numbers");

    let predictor = Predictor::new(&network).unwrap();
    let mut session = predictor.session(Parallelism::default()).unwrap();
    let mut outputs = [7.0; 4];
    let error = session.predict(&[1.0; 7], &mut outputs).unwrap_err().to_string();
    assert_eq!(error, "features (a whole number of rows): wanted 9, got 7");
    let error = session.predict(&[1.0; 3], &mut outputs).unwrap_err().to_string();
    assert_eq!(error, "outputs (as many rows as of features): wanted 2, got 4");
    assert_eq!(outputs, [7.0; 4]);
    session.predict(&[], &mut []).unwrap();
}
