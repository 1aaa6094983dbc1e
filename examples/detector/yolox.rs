//! YOLOX (Ge et al. 2021, Apache-2.0): a picture in, boxes out.

use std::path::Path;

use image::RgbImage;
use miqa::{
    engine::Runtime,
    preprocess::{Filter, resize_rgb},
};
use ndarray::Array4;
use ort::{session::Session, value::TensorRef};

/// Side of the input in pixels.
const SIDE: usize = 416;

/// Grey that fills what the picture leaves free.
const PAD: f32 = 114.0;

/// Least score of a detection, and overlap from which two boxes of a class are one.
const LEAST: f32 = 0.35;
const SAME: f32 = 0.45;

/// One detection: class (COCO's 80 in their order), score, box as left, top, right, bottom in pixels of the picture.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Detection {
    pub(crate) class: usize,
    pub(crate) score: f32,
    pub(crate) area: [f32; 4],
}

impl Detection {
    /// Intersection over union of the boxes, 0 for different classes.
    pub(crate) fn overlap(&self, other: &Self) -> f32 {
        let ([al, at, ar, ab], [bl, bt, br, bb]) = (self.area, other.area);
        let inside = (ar.min(br) - al.max(bl)).max(0.0) * (ab.min(bb) - at.max(bt)).max(0.0);
        let both = (ar - al) * (ab - at) + (br - bl) * (bb - bt) - inside;
        if self.class == other.class && both > 0.0 { inside / both } else { 0.0 }
    }
}

/// The detector.
pub(crate) struct Yolox(Session);

impl Yolox {
    pub(crate) fn open(runtime: &Runtime, path: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        Ok(Self(runtime.session_from_bytes(&path.display().to_string(), &std::fs::read(path)?, 1)?))
    }

    pub(crate) fn detect(&mut self, picture: &RgbImage) -> Result<Vec<Detection>, Box<dyn std::error::Error>> {
        let (width, height) = picture.dimensions();
        let scale = SIDE as f32 / width.max(height) as f32;
        let (w, h) = ((width as f32 * scale) as u32, (height as f32 * scale) as u32);
        let small = resize_rgb(picture.as_raw(), (width, height), None, (w, h), Filter::Bilinear)?;
        let mut input = Array4::from_elem((1, 3, SIDE, SIDE), PAD);
        for (i, value) in small.iter().enumerate() {
            let (pixel, channel) = (i / 3, i % 3);
            // The model wants blue, green, red.
            input[[0, 2 - channel, pixel / w as usize, pixel % w as usize]] = f32::from(*value);
        }
        let outputs = self.0.run(ort::inputs![TensorRef::from_array_view(&input)?])?;
        let (_, rows) = outputs[0].try_extract_tensor::<f32>()?;
        let mut found: Vec<Detection> =
            grid().zip(rows.chunks_exact(85)).filter_map(|(g, row)| decode(g, row, scale)).collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        let mut kept: Vec<Detection> = Vec::new();
        for detection in found {
            if kept.iter().all(|k| k.overlap(&detection) < SAME) {
                kept.push(detection);
            }
        }
        Ok(kept)
    }
}

/// Column, row and stride of every output row.
fn grid() -> impl Iterator<Item = (usize, usize, usize)> {
    [8, 16, 32].into_iter().flat_map(|stride| {
        let cells = SIDE / stride;
        (0..cells * cells).map(move |i| (i % cells, i / cells, stride))
    })
}

fn decode((x, y, stride): (usize, usize, usize), row: &[f32], scale: f32) -> Option<Detection> {
    let (class, best) = row[5..].iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let score = row[4] * best;
    let cell = stride as f32 / scale;
    let (cx, cy) = ((row[0] + x as f32) * cell, (row[1] + y as f32) * cell);
    let (w, h) = (row[2].exp() * cell / 2.0, row[3].exp() * cell / 2.0);
    (score >= LEAST).then_some(Detection { class, score, area: [cx - w, cy - h, cx + w, cy + h] })
}
