//! The command `steadynet`, as a person at a terminal uses it.
#![cfg(feature = "cli")]

use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A folder to work in, and the command in it.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Place {
        fs::write(self.path(name), content).unwrap();
        self
    }

    fn run(&self, arguments: &str) -> Output {
        self.run_with(arguments, b"")
    }

    fn run_with(&self, arguments: &str, input: &[u8]) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_steadynet"))
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that fails early does not read its input.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    /// Standard output of a command that succeeds and says nothing on standard error.
    fn ok(&self, arguments: &str) -> String {
        succeeded(arguments, self.run(arguments))
    }

    fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.ok(arguments)).unwrap()
    }

    /// Standard error of a command that fails with this exit code.
    fn fails(&self, code: i32, arguments: &str) -> String {
        let output = self.run(arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments}: {message}");
        assert!(message.starts_with("error: "), "{arguments}: {message}");
        assert!(!message.contains("panicked"), "{arguments}: {message}");
        message
    }

    fn files(&self) -> Vec<String> {
        let names = fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

fn succeeded(arguments: &str, output: Output) -> String {
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{arguments}: {message}");
    assert_eq!(message, "", "{arguments}");
    String::from_utf8(output.stdout).unwrap()
}

/// Three kinds of points that any network can tell apart.
fn flowers(rows: usize) -> String {
    let mut csv = String::from("length,width,kind\n");
    for i in 0..rows {
        let kind = i % 3;
        let wobble = (i * 7 % 11) as f32 / 20.0;
        csv += &format!("{},{},{}\n", kind as f32 + wobble, 3.0 - kind as f32 - wobble, ["rose", "iris", "lily"][kind]);
    }
    csv
}

const SMALL: &str = "--hidden 12 --epochs 20 --batch 8 --no-plot";

#[test]
fn the_default_training_of_the_digits() {
    let place = Place::new();
    let text = place.ok("train digits");
    for part in
        ["1294 to train on, 144 to validate, 359 to test", "test      accuracy", "model.safetensors", "loss.svg"]
    {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    assert_eq!(place.files(), ["loss.svg", "model.safetensors"]);
    assert!(fs::read_to_string(place.path("loss.svg")).unwrap().starts_with("<svg"));

    let json = place.json("train digits --json --out again.safetensors --plot again.svg --history history.csv");
    let accuracy = json["test"]["accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.97, "{accuracy}");
    assert_eq!(json["epochs"].as_array().unwrap().len(), 30);
    assert_eq!(json["test"]["confusion"].as_array().unwrap().len(), 10);
    assert!(text.contains(json["weights_sha256"].as_str().unwrap()), "another training:\n{text}");
    assert_eq!(fs::read(place.path("model.safetensors")).unwrap(), fs::read(place.path("again.safetensors")).unwrap());
    assert_eq!(fs::read_to_string(place.path("history.csv")).unwrap().lines().count(), 31);

    let inspected = place.json("inspect model.safetensors --json");
    assert_eq!(inspected["weights_sha256"], json["weights_sha256"]);
    assert_eq!(inspected["parameters"], json["parameters"]);
    let text = place.ok("inspect model.safetensors");
    assert!(text.contains("0, 1, 2, 3, 4, 5, 6, 7, 8, 9") && text.contains("0.0625"), "{text}");

    let scores = place.json("evaluate model.safetensors digits --json");
    assert!(scores["accuracy"].as_f64().unwrap() > 0.98 && scores["rows"] == 1797);
    assert!(place.ok("evaluate model.safetensors digits").contains("predicted as"));
}

#[test]
fn quiet_is_silent() {
    let place = Place::new();
    place.write("flowers.csv", flowers(60));
    assert_eq!(place.ok(&format!("train flowers.csv --quiet {SMALL}")), "");
    assert_eq!(place.files(), ["flowers.csv", "model.safetensors"]);
}

#[test]
fn threads_and_instruction_sets_write_the_same_bytes() {
    let place = Place::new();
    let available: Vec<&str> = steadynet::Isa::available().map(steadynet::Isa::name).collect();
    for (name, settings) in [
        ("softmax", "--hidden 128,40 --batch 256 --epochs 3"),
        (
            "squared",
            "--loss squared-error --activation sigmoid --optimizer sgd --lr 0.5 --l2 1e-4 --batch full --epochs 3",
        ),
    ] {
        let mut files = Vec::new();
        let mut train = |compute: &str| {
            place.ok(&format!("train digits {settings} {compute} --quiet --no-plot --out {name}"));
            files.push((compute.to_owned(), fs::read(place.path(name)).unwrap()));
        };
        for threads in 1..=3 {
            train(&format!("--threads {threads}"));
        }
        for isa in ["scalar", "avx2", "avx512", "neon"] {
            if available.contains(&isa) {
                train(&format!("--isa {isa}"));
                train(&format!("--isa {isa} --threads 2"));
            } else {
                println!("{isa}: not on this CPU");
            }
        }
        for (compute, bytes) in &files {
            assert!(*bytes == files[0].1, "{name}: {compute} differs from {}", files[0].0);
        }
    }
}

#[test]
fn a_row_alone_gets_the_bits_it_gets_among_a_thousand() {
    let place = Place::new();
    place.ok("train digits --hidden 64,33 --activation tanh --epochs 2 --quiet --no-plot");
    let digits = steadynet::Dataset::digits();
    let line = |row: usize| {
        let cells: Vec<String> = digits.row(row).unwrap().iter().map(f32::to_string).collect();
        cells.join(",") + "\n"
    };
    place.write("thousand.csv", (0..1000).map(line).collect::<String>());
    let together = place.ok("predict model.safetensors thousand.csv --proba --threads 2");
    let together: Vec<&str> = together.lines().collect();
    assert_eq!(together.len(), 1001);
    assert_eq!(together[0], "prediction,p(0),p(1),p(2),p(3),p(4),p(5),p(6),p(7),p(8),p(9)");
    for row in [0, 1, 13, 499, 999] {
        let alone = succeeded("alone", place.run_with("predict model.safetensors - --proba", line(row).as_bytes()));
        assert_eq!(alone.lines().nth(1), Some(together[row + 1]), "row {row}");
    }
    // The digits that are printed read back as the same bits.
    let model = steadynet::Model::load(place.path("model.safetensors")).unwrap();
    let outputs = model.predict(digits.row(13).unwrap()).unwrap();
    let printed = together[14].split(',').skip(1).map(|cell| cell.parse::<f32>().unwrap().to_bits());
    assert!(printed.eq(outputs.iter().map(|output| output.to_bits())));

    place.ok("predict model.safetensors thousand.csv --proba --out predictions.csv --isa scalar");
    assert_eq!(fs::read_to_string(place.path("predictions.csv")).unwrap().lines().collect::<Vec<_>>(), together);
}

#[test]
fn classes_by_name() {
    let place = Place::new();
    place.write("flowers.csv", flowers(150)).write("more.csv", flowers(30));
    let json = place.json(&format!("train flowers.csv --json --standardize {SMALL} --epochs 40"));
    assert_eq!(json["class_names"], serde_json::json!(["iris", "lily", "rose"]));
    assert!(json["test"]["accuracy"].as_f64().unwrap() > 0.95, "{json}");
    // The class of a file that lacks one keeps its index.
    place.write("lilies.csv", "length,width,kind\n2.1,0.9,lily\n2.2,0.7,lily\n");
    let scores = place.json("evaluate model.safetensors lilies.csv --json");
    assert_eq!((scores["accuracy"].as_f64(), scores["classes"][1]["rows"].as_u64()), (Some(1.0), Some(2)));
    let text = succeeded("", place.run_with("predict model.safetensors -", b"length,width\n2.1,0.9\n0.1,2.9\n"));
    assert_eq!(text, "prediction\nlily\nrose\n");
    // The target is a column of the file: left out wherever its name stands.
    let text =
        succeeded("", place.run_with("predict model.safetensors -", b"kind,length,width\n?,2.1,0.9\n,1.1,1.9\n"));
    assert_eq!(text, "prediction\nlily\niris\n");
    let swapped = place.write("swapped.csv", "width,length\n1,2\n").fails(1, "predict model.safetensors swapped.csv");
    assert_eq!(swapped, "error: swapped.csv: feature 1: wanted the column \"length\", got \"width\"\n");

    for loss in ["squared-error", "bce"] {
        let json = place
            .json(&format!("train flowers.csv --json --loss {loss} --standardize {SMALL} --epochs 40 --test more.csv"));
        assert_eq!(json["layers"][1]["outputs"], 3);
        assert_eq!(json["test"]["rows"], 30);
        assert!(json["test"]["accuracy"].as_f64().unwrap() > 0.95, "{loss}: {json}");
    }
}

#[test]
fn two_classes_with_one_output() {
    let place = Place::new();
    let rows: String = (0..80).map(|i| format!("{},{}\n", i % 8, if i % 8 < 4 { "no" } else { "yes" })).collect();
    place.write("answers.csv", format!("x,answer\n{rows}"));
    let json = place.json(&format!("train answers.csv --loss bce --standardize --json {SMALL}"));
    assert_eq!((json["layers"][1]["outputs"].as_u64(), json["test"]["accuracy"].as_f64()), (Some(1), Some(1.0)));
    let text = succeeded("", place.run_with("predict model.safetensors - --proba", b"x\n0\n7\n"));
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0] == "prediction,p(yes)" && lines[1].starts_with("no,") && lines[2].starts_with("yes,"), "{text}");
}

#[test]
fn numbers_to_predict() {
    let place = Place::new();
    let rows: String =
        (0..200).map(|i| format!("{},{},{}\n", i % 20, i % 7, 0.5 * (i % 20) as f32 - (i % 7) as f32)).collect();
    place.write("numbers.csv", format!("y,a,b\n{rows}").replace("y,a,b", "a,b,y"));
    let json = place.json("train numbers.csv --standardize --hidden none --lr 0.02 --epochs 60 --json --no-plot");
    assert_eq!((json["loss"].as_str(), &json["class_names"]), (Some("squared-error"), &Value::Null));
    assert!(json["test"]["r2"].as_f64().unwrap() > 0.99, "{}", json["test"]);
    assert!(place.ok("evaluate model.safetensors numbers.csv").starts_with("R² "));
    let text = place.ok("predict model.safetensors numbers.csv");
    assert_eq!((text.lines().count(), text.lines().next()), (201, Some("prediction")));
    assert!(place.fails(1, "predict model.safetensors numbers.csv --proba").contains("it has no classes"));

    // A file without a header: the model knows where its target stood.
    let headless: String = rows
        .lines()
        .map(|row| {
            let (rest, y) = row.rsplit_once(',').unwrap();
            format!("{y},{rest}\n")
        })
        .collect();
    place.write("headless.csv", &headless);
    place.ok("train headless.csv --target 0 --standardize --hidden none --lr 0.02 --epochs 60 --quiet --no-plot");
    let scores = place.json("evaluate model.safetensors headless.csv --json");
    assert!(scores["r2"].as_f64().unwrap() > 0.99, "{scores}");
    let predicted = place.ok("predict model.safetensors headless.csv");
    let without: String = headless.lines().map(|row| row.split_once(',').unwrap().1.to_owned() + "\n").collect();
    assert_eq!(succeeded("", place.run_with("predict model.safetensors -", without.as_bytes())), predicted);
}

#[test]
fn every_row_can_be_trained_on() {
    let place = Place::new();
    place.write("xor.csv", "0,0,no\n0,1,yes\n1,0,yes\n1,1,no\n");
    let text = place
        .ok("train xor.csv --hidden 8 --batch full --epochs 500 --tol 1e-6 --test-fraction 0 --validation 0 --no-plot");
    assert!(!text.contains("test      "), "{text}");
    assert_eq!(place.ok("predict model.safetensors xor.csv"), "prediction\nno\nyes\nyes\nno\n");
}

#[test]
fn a_training_that_breaks_off_keeps_the_last_good_model() {
    let place = Place::new();
    // The loss of large targets doubles with every epoch until it overflows.
    let rows: String = (0..20).map(|i| format!("{}.5,{}.25\n", i % 5, i * 1000)).collect();
    place.write("numbers.csv", &rows);
    let broken = "train numbers.csv --hidden none --lr 1 --optimizer sgd --batch full --epochs 100 --validation 0 --test-fraction 0 --no-plot --quiet";
    let message = place.fails(1, &format!("{broken} --history history.csv"));
    assert!(message.contains("is not finite in epoch ") && message.contains(", step 1"), "{message}");
    assert!(message.contains("model.safetensors holds the model after epoch "), "{message}");
    let epochs = fs::read_to_string(place.path("history.csv")).unwrap().lines().count() - 1;
    assert!(message.contains(&format!("after epoch {epochs},")), "{message}");
    assert_eq!(place.json("inspect model.safetensors --json")["training"]["epochs_run"], epochs.to_string());

    fs::remove_file(place.path("model.safetensors")).unwrap();
    place.write("numbers.csv", rows.replace(".25", "000000000000000000000000000000.25"));
    let message = place.fails(1, &broken.replace("--lr 1", "--lr 1e30"));
    assert!(message.contains("in epoch 1, step 1") && message.contains("no model is written"), "{message}");
    assert_eq!(place.files(), ["history.csv", "numbers.csv"]);
}

#[test]
fn wrong_data_are_named() {
    let place = Place::new();
    place.write("flowers.csv", flowers(60));
    place.ok(&format!("train flowers.csv --quiet {SMALL}"));
    let model = fs::read(place.path("model.safetensors")).unwrap();
    place
        .write("bad-cell.csv", "a,b,kind\n1,2,x\n3,oops,y\n")
        .write("nan.csv", "1,2,x\n3,nan,y\n5,6,x\n")
        .write("one.csv", "1,2,x\n3,4,x\n5,6,x\n7,8,x\n9,9,x\n")
        .write("ragged.csv", "1,2,x\n3,4\n")
        .write("empty.csv", "")
        .write("three.csv", "1,2,3,x\n4,5,6,y\n")
        .write("stranger.csv", "length,width,kind\n1,2,tulip\n")
        .write("broken.csv.gz", [0x1f, 0x8b, 8, 0, 1, 2])
        .write("truncated.safetensors", &model[..model.len() - 9])
        .write("short.safetensors", &model[..5])
        .write("foreign.safetensors", b"\x02\0\0\0\0\0\0\0{}")
        .write("images", [0, 0, 8, 3, 0, 0, 0, 1]);
    fs::create_dir(place.path("folder")).unwrap();
    for (arguments, wanted) in [
        ("train missing.csv", "cannot read missing.csv: "),
        ("train bad-cell.csv", "bad-cell.csv: line 3, column 2 (\"b\"): wanted a number, got \"oops\""),
        ("train nan.csv", "nan.csv: line 2, column 2: wanted a finite number, got \"nan\""),
        ("train one.csv", "wanted at least two classes, got \"x\" in every row"),
        ("train ragged.csv", "ragged.csv: line 2: wanted 3 cells as in the first row, got 2"),
        ("train empty.csv", "empty.csv: no rows"),
        ("train broken.csv.gz", "broken.csv.gz: "),
        ("train flowers.csv --target colour", "no column \"colour\""),
        ("train flowers.csv --target 7", "no column 7 (from 0)"),
        ("train flowers.csv --task regression", "line 2, column 3 (\"kind\"): wanted a number, got \"rose\""),
        ("train folder", "folder: wanted a file train-images-idx3-ubyte"),
        ("train images", "images: this is an IDX file; give the folder"),
        ("train flowers.csv --test three.csv", "three.csv: "),
        ("train flowers.csv --out nowhere/model", "--out nowhere/model: there is no folder nowhere"),
        ("train flowers.csv --out folder", "--out folder: it is a folder"),
        ("train flowers.csv --out flowers.csv", "writing it would destroy the data"),
        ("train flowers.csv --history model.safetensors", "--history model.safetensors: the same file as for --out"),
        (
            "train flowers.csv --optimizer sgd --momentum 0.5",
            "--momentum 0.5 goes with --optimizer momentum or nesterov, not sgd",
        ),
        ("train flowers.csv --activation tanh --output-activation tanh", "the last layer must be identity, not tanh"),
        ("train flowers.csv --hidden 4000000000,4000000000", "--hidden: a network of 1.600e19 parameters"),
        ("evaluate missing.safetensors flowers.csv", "cannot read missing.safetensors"),
        ("evaluate truncated.safetensors flowers.csv", "truncated.safetensors: truncated model file"),
        ("evaluate short.safetensors flowers.csv", "short.safetensors: truncated model file"),
        ("inspect foreign.safetensors", "a safetensors file, but not one of steadynet"),
        ("inspect flowers.csv", "flowers.csv: "),
        ("evaluate model.safetensors three.csv", "three.csv: "),
        ("evaluate model.safetensors digits", "digits: wanted 2 feature columns, got 64"),
        ("evaluate model.safetensors stranger.csv", "line 2, column 3 (\"kind\"): wanted one of the classes \"iris\""),
        ("predict model.safetensors digits", "digits: wanted 2 feature columns, got 64"),
        ("predict model.safetensors flowers.csv --out nowhere/out.csv", "there is no folder nowhere"),
        ("predict model.safetensors flowers.csv --out model.safetensors", "writing it would destroy the data"),
    ] {
        let message = place.fails(1, arguments);
        assert!(message.contains(wanted), "{arguments}: {message}");
    }
    assert_eq!(fs::read(place.path("model.safetensors")).unwrap(), model, "a failed command has written the model");
    assert!(!place.path("loss.svg").exists());
}

#[test]
fn wrong_usage_is_explained() {
    let place = Place::new();
    for (arguments, wanted) in [
        ("train", "DATA"),
        ("train digits --activation swish2", "sigmoid, tanh, relu"),
        ("train digits --loss mae", "cross-entropy, squared-error, bce"),
        ("train digits --optimizer newton", "sgd, momentum, nesterov, adam, adamw"),
        ("train digits --lr 0", "wanted a finite number above 0"),
        ("train digits --lr -1", "wanted a finite number above 0"),
        ("train digits --lr nan", "wanted a finite number above 0"),
        ("train digits --hidden 12,0", "a layer has at least 1 unit, got 0"),
        ("train digits --hidden many", "wanted widths such as 128,64"),
        ("train digits --batch 0", "wanted a number of rows from 1, or `full`"),
        ("train digits --epochs 0", "0 is not in 1.."),
        ("train digits --momentum 1", "wanted a number from 0 to below 1"),
        ("train digits --validation 1", "wanted a number from 0 to below 1"),
        ("train digits --init zeros", "glorot-uniform"),
        ("train digits --isa sse9", "avx512"),
        ("train digits --threads 0", "1..=1024"),
        ("train digits --standardize --scale 2", "cannot be used with"),
        ("train digits --target 3", "--target is for CSV files, but digits is none"),
        ("train digits --header auto", "--header is for CSV files"),
        ("train digits --test digits --delimiter tab", "--delimiter is for CSV files, but digits is none"),
        ("evaluate model.safetensors digits --target 3", "--target is for CSV files"),
        ("predict model.safetensors digits --header no", "--header is for CSV files"),
        ("train . --target 3", "--target is for CSV files, but . is none"),
        ("bench gemm --shapes 3x4", "wanted m×k×n such as 64x784x128"),
        ("bench gemm --shapes 0x4x4", "each at least 1"),
        ("frobnicate", "unrecognized subcommand"),
    ] {
        let message = place.fails(2, arguments);
        assert!(message.contains(wanted), "{arguments}: {message}");
    }
    assert!(place.files().is_empty());
}

/// A training that took hours is not thrown away because nothing can be said about its test rows.
#[test]
fn a_test_that_cannot_be_measured_leaves_the_model() {
    let place = Place::new();
    place.write("flowers.csv", flowers(60)).write("huge.csv", "length,width,kind\n3e38,3e38,rose\n3e38,-3e38,lily\n");
    let message = place.fails(1, &format!("train flowers.csv --test huge.csv --history h.csv {SMALL} --quiet"));
    assert!(message.contains("the model is saved to model.safetensors") && message.contains("NaN"), "{message}");
    assert_eq!(place.files(), ["flowers.csv", "h.csv", "huge.csv", "model.safetensors"]);
    assert!(place.ok("inspect model.safetensors").contains("rose"));
}

#[test]
fn a_model_as_source_code() {
    let place = Place::new();
    place.ok("train digits --hidden none --epochs 1 --quiet --no-plot --out m.safetensors");
    let header = place.ok("export m.safetensors --format c --out -");
    assert!(header.contains("static inline int model_self_test(void)"));
    assert_eq!(place.ok("export m.safetensors --format c --out Digit-Net.h"), "");
    let written = fs::read_to_string(place.path("Digit-Net.h")).unwrap();
    assert_eq!(
        written,
        header.replace("model_", "digit_net_").replace("MODEL_", "DIGIT_NET_").replace("/* model:", "/* digit_net:")
    );
    assert!(place.ok("export m.safetensors --format rust --out -").contains("use steadynet_kernels::"));
    assert!(!place.ok("export m.safetensors --format rust --standalone --out -").contains("steadynet_kernels"));

    place.write("not-a-model", "nothing");
    let before = place.files();
    for (code, arguments, message) in [
        (1, "export missing --format c --out a.h", "missing"),
        (1, "export not-a-model --format c --out a.h", "not-a-model"),
        (1, "export m.safetensors --format c --out m.safetensors", "this file is read"),
        (1, "export m.safetensors --format c --out no/a.h", "there is no folder no"),
        (1, "export m.safetensors --format c --out .", "wanted the name of a file"),
        (1, "export m.safetensors --format c --name 1st --out a.h", "name: wanted a lowercase letter"),
        (2, "export m.safetensors --format pascal --out a.pas", "[possible values: rust, c]"),
        (2, "export m.safetensors --out a.h", "--format"),
        (2, "export m.safetensors --format c", "--out"),
        (2, "export m.safetensors --format c --standalone --out a.h", "--standalone"),
    ] {
        let error = place.fails(code, arguments);
        assert!(error.contains(message), "{arguments}: {error}");
    }
    assert_eq!(place.files(), before);
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let place = Place::new();
    for arguments in ["train digits --hidden none --epochs 1", "predict model.safetensors digits --proba"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_steadynet"))
            .args(arguments.split(' '))
            .current_dir(place.0.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{arguments}");
    }
    assert_eq!(place.files(), ["loss.svg", "model.safetensors"], "the training went on without a reader");
}

#[test]
fn this_machine_is_verified() {
    let place = Place::new();
    let rows = 3 * steadynet::Isa::available().count();
    let text = place.ok("verify");
    assert_eq!(text.matches("  ok\n").count(), rows, "{text}");
    let json = place.json("verify --json");
    assert_eq!((json["ok"].as_bool(), json["rows"].as_array().unwrap().len()), (Some(true), rows));
}

#[test]
fn products_are_measured() {
    let place = Place::new();
    let rows = 3 * steadynet::Isa::available().count();
    let json = place.json("bench gemm --shapes 5x7x3,3x5x7:ta --rounds 2 --json");
    let products = json["products"].as_array().unwrap();
    assert_eq!(products.len(), 2 * rows);
    for product in products {
        let rate = |name: &str| product["gflops"][name].as_f64().unwrap();
        assert!(0.0 < rate("min") && rate("min") <= rate("median") && rate("median") <= rate("max"), "{product}");
        assert_eq!(product["a_transposed"].as_bool(), Some(product["m"].as_u64() == Some(3)), "{product}");
    }
    let levels: Vec<&str> =
        json["bandwidths"].as_array().unwrap().iter().map(|l| l["memory"].as_str().unwrap()).collect();
    assert_eq!((levels[0], levels[levels.len() - 1]), ("L1", "memory"));
    assert!(place.ok("bench gemm --shapes 5x7x3 --rounds 1 --isa scalar").contains("5×7×3"));

    // The limit, and three products.
    let text = place.ok("bench gemm --shapes 5x7x3:tb --rounds 1 --isa scalar --threads 2 --csv --plot roof.svg");
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    let headers = csv.headers().unwrap().clone();
    let column = |name| headers.iter().position(|header| header == name).unwrap();
    let [kernel, threads, transposed, rate] = ["kernel", "threads", "b_transposed", "gflops"].map(column);
    let records: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    let kernels: Vec<&str> = records.iter().map(|record| &record[kernel]).collect();
    assert_eq!(kernels, ["multiply-adds", "steadynet", "steadynet", "steadynet-packed"]);
    assert!(records.iter().all(|record| &record[threads] == "2" && record[rate].parse::<f64>().unwrap() > 0.0));
    assert_eq!(&records[1][transposed], "true");
    let svg = fs::read_to_string(place.path("roof.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("steadynet scalar") && svg.contains("5×7×3:tb"), "{svg}");
}

/// A BLAS of a few lines, if there is a compiler. `factor` times the product is its answer.
fn blas(place: &Place, name: &str, symbol: &str, factor: u8) -> bool {
    let source = format!(
        "void {symbol}(int o, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb,
                       float beta, float *c, int ldc) {{
             for (int i = 0; i < m; i++) for (int j = 0; j < n; j++) {{
                 float s = 0;
                 for (int p = 0; p < k; p++) s += (ta == 111 ? a[i*lda+p] : a[p*lda+i]) * (tb == 111 ? b[p*ldb+j] : b[j*ldb+p]);
                 c[i*ldc+j] = {factor} * s;
             }}
         }}"
    );
    place.write("blas.c", source);
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let arguments = ["-shared", "-fPIC", "-O1", "-o", name, "blas.c"];
    match Command::new(compiler).args(arguments).current_dir(place.0.path()).status() {
        Ok(status) => {
            assert!(status.success());
            true
        }
        Err(error) => {
            println!("skipped: no C compiler ({error})");
            false
        }
    }
}

#[test]
fn products_beside_those_of_a_blas() {
    let place = Place::new();
    if !blas(&place, "one.so", "cblas_sgemm", 1)
        || !blas(&place, "two,2.so", "scipy_cblas_sgemm64_", 1)
        || !blas(&place, "wrong.so", "cblas_sgemm", 2)
    {
        return;
    }
    let arguments =
        "bench gemm --shapes 5x7x3,6x8x2:ta,4x3x9:tb --isa scalar --rounds 2 --against one.so --against two,2.so";
    let output = place.run(&format!("{arguments} --json --plot roof.svg"));
    let notes = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), notes.matches("note: ").count()), (Some(0), 2), "{notes}");
    assert!(notes.contains("one.so: how to set its number of threads is not known"), "{notes}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let kernels: Vec<&str> =
        json["products"].as_array().unwrap().iter().map(|p| p["kernel"].as_str().unwrap()).collect();
    assert_eq!(kernels, ["steadynet", "steadynet", "steadynet-packed", "one.so", "two,2.so"].repeat(3));
    let svg = fs::read_to_string(place.path("roof.svg")).unwrap();
    assert!(svg.contains("two,2.so"), "{svg}");
    let text = String::from_utf8(place.run(&format!("{arguments} --csv")).stdout).unwrap();
    let names: Vec<String> =
        csv::Reader::from_reader(text.as_bytes()).records().map(|record| record.unwrap()[0].to_owned()).collect();
    assert_eq!(names.iter().filter(|name| *name == "two,2.so").count(), 3, "{text}");

    let given = "bench gemm --shapes 5x7x3 --rounds 1 --isa scalar --against two,2.so --symbol";
    assert!(
        String::from_utf8(place.run(&format!("{given} scipy_cblas_sgemm64_")).stdout).unwrap().contains("two,2.so")
    );
    let message = place.fails(1, &format!("{given} cblas_sgemm"));
    assert!(message.contains("--against two,2.so: the library has no function cblas_sgemm"), "{message}");

    // A wrong result stops it before anything is measured or written.
    let output = place.run("bench gemm --shapes 5x7x3 --against one.so --against wrong.so --plot never.svg");
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{message}");
    assert!(message.contains("error: wrong.so, 5×7×3, epilogue none: element (0, 0) is "), "{message}");
    assert!(!place.path("never.svg").exists());
}

#[test]
fn measurements_that_cannot_be_made_are_refused_before_they_begin() {
    let place = Place::new();
    place.write("text.so", "not a library");
    fs::create_dir(place.path("folder")).unwrap();
    for (code, arguments, wanted) in [
        (1, "--against missing.so", "--against missing.so: no such file"),
        (1, "--against folder", "--against folder: not a file"),
        (1, "--against text.so", "--against text.so: not a library that can be loaded"),
        (1, "--plot folder", "--plot folder: it is a folder"),
        (1, "--plot missing/roof.svg", "--plot missing/roof.svg: there is no folder missing"),
        (1, "--against text.so --plot text.so", "this file is read"),
        (2, "--symbol sgemm", "--against <FILE>"),
        (2, "--rounds 0", "0 is not in 1..=10000"),
        (2, "--threads 0", "0 is not in 1..=1024"),
        (2, "--shapes 2x2x2:tc", "wanted ta, tb or tatb after the colon"),
        (2, "--shapes 2x2x2 --set odd", "cannot be used with"),
        (2, "--set round", "mlp, square, gemv, odd"),
        (2, "--shapes 99999x99999x1", "larger than 2^28 elements"),
        (2, "--json --csv", "cannot be used with"),
    ] {
        let message = place.fails(code, &format!("bench gemm {arguments}"));
        assert!(message.contains(wanted), "{arguments}: {message}");
    }
    assert_eq!(place.files(), ["folder", "text.so"]);
}

/// The real MNIST, where it lies beside the project.
#[test]
fn a_folder_of_idx_files() {
    let mnist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/mnist");
    if !mnist.is_dir() {
        println!("skipped: there is no {}", mnist.display());
        return;
    }
    let place = Place::new();
    let json = place.json(&format!("train {} --hidden 32 --lr 0.02 --epochs 1 --json --no-plot", mnist.display()));
    assert_eq!((json["training_rows"].as_u64(), json["test_rows"].as_u64()), (Some(54_000), Some(10_000)));
    let accuracy = json["test"]["accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.93, "{accuracy}");
    let scores = place.json(&format!("evaluate model.safetensors {} --json", mnist.display()));
    assert_eq!(scores["accuracy"].as_f64(), Some(accuracy));
}
