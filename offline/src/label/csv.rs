//! Label tables under the authors' names: `<id>_mmos.csv` of a classification original, `<id>_accuracy.csv` and
//! `<id>_consistency.csv` of one for detection or segmentation. Their columns are not published; these are ours, and
//! `import` reads them back by a mapping.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use super::score::ScoreRow;
use super::zoo::{Task, ZooModel};
use crate::label::LabelRow;

/// Writes the tables of one original: a line a sample with the weighted score, then a column a model.
///
/// # Errors
/// The folder or a file can't be written.
pub fn write(
    folder: &Path,
    task: Task,
    original: &str,
    models: &[&ZooModel],
    labels: &[LabelRow],
    scores: &[ScoreRow],
) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    let file = |kind: &str, text: String| std::fs::write(folder.join(format!("{original}_{kind}.csv")), text);
    let known = labels.iter().any(|label| label.accuracy.is_some());
    if task == Task::Classification {
        let mut text = format!("image,consistency,accuracy,composite,{}\n", names.join(","));
        for (label, row) in labels.iter().zip(scores) {
            // Of each model whether it is right where that can be known, else whether it is consistent.
            let of_models = if row.accuracy.is_empty() { &row.consistency } else { &row.accuracy };
            line(&mut text, &label.sample, &[Some(label.consistency), label.accuracy, label.composite], of_models);
        }
        return file("mmos", text);
    }
    let head = |kind: &str| format!("image,{kind},{}\n", names.join(","));
    let mut consistency = head("consistency");
    let mut accuracy = head("accuracy");
    for (label, row) in labels.iter().zip(scores) {
        line(&mut consistency, &label.sample, &[Some(label.consistency)], &row.consistency);
        line(&mut accuracy, &label.sample, &[label.accuracy], &row.accuracy);
    }
    file("consistency", consistency)?;
    if known { file("accuracy", accuracy) } else { Ok(()) }
}

fn line(text: &mut String, sample: &str, means: &[Option<f32>], models: &[f32]) {
    text.push_str(sample);
    for mean in means {
        text.push(',');
        if let Some(mean) = mean {
            // Writing to a String can't fail.
            let _ = write!(text, "{mean}");
        }
    }
    for value in models {
        let _ = write!(text, ",{value}");
    }
    text.push('\n');
}
