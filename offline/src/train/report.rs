use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::TrainError;
use super::checkpoint::replace;
use super::validation::Validation;
use crate::export::spec::ModelSpec;

/// One line of the log.
pub(super) struct Line<'a> {
    pub(super) step: u64,
    pub(super) epoch: f64,
    pub(super) rate: f64,
    /// Mean training loss since the last validation.
    pub(super) loss: f64,
    pub(super) validation: &'a Validation,
    /// Whether this is the best validation so far.
    pub(super) best: bool,
}

/// The progress bar on a terminal, a line a validation anywhere, and the log as CSV.
pub(super) struct Report {
    path: PathBuf,
    text: String,
    heads: Vec<String>,
    bar: ProgressBar,
    started: Instant,
    waited: f64,
    first_step: u64,
    steps: u64,
}

impl Report {
    /// Continues the log at `step`: lines of later steps, written before a kill, are dropped.
    pub(super) fn open(path: &Path, spec: &ModelSpec, step: u64, steps: u64) -> Result<Self, TrainError> {
        let mut text = "step,epoch,rate,train_loss,validation_loss,distortion_bce".to_owned();
        for head in &spec.outputs {
            // Writing to a String can't fail.
            let _ = write!(text, ",{head}_srcc,{head}_plcc");
        }
        text.push_str(",best\n");
        let old = std::fs::read_to_string(path).unwrap_or_default();
        for line in old.split_inclusive('\n').skip(1).filter(|l| l.ends_with('\n')) {
            if line.split(',').next().and_then(|s| s.parse().ok()).is_some_and(|s: u64| s <= step) {
                text.push_str(line);
            }
        }
        replace(path, text.as_bytes())?;
        let bar = ProgressBar::new(steps).with_position(step);
        let style = "{bar:30} step {pos}/{len} {msg} eta {eta}";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.reset_eta();
        Ok(Self {
            path: path.to_owned(),
            text,
            heads: spec.outputs.clone(),
            bar,
            started: Instant::now(),
            waited: 0.0,
            first_step: step,
            steps,
        })
    }

    /// A step done; `waited` is the share of the time in which steps were waited for.
    pub(super) fn step(&mut self, step: u64, loss: f64, waited: f64) {
        self.waited = waited;
        self.bar.set_position(step);
        self.bar.set_message(format!("loss {loss:.4}, waited for pictures {:.0} %", 100.0 * waited));
    }

    pub(super) fn validation(&mut self, line: &Line<'_>) -> Result<(), TrainError> {
        let v = line.validation;
        let (row, said) = (&mut self.text, &mut String::new());
        let _ = write!(
            row,
            "{},{:.3},{:.3e},{:.6},{:.6},{:.6}",
            line.step, line.epoch, line.rate, line.loss, v.loss, v.distortion
        );
        for (head, c) in self.heads.iter().zip(&v.heads) {
            let text = |value: Option<f64>| value.map_or(String::new(), |v| format!("{v:.4}"));
            let _ = write!(row, ",{},{}", text(c.srcc), text(c.plcc));
            let _ = write!(said, "  {head} {}", text(c.srcc));
        }
        let _ = writeln!(row, ",{}", u8::from(line.best));
        replace(&self.path, self.text.as_bytes())?;
        let done = line.step - self.first_step;
        let left = self.started.elapsed().as_secs_f64() / done.max(1) as f64 * (self.steps - line.step) as f64;
        self.bar.suspend(|| {
            eprintln!(
                "epoch {:.2}  loss {:.4}  validation {:.4}  SRCC{said}{}  waited {:.0} %  {:.0} s left",
                line.epoch,
                line.loss,
                v.loss,
                if line.best { "  best" } else { "" },
                100.0 * self.waited,
                Duration::from_secs_f64(left.max(0.0)).as_secs_f64(),
            );
        });
        Ok(())
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
