//! The scripts, read and run by bash, with a worker, an sbatch and an scontrol that note what they were told.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::*;
use crate::submit::bash::tests::nasty;

/// Notes folder and arguments, then does as the file `codes` says: a line a call, an exit code or `wait`.
const WORKER: &str = r#"#!/usr/bin/env bash
printf '%s\0' "$PWD" "$SECRET" "$@" END >>"$NOTES/calls"
n=$(wc -l <"$NOTES/count") && echo >>"$NOTES/count"
code=$(sed -n "$((n + 1))p" "$NOTES/codes")
if [ "$code" = wait ]; then
  trap 'echo TERM >>"$NOTES/signals"; exit 75' TERM
  echo >"$NOTES/ready"
  for i in $(seq 600); do sleep 0.05; done
fi
exit "${code:-0}"
"#;

const SCONTROL: &str = "#!/bin/sh\necho \"$@\" >>\"$NOTES/scontrol\"\n[ ! -f \"$NOTES/refuse\" ]\n";

const SBATCH: &str = r#"#!/bin/sh
n=$(($(cat "$NOTES/jobs" 2>/dev/null || echo 0) + 1))
[ "$n" != "$(cat "$NOTES/broken" 2>/dev/null)" ] || exit 1
echo $n >"$NOTES/jobs"
printf '%s\0' "$@" >"$NOTES/sbatch.$n"
cat >"$NOTES/script.$n"
echo "4$n;cluster"
"#;

/// A folder with the three programs, called by a name that needs quotes.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for (name, text) in [("bin/it's a $worker", WORKER), ("bin/scontrol", SCONTROL), ("bin/sbatch", SBATCH)] {
            let path = place.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn worker(&self) -> OsString {
        self.path().join("bin/it's a $worker").into()
    }

    /// A job of this worker.
    fn job(&self, shards: Option<u32>) -> SlurmJob {
        SlurmJob { work: Work { program: self.worker(), ..job().work }, folder: self.path().to_owned(), ..job() }
            .with_shards(shards)
    }

    /// Forgets all notes; the worker's next calls end with these codes.
    fn codes(&self, codes: &[&str]) {
        for note in ["calls", "scontrol", "signals", "ready"] {
            let _ = fs::remove_file(self.path().join(note));
        }
        fs::write(self.path().join("codes"), codes.join("\n") + "\n").unwrap();
        fs::write(self.path().join("count"), "").unwrap();
    }

    fn bash(&self, script: &str, task: Option<u32>, restarts: u32) -> Command {
        let file = self.path().join("script");
        fs::write(&file, script).unwrap();
        let mut command = Command::new("bash");
        let path = format!("{}:{}", self.path().join("bin").display(), std::env::var("PATH").unwrap());
        command.arg(file).env("PATH", path).env("NOTES", self.path()).env("SLURM_JOB_ID", "70");
        command.env("SLURM_JOB_NAME", "miqa-generate").env("SLURM_RESTART_COUNT", restarts.to_string());
        command.env_remove("SLURM_ARRAY_TASK_ID").env_remove("SECRET");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(task) = task {
            command.env("SLURM_ARRAY_TASK_ID", task.to_string());
        }
        command
    }

    fn note(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap_or_default()
    }

    /// What the worker was called with: folder, secret and arguments, for each call.
    fn calls(&self) -> Vec<Vec<OsString>> {
        let bytes = fs::read(self.path().join("calls")).unwrap_or_default();
        let words: Vec<OsString> = bytes.split(|b| *b == 0).map(|word| OsString::from_vec(word.to_vec())).collect();
        words.split(|word| word == "END").filter(|call| call.len() > 1).map(<[_]>::to_vec).collect()
    }

    fn shards(&self) -> Vec<String> {
        self.calls().iter().map(|call| call.last().unwrap().to_str().unwrap().to_owned()).collect()
    }
}

impl SlurmJob {
    fn with_shards(mut self, shards: Option<u32>) -> Self {
        self.work.shards = shards;
        self
    }
}

fn job() -> SlurmJob {
    SlurmJob {
        work: Work {
            program: "/opt/miqa-offline".into(),
            step: "generate".into(),
            arguments: ["--plan", "plan.parquet", "--out", "s3://bucket/my data"].map(OsString::from).into(),
            shards: Some(10),
            writes: Vec::new(),
            on_gpu: false,
            inputs: "plan 0123456789ab".into(),
        },
        folder: "/data/it's".into(),
        shards_per_task: Some(4),
        running: None,
        cpus: 1,
        gpus: 0,
        memory: None,
        time: TimeLimit::OfPartition,
        retries: 6,
        environment: None,
        options: Vec::new(),
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn what_it_asks_of_slurm() {
    let full = SlurmJob {
        running: Some(2),
        cpus: 8,
        gpus: 1,
        memory: Some(Memory(2048)),
        time: TimeLimit::CoreHours(40.0),
        environment: Some("/data/s3 keys".into()),
        options: vec!["--partition=gpu".into()],
        ..job()
    };
    let script = full.script().unwrap();
    // 40 core-hours by 10 shards × 4 a task ÷ 8 cores = 2 hours; twice that, and ten minutes.
    let head = "#!/usr/bin/env bash
# miqa-offline generate: 10 shards of plan 0123456789ab, 4 a task, 3 tasks.
# Give it to sbatch; `sbatch --array=2,5` runs single tasks again. Exit codes: 0 done, 2 usage, 65 bad data,
# 78 another plan: final. All others are tried again.
#SBATCH --job-name=miqa-generate
#SBATCH --array=0-2%2
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --gres=gpu:1
#SBATCH --mem=2048M
#SBATCH --time=250
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --partition=gpu

cd -- '/data/it'\\''s' || exit 2
set -a
. '/data/s3 keys' || exit 2
set +a
command=(/opt/miqa-offline generate --plan plan.parquet --out 's3://bucket/my data')
retries=6
shards=10
per_task=4

set -u
";
    assert_eq!(&script[..head.len()], head);
    let plain = job().script().unwrap();
    for absent in ["--mem", "--time", "--gres", "--partition", "set -a"] {
        assert!(script.contains(absent) && !plain.contains(absent), "{absent}");
    }
    assert!(plain.contains("#SBATCH --array=0-2\n"));
    let whole = job().with_shards(None).script().unwrap();
    assert!(!whole.contains("--array") && !whole.contains("--shard"), "{whole}");
}

#[test]
fn an_array_has_at_most_a_thousand_tasks() {
    let tasks = |shards, per_task| {
        SlurmJob { shards_per_task: per_task, ..job() }.with_shards(Some(shards)).tasks().map(Option::unwrap)
    };
    for (shards, per_task, expected) in [
        (1, None, (1, 1)),
        (1000, None, (1, 1000)),
        (1001, None, (2, 501)),
        (1_000_000, None, (1000, 1000)),
        (u32::MAX, None, (4_294_968, 1000)),
        (7, Some(1), (1, 7)),
        (7, Some(3), (3, 3)),
        (7, Some(100), (100, 1)),
        (1001, Some(2), (2, 501)),
    ] {
        assert_eq!(tasks(shards, per_task).unwrap(), expected, "{shards} {per_task:?}");
    }
    let error = tasks(2001, Some(2)).unwrap_err().to_string();
    assert!(error.contains("1001 tasks") && error.contains("--shards-per-task 3 or more"), "{error}");
}

#[test]
fn bash_hands_every_argument_on_unchanged() {
    let place = Place::new();
    let folder = place.path().join("a $folder\nwith 'all' \"kinds\"");
    fs::create_dir(&folder).unwrap();
    // A line of the script inside an argument, too, in a chain.
    let mut one = SlurmJob { folder: folder.clone(), ..place.job(Some(3)) };
    one.work.arguments = nasty();
    place.codes(&[]);
    let script = one.script().unwrap();
    let syntax = Command::new("bash").arg("-n").arg("-c").arg(&script).output().unwrap();
    assert!(syntax.status.success() && syntax.stderr.is_empty(), "{}", text(&syntax));
    let output = place.bash(&script, Some(0), 0).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let calls = place.calls();
    assert_eq!(calls.len(), 3);
    for (shard, call) in calls.iter().enumerate() {
        assert_eq!(call[0], folder.as_os_str());
        assert_eq!(call[2], "generate");
        let tail: [OsString; 2] = ["--shard".into(), shard.to_string().into()];
        assert!(call[3..] == [nasty().as_slice(), &tail].concat(), "shard {shard}");
    }

    let chained = chain(&[one.clone(), one.with_shards(None)]).unwrap();
    let output = place.bash(&chained, None, 0).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert!(place.note("script.1") == script);
}

#[test]
fn a_task_works_its_shards_and_ends_with_the_code_that_matters() {
    let place = Place::new();
    let script = SlurmJob { retries: 2, ..place.job(Some(10)) }.script().unwrap();
    // Task, restarts so far, the worker's codes → shards, exit code, whether it is requeued.
    for (task, restarts, codes, shards, code, requeued) in [
        (0, 0, &[] as &[&str], "0 1 2 3", 0, false),
        (1, 0, &[], "4 5 6 7", 0, false),
        (2, 0, &[], "8 9", 0, false),
        (3, 0, &[], "", 2, false),
        (0, 0, &["0", "65", "0", "0"], "0 1 2 3", 65, false),
        (0, 0, &["78"], "0", 78, false),
        (0, 0, &["2"], "0", 2, false),
        (0, 0, &["0", "75"], "0 1", 75, true),
        (0, 0, &["65", "75"], "0 1", 75, true),
        (0, 0, &["65", "78"], "0 1", 78, false),
        (0, 1, &["1"], "0", 1, true),
        (0, 0, &["101"], "0", 101, true),
        (0, 0, &["137"], "0", 137, true),
        (0, 2, &["75"], "0", 75, false),
    ] {
        place.codes(codes);
        let output = place.bash(&script, Some(task), restarts).output().unwrap();
        let case = format!("task {task}, {restarts} restarts, {codes:?}: {}", text(&output));
        assert_eq!(place.shards().join(" "), shards, "{case}");
        assert_eq!(output.status.code(), Some(code), "{case}");
        assert_eq!(place.note("scontrol"), if requeued { "requeue 70\n" } else { "" }, "{case}");
    }
    place.codes(&["75"]);
    fs::write(place.path().join("refuse"), "").unwrap();
    let output = place.bash(&script, Some(0), 0).output().unwrap();
    assert!(output.status.code() == Some(75) && text(&output).contains("would not requeue"), "{}", text(&output));
    // Not under Slurm.
    let output = place.bash(&script, None, 0).output().unwrap();
    assert!(!output.status.success() && text(&output).contains("give this script to sbatch"), "{}", text(&output));

    let whole = place.job(None).script().unwrap();
    for (code, requeued) in [("0", false), ("65", false), ("75", true)] {
        let _ = fs::remove_file(place.path().join("refuse"));
        place.codes(&[code]);
        let output = place.bash(&whole, None, 0).output().unwrap();
        assert_eq!(output.status.code(), Some(code.parse().unwrap()));
        assert_eq!(place.note("scontrol").lines().count(), usize::from(requeued));
        assert_eq!(place.calls()[0][2..], place.job(None).work.words().skip(1).collect::<Vec<_>>());
    }
}

#[test]
fn signals_reach_the_worker_once_and_only_a_time_limit_requeues() {
    let place = Place::new();
    let script = place.job(Some(10)).script().unwrap();
    // Whom Slurm signals: at the time limit the shell alone, at scancel every process of the task.
    for (signal, to_all, requeued) in [("USR1", false, true), ("TERM", true, false)] {
        place.codes(&["0", "wait", "0"]);
        let shell = place.bash(&script, Some(0), 0).spawn().unwrap();
        let start = Instant::now();
        while !place.path().join("ready").exists() {
            assert!(start.elapsed() < Duration::from_secs(60), "the worker never began");
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut pids = vec![shell.id().to_string()];
        if to_all {
            let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", shell.id())).unwrap();
            pids.extend(children.split_whitespace().map(str::to_owned));
            assert_eq!(pids.len(), 2);
        }
        assert!(Command::new("kill").arg(format!("-{signal}")).args(&pids).status().unwrap().success());
        let output = shell.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(75), "{signal}: {}", text(&output));
        assert_eq!(place.note("signals"), "TERM\n", "{signal}");
        assert_eq!(place.shards(), ["0", "1"], "{signal}");
        assert_eq!(place.note("scontrol").lines().count(), usize::from(requeued), "{signal}");
    }
}

#[test]
fn credentials_come_from_a_file_on_the_node_and_are_not_in_the_script() {
    let place = Place::new();
    let file = place.path().join("the keys");
    let job = SlurmJob { environment: Some(file.clone()), ..place.job(Some(1)) };
    let script = job.script().unwrap();
    place.codes(&[]);
    assert_eq!(place.bash(&script, Some(0), 0).output().unwrap().status.code(), Some(2));
    fs::File::create(&file).unwrap().write_all(b"SECRET='un seen'\n").unwrap();
    assert!(place.bash(&script, Some(0), 0).output().unwrap().status.success());
    assert_eq!(place.calls().iter().map(|call| call[1].as_bytes()).collect::<Vec<_>>(), [b"un seen"]);
    assert!(!script.contains("un seen"));
}

#[test]
fn a_chain_waits_for_all_tasks_of_the_job_before() {
    let place = Place::new();
    let steps = ["generate", "label", "finalize"].map(|step| {
        let mut job = place.job((step != "finalize").then_some(7));
        job.work.step = step.into();
        job
    });
    let script = chain(&steps).unwrap();
    let output = {
        let mut command = place.bash(&script, None, 0);
        command.args(["--partition=long queue", "--hold"]).output().unwrap()
    };
    assert_eq!(text(&output), "generate: job 41\nlabel: job 42\nfinalize: job 43\n");
    let arguments = |n: usize| {
        place.note(&format!("sbatch.{n}")).split_terminator('\0').map(str::to_owned).collect::<Vec<String>>()
    };
    let expected = |after: &[&str]| -> Vec<String> {
        [&["--parsable"], after, &["--partition=long queue", "--hold"]]
            .concat()
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    let after = ["--dependency=afterok:41", "--kill-on-invalid-dep=yes"];
    let afterwards = ["--dependency=afterok:42", "--kill-on-invalid-dep=yes"];
    assert_eq!([1, 2, 3].map(arguments), [expected(&[]), expected(&after), expected(&afterwards)]);
    for (n, job) in (1..).zip(&steps) {
        assert_eq!(place.note(&format!("script.{n}")), job.script().unwrap());
    }

    // A job that can't be submitted ends the chain there.
    fs::write(place.path().join("jobs"), "0").unwrap();
    fs::write(place.path().join("broken"), "2").unwrap();
    let output = place.bash(&script, None, 0).output().unwrap();
    assert!(!output.status.success());
    assert_eq!(text(&output), "generate: job 41\n");
}
