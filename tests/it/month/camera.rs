//! The real clip, spoilt on its pixels and scored by the shipped model.

use std::path::Path;

use image::{Rgb, RgbImage, imageops};
use miqa::{
    engine::{Card, Device, Model, Runtime},
    facts::{Inspector, glance},
    frame::Frame,
    preprocess::{View, from_rgb, to_rgb},
};

use super::table::{BLUR_STEP, BLUR_STEPS, Chance, Condition, Lamp, Seen, Table};

/// Stretches of the clip that nothing was done to, in seconds.
const CLEAN: [std::ops::Range<f64>; 4] = [0.1..2.9, 6.2..8.9, 12.2..14.9, 18.2..20.1];

/// Pictures of the clip that are used.
const PICTURES: usize = 24;

/// The camera with its model.
pub(super) struct Camera {
    pictures: Vec<RgbImage>,
    model: Model,
    head: usize,
    chance: Chance,
    /// Pictures scored so far.
    pub(super) scored: usize,
}

impl Camera {
    /// The clip's clean pictures before that model.
    pub(super) fn new(card: &Card, head: &str) -> Self {
        let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/traffic.mp4");
        let clean = |frame: &Frame| {
            let at = frame.pts.unwrap_or_default().as_secs_f64();
            CLEAN.iter().any(|stretch| stretch.contains(&at))
        };
        let frames: Vec<_> = miqa::source::frames(&clip).unwrap().map(Result::unwrap).filter(clean).collect();
        let pictures =
            frames.iter().step_by(frames.len() / PICTURES).take(PICTURES).map(|f| to_rgb(f).unwrap()).collect();
        let model = Model::open(&Runtime::open(Device::Cpu).unwrap(), card, 1).unwrap();
        let head = card.output.heads.iter().position(|name| name == head).unwrap();
        Self { pictures, model, head, chance: Chance(11), scored: 0 }
    }

    /// Looks in that condition at one of its pictures.
    pub(super) fn look(&mut self, condition: Condition, blur: f32, picture: usize) -> Seen {
        let picture = spoil(&self.pictures[picture % PICTURES], condition, blur, &mut self.chance);
        let view = from_rgb(&picture, View::Centre).unwrap();
        let score = self.model.score(&[view]).unwrap().remove(0).heads[self.head];
        self.scored += 1;
        let frame = Frame::from_rgb(picture);
        let mut inspector = Inspector::new(&miqa::config::Facts::default());
        inspector.look(&frame, std::time::Duration::ZERO);
        let scalars = glance(&frame).unwrap().scalars;
        Seen { light: inspector.light().unwrap(), scalars, signature: inspector.signature().unwrap(), score }
    }

    /// Measures every condition that the month has.
    pub(super) fn measure(&mut self, table: &mut Table) {
        let none = Condition { lamp: Lamp::Day, rain: false, elsewhere: false, covered: false };
        let mut rows = vec![(Condition { covered: true, ..none }, 0)];
        for lamp in Lamp::ALL {
            for rain in [false, true] {
                rows.extend((0..BLUR_STEPS).map(|step| (Condition { lamp, rain, ..none }, step)));
                rows.push((Condition { lamp, rain, elsewhere: true, ..none }, 0));
            }
        }
        for (condition, step) in rows {
            let seen: Vec<_> = (0..PICTURES).map(|i| self.look(condition, step as f32 * BLUR_STEP, i)).collect();
            table.add(condition, step, &seen);
        }
    }
}

/// What the camera would have shown of this scene.
fn spoil(scene: &RgbImage, condition: Condition, blur: f32, chance: &mut Chance) -> RgbImage {
    // Four fifths of the clip's picture; turned, the other four fifths.
    let (width, height) = (scene.width() * 4 / 5, scene.height() * 4 / 5);
    let (x, y) = if condition.elsewhere { (scene.width() - width, scene.height() - height) } else { (0, 0) };
    let mut picture = imageops::crop_imm(scene, x, y, width, height).to_image();
    if condition.covered {
        // A cloth, lit from one side.
        picture = RgbImage::from_fn(width, height, |x, _| {
            let v = 100.0 + 30.0 * x as f32 / width as f32 + 2.0 * chance.gaussian();
            Rgb([v as u8, (0.95 * v) as u8, (0.88 * v) as u8])
        });
    }
    if condition.rain {
        rain(&mut picture, chance);
    }
    if blur > 0.0 {
        picture = imageops::blur(&picture, blur);
    }
    // The sun and its clouds; the lamp beside the lens; next to nothing.
    let exposure = 0.95 + 0.05 * chance.gaussian();
    let (w, h) = (width as f32, height as f32);
    for (x, y, Rgb(pixel)) in picture.enumerate_pixels_mut() {
        let [r, g, b] = pixel.map(f32::from);
        let grey = 0.299 * r + 0.587 * g + 0.114 * b;
        *pixel = match condition.lamp {
            Lamp::Day => [r, g, b].map(|v| (v * exposure + 1.5 * chance.gaussian()).clamp(0.0, 255.0) as u8),
            Lamp::Dusk => {
                [r, g, b].map(|v| (v * 0.22 * exposure + 2.0 + 2.5 * chance.gaussian()).clamp(0.0, 255.0) as u8)
            }
            Lamp::Infrared => {
                let off = (x as f32 / w - 0.5).powi(2) + (y as f32 / h - 0.5).powi(2);
                let lit = 1.25 - 1.6 * off;
                [(grey * lit * exposure + 2.5 * chance.gaussian()).clamp(0.0, 255.0) as u8; 3]
            }
        };
    }
    picture
}

/// Haze and streaks, half see-through, in front of everything.
fn rain(picture: &mut RgbImage, chance: &mut Chance) {
    for Rgb(pixel) in picture.pixels_mut() {
        *pixel = pixel.map(|v| (0.6 * f32::from(v) + 60.0) as u8);
    }
    let (width, height) = picture.dimensions();
    for _ in 0..900 {
        let (x, y) = (chance.below(width as usize), chance.below(height as usize));
        let length = 12 + chance.below(28);
        for step in 0..length {
            let (x, y) = ((x + step / 4) as u32, (y + step) as u32);
            if x < width && y < height {
                let Rgb(pixel) = picture.get_pixel_mut(x, y);
                *pixel = pixel.map(|v| ((f32::from(v) + 230.0) / 2.0) as u8);
            }
        }
    }
}
