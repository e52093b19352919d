//! Standard output and the files that a command will write.

use crate::failure::Failure;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes text to standard output.
pub fn print(text: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_ref()).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
        _ => Failure::new(format!("cannot write to standard output: {error}")),
    })
}

/// Writes one JSON value and a line feed to standard output.
pub fn print_json(value: &Value) -> Result<(), Failure> {
    print(format!("{value:#}\n"))
}

/// Writes a remark to standard error.
pub fn note(text: &str) {
    // A remark that nobody can read is no reason to stop.
    let _ = writeln!(io::stderr(), "note: {text}");
}

/// A name out of a file, without the control characters that could take over a terminal.
pub fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Checks the files that a command will write before it works for minutes: each in a folder that exists and takes new files, no
/// two the same, none of them among the `inputs`.
pub fn check_writable(outputs: &[(&str, &Path)], inputs: &[&Path]) -> Result<(), Failure> {
    let inputs: Vec<PathBuf> = inputs.iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
    let mut taken: Vec<(&str, PathBuf)> = Vec::new();
    for &(option, path) in outputs {
        let wrong = |what: String| Err(Failure::new(format!("{option} {}: {what}", path.display())));
        let Some(name) = path.file_name() else { return wrong("wanted the name of a file".into()) };
        if path.is_dir() {
            return wrong("it is a folder, wanted the name of a file".into());
        }
        if path.exists() && !path.is_file() {
            // A pipe or a device is written as it is.
            continue;
        }
        let folder = path.parent().filter(|folder| folder.as_os_str() != OsStr::new("")).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            return wrong(format!("there is no folder {}", folder.display()));
        }
        if let Err(error) = take_new_file(folder) {
            return wrong(format!("cannot write into {}: {error}", folder.display()));
        }
        let real = fs::canonicalize(path).or_else(|_| fs::canonicalize(folder).map(|folder| folder.join(name)))?;
        if inputs.contains(&real) {
            return wrong("this file is read, writing it would destroy the data".into());
        }
        if let Some((other, _)) = taken.iter().find(|(_, taken)| *taken == real) {
            return wrong(format!("the same file as for {other}"));
        }
        taken.push((option, real));
    }
    Ok(())
}

/// Makes a file in the folder and removes it. A file of that name, which a killed process can have left, stays: the next number is
/// tried.
fn take_new_file(folder: &Path) -> io::Result<()> {
    const TRIES: usize = 1000;
    let mut taken = io::ErrorKind::AlreadyExists.into();
    for number in 0..TRIES {
        let probe = folder.join(format!(".steadynet-{}-{number}-probe.tmp", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&probe) {
            Ok(_) => return fs::remove_file(probe),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = error,
            Err(error) => return Err(error),
        }
    }
    Err(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_that_was_left_behind_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..3 {
            let left = folder.path().join(format!(".steadynet-{}-{number}-probe.tmp", std::process::id()));
            fs::write(left, "").unwrap();
        }
        let before = fs::read_dir(folder.path()).unwrap().count();
        take_new_file(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before);
        assert!(take_new_file(&folder.path().join("nowhere")).is_err());
    }
}
