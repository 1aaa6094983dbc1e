//! The real program: exit codes, signals, kill -9, and an object store on loopback.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

mod program;
mod s3;

use program::{RECIPE, must, program, run};
use s3::S3;

struct Place(tempfile::TempDir);

impl Place {
    /// Pictures, selected in `shards` shards.
    fn new(count: u32, side: u32, shards: &str) -> Self {
        Self::with_recipe(RECIPE, count, side, shards)
    }

    fn with_recipe(text: &str, count: u32, side: u32, shards: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("images")).unwrap();
        for i in 0..count {
            let pixel = |x: u32, y: u32| image::Rgb([(x * 3 + i) as u8, (y * 5) as u8, ((x * y) % 251) as u8]);
            let picture = image::RgbImage::from_fn(side, side * 3 / 4, pixel);
            picture.save(place.path(&format!("images/p{i:02}.png"))).unwrap();
        }
        fs::write(place.path("recipe.toml"), text).unwrap();
        let (images, work, recipe) = (place.text("images"), place.text("work"), place.text("recipe.toml"));
        must(&["select", "--work", &work, "--images", &images, "--recipe", &recipe, "--shards", shards]);
        place
    }

    fn planned(count: u32, side: u32, shards: &str) -> Self {
        Self::new(count, side, shards).plan_all()
    }

    fn plan_all(self) -> Self {
        must(&["rank", "--work", &self.text("work")]);
        must(&["plan", "--work", &self.text("work")]);
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn plan(&self) -> String {
        self.text("work/plan.parquet")
    }
}

/// Every file below a folder and its content.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(folder).unwrap().to_owned();
                found.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

/// Waits until the first original is noted as done; the child must still be at work.
fn first_progress(child: &mut Child, out: &Path) -> Vec<String> {
    let folder = out.join("generate/progress/0");
    let start = Instant::now();
    loop {
        let done: Vec<String> = fs::read_dir(&folder)
            .map(|entries| entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect())
            .unwrap_or_default();
        if !done.is_empty() {
            return done;
        }
        assert!(child.try_wait().unwrap().is_none(), "ended before anything was seen");
        assert!(start.elapsed() < Duration::from_secs(60), "nothing happens");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn killed_and_stopped_runs_go_on_and_lose_only_what_was_in_hand() {
    let place = Place::planned(12, 256, "1");
    let plan = place.plan();
    let whole = place.text("whole");
    must(&["generate", "--plan", &plan, "--out", &whole, "--threads", "2"]);
    for (name, layout) in [("folders", "folders"), ("tars", "webdataset")] {
        let out = place.text(name);
        let arguments = ["generate", "--plan", &plan, "--out", &out, "--threads", "1", "--layout", layout];

        let mut child = program(&arguments).spawn().unwrap();
        let done = first_progress(&mut child, Path::new(&out));
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
        let modified = |key: &str| fs::metadata(Path::new(&out).join(key)).unwrap().modified().unwrap();
        let progress = |name: &str| format!("generate/progress/0/{name}");
        let before = modified(&progress(&done[0]));
        let (code, text) = run(&["status", "--out", &out]);
        assert!(code == 0 && text.contains("0 of 1 done, 1 begun"), "{text}");
        assert_eq!(run(&["finalize", "--plan", &plan, "--out", &out]).0, 65);

        let mut child = program(&arguments).spawn().unwrap();
        // A second note: this run is at work, not just started.
        let start = Instant::now();
        while fs::read_dir(Path::new(&out).join("generate/progress/0")).unwrap().count() <= done.len() + 1 {
            assert!(start.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none());
            std::thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(before, modified(&progress(&done[0])), "what was done is not done again");
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let ended = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(75), "{text}");
        assert!(text.contains("of 12 originals"), "{text}");

        must(&arguments);
        must(&["finalize", "--plan", &plan, "--out", &out]);
        must(&["verify", "--plan", &plan, "--out", &out, "--sample", "10"]);
        if layout == "folders" {
            assert!(tree(&Path::new(&out).join("images")) == tree(&Path::new(&whole).join("images")));
        }
        assert!(!Path::new(&out).join(".partial").exists(), "finalize sweeps up after the killed");
        assert!(must(&["status", "--out", &out]).contains("1 of 1 done"));
    }
}

#[test]
fn shards_are_ranked_and_generated_one_by_one_and_codes_say_how_it_went() {
    let place = Place::new(5, 64, "3");
    let work = place.text("work");
    for shard in ["0", "1"] {
        must(&["rank", "--work", &work, "--shard", shard, "--shards", "3"]);
    }
    let (code, text) = run(&["plan", "--work", &work]);
    assert!(code == 2 && text.contains("shards 2 of 3"), "{text}");
    assert_eq!(run(&["rank", "--work", &work, "--shard", "2", "--shards", "4"]).0, 2);
    assert_eq!(run(&["rank", "--work", &work, "--shard", "3"]).0, 2);
    assert_eq!(run(&["rank", "--work", &work, "--shard", "auto"]).0, 2);
    let status = program(&["rank", "--work", &work, "--shard", "auto"]).env("SLURM_ARRAY_TASK_ID", "2").status();
    assert!(status.unwrap().success());
    assert!(must(&["rank", "--work", &work, "--shard", "2"]).contains("committed already"));
    let sharded = must(&["plan", "--work", &work]);
    must(&["rank", "--work", &work]);
    let (plan, again) = (place.plan(), place.text("again.parquet"));
    assert!(sharded.contains("5 originals, 30 variants") && sharded.contains("3 shards"), "{sharded}");
    must(&["plan", "--work", &work, "--out", &again, "--shards", "2"]);
    assert!(must(&["plan", "--diff", &plan, &again]).contains("both have the identity"));

    let out = place.text("out");
    let dry = must(&["generate", "--plan", &plan, "--out", &out, "--dry-run"]);
    assert!(dry.contains("core-hours") && dry.contains("has room") && !Path::new(&out).exists(), "{dry}");
    for shard in ["2", "0"] {
        must(&["generate", "--plan", &plan, "--out", &out, "--shard", shard]);
    }
    let (code, text) = run(&["finalize", "--plan", &plan, "--out", &out]);
    assert!(code == 65 && text.contains("1 of 3 shards are not committed (1)"), "{text}");
    assert!(must(&["generate", "--plan", &plan, "--out", &out, "--shard", "0"]).contains("committed already"));
    must(&["generate", "--plan", &plan, "--out", &out]);
    must(&["finalize", "--plan", &plan, "--out", &out]);

    let (code, text) = run(&["generate", "--plan", &again, "--out", &out]);
    assert!(code == 78 && text.contains("shards 3") && text.contains("shards 2"), "{text}");
    let other = place.text("other.parquet");
    let picture = place.path("images/p01.png");
    fs::remove_file(&picture).unwrap();
    must(&["select", "--work", &work, "--images", &place.text("images"), "--shards", "3"]);
    assert_eq!(run(&["plan", "--work", &work, "--out", &other]).0, 2, "ranks of other originals");
    must(&["rank", "--work", &work]);
    assert_eq!(run(&["plan", "--work", &work]).0, 78, "a plan is not replaced unasked");
    must(&["plan", "--work", &work, "--out", &other]);
    assert_eq!(run(&["plan", "--diff", &plan, &other]).0, 78);
    for stage in ["generate", "verify", "finalize"] {
        assert_eq!(run(&[stage, "--plan", &other, "--out", &out]).0, 78, "{stage}");
    }
    // The removed picture: an error in the table, or too many.
    let fresh = place.text("fresh");
    let (code, text) = run(&["generate", "--plan", &plan, "--out", &fresh, "--max-errors", "0"]);
    assert!(code == 65 && text.contains("`p01`"), "{text}");
    must(&["generate", "--plan", &plan, "--out", &fresh, "--max-errors", "1", "--accept-missing"]);
    assert!(must(&["finalize", "--plan", &plan, "--out", &fresh]).contains("4 originals, 24 variants"));

    let pictures = place.text("pictures");
    must(&["render", "--plan", &plan, "--original", "p03", "--out", &pictures]);
    assert_eq!(fs::read_dir(&pictures).unwrap().count(), 6);
    must(&["render", "--plan", &plan, "--variant", "p00_fog_2", "--out", &pictures]);
    let on_demand = image::open(place.path("pictures/p00_fog_2.png")).unwrap();
    assert_eq!(on_demand, image::open(place.path("out/images/p00/p00_fog_2.png")).unwrap());
    assert_eq!(run(&["render", "--plan", &plan, "--variant", "p00_haze_2", "--out", &pictures]).0, 2);
}

/// Keys in a bucket that begin so.
fn keys(s3: &S3, bucket: &str, prefix: &str) -> Vec<String> {
    let list = s3.request("GET", &format!("/{bucket}?list-type=2&prefix={prefix}"));
    let list = String::from_utf8(list).unwrap();
    list.split("<Key>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

/// Waits for so many keys; the child must still be at work.
fn wait_for_keys(s3: &S3, child: &mut Child, bucket: &str, prefix: &str, count: usize) -> Vec<String> {
    let start = Instant::now();
    loop {
        let keys = keys(s3, bucket, prefix);
        if keys.len() >= count {
            return keys;
        }
        assert!(child.try_wait().unwrap().is_none(), "ended before {count} keys were seen");
        assert!(start.elapsed() < Duration::from_secs(60), "nothing happens");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn an_object_store_is_a_destination_like_a_folder() {
    let Some(s3) = S3::shared() else {
        println!("skipped: no moto_server; scripts/moto.sh installs it");
        return;
    };
    s3.make_bucket("miqa-test");
    let place = Place::planned(3, 64, "2");
    let plan = place.plan();
    for layout in ["folders", "webdataset"] {
        let out = format!("s3://miqa-test/data/{layout}");
        // Two workers of one shard at once: one commits, both end well.
        let twice: Vec<(i32, String)> = std::thread::scope(|scope| {
            let work = || s3.run(&["generate", "--plan", &plan, "--out", &out, "--layout", layout, "--shard", "0"]);
            let threads = [scope.spawn(work), scope.spawn(work)];
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(twice.iter().all(|(code, _)| *code == 0), "{twice:?}");
        assert_eq!(s3.run(&["finalize", "--plan", &plan, "--out", &out]).0, 65);
        s3.must(&["generate", "--plan", &plan, "--out", &out, "--layout", layout]);
        assert_eq!(s3.run(&["generate", "--plan", &plan, "--out", &out, "--format", "webp"]).0, 78);
        assert!(s3.must(&["verify", "--plan", &plan, "--out", &out, "--sample", "5"]).contains("18 files hashed"));
        assert!(s3.must(&["finalize", "--plan", &plan, "--out", &out]).contains("3 originals, 18 variants"));
        assert!(s3.must(&["status", "--out", &out]).contains("2 of 2 done"));
    }
    let (code, text) = s3.run(&["generate", "--plan", &plan, "--out", "s3://no-such-bucket/x"]);
    assert!(code == 2 && text.contains("s3://no-such-bucket/x"), "{code}: {text}");
}

/// Originals of the plan whose workers are killed: many more than these can do until they are.
const KILLED: u32 = 14;

#[test]
fn workers_killed_on_an_object_store_lose_only_what_was_in_hand() {
    let Some(s3) = S3::shared() else {
        println!("skipped: no moto_server; scripts/moto.sh installs it");
        return;
    };
    s3.make_bucket("killed");
    // Small and of one distortion: the server takes some milliseconds a request.
    let recipe = RECIPE.lines().filter(|line| !line.starts_with("gaussian") && !line.starts_with("defocus"));
    let recipe = recipe.collect::<Vec<_>>().join("\n");
    let place = Place::with_recipe(&recipe, KILLED, 128, "1").plan_all();
    let plan = place.plan();
    for layout in ["folders", "webdataset"] {
        let whole = place.text(&format!("whole-{layout}"));
        must(&["generate", "--plan", &plan, "--out", &whole, "--layout", layout]);
        must(&["finalize", "--plan", &plan, "--out", &whole]);

        let out = format!("s3://killed/{layout}");
        let arguments = ["generate", "--plan", &plan, "--out", &out, "--threads", "1", "--layout", layout];
        let notes = format!("{layout}/generate/progress/0/");
        // Killed twice, at different moments: amid its first originals, then amid the next ones.
        let mut seen = 0;
        for more in [1, 2] {
            let mut child = s3.program(&arguments).spawn().unwrap();
            seen = wait_for_keys(&s3, &mut child, "killed", &notes, seen + more).len();
            child.kill().unwrap();
            assert!(!child.wait().unwrap().success());
        }
        let done = keys(&s3, "killed", &notes).len();
        assert!((seen..KILLED as usize).contains(&done), "{done} of {KILLED} were done when the second worker died");
        assert!(s3.must(&["status", "--out", &out]).contains("0 of 1 done, 1 begun"));
        assert_eq!(s3.run(&["finalize", "--plan", &plan, "--out", &out]).0, 65);

        s3.must(&arguments);
        let record = s3.request("GET", &format!("/killed/{layout}/generate/shards/0.json"));
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
        assert_eq!((&record["made"], &record["originals"]), (&(KILLED as usize - done).into(), &KILLED.into()));
        let verified = s3.must(&["verify", "--plan", &plan, "--out", &out, "--sample", "10"]);
        assert!(verified.contains(&format!("{} files hashed", 2 * KILLED)));
        s3.must(&["finalize", "--plan", &plan, "--out", &out]);
        // The index holds every file's size and hash.
        let index = s3.request("GET", &format!("/killed/{layout}/index.parquet"));
        assert!(index == fs::read(Path::new(&whole).join("index.parquet")).unwrap(), "{layout}");
    }
}
