//! The state file when the program is killed at any step of writing it.

use std::path::{Path, PathBuf};

use miqa::state::{FILE, FrigateChange, State, Store, read};
use rustix::process::{Signal, getpid, kill_process};

use crate::support::child;

/// The fail points of `src/state.rs`, in order, and whether the new state is in place by then.
const POINTS: [(&str, bool); 4] = [
    ("state-before-write", false),
    ("state-before-sync", false),
    ("state-before-rename", false),
    ("state-before-folder-sync", true),
];

fn change(store: &Store, camera: &str) -> Result<(), miqa::state::StateError> {
    let change = FrigateChange { before: "ON".into(), since: 7 };
    store.change(|state| drop(state.frigate.insert(camera.into(), change)))
}

#[test]
#[ignore = "run as a child by a_kill_at_any_step_leaves_the_old_or_the_new_state"]
fn child_writes_and_is_killed() {
    let Some(folder) = std::env::var_os("MIQA_STATE").map(PathBuf::from) else {
        return println!("skipped: nobody to be killed by");
    };
    let point = std::env::var("MIQA_POINT").expect("set by the parent");
    let store = Store::open(&folder).expect("the folder is free");
    let kill = || kill_process(getpid(), Signal::KILL).expect("we may kill ourselves");
    fail::cfg_callback(point, kill).expect("built with fail points");
    change(&store, "new").expect("killed before it returns");
}

fn cameras(folder: &Path) -> Vec<String> {
    let state: State = read(&folder.join(FILE)).expect("a whole state");
    state.frigate.into_keys().collect()
}

#[test]
fn a_kill_at_any_step_leaves_the_old_or_the_new_state() {
    if !cfg!(feature = "failpoints") {
        println!("skipped: built without fail points; cargo test -p miqa --features failpoints");
        return;
    }
    for (point, new) in POINTS {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(folder.path()).expect("opens");
        change(&store, "before").expect("written");
        drop(store);
        let output = child("gate_state::child_writes_and_is_killed")
            .env("MIQA_STATE", folder.path())
            .env("MIQA_POINT", point)
            .output()
            .expect("starts");
        let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
        assert_eq!(signal, Some(9), "{point}: it was to be killed: {output:?}");
        let expected: &[&str] = if new { &["before", "new"] } else { &["before"] };
        assert_eq!(cameras(folder.path()), expected, "{point}");
        // What the dead one left behind is in nobody's way.
        let store = Store::open(folder.path()).expect("its lock is gone");
        change(&store, "after").expect("written");
        assert!(cameras(folder.path()).contains(&"after".to_owned()), "{point}");
    }
}
