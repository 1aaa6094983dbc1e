//! Label tables under the authors' names: `<id>_mmos.csv` of a classification original, `<id>_accuracy.csv` and
//! `<id>_consistency.csv` of one for detection or segmentation. Their columns are not published; these are ours, and
//! `import` reads them back by a mapping.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use super::score::ScoreRow;
use super::zoo::{Task, ZooModel};
use crate::label::LabelRow;

/// Writes the tables of one original: a line a sample with the weighted scores, then a column a model. Of a classification
/// table these are `<model>_consistency` of all models, then `<model>_accuracy`, empty where the truth is unknown.
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
    let file = |kind: &str, text: String| std::fs::write(folder.join(format!("{original}_{kind}.csv")), text);
    let known = labels.iter().any(|label| label.accuracy.is_some());
    if task == Task::Classification {
        let mut text = "image,consistency,accuracy,composite".to_owned();
        for kind in ["consistency", "accuracy"] {
            for model in models {
                // Writing to a String can't fail.
                let _ = write!(text, ",{}_{kind}", quoted(&model.name));
            }
        }
        text.push('\n');
        for (label, row) in labels.iter().zip(scores) {
            let means = [Some(label.consistency), label.accuracy, label.composite];
            let of_models = of_each(models, &row.consistency).chain(of_each(models, &row.accuracy));
            line(&mut text, &label.sample, means.into_iter().chain(of_models));
        }
        return file("mmos", text);
    }
    let names: Vec<Cow<str>> = models.iter().map(|model| quoted(&model.name)).collect();
    let head = |kind: &str| format!("image,{kind},{}\n", names.join(","));
    let mut consistency = head("consistency");
    let mut accuracy = head("accuracy");
    for (label, row) in labels.iter().zip(scores) {
        let of = |mean, values| std::iter::once(mean).chain(of_each(models, values));
        line(&mut consistency, &label.sample, of(Some(label.consistency), &row.consistency));
        line(&mut accuracy, &label.sample, of(label.accuracy, &row.accuracy));
    }
    file("consistency", consistency)?;
    if known { file("accuracy", accuracy) } else { Ok(()) }
}

/// A value a model; none for each where there are no values.
fn of_each<'a>(models: &'a [&ZooModel], values: &'a [f32]) -> impl Iterator<Item = Option<f32>> + 'a {
    (0..models.len()).map(|model| values.get(model).copied())
}

fn line(text: &mut String, sample: &str, values: impl Iterator<Item = Option<f32>>) {
    text.push_str(&quoted(sample));
    for value in values {
        text.push(',');
        if let Some(value) = value {
            let _ = write!(text, "{value}");
        }
    }
    text.push('\n');
}

/// A field as RFC 4180 has it: between quotes where a comma, quote or line break is inside.
#[must_use]
pub fn quoted(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text.into()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;
    use crate::label::zoo::Zoo;

    #[test]
    fn only_what_needs_quotes_gets_them() {
        assert_eq!(quoted("plain text"), "plain text");
        assert_eq!(quoted("a, \"b\""), "\"a, \"\"b\"\"\"");
    }

    #[test]
    fn each_model_has_both_scores_and_odd_ids_are_one_field() {
        let folder = tempfile::tempdir().unwrap();
        let zoo = Zoo::read(&[]).unwrap();
        let models: Vec<&ZooModel> = zoo.models[..2].iter().collect();
        let label = |sample: &str, accuracy| LabelRow {
            sample: sample.into(),
            original: "a, b".into(),
            distortion: "fog".into(),
            level: 1,
            background_level: None,
            row: 0,
            background_row: None,
            psnr: 20.0,
            class: 0,
            consistency: 0.5,
            accuracy,
            composite: accuracy,
        };
        let labels = [label("a, b_\"fog\"_1", Some(0.25)), label("a_fog_2", None)];
        let scores = |accuracy: &[f32]| ScoreRow {
            consistency: vec![1.0, 0.0],
            accuracy: accuracy.to_vec(),
            ..ScoreRow::default()
        };
        write(folder.path(), Task::Classification, "a, b", &models, &labels, &[scores(&[0.0, 0.5]), scores(&[])])
            .unwrap();
        let text = std::fs::read_to_string(folder.path().join("a, b_mmos.csv")).unwrap();
        let expected = "image,consistency,accuracy,composite,efficientnet_lite0_consistency,\
            efficientnet_lite1_consistency,efficientnet_lite0_accuracy,efficientnet_lite1_accuracy\n\
            \"a, b_\"\"fog\"\"_1\",0.5,0.25,0.25,1,0,0,0.5\na_fog_2,0.5,,,1,0,,\n";
        assert_eq!(text, expected);
    }
}
