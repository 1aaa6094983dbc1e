//! The pictures of a report.

use super::svg::{Anchor, Scale, Svg};
use crate::evaluate::{Comparison, Evaluation, MODEL, Method, Samples};
use crate::sample::CLEAN;

/// SRCC of every method with its interval, best first; the label ceiling as a dashed line.
pub(super) fn bars(comparison: &Comparison) -> String {
    let mut rows: Vec<_> = comparison.rows.iter().filter_map(|row| Some((row, row.srcc.value?))).collect();
    rows.sort_by(|a, b| b.1.total_cmp(&a.1));
    let (step, top) = (30.0, 12.0);
    let bottom = top + step * rows.len() as f64;
    let mut svg = Svg::new(760.0, bottom + 34.0, "SRCC by method with 95 % intervals");
    let least = rows.iter().map(|row| row.1).fold(0.0, f64::min).max(-1.0);
    let scale = Scale { low: least, high: 1.0, from: 150.0, to: 690.0 };
    for tick in scale.ticks(5) {
        svg.line("grid", [scale.at(tick), top - 6.0, scale.at(tick), bottom]);
        svg.text("tick", scale.at(tick), bottom + 16.0, Anchor::Middle, format_args!("{tick:.1}"));
    }
    if let Some(ceiling) = comparison.ceiling {
        let x = scale.at(ceiling);
        svg.line("ceiling", [x, top - 6.0, x, bottom]);
        svg.text("note", x, bottom + 31.0, Anchor::Middle, format_args!("label ceiling {ceiling:.3}"));
    }
    for (index, (row, value)) in rows.iter().enumerate() {
        let y = top + step * index as f64;
        let class = if row.method == MODEL { "bar model" } else { "bar" };
        let (zero, end) = (scale.at(0.0), scale.at(*value));
        let hint = format!("{}: {value:.3}", row.method);
        svg.rect(class, [zero.min(end), y + 3.0, (end - zero).abs(), step - 10.0], 1.0, &hint);
        svg.text("label", 142.0, y + step / 2.0 + 2.0, Anchor::End, &row.method);
        let middle = y + step / 2.0 - 2.0;
        let mut right = end;
        if let Some(interval) = row.srcc.interval {
            let (low, high) = (scale.at(interval.low), scale.at(interval.high));
            svg.line("whisker", [low, middle, high, middle]);
            svg.line("whisker", [low, middle - 4.0, low, middle + 4.0]);
            svg.line("whisker", [high, middle - 4.0, high, middle + 4.0]);
            right = right.max(high);
        }
        svg.text("value", right + 8.0, y + step / 2.0 + 2.0, Anchor::Start, format_args!("{value:.3}"));
    }
    svg.finish()
}

/// Colours that series of a picture have.
const SERIES: usize = 11;
/// Dots that a page can carry.
const DOTS: usize = 4000;

/// Every so manieth sample has a dot.
fn dot_step(samples: &Samples) -> usize {
    samples.test.len().div_ceil(DOTS).max(1)
}

/// What a scatter leaves out, in words.
pub(super) fn thinned(samples: &Samples) -> String {
    match dot_step(samples) {
        1 => String::new(),
        step => format!("; of {} samples every {step}th is drawn", samples.test.len()),
    }
}

/// Score against label, a dot a sample, coloured by distortion.
pub(super) fn scatter(samples: &Samples, model: &Method, head: usize) -> String {
    let names = distortions(samples);
    let height = 495.0 + 15.0 * names.len().div_ceil(3) as f64;
    let mut svg = Svg::new(520.0, height, "Score of the model against the label");
    let x = Scale { low: 0.0, high: 1.0, from: 56.0, to: 500.0 };
    let y = Scale { low: 0.0, high: 1.0, from: 440.0, to: 16.0 };
    frame(&mut svg, x, y, "score of the model", "label");
    svg.line("ceiling", [x.at(0.0), y.at(0.0), x.at(1.0), y.at(1.0)]);
    let labels = samples.label_sets.first().map(|set| set.labels.as_slice()).unwrap_or_default();
    for (index, (row, labels)) in samples.test.iter().zip(labels).enumerate().step_by(dot_step(samples)) {
        if let Some(label) = labels[head] {
            let class = series_of(&names, &row.distortion);
            svg.dot(&format!("dot {class}"), x.at(model.scores(head)[index]), y.at(label), 2.2);
        }
    }
    for (index, name) in names.iter().enumerate() {
        let (column, row) = (index % 3, index / 3);
        let left = 60.0 + 150.0 * column as f64;
        let top = 498.0 + 15.0 * row as f64;
        svg.dot(&format!("dot legend {}", series_of(&names, name)), left, top, 4.0);
        svg.text("tick", left + 9.0, top + 4.0, Anchor::Start, if name == CLEAN { "clean" } else { name });
    }
    svg.finish()
}

/// Mean label and mean score of a head by distortion and level, side by side.
pub(super) fn heat_maps(evaluation: &Evaluation, head: &str) -> String {
    let cells: Vec<_> = evaluation.cells.iter().filter(|cell| cell.head == head && cell.level > 0).collect();
    let mut names: Vec<&str> = cells.iter().map(|cell| cell.distortion.as_str()).collect();
    names.dedup();
    let (side, top) = (52.0, 46.0);
    let mut svg =
        Svg::new(760.0, top + 40.0 * names.len() as f64 + 12.0, "Mean label and mean score by distortion and level");
    for (title, left, value) in [("mean label", 150.0, 0), ("mean score of the model", 470.0, 1)] {
        svg.text("label", left + 2.5 * side, 16.0, Anchor::Middle, title);
        for level in 1..=5 {
            svg.text(
                "tick",
                left + (f64::from(level) - 0.5) * side,
                36.0,
                Anchor::Middle,
                format_args!("level {level}"),
            );
        }
        for cell in &cells {
            let Some(row) = names.iter().position(|name| *name == cell.distortion) else {
                continue;
            };
            let mean = if value == 0 { cell.label } else { cell.score };
            let (x, y) = (left + f64::from(cell.level - 1) * side, top + 40.0 * row as f64);
            let hint = format!("{} level {}: {mean:.3}", cell.distortion, cell.level);
            svg.rect("heat", [x + 1.0, y + 1.0, side - 2.0, 38.0], 0.06 + 0.94 * mean, &hint);
            let class = if mean > 0.55 { "in-heat strong" } else { "in-heat" };
            svg.text(class, x + side / 2.0, y + 25.0, Anchor::Middle, format_args!("{mean:.2}"));
        }
    }
    for (row, name) in names.iter().enumerate() {
        svg.text("label", 142.0, top + 40.0 * row as f64 + 25.0, Anchor::End, name);
    }
    svg.finish()
}

/// PLCC of each head in the grid of region × background levels.
pub(super) fn pair_grids(evaluation: &Evaluation) -> String {
    let (side, top) = (42.0, 46.0);
    let mut svg = Svg::new(760.0, top + 5.0 * side + 34.0, "PLCC by level of region and background");
    for (index, head) in evaluation.heads.iter().enumerate() {
        let left = 40.0 + 248.0 * index as f64;
        svg.text("label", left + 2.5 * side, 16.0, Anchor::Middle, head);
        for level in 1..=5 {
            let middle = (f64::from(level) - 0.5) * side;
            svg.text("tick", left + middle, 36.0, Anchor::Middle, level);
            svg.text("tick", left - 10.0, top + middle + 4.0, Anchor::End, level);
        }
        for cell in evaluation.pairs.iter().filter(|cell| cell.head == *head) {
            let (x, y) = (left + f64::from(cell.background - 1) * side, top + f64::from(cell.roi - 1) * side);
            let text = cell.plcc.map_or("–".to_owned(), |plcc| format!("{plcc:.2}"));
            let share = cell.plcc.unwrap_or(0.0).clamp(0.0, 1.0);
            let hint = format!("region {}, background {}: {text}, {} samples", cell.roi, cell.background, cell.samples);
            svg.rect("heat", [x + 1.0, y + 1.0, side - 2.0, side - 2.0], 0.06 + 0.94 * share, &hint);
            let class = if share > 0.55 { "in-heat strong" } else { "in-heat" };
            svg.text(class, x + side / 2.0, y + side / 2.0 + 4.0, Anchor::Middle, text);
        }
    }
    svg.text(
        "note",
        380.0,
        top + 5.0 * side + 24.0,
        Anchor::Middle,
        "across: level of the background; down: of the region",
    );
    svg.finish()
}

/// Mean label by score of each head, with the labels' spread; the diagonal is a score that means what it says.
pub(super) fn reliability(evaluation: &Evaluation) -> String {
    let mut svg = Svg::new(760.0, 300.0, "Mean label by score");
    for (index, head) in evaluation.reliability.iter().enumerate() {
        let left = 50.0 + 248.0 * index as f64;
        let x = Scale { low: 0.0, high: 1.0, from: left, to: left + 190.0 };
        let y = Scale { low: 0.0, high: 1.0, from: 232.0, to: 42.0 };
        svg.text("label", left + 95.0, 16.0, Anchor::Middle, &head.head);
        svg.text("tick", left + 95.0, 32.0, Anchor::Middle, format_args!("expected error {:.3}", head.error));
        frame(&mut svg, x, y, "score", "");
        svg.line("ceiling", [x.at(0.0), y.at(0.0), x.at(1.0), y.at(1.0)]);
        for bin in &head.bins {
            let (low, high) = ((bin.label - bin.spread).max(0.0), (bin.label + bin.spread).min(1.0));
            svg.line("whisker", [x.at(bin.score), y.at(low), x.at(bin.score), y.at(high)]);
        }
        let points: Vec<(f64, f64)> = head.bins.iter().map(|bin| (x.at(bin.score), y.at(bin.label))).collect();
        svg.path("curve model", &points);
    }
    svg.finish()
}

/// Mean downstream accuracy of what is left when the worst-scored share is dropped.
pub(super) fn filter_curves(evaluation: &Evaluation) -> String {
    let mut svg = Svg::new(760.0, 400.0, "Filter curve");
    let curves = &evaluation.filter_curves;
    let all = || curves.iter().flat_map(|named| named.curve.kept_mean.iter().copied());
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    if !(low.is_finite() && high.is_finite()) {
        return svg.finish();
    }
    let x = Scale { low: 0.0, high: 70.0, from: 56.0, to: 610.0 };
    let y = Scale {
        low: (low * 20.0).floor() / 20.0,
        high: ((high * 20.0).ceil() / 20.0).min(1.0).max(low + 0.05),
        from: 350.0,
        to: 16.0,
    };
    frame(&mut svg, x, y, "worst-scored pictures dropped (%)", "accuracy of the models on the rest");
    let mut ends: Vec<(f64, String, &str)> = Vec::new();
    for (index, named) in curves.iter().enumerate() {
        let points: Vec<(f64, f64)> =
            named.curve.dropped.iter().zip(&named.curve.kept_mean).map(|(d, k)| (x.at(100.0 * d), y.at(*k))).collect();
        let class = match named.method.as_str() {
            "oracle" => "curve oracle".to_owned(),
            MODEL => "curve model".to_owned(),
            _ => format!("curve s{}", index % SERIES),
        };
        svg.path(&class, &points);
        if let Some(&(_, end)) = points.last() {
            ends.push((end, class.replace("curve", "end"), &named.method));
        }
    }
    // Names at the ends of the curves, pushed apart where they would overlap.
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut last = f64::NEG_INFINITY;
    for (end, class, name) in ends {
        last = (last + 15.0).max(end);
        svg.text(&class, 618.0, last + 4.0, Anchor::Start, name);
    }
    svg.finish()
}

fn frame(svg: &mut Svg, x: Scale, y: Scale, x_name: &str, y_name: &str) {
    for tick in y.ticks(5) {
        svg.line("grid", [x.from, y.at(tick), x.to, y.at(tick)]);
        svg.text("tick", x.from - 8.0, y.at(tick) + 4.0, Anchor::End, format_args!("{tick:.2}"));
    }
    let whole = x.high > 2.0;
    for tick in x.ticks(6) {
        svg.line("grid", [x.at(tick), y.from, x.at(tick), y.to]);
        let text = if whole { format!("{tick:.0}") } else { format!("{tick:.1}") };
        svg.text("tick", x.at(tick), y.from + 18.0, Anchor::Middle, text);
    }
    svg.text("note", (x.from + x.to) / 2.0, y.from + 36.0, Anchor::Middle, x_name);
    svg.text("note", x.from + 6.0, y.to + 14.0, Anchor::Start, y_name);
}

/// Names of the distortions among the samples, clean last.
fn distortions(samples: &Samples) -> Vec<String> {
    let mut names: Vec<String> = samples.test.iter().map(|row| row.distortion.clone()).collect();
    names.sort();
    names.dedup();
    names.sort_by_key(|name| name == CLEAN);
    names
}

fn series_of(names: &[String], name: &str) -> String {
    names.iter().position(|n| n == name).map_or_else(String::new, |index| format!("s{}", index % SERIES))
}
