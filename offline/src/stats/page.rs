//! The statistics as one page that needs nothing else: styles, charts and the contact sheet are inside.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::base64::base64;
use super::charts::{self, Boxes};
use super::measure::Measured;
use super::quartiles::Quartiles;
use super::tables::{CollectionRow, DistortionRow, PatternRow};
use crate::evaluate::report::STYLE;
use crate::evaluate::report::svg::escape;
use crate::recipe::Pattern;

const OWN_STYLE: &str = include_str!("stats.css");

/// What the page says; also written as `stats.json`.
#[derive(Debug, Serialize)]
pub struct Statistics {
    /// Where the variants come from, in words.
    pub origin: String,
    /// Table 1.
    pub collection: Vec<CollectionRow>,
    /// Table 2, regions.
    pub patterns: Vec<PatternRow>,
    /// Table 2, distortions.
    pub distortions: Vec<DistortionRow>,
    /// Originals that were measured for the quartiles.
    pub measured_originals: usize,
    /// Fig. 5: order statistics by distortion, pattern and level.
    pub quality: Vec<QualityRow>,
    /// Masks, where there are any.
    pub masks: Option<MaskStatistics>,
    /// What is missing or odd, a line each.
    pub odd: Vec<String>,
}

/// Order statistics of a group of variants.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QualityRow {
    /// Name of the distortion.
    pub distortion: String,
    /// Pattern; none for all variants of the distortion.
    pub pattern: Option<&'static str>,
    /// Level, for uniform variants of one level.
    pub level: Option<u8>,
    /// PSNR in dB; infinite where variants equal their original (`null` in JSON).
    pub psnr: Option<Quartiles>,
    /// SSIM.
    pub ssim: Option<Quartiles>,
}

/// How large the regions of interest are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MaskStatistics {
    /// Masks by verdict: `ok`, `empty`, `full`, `missing`.
    pub verdicts: BTreeMap<String, usize>,
    /// Area shares of usable masks, 0..=1.
    pub quartiles: Option<Quartiles>,
    /// The shares themselves.
    #[serde(skip)]
    pub shares: Vec<f64>,
}

/// Groups measured variants: a row a distortion, one a pattern of it, one a level of its uniform variants. Distortions in the
/// order of `distortions`.
#[must_use]
pub fn quality(distortions: &[DistortionRow], measured: &[Measured]) -> Vec<QualityRow> {
    let mut rows = Vec::new();
    for DistortionRow { distortion, .. } in distortions {
        let own: Vec<&Measured> = measured.iter().filter(|row| row.distortion == *distortion).collect();
        let mut add = |pattern: Option<Pattern>, level: Option<u8>| {
            let of = || {
                let fits = move |row: &&&Measured| {
                    pattern.is_none_or(|pattern| row.pattern() == pattern)
                        && level.is_none_or(|level| row.roi_level == level)
                };
                own.iter().filter(fits)
            };
            let psnr = Quartiles::of(of().map(|row| row.psnr));
            let ssim = Quartiles::of(of().filter_map(|row| row.ssim));
            if psnr.is_some() {
                let pattern = pattern.map(Pattern::name);
                rows.push(QualityRow { distortion: distortion.clone(), pattern, level, psnr, ssim });
            }
        };
        add(None, None);
        for pattern in Pattern::ALL {
            add(Some(pattern), None);
        }
        let most = own.iter().map(|row| row.roi_level).max().unwrap_or(0);
        for level in 1..=most {
            add(Some(Pattern::Uniform), Some(level));
        }
    }
    rows
}

/// The whole page; `sheet` is the contact sheet as JPEG bytes and the id of its original.
#[must_use]
pub fn page(statistics: &Statistics, sheet: Option<(&str, &[u8])>) -> String {
    let mut out = String::new();
    let variants: usize = statistics.collection.last().map_or(0, |row| row.variants);
    let originals: usize = statistics.collection.last().map_or(0, |row| row.originals);
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Data set statistics</title><style>{STYLE}{OWN_STYLE}</style><main><h1>Data set statistics</h1>\
         <p class=\"lead\">{} originals, {} degraded pictures. {}.</p>",
        thousands(originals as u64),
        thousands(variants as u64),
        escape(&statistics.origin)
    );
    for line in &statistics.odd {
        let _ = write!(out, "<p class=\"missing\">{}.</p>", escape(line));
    }
    section(
        &mut out,
        "What there is",
        "Table 1 of the paper for this data set.",
        &collection_table(&statistics.collection),
    );
    section(&mut out, "Regions and levels", PATTERN_NOTE, &pattern_table(&statistics.patterns));
    section(&mut out, "Distortions", DISTORTION_NOTE, &distortion_table(&statistics.distortions));
    let note = format!(
        "Against the original, {} originals measured. Boxes: quartiles and median; whiskers: least and greatest. A level's box \
         counts uniform variants only.",
        thousands(statistics.measured_originals as u64)
    );
    let figure = quality_charts(&statistics.quality) + &quality_table(&statistics.quality);
    section(&mut out, "Quality by distortion and level", &note, &figure);
    if let Some(masks) = &statistics.masks {
        let verdicts: Vec<String> =
            masks.verdicts.iter().map(|(verdict, count)| format!("{} {verdict}", thousands(*count as u64))).collect();
        let middle = masks.quartiles.map(|q| {
            format!(
                " Median {:.1} %, quartiles {:.1} % and {:.1} %.",
                100.0 * q.median,
                100.0 * q.lower,
                100.0 * q.upper
            )
        });
        let note = format!("Masks: {}.{}", escape(&verdicts.join(", ")), middle.unwrap_or_default());
        section(&mut out, "Regions of interest", &note, &charts::mask_shares(&masks.shares));
    }
    if let Some((original, jpeg)) = sheet {
        let note =
            format!("All variants of <code>{}</code>; contact-sheet.png is the same without loss.", escape(original));
        let figure = format!(
            "<div class=\"bleed\"><img class=\"sheet\" alt=\"contact sheet\" src=\"data:image/jpeg;base64,{}\"></div>",
            base64(jpeg)
        );
        section(&mut out, "Contact sheet", &note, &figure);
    }
    out.push_str("</main></html>\n");
    out
}

const PATTERN_NOTE: &str =
    "Table 2 of the paper: (level of the region of interest, level of the background), with the number of pictures.";
const DISTORTION_NOTE: &str = "Table 2 of the paper, with the parameters of each level. Where levels come from ranks, the most frequent \
    parameters stand here with the share of originals that have them.";

fn section(out: &mut String, title: &str, note: &str, body: &str) {
    let _ = write!(out, "<section><h2>{title}</h2><p>{note}</p>{body}</section>");
}

fn collection_table(rows: &[CollectionRow]) -> String {
    let mut out = String::from(
        "<div class=\"wide\"><table><tr><th>originals<th>count<th>distortions<th>levels<th>regions<th>classes\
         <th>pictures<th>files<th>smallest<th>largest</tr>",
    );
    for row in rows {
        let files = if row.bytes == 0 { "none".to_owned() } else { bytes(row.bytes) };
        let _ = write!(
            out,
            "<tr><th>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{files}<td>{}×{}<td>{}×{}</tr>",
            row.name,
            thousands(row.originals as u64),
            row.distortions,
            row.levels,
            row.patterns,
            thousands(row.classes as u64),
            thousands(row.variants as u64),
            row.smallest.0,
            row.smallest.1,
            row.largest.0,
            row.largest.1
        );
    }
    out + "</table></div>"
}

fn pattern_table(rows: &[PatternRow]) -> String {
    let mut out =
        String::from("<div class=\"wide\"><table><tr><th>pattern<th>pairs<th class=\"text\">(region, background)</tr>");
    for row in rows {
        let counts: Vec<usize> = row.pairs.iter().map(|(_, _, count)| *count).collect();
        let even = counts.windows(2).all(|two| two[0] == two[1]);
        let pair = |&(roi, background, count): &(u8, u8, usize)| {
            if even {
                format!("({roi}, {background})")
            } else {
                format!("({roi}, {background}): {}", thousands(count as u64))
            }
        };
        let mut pairs = row.pairs.iter().map(pair).collect::<Vec<_>>().join(" ");
        if let Some(&count) = counts.first().filter(|_| even) {
            let _ = write!(pairs, ", {} each", thousands(count as u64));
        }
        let _ =
            write!(out, "<tr><th>{}<td>{}<td class=\"wrap\">{pairs}</tr>", row.pattern.replace('_', " "), counts.len());
    }
    out + "</table></div>"
}

fn distortion_table(rows: &[DistortionRow]) -> String {
    let levels = rows.iter().map(|row| row.levels.len()).max().unwrap_or(0);
    let mut out = String::from("<div class=\"wide\"><table><tr><th>distortion<th>pictures");
    for level in 1..=levels {
        let _ = write!(out, "<th class=\"text\">level {level}");
    }
    out.push_str("</tr>");
    let mut last = "";
    for row in rows {
        if row.category != last {
            let _ = write!(out, "<tr class=\"head\"><td colspan=\"{}\">{}</tr>", levels + 2, row.category);
            last = row.category;
        }
        let name = escape(&row.distortion.replace('_', " "));
        let _ = write!(out, "<tr><th>{name}<td>{}", thousands(row.variants as u64));
        for level in &row.levels {
            let share =
                if level.share < 1.0 { format!("<small>{:.0} %</small>", 100.0 * level.share) } else { String::new() };
            let _ = write!(out, "<td class=\"wrap\">{}{share}", escape(&level.parameters));
        }
        out.push_str("</tr>");
    }
    out + "</table></div>"
}

fn quality_charts(rows: &[QualityRow]) -> String {
    let groups = |of: fn(&QualityRow) -> Option<Quartiles>| -> Vec<Boxes> {
        let all = rows.iter().filter(|row| row.pattern.is_none());
        let level = |row: &QualityRow| Some((row.level?, of(row)?));
        let own = |name: &str| rows.iter().filter(|row| row.distortion == name).filter_map(level).collect();
        all.map(|row| Boxes { name: row.distortion.clone(), all: of(row), levels: own(&row.distortion) }).collect()
    };
    let finite = |value: f64| value.is_finite().then_some(value);
    let greatest = rows.iter().filter_map(|row| finite(row.psnr?.greatest)).fold(10.0, f64::max);
    let infinite = rows.iter().any(|row| row.psnr.is_some_and(|q| q.greatest.is_infinite()));
    // Room beyond the greatest finite value, so that infinity has a place of its own.
    let right = ((greatest + f64::from(u8::from(infinite)) * 3.0) / 5.0).ceil() * 5.0;
    let axis = if infinite { "PSNR (dB); identical pictures at the right edge" } else { "PSNR (dB)" };
    let least = rows.iter().filter_map(|row| finite(row.psnr?.least)).fold(0.0, f64::min);
    let mut out = charts::boxes(&groups(|row| row.psnr), axis, (least / 5.0).floor() * 5.0, right, 0);
    if rows.iter().any(|row| row.ssim.is_some()) {
        let least = rows.iter().filter_map(|row| finite(row.ssim?.least)).fold(0.0, f64::min);
        out += &charts::boxes(&groups(|row| row.ssim), "SSIM", (least * 5.0).floor() / 5.0, 1.0, 1);
    }
    out
}

fn quality_table(rows: &[QualityRow]) -> String {
    let mut out = String::from(
        "<details><summary>All figures</summary><div class=\"wide\"><table><tr><th>distortion<th class=\"text\">variants<th>count\
         <th>PSNR ¼<th>median<th>¾<th>SSIM ¼<th>median<th>¾</tr>",
    );
    for row in rows {
        let of = match (row.pattern, row.level) {
            (None, _) => "all".to_owned(),
            (Some(pattern), None) => pattern.replace('_', " "),
            (_, Some(level)) => format!("level {level}"),
        };
        let class = if row.pattern.is_none() { " class=\"model\"" } else { "" };
        let count = row.psnr.map_or(0, |q| q.count);
        let name = escape(&row.distortion.replace('_', " "));
        let _ = write!(out, "<tr{class}><th>{name}<td class=\"text\">{of}<td>{}", thousands(count as u64));
        for (quartiles, digits) in [(row.psnr, 2), (row.ssim, 3)] {
            for value in [quartiles.map(|q| q.lower), quartiles.map(|q| q.median), quartiles.map(|q| q.upper)] {
                let text = value.map_or_else(
                    || "–".to_owned(),
                    |v| if v.is_finite() { format!("{v:.digits$}") } else { "∞".into() },
                );
                let _ = write!(out, "<td>{text}");
            }
        }
        out.push_str("</tr>");
    }
    out + "</table></div></details>"
}

/// Digits in groups of three: `2,500,000`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn bytes(count: u64) -> String {
    let (value, unit) = match count {
        0..1_000_000 => (count as f64 / 1e3, "kB"),
        1_000_000..1_000_000_000 => (count as f64 / 1e6, "MB"),
        _ => (count as f64 / 1e9, "GB"),
    };
    format!("{value:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(distortion: &str, roi: u8, background: u8, psnr: f64, ssim: Option<f64>) -> Measured {
        Measured {
            original: "a".into(),
            distortion: distortion.into(),
            roi_level: roi,
            background_level: background,
            psnr,
            ssim,
        }
    }

    fn row(distortion: &str) -> DistortionRow {
        DistortionRow { category: "noise", distortion: distortion.into(), variants: 3, levels: Vec::new() }
    }

    #[test]
    fn groups_by_distortion_pattern_and_level() {
        let rows = [
            measured("fog", 1, 1, 40.0, Some(0.9)),
            measured("fog", 1, 1, 30.0, Some(0.8)),
            measured("fog", 2, 1, 20.0, Some(0.5)),
            measured("fog", 2, 2, 10.0, None),
            measured("snow", 1, 1, f64::INFINITY, Some(1.0)),
        ];
        let quality = quality(&[row("snow"), row("fog")], &rows);
        let names: Vec<_> = quality.iter().map(|q| (q.distortion.as_str(), q.pattern, q.level)).collect();
        let (uniform, roi) = (Some("uniform"), Some("roi_dominated"));
        assert_eq!(names[..3], [("snow", None, None), ("snow", uniform, None), ("snow", uniform, Some(1))]);
        assert_eq!(
            names[3..],
            [
                ("fog", None, None),
                ("fog", uniform, None),
                ("fog", roi, None),
                ("fog", uniform, Some(1)),
                ("fog", uniform, Some(2))
            ]
        );
        assert_eq!(quality[3].psnr.map(|q| (q.count, q.median)), Some((4, 25.0)));
        assert_eq!(quality[6].ssim.map(|q| (q.count, q.median)), Some((2, 0.8500000000000001)));
        assert_eq!(quality[7].ssim, None);

        let statistics = Statistics {
            origin: "from <files>".into(),
            collection: Vec::new(),
            patterns: vec![PatternRow { pattern: "uniform", pairs: vec![(1, 1, 1234), (2, 2, 5)] }],
            distortions: vec![row("snow"), row("fog")],
            measured_originals: 1,
            quality,
            masks: Some(MaskStatistics {
                verdicts: BTreeMap::from([("ok".into(), 2), ("empty".into(), 1)]),
                quartiles: Quartiles::of([0.2, 1.0]),
                shares: vec![0.2, 1.0],
            }),
            odd: vec!["snow is <missing>".into()],
        };
        let page = page(&statistics, Some(("a&b", b"\xff\xd8")));
        assert_eq!(page.matches("<svg").count(), 3);
        for part in ["from &lt;files&gt;", "(1, 1): 1,234", "∞", "1 empty, 2 ok", "a&amp;b", "base64,/9g="] {
            assert!(page.contains(part), "{part}");
        }
        assert!(!page.contains("NaN") && !page.contains("inf\"") && !page.contains("<missing>"));
        assert!(!page.replace("http://www.w3.org/2000/svg", "").contains("http"), "nothing from elsewhere");
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!([0, 999, 1000, 2_500_000].map(thousands), ["0", "999", "1,000", "2,500,000"]);
        assert_eq!([999, 916_200_000_000].map(bytes), ["1.0 kB", "916.2 GB"]);
    }
}
