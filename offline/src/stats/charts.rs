//! The pictures of the statistics page.

use super::quartiles::Quartiles;
use crate::evaluate::report::svg::{Anchor, Scale, Svg};

/// The boxes of one distortion: all variants of it, then a box a level.
#[derive(Debug)]
pub(super) struct Boxes {
    pub(super) name: String,
    pub(super) all: Option<Quartiles>,
    /// Level and its order statistics, mildest first.
    pub(super) levels: Vec<(u8, Quartiles)>,
}

/// Box plots, a group a distortion (Fig. 5 of the paper): boxes from the lower to the upper quartile with the median, whiskers
/// to the least and the greatest value. Infinite values stand at the right edge.
pub(super) fn boxes(groups: &[Boxes], axis: &str, least: f64, greatest: f64, digits: usize) -> String {
    let levels = groups.iter().flat_map(|group| group.levels.iter().map(|(level, _)| *level)).max().unwrap_or(0);
    let (thin, thick, space) = (9.0, 15.0, 18.0);
    let height = thick + thin * f64::from(levels) + space;
    let top = 34.0;
    let bottom = top + height * groups.len() as f64;
    let mut svg = Svg::new(820.0, bottom + 40.0, &format!("{axis} by distortion and level"));
    let scale = Scale { low: least, high: greatest, from: 150.0, to: 800.0 };
    legend(&mut svg, levels);
    for tick in scale.ticks(6) {
        svg.line("grid", [scale.at(tick), top - 6.0, scale.at(tick), bottom - space / 2.0]);
        svg.text("tick", scale.at(tick), bottom + 8.0, Anchor::Middle, format_args!("{tick:.digits$}"));
    }
    svg.text("note", (scale.from + scale.to) / 2.0, bottom + 28.0, Anchor::Middle, axis);
    for (index, group) in groups.iter().enumerate() {
        let mut y = top + height * index as f64;
        svg.text("label", 140.0, y + (height - space) / 2.0 + 4.0, Anchor::End, group.name.replace('_', " "));
        if let Some(all) = &group.all {
            one(&mut svg, scale, "box all", all, [y, thick - 4.0], 0.9, &format!("{}, all", group.name));
        }
        y += thick;
        for (level, quartiles) in &group.levels {
            let hint = format!("{} level {level}", group.name);
            let place = [y + thin * f64::from(level - 1), thin - 2.5];
            one(&mut svg, scale, "box", quartiles, place, shade(*level, levels), &hint);
        }
    }
    svg.finish()
}

fn legend(svg: &mut Svg, levels: u8) {
    svg.rect("box all", [150.0, 6.0, 22.0, 11.0], 0.9, "all variants");
    svg.text("tick", 178.0, 15.0, Anchor::Start, "all variants of a distortion");
    for level in 1..=levels {
        let x = 350.0 + 74.0 * f64::from(level - 1);
        svg.rect("box", [x, 8.0, 18.0, 7.0], shade(level, levels), "level");
        svg.text("tick", x + 23.0, 15.0, Anchor::Start, format_args!("level {level}"));
    }
}

fn shade(level: u8, levels: u8) -> f64 {
    0.25 + 0.7 * f64::from(level) / f64::from(levels.max(1))
}

fn one(svg: &mut Svg, scale: Scale, class: &str, q: &Quartiles, [y, height]: [f64; 2], opacity: f64, hint: &str) {
    let middle = y + height / 2.0;
    svg.line("whisker thin", [scale.at(q.least), middle, scale.at(q.greatest), middle]);
    let (from, to) = (scale.at(q.lower), scale.at(q.upper));
    let hint = format!(
        "{hint}: median {:.3}, quartiles {:.3} and {:.3}, {:.3} to {:.3}, {} variants",
        q.median, q.lower, q.upper, q.least, q.greatest, q.count
    );
    // At least a pixel: a box of equal quartiles must not vanish.
    svg.rect(class, [from, y, (to - from).max(1.0), height], opacity, &hint);
    svg.line("median", [scale.at(q.median), y - 1.0, scale.at(q.median), y + height + 1.0]);
}

/// How many masks have which share of the picture inside, in twentieths.
pub(super) fn mask_shares(shares: &[f64]) -> String {
    let mut counts = [0_usize; 20];
    for share in shares {
        counts[((share.clamp(0.0, 1.0) * 20.0) as usize).min(19)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let mut svg = Svg::new(820.0, 250.0, "Masks by area share");
    let x = Scale { low: 0.0, high: 100.0, from: 60.0, to: 800.0 };
    let y = Scale { low: 0.0, high: most as f64, from: 200.0, to: 16.0 };
    let mut ticks = y.ticks(4);
    ticks.retain(|tick| tick.fract() == 0.0);
    for tick in ticks {
        svg.line("grid", [x.from, y.at(tick), x.to, y.at(tick)]);
        svg.text("tick", x.from - 8.0, y.at(tick) + 4.0, Anchor::End, format_args!("{tick:.0}"));
    }
    for (index, count) in counts.into_iter().enumerate() {
        let (low, high) = (5.0 * index as f64, 5.0 * (index + 1) as f64);
        let upper = y.at(count as f64);
        let hint = format!("{low:.0} to {high:.0} %: {count} masks");
        svg.rect("box", [x.at(low) + 1.0, upper, x.at(high) - x.at(low) - 2.0, y.from - upper], 0.8, &hint);
    }
    for tick in x.ticks(10) {
        svg.text("tick", x.at(tick), 216.0, Anchor::Middle, format_args!("{tick:.0}"));
    }
    svg.text("note", 430.0, 238.0, Anchor::Middle, "share of the picture inside the mask (%)");
    svg.text("note", 60.0, 10.0, Anchor::Start, "masks");
    svg.finish()
}
