//! Whether files, folders and devices let us, and keep others out.

use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::finding::{Finding, quoted};
use crate::{
    command::check::places,
    config::{Config, Location},
};

/// Everything that is written to, the devices, and the files with secrets.
pub(super) fn check(config: &Config, file: &Path) -> Vec<Finding> {
    let mut findings: Vec<_> =
        places::all(config).into_iter().map(|place| written(place.key, &place.path, place.tried)).collect();
    for (i, stream) in config.streams.iter().enumerate() {
        if let Location::Device(path) = &stream.location {
            let tried = OpenOptions::new().read(true).write(true).open(path);
            findings.push(device(&format!("stream[{i}].location"), path, tried.err().as_ref()));
        }
    }
    // Whatever is wrong with the file was said when it was read.
    let mut secrets = Config::secret_files(file).unwrap_or_default();
    if config.streams.iter().any(|stream| stream.location.holds_secret()) {
        secrets.push(("a password stands in the configuration itself".into(), file.into()));
    }
    findings.extend(secrets.into_iter().filter_map(|(key, path)| {
        let mode = std::fs::metadata(&path).ok()?.permissions().mode();
        Some(secret(&key, &path, mode))
    }));
    findings
}

fn written(key: &str, path: &Path, tried: Result<(), String>) -> Finding {
    match tried {
        Ok(()) => Finding::fine("permission", key, format!("{} can be written to", path.display())),
        Err(why) => {
            // A folder for us, or the one that the file is to be in.
            let folder: PathBuf =
                if key.ends_with(".folder") { path.into() } else { path.parent().unwrap_or(path).into() };
            let mend = format!(
                "install -d -o \"$(id -un)\" {}    # as root, for miqa's user",
                quoted(&folder.to_string_lossy())
            );
            Finding::problem("permission", key, why).mended_by(mend)
        }
    }
}

fn device(key: &str, path: &Path, error: Option<&io::Error>) -> Finding {
    let shown = path.display();
    match error {
        None => Finding::fine("permission", key, format!("{shown} can be opened")),
        Some(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Finding::problem("permission", key, format!("{shown}: {error}")).mended_by(
                "usermod -aG video USER    # then log in again; the systemd unit has SupplementaryGroups=video",
            )
        }
        Some(error) => Finding::problem("permission", key, format!("{shown}: {error}"))
            .mended_by("v4l2-ctl --list-devices    # from the package v4l-utils: which devices there are"),
    }
}

/// Whether a file with a secret in it is for its owner and, at most, its group.
fn secret(key: &str, path: &Path, mode: u32) -> Finding {
    let said = format!("{} has mode {:04o}", path.display(), mode & 0o7777);
    if mode & 0o007 == 0 {
        return Finding::fine("permission", key, said);
    }
    Finding::problem("permission", key, said + ", so every user here can read the secret or change it")
        .mended_by(format!("chmod o= {}", quoted(&path.to_string_lossy())))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn secrets_are_for_their_owner_and_devices_say_what_they_lack() {
        let of = |mode| secret("http.token_file", Path::new("/etc/miqa/the token"), mode);
        for (mode, verdict) in [
            (0o100_600, Verdict::Fine),
            (0o100_640, Verdict::Fine),
            (0o100_644, Verdict::Problem),
            (0o100_602, Verdict::Problem),
        ] {
            assert_eq!(of(mode).verdict, verdict, "{mode:o}");
        }
        assert_eq!(of(0o100_644).mend.as_deref(), Some("chmod o= '/etc/miqa/the token'"));
        let camera = |kind: io::ErrorKind| device("stream[0].location", Path::new("/dev/video0"), Some(&kind.into()));
        assert!(camera(io::ErrorKind::PermissionDenied).mend.is_some_and(|mend| mend.contains("usermod -aG video")));
        assert!(camera(io::ErrorKind::NotFound).mend.is_some_and(|mend| mend.contains("v4l-utils")));
        let lost = written("state.folder", Path::new("/var/lib/miqa"), Err("no".into()));
        assert!(lost.mend.is_some_and(|mend| mend.starts_with("install -d -o \"$(id -un)\" /var/lib/miqa ")));
        let file = written("jsonl.path", Path::new("/var/log/miqa/e.jsonl"), Err("no".into()));
        assert!(file.mend.is_some_and(|mend| mend.contains(" /var/log/miqa ")));
    }
}
