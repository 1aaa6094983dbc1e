//! The report: one page that stands alone, the curve as SVG.

use super::{Outcome, Point};

/// What the page says beside the outcome.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// The stream.
    pub stream: &'a str,
    /// The head that scores.
    pub head: &'a str,
    /// The model's name and version.
    pub model: &'a str,
    /// Where the detections came from.
    pub detections: &'a str,
    /// Confidence from which a detection counts.
    pub least: f32,
    /// Scores of the clean frames.
    pub clean: &'a [f64],
    /// The piece of configuration.
    pub fragment: &'a str,
}

/// Size of the drawing and the margin for its axes, in its own units.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const MARGIN: f64 = 48.0;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1c2733;background:#fff}\
h1{font-size:1.5rem}table{border-collapse:collapse;margin:1rem 0}td,th{padding:.3rem .9rem .3rem 0;text-align:left;border-bottom:1px solid #d5dce3}\
pre{background:#f2f5f8;padding:1rem;overflow-x:auto}svg{width:100%;height:auto}.axis{stroke:#8795a3}.grid{stroke:#e3e8ed}\
.band{fill:#2f6fb2;opacity:.18}.line{fill:none;stroke:#1f5a99;stroke-width:2.5}.dot{fill:#1c2733;opacity:.35}\
.mark{stroke:#b4451f;stroke-dasharray:5 4}text{font:13px system-ui,sans-serif;fill:#44525f}\
@media(prefers-color-scheme:dark){body{color:#dfe6ed;background:#12181f}pre{background:#1c252e}td,th{border-color:#33404c}\
.grid{stroke:#26313b}.line{stroke:#6fb0f2}.band{fill:#6fb0f2}.dot{fill:#dfe6ed}.mark{stroke:#f0875f}text{fill:#a9b6c2}}";

/// The page.
pub fn page(page: &Page<'_>, outcome: &Outcome, points: &[Point]) -> String {
    let mut rows = String::new();
    for threshold in &outcome.thresholds {
        let [low, high] = threshold.interval;
        rows += &format!(
            "<tr><td>{:.0} %</td><td>{:.3}</td><td>{low:.3} to {high:.3}</td><td>{}</td></tr>",
            100.0 * threshold.loss,
            threshold.score,
            below(page.clean, threshold.score)
        );
    }
    let mut halves = String::new();
    for half in &outcome.halves {
        halves += &format!(
            "<tr><td>{:.0} %</td><td>{:.3}</td><td>{:.1} %</td></tr>",
            100.0 * half.promised,
            half.score,
            100.0 * half.measured
        );
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Calibration of {stream}</title><style>{STYLE}</style></head><body>\n<h1>At which score does your detector lose what it saw?</h1>\n\
         <p>Stream <b>{stream}</b>, head <b>{head}</b> of {model}. Detections from {from}, counted from a confidence of {least} on: \
         {detections} on clean frames to be found again on {frames} degraded ones, in {segments} segments of time.</p>\n{drawing}\n\
         <table><tr><th>lost</th><th>score</th><th>95 % interval</th><th>clean frames below</th></tr>{rows}</table>\n\
         <p>The curve is what of a clean frame's detections is kept (same class, boxes overlapping by half) at a score: isotonic regression, \
         its band a bootstrap by segments of time. Clean frames themselves are not in it. The last column says how often the gate would have closed, or not opened, on a frame \
         that nothing was done to.</p>\n<h2>Does it hold?</h2>\n<table><tr><th>promised</th><th>by the score</th><th>measured on the other half</th></tr>{halves}</table>\n\
         <h2>For the configuration</h2>\n<pre>{fragment}</pre>\n</body></html>\n",
        stream = escaped(page.stream),
        head = escaped(page.head),
        model = escaped(page.model),
        from = escaped(page.detections),
        least = page.least,
        detections = outcome.detections,
        frames = outcome.frames,
        segments = outcome.segments,
        drawing = drawing(outcome, points),
        fragment = escaped(page.fragment),
    )
}

fn below(clean: &[f64], score: f64) -> String {
    match clean.len() {
        0 => "–".into(),
        n => format!("{:.0} %", 100.0 * clean.iter().filter(|s| **s < score).count() as f64 / n as f64),
    }
}

fn x(score: f64) -> f64 {
    MARGIN + score * (WIDTH - 2.0 * MARGIN)
}

fn y(share: f64) -> f64 {
    HEIGHT - MARGIN - share * (HEIGHT - 2.0 * MARGIN)
}

fn drawing(outcome: &Outcome, points: &[Point]) -> String {
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Kept share of detections over the score\">"
    );
    for i in 0..=5 {
        let at = f64::from(i) / 5.0;
        let (px, py, zero, one) = (x(at), y(at), x(0.0), x(1.0));
        svg += &format!("<line class=\"grid\" x1=\"{zero}\" x2=\"{one}\" y1=\"{py:.1}\" y2=\"{py:.1}\"/>");
        svg += &format!("<text x=\"{px:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{at}</text>", y(0.0) + 18.0);
        svg += &format!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{:.0} %</text>",
            zero - 6.0,
            py + 4.0,
            100.0 * at
        );
    }
    for (score, share, weight) in bins(points) {
        let radius = (weight.sqrt() / 2.0).clamp(2.0, 9.0);
        svg += &format!("<circle class=\"dot\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\"/>", x(score), y(share));
    }
    let upper = outcome.band.iter().map(|[score, _, high]| (*score, *high));
    let lower = outcome.band.iter().rev().map(|[score, low, _]| (*score, *low));
    svg += &format!("<polygon class=\"band\" points=\"{}\"/>", path(upper.chain(lower)));
    svg += &format!("<polyline class=\"line\" points=\"{}\"/>", path(outcome.curve.knots()));
    for threshold in &outcome.thresholds {
        let (px, share) = (x(threshold.score), 1.0 - threshold.loss);
        svg += &format!(
            "<line class=\"mark\" x1=\"{px:.1}\" x2=\"{px:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
            y(0.0),
            y(share)
        );
        svg += &format!(
            "<text x=\"{:.1}\" y=\"{:.1}\">−{:.0} %: {:.3}</text>",
            px + 5.0,
            y(0.04 + 0.06 * threshold.loss * 10.0 / 3.0),
            100.0 * threshold.loss,
            threshold.score
        );
    }
    svg += &format!(
        "<line class=\"axis\" x1=\"{0}\" x2=\"{1}\" y1=\"{2}\" y2=\"{2}\"/><text x=\"{3}\" y=\"{4}\" text-anchor=\"middle\">score</text>\
         <text x=\"{0}\" y=\"24\">kept of what was seen on clean frames</text></svg>",
        x(0.0),
        x(1.0),
        y(0.0),
        WIDTH / 2.0,
        HEIGHT - 10.0
    );
    svg
}

/// Means of score and share by fortieths of the score, with their weights.
fn bins(points: &[Point]) -> Vec<(f64, f64, f64)> {
    let mut sums = vec![(0.0, 0.0, 0.0); 40];
    for point in points {
        let bin = &mut sums[((point.score * 40.0) as usize).min(39)];
        *bin = (bin.0 + point.weight * point.score, bin.1 + point.weight * point.share, bin.2 + point.weight);
    }
    sums.into_iter().filter(|bin| bin.2 > 0.0).map(|(score, share, w)| (score / w, share / w, w)).collect()
}

fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    points.map(|(score, share)| format!("{:.1},{:.1} ", x(score), y(share))).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::outcome;

    #[test]
    fn the_page_stands_alone_and_says_what_came_out() {
        let points: Vec<Point> = (0..600_u32)
            .map(|i| {
                let score = f64::from(i % 100) / 100.0;
                Point { score, share: score, weight: 2.0, segment: (i / 60) as usize }
            })
            .collect();
        let found = outcome(&points).expect("enough");
        let about = Page {
            stream: "y<ard",
            head: "det_consistency",
            model: "edge 1",
            detections: "a.jsonl",
            least: 0.5,
            clean: &[0.5, 0.95, 0.95, 0.95],
            fragment: "a = \"b\"",
        };
        let text = page(&about, &found, &points);
        for part in
            ["y&lt;ard", "<polyline", "<td>10 %</td><td>0.9", "<td>25 %</td>", "a = &quot;b&quot;", "role=\"img\""]
        {
            assert!(text.contains(part), "no {part} in\n{text}");
        }
        assert!(!text.contains("http") && !text.contains("<script"), "nothing from elsewhere");
    }
}
