//! Generation of small plans into folders, with all region patterns.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::*;
use crate::hex::sha256_hex;
use crate::plan::fixture::{planned, write};
use crate::plan::{Plan, PlannedOriginal};
use crate::recipe::Recipe;
use crate::shard::{
    CommitRecord, Destination, Ended, ErrorRow, GRACE, Losses, ShardState, StageError, Tick, Worker, Wrong, status,
};
use crate::store::{LocalStore, Store};
use crate::table;

static GO_ON: AtomicBool = AtomicBool::new(false);

struct Place {
    folder: tempfile::TempDir,
    planned: Vec<PlannedOriginal>,
}

impl Place {
    fn new(originals: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let planned = planned(folder.path(), originals);
        Self { folder, planned }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn store(&self, name: &str) -> LocalStore {
        LocalStore::new(self.path(name))
    }

    fn plan(&self, shards: u32) -> Plan {
        let path = self.path(&format!("plan-{shards}"));
        if !path.exists() {
            write(&path, Recipe::miqd(), &self.planned, shards).unwrap();
        }
        Plan::open(&path).unwrap()
    }

    fn plan_bytes(&self, shards: u32) -> Vec<u8> {
        fs::read(self.path(&format!("plan-{shards}"))).unwrap()
    }
}

fn worker<'a>(plan: &'a Plan, store: &'a LocalStore, layout: Layout) -> Worker<'a, Variants<'a>> {
    let stage = Variants { recipe: plan.recipe(), format: Format::Png, layout };
    Worker { plan, stage, store, threads: 2, losses: Losses::at_most(0), stop: &GO_ON, grace: GRACE }
}

fn run_all(worker: &Worker<Variants>) -> Vec<CommitRecord> {
    worker.destination().claim(worker.store, STAGE).unwrap();
    let shards = 0..worker.plan.shards();
    shards.map(|shard| worker.run(shard, &|_| ()).unwrap().record().clone()).collect()
}

fn tree(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let store = LocalStore::new(folder.to_owned());
    let mut keys = store.list("images").unwrap();
    keys.extend(store.list("webdataset").unwrap());
    keys.into_iter().map(|key| (key.clone(), store.get(&key).unwrap().unwrap())).collect()
}

#[test]
fn one_shard_equals_seven_and_what_is_finalized_is_verified() {
    let place = Place::new(7);
    for layout in [Layout::Folders, Layout::WebDataset] {
        let mut results = Vec::new();
        for shards in [1, 7] {
            let name = format!("{layout}-{shards}");
            let (plan, store) = (place.plan(shards), place.store(&name));
            let records = run_all(&worker(&plan, &store, layout));
            assert_eq!(records.len(), shards as usize);
            let manifest = finalize(&store, &plan, place.plan_bytes(shards)).unwrap();
            assert_eq!((manifest.generated_originals, manifest.generated_variants), (7, plan.variants()));
            assert_eq!(finalize(&store, &plan, place.plan_bytes(shards)).unwrap(), manifest);
            let verified = verify(&store, &plan, 20, 5, &|| ()).unwrap();
            assert_eq!((verified.hashed, verified.rendered), (plan.variants(), 20));
            assert_eq!(verified.wrong, Wrong::default());
            assert!(store.list("generate/progress").unwrap().is_empty());
            let tables = ["index.parquet", "errors.parquet", "statistics.parquet"];
            let tables = tables.map(|name| store.get(name).unwrap().unwrap());
            results.push((tree(&place.path(&name)), tables));
        }
        assert!(!results[0].0.is_empty());
        assert!(results[0] == results[1], "{layout}: the number of shards changed what was written");
    }
    let uniform = place.path("folders-1/images/picture.00/picture.00_fog_2.png");
    let variant = place.planned[0].variants.iter().find(|variant| variant.name == "picture.00_fog_2.png").unwrap();
    let fog = crate::distort::find("fog").unwrap();
    let original = &place.planned[0].original;
    let expected = crate::render::candidate(
        Recipe::miqd(),
        &original.load().unwrap(),
        &original.pixel_sha256,
        fog,
        variant.roi.row as usize,
    );
    assert_eq!(image::open(uniform).unwrap().into_rgb8(), expected.unwrap());
}

#[test]
fn damage_is_found() {
    let place = Place::new(2);
    let (plan, store) = (place.plan(2), place.store("out"));
    run_all(&worker(&plan, &store, Layout::Folders));
    let check = || verify(&store, &plan, usize::MAX, 0, &|| ()).unwrap().wrong.found;
    assert!(check().is_empty());
    // The right file under the wrong hash, the wrong picture under the right hash, and a file that is gone.
    let file = "images/picture.00/picture.00_fog_2.png";
    let mut spoilt = store.get(file).unwrap().unwrap();
    let last = spoilt.len() - 20;
    spoilt[last] ^= 1;
    store.put(file, spoilt).unwrap();
    let wrong = check();
    assert!(wrong.len() == 2 && wrong.iter().all(|wrong| wrong.starts_with("picture.00_fog_2.png")), "{wrong:?}");
    store.delete(file).unwrap();
    assert!(check()[0].contains("is not there"));

    let key = "generate/shards/0.json";
    let mut record: CommitRecord = serde_json::from_slice(&store.get(key).unwrap().unwrap()).unwrap();
    let mut rows: Vec<FileRow> = table::decode("index", store.get(&record.files[0].name).unwrap().unwrap()).unwrap();
    let other = store.get("images/picture.00/picture.00_fog_3.png").unwrap().unwrap();
    let row = rows.iter_mut().find(|row| row.file == file).unwrap();
    (row.size, row.sha256) = (other.len() as u64, sha256_hex(&other));
    store.put(file, other).unwrap();
    let bytes = table::encode("index", &rows).unwrap();
    (record.files[0].size, record.files[0].sha256) = (bytes.len() as u64, sha256_hex(&bytes));
    store.put(&record.files[0].name, bytes).unwrap();
    store.put(key, serde_json::to_vec(&record).unwrap()).unwrap();
    let wrong = check();
    assert!(wrong.len() == 1 && wrong[0].contains("other pixels"), "{wrong:?}");

    store.put(&record.files[0].name, b"no table".to_vec()).unwrap();
    let wrong = verify(&store, &plan, 0, 0, &|| ()).unwrap().wrong;
    assert_eq!(wrong.advice(STAGE), "delete generate/shards/0.json, run generate for shard 0 again");
    assert!(check().iter().any(|wrong| wrong.contains("other content")));
    assert!(finalize(&store, &plan, Vec::new()).is_err());
}

#[test]
fn offsets_of_the_index_point_at_the_members() {
    let place = Place::new(2);
    let (plan, store) = (place.plan(1), place.store("out"));
    let record = run_all(&worker(&plan, &store, Layout::WebDataset)).remove(0);
    let rows: Vec<FileRow> = table::decode("index", record.table(&store).unwrap()).unwrap();
    assert_eq!(record.files.len(), 3);
    let mut members = 0;
    for file in ["webdataset/000000.tar", "webdataset/000001.tar"] {
        let bytes = store.get(file).unwrap().unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            let name = entry.path().unwrap().to_string_lossy().into_owned();
            // One dot: WebDataset's key is the whole name before it.
            let (key, extension) = name.split_once('.').unwrap();
            assert_eq!(extension, "png");
            let row = rows.iter().find(|row| row.name == format!("{}.png", key.replace("%2E", "."))).unwrap();
            assert_eq!((row.file.as_str(), row.offset, row.size), (file, entry.raw_file_position(), entry.size()));
            let slice = &bytes[row.offset as usize..(row.offset + row.size) as usize];
            assert_eq!(sha256_hex(slice), row.sha256);
            assert!(slice.starts_with(b"\x89PNG"));
            members += 1;
        }
    }
    assert_eq!(members, rows.len());
}

#[test]
fn the_first_to_commit_wins_and_the_second_is_content() {
    let place = Place::new(3);
    let (plan, store) = (place.plan(1), place.store("out"));
    let worker = worker(&plan, &store, Layout::Folders);
    worker.destination().claim(&store, STAGE).unwrap();
    let ended: Vec<Ended> = std::thread::scope(|scope| {
        let run = || worker.run(0, &|_| ()).unwrap();
        let threads = [scope.spawn(run), scope.spawn(run)];
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let committed = ended.iter().filter(|ended| matches!(ended, Ended::Committed(_))).count();
    assert_eq!(committed, 1, "{ended:?}");
    assert_eq!(ended[0].record(), ended[1].record());
    let again = worker.run(0, &|_| ()).unwrap();
    assert_eq!(again, Ended::Already(ended[0].record().clone()));
    let tables = store.list("generate/shards").unwrap();
    assert_eq!(tables.len(), 2, "{tables:?}");
    assert!(verify(&store, &plan, 5, 0, &|| ()).unwrap().wrong.is_empty());
}

#[test]
fn another_plan_format_layout_or_shard_count_is_refused() {
    let place = Place::new(3);
    let (plan, store) = (place.plan(1), place.store("out"));
    run_all(&worker(&plan, &store, Layout::Folders));
    let claim = |plan: &Plan, format, layout| {
        Destination::of(plan, &Variants { recipe: plan.recipe(), format, layout }).claim(&store, STAGE)
    };
    claim(&plan, Format::Png, Layout::Folders).unwrap();
    let other = place.path("other");
    write(&other, Recipe::miqd(), &place.planned[..2], 1).unwrap();
    let other = Plan::open(&other).unwrap();
    for (refused, parts) in [
        (claim(&other, Format::Png, Layout::Folders), [plan.id().short(), other.id().short()]),
        (claim(&plan, Format::Jpeg(90), Layout::Folders), ["format png", "format jpeg:90"]),
        (claim(&plan, Format::Png, Layout::WebDataset), ["layout folders", "layout webdataset"]),
        (claim(&place.plan(3), Format::Png, Layout::Folders), ["shards 1", "shards 3"]),
    ] {
        let text = refused.unwrap_err().to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    }
    for refused in [verify(&store, &other, 1, 0, &|| ()).err(), finalize(&store, &other, vec![]).err()] {
        assert!(matches!(refused, Some(StageError::OtherPlan { .. })));
    }
    assert!(matches!(status(&place.store("nowhere"), STAGE), Err(StageError::Nothing { .. })));
}

#[test]
fn broken_originals_become_rows_of_the_error_table() {
    let place = Place::new(4);
    let (plan, store) = (place.plan(2), place.store("out"));
    let broken = PathBuf::from(&place.planned[1].original.path);
    let whole = fs::read(&broken).unwrap();
    fs::write(&broken, &whole[..whole.len() / 2]).unwrap();
    let strict = worker(&plan, &store, Layout::WebDataset);
    strict.destination().claim(&store, STAGE).unwrap();
    let error = strict.run(0, &|_| ()).unwrap_err();
    assert!(matches!(&error, StageError::TooManyErrors { errors: 1, original, .. } if original == "picture.01"));
    assert_eq!(status(&store, STAGE).unwrap().shards, [ShardState::Failed, ShardState::Missing]);
    assert!(matches!(finalize(&store, &plan, vec![]), Err(StageError::Gaps { missing: 2, .. })));

    let patient = Worker { losses: Losses::at_most(1), ..worker(&plan, &store, Layout::WebDataset) };
    let record = patient.run(0, &|_| ()).unwrap().record().clone();
    assert!(patient.run(1, &|_| ()).is_ok());
    assert_eq!((record.originals, record.errors.len()), (1, 1));
    let ErrorRow { original, reason } = &record.errors[0];
    assert!(original == "picture.01" && reason.contains("picture.01.png") && !reason.contains('\n'), "{reason}");
    let manifest = finalize(&store, &plan, vec![]).unwrap();
    assert_eq!((manifest.generated_originals, manifest.errors, manifest.licences["CC0-1.0"]), (3, 1, 3));
    assert!(store.size("webdataset/000001.tar").unwrap().is_none());
    let errors: Vec<ErrorRow> = table::decode("errors", store.get("errors.parquet").unwrap().unwrap()).unwrap();
    assert_eq!(errors, record.errors);
    let found = status(&store, STAGE).unwrap();
    assert_eq!((found.originals, found.errors, found.count(ShardState::Done)), (3, 1, 2));

    // A distortion that refuses, or an encoder, takes nothing but its original.
    fs::write(&broken, whole).unwrap();
    let mut odd = place.planned.clone();
    odd[2].variants[3].roi.row = 99;
    let path = place.path("odd");
    write(&path, Recipe::miqd(), &odd, 1).unwrap();
    let (plan, store) = (Plan::open(&path).unwrap(), place.store("odd-out"));
    let patient = Worker { losses: Losses::at_most(1), ..worker(&plan, &store, Layout::Folders) };
    let record = run_all(&patient).remove(0);
    assert!(record.originals == 3 && record.errors[0].reason.contains("no parameter row 99"), "{:?}", record.errors);
    assert!(store.list("images/picture.02").unwrap().is_empty(), "what was begun is taken back");
}

#[test]
fn a_stopped_shard_goes_on_and_spoilt_progress_is_made_again() {
    let place = Place::new(6);
    let (plan, store) = (place.plan(1), place.store("out"));
    let stop = AtomicBool::new(false);
    let stoppable = Worker { stop: &stop, threads: 1, ..worker(&plan, &store, Layout::Folders) };
    stoppable.destination().claim(&store, STAGE).unwrap();
    let raise = |tick: Tick| stop.store(tick.made > 0, std::sync::atomic::Ordering::Relaxed);
    let stopped = stoppable.run(0, &raise).unwrap_err();
    assert!(matches!(stopped, StageError::Stopped { done: 1, of: 6, .. }), "{stopped}");
    assert_eq!(status(&store, STAGE).unwrap().shards, [ShardState::Begun { originals: 1 }]);
    stop.store(false, std::sync::atomic::Ordering::Relaxed);
    assert!(stoppable.run(0, &raise).is_err());
    // A power cut may take the end of a file.
    store.put("images/picture.00/picture.00_fog_1.png", b"cut".to_vec()).unwrap();
    let record = run_all(&worker(&plan, &store, Layout::Folders)).remove(0);
    assert_eq!((record.originals, record.made), (6, 5));
    assert!(verify(&store, &plan, 0, 0, &|| ()).unwrap().wrong.is_empty());
    assert!(store.list(".partial").unwrap().is_empty());
}

#[test]
fn an_estimate_is_near_what_comes() {
    let place = Place::new(5);
    let plan = place.plan(1);
    let found = estimate(&plan, Format::Png, 2, 0).unwrap();
    assert_eq!((found.originals, found.variants, found.sampled), (5, plan.variants(), 2));
    let store = place.store("out");
    let bytes = run_all(&worker(&plan, &store, Layout::Folders)).remove(0).bytes;
    let pictures = found.bytes - found.variants * 1024;
    assert!(pictures.abs_diff(bytes) < bytes / 20, "estimated {pictures}, came {bytes}");
    assert!(found.core_time > std::time::Duration::ZERO);
    assert_eq!(found.memory.is_some_and(|memory| memory.at_rest > 0), Path::new("/proc/self/status").exists());
    fs::write(&place.planned[0].original.path, b"").unwrap();
    assert_eq!(estimate(&plan, Format::Png, 5, 0).unwrap().sampled, 4);
}

#[test]
fn what_is_lost_after_finalize_is_found() {
    let place = Place::new(3);
    let (plan, store) = (place.plan(3), place.store("out"));
    run_all(&worker(&plan, &store, Layout::WebDataset));
    finalize(&store, &plan, place.plan_bytes(3)).unwrap();
    let check = || verify(&store, &plan, 0, 0, &|| ()).unwrap().wrong;
    assert!(check().is_empty());
    for name in ["manifest.json", "index.parquet", "errors.parquet", "statistics.parquet", "plan.parquet"] {
        let whole = store.get(name).unwrap().unwrap();
        let mut spoilt = whole.clone();
        let middle = spoilt.len() / 2;
        spoilt[middle] ^= 1;
        store.put(name, spoilt).unwrap();
        let wrong = check();
        assert!(wrong.found.len() == 1 && wrong.found[0].starts_with(name) && wrong.finalize, "{wrong:?}");
        store.put(name, whole).unwrap();
    }
    store.delete("statistics.parquet").unwrap();
    store.delete("generate/shards/1.json").unwrap();
    let wrong = check();
    assert!(wrong.found.iter().any(|line| line == "statistics.parquet is not there"), "{wrong:?}");
    assert!(wrong.found.iter().any(|line| line.starts_with("shard 1: its record")), "{wrong:?}");
    let advice = "delete generate/shards/1.json, run generate for shard 1 again, then run finalize again";
    assert_eq!(wrong.advice(STAGE), advice);
    run_all(&worker(&plan, &store, Layout::WebDataset));
    finalize(&store, &plan, place.plan_bytes(3)).unwrap();
    assert!(check().is_empty());
}

#[test]
fn originals_that_are_not_there_are_not_lost_for_good() {
    let place = Place::new(4);
    let (plan, store) = (place.plan(2), place.store("out"));
    let lax = Losses { max_errors: "100%".parse().unwrap(), accept_missing: false };
    let lax = Worker { losses: lax, ..worker(&plan, &store, Layout::Folders) };
    lax.destination().claim(&store, STAGE).unwrap();
    let away = |path: &str| format!("{path}.away");
    let paths: Vec<&str> = place.planned.iter().map(|planned| planned.original.path.as_str()).collect();
    for path in &paths[..3] {
        fs::rename(path, away(path)).unwrap();
    }
    let refused = [lax.run(0, &|_| ()).unwrap_err(), lax.run(1, &|_| ()).unwrap_err()];
    assert!(matches!(refused[0], StageError::Absent { absent: 2, of: 2, .. }), "{}", refused[0]);
    assert!(matches!(&refused[1], StageError::Absent { absent: 1, of: 2, original, .. } if original == "picture.02"));
    assert!(refused[1].to_string().contains("picture.02.png"), "{}", refused[1]);
    let found = status(&store, STAGE).unwrap();
    assert_eq!((found.shards, found.originals), (vec![ShardState::Failed, ShardState::Failed], 1));
    for path in &paths[..3] {
        fs::rename(away(path), path).unwrap();
    }
    // There again, but broken: nothing is left of the shard.
    let whole = fs::read(paths[0]).unwrap();
    for path in &paths[..2] {
        fs::write(path, &whole[..whole.len() / 2]).unwrap();
    }
    let refused = lax.run(0, &|_| ()).unwrap_err();
    assert!(matches!(refused, StageError::NothingLeft { of: 2, .. }), "{refused}");
    let record = lax.run(1, &|_| ()).unwrap().record().clone();
    assert_eq!((record.originals, record.made, record.errors.len()), (2, 1, 0));
    let accepting = Worker { losses: Losses { accept_missing: true, ..lax.losses }, ..lax };
    let record = accepting.run(0, &|_| ()).unwrap().record().clone();
    assert_eq!((record.originals, record.errors.len()), (0, 2));
}
