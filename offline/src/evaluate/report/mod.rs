//! The files of a report: `metrics.json`, `tables.csv`, `samples.csv`, `report.html`, and `card.json` for the model's card.

pub(super) mod card;
mod charts;
mod csv;
mod examples;
mod html;
pub(crate) mod svg;

use std::path::Path;

pub(super) use csv::SAMPLE_COLUMNS;
pub(crate) use html::STYLE;

use super::{EvaluateError, Evaluated, Samples};

/// Writes all files of the report into `folder`, replacing older ones; makes the folder if it is missing.
///
/// # Errors
/// [`EvaluateError::Io`] naming the file that can't be written, or an example's picture can't be made again.
pub fn write(folder: &Path, samples: &Samples, evaluated: &Evaluated) -> Result<(), EvaluateError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| EvaluateError::Io { path, source }
    };
    std::fs::create_dir_all(folder).map_err(io(folder))?;
    let json = |name: &str, text: serde_json::Result<String>| {
        text.map(|text| text + "\n").map_err(std::io::Error::from).map_err(io(&folder.join(name)))
    };
    let evaluation = &evaluated.evaluation;
    let examples = examples::examples(samples, &evaluated.methods)?;
    let files = [
        ("metrics.json", json("metrics.json", serde_json::to_string_pretty(evaluation))?),
        ("card.json", json("card.json", serde_json::to_string_pretty(&card::CardPart::of(evaluation)))?),
        ("tables.csv", csv::tables(evaluation)),
        ("samples.csv", csv::samples(samples, &evaluated.methods)),
        ("report.html", html::page(samples, evaluated, &examples)),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        let partial = folder.join(format!("{name}.partial"));
        std::fs::write(&partial, text).and_then(|()| std::fs::rename(&partial, &path)).map_err(io(&path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
    use std::sync::atomic::AtomicBool;

    use miqa::engine::{Device, Runtime};

    use super::*;
    use crate::evaluate::samples::fixture;
    use crate::evaluate::{
        ALL_MODELS, DISTORTED, Evaluation, Judged, Likeness, MODEL, Measurement, Measuring, Pool, evaluate,
        evaluate_pool,
    };
    use crate::label::zoo::Task;

    const CARD: &str = r#"
        format = 1
        name = "tiny"
        version = "1 <beta>"
        description = "for a test"
        limits = []
        [file]
        name = "model.onnx"
        sha256 = "00"
        bytes = 1
        [input]
        name = "image"
        dtype = "uint8"
        layout = "NHWC"
        colour = "RGB"
        size = 288
        [output]
        heads = ["cls_composite", "cls_consistency", "cls_accuracy"]
        distortion = "distortion"
        distortions = ["darkness", "fog"]
        [thresholds]
        [metrics]
        [training]
        data = ""
        labels = ""
        recipe = ""
        split = ""
        [licence]
        weights = ""
        parts = []
    "#;

    /// A model that is right but for a wobble, and knows the distortion from level 3 on.
    fn evaluated(work: &Path) -> (Samples, Evaluated) {
        fixture::work(work, 24);
        let ceiling = r#"{"labels": {"ceiling": {"composite": {"corrected": 0.93}}}}"#;
        std::fs::write(work.join("labels.json"), ceiling).unwrap();
        let path = work.join("card.toml");
        std::fs::write(&path, CARD).unwrap();
        let card = miqa::engine::Card::read(&path).unwrap();
        let samples = Samples::read(work, Task::Classification, None, Judged::TestFold).unwrap();
        let measure = |(index, row): (usize, &crate::label::LabelRow)| {
            let wobble = 0.05 * (index as f64 * 1.7).sin();
            let named = |name: &str| if row.distortion == name { 0.15 + 0.2 * f64::from(row.level) } else { 0.2 };
            let label = crate::evaluate::samples::labels_of(row);
            Measurement {
                likeness: Likeness {
                    ssim: 1.0 - f64::from(row.level) * 0.1,
                    ms_ssim: None,
                    vsi: 1.0 - f64::from(row.level) * 0.05,
                },
                metrics: Vec::new(),
                beside: Vec::new(),
                heads: vec![label.map(|label| (label.unwrap() + wobble).clamp(0.0, 1.0))],
                distortions: vec![named("darkness"), named("fog")],
                features: Vec::new(),
            }
        };
        let measured: Vec<Measurement> = samples.test.iter().enumerate().map(measure).collect();
        let runtime = Runtime::open(Device::Cpu).unwrap();
        let stop = AtomicBool::new(false);
        let measuring =
            Measuring { runtime: &runtime, card: &card, beside: &[], metrics: &[], workers: 1, stop: &stop };
        let evaluated = evaluate(work, work, &measuring, &samples, &measured).unwrap();
        (samples, evaluated)
    }

    fn gain(evaluation: &Evaluation, labels: &str) -> f64 {
        let comparison = evaluation.comparison(labels, "cls_composite", DISTORTED).unwrap();
        comparison.row("ssim").unwrap().model_gain.unwrap().value.unwrap()
    }

    #[test]
    fn the_whole_report_from_samples_to_files() {
        let folder = tempfile::tempdir().unwrap();
        let (samples, evaluated) = evaluated(folder.path());
        let evaluation = &evaluated.evaluation;
        assert_eq!((evaluation.originals, evaluation.samples), (8, 88));
        // Two label sets, three heads, with and without clean; parts (2 distortions, 5 levels) once a head.
        assert_eq!(evaluation.comparisons.len(), 2 * 3 * 2 + 3 * 7);
        let headline = evaluation.comparison(ALL_MODELS, "cls_composite", DISTORTED).unwrap();
        assert_eq!((headline.samples, headline.ceiling), (80, Some(0.93)));
        assert!(headline.row(MODEL).unwrap().srcc.value.unwrap() > 0.9);
        // The fixture's second label table is a copy of the first.
        assert_eq!(gain(evaluation, ALL_MODELS), gain(evaluation, "without nets"));
        assert_eq!(evaluation.thresholds.len(), 3);
        let diagnosis = evaluation.diagnosis.as_ref().unwrap();
        assert_eq!((diagnosis.accuracy_plain, diagnosis.false_alarms_clean), (Some(1.0), Some(0.0)));
        assert_eq!(diagnosis.rows[0].named_by_level[&1], 0.0);

        let out = folder.path().join("deep/report");
        write(&out, &samples, &evaluated).unwrap();
        let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&read("metrics.json")).unwrap();
        assert_eq!(json["comparisons"][0]["rows"][0]["method"], MODEL);
        let part: crate::export::card::Evaluation = serde_json::from_str(&read("card.json")).unwrap();
        assert!(part.thresholds.values().all(|t| 0.0 < t.close_below && t.close_below < t.open_above), "{part:?}");
        assert!(part.falls["cls_consistency"].windows(2).all(|pair| pair[0].1 >= pair[1].1), "{part:?}");
        let expected = (headline.row(MODEL).unwrap().srcc.value.unwrap() * 1e4).round() / 1e4;
        assert_eq!(part.metrics["cls_composite"]["srcc"], expected);
        assert!(part.metrics["cls_accuracy_without_nets"].contains_key("psnr_srcc"));
        assert_eq!(part.metrics["cls_distortion"]["false_alarms_clean"], 0.0);
        let methods = evaluated.methods.len();
        assert_eq!(read("tables.csv").lines().count(), 1 + evaluation.comparisons.len() * methods);
        let samples_csv = read("samples.csv");
        assert_eq!(samples_csv.lines().count(), 1 + 88);
        let columns = samples_csv.lines().next().unwrap().split(',').count();
        assert!(samples_csv.lines().all(|line| line.split(',').count() == columns && !line.contains("inf")));
        let page = read("report.html");
        assert_eq!(page.matches("<svg").count(), 5);
        assert!(page.contains("as a share of the oracle"));
        assert_eq!(page.matches("<figure><img").count(), 8);
        assert_eq!(page.matches("data:image/jpeg;base64,/9j/").count(), 8);
        let share = part.metrics["cls_share_of_oracle_at_30"][MODEL];
        assert!(share > 0.8 && share <= 1.0, "{share}");
        assert!(part.metrics["cls_composite_by_part"]["fog"] > part.metrics["cls_composite_by_part"]["level_1"]);
        // Letters of a picture mean nothing.
        let page: String = page
            .split("base64,")
            .map(|part| part.split_once("\"><figcaption").map_or(part, |(_, text)| text))
            .collect();
        assert!(page.contains("tiny 1 &lt;beta&gt;") && !page.contains("<beta>"));
        assert!(!page.contains("NaN") && !page.contains("inf\""), "a number is missing in a picture");
        let external = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!external.contains("http"), "the page must not need anything from elsewhere");
    }

    #[test]
    fn reports_are_pooled() {
        let folder = tempfile::tempdir().unwrap();
        let (samples, evaluated) = evaluated(folder.path());
        let report = folder.path().join("report");
        write(&report, &samples, &evaluated).unwrap();
        let pool = Pool::read(std::slice::from_ref(&report)).unwrap();
        let again = Samples::read(folder.path(), Task::Classification, None, Judged::Of(&pool)).unwrap();
        assert_eq!((again.test.len(), again.seen.len()), (samples.test.len(), samples.seen.len()));
        let pooled = evaluate_pool(folder.path(), &again, &pool).unwrap();
        assert_eq!(pooled.evaluation.sha256, evaluated.evaluation.sha256);
        assert_eq!(pooled.evaluation.methods, evaluated.evaluation.methods);
        assert_eq!(pooled.evaluation.comparisons.len(), evaluated.evaluation.comparisons.len());
        for (one, other) in pooled.evaluation.comparisons.iter().zip(&evaluated.evaluation.comparisons) {
            for (one, other) in one.rows.iter().zip(&other.rows) {
                // Reports keep five decimals.
                let (one, other) = (one.srcc.value, other.srcc.value);
                assert_eq!(one.is_some(), other.is_some());
                assert!((one.unwrap_or_default() - other.unwrap_or_default()).abs() < 1e-3, "{one:?} {other:?}");
            }
        }
        assert!(pooled.evaluation.model.contains("1 runs"));

        // Half of it in each of two reports.
        let table = std::fs::read_to_string(report.join("samples.csv")).unwrap();
        let lines: Vec<&str> = table.lines().collect();
        let other = folder.path().join("other");
        std::fs::create_dir(&other).unwrap();
        std::fs::copy(report.join("metrics.json"), other.join("metrics.json")).unwrap();
        let part = |lines: &[&str]| lines.join("\n") + "\n";
        std::fs::write(report.join("samples.csv"), part(&lines[..40])).unwrap();
        std::fs::write(other.join("samples.csv"), part(&[&lines[..1], &lines[40..]].concat())).unwrap();
        let pool = Pool::read(&[report.clone(), other.clone()]).unwrap();
        let again = Samples::read(folder.path(), Task::Classification, None, Judged::Of(&pool)).unwrap();
        assert_eq!(
            evaluate_pool(folder.path(), &again, &pool).unwrap().evaluation.comparisons,
            pooled.evaluation.comparisons
        );

        let twice = Pool::read(&[report.clone(), report.clone()]).unwrap_err().to_string();
        assert!(twice.contains("judged in another report too"), "{twice}");
        let json = std::fs::read_to_string(other.join("metrics.json"))
            .unwrap()
            .replace("\"name\": \"psnr\"", "\"name\": \"psnr2\"");
        std::fs::write(other.join("metrics.json"), json).unwrap();
        let methods = Pool::read(&[report, other.clone()]).unwrap_err().to_string();
        assert!(methods.contains("compares other methods"), "{methods}");
        std::fs::write(other.join("samples.csv"), "sample\nnonsense\n").unwrap();
        let form = Pool::read(&[other]).unwrap_err().to_string();
        assert!(form.contains("of another form: nonsense"), "{form}");
    }
}
