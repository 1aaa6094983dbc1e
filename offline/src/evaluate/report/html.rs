//! The report as one page that needs nothing else: styles and pictures are inside.

use std::fmt::Write;

use super::charts;
use super::svg::escape;
use crate::evaluate::{
    ALL_MODELS, Comparison, DISTORTED, Diagnosis, Evaluated, Evaluation, Figure, GAIN_AT, MODEL, NamedCurve, RESAMPLES,
    SEGMENTS, Samples, Thresholds, UNKNOWN_CLASS, WITH_CLEAN,
};

/// The look of every report, light and dark.
pub(crate) const STYLE: &str = include_str!("report.css");

/// The whole page.
pub(super) fn page(samples: &Samples, evaluated: &Evaluated, examples: &str) -> String {
    let evaluation = &evaluated.evaluation;
    let title = format!("Evaluation of {}", evaluation.model);
    let mut out = String::new();
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{0}</title><style>{STYLE}</style><main><h1>{0}</h1>",
        escape(&title)
    );
    let _ = write!(
        out,
        "<p class=\"lead\">{} samples of {} originals that training never saw. Intervals: 95 %, {RESAMPLES} draws of originals. \
         Model file SHA-256 <code>{}</code>.</p>",
        evaluation.samples,
        evaluation.originals,
        escape(&evaluation.sha256)
    );
    for line in &evaluation.missing {
        let _ = write!(out, "<p class=\"missing\">Not compared: {}.</p>", escape(line));
    }
    if let Some(comparison) = evaluation.comparison(ALL_MODELS, &evaluation.heads[0], DISTORTED) {
        let figure = charts::bars(comparison);
        section(
            &mut out,
            "Rank correlation with the labels",
            &format!("SRCC of <code>{}</code> on all distorted samples.", evaluation.heads[0]),
            &figure,
        );
    }
    section(
        &mut out,
        "Filter curve",
        "Mean accuracy of the labelling models on what is left when the worst-scored share is dropped; the oracle drops by that \
         accuracy itself.",
        &format!("{}{}", charts::filter_curves(evaluation), gains(&evaluation.filter_curves)),
    );
    if let Some(model) = evaluated.methods.first() {
        let figure = format!("<div class=\"narrow\">{}</div>", charts::scatter(samples, model, 0));
        section(
            &mut out,
            "Score and label",
            &format!("<code>{}</code>, one dot a sample{}.", evaluation.heads[0], charts::thinned(samples)),
            &figure,
        );
    }
    section(&mut out, "Examples", EXAMPLES_NOTE, examples);
    let figure = charts::heat_maps(evaluation, &evaluation.heads[1]);
    section(&mut out, "By distortion and level", &format!("<code>{}</code>.", evaluation.heads[1]), &figure);
    if !evaluation.pairs.is_empty() {
        section(&mut out, "By levels of region and background", PAIR_NOTE, &charts::pair_grids(evaluation));
    }
    section(&mut out, "Reliability", RELIABILITY_NOTE, &charts::reliability(evaluation));
    section(&mut out, "All figures", TABLE_NOTE, &all_tables(evaluation));
    section(&mut out, "Parts", "SRCC on each distortion and each level alone.", &part_tables(evaluation));
    section(&mut out, "Default thresholds", THRESHOLD_NOTE, &threshold_table(&evaluation.thresholds));
    if let Some(diagnosis) = &evaluation.diagnosis {
        section(&mut out, "What is wrong with the picture", DIAGNOSIS_NOTE, &diagnosis_tables(diagnosis));
    }
    out.push_str("<section><h2>Methods</h2><dl>");
    for method in &evaluation.methods {
        let _ = write!(out, "<dt>{}</dt><dd>{}</dd>", escape(&method.name), escape(&method.about));
    }
    out.push_str("</dl></section></main></html>\n");
    out
}

/// How much of the oracle's gain each score brings.
fn gains(curves: &[NamedCurve]) -> String {
    let known = curves.iter().filter(|curve| curve.method != "oracle" && curve.share_of_oracle.value.is_some());
    let rows = known.fold(String::new(), |mut rows, curve| {
        let _ = write!(rows, "<tr><th>{}<td>{}</tr>", escape(&curve.method), cell(Some(curve.share_of_oracle)));
        rows
    });
    let head = format!("gain as a share of the oracle's, worst {:.0} % dropped", 100.0 * GAIN_AT);
    format!("<div class=\"wide\"><table><tr><th>method<th>{head}</tr>{rows}</table></div>")
}

const TABLE_NOTE: &str = "PLCC and RMSE after the five-parameter logistic of equation 14, fitted on the same samples. <i>Gain</i>: SRCC \
    of the model less that of the row, paired by original; bold where its interval leaves zero out.";
const EXAMPLES_NOTE: &str = "From the worst label to the best, at even steps. Beside each score stands the share of test samples that the method \
    puts below.";
const PAIR_NOTE: &str = "PLCC of the raw score with the label at each pair of levels alone. Within a pair all pictures are equally \
    degraded, so what is left to tell is how much each of them suffers.";
const RELIABILITY_NOTE: &str = "Twenty bins of as many pictures each, by score: their mean label, and the spread of their labels. On the dashed \
    line a score is the share of models' performance that it says.";
const THRESHOLD_NOTE: &str = "A gate closes under the score at which the mean label (isotonic regression on the score) has fallen to half \
    of that of clean pictures, and opens again where it is at 65 %.";
const DIAGNOSIS_NOTE: &str = "A sigmoid a distortion. AUC and average precision: samples of the distortion against all others, clean ones \
    included. A distortion is named at a probability of 0.5.";

fn section(out: &mut String, title: &str, note: &str, body: &str) {
    let _ = write!(out, "<section><h2>{title}</h2><p>{note}</p>{body}</section>");
}

/// The sets with all figures; the others are parts of the first.
const FULL: [&str; 4] = [DISTORTED, WITH_CLEAN, UNKNOWN_CLASS, SEGMENTS];

fn all_tables(evaluation: &Evaluation) -> String {
    let mut out = String::new();
    let full = |c: &&Comparison| FULL.contains(&c.set.as_str());
    for comparison in evaluation.comparisons.iter().filter(full) {
        let open = comparison.labels == ALL_MODELS && comparison.set == DISTORTED;
        let _ = write!(
            out,
            "<details{}><summary><code>{}</code>, {}, labels of {} ({} samples, {} originals)</summary>\
             <div class=\"wide\"><table><tr><th>method<th>SRCC<th>PLCC<th>KRCC<th>RMSE<th>gain</tr>",
            if open { " open" } else { "" },
            comparison.head,
            comparison.set,
            escape(&comparison.labels),
            comparison.samples,
            comparison.originals
        );
        for row in &comparison.rows {
            let class = if row.method == MODEL { " class=\"model\"" } else { "" };
            let _ = write!(out, "<tr{class}><th>{}", escape(&row.method));
            for figure in [Some(row.srcc), row.plcc, row.krcc, row.rmse] {
                let _ = write!(out, "<td>{}", cell(figure));
            }
            let sure = row.model_gain.and_then(|g| g.interval).is_some_and(|i| i.low > 0.0 || i.high < 0.0);
            let (open, close) = if sure { ("<b>", "</b>") } else { ("", "") };
            let _ = write!(out, "<td>{open}{}{close}</tr>", cell(row.model_gain));
            if let Some(note) = &row.note {
                let _ = write!(out, "<tr><td colspan=\"6\" class=\"missing\">{}</tr>", escape(note));
            }
        }
        out.push_str("</table></div></details>");
    }
    out
}

fn part_tables(evaluation: &Evaluation) -> String {
    let mut out = String::new();
    for head in &evaluation.heads {
        let parts: Vec<&Comparison> = evaluation
            .comparisons
            .iter()
            .filter(|c| c.head == *head && c.labels == ALL_MODELS && !FULL.contains(&c.set.as_str()))
            .collect();
        let _ = write!(
            out,
            "<details{}><summary><code>{head}</code></summary><div class=\"wide\"><table><tr><th>method",
            open(evaluation, head)
        );
        for part in &parts {
            let _ = write!(out, "<th>{}", escape(&part.set));
        }
        out.push_str("</tr>");
        for method in &evaluation.methods {
            let class = if method.name == MODEL { " class=\"model\"" } else { "" };
            let _ = write!(out, "<tr{class}><th>{}", escape(&method.name));
            for part in &parts {
                let _ = write!(out, "<td>{}", cell(part.row(&method.name).map(|row| row.srcc)));
            }
            out.push_str("</tr>");
        }
        out.push_str("</table></div></details>");
    }
    out
}

fn open(evaluation: &Evaluation, head: &str) -> &'static str {
    if evaluation.heads.first().is_some_and(|first| first == head) { " open" } else { "" }
}

fn threshold_table(thresholds: &[Thresholds]) -> String {
    let mut out = String::from(
        "<div class=\"wide\"><table><tr><th>head<th>close below<th>open above<th>mean label, closed<th>mean label, open\
         <th>clean closed<th>level 1<th>2<th>3<th>4<th>5</tr>",
    );
    for head in thresholds {
        let _ = write!(out, "<tr><th>{}<td>{:.3}<td>{:.3}", head.head, head.close_below, head.open_above);
        let _ = write!(out, "<td>{}<td>{}", plain(head.closed_mean), plain(head.open_mean));
        for level in 0..=5 {
            let share = head.closed_share.get(&level).map(|share| format!("{:.0} %", 100.0 * share));
            let _ = write!(out, "<td>{}", share.unwrap_or_default());
        }
        out.push_str("</tr>");
    }
    out.push_str("</table></div>");
    out
}

fn diagnosis_tables(diagnosis: &Diagnosis) -> String {
    let mut out = String::from(
        "<div class=\"wide\"><table><tr><th>distortion<th>AUC<th>average precision<th>named at level 1<th>2<th>3<th>4<th>5</tr>",
    );
    for row in &diagnosis.rows {
        let _ = write!(
            out,
            "<tr><th>{}<td>{}<td>{}",
            escape(&row.distortion),
            plain(row.auc),
            plain(row.average_precision)
        );
        for level in 1..=5 {
            let share = row.named_by_level.get(&level).map(|share| format!("{:.0} %", 100.0 * share));
            let _ = write!(out, "<td>{}", share.unwrap_or_default());
        }
        out.push_str("</tr>");
    }
    let _ = write!(
        out,
        "</table></div><p>Most probable name right at levels 3 to 5: {}. Clean pictures with any distortion named: {}.</p>",
        plain(diagnosis.accuracy_plain),
        plain(diagnosis.false_alarms_clean)
    );
    out.push_str("<div class=\"wide\"><table><tr><th>true (row), named (column)");
    for row in &diagnosis.rows {
        let _ = write!(out, "<th>{}", escape(&row.distortion));
    }
    out.push_str("</tr>");
    for (row, counts) in diagnosis.rows.iter().zip(&diagnosis.confusion) {
        let _ = write!(out, "<tr><th>{}", escape(&row.distortion));
        for count in counts {
            let _ = write!(out, "<td>{count}");
        }
        out.push_str("</tr>");
    }
    out.push_str("</table></div>");
    out
}

fn cell(figure: Option<Figure>) -> String {
    let Some((figure, value)) = figure.and_then(|figure| Some((figure, figure.value?))) else {
        return "–".into();
    };
    let interval = figure.interval.map(|i| format!("<small>{:.3} to {:.3}</small>", i.low, i.high));
    format!("{value:.3}{}", interval.unwrap_or_default())
}

fn plain(value: Option<f64>) -> String {
    value.map_or_else(|| "–".into(), |value| format!("{value:.3}"))
}
