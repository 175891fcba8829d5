//! A program's folder: private to its user, used by one run at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::exit::{Failure, io_failure};

/// Where a program keeps its folder unless it is told another place: `$XDG_CONFIG_HOME/NAME` or `~/.config/NAME`.
///
/// # Errors
/// [`Failure`] where neither is known.
pub fn default_folder(name: &str) -> Result<PathBuf, Failure> {
    let configured = std::env::var_os("XDG_CONFIG_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let base = configured.or_else(|| std::env::home_dir().map(|home| home.join(".config")));
    let unknown =
        || Failure::input("there is no home folder to keep state in").remedy("name a folder with --dir");
    Ok(base.ok_or_else(unknown)?.join(name))
}

/// Creates a folder that only its owner may enter (0700), with its parents.
///
/// # Errors
/// Of the file system.
pub fn create_private(path: &Path) -> Result<(), Failure> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| io_failure("create the folder", path, &error))
}

/// A lock on a folder or a part of it, held until dropped or until the process ends, however it ends.
#[derive(Debug)]
pub struct Lock(File);

impl Drop for Lock {
    /// Closing the file would do, were there no copy of it: a process that another thread is just starting has one until it runs.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// Takes the lock `name` of a folder.
///
/// # Errors
/// [`Failure`] that says what else is running, if the lock is taken.
pub fn lock(folder: &Path, name: &str) -> Result<Lock, Failure> {
    let path = folder.join(format!(".{name}.lock"));
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|error| io_failure("open the lock", &path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => {
            Err(Failure::local(format!("another run is working on {} ({name})", folder.display()))
                .remedy("wait until it is done, or use another --dir"))
        }
        Err(TryLockError::Error(error)) => Err(io_failure("lock", &path, &error)),
    }
}

/// Reads a file that holds a secret, and refuses one that others may read.
///
/// # Errors
/// [`Failure`] with the command that mends the mode.
pub fn read_secret(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = || -> io::Result<(u32, Vec<u8>)> {
        Ok((std::fs::metadata(path)?.permissions().mode(), std::fs::read(path)?))
    };
    let (mode, bytes) = read().map_err(|error| io_failure("read the key file", path, &error))?;
    if mode & 0o077 != 0 {
        let what =
            format!("{} holds a secret but others may read it (mode {:04o})", path.display(), mode & 0o7777);
        return Err(Failure::local(what).remedy(format!("chmod 600 {}", path.display())));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::{self, Mode};
    use crate::exit::Exit;

    #[test]
    fn a_folder_has_one_run_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock(folder.path(), "vault").unwrap();
        let refused = lock(folder.path(), "vault").unwrap_err();
        assert_eq!(refused.exit(), Exit::Local);
        assert!(refused.to_string().contains("another run"));
        lock(folder.path(), "other").unwrap();
        drop(first);
        lock(folder.path(), "vault").unwrap();
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("oprf.key");
        durable::write(&path, b"secret", Mode::Private).unwrap();
        assert_eq!(read_secret(&path).unwrap(), b"secret");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let refused = read_secret(&path).unwrap_err();
        assert_eq!(refused.exit(), Exit::Local);
        assert!(refused.to_string().contains("mode 0640"), "{refused}");
    }

    #[test]
    fn a_new_folder_is_private() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        create_private(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
