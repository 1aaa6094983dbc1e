//! Command lines of `submit`, over a real plan.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use clap::Parser;

use super::*;
use crate::plan::fixture::{planned, write};
use crate::recipe::Recipe;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    submit: Args,
}

struct Place(tempfile::TempDir);

impl Place {
    /// A plan of three originals in three shards.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let originals = planned(place.0.path(), 3);
        write(place.0.path().join("my plan").as_path(), Recipe::miqd(), &originals, 3).unwrap();
        place
    }

    fn plan(&self) -> String {
        self.0.path().join("my plan").to_str().unwrap().to_owned()
    }

    /// What is written for these words; `PLAN` stands for the plan.
    fn written(&self, words: &str) -> Result<String, CommandError> {
        let out = self.0.path().join("out");
        let mut all = vec!["submit".to_owned()];
        all.extend(words.split(' ').map(|word| word.replace("PLAN", &self.plan())));
        all.splice(2..2, ["--out".to_owned(), out.to_str().unwrap().to_owned()]);
        run(&Cli::try_parse_from(&all).map_err(CommandError::usage)?.submit)?;
        Ok(std::fs::read_to_string(out).unwrap())
    }

    fn refused(&self, words: &str) -> String {
        let error = self.written(words).unwrap_err();
        assert_eq!(error.code(), 2, "{error}");
        error.to_string()
    }
}

#[test]
fn shards_come_from_the_plan_and_arguments_go_through_the_steps_own_parser() {
    let place = Place::new();
    let script = place.written("slurm --program miqa --cpus 3 generate --plan PLAN --out x --format webp").unwrap();
    let command = format!("command=(miqa generate --plan '{}' --out x --format webp --threads 3)\n", place.plan());
    assert!(script.contains(&command) && script.contains("\nshards=3\nper_task=1\n"), "{script}");
    assert!(script.contains("#SBATCH --array=0-2\n"), "{script}");
    let here = std::env::current_dir().unwrap();
    assert!(script.contains(&format!("cd -- {} || exit 2", here.display())), "{script}");
    // Told otherwise, and by default the program that runs.
    let script = place.written("slurm --cpus 3 generate --plan PLAN --out x --threads 1").unwrap();
    let program = std::env::current_exe().unwrap();
    assert!(script.contains(&format!("command=({} generate", program.display())), "{script}");
    assert!(script.contains("--threads 1)"), "{script}");

    // A plan that the pods see elsewhere.
    let words = "kubernetes --plan PLAN --image i --secret k label --work /w --plan /w/p --zoo-dir /z";
    let manifest = place.written(words).unwrap();
    assert!(manifest.contains("completions: 3\n") && manifest.contains("- \"/w/p\"\n"), "{manifest}");
    assert!(!manifest.contains("my plan"), "{manifest}");

    for (words, reason) in [
        ("slurm generate --plan PLAN", "--out <DEST>"),
        ("slurm generate --plan PLAN --out x --formt png", "--formt"),
        ("slurm generate --plan PLAN --out x --format gif", "gif"),
        ("slurm generate --plan PLAN --out x --shard 1", "leave --shard out"),
        ("slurm generate --plan PLAN --out x --dry-run", "leave --dry-run out"),
        ("slurm generate --plan nowhere --out x", "nowhere is not there"),
        ("slurm label --work w --zoo-dir z", "--plan is missing"),
        ("slurm mask --work w --masks saliency", "sources.parquet is not there"),
        ("slurm train --work w", "`train` can't be submitted"),
        ("slurm --shards-per-task 2 finalize --plan PLAN --out x", "has no shards"),
        ("slurm --time soon generate --plan PLAN --out x", "D-HH:MM:SS"),
        ("slurm --sbatch gpu generate --plan PLAN --out x", "with its hyphens"),
        ("slurm --time 5 --core-hours 1 generate --plan PLAN --out x", "cannot be used with"),
        ("slurm --cpus 0 generate --plan PLAN --out x", "0 is not in"),
        ("slurm generate --plan PLAN --out s3://a:b@c/d", "has a password"),
        ("kubernetes generate --plan PLAN --out x", "--image"),
        ("kubernetes --image i generate --plan PLAN --out x --then finalize --plan PLAN --out x", "--then"),
        ("kubernetes --image i generate --plan PLAN --out x", "--out x is relative"),
        (
            "kubernetes --image i --mount c:/w label --plan PLAN --out s3://b/x --work w --zoo-dir /z",
            "--work w is relative",
        ),
    ] {
        let found = place.refused(words);
        assert!(found.contains(reason), "{words}: {found}");
    }
}

#[test]
fn a_chain_has_options_by_job() {
    let place = Place::new();
    let words = "slurm --program miqa --env-file keys --time 90 --sbatch=--partition=cpu generate --plan PLAN --out x \
                 --then --gpus 1 --time 1-00 --shards-per-task 2 label --work w --plan PLAN --zoo-dir z \
                 --then finalize --plan PLAN --out x";
    let script = place.written(words).unwrap();
    let jobs: Vec<&str> = script.split("\nscript_").skip(1).collect();
    assert_eq!(jobs.len(), 3);
    for (job, there, absent) in [
        (jobs[0], ["#SBATCH --time=90\n", "#SBATCH --partition=cpu\n", "#SBATCH --array=0-2\n"], "--gres"),
        (jobs[1], ["#SBATCH --time=1-00\n", "#SBATCH --gres=gpu:1\n", "#SBATCH --array=0-1\n"], "--partition"),
        (jobs[2], ["miqa-finalize\n", "command=(miqa finalize", "retries=6\n"], "--array"),
    ] {
        assert!(there.iter().all(|line| job.contains(line)) && !job.contains(absent), "{job}");
        assert!(job.contains("command=(miqa ") && job.contains("/keys || exit 2\n"), "{job}");
    }
    assert!(place.refused("slurm generate --plan PLAN --out x --then").contains("required"));
    assert!(place.refused("slurm generate --plan PLAN --out x --then --time x finalize").contains("--time"));
}

#[test]
fn times_as_slurm_writes_them() {
    for right in ["5", "90:00", "1:30:00", "2-12", "1-00:30", "0-1:2:3"] {
        assert_eq!(time(right).as_deref(), Ok(right));
    }
    for wrong in ["", "1h", "1:2:3:4", "-5", "5-", "1-2-3", ":30", "5\n#SBATCH --x"] {
        assert!(time(wrong).is_err(), "{wrong}");
    }
    assert!(hours("1.5").is_ok() && hours("-1").is_err() && hours("NaN").is_err() && hours("inf").is_err());
}

#[test]
fn gpus_and_the_steps_device_go_together() {
    let place = Place::new();
    let words = |device: &str| {
        let line = format!("label --work /w --plan {} --zoo-dir /z{device}", place.plan().replace(' ', "\0"));
        let words: Vec<OsString> = line.split(' ').map(|word| word.replace('\0', " ").into()).collect();
        work_of(&words, "miqa".into(), None, 1).unwrap()
    };
    let (cpu, gpu) = (words(""), words(" --device cuda:1"));
    assert_eq!(gpu.writes, [("--work", "/w".to_owned())]);
    assert!(gpu.gpu_warning(0).unwrap().contains("give --gpus 1"));
    assert!(cpu.gpu_warning(1).unwrap().contains("--device cuda"));
    assert_eq!((cpu.gpu_warning(0), gpu.gpu_warning(1)), (None, None));
}
