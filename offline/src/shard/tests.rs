//! A worker and its signal.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::*;
use crate::plan::{Plan, PlannedOriginal, fixture};
use crate::recipe::Recipe;
use crate::store::LocalStore;

/// Makes an error row of an original, and is told to end when the first one is half done.
struct Interrupted<'a> {
    flag: &'a AtomicBool,
}

impl Stage for Interrupted<'_> {
    type Hand = ();
    type Row = ErrorRow;

    fn name(&self) -> &'static str {
        "interrupted"
    }

    fn settings(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    fn hand(&self) -> Result<(), StageError> {
        Ok(())
    }

    fn original(&self, (): &mut (), at: &At, planned: PlannedOriginal) -> Result<Made<ErrorRow>, StageError> {
        self.flag.store(true, Ordering::Relaxed);
        if at.is_stopped() {
            return Ok(Made::Stopped);
        }
        let rows = vec![ErrorRow { original: planned.original.id, reason: String::new() }];
        Ok(Made::Done(Done { rows, archive: None }))
    }
}

#[test]
fn originals_in_hand_are_finished_after_a_signal_unless_they_take_too_long() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.parquet");
    fixture::write(&path, Recipe::miqd(), &fixture::planned(folder.path(), 3), 1).unwrap();
    let plan = Plan::open(&path).unwrap();
    for (grace, finished) in [(Duration::from_secs(600), 1), (Duration::ZERO, 0)] {
        let store = LocalStore::new(folder.path().join(format!("out-{finished}")));
        let stop = AtomicBool::new(false);
        let stage = Interrupted { flag: &stop };
        let worker =
            Worker { plan: &plan, stage, store: &store, threads: 1, losses: Losses::at_most(0), stop: &stop, grace };
        worker.destination().claim(&store, "interrupted").unwrap();
        let ended = worker.run(0, &|_| ()).unwrap_err();
        assert!(matches!(ended, StageError::Stopped { done, of: 3, .. } if done == finished), "{grace:?}: {ended}");
        assert_eq!(status(&store, "interrupted").unwrap().originals as usize, finished);
    }
}

#[test]
fn engines_wait_longer_than_a_worker_takes() {
    assert!(GRACE.as_secs() + 15 <= u64::from(crate::submit::GRACE_SECONDS));
}

#[test]
fn who_is_refused_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("out");
    let store = LocalStore::new(place.clone());
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let planned = fixture::planned(folder.path(), 2);
    fixture::write(&first, Recipe::miqd(), &planned, 1).unwrap();
    fixture::write(&second, Recipe::miqd(), &planned, 2).unwrap();
    let flag = AtomicBool::new(false);
    let destination = |path| Destination::of(&Plan::open(path).unwrap(), &Interrupted { flag: &flag });
    assert!(!destination(&first).is_claimed(&store, "interrupted").unwrap() && !place.exists());
    destination(&first).claim(&store, "interrupted").unwrap();
    std::fs::remove_dir(place.join(".partial")).unwrap();
    assert!(destination(&first).claim(&store, "interrupted").is_ok());
    let refused = destination(&second).claim(&store, "interrupted").unwrap_err();
    assert!(matches!(refused, StageError::OtherPlan { .. }) && !place.join(".partial").exists(), "{refused}");
}
