//! Black, one colour and slates: pictures without a scene, told from one frame's luma and chroma.

use super::{
    Scalars,
    sample::{ACROSS, BLOCK, BLOCKS, CAPTION_ROWS, DOWN, Samples, in_caption},
};

/// Share of samples cut off at either end before black and one colour are judged: dead pixels, ringing.
const TRIM: f32 = 0.005;

/// Black: trimmed mean and deviation of the rows between the captions, in levels of 255.
const BLACK: (f32, f32) = (16.0, 5.0);
/// Black and one colour: so many blocks of those rows may have a mean more than so many coded levels off the rows': a
/// dark or foggy picture with a scene in it is neither.
const UNEVEN: (usize, f32) = (2, 3.0);

/// One colour: trimmed deviation of luma and of either colour difference, in levels.
const ONE_COLOUR: f32 = 3.0;

/// Share of the caption rows that must look like the rest, within [`NEAR`] levels: text may cover what is left.
const CAPTION: f32 = 0.7;
const NEAR: f32 = 12.0;

/// A slate: this share of its blocks is flat, ...
const FLAT_BLOCKS: f32 = 0.55;
/// ... a flat block's samples lie within so many coded levels, ...
const FLAT: u8 = 2;
/// ... this share of its samples lies in narrow peaks of the histogram, ...
const IN_PEAKS: f32 = 0.8;
/// ... a peak is at most so many levels wide, each with at least this share of the samples, ...
const PEAK_WIDTH: usize = 6;
const OCCUPIED: f32 = 0.005;
/// ... its luma deviates by this many coded levels outside the caption rows: there is writing, or bars, ...
const CONTRAST: f32 = 10.0;
/// ... and the blocks that are not flat hold steps, so many coded levels high on average. A dark scene, heavily
/// compressed, has as many flat blocks, but faint ones between them.
const STEP: f32 = 20.0;

/// A block whose samples differ by this many coded levels has texture; sensor noise alone stays below.
const TEXTURE: u8 = 16;

/// A histogram of coded values.
#[derive(Clone)]
struct Histogram([u32; 256]);

impl Histogram {
    fn of(values: impl Iterator<Item = u8>) -> Self {
        let mut bins = [0; 256];
        values.for_each(|v| bins[usize::from(v)] += 1);
        Self(bins)
    }

    fn total(&self) -> u32 {
        self.0.iter().sum()
    }

    fn mean_and_deviation(&self) -> (f32, f32) {
        let n = f64::from(self.total().max(1));
        let sum = |power: i32| -> f64 {
            self.0.iter().enumerate().map(|(v, &c)| (v as f64).powi(power) * f64::from(c)).sum::<f64>() / n
        };
        let mean = sum(1);
        (mean as f32, (sum(2) - mean * mean).max(0.0).sqrt() as f32)
    }

    /// The value below which this share of the samples lies.
    fn quantile(&self, share: f32) -> u8 {
        let wanted = (share * self.total() as f32) as u32;
        let mut seen = 0;
        let below = self.0.iter().take_while(|&&c| {
            seen += c;
            seen <= wanted
        });
        below.count().min(255) as u8
    }

    fn trimmed(mut self) -> Self {
        let cut = (TRIM * self.total() as f32) as u32;
        let trim = |bins: &mut dyn Iterator<Item = &mut u32>| {
            let mut left = cut;
            for bin in bins {
                let n = left.min(*bin);
                *bin -= n;
                left -= n;
            }
        };
        trim(&mut self.0.iter_mut());
        trim(&mut self.0.iter_mut().rev());
        self
    }

    /// Share of samples in runs of occupied values that are at most [`PEAK_WIDTH`] wide.
    fn in_peaks(&self) -> f32 {
        let total = self.total().max(1) as f32;
        let least = (OCCUPIED * total).max(1.0);
        let runs = self.0.chunk_by(|a, b| (*a as f32 >= least) == (*b as f32 >= least));
        let narrow = runs.filter(|run| run[0] as f32 >= least && run.len() <= PEAK_WIDTH);
        narrow.flatten().sum::<u32>() as f32 / total
    }
}

/// What one frame looks like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Plain {
    pub(super) black: bool,
    pub(super) one_colour: bool,
    /// Drawn, not seen by a sensor; a slate if it repeats as well.
    pub(super) drawn: bool,
    pub(super) scalars: Scalars,
}

/// Looks at one frame.
pub(super) fn look(samples: &Samples) -> Plain {
    // Blocks lie row by row, so the rows between the captions are one stretch.
    let caption = CAPTION_ROWS * ACROSS * BLOCK;
    let (top, rest) = samples.luma.split_at(caption);
    let (scene, bottom) = rest.split_at((DOWN - 2 * CAPTION_ROWS) * ACROSS * BLOCK);
    let scene = Histogram::of(scene.iter().copied());
    let captions = Histogram::of(top.iter().chain(bottom).copied());
    let whole = Histogram(std::array::from_fn(|i| scene.0[i] + captions.0[i]));

    let range = if samples.full_range { 1.0 } else { 255.0 / 219.0 };
    let contrast = scene.mean_and_deviation().1;
    let (mean, deviation) = scene.trimmed().mean_and_deviation();
    let alike = |v: usize| (v as f32 - mean).abs() * range <= NEAR;
    let near = captions.0.iter().enumerate().filter(|(v, _)| alike(*v)).map(|(_, &c)| c).sum::<u32>();
    let all_over = near as f32 >= CAPTION * captions.total() as f32;
    let sum = |block: usize| samples.block(block).iter().map(|&v| u32::from(v)).sum::<u32>() as f32;
    let uneven = |block: &usize| !in_caption(*block) && (sum(*block) / BLOCK as f32 - mean).abs() > UNEVEN.1;
    let all_over = all_over && (0..BLOCKS).filter(uneven).count() <= UNEVEN.0;
    let black = all_over && samples.level(mean) <= BLACK.0 && deviation * range <= BLACK.1;

    let differences = [0, 1].map(|i| Histogram::of(samples.chroma.iter().map(|c| c[i])));
    let even = |h: &Histogram| h.clone().trimmed().mean_and_deviation().1 <= ONE_COLOUR;
    let one_colour = all_over && !black && deviation * range <= ONE_COLOUR && differences.iter().all(even);

    let (mut flat, mut textured, mut steps) = (0_u32, 0_u32, 0_u32);
    for block in 0..BLOCKS {
        let (low, high) = samples.block(block).iter().fold((u8::MAX, 0), |(l, h), &v| (v.min(l), v.max(h)));
        flat += u32::from(high - low <= FLAT);
        steps += if high - low > FLAT { u32::from(high - low) } else { 0 };
        textured += u32::from(high - low >= TEXTURE);
    }
    let (mean, deviation) = whole.mean_and_deviation();
    let drawn = !(black || one_colour)
        && flat as f32 >= FLAT_BLOCKS * BLOCKS as f32
        && contrast >= CONTRAST
        && steps as f32 >= STEP * (BLOCKS as u32 - flat) as f32
        && whole.in_peaks() >= IN_PEAKS;

    let saturation = |c: &[u8; 2]| c[0].abs_diff(128).max(c[1].abs_diff(128));
    let coloured = samples.chroma.iter().filter(|c| saturation(c) > super::light::NEUTRAL).count();
    Plain {
        black,
        one_colour,
        drawn,
        scalars: Scalars {
            mean: samples.level(mean),
            median: samples.level(f32::from(whole.quantile(0.5))),
            deviation: deviation * range,
            texture: textured as f32 / BLOCKS as f32,
            coloured: coloured as f32 / samples.chroma.len() as f32,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;

    fn plain(pixel: impl Fn(u32, u32) -> [u8; 3]) -> Plain {
        let mut samples = Samples::new();
        let picture = image::RgbImage::from_fn(640, 360, |x, y| image::Rgb(pixel(x, y)));
        assert!(samples.take(&Frame::from_rgb(picture)));
        look(&samples)
    }

    /// Noise of −`span` to `span` levels, the same at every run.
    fn noise(x: u32, y: u32, span: i32) -> i32 {
        let bits = (x.wrapping_mul(374_761_393) ^ y.wrapping_mul(668_265_263)).wrapping_mul(1_274_126_177);
        (bits >> 13) as i32 % (2 * span + 1) - span
    }

    /// Letters of a kind: strokes over the middle.
    fn ink(x: u32, y: u32) -> bool {
        (200..440).contains(&x) && (150..200).contains(&y) && (x / 8).is_multiple_of(2) && (y / 20).is_multiple_of(2)
    }

    fn clock(x: u32, y: u32) -> bool {
        x < 160 && y < 20
    }

    #[test]
    fn each_kind_is_told_apart() {
        let grey = |v: i32| [v.clamp(0, 255) as u8; 3];
        type Pixel = Box<dyn Fn(u32, u32) -> [u8; 3]>;
        let cases: [(&str, Pixel, [bool; 3]); 11] = [
            ("black", Box::new(|_, _| [0; 3]), [true, false, false]),
            ("black with noise", Box::new(move |x, y| grey(5 + noise(x, y, 5))), [true, false, false]),
            (
                "black with a clock",
                Box::new(move |x, y| if clock(x, y) { [255; 3] } else { grey(3 + noise(x, y, 2)) }),
                [true, false, false],
            ),
            ("blue", Box::new(|_, _| [0, 0, 200]), [false, true, false]),
            ("grey with a clock", Box::new(|x, y| if clock(x, y) { [255; 3] } else { [90; 3] }), [false, true, false]),
            ("two colours of one luma", Box::new(|x, _| if x < 320 { [200, 0, 0] } else { [0, 102, 0] }), [false; 3]),
            (
                "blue with writing",
                Box::new(|x, y| if ink(x, y) { [255; 3] } else { [0, 0, 200] }),
                [false, false, true],
            ),
            ("black with writing", Box::new(|x, y| if ink(x, y) { [255; 3] } else { [0; 3] }), [false, false, true]),
            (
                "bars",
                Box::new(|x, _| {
                    [[192; 3], [192, 192, 0], [0, 192, 192], [0, 192, 0], [192, 0, 192], [192, 0, 0], [0, 0, 192]]
                        [(x / 92) as usize]
                }),
                [false, false, true],
            ),
            ("a dark scene", Box::new(move |x, y| grey((x / 16) as i32 + noise(x, y, 6))), [false; 3]),
            (
                "a bright scene",
                Box::new(move |x, y| grey(200 + ((x * y) / 4000) as i32 % 50 + noise(x, y, 3))),
                [false; 3],
            ),
        ];
        for (name, pixel, want) in cases {
            let found = plain(pixel);
            assert_eq!([found.black, found.one_colour, found.drawn], want, "{name}: {found:?}");
        }
    }

    #[test]
    fn scalars_measure_what_they_say() {
        let flat = plain(|_, _| [100; 3]).scalars;
        assert!((flat.mean - 100.0).abs() < 1.0 && (flat.median - 100.0).abs() < 1.5 && flat.deviation < 0.5);
        assert_eq!((flat.texture, flat.coloured), (0.0, 0.0));
        let checks = plain(|x, y| if (x / 3 + y / 3) % 2 == 0 { [0, 0, 255] } else { [255, 255, 0] }).scalars;
        assert!(checks.texture > 0.99 && checks.coloured > 0.99, "{checks:?}");
        assert!((plain(|x, _| [(x * 255 / 639) as u8; 3]).scalars.deviation - 73.6).abs() < 1.5);
    }

    #[test]
    fn quantiles_and_trimming_are_exact_on_small_histograms() {
        let h = Histogram::of((0..=199).map(|i| if i == 199 { 255 } else { i / 100 }));
        assert_eq!((h.quantile(0.0), h.quantile(0.49), h.quantile(0.51)), (0, 0, 1));
        let trimmed = h.trimmed();
        assert_eq!((trimmed.0[255], trimmed.0[0], trimmed.0[1]), (0, 99, 99));
    }
}
