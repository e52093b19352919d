//! The images that the examples learn: MNIST, or the built-in digits where it is not there.

use std::error::Error;
use std::path::{Path, PathBuf};
use steadynet::data::{Preprocessing, idx};
use steadynet::{Dataset, Isa};

/// Training and test images, features from 0 to 1.
///
/// The first argument of the program is a folder with MNIST's four files, or the word `digits`: the built-in ones, 8×8 pixels,
/// of which a fifth is kept for the test. Without it, MNIST from a folder beside the project if it is there, else the digits.
pub fn load() -> Result<(Dataset, Dataset), Box<dyn Error>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/mnist");
    let folder = std::env::args_os().nth(1).map(PathBuf::from).or(beside.is_dir().then_some(beside));
    let (training, test, largest) = match folder.filter(|folder| folder.as_os_str() != "digits") {
        Some(folder) => {
            println!("images: {}", folder.display());
            let (training, test) = idx::read_folder(folder)?;
            (training, test, 255.0)
        }
        None => {
            println!("images: the built-in digits, 8×8 pixels (name a folder with MNIST's files for 28×28)");
            let (training, test) = Dataset::digits().split(0.2, 0)?;
            (training, test, 16.0)
        }
    };
    // Grey levels 0 to 255 (MNIST) or 0 to 16 (digits) to the range from 0 to 1.
    let scale = Preprocessing::constant(training.columns(), 1.0 / largest)?;
    println!("{} to learn, {} to test, {} pixels, {}", training.rows(), test.rows(), training.columns(), Isa::detect());
    Ok((training.preprocessed(&scale)?, test.preprocessed(&scale)?))
}
