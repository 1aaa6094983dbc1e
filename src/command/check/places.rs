//! Where miqa is to write: whether it could, tried and undone.

use std::{
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
};

use crate::{config::Config, state};

/// A place that miqa writes to.
#[derive(Debug)]
pub(in crate::command) struct Place {
    /// The key that names it.
    pub(in crate::command) key: &'static str,
    pub(in crate::command) path: PathBuf,
    /// Whether it could be written to, and for the state whether it can be read.
    pub(in crate::command) tried: Result<(), String>,
}

/// Every place that a configuration names, tried and left as it was.
pub(in crate::command) fn all(config: &Config) -> Vec<Place> {
    let mut places = Vec::new();
    let mut note = |key, path: &Path, tried| places.push(Place { key, path: path.into(), tried });
    if let Some(keys) = &config.state {
        let kept = keys.folder.join(state::FILE);
        let read = || state::read(&kept).map(drop).map_err(|e| e.to_string());
        note("state.folder", &keys.folder, folder(&keys.folder).and_then(|()| file(&kept)).and_then(|()| read()));
    }
    if let Some(keys) = &config.ledger {
        // A folder that is the state's, too, is named once.
        let tried = folder(&keys.folder);
        let said = tried.is_err() && config.state.as_ref().is_some_and(|state| state.folder == keys.folder);
        if !said {
            note("ledger.folder", &keys.folder, tried.and_then(|()| file(&keys.file())));
        }
    }
    if let Some(keys) = &config.snapshots {
        note("snapshots.folder", &keys.folder, folder(&keys.folder));
    }
    if let Some(settings) = &config.outputs.jsonl {
        note("jsonl.path", &settings.path, file(&settings.path));
    }
    if let Some(keys) = &config.readers.socket {
        note("socket.path", &keys.path, beside(&keys.path));
    }
    if let Some(keys) = &config.readers.slot {
        note("slot.path", &keys.path, beside(&keys.path));
    }
    places
}

/// Whether files can be made in a folder that is there or can be made. What was made for that is removed again.
///
/// # Errors
/// The folder, why not, and what to do.
fn folder(folder: &Path) -> Result<(), String> {
    let missing: Vec<PathBuf> = folder
        .ancestors()
        .filter(|up| !up.as_os_str().is_empty())
        .take_while(|up| !up.exists())
        .map(Into::into)
        .collect();
    let made = std::fs::create_dir_all(folder);
    let written = made.and_then(|()| {
        let file = folder.join(format!(".miqa-check-{}", std::process::id()));
        OpenOptions::new().create_new(true).write(true).open(&file)?;
        std::fs::remove_file(file)
    });
    // The deepest first; one that somebody has put something into meanwhile stays.
    missing.iter().for_each(|made| drop(std::fs::remove_dir(made)));
    written.map_err(|e| words(folder, &e))
}

/// Whether a file can be written on or made.
///
/// # Errors
/// As [`folder`].
fn file(path: &Path) -> Result<(), String> {
    if path.exists() {
        return OpenOptions::new().append(true).open(path).map(drop).map_err(|e| words(path, &e));
    }
    beside(path)
}

/// Whether something can be made at a path: its folder takes files, and no folder has this name.
///
/// # Errors
/// As [`folder`].
fn beside(path: &Path) -> Result<(), String> {
    if path.is_dir() {
        return Err(words(path, &io::ErrorKind::IsADirectory.into()));
    }
    folder(path.parent().filter(|up| !up.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

fn words(path: &Path, error: &io::Error) -> String {
    let next = match error.kind() {
        io::ErrorKind::PermissionDenied => "let miqa's user write there, or name another place",
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            "a file is in the way; move it or name another place"
        }
        io::ErrorKind::IsADirectory => "it is a folder; name a file in it",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space",
        io::ErrorKind::ReadOnlyFilesystem => "it is mounted read-only; name another place",
        _ => "name a place that miqa can write to",
    };
    format!("{}: {error}; {next}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_tried_and_left_as_it_was() {
        let top = tempfile::tempdir().expect("folder");
        let place = |name: &str| top.path().join(name);
        std::fs::write(place("file"), "x").expect("written");
        assert_eq!(folder(&place("a/b")), Ok(()));
        assert_eq!(file(&place("a/b/c.jsonl")), Ok(()));
        assert_eq!(file(&place("file")), Ok(()));
        let left: Vec<_> = std::fs::read_dir(top.path()).expect("there").flatten().map(|e| e.file_name()).collect();
        assert_eq!((left, std::fs::read(place("file")).expect("there")), (vec!["file".into()], b"x".to_vec()));
        for (result, part) in [
            (folder(&place("file")), "a file is in the way"),
            (folder(&place("file/b")), "a file is in the way"),
            (file(top.path()), "it is a folder; name a file"),
            (beside(top.path()), "it is a folder; name a file"),
            // Not even root can make something there.
            (folder(Path::new("/proc/miqa")), "/proc/miqa: "),
        ] {
            assert!(result.as_ref().is_err_and(|e| e.contains(part)), "{part}: {result:?}");
        }
    }
}
