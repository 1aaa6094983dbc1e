//! The `miqa-offline` program: one subcommand a step, one line an error, public exit codes.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use miqa_offline::command::{
    CommandError, clip, convert, degrade, evaluate, export, finalize, generate, import, label, labels, mask, mmos,
    plan, quality, rank, render, scenes, select, split, stats, status, submit, train, verify, zoo,
};
use tracing_subscriber::EnvFilter;

/// Degrade, label, train, export, evaluate: from pictures to the model that miqa runs.
///
/// Exit codes: 0 done or already done; 1 unexpected; 2 usage or configuration; 65 bad input data, don't retry;
/// 75 stopped or a passing fault, the same command goes on; 78 the work folder belongs to another plan.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    step: Step,
}

#[derive(Subcommand)]
enum Step {
    /// Cut squares out of pictures and videos, to be selected as originals
    Scenes(scenes::Args),
    /// List the originals of a folder
    Select(select::Args),
    /// Score originals with no-reference quality models, for `select --top`
    Quality(quality::Args),
    /// Make the region of interest of every original
    Mask(mask::Args),
    /// Score the candidates of every distortion of the recipe and settle its levels
    Rank(rank::Args),
    /// Join sources, masks and ranks into the immutable plan of all variants; compare and merge plans
    Plan(plan::Args),
    /// Make variants of a plan on demand, as files
    Render(render::Args),
    /// Write the variants of a plan to a folder or an object store, by shard
    Generate(generate::Args),
    /// Say how far a destination of generate or label is
    Status(status::Args),
    /// Hash what generate or label wrote, and render a sample of the pictures again
    Verify(verify::Args),
    /// Write manifest and tables of a finished destination of generate or label
    Finalize(finalize::Args),
    /// Print scripts and manifests that run a step's shards under Slurm or Kubernetes
    Submit(submit::Args),
    /// List the labelling models, and measure whether they do what their entries claim
    Zoo(zoo::Args),
    /// Show every sample, ranked or planned, to every model of the zoo
    Label(label::Args),
    /// Compute consistency, accuracy and composite scores from stored predictions
    Mmos(mmos::Args),
    /// Say how far labels can be trusted
    #[command(subcommand)]
    Labels(labels::Command),
    /// Split the originals into train, validation and test
    Split(split::Args),
    /// Train RA-MIQA on the labels
    Train(train::Args),
    /// Write the trained model as ONNX with its card
    Export(export::Args),
    /// Make a 16-bit or 8-bit form of an exported model and measure what it loses and gains
    Convert(convert::Args),
    /// Judge a model on the test originals beside its baselines
    Evaluate(evaluate::Args),
    /// Show a data set in tables, charts and a contact sheet
    Stats(stats::Args),
    /// Read the authors' published sets as a data set of this project
    Import(import::Args),
    /// Make a video whose stretches are degraded
    Clip(clip::Args),
    /// Distort single pictures, to look at them
    Degrade(degrade::Args),
}

impl Step {
    fn run(&self) -> Result<(), CommandError> {
        match self {
            Self::Scenes(args) => scenes::run(args),
            Self::Select(args) => select::run(args),
            Self::Quality(args) => quality::run(args),
            Self::Mask(args) => mask::run(args),
            Self::Rank(args) => rank::run(args),
            Self::Plan(args) => plan::run(args),
            Self::Render(args) => render::run(args),
            Self::Generate(args) => generate::run(args),
            Self::Status(args) => status::run(args),
            Self::Verify(args) => verify::run(args),
            Self::Finalize(args) => finalize::run(args),
            Self::Submit(args) => submit::run(args),
            Self::Zoo(args) => zoo::run(args),
            Self::Label(args) => label::run(args),
            Self::Labels(command) => labels::run(command),
            Self::Mmos(args) => mmos::run(args),
            Self::Split(args) => split::run(args),
            Self::Train(args) => train::run(args),
            Self::Export(args) => export::run(args),
            Self::Convert(args) => convert::run(args),
            Self::Evaluate(args) => evaluate::run(args),
            Self::Stats(args) => stats::run(args),
            Self::Import(args) => import::run(args),
            Self::Clip(args) => clip::run(args),
            Self::Degrade(args) => degrade::run(args),
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,ort=error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match cli.step.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("miqa-offline: {error}");
            ExitCode::from(error.code())
        }
    }
}
