//! The IDX files of MNIST and of the data sets that share its layout.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::dataset::Dataset;
use super::error::DataError;
use super::stream;

/// Unsigned bytes in one dimension.
const LABELS_MAGIC: u32 = 0x0000_0801;
/// Unsigned bytes in three dimensions.
const IMAGES_MAGIC: u32 = 0x0000_0803;

/// Grey images of one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// `(images, height, width)`, row-major.
    pub pixels: Vec<u8>,
    /// Number of images.
    pub images: usize,
    /// Rows of pixels in an image.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
}

/// Reads training and test set from a folder: `(training, test)`.
///
/// The files are `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
/// `t10k-labels-idx1-ubyte`, each as it is or with `.gz`, or with a dot before `idx`; gzip is recognised by its content. Of
/// several variants the one first in this list is read. Features are the grey levels 0 to 255 of an image, row after row.
/// There are as many classes as the largest training label plus 1, called "0", "1", ….
/// # Errors
/// [`DataError`] with the name of the file: one is missing, foreign, truncated or too long, has no images, another
/// number of labels than of images, test images of another size than the training images, or a test label that is no class.
pub fn read_folder(folder: impl AsRef<Path>) -> Result<(Dataset, Dataset), DataError> {
    let folder = folder.as_ref();
    let (training_images, _) = read_file(folder, "train-images", "idx3", read_images)?;
    let (training_labels, labels_name) = read_file(folder, "train-labels", "idx1", read_labels)?;
    let classes = training_labels.iter().max().map_or(0, |&label| label as usize + 1);
    let training = dataset(training_images, training_labels, classes).map_err(|error| error.in_file(&labels_name))?;

    let (test_images, images_name) = read_file(folder, "t10k-images", "idx3", read_images)?;
    let pixels = test_images.height * test_images.width;
    if pixels != training.columns() {
        let error = DataError::FeatureCount { wanted: training.columns(), given: pixels };
        return Err(error.in_file(&images_name));
    }
    let (test_labels, labels_name) = read_file(folder, "t10k-labels", "idx1", read_labels)?;
    let test = dataset(test_images, test_labels, classes).map_err(|error| error.in_file(&labels_name))?;
    Ok((training, test))
}

/// Reads an image file (`idx3-ubyte`), not compressed.
///
/// # Errors
/// [`DataError`] if it is another kind of file, has no images or no pixels, or is not as long as its header says.
/// Memory is taken as data arrive, never because a header asks for it.
pub fn read_images(mut reader: impl Read) -> Result<Images, DataError> {
    let [images, height, width] = read_header(&mut reader, IMAGES_MAGIC, "IDX images")?;
    for (operand, dimension) in [("images", images), ("pixels", height), ("pixels", width)] {
        if dimension == 0 {
            return Err(DataError::Empty { operand });
        }
    }
    let wanted = (images as u64 * height as u64).saturating_mul(width as u64);
    let pixels = read_bytes(reader, "pixels", wanted)?;
    Ok(Images { pixels, images: images as usize, height: height as usize, width: width as usize })
}

/// Reads a label file (`idx1-ubyte`), not compressed.
///
/// # Errors
/// As [`read_images`].
pub fn read_labels(mut reader: impl Read) -> Result<Vec<u8>, DataError> {
    let [labels] = read_header(&mut reader, LABELS_MAGIC, "IDX labels")?;
    if labels == 0 {
        return Err(DataError::Empty { operand: "labels" });
    }
    read_bytes(reader, "labels", labels as u64)
}

/// The extents of the `N` dimensions.
fn read_header<const N: usize>(
    reader: &mut impl Read,
    magic: u32,
    operand: &'static str,
) -> Result<[u32; N], DataError> {
    let wanted = 4 * (1 + N as u64);
    let mut header = Vec::new();
    reader.take(wanted).read_to_end(&mut header)?;
    let word = |i: usize| header[4 * i..].first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
    // A foreign file is called so even if it is shorter than this header.
    if let Some(given) = (header.len() >= 4).then(|| word(0)).flatten()
        && given != magic
    {
        return Err(DataError::Magic { operand, wanted: magic, given });
    }
    if (header.len() as u64) < wanted {
        return Err(DataError::Truncated { operand: "header", wanted, given: header.len() as u64 });
    }
    Ok(std::array::from_fn(|i| word(i + 1).unwrap_or(0)))
}

/// The rest of the file, which has `wanted` bytes.
fn read_bytes(reader: impl Read, operand: &'static str, wanted: u64) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    // One more than wanted, to see a file that goes on.
    reader.take(wanted.saturating_add(1)).read_to_end(&mut bytes)?;
    let given = bytes.len() as u64;
    if given < wanted {
        return Err(DataError::Truncated { operand, wanted, given });
    }
    if given > wanted {
        return Err(DataError::Surplus { operand, wanted });
    }
    Ok(bytes)
}

/// Reads `{part}-{kind}-ubyte` in one of its spellings: its content and its name.
fn read_file<T>(
    folder: &Path,
    part: &str,
    kind: &str,
    read: fn(Box<dyn Read>) -> Result<T, DataError>,
) -> Result<(T, String), DataError> {
    let mut wanted = Vec::new();
    for separator in ["-", "."] {
        for compression in ["", ".gz"] {
            wanted.push(format!("{part}{separator}{kind}-ubyte{compression}"));
        }
    }
    let found: Option<PathBuf> = wanted.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    let Some(path) = found else {
        return Err(DataError::MissingFile { wanted }.in_file(&folder.display().to_string()));
    };
    let name = path.display().to_string();
    match stream::open(&path).and_then(read) {
        Ok(content) => Ok((content, name)),
        Err(error) => Err(error.in_file(&name)),
    }
}

fn dataset(images: Images, labels: Vec<u8>, classes: usize) -> Result<Dataset, DataError> {
    if images.images != labels.len() {
        return Err(DataError::Length { operand: "labels (one an image)", wanted: images.images, given: labels.len() });
    }
    let labels = labels.iter().map(|&label| label as u32).collect();
    Dataset::classification_of_bytes(images.pixels, images.height * images.width, labels, classes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    fn images(count: u32, height: u32, width: u32, pixels: &[u8]) -> Vec<u8> {
        let header = [IMAGES_MAGIC, count, height, width];
        header.iter().flat_map(|word| word.to_be_bytes()).chain(pixels.iter().copied()).collect()
    }

    fn labels(count: u32, labels: &[u8]) -> Vec<u8> {
        [LABELS_MAGIC, count].iter().flat_map(|word| word.to_be_bytes()).chain(labels.iter().copied()).collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// A folder of two training images and one test image, 1×2 pixels; `change` changes or adds files.
    fn folder(name: &str, change: &[(&str, Vec<u8>)]) -> PathBuf {
        let path = std::env::temp_dir().join(format!("steadynet-idx-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        let files = [
            ("train-images-idx3-ubyte", images(2, 1, 2, &[1, 2, 3, 255])),
            ("train-labels-idx1-ubyte", labels(2, &[2, 0])),
            ("t10k-images-idx3-ubyte", images(1, 1, 2, &[5, 6])),
            ("t10k-labels-idx1-ubyte", labels(1, &[1])),
        ];
        for (file, bytes) in files.iter().chain(change) {
            fs::write(path.join(file), bytes).unwrap();
        }
        path
    }

    #[test]
    fn a_folder_is_read_in_every_spelling() {
        let path = folder("spellings", &[]);
        let expected = read_folder(&path).unwrap();
        assert_eq!(expected.0.features(), [1.0, 2.0, 3.0, 255.0]);
        assert_eq!((expected.0.labels(), expected.0.target_width()), (Some(&[2, 0][..]), 3));
        assert_eq!((expected.1.features(), expected.1.labels()), (&[5.0, 6.0][..], Some(&[1][..])));
        assert_eq!(expected.1.class_names().unwrap(), ["0", "1", "2"]);
        for entry in fs::read_dir(&path).unwrap() {
            let file = entry.unwrap().path();
            let name = file.file_name().unwrap().to_str().unwrap().replace("-idx", ".idx");
            fs::write(path.join(format!("{name}.gz")), gzip(&fs::read(&file).unwrap())).unwrap();
            fs::remove_file(file).unwrap();
        }
        assert_eq!(read_folder(&path).unwrap(), expected);
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn a_bad_folder_is_refused_by_the_name_of_the_file() {
        let cases: &[(&str, &str, Vec<u8>, &str)] = &[
            (
                "images",
                "train-images-idx3-ubyte",
                labels(2, &[0, 1]),
                "wanted IDX images, which begin with 0x00000803, got 0x00000801",
            ),
            (
                "counts",
                "train-labels-idx1-ubyte",
                labels(3, &[0, 1, 1]),
                "labels (one an image): wanted length 2, got 3",
            ),
            (
                "claim",
                "t10k-images-idx3-ubyte",
                images(u32::MAX, u32::MAX, u32::MAX, &[1]),
                "truncated: the pixels should have 18446744073709551615 bytes, the file has 1 of them",
            ),
            ("size", "t10k-images-idx3-ubyte", images(1, 1, 3, &[1; 3]), "wanted 2 feature columns, got 3"),
            (
                "longer",
                "t10k-labels-idx1-ubyte",
                labels(1, &[1, 1]),
                "the labels should have 1 bytes, but the file goes on after them",
            ),
            (
                "label",
                "t10k-labels-idx1-ubyte",
                labels(1, &[3]),
                "labels: wanted class indices below 3, got 3 in row 0 (from 0)",
            ),
            ("none", "train-labels-idx1-ubyte", labels(0, &[]), "no labels"),
            (
                "empty",
                "train-images-idx3-ubyte",
                vec![],
                "truncated: the header should have 16 bytes, the file has 0 of them",
            ),
            (
                "gzip",
                "train-images-idx3-ubyte",
                gzip(&images(2, 1, 2, &[1, 2, 3, 4]))[..30].to_vec(),
                "truncated: the gzip data end too early",
            ),
            ("zeros", "train-images-idx3-ubyte", images(2, 0, 2, &[]), "no pixels"),
        ];
        for (name, file, bytes, message) in cases {
            let path = folder(name, &[(file, bytes.clone())]);
            let error = read_folder(&path).unwrap_err().to_string();
            assert_eq!(error, format!("{}: {message}", path.join(file).display()));
            fs::remove_dir_all(path).unwrap();
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let path = folder("missing", &[]);
        fs::remove_file(path.join("t10k-labels-idx1-ubyte")).unwrap();
        assert_eq!(
            read_folder(&path).unwrap_err().to_string(),
            format!(
                "{}: wanted a file t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz or t10k-labels.idx1-ubyte or \
                 t10k-labels.idx1-ubyte.gz, found none",
                path.display()
            )
        );
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn every_truncation_is_an_error() {
        let file = images(2, 2, 2, &[7; 8]);
        let compressed = gzip(&file);
        for end in 0..file.len() {
            assert!(matches!(read_images(&file[..end]), Err(DataError::Truncated { .. })), "{end}");
        }
        for end in 0..compressed.len() {
            assert!(stream::decompressed(&compressed[..end]).and_then(read_images).is_err(), "{end}");
        }
        assert_eq!(
            stream::decompressed(&compressed[..]).and_then(read_images).unwrap(),
            read_images(&file[..]).unwrap()
        );
        let file = labels(3, &[1, 2, 3]);
        for end in 0..file.len() {
            assert!(matches!(read_labels(&file[..end]), Err(DataError::Truncated { .. })), "{end}");
        }
        assert_eq!(read_labels(&file[..]).unwrap(), [1, 2, 3]);
    }

    #[test]
    fn the_real_mnist() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/mnist");
        if !path.is_dir() {
            println!("skipped: {} does not exist", path.display());
            return;
        }
        let (training, test) = read_folder(path).unwrap();
        assert_eq!((training.rows(), test.rows(), training.columns(), test.columns()), (60000, 10000, 784, 784));
        assert_eq!((training.target_width(), test.target_width()), (10, 10));
        assert_eq!((training.labels().unwrap()[0], test.labels().unwrap()[0]), (5, 7));
        // The mean grey level that the literature divides by 255 to 0.1307.
        let mean = training.features().iter().map(|&x| x as f64).sum::<f64>() / training.features().len() as f64;
        assert!((mean / 255.0 - 0.1307).abs() < 5e-5, "{mean}");
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_the_header_says(
            magic in prop_oneof![Just(IMAGES_MAGIC), Just(LABELS_MAGIC), any::<u32>()],
            rest in prop::collection::vec(prop_oneof![3 => 0u8..3, 1 => any::<u8>()], 0..40),
        ) {
            let file = [&magic.to_be_bytes()[..], &rest].concat();
            if let Ok(read) = read_images(&file[..]) {
                prop_assert_eq!(read.images * read.height * read.width, rest.len() - 12);
                prop_assert_eq!(read.pixels, &rest[12..]);
            }
            if let Ok(read) = read_labels(&file[..]) {
                prop_assert_eq!(read, &rest[4..]);
            }
        }
    }
}
