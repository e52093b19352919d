use super::*;
use proptest::prelude::*;

/// Three layers and every optional part.
fn full_model() -> Model {
    let strings = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect::<Vec<_>>());
    let layer = |inputs: usize, outputs: usize, activation: &str| ModelLayer {
        inputs,
        outputs,
        activation: activation.to_owned(),
        weights: (0..inputs * outputs).map(|i| 0.5 - i as f32).collect(),
        biases: (0..outputs).map(|i| 0.25 * i as f32).collect(),
    };
    Model {
        layers: vec![layer(2, 3, "relu"), layer(3, 1, "tanh"), layer(1, 4, "identity")],
        loss: "cross-entropy".to_owned(),
        preprocessing: Some(ShiftScale { shift: vec![1.0, -2.0], scale: vec![0.5, 4.0] }),
        class_names: strings(&["a", "b", "ü\"\n", ""]),
        feature_names: strings(&["width", "height"]),
        target_name: Some("species".to_owned()),
        training: [("seed", "7"), ("batch", "64"), ("lr", "0.1")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
    }
}

/// One layer and no optional part.
fn small_model() -> Model {
    Model {
        layers: vec![ModelLayer {
            inputs: 2,
            outputs: 1,
            activation: "identity".to_owned(),
            weights: vec![1.0, -0.0],
            biases: vec![f32::MIN_POSITIVE / 2.0],
        }],
        loss: "squared-error".to_owned(),
        ..Model::default()
    }
}

/// A safetensors file with this header and this many zero bytes of data.
fn file(header: &str, data_len: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data_len, 0);
    bytes
}

/// The file of `small_model` with its tensors and its JSON replaced.
fn small_file(tensors: &str, json: &str, data_len: usize) -> Vec<u8> {
    let json = serde_json::to_string(json).unwrap();
    file(&format!(r#"{{"__metadata__":{{"steadynet":{json}}},{tensors}}}"#), data_len)
}

const SMALL_TENSORS: &str = r#""layers.0.bias":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"layers.0.weight":{"dtype":"F32","shape":[2,1],"data_offsets":[4,12]}"#;
const SMALL_JSON: &str = r#"{"activations":["identity"],"format":1,"loss":"squared-error","training":{}}"#;

fn message(bytes: &[u8]) -> String {
    Model::from_bytes(bytes).unwrap_err().to_string()
}

#[test]
fn round_trip() {
    for model in [full_model(), small_model()] {
        let bytes = model.to_bytes().unwrap();
        let read = Model::from_bytes(&bytes).unwrap();
        assert_eq!(read, model);
        // Equality of floats does not see the sign of zero; the bytes do.
        assert_eq!(read.to_bytes().unwrap(), bytes);
        assert_eq!(read.weights_sha256(), model.weights_sha256());
    }
}

/// The layout that the module's documentation promises, byte by byte.
#[test]
fn layout() {
    let mut wanted = small_file(SMALL_TENSORS, SMALL_JSON, 0);
    let header_len = wanted.len() - 8;
    let padded = header_len.next_multiple_of(8);
    wanted.resize(8 + padded, b' ');
    wanted[..8].copy_from_slice(&(padded as u64).to_le_bytes());
    wanted.extend([0x00, 0x00, 0x40, 0x00]); // bias 2^-127, subnormal
    wanted.extend([0x00, 0x00, 0x80, 0x3f]); // weight 1.0
    wanted.extend([0x00, 0x00, 0x00, 0x80]); // weight -0.0
    assert_eq!(small_model().to_bytes().unwrap(), wanted);
}

#[test]
fn equal_models_give_equal_bytes() {
    let first = full_model().to_bytes().unwrap();
    for _ in 0..20 {
        // A new model each time, whose hash maps in safetensors get new random seeds.
        assert_eq!(full_model().to_bytes().unwrap(), first);
    }
}

#[test]
fn more_than_ten_layers_keep_their_order() {
    // Tensors are sorted as texts in the file: layer 10 stands before layer 2.
    let layers = (0..12)
        .map(|i| ModelLayer {
            inputs: 1,
            outputs: 1,
            activation: "tanh".to_owned(),
            weights: vec![i as f32],
            biases: vec![-(i as f32)],
        })
        .collect();
    let model = Model { layers, ..small_model() };
    assert_eq!(Model::from_bytes(&model.to_bytes().unwrap()).unwrap(), model);
}

#[test]
fn sha256_of_known_bytes() {
    // printf '\x00\x00\x80\x3f\x00\x00\x00\x80\x00\x00\x40\x00' | sha256sum
    let wanted = "d8accdb67c8f721f8889cca04e000a8a7aebc2564efaddce77e6663fb8297fde";
    assert_eq!(small_model().weights_sha256(), wanted);
    assert_eq!(weights_sha256([[1.0, -0.0, f32::MIN_POSITIVE / 2.0].as_slice()]), wanted);
    assert_ne!(weights_sha256([[1.0, 0.0, f32::MIN_POSITIVE / 2.0].as_slice()]), wanted);
}

#[test]
fn save_and_load() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    full_model().save(&path).unwrap();
    assert_eq!(Model::load(&path).unwrap(), full_model());

    let mut broken = full_model();
    broken.layers[1].biases[0] = f32::NAN;
    assert!(matches!(broken.save(&path), Err(ModelFileError::NonFinite { .. })));
    assert_eq!(Model::load(&path).unwrap(), full_model(), "a refused save leaves the old file");

    std::fs::write(&path, b"no model").unwrap();
    let error = Model::load(&path).unwrap_err();
    assert!(matches!(error, ModelFileError::InFile { .. }));
    assert!(error.to_string().contains("m.safetensors: not a safetensors file"), "{error}");
    let error = Model::load(folder.path().join("absent")).unwrap_err();
    assert!(matches!(error, ModelFileError::Read { .. }));
    assert!(error.to_string().contains("absent"), "{error}");
    let error = full_model().save(folder.path()).unwrap_err();
    assert!(matches!(error, ModelFileError::Write(_)));
}

#[test]
fn truncation_at_every_length() {
    let bytes = full_model().to_bytes().unwrap();
    for len in 0..bytes.len() {
        match Model::from_bytes(&bytes[..len]) {
            Err(ModelFileError::Truncated { wanted, given }) => {
                assert_eq!(given, len as u64);
                assert!(given < wanted && wanted <= bytes.len() as u64, "{len}: wanted {wanted}");
            }
            other => panic!("{len}: {other:?}"),
        }
    }
}

/// Whatever is read from changed bytes is a whole model: it can be written and read again.
fn refused_or_whole(bytes: &[u8]) {
    if let Ok(model) = Model::from_bytes(bytes) {
        let again = model.to_bytes().unwrap();
        assert_eq!(Model::from_bytes(&again).unwrap().to_bytes().unwrap(), again);
    }
}

#[test]
fn every_byte_corrupted() {
    let bytes = small_model().to_bytes().unwrap();
    for position in 0..bytes.len() {
        for value in 0..=255 {
            let mut changed = bytes.clone();
            changed[position] = value;
            refused_or_whole(&changed);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Model::from_bytes(&bytes).is_err());
    }

    #[test]
    fn any_header(header in "[{\\[\"][a-z_{}\\[\\]\":,0-9 ]{0,60}", data_len in 0..32_usize) {
        refused_or_whole(&file(&header, data_len));
    }

    /// Headers of the right grammar with sizes that lie.
    #[test]
    fn any_sizes(
        shape in prop::collection::vec(prop_oneof![0..5_u64, any::<u64>()], 0..4),
        ends in prop::collection::vec(prop_oneof![0..40_u64, any::<u64>()], 3),
        data_len in 0..40_usize,
    ) {
        let tensors = format!(
            r#""layers.0.bias":{{"dtype":"F32","shape":[1],"data_offsets":[{},{}]}},"layers.0.weight":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{},{}]}}"#,
            0, ends[0], ends[1], ends[2],
        );
        refused_or_whole(&small_file(&tensors, SMALL_JSON, data_len));
    }

    #[test]
    fn spliced(position in any::<prop::sample::Index>(), len in 0..40_usize, filling in prop::collection::vec(any::<u8>(), 0..20)) {
        let mut bytes = full_model().to_bytes().unwrap();
        let start = position.index(bytes.len());
        bytes.splice(start..(start + len).min(bytes.len()), filling);
        refused_or_whole(&bytes);
    }
}

#[test]
fn foreign_files() {
    assert!(message(b"").contains("wanted at least 8 bytes, got 0"));
    assert!(message(b"\x89PNG\r\n\x1a\n and more").contains("claim a header of"));
    assert!(message(b"\x10\0\0\0\0\0\0\0not json, surely").contains("does not begin with `{`"));
    assert!(message(&file("{]", 0)).contains("not a safetensors file: header: "));
    let foreign =
        [file("{}", 0), file(r#"{"__metadata__":{"format":"pt"}}"#, 0), file(&format!("{{{SMALL_TENSORS}}}"), 12)];
    for bytes in foreign {
        assert_eq!(
            message(&bytes),
            "a safetensors file, but not one of steadynet: its metadata has no key `steadynet`"
        );
    }
}

#[test]
fn metadata_errors() {
    let metadata = |json: &str| message(&small_file(SMALL_TENSORS, json, 12));
    assert!(metadata("no json").starts_with("metadata of the model file: expected"));
    assert!(metadata("{}").contains("missing field `format`"));
    assert_eq!(metadata(r#"{"format":2,"new":0}"#), "model file format: wanted version 1, got 2");
    assert!(metadata(r#"{"format":1,"loss":"bce","training":{}}"#).contains("missing field `activations`"));
    assert!(metadata(&SMALL_JSON.replace("loss", "lost")).contains("unknown field `lost`"));
    let preprocessing = SMALL_JSON.replace("\"training", r#""preprocessing":"whiten","training"#);
    assert_eq!(metadata(&preprocessing), "preprocessing: wanted one of shift-scale, got `whiten`");
    assert_eq!(metadata(&preprocessing.replace("whiten", "shift-scale")), "tensor `preprocessing.shift` is missing");
    assert_eq!(
        metadata(&SMALL_JSON.replace(r#""identity""#, "")),
        "tensor `layers.0.bias` has no place in a model file"
    );
    assert_eq!(metadata(&SMALL_JSON.replace(r#""identity""#, r#""a","b""#)), "tensor `layers.1.weight` is missing");
}

#[test]
fn tensor_errors() {
    let tensors = |from: &str, to: &str, data_len| {
        assert!(SMALL_TENSORS.contains(from));
        message(&small_file(&SMALL_TENSORS.replace(from, to), SMALL_JSON, data_len))
    };
    assert_eq!(
        tensors(r#"F32","shape":[2,1]"#, r#"I32","shape":[2,1]"#, 12),
        "tensor `layers.0.weight`: wanted type F32, got I32"
    );
    assert_eq!(tensors("[2,1]", "[2]", 12), "tensor `layers.0.weight`: wanted 2 dimensions, got shape [2]");
    assert_eq!(tensors("[2,1]", "[1,2]", 12), "layers.0.bias: wanted 2 elements, got 1");
    assert!(tensors("[2,1]", "[3,1]", 12).starts_with("not a safetensors file"));
    assert!(tensors("4,12", "4,13", 12).starts_with("truncated model file"));
    assert!(tensors("4,12", "4,12", 13).contains("1 bytes follow after the last tensor"));
    assert!(tensors("4,12", "4,18446744073709551615", 12).contains("wanted at least 18446744073709551615 bytes"));
    assert!(tensors("[2,1]", "[4294967296,4294967296]", 12).starts_with("not a safetensors file"));
    assert!(tensors(r#""data_offsets":[4,12]"#, r#""data_offsets":[4]"#, 12).contains("has no `data_offsets`"));
    assert_eq!(
        message(&small_file(
            r#""layers.0.bias":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"layers.0.weight":{"dtype":"F32","shape":[2,0],"data_offsets":[0,0]}"#,
            SMALL_JSON,
            0
        )),
        "layer 0: wanted at least one input and one output, got none"
    );
    let mut bytes = small_model().to_bytes().unwrap();
    let last = bytes.len() - 4;
    bytes[last..].copy_from_slice(&f32::INFINITY.to_le_bytes());
    assert_eq!(message(&bytes), "tensor `layers.0.weight`: wanted finite numbers, got inf at position 1");
}

/// Safetensors itself would panic in a debug build when it adds the end of the last tensor to the header's length.
#[test]
fn offsets_whose_sum_overflows() {
    let eighth = u64::MAX / 8 - 7;
    let tensors: Vec<String> = (0..9_u64)
        .map(|i| (i * eighth, if i == 8 { u64::MAX } else { (i + 1) * eighth }))
        .enumerate()
        .map(|(i, (start, end))| format!(r#""{i}":["U8",[{}],[{start},{end}]]"#, end - start))
        .collect();
    let as_lists = tensors.join(",");
    assert!(message(&small_file(&as_lists, SMALL_JSON, 0)).contains("has no `data_offsets`"));
    let as_objects = as_lists.replace(r#"["U8","#, r#"{"dtype":"U8","shape":"#).replace("],[", r#"],"data_offsets":["#);
    let as_objects = as_objects.replace("]]", "]}");
    assert!(message(&small_file(&as_objects, SMALL_JSON, 0)).contains("wanted at least 18446744073709551615 bytes"));
}

#[test]
fn models_that_do_not_fit_together_are_refused() {
    type Change = fn(&mut Model);
    let changes: [(Change, &str); 11] = [
        (|m| m.layers.clear(), "the model has no layers"),
        (|m| m.layers[1].inputs = 2, "layer 1: wanted 3 inputs, as many as the layer before has outputs, got 2"),
        (|m| m.layers[2].outputs = 0, "layer 2: wanted at least one input and one output, got none"),
        (|m| m.layers[2].outputs = 5, "layers.2.weight: wanted 5 elements, got 4"),
        (|m| m.layers[0].outputs = usize::MAX, "layer 0: inputs times outputs exceeds the address space"),
        (|m| m.layers[0].weights.truncate(5), "layers.0.weight: wanted 6 elements, got 5"),
        (|m| m.layers[0].biases.push(0.0), "layers.0.bias: wanted 3 elements, got 4"),
        (
            |m| m.layers[1].weights[2] = f32::NEG_INFINITY,
            "tensor `layers.1.weight`: wanted finite numbers, got -inf at position 2",
        ),
        (|m| m.preprocessing.as_mut().unwrap().scale.clear(), "preprocessing.scale: wanted 2 elements, got 0"),
        (|m| m.class_names.as_mut().unwrap().truncate(3), "class_names: wanted 4 elements, got 3"),
        (|m| m.feature_names.as_mut().unwrap().push(String::new()), "feature_names: wanted 2 elements, got 3"),
    ];
    for (change, wanted) in changes {
        let mut model = full_model();
        change(&mut model);
        assert_eq!(model.to_bytes().unwrap_err().to_string(), wanted);
    }
}

#[test]
fn one_output_takes_two_class_names() {
    let names = |n: usize| Some(vec!["x".to_owned(); n]);
    assert!(Model { class_names: names(2), ..small_model() }.to_bytes().is_ok());
    assert!(Model { class_names: names(1), ..small_model() }.to_bytes().is_err());
}

#[test]
fn unknown_names() {
    let model = full_model();
    let activations = ["identity", "relu", "tanh"];
    assert!(model.check_names(&activations, &["cross-entropy"]).is_ok());
    let error = model.check_names(&activations[..2], &["cross-entropy"]).unwrap_err();
    assert_eq!(error.to_string(), "activation of layer 1: wanted one of identity, relu, got `tanh`");
    let error = model.check_names(&activations, &["bce", "squared-error"]).unwrap_err();
    assert_eq!(error.to_string(), "loss: wanted one of bce, squared-error, got `cross-entropy`");
}
