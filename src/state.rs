//! What must survive the program: what a bridge changed elsewhere, alerts that fire, overrides. One small versioned JSON
//! file in the state folder, written atomically; a lock keeps a second program out. Streams that were added or paused have a
//! file of their own beside it ([`Roll`]); what is good to keep and no loss goes onto a [`Shelf`] there.

mod roll;
mod shelf;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use fail::fail_point;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

pub use roll::Roll;

pub use crate::event::ByHand as Override;
use crate::event::{GateState, day};
pub use shelf::{Shelf, ShelfError};

/// The version of the file's form that this program reads and writes.
pub const VERSION: u32 = 1;

/// The state file's name in its folder.
pub const FILE: &str = "state.json";

/// Where a new state is written before it takes the old one's place.
const BESIDE: &str = "state.json.new";

/// What survives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// [`VERSION`].
    pub version: u32,
    /// SHA-256 of the model that thresholds and baselines belong to.
    #[serde(default)]
    pub model: Option<String>,
    /// Frigate's settings that were changed, by its camera's name.
    #[serde(default)]
    pub frigate: BTreeMap<String, FrigateChange>,
    /// Alerts that fire, by id.
    #[serde(default)]
    pub alerts: BTreeMap<String, FiringAlert>,
    /// Gates that somebody set by hand, by stream.
    #[serde(default)]
    pub overrides: BTreeMap<String, Override>,
    /// Alerts that somebody silenced.
    #[serde(default)]
    pub silences: Vec<Silence>,
    /// Topics with retained messages of ours, to be emptied once what they tell of is gone.
    #[serde(default)]
    pub announced: BTreeSet<String>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            version: VERSION,
            model: None,
            frigate: BTreeMap::new(),
            alerts: BTreeMap::new(),
            overrides: BTreeMap::new(),
            silences: Vec::new(),
            announced: BTreeSet::new(),
        }
    }
}

/// A camera of Frigate whose detection was switched off by us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrigateChange {
    /// What the setting was before: `ON` or `OFF`.
    pub before: String,
    /// When it was changed, in seconds since 1970.
    pub since: u64,
}

/// An alert that fires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FiringAlert {
    /// The stream.
    pub stream: String,
    /// The rule.
    pub rule: String,
    /// When it began to fire, in seconds since 1970.
    pub since: u64,
    /// Nobody was told: it was silenced.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub silenced: bool,
    /// When somebody acknowledged it, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<u64>,
}

/// Alerts that somebody silenced for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Silence {
    /// The stream.
    pub stream: String,
    /// The rule; `None` for all of them.
    #[serde(default)]
    pub rule: Option<String>,
    /// Until when, in seconds since 1970.
    pub until: u64,
}

impl Silence {
    /// Whether it silences this rule's alerts at `now`, in seconds since 1970.
    pub fn covers(&self, stream: &str, rule: &str, now: u64) -> bool {
        now < self.until && self.stream == stream && self.rule.as_deref().is_none_or(|own| own == rule)
    }
}

impl std::fmt::Display for Silence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.rule {
            Some(rule) => write!(f, "alerts of {}, rule {rule}, silenced until {}", self.stream, day(self.until)),
            None => write!(f, "alerts of {} silenced until {}", self.stream, day(self.until)),
        }
    }
}

impl State {
    /// Remembers what somebody set by hand; `None` takes it back.
    pub fn set_by_hand(&mut self, stream: &str, set: Option<Override>) {
        match set {
            Some(set) => drop(self.overrides.insert(stream.into(), set)),
            None => drop(self.overrides.remove(stream)),
        }
    }

    /// Silences a stream's alerts until then, or no longer; what is over at `now` is forgotten. Ending the silence of a
    /// whole stream ends those of its rules, too.
    pub fn silence(&mut self, stream: &str, rule: Option<&str>, until: Option<u64>, now: u64) {
        let whole = until.is_none() && rule.is_none();
        self.silences.retain(|silence| {
            silence.until > now && !(silence.stream == stream && (whole || silence.rule.as_deref() == rule))
        });
        let new = until.map(|until| Silence { stream: stream.into(), rule: rule.map(Into::into), until });
        self.silences.extend(new);
    }
}

/// What somebody set by hand and what still holds at `now`, in seconds since 1970.
pub fn in_force(set: Option<&Override>, now: u64) -> Option<GateState> {
    set.filter(|set| set.until.is_none_or(|until| now < until)).map(|set| set.state)
}

/// Why the state can't be kept.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another program holds the folder.
    #[error("state folder {} is in use by another miqa; stop it or give this one a folder of its own ([state] folder)", .0.display())]
    InUse(PathBuf),
    /// The file can't be read or written.
    #[error("state file {}: {source}; check the folder's permissions and free space", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file says something that this program doesn't understand.
    #[error("state file {}: {message}; update miqa, or run `miqa gate restore` with the version that wrote it and remove the file", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What.
        message: String,
    },
}

/// The state folder, held alone.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    state: Mutex<State>,
    lock: File,
}

impl Drop for Store {
    fn drop(&mut self) {
        // Closing the file would not do while a process that was just forked has it open, too.
        let _ = flock(&self.lock, FlockOperation::Unlock);
    }
}

impl Store {
    /// Makes the folder if need be, locks it and reads what is there.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn open(folder: &Path) -> Result<Self, StateError> {
        let io = |source| StateError::Io { path: folder.into(), source };
        std::fs::create_dir_all(folder).map_err(io)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join("lock")).map_err(io)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|e| match e {
            rustix::io::Errno::WOULDBLOCK => StateError::InUse(folder.into()),
            other => io(other.into()),
        })?;
        let state = read(&folder.join(FILE))?;
        // What a program that was killed in the middle of a write left. We hold the folder, so nobody writes it.
        if let Err(e) = std::fs::remove_file(folder.join(BESIDE))
            && e.kind() != std::io::ErrorKind::NotFound
        {
            return Err(io(e));
        }
        Ok(Self { folder: folder.into(), state: Mutex::new(state), lock })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known now.
    pub fn get(&self) -> State {
        self.lock().clone()
    }

    /// Changes the state; when this returns, the change has reached the disk. A change that changes nothing writes nothing.
    ///
    /// # Errors
    /// [`StateError::Io`]; the state in memory is the old one then.
    pub fn change(&self, change: impl FnOnce(&mut State)) -> Result<(), StateError> {
        let mut held = self.lock();
        let mut state = held.clone();
        change(&mut state);
        if state == *held {
            return Ok(());
        }
        let path = self.folder.join(FILE);
        let put = serde_json::to_vec_pretty(&state).map_err(std::io::Error::from);
        put.and_then(|text| write(&self.folder, &path, &self.folder.join(BESIDE), 0o666, &text))
            .map_err(|source| StateError::Io { path, source })?;
        *held = state;
        Ok(())
    }
}

/// Reads a state file; none is an empty state.
///
/// # Errors
/// [`StateError::Io`] and [`StateError::Form`].
pub fn read(path: &Path) -> Result<State, StateError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(State::default()),
        Err(source) => return Err(StateError::Io { path: path.into(), source }),
    };
    let form = |message: String| StateError::Form { path: path.into(), message };
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let Version { version } = serde_json::from_str(&text).map_err(|e| form(e.to_string()))?;
    if version != VERSION {
        return Err(form(format!("it has version {version}, this program knows {VERSION}")));
    }
    serde_json::from_str(&text).map_err(|e| form(e.to_string()))
}

/// Writes beside the file, then puts the new one in its place: whoever reads sees the old or the new state, never a part.
fn write(folder: &Path, path: &Path, beside: &Path, mode: u32, text: &[u8]) -> std::io::Result<()> {
    fail_point!("state-before-write");
    let put = || {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(mode).open(beside)?;
        file.write_all(text)?;
        fail_point!("state-before-sync");
        file.sync_all()?;
        fail_point!("state-before-rename");
        std::fs::rename(beside, path)
    };
    if let Err(error) = put() {
        // On a full disk the half that was written takes room, too. The first error tells more than one of this.
        let _ = std::fs::remove_file(beside);
        return Err(error);
    }
    fail_point!("state-before-folder-sync");
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change() -> FrigateChange {
        FrigateChange { before: "ON".into(), since: 7 }
    }

    #[test]
    fn a_change_survives_and_a_second_holder_is_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(folder.path()).expect("opens");
        assert_eq!(store.get(), State::default());
        store.change(|s| drop(s.frigate.insert("yard".into(), change()))).expect("written");
        let refused = Store::open(folder.path()).expect_err("held").to_string();
        assert!(refused.contains("in use by another miqa"), "{refused}");
        drop(store);
        let store = Store::open(folder.path()).expect("free again");
        assert_eq!(store.get().frigate["yard"], change());
    }

    #[test]
    fn a_write_that_fails_leaves_nothing_beside_the_state() {
        let folder = tempfile::tempdir().expect("folder");
        let beside = folder.path().join(BESIDE);
        std::fs::write(&beside, "half").expect("written");
        let store = Store::open(folder.path()).expect("opens");
        assert!(!beside.exists(), "left by a program that was killed");
        store.change(|s| drop(s.frigate.insert("yard".into(), change()))).expect("written");
        // Nothing can be put in a folder's place.
        std::fs::remove_file(folder.path().join(FILE)).expect("removed");
        std::fs::create_dir(folder.path().join(FILE)).expect("folder");
        store.change(|s| s.frigate.clear()).expect_err("no place");
        assert!(!beside.exists());
        assert_eq!(store.get().frigate.len(), 1, "the old one holds");
    }

    #[test]
    fn what_is_torn_or_from_elsewhere_is_refused_not_overwritten() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join(FILE);
        for (text, expected) in
            [("{\"version\":1,\"fri", "EOF"), ("{\"version\":2}", "version 2"), ("{\"version\":1,\"odd\":1}", "odd")]
        {
            std::fs::write(&path, text).expect("written");
            let error = Store::open(folder.path()).expect_err(text).to_string();
            assert!(error.contains(expected), "{error}");
            assert_eq!(std::fs::read_to_string(&path).expect("there"), text);
        }
    }

    #[test]
    fn silences_are_for_a_stream_or_a_rule_and_end() {
        let mut state = State::default();
        state.silence("a", Some("fog"), Some(10), 1);
        state.silence("a", Some("fog"), Some(20), 1);
        state.silence("a", None, Some(5), 1);
        state.silence("b", None, Some(30), 1);
        assert_eq!(state.silences.len(), 3);
        let covers = |stream, rule, now| state.silences.iter().any(|silence| silence.covers(stream, rule, now));
        assert!(covers("a", "fog", 19) && !covers("a", "fog", 20) && covers("a", "x", 4) && !covers("a", "x", 5));
        state.silence("b", Some("x"), Some(40), 6);
        assert_eq!(state.silences.len(), 3, "what was over is forgotten");
        state.silence("b", None, None, 6);
        assert_eq!(state.silences.iter().map(|s| s.stream.as_str()).collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn what_was_set_by_hand_ends() {
        let set = |until| Override { state: GateState::Open, until };
        assert_eq!(in_force(Some(&set(Some(10))), 9), Some(GateState::Open));
        assert_eq!(in_force(Some(&set(Some(10))), 10), None);
        assert_eq!(in_force(Some(&set(None)), 10), Some(GateState::Open));
        assert_eq!(in_force(None, 10), None);
    }
}
