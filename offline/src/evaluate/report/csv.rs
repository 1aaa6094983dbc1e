//! The figures as comma-separated values.

use std::fmt::Write;

use crate::evaluate::{Evaluation, Figure, HEADS, Method, Samples};
use crate::label::csv::quoted;

/// One line a comparison and method: labels, head, set, counts, then each metric with its interval.
pub(super) fn tables(evaluation: &Evaluation) -> String {
    let mut out = String::from("labels,head,set,samples,originals,method");
    for metric in ["srcc", "plcc", "krcc", "rmse", "model_gain_srcc"] {
        let _ = write!(out, ",{metric},{metric}_low,{metric}_high");
    }
    out.push_str(",note\n");
    for comparison in &evaluation.comparisons {
        for row in &comparison.rows {
            let names = [&comparison.labels, &comparison.head, &comparison.set].map(|name| quoted(name));
            let _ = write!(out, "{},{},{},", names.join(","), comparison.samples, comparison.originals);
            out.push_str(&quoted(&row.method));
            for figure in [Some(row.srcc), row.plcc, row.krcc, row.rmse, row.model_gain] {
                out.push_str(&columns(figure));
            }
            let _ = writeln!(out, ",{}", quoted(row.note.as_deref().unwrap_or_default()));
        }
    }
    out
}

/// What stands before the methods' scores in a line of `samples.csv`.
pub(crate) const SAMPLE_COLUMNS: [&str; 8] =
    ["sample", "original", "distortion", "level", "background_level", "composite", "consistency", "accuracy"];

/// One line a test sample: labels of all models, then every method's scores.
pub(super) fn samples(samples: &Samples, methods: &[Method]) -> String {
    let mut out = SAMPLE_COLUMNS.join(",");
    for method in methods {
        for head in samples.heads() {
            let _ = write!(out, ",{}_{head}", method.name);
        }
    }
    out.push('\n');
    let labels = samples.label_sets.first().map(|set| set.labels.as_slice()).unwrap_or_default();
    for (index, (row, labels)) in samples.test.iter().zip(labels).enumerate() {
        let background = row.background_level.unwrap_or(row.level);
        let (sample, original) = (quoted(&row.sample), quoted(&row.original));
        let _ = write!(out, "{sample},{original},{},{},{background}", row.distortion, row.level);
        for label in labels {
            out.push(',');
            out.push_str(&number(*label));
        }
        for method in methods {
            for head in 0..HEADS {
                out.push(',');
                out.push_str(&number(method.scores(head).get(index).copied()));
            }
        }
        out.push('\n');
    }
    out
}

fn columns(figure: Option<Figure>) -> String {
    let interval = figure.and_then(|f| f.interval);
    let values = [figure.and_then(|f| f.value), interval.map(|i| i.low), interval.map(|i| i.high)];
    values.iter().fold(String::new(), |line, value| line + "," + &number(*value))
}

fn number(value: Option<f64>) -> String {
    value.map(|value| format!("{value:.5}")).unwrap_or_default()
}
