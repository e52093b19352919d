//! Files of every shape, and those that are refused.

use super::*;
use proptest::prelude::*;

fn options(target: &str) -> CsvOptions {
    CsvOptions { target: target.into(), ..CsvOptions::default() }
}

fn classes(text: &str, options: &CsvOptions) -> Result<Dataset, DataError> {
    read_from(text.as_bytes(), "test", options)
}

fn message<T: std::fmt::Debug>(result: Result<T, DataError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn flowers_with_and_without_header() {
    let rows = "5.1,3.5,setosa\n 7 , 3.2 ,\"versi,color\"\n6.3,-3.3e0,setosa\n";
    let data = classes(rows, &CsvOptions::default()).unwrap();
    assert_eq!((data.features(), data.columns()), (&[5.1, 3.5, 7.0, 3.2, 6.3, -3.3][..], 2));
    assert_eq!(data.labels().unwrap(), [0, 1, 0]);
    assert_eq!(data.class_names().unwrap(), ["setosa", "versi,color"]);
    assert_eq!(data.feature_names(), None);
    let headed = format!("\u{feff}length, width ,kind\n{rows}").replace('\n', "\r\n\r\n");
    for target in [Column::Last, Column::Index(2), Column::Name("kind".into())] {
        let options = CsvOptions { target, ..CsvOptions::default() };
        let with_header = classes(&headed, &options).unwrap();
        assert_eq!(with_header.feature_names().unwrap(), ["length", "width"]);
        assert_eq!(with_header.target_name(), Some("kind"));
        assert_eq!((with_header.features(), with_header.targets()), (data.features(), data.targets()));
    }
}

#[test]
fn any_column_can_be_the_target() {
    let data = classes("a,b,c\n1,x,2\n3,y,4\n", &options("b")).unwrap();
    assert_eq!(
        (data.features(), data.feature_names().unwrap()),
        (&[1.0, 2.0, 3.0, 4.0][..], &["a".into(), "c".into()][..])
    );
    let data = classes("9,1,2\n8,3,4\n", &options("0")).unwrap();
    assert_eq!(
        (data.features(), data.class_names().unwrap()),
        (&[1.0, 2.0, 3.0, 4.0][..], &["8".into(), "9".into()][..])
    );
    let values = CsvOptions { kind: TargetKind::Values, delimiter: b';', ..options("1") };
    let data = classes("9;1.5;2\n8;-3;4", &values).unwrap();
    assert_eq!((data.features(), data.values()), (&[9.0, 2.0, 8.0, 4.0][..], Some(&[1.5, -3.0][..])));
}

#[test]
fn numeric_labels_are_in_numerical_order() {
    let data = classes("1,10\n1,9\n1,-1\n1,1.0\n1,1\n1,9", &CsvOptions::default()).unwrap();
    assert_eq!(data.class_names().unwrap(), ["-1", "1", "1.0", "9", "10"]);
    assert_eq!(data.labels().unwrap(), [4, 3, 0, 2, 1, 3]);
    let data = classes("1,10\n1,9\n1,b\n1,B", &CsvOptions::default()).unwrap();
    assert_eq!(data.class_names().unwrap(), ["10", "9", "B", "b"]);
}

#[test]
fn given_classes_keep_their_indices() {
    let names = Some(vec!["z".to_owned(), "y".to_owned(), "x".to_owned()]);
    let options = CsvOptions { kind: TargetKind::Classes { names }, ..CsvOptions::default() };
    let data = classes("1,y\n2,z\n", &options).unwrap();
    assert_eq!((data.labels().unwrap(), data.target_width()), (&[1, 0][..], 3));
    assert_eq!(
        message(classes("1,y\n2,w\n", &options)),
        r#"test: line 2, column 2: wanted one of the classes "z", "y", "x", got "w""#
    );
}

#[test]
fn a_bad_cell_is_named() {
    let of = |text: &str| message(classes(text, &CsvOptions::default()));
    assert_eq!(of("1,2,a\n3,x,b\n"), r#"test: line 2, column 2: wanted a number, got "x""#);
    assert_eq!(of("p,q,r\n\n1,2,a\n\n\n3,,b"), r#"test: line 6, column 2 ("q"): wanted a number, got """#);
    assert_eq!(
        of("p,q,r\r\n\r\n1,2,a\r\n\r\nnan,1,b"),
        r#"test: line 5, column 1 ("p"): wanted a finite number, got "nan""#
    );
    assert_eq!(of("1,1e40,a\n"), r#"test: line 1, column 2: wanted a finite number, got "1e40""#);
    assert_eq!(of("1,2,a\n3,4,\n"), r#"test: line 2, column 3: wanted a label, got """#);
    assert_eq!(of("1,2,\"a\nb\"\n3,x,b\n"), r#"test: line 3, column 2: wanted a number, got "x""#);
    assert_eq!(of("1,2,a\n3,4\n"), "test: line 2: wanted 3 cells as in the first row, got 2");
    assert_eq!(of("1,2,a\n\n3,4,b,\n"), "test: line 3: wanted 3 cells as in the first row, got 4");
    assert_eq!(of("1,2,a\n\n\n3,4,\"b\n5,6,c\n"), "test: line 4: a quote is opened and never closed");
    assert_eq!(of("1,2,a\r\n3,4,\"b\"\"\r\n"), "test: line 2: a quote is opened and never closed");
    let bytes = read_from(&b"1,2\n3,\xff\n"[..], "test", &CsvOptions::default());
    assert_eq!(message(bytes), "test: line 2, column 2: wanted text in UTF-8, got \"\u{fffd}\"");
    let long = format!("1,2\n{},3\n", "x\t".repeat(1000));
    assert_eq!(of(&long), format!("test: line 2, column 1: wanted a number, got \"{}…\"", r"x\t".repeat(20)));
    let values = CsvOptions { kind: TargetKind::Values, ..CsvOptions::default() };
    assert_eq!(
        message(classes("a,b\n1,inf", &values)),
        r#"test: line 2, column 2 ("b"): wanted a finite number, got "inf""#
    );
}

#[test]
fn a_missing_column_is_named_with_those_that_exist() {
    let of = |text: &str, target: &str| message(classes(text, &options(target)));
    assert_eq!(of("a,b\n1,2\n", "c"), r#"test: no column "c": the file has "a", "b""#);
    assert_eq!(of("3,1,2\n", "c"), r#"test: no column "c": the file has 3 columns and no header"#);
    assert_eq!(of("a,b\n1,2\n", "2"), "test: no column 2 (from 0): the file has 2 columns");
    let absent = CsvOptions { header: Header::Absent, ..options("b") };
    assert_eq!(message(classes("a,b\n1,2\n", &absent)), r#"test: no column "b": the file has 2 columns and no header"#);
}

#[test]
fn a_file_without_data_is_refused() {
    let of = |text: &str| message(classes(text, &CsvOptions::default()));
    assert_eq!(of(""), "test: no rows");
    assert_eq!(of(" \r\n\n"), "test: no rows");
    assert_eq!(of("a,b,c\n"), "test: no rows");
    assert_eq!(of("1\n2\n"), "test: no feature columns");
    assert_eq!(of("\"\"\n"), "test: no rows");
}

#[test]
fn an_ambiguous_header_is_refused_and_can_be_settled() {
    let present = CsvOptions { header: Header::Present, ..CsvOptions::default() };
    let absent = CsvOptions { header: Header::Absent, ..CsvOptions::default() };
    // A missing value in the first row, or a header with a number among its names.
    let mixed = "5,?,a\n6,7,b\n";
    assert_eq!(
        message(classes(mixed, &CsvOptions::default())),
        "test: line 1, column 2: \"?\" is no number, but others are: is the first row a header or data? Say which"
    );
    assert_eq!(classes(mixed, &present).unwrap().rows(), 1);
    assert_eq!(message(classes(mixed, &absent)), r#"test: line 1, column 2: wanted a number, got "?""#);
    // Numbers as names of columns: only the label tells.
    let numbered = "0,1,target\n5,6,1\n7,8,2\n9,9,1\n";
    assert!(message(classes(numbered, &CsvOptions::default())).contains("line 1, column 3: \"target\" is no number"));
    assert_eq!(classes(numbered, &present).unwrap().feature_names().unwrap(), ["0", "1"]);
    assert_eq!(classes(numbered, &options("target")).unwrap().rows(), 3);
    assert_eq!(classes(numbered, &absent).unwrap().class_names().unwrap(), ["1", "2", "target"]);
    assert_eq!(classes("0,1,a\n5,6,1\n7,8,a", &CsvOptions::default()).unwrap().rows(), 3);
}

#[test]
fn features_with_or_without_the_target() {
    let of = |text: &str, target: &str| read_features_from(text.as_bytes(), "test", 2, &options(target));
    let unnamed = Features { values: vec![1.0, 2.0, 3.0, 4.0], rows: 2, columns: 2, names: None };
    let named = Features { names: Some(vec!["a".into(), "b".into()]), ..unnamed.clone() };
    let last = CsvOptions::default();
    for (text, expected) in [
        ("1,2\n3,4\n", &unnamed),
        ("a,b\n1,2\n3,4\n", &named),
        ("1,2,x\n3,4,\n", &unnamed),
        ("a,b,c\n1,2,x\n3,4,?\n", &named),
    ] {
        assert_eq!(&read_features_from(text.as_bytes(), "test", 2, &last).unwrap(), expected, "{text}");
    }
    assert_eq!(of("1,x,2\n3,y,4\n", "1").unwrap(), unnamed);
    assert_eq!(of("a,kind,b\n1,x,2\n3,y,4\n", "kind").unwrap(), named);
    assert_eq!(of("a,b\n1,2\n3,4\n", "kind").unwrap(), named);
    assert_eq!(of("1,2\n3,4\n", "kind").unwrap(), unnamed);
    assert_eq!(message(of("1,2,x\n", "kind")), r#"test: no column "kind": the file has 3 columns and no header"#);
    assert_eq!(message(of("a,kind\n1,2\n", "kind")), "test: wanted 2 feature columns, got 1");
    assert_eq!(message(of("1,2,3,4\n", "0")), "test: wanted 2 feature columns, got 4");
    assert_eq!(message(of("1,2,3\n", "7")), "test: no column 7 (from 0): the file has 3 columns");
    assert_eq!(message(of("a,b\n", "0")), "test: no rows");
    assert_eq!(message(of("1,2\n3,nan\n", "0")), r#"test: line 2, column 2: wanted a finite number, got "nan""#);
    assert_eq!(message(read_features_from(&b"1"[..], "test", 0, &last)), "test: no feature columns");
    assert!(read_features_from(&b"1"[..], "test", usize::MAX, &last).is_err());
}

#[test]
fn a_file_is_named_by_its_path() {
    let path = std::env::temp_dir().join(format!("steadynet-csv-{}.csv.gz", std::process::id()));
    assert!(message(read(&path, &CsvOptions::default())).starts_with(&path.display().to_string()));
    std::fs::write(&path, include_bytes!("../../../data/digits.csv.gz")).unwrap();
    assert_eq!(read(&path, &CsvOptions::default()).unwrap(), Dataset::digits());
    assert_eq!(read_features(&path, 64, &CsvOptions::default()).unwrap().values, Dataset::digits().features());
    std::fs::remove_file(path).unwrap();
}

#[test]
fn no_truncation_panics() {
    let text = "a,\"b\"\"\",kind\r\n1,2.5e1,\"x\ny\"\r\n3,4,é\r\n".as_bytes();
    for end in 0..=text.len() {
        let read = read_from(&text[..end], "test", &CsvOptions::default());
        // Before the closing quote of the first label there is no whole row.
        assert!(end > 26 || read.is_err(), "{end}: {read:?}");
        let _ = read_features_from(&text[..end], "test", 2, &options("kind"));
    }
    let compressed = include_bytes!("../../../data/digits.csv.gz");
    for end in (0..compressed.len()).step_by(997) {
        assert!(read_from(&compressed[..end], "test", &CsvOptions::default()).is_err());
    }
}

proptest! {
    #[test]
    fn written_numbers_are_read_to_the_bit(
        rows in prop::collection::vec((prop::num::f32::NORMAL, prop::num::f32::SUBNORMAL | prop::num::f32::ZERO, 0u32..30), 1..20),
    ) {
        let text: String = rows.iter().map(|(a, b, label)| format!("{a},{b:e},{label}\n")).collect();
        let data = classes(&text, &CsvOptions::default()).unwrap();
        let expected: Vec<u32> = rows.iter().flat_map(|(a, b, _)| [a.to_bits(), b.to_bits()]).collect();
        prop_assert_eq!(data.features().iter().map(|x| x.to_bits()).collect::<Vec<_>>(), expected);
        let names = data.class_names().unwrap();
        for ((.., label), &index) in rows.iter().zip(data.labels().unwrap()) {
            prop_assert_eq!(&names[index as usize], &label.to_string());
        }
    }

    #[test]
    fn no_bytes_panic(
        bytes in prop::collection::vec(prop_oneof![8 => prop::sample::select(&b"01.,,\"\n\r ae-"[..]), 1 => any::<u8>()], 0..60),
        target in prop::sample::select(&["0", "1", "5", "a", ""][..]),
        header in prop::sample::select(&[Header::Detect, Header::Present, Header::Absent][..]),
        last: bool,
        values: bool,
        columns in 0usize..4,
    ) {
        let mut options = CsvOptions { header, ..options(target) };
        if last {
            options.target = Column::Last;
        }
        if values {
            options.kind = TargetKind::Values;
        }
        if let Ok(data) = read_from(&bytes[..], "test", &options) {
            prop_assert!(data.features().iter().all(|x| x.is_finite()));
            prop_assert_eq!(data.labels().is_some(), !values);
        }
        if let Ok(read) = read_features_from(&bytes[..], "test", columns, &options) {
            prop_assert_eq!((read.columns, read.values.len()), (columns, read.rows * columns));
        }
    }
}
