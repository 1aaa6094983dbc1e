//! The socket's file: made with its mode, a dead daemon's replaced, a live one's left alone.

use std::{
    fs::Permissions,
    io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with},
};

/// Why the socket can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// A program listens there.
    #[error("{}: another program listens on this socket; stop it or choose another [socket] path", .0.display())]
    InUse(PathBuf),
    /// Something else has this name.
    #[error("{}: there is a file that is no socket; choose another [socket] path, or remove it if nothing needs it", .0.display())]
    Foreign(PathBuf),
    /// The system refuses.
    #[error("{}: {source}; check the folder's permissions and the length of the path ([socket] path)", path.display())]
    Io {
        /// The socket or its folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A listening socket; its file goes with it.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) socket: UnixListener,
    path: PathBuf,
    /// Device and number of the file, to know it again.
    file: (u64, u64),
}

impl Listener {
    pub(super) fn open(path: &Path, mode: u32) -> Result<Self, SocketError> {
        let io = |source| SocketError::Io { path: path.into(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|source| SocketError::Io { path: folder.into(), source })?;
        }
        check(path)?;
        // Made beside and put in its place, so that nobody finds it without its mode and no moment is without it.
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let _ = std::fs::remove_file(&beside);
        let socket = UnixListener::bind(&beside).map_err(io)?;
        let place = || {
            socket.set_nonblocking(true)?;
            std::fs::set_permissions(&beside, Permissions::from_mode(mode))?;
            let about = std::fs::symlink_metadata(&beside)?;
            std::fs::rename(&beside, path)?;
            Ok((about.dev(), about.ino()))
        };
        let file = place().map_err(|source| {
            let _ = std::fs::remove_file(&beside);
            io(source)
        })?;
        Ok(Self { socket, path: path.into(), file })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let named = std::fs::symlink_metadata(&self.path);
        if named.is_ok_and(|named| (named.dev(), named.ino()) == self.file) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Whether the name is free: nothing is there, or a socket that nobody listens on.
fn check(path: &Path) -> Result<(), SocketError> {
    let io = |source| SocketError::Io { path: path.into(), source };
    match std::fs::symlink_metadata(path) {
        Ok(about) if about.file_type().is_socket() => {}
        Ok(_) => return Err(SocketError::Foreign(path.into())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(io(e)),
    }
    let probe = || {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&socket, &SocketAddrUnix::new(path)?)
    };
    match probe() {
        Err(Errno::CONNREFUSED | Errno::NOENT) => Ok(()),
        // A full backlog, too, is a program that listens, and so is one that we may not talk to.
        Ok(()) | Err(Errno::AGAIN | Errno::ACCESS) => Err(SocketError::InUse(path.into())),
        Err(e) => Err(io(e.into())),
    }
}
