//! The validation as one page that needs nothing else.

use std::fmt::Write;

use super::{Kind, Picture, TaskValidation};
use crate::evaluate::report::STYLE;
use crate::evaluate::report::svg::escape;

/// Table 4 of the paper: mean SRCC of the composite.
const PAPER_COMPOSITE: [(&str, f64); 3] = [("classification", 0.914), ("detection", 0.959), ("segmentation", 0.959)];

/// The whole page, a section a task.
#[must_use]
pub fn page(tasks: &[(TaskValidation, Picture)]) -> String {
    let mut out = String::new();
    // Writing to a String can't fail.
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Labels, validated</title><style>{STYLE}</style><main><h1>Labels, validated</h1>\
         <p class=\"lead\">Would other models of the same kinds give the same labels? Random parts of the zoo label \
         separately, and the labels are compared.</p>"
    );
    for (validation, picture) in tasks {
        section(&mut out, validation, picture);
    }
    out.push_str("</main></html>\n");
    out
}

fn section(out: &mut String, found: &TaskValidation, picture: &Picture) {
    let task = found.task.name();
    let mut title = task.to_owned();
    title[..1].make_ascii_uppercase();
    let _ = write!(
        out,
        "<h2>{title}</h2><p>{} models, {} distorted samples compared of {}.</p>",
        found.models.len(),
        found.samples,
        found.of
    );
    for warning in &found.warnings {
        let _ = write!(out, "<p class=\"missing\">{}.</p>", escape(warning));
    }
    if !found.splits.is_empty() {
        let paper = PAPER_COMPOSITE.iter().find(|(name, _)| *name == task).map_or(0.0, |(_, srcc)| *srcc);
        let _ = write!(
            out,
            "<h3>Table 4: random 80/20 splits of the models</h3><table><thead><tr><th>label<th>trials<th>SRCC<th>PLCC\
             <th>RMSE</thead><tbody>"
        );
        for row in &found.splits {
            let _ = write!(
                out,
                "<tr><th scope=\"row\">{}<td>{}<td>{:.3} ± {:.3}<td>{:.3} ± {:.3}<td>{:.3} ± {:.3}",
                row.kind.name(),
                row.trials,
                row.srcc.mean,
                row.srcc.deviation,
                row.plcc.mean,
                row.plcc.deviation,
                row.rmse.mean,
                row.rmse.deviation
            );
        }
        let _ = write!(out, "</tbody></table><p>The paper's composite SRCC, with its own zoo: {paper}.</p>");
    }
    if !found.families.is_empty() {
        let _ = write!(
            out,
            "<h3>Without one architecture family</h3><p>{}</p><table><thead><tr><th>family<th>models<th>SRCC with all\
             <th>SRCC with the family alone</thead><tbody>",
            compared(found)
        );
        for row in &found.families {
            let _ = write!(
                out,
                "<tr><th scope=\"row\">{}<td>{}<td>{}<td>{}",
                escape(&row.family),
                row.models,
                three(row.srcc_with_all),
                three(row.srcc_with_family)
            );
        }
        out.push_str("</tbody></table>");
    }
    if !found.outliers.is_empty() {
        let _ = write!(
            out,
            "<h3>Each model against the others</h3><p>{}</p><table><thead><tr><th>model<th>SRCC<th>standard deviations from \
             the mean</thead><tbody>",
            compared(found)
        );
        for row in &found.outliers {
            let deviations = row.deviations.map_or("–".to_owned(), |value| format!("{value:+.1}"));
            let _ = write!(out, "<tr><th scope=\"row\">{}<td>{}<td>{deviations}", escape(&row.model), three(row.srcc));
        }
        out.push_str("</tbody></table>");
        if let Some(outlier) = found.outlier() {
            let _ = write!(out, "<p>{}.</p>", escape(&outlier));
        }
    }
    if let Some(svg) = picture.density(&format!("{task}: density of consistency and accuracy")) {
        let _ = write!(out, "<h3>Consistency and accuracy (Fig. 4)</h3><div class=\"narrow\">{svg}</div>");
    }
    let label = picture.kind().name();
    if let Some(svg) = picture.level_pairs(&format!("{task}: mean {label} by level pair")) {
        let samples = picture.samples();
        let of =
            if picture.kind() == Kind::Composite { "whose truth is known" } else { "(the truth of none is known)" };
        let _ = write!(
            out,
            "<h3>Mean {label} by level pair (Fig. 6)</h3><p>Of {samples} distorted samples {of}.</p>\
             <div class=\"narrow\">{svg}</div>"
        );
    }
}

/// Which label a table is about.
fn compared(found: &TaskValidation) -> String {
    match found.compared {
        Kind::Composite => "Labels are compared in composite, on the samples whose truth is known.".to_owned(),
        other => format!("Labels are compared in {}: the truth of no sample is known.", other.name()),
    }
}

fn three(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.3}"))
}
