//! What a camera shows in each condition, as measured: scores, cheap measures, what the scene looks like.

use std::{collections::BTreeMap, path::Path};

use miqa::facts::{LightMode, Scalars, Signature};
use serde::{Deserialize, Serialize};

/// Steps of blur in the table, in pixels (standard deviation).
pub(super) const BLUR_STEP: f32 = 0.5;
/// Steps there are.
pub(super) const BLUR_STEPS: usize = 9;

/// What the camera has before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lamp {
    Day,
    Dusk,
    Infrared,
}

impl Lamp {
    pub(super) const ALL: [Self; 3] = [Self::Day, Self::Dusk, Self::Infrared];
}

/// A condition without its blur.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Condition {
    pub(super) lamp: Lamp,
    pub(super) rain: bool,
    /// Looks where it did not before.
    pub(super) elsewhere: bool,
    /// Something lies over the lens.
    pub(super) covered: bool,
}

impl Condition {
    fn key(self, step: usize) -> String {
        let Self { lamp, rain, elsewhere, covered } = self;
        let on = |is: bool, word: &str| if is { format!(" {word}") } else { String::new() };
        format!("{lamp:?}{}{}{} {step}", on(rain, "rain"), on(elsewhere, "elsewhere"), on(covered, "covered"))
    }
}

/// One picture's numbers.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) light: LightMode,
    pub(super) scalars: Scalars,
    pub(super) signature: Signature,
    pub(super) score: f32,
}

/// The numbers of a condition: means, how far single pictures lie off them, some pictures' scenes.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    light: LightMode,
    score: [f32; 2],
    scalars: [[f32; 2]; 5],
    scenes: Vec<Signature>,
}

/// Every condition that was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Table {
    /// The model whose scores these are.
    pub(super) model: String,
    /// Below this score a gate makes do, by the model's card.
    pub(super) floor: f32,
    /// The card's closing threshold.
    pub(super) close_below: f32,
    rows: BTreeMap<String, Row>,
}

fn spread(values: impl Iterator<Item = f32> + Clone) -> [f32; 2] {
    let n = values.clone().count() as f32;
    let mean = values.clone().sum::<f32>() / n;
    let deviation = (values.map(|v| (v - mean).powi(2)).sum::<f32>() / n).sqrt();
    [mean, deviation].map(|v| (v * 1e4).round() / 1e4)
}

fn five(s: &Scalars) -> [f32; 5] {
    [s.mean, s.median, s.deviation, s.texture, s.coloured]
}

impl Table {
    /// A table without rows.
    pub(super) fn new(model: String, floor: f32, close_below: f32) -> Self {
        Self { model, floor, close_below, rows: BTreeMap::new() }
    }

    /// Takes what was seen in a condition at a step of blur.
    pub(super) fn add(&mut self, condition: Condition, step: usize, seen: &[Seen]) {
        let lights = |light| seen.iter().filter(|one| one.light == light).count();
        let light = LightMode::ALL.into_iter().max_by_key(|light| lights(*light)).unwrap();
        let row = Row {
            light,
            score: spread(seen.iter().map(|one| one.score)),
            scalars: std::array::from_fn(|i| spread(seen.iter().map(|one| five(&one.scalars)[i]))),
            scenes: seen.iter().step_by(seen.len().div_ceil(4)).map(|one| one.signature.clone()).collect(),
        };
        self.rows.insert(condition.key(step), row);
    }

    /// The mean score of a condition.
    pub(super) fn score(&self, condition: Condition, blur: f32) -> f32 {
        let (low, high, part) = self.around(condition, blur);
        low.score[0] + part * (high.score[0] - low.score[0])
    }

    /// The rows on either side of this blur, and how far it lies towards the second.
    fn around(&self, condition: Condition, blur: f32) -> (&Row, &Row, f32) {
        let step = (blur / BLUR_STEP).clamp(0.0, (BLUR_STEPS - 1) as f32);
        let row =
            |step: usize| self.rows.get(&condition.key(step)).unwrap_or_else(|| panic!("{}", condition.key(step)));
        let low = row(step as usize);
        let part = step.fract();
        (low, if part > 0.0 { row(step as usize + 1) } else { low }, part)
    }

    /// A picture in that condition: between the rows, off them as far as single pictures were.
    pub(super) fn draw(&self, condition: Condition, blur: f32, chance: &mut Chance) -> Seen {
        let (low, high, part) = self.around(condition, blur);
        let mut of = |low: [f32; 2], high: [f32; 2]| {
            let [mean, deviation] = [0, 1].map(|i| low[i] + part * (high[i] - low[i]));
            mean + deviation * chance.gaussian()
        };
        let score = of(low.score, high.score).clamp(0.0, 1.0);
        let [mean, median, deviation, texture, coloured] =
            std::array::from_fn(|i| of(low.scalars[i], high.scalars[i]).max(0.0));
        let near = if part < 0.5 { low } else { high };
        let scene = near.scenes[chance.below(near.scenes.len())].clone();
        let scalars = Scalars { mean, median, deviation, texture: texture.min(1.0), coloured: coloured.min(1.0) };
        Seen { light: near.light, scalars, signature: chance.passes_by(scene), score }
    }

    pub(super) fn read(path: &Path) -> Self {
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    pub(super) fn write(&self, path: &Path) {
        std::fs::write(path, serde_json::to_vec(self).unwrap()).unwrap();
    }

    /// Rows in the order of their keys, as a page shows them.
    pub(super) fn show(&self) {
        for (key, Row { light, score: [score, off], scalars, .. }) in &self.rows {
            println!("{key:24} {:9} score {score:.3} ± {off:.3}, texture {:.3}", light.name(), scalars[3][0]);
        }
    }
}

/// Reproducible chance (xorshift64*).
pub(super) struct Chance(pub(super) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n
    }

    /// Roughly Gaussian: the sum of eight uniform bytes.
    pub(super) fn gaussian(&mut self) -> f32 {
        let sum: u32 = self.next().to_le_bytes().map(u32::from).iter().sum();
        (sum as f32 - 1020.0) / 209.0
    }

    /// In one minute of five something large stands in the picture.
    fn passes_by(&mut self, scene: Signature) -> Signature {
        if self.below(5) > 0 {
            return scene;
        }
        let mut cells: Vec<i8> = scene.into();
        let (column, row) = (self.below(12), self.below(4));
        for i in 0..12 {
            cells[(row + i / 4) * 16 + column + i % 4] = (self.gaussian() * 40.0).clamp(-127.0, 127.0) as i8;
        }
        cells.try_into().unwrap()
    }
}
