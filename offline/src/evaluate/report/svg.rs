//! SVG in the few shapes that the charts need. Colours are classes, so that a page can have a light and a dark form.

use std::fmt::{Display, Write};

/// A drawing of a fixed size that scales with its page.
pub(crate) struct Svg {
    width: f64,
    height: f64,
    title: String,
    body: String,
}

/// Where a text stands at its point.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    pub(crate) fn new(width: f64, height: f64, title: &str) -> Self {
        Self { width, height, title: title.to_owned(), body: String::new() }
    }

    pub(crate) fn line(&mut self, class: &str, [x1, y1, x2, y2]: [f64; 4]) {
        self.add(format_args!(r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#));
    }

    /// A rectangle of a class, `opacity` 0 to 1, with a text that shows when pointed at.
    pub(crate) fn rect(&mut self, class: &str, [x, y, w, h]: [f64; 4], opacity: f64, hint: &str) {
        let hint = escape(hint);
        self.add(format_args!(
            r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{w:.1}" height="{h:.1}" fill-opacity="{opacity:.3}"><title>{hint}</title></rect>"#
        ));
    }

    pub(crate) fn dot(&mut self, class: &str, x: f64, y: f64, radius: f64) {
        self.add(format_args!(r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="{radius}"/>"#));
    }

    pub(crate) fn text(&mut self, class: &str, x: f64, y: f64, anchor: Anchor, text: impl Display) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escape(&text.to_string());
        self.add(format_args!(r#"<text class="{class}" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#));
    }

    /// Straight lines through points.
    pub(crate) fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        let mut path = String::new();
        for (index, (x, y)) in points.iter().enumerate() {
            // Writing to a String can't fail.
            let _ = write!(path, "{}{x:.1} {y:.1}", if index == 0 { "M" } else { "L" });
        }
        self.add(format_args!(r#"<path class="{class}" d="{path}"/>"#));
    }

    pub(crate) fn finish(self) -> String {
        let (width, height, title) = (self.width, self.height, escape(&self.title));
        format!(
            r#"<svg viewBox="0 0 {width} {height}" role="img" aria-label="{title}" xmlns="http://www.w3.org/2000/svg">{}</svg>"#,
            self.body
        )
    }

    fn add(&mut self, shape: std::fmt::Arguments<'_>) {
        let _ = self.body.write_fmt(shape);
    }
}

/// Values from `low` to `high` on pixels from `from` to `to`.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl Scale {
    pub(crate) fn at(self, value: f64) -> f64 {
        self.from + (value.clamp(self.low, self.high) - self.low) / (self.high - self.low) * (self.to - self.from)
    }

    /// Round values a constant step apart, about `count` of them.
    pub(crate) fn ticks(self, count: u32) -> Vec<f64> {
        let raw = (self.high - self.low) / f64::from(count);
        let power = 10_f64.powf(raw.log10().floor());
        let step =
            [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| *step >= raw * 0.999).unwrap_or(power);
        let first = (self.low / step - 1e-9).ceil() as i64;
        let last = (self.high / step + 1e-9).floor() as i64;
        (first..=last).map(|index| index as f64 * step).collect()
    }
}

/// Text safe inside markup.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let scale = |low, high| Scale { low, high, from: 0.0, to: 100.0 };
        assert_eq!(scale(0.0, 1.0).ticks(5), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(scale(0.0, 70.0).ticks(7), [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0]);
        assert!(scale(0.43, 0.91).ticks(5).iter().all(|t| (0.43..=0.91).contains(t)));
        assert!((scale(0.0, 2.0).at(0.5) - 25.0).abs() < 1e-12);
    }

    #[test]
    fn text_cannot_break_out_of_its_place() {
        let mut svg = Svg::new(10.0, 10.0, "a \"title\" & more");
        svg.text("t", 1.0, 1.0, Anchor::End, "<script>");
        let text = svg.finish();
        assert!(text.contains("&lt;script&gt;") && text.contains("a &quot;title&quot; &amp; more"), "{text}");
    }
}
