//! No bytes make the model reader panic, and a model that was read writes a file that reads back as the same model.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steadynet::Model;
use steadynet::model_file;

fuzz_target!(|bytes: &[u8]| {
    let Ok(contents) = model_file::Model::from_bytes(bytes) else { return };
    let written = contents.to_bytes().expect("what was read can be written");
    assert_eq!(model_file::Model::from_bytes(&written).expect("what was written can be read"), contents);
    if let Ok(model) = Model::from_contents(contents.clone()) {
        let features = vec![0.5; model.network.inputs()];
        // Preprocessing may overflow, which is an error and not a panic.
        if let Ok(outputs) = model.predict(&features) {
            assert_eq!(outputs.len(), model.network.outputs());
        }
        assert_eq!(model.to_contents(), contents);
    }
});
