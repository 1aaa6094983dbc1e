//! `miqa-offline labels validate`: would other models give the same labels?

use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;

use super::{CommandError, WorkFolder};
use crate::label::LabelRow;
use crate::label::answers::of_task;
use crate::label::drawn::Drawn;
use crate::label::score::{MODELS_NOTE, ScoreRow, WEIGHTS_NOTE};
use crate::label::validate::{Picture, TaskValidation, Voter, page, validate};
use crate::label::weights::Lambda;
use crate::label::zoo::{Task, Zoo};
use crate::sample::CLEAN;
use crate::table::{self, Rows};

/// What to do with labels.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Compare the labels of random parts of the zoo (Table 4), without each family, each model with the others
    Validate(Args),
}

/// Arguments of `labels validate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    work: WorkFolder,
    /// List of models, as `label` and `mmos` had it; may be given several times. Tasks of which it has none are left out
    #[arg(long, value_name = "FILE")]
    zoo: Vec<PathBuf>,
    /// Random splits
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    trials: usize,
    /// Distorted samples compared at most, drawn by their names
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    samples: usize,
    /// Folder for the report; `labels-report` in the work folder unless given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs `labels`.
///
/// # Errors
/// 2: `mmos` has not run, or with other models; 65: a table can't be read; 75: the disk is full.
pub fn run(command: &Command) -> Result<(), CommandError> {
    let Command::Validate(args) = command;
    let zoo = Zoo::read(&args.zoo).map_err(CommandError::usage)?;
    let mut tasks = Vec::new();
    for task in Task::ALL {
        if args.work.scores(task).is_file() && !of_task(&zoo, task).is_empty() {
            tasks.push(one_task(args, &zoo, task)?);
        }
    }
    if tasks.is_empty() {
        let place = args.work.work.display();
        return Err(CommandError::usage(format!(
            "{place} has no scores of this zoo's models: run `miqa-offline mmos` first"
        )));
    }
    let folder = args.out.clone().unwrap_or_else(|| args.work.work.join("labels-report"));
    let write = |name: &str, bytes: Vec<u8>| {
        let path = folder.join(name);
        std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(&path, bytes))
            .map_err(|e| CommandError::writing(&path, &e))
    };
    let json: Vec<&TaskValidation> = tasks.iter().map(|(validation, _)| validation).collect();
    write("validation.json", serde_json::to_vec_pretty(&json).map_err(CommandError::unexpected)?)?;
    write("index.html", page(&tasks).into_bytes())?;
    for (found, _) in &tasks {
        for row in &found.splits {
            println!(
                "labels: {}, {}: SRCC {:.3} ± {:.3}, PLCC {:.3} ± {:.3}, RMSE {:.3} ± {:.3} over {} splits of {} models",
                found.task,
                row.kind.name(),
                row.srcc.mean,
                row.srcc.deviation,
                row.plcc.mean,
                row.plcc.deviation,
                row.rmse.mean,
                row.rmse.deviation,
                row.trials,
                found.models.len()
            );
        }
        for warning in &found.warnings {
            println!("labels: {warning}");
        }
        if let Some(outlier) = found.outlier() {
            println!("labels: {}, {outlier}", found.task);
        }
    }
    println!("labels: report in {}", folder.join("index.html").display());
    Ok(())
}

fn one_task(args: &Args, zoo: &Zoo, task: Task) -> Result<(TaskValidation, Picture), CommandError> {
    let path = args.work.scores(task);
    let note = |key| table::read_note(&path, key).map_err(CommandError::data);
    let names = note(MODELS_NOTE)?.unwrap_or_default();
    let lambda: Lambda = note("miqa.lambda")?.unwrap_or_default().parse().unwrap_or_default();
    let weights = note(WEIGHTS_NOTE)?.unwrap_or_default();
    let voter = |(name, weight): (&str, &str)| {
        let model = zoo.models.iter().find(|model| model.name == name).ok_or_else(|| {
            CommandError::usage(format!("{} has scores of model `{name}`, which --zoo does not list", path.display()))
        })?;
        let weight = weight.parse().unwrap_or(model.performance);
        Ok(Voter { name: name.to_owned(), family: model.family.clone(), weight })
    };
    let models = names.split(',').zip(weights.split(',')).map(voter).collect::<Result<Vec<_>, CommandError>>()?;
    let mut picture = Picture::default();
    let (mut drawn, mut of) = (Drawn::new(args.samples), 0);
    let labels = Rows::<LabelRow>::of_file(&args.work.labels_of(task, None)).map_err(CommandError::data)?;
    let scores = Rows::<ScoreRow>::of_file(&path).map_err(CommandError::data)?;
    for (label, score) in labels.zip(scores) {
        let (label, score) = (label.map_err(CommandError::data)?, score.map_err(CommandError::data)?);
        if label.sample != score.sample {
            let reason =
                format!("{} and its labels are of different runs; run `miqa-offline mmos` again", path.display());
            return Err(CommandError::data(reason));
        }
        picture.add(&label);
        if label.distortion != CLEAN {
            of += 1;
            drawn.offer(&score);
        }
    }
    Ok((validate(task, models, &drawn.rows(), of, lambda, args.trials), picture))
}
