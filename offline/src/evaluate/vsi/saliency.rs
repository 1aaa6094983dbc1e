//! Visual saliency by simple priors, SDSP (Zhang, Gu and Li 2013): what stands out, in the middle, in warm colours.

use std::sync::LazyLock;

use image::RgbImage;

use super::fourier::{Filter, SIDE};
use super::power::{exp2, pow};
use crate::render::elementary::{exp, ln};

/// Centre frequency of the log-Gabor filter, in cycles a pixel, and its bandwidth.
const OMEGA_0: f64 = 0.021;
const SIGMA_F: f64 = 1.34;
/// Reach of the middle in pixels of 256.
const SIGMA_D: f64 = 145.0;
/// How fast the pull of colour saturates; a and b scaled to 0..=1.
const SIGMA_C: f32 = 0.001;
/// sRGB → XYZ, and the white point D50 as piq has it.
const XYZ: [[f32; 3]; 3] = [
    [0.412_456_4, 0.357_576_1, 0.180_437_5],
    [0.212_672_9, 0.715_152_2, 0.072_175],
    [0.019_333_9, 0.119_192, 0.950_304_1],
];
const WHITE: [f32; 3] = [0.964_212, 1.0, 0.825_188_3];

/// What all pictures share.
struct Priors {
    filter: Filter,
    middle: Vec<f32>,
}

static PRIORS: LazyLock<Priors> = LazyLock::new(|| {
    let filter = Filter::radial(|squared| {
        // Frequencies beyond half a cycle a pixel in their own direction are cut, so is the mean.
        if squared == 0 || squared > (SIDE * SIDE / 4) as u32 {
            return 0.0;
        }
        let octaves = ln(f64::from(squared).sqrt() / SIDE as f64 / OMEGA_0);
        exp(-octaves * octaves / (2.0 * SIGMA_F * SIGMA_F))
    });
    // One pixel right of and below the middle of an even side, as piq has it.
    let place = |at: usize| at as f64 - (SIDE / 2) as f64 + 1.0;
    let distance = |at: usize| place(at % SIDE) * place(at % SIDE) + place(at / SIDE) * place(at / SIDE);
    let middle = (0..SIDE * SIDE).map(|at| exp(-distance(at) / (SIGMA_D * SIGMA_D)) as f32).collect();
    Priors { filter, middle }
});

/// Saliency of every pixel, 0 to 1 from the least to the most salient; found at 256×256 and enlarged.
pub(super) fn saliency(picture: &RgbImage) -> Vec<f32> {
    let [lightness, a, b] = lab(&shrunk(picture));
    let warm = warmth(&a, &b);
    let [mut lightness, mut a, mut b] = [lightness, a, b];
    let mut nothing = vec![0.0; SIDE * SIDE];
    PRIORS.filter.apply([&mut lightness, &mut a]);
    PRIORS.filter.apply([&mut b, &mut nothing]);
    let mut map = nothing;
    let filtered = lightness.iter().zip(&a).zip(&b);
    for (((salient, ((l, a), b)), middle), warm) in map.iter_mut().zip(filtered).zip(&PRIORS.middle).zip(&warm) {
        *salient = (l * l + a * a + b * b).sqrt() * middle * warm;
    }
    let mut map = enlarged(&map, picture.width() as usize, picture.height() as usize);
    let (least, most) = range(&map);
    let scale = most - least + f32::EPSILON;
    map.iter_mut().for_each(|salient| *salient = (*salient - least) / scale);
    map
}

/// Weights of the two neighbours of a place, between a pixel and the next one: index and share of the next.
fn between(position: f32, length: usize) -> (usize, f32) {
    let below = (position as usize).min(length - 1);
    (below, (position - below as f32).min(1.0))
}

/// Red, green and blue, 0 to 255, at 256×256: bilinear between the centres of pixels, without a wider filter for large
/// pictures.
fn shrunk(picture: &RgbImage) -> [Vec<f32>; 3] {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let source = |at: usize, length: usize| {
        let position = (at as f32 + 0.5) * (length as f32 / SIDE as f32) - 0.5;
        between(position.max(0.0), length)
    };
    let columns: Vec<(usize, f32)> = (0..SIDE).map(|x| source(x, width)).collect();
    let pixels = picture.as_raw();
    let mut planes = [(); 3].map(|()| Vec::with_capacity(SIDE * SIDE));
    for (top, down) in (0..SIDE).map(|y| source(y, height)) {
        let above = &pixels[top * width * 3..][..width * 3];
        let below = &pixels[(top + 1).min(height - 1) * width * 3..][..width * 3];
        for &(left, right) in &columns {
            let next = (left + 1).min(width - 1);
            for (channel, plane) in planes.iter_mut().enumerate() {
                let across = |row: &[u8]| {
                    let (here, there) = (f32::from(row[left * 3 + channel]), f32::from(row[next * 3 + channel]));
                    (1.0 - right) * here + right * there
                };
                plane.push((1.0 - down) * across(above) + down * across(below));
            }
        }
    }
    planes
}

/// CIE L*, a* and b* of red, green and blue from 0 to 255.
fn lab([red, green, blue]: &[Vec<f32>; 3]) -> [Vec<f32>; 3] {
    let mut planes = [(); 3].map(|()| vec![0_f32; red.len()]);
    let [lightness, a, b] = &mut planes;
    let results = lightness.iter_mut().zip(a).zip(b);
    for (((lightness, a), b), ((&red, &green), &blue)) in results.zip(red.iter().zip(green).zip(blue)) {
        let light = [linear(red / 255.0), linear(green / 255.0), linear(blue / 255.0)];
        let axis = |row: usize| {
            let [r, g, b] = XYZ[row];
            root((r * light[0] + g * light[1] + b * light[2]) / WHITE[row])
        };
        let (x, y, z) = (axis(0), axis(1), axis(2));
        *lightness = 116.0 * y - 16.0;
        *a = 500.0 * (x - y);
        *b = 200.0 * (y - z);
    }
    planes
}

/// Light of an sRGB value of 0 to 1. Both branches are computed: a choice between two numbers can be vectorised.
fn linear(value: f32) -> f32 {
    let (low, high) = (value / 12.92, pow((value + 0.055) / 1.055, 2.4));
    if value > 0.04045 { high } else { low }
}

/// The compressed scale of L*a*b*.
fn root(value: f32) -> f32 {
    let (low, high) = ((903.3 * value + 16.0) / 116.0, pow(value.max(0.001), 1.0 / 3.0));
    if value > 0.008_856 { high } else { low }
}

/// The pull of colour: 0 for the greenest and bluest, 1 for nearly all else.
fn warmth(a: &[f32], b: &[f32]) -> Vec<f32> {
    let ((least_a, most_a), (least_b, most_b)) = (range(a), range(b));
    let scale_a = most_a - least_a + f32::EPSILON;
    let scale_b = most_b - least_b + f32::EPSILON;
    let places = a.iter().zip(b);
    places
        .map(|(a, b)| {
            let (a, b) = ((a - least_a) / scale_a, (b - least_b) / scale_b);
            // To base 2; beyond 2⁻¹²⁶ it is 0 beside 1.
            1.0 - exp2((-(a * a + b * b) / (SIGMA_C * SIGMA_C) * std::f32::consts::LOG2_E).max(-126.0))
        })
        .collect()
}

/// The least and the greatest value.
fn range(values: &[f32]) -> (f32, f32) {
    let mut least = [f32::INFINITY; 8];
    let mut most = [f32::NEG_INFINITY; 8];
    let (eights, rest) = values.as_chunks::<8>();
    for eight in eights {
        for ((least, most), &value) in least.iter_mut().zip(&mut most).zip(eight) {
            *least = if value < *least { value } else { *least };
            *most = if value > *most { value } else { *most };
        }
    }
    let least = least.iter().chain(rest).copied().fold(f32::INFINITY, f32::min);
    let most = most.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max);
    (least, most)
}

/// A map of 256×256 brought to another size: bilinear, the corners stay in the corners.
fn enlarged(map: &[f32], width: usize, height: usize) -> Vec<f32> {
    let source = |at: usize, length: usize| {
        let step = if length > 1 { (SIDE - 1) as f32 / (length - 1) as f32 } else { 0.0 };
        between(at as f32 * step, SIDE)
    };
    let columns: Vec<(usize, f32)> = (0..width).map(|x| source(x, width)).collect();
    let mut row = vec![0_f32; SIDE];
    let mut out = Vec::with_capacity(width * height);
    for (top, down) in (0..height).map(|y| source(y, height)) {
        let above = &map[top * SIDE..][..SIDE];
        let below = &map[(top + 1).min(SIDE - 1) * SIDE..][..SIDE];
        for ((value, above), below) in row.iter_mut().zip(above).zip(below) {
            *value = (1.0 - down) * above + down * below;
        }
        let across = |&(left, right): &(usize, f32)| (1.0 - right) * row[left] + right * row[(left + 1).min(SIDE - 1)];
        out.extend(columns.iter().map(across));
    }
    out
}
