//! Streams that were added to or paused in a running daemon: a file of its own in the state folder, for its owner only, since
//! locations hold passwords. The user's configuration is never written to.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{StateError, VERSION, write};
use crate::config::{Addition, Additions};

/// The file's name in the state folder.
const FILE: &str = "streams.json";

/// Where a new one is written before it takes the old one's place.
const BESIDE: &str = "streams.json.new";

/// The file's form. No `Debug`: it holds passwords.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    version: u32,
    #[serde(default)]
    added: Vec<Map<String, Value>>,
    #[serde(default)]
    paused: BTreeSet<String>,
}

/// Which streams were added, and which are paused.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Roll {
    /// The added ones, in the order in which that was done.
    pub added: Vec<Addition>,
    /// Names of those that rest.
    pub paused: BTreeSet<String>,
}

impl Roll {
    /// Reads the roll of a state folder; without a file it is empty. What may no longer be added is left out, and named with
    /// the reason beside it.
    ///
    /// # Errors
    /// [`StateError::Io`] and [`StateError::Form`].
    pub fn read(folder: &Path, allowed: &Additions) -> Result<(Self, Vec<String>), StateError> {
        let path = folder.join(FILE);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Default::default()),
            Err(source) => return Err(StateError::Io { path, source }),
        };
        let wrong = |path: PathBuf, message: String| StateError::Form { path, message };
        let form: Form = match serde_json::from_slice(&text) {
            Ok(form) => form,
            Err(error) => return Err(wrong(path, crate::secret::scrub(&error.to_string()).into_owned())),
        };
        if form.version != VERSION {
            return Err(wrong(path, format!("it has version {}, this program knows {VERSION}", form.version)));
        }
        let (mut added, mut left) = (Vec::new(), Vec::new());
        for asked in form.added {
            let name = asked.get("name").and_then(Value::as_str).unwrap_or("?").to_owned();
            match Addition::new(asked, allowed) {
                Ok(addition) => added.push(addition),
                Err((key, reason)) => left.push(format!("added stream \"{name}\" is left out: {key} {reason}")),
            }
        }
        Ok((Self { added, paused: form.paused }, left))
    }

    /// Writes it; when this returns it has reached the disk.
    ///
    /// # Errors
    /// [`StateError::Io`].
    pub fn write(&self, folder: &Path) -> Result<(), StateError> {
        let path = folder.join(FILE);
        let added = self.added.iter().map(|addition| addition.asked().clone()).collect();
        let form = Form { version: VERSION, added, paused: self.paused.clone() };
        let put = serde_json::to_vec_pretty(&form).map_err(std::io::Error::from);
        put.and_then(|text| write(folder, &path, &folder.join(BESIDE), 0o600, &text))
            .map_err(|source| StateError::Io { path, source })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use serde_json::json;

    use super::*;
    use crate::config::AddKind;

    #[test]
    fn what_was_added_is_there_again_for_the_owner_only() {
        let folder = tempfile::tempdir().expect("folder");
        let all = Additions { kinds: AddKind::ALL.to_vec(), files: None };
        assert_eq!(Roll::read(folder.path(), &all).expect("none"), (Roll::default(), vec![]));
        let Value::Object(asked) = json!({ "name": "b", "location": "rtsp://u:zk-rolled@cam/1" }) else {
            panic!("an object")
        };
        let roll = Roll { added: vec![Addition::new(asked, &all).expect("valid")], paused: ["a".to_owned()].into() };
        roll.write(folder.path()).expect("written");
        assert_eq!(Roll::read(folder.path(), &all).expect("whole"), (roll.clone(), vec![]));
        assert!(!format!("{roll:?}").contains("zk-rolled"));
        let mode = std::fs::metadata(folder.path().join(FILE)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // Allowed no longer: said, and the others stay.
        let (rest, left) = Roll::read(folder.path(), &Additions::default()).expect("whole");
        assert!(rest.added.is_empty() && rest.paused.len() == 1 && left[0].contains("\"b\" is left out"), "{left:?}");
        std::fs::write(folder.path().join(FILE), "{\"version\":1,").expect("written");
        Roll::read(folder.path(), &all).expect_err("torn");
    }
}
