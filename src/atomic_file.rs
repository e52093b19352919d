//! Whole files or none: a reader, a crash or an error half-way never meets a file that is partly written.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{error, fmt};

/// Why a file could not be written. What was at the path before is still there.
#[derive(Debug)]
pub struct AtomicWriteError {
    /// The file that was to be written.
    pub path: PathBuf,
    /// What went wrong.
    pub source: io::Error,
}

impl fmt::Display for AtomicWriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot write {}: {}", self.path.display(), self.source)
    }
}

impl error::Error for AtomicWriteError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Writes `path` so that it holds either all that `write` wrote or what it held before.
///
/// The bytes go through a buffer into a temporary file in the same folder, are flushed and synchronised to the disk, and
/// the temporary file is then renamed to `path`. If anything fails, the temporary file is removed.
///
/// - A new file gets ordinary permissions (the process's umask); a replaced one keeps its own.
/// - A symbolic link stays, the file that it points to is replaced.
/// - What is neither file nor folder (a pipe, `/dev/stdout`) cannot be replaced: it receives the bytes once `write` has
///   succeeded.
///
/// # Errors
/// [`AtomicWriteError`] names the file: an error from `write` or from the system, a path that is a folder or ends in no
/// file name, a file that is marked read-only.
pub fn write_atomically(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), AtomicWriteError> {
    let path = path.as_ref();
    write_or_leave(path, write).map_err(|source| AtomicWriteError { path: path.to_path_buf(), source })
}

fn write_or_leave(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder, not a file")),
        Ok(found) if !found.is_file() => {
            let mut bytes = Vec::new();
            write(&mut bytes)?;
            OpenOptions::new().write(true).open(path)?.write_all(&bytes)
        }
        Ok(found) if found.permissions().readonly() => {
            Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file that is there is read-only"))
        }
        Ok(found) => replace(&fs::canonicalize(path)?, Some(found.permissions()), write),
        Err(error) if error.kind() == io::ErrorKind::NotFound => replace(path, None, write),
        Err(error) => Err(error),
    }
}

fn replace(
    path: &Path,
    permissions: Option<fs::Permissions>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    if path.file_name().is_none() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path ends in no file name"));
    }
    // The parent of a bare file name is the empty path, which no system call takes for the current folder.
    let folder = path.parent().filter(|folder| folder.as_os_str() != OsStr::new("")).unwrap_or(Path::new("."));
    let (file, mut temporary) = Temporary::create_in(folder)?;
    if let Some(permissions) = permissions {
        file.set_permissions(permissions)?;
    }
    let mut buffer = BufWriter::new(file);
    write(&mut buffer)?;
    // Closed before the rename, which fails on open files on some systems.
    buffer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(&temporary.path, path)?;
    temporary.renamed = true;
    Ok(())
}

/// The temporary file's name, which is removed on drop (an error or a panic in the writer) unless it was renamed.
struct Temporary {
    path: PathBuf,
    renamed: bool,
}

impl Temporary {
    /// The name has a fixed length, since the wanted file's own name may already be as long as the file system allows.
    fn create_in(folder: &Path) -> io::Result<(File, Self)> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!(".steadynet-{}-{number}.tmp", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((file, Self { path, renamed: false })),
                // Left by a process that was killed and had the same id.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // The write has already failed and that error is the one to report.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_in(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn new_file_and_replacement() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        write_atomically(&path, |w| w.write_all(b"one, and longer")).unwrap();
        write_atomically(&path, |w| w.write_all(b"two")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names_in(folder.path()), ["model"]);
    }

    #[test]
    fn failure_keeps_the_old_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        fs::write(&path, "old").unwrap();
        let error = write_atomically(&path, |w| {
            // More than any buffer, so that bytes have reached the disk when the error comes.
            w.write_all(&[7; 100_000])?;
            Err(io::Error::other("disk on fire"))
        })
        .unwrap_err();
        assert!(error.to_string().contains("model: disk on fire"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names_in(folder.path()), ["model"]);
    }

    #[test]
    fn panic_in_the_writer_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        let attempt = std::panic::catch_unwind(|| write_atomically(&path, |_| panic!("in the writer")));
        assert!(attempt.is_err());
        assert_eq!(names_in(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn folder_and_missing_folder_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_atomically(folder.path(), |_| Ok(())).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::IsADirectory);
        assert!(error.to_string().contains("it is a folder"), "{error}");
        let error = write_atomically(folder.path().join("no/file"), |_| Ok(())).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::NotFound);
        let error = write_atomically("", |_| Ok(())).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(names_in(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn bare_file_name_goes_to_the_current_folder() {
        let name = format!("atomic-file-test-{}", std::process::id());
        write_atomically(&name, |w| w.write_all(b"here")).unwrap();
        let written = fs::read(Path::new(".").join(&name));
        fs::remove_file(&name).unwrap();
        assert_eq!(written.unwrap(), b"here");
    }

    #[test]
    fn longest_file_name() {
        let folder = tempfile::tempdir().unwrap();
        write_atomically(folder.path().join("n".repeat(255)), |_| Ok(())).unwrap();
    }

    #[test]
    fn read_only_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        fs::write(&path, "kept").unwrap();
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).unwrap();
        let error = write_atomically(&path, |w| w.write_all(b"new")).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(fs::read(&path).unwrap(), b"kept");
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_ordinary_and_survive_replacement() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let (ordinary, path) = (folder.path().join("ordinary"), folder.path().join("model"));
        fs::write(&ordinary, "").unwrap();
        write_atomically(&path, |_| Ok(())).unwrap();
        assert_eq!(mode(&path), mode(&ordinary));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        write_atomically(&path, |_| Ok(())).unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[cfg(unix)]
    #[test]
    fn symbolic_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write_atomically(&link, |w| w.write_all(b"new")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }

    #[cfg(unix)]
    #[test]
    fn device_is_written_to_and_not_replaced() {
        use std::os::unix::fs::FileTypeExt;
        write_atomically("/dev/null", |w| w.write_all(b"gone")).unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    }
}
