//! The Unix socket for administration, which only the user of this process can open.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rand::RngExt as _;

/// Reason why the socket cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    #[error("admin-socket: {} exists and is not a socket; name another path, or move that file away", .0.display())]
    Occupied(PathBuf),
    #[error("admin-socket: {} has to be in a folder that exists; make the folder, or name another path", .0.display())]
    NoFolder(PathBuf),
    #[error("admin-socket: {}: another process listens on this socket", .0.display())]
    InUse(PathBuf),
    #[error("admin-socket: {}: cannot listen: {source}", path.display())]
    Listen { path: PathBuf, source: io::Error },
}

/// Socket that is removed when dropped.
pub(crate) struct AdminSocket {
    path: PathBuf,
}

/// Refuses a path at which something other than a socket is, or whose folder does not exist.
pub(crate) fn check(path: &Path) -> Result<(), SocketError> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => Err(SocketError::Occupied(path.to_owned())),
        Ok(_) => Ok(()),
        Err(_) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            if folder.is_dir() { Ok(()) } else { Err(SocketError::NoFolder(path.to_owned())) }
        }
    }
}

impl AdminSocket {
    /// Listens at a path. Takes the place of a socket without a listener, which a process that was killed left.
    pub(crate) fn bind(path: &Path) -> Result<(Self, UnixListener), SocketError> {
        check(path)?;
        if UnixStream::connect(path).is_ok() {
            return Err(SocketError::InUse(path.to_owned()));
        }
        let listener = listen(path).map_err(|source| SocketError::Listen { path: path.to_owned(), source })?;
        Ok((Self { path: path.to_owned() }, listener))
    }
}

/// Binds in a folder that nobody else can enter, and gives the socket its name only when its mode is right.
fn listen(path: &Path) -> io::Result<UnixListener> {
    let parent = path.parent().unwrap_or(Path::new(""));
    let private = parent.join(format!(".{:06x}", rand::rng().random::<u32>() >> 8));
    DirBuilder::new().mode(0o700).create(&private)?;
    let inside = private.join("s");
    let bound = || {
        let listener = UnixListener::bind(&inside)?;
        fs::set_permissions(&inside, Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // A link fails where something new has that name; renaming would replace it.
        fs::hard_link(&inside, path)?;
        Ok(listener)
    };
    let listener = bound();
    let _never_bound = fs::remove_file(&inside);
    let removed = fs::remove_dir(&private);
    let listener = listener?;
    removed?;
    Ok(listener)
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        // Only what is still a socket: somebody may have put a file in its place.
        if check(&self.path).is_ok() {
            let _already_gone = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sockets_without_a_listener_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(AdminSocket::bind(&path), Err(SocketError::Occupied(_))));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        fs::remove_file(&path).unwrap();

        drop(UnixListener::bind(&path).unwrap());
        let (socket, listener) = AdminSocket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(UnixStream::connect(&path).is_ok());
        assert!(matches!(AdminSocket::bind(&path), Err(SocketError::InUse(_))));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left in the folder");
        drop((socket, listener));
        assert!(!path.exists());
    }
}
