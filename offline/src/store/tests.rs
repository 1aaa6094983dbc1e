//! The local store's promises; those of object stores are tested against a server in `tests/generate.rs`.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[test]
fn one_of_many_creates_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let won = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for writer in 0..8_u8 {
            let won = &won;
            let store = LocalStore::new(folder.path().to_owned());
            scope.spawn(move || {
                if store.create("a/b.json", vec![writer; 1000]).unwrap() {
                    won.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(won.into_inner(), 1);
    let store = LocalStore::new(folder.path().to_owned());
    let kept = store.get("a/b.json").unwrap().unwrap();
    assert!(kept.len() == 1000 && kept.iter().all(|byte| *byte == kept[0]));
}

#[test]
fn keys_are_written_read_listed_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path().join("new").to_str().unwrap()).unwrap();
    assert!(store.get("x").unwrap().is_none() && store.list("x").unwrap().is_empty() && store.free().unwrap() > 0);
    store.put("x/2.bin", vec![2; 10]).unwrap();
    store.put("x/1/1.bin", vec![1; 5]).unwrap();
    store.put("x/2.bin", (0..20).collect()).unwrap();
    assert_eq!(store.list("x").unwrap(), ["x/1/1.bin", "x/2.bin"]);
    assert_eq!(store.get_range("x/2.bin", 17, 9).unwrap().unwrap(), [17, 18, 19]);
    assert_eq!((store.size("x/2.bin").unwrap(), store.size("y").unwrap()), (Some(20), None));

    let mut dropped = store.upload("x/3.bin").unwrap();
    dropped.write(&[1; 100]).unwrap();
    drop(dropped);
    assert!(store.size("x/3.bin").unwrap().is_none());
    let mut finished = store.upload("x/3.bin").unwrap();
    finished.write(&[1; 100]).unwrap();
    finished.write(&[2; 100]).unwrap();
    assert!(store.size("x/3.bin").unwrap().is_none(), "nothing is seen before the end");
    finished.finish().unwrap();
    assert_eq!(store.size("x/3.bin").unwrap(), Some(200));
    store.delete("x/3.bin").unwrap();
    store.delete("x/3.bin").unwrap();
    assert_eq!(store.list("x").unwrap().len(), 2);
    assert_eq!(store.list(".partial").unwrap(), Vec::<String>::new());
    store.sweep().unwrap();
    let refused = store.put("x/2.bin/below", vec![]).unwrap_err();
    assert!(refused.to_string().contains("x/2.bin/below") && !refused.passing, "{refused}");
}

#[test]
fn destinations_are_named_without_secrets() {
    assert_eq!(without_secrets("s3://key:secret@bucket/prefix/?token=1"), "s3://bucket/prefix");
    for bad in ["ftp://host/x", "s3://", "x://"] {
        assert!(open(bad).is_err(), "{bad}");
    }
    assert!(open("ftp://user:secret@host/x").err().is_some_and(|error| !error.to_string().contains("secret")));
}
