#![expect(clippy::unwrap_used, reason = "a test may stop at once")]

use super::*;
use crate::frame::{Colour, Matrix, Pixels, Plane};

const W: usize = 640;
const H: usize = 360;

/// A reproducible sequence of pseudo-random numbers (xorshift64*).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Roughly Gaussian with this deviation: the sum of eight uniform bytes.
    fn gaussian(&mut self, deviation: f32) -> f32 {
        let sum: u32 = self.next().to_le_bytes().map(u32::from).iter().sum();
        (sum as f32 - 1020.0) / 209.0 * deviation
    }
}

/// A scene with edges, shading and texture, of medium brightness.
fn scene() -> Vec<u8> {
    (0..W * H)
        .map(|i| {
            let (x, y) = (i % W, i / W);
            (50 + x / 12 + y / 9 + if (x / 60 + y / 45) % 2 == 0 { 60 } else { 0 } + (x * 7 + y * 13) % 9) as u8
        })
        .collect()
}

fn frame(luma: Vec<u8>, chroma: u8) -> Frame {
    let plane = || Plane::owned(vec![chroma; W * H / 4], W / 2);
    Frame {
        width: W as u32,
        height: H as u32,
        pixels: Pixels::I420 { y: Plane::owned(luma, W), u: plane(), v: plane() },
        colour: Colour { matrix: Matrix::Bt709, full_range: false },
        pts: None,
        arrived: Duration::ZERO,
        corrupt: false,
    }
}

/// A clock in the top left corner that changes every second.
fn clock(luma: &mut [u8], second: u64) {
    for y in 8..28 {
        for x in 8..150 {
            luma[y * W + x] = if (x / 7 + y / 6) as u64 * 31 % 7 < second % 7 { 230 } else { 20 };
        }
    }
}

/// Feeds `seconds` of pictures at 25 a second from `from` on; the changes with their times in milliseconds.
fn feed(
    inspector: &mut Inspector,
    from: u64,
    seconds: u64,
    mut picture: impl FnMut(u64) -> Frame,
) -> Vec<(u64, Change)> {
    let mut changes = Vec::new();
    for i in 0..seconds * 25 {
        let ms = from * 1000 + i * 40;
        changes.extend(inspector.look(&picture(i), Duration::from_millis(ms)).into_iter().map(|c| (ms, c)));
    }
    changes
}

#[test]
fn a_repeating_picture_with_a_running_clock_is_frozen_until_it_moves() {
    let mut inspector = Inspector::new(&Facts::default());
    let mut noise = Noise(1);
    let base = scene();
    let mut live = |i: u64| {
        let mut luma: Vec<u8> = base.iter().map(|&v| (f32::from(v) + noise.gaussian(1.5)) as u8).collect();
        clock(&mut luma, i / 25);
        frame(luma, 140)
    };
    assert_eq!(feed(&mut inspector, 0, 20, &mut live), [], "a live scene");
    let stuck = base.clone();
    let frozen = feed(&mut inspector, 20, 20, |i| {
        let mut luma = stuck.clone();
        clock(&mut luma, i / 25);
        frame(luma, 140)
    });
    assert_eq!(frozen.len(), 1, "{frozen:?}");
    let (at, change) = frozen[0];
    assert!(change.sight == Sight::Frozen && change.holds);
    // The share of equal blocks needs a second to follow.
    assert!((30_000..31_500).contains(&at) && change.since <= Duration::from_millis(at - 10_000), "{at} {change:?}");
    assert_eq!(inspector.standing().map(|(fact, _)| fact).collect::<Vec<_>>(), [Sight::Frozen]);
    let freed = feed(&mut inspector, 40, 5, &mut live);
    assert_eq!(freed.len(), 1, "{freed:?}");
    assert!(freed[0].1.sight == Sight::Frozen && !freed[0].1.holds && freed[0].0 <= 41_500, "{freed:?}");
    assert_eq!(inspector.standing().count(), 0);
}

#[test]
fn time_without_pictures_is_no_time_of_the_picture() {
    let still = |_| frame(scene(), 140);
    let begins = |changes: &[(u64, Change)]| changes.iter().map(|(ms, c)| (*ms, c.holds)).collect::<Vec<_>>();
    let mut inspector = Inspector::new(&Facts::default());
    assert_eq!(feed(&mut inspector, 0, 2, still), []);
    // Twenty seconds of nothing, as after a cable was out or the machine slept: nobody saw ten seconds of this picture.
    let after = feed(&mut inspector, 22, 12, still);
    assert_eq!(begins(&after), [(32_000, true)], "{after:?}");
    // What was certain before a gap stays so.
    assert_eq!(feed(&mut inspector, 60, 5, still), []);
    assert_eq!(inspector.standing().count(), 1);

    // Pictures that always come every four seconds leave no gaps.
    let mut rare = Inspector::new(&Facts::default());
    let mut changes = Vec::new();
    for i in 0..8 {
        changes.extend(rare.look(&still(i), Duration::from_secs(4 * i)).into_iter().map(|c| (4 * i, c)));
    }
    assert_eq!(begins(&changes), [(16, true)], "{changes:?}");
}

#[test]
fn small_movement_in_the_scene_is_life() {
    // No noise at all, as after strong compression; something small crosses the middle.
    let mut inspector = Inspector::new(&Facts::default());
    let changes = feed(&mut inspector, 0, 40, |i| {
        let mut luma = scene();
        let x = 100 + (i as usize * 2) % 400;
        for y in 170..200 {
            luma[y * W + x..y * W + x + 30].fill(30);
        }
        frame(luma, 140)
    });
    assert_eq!(changes, []);
}

#[test]
fn scattered_recoding_noise_below_the_tolerance_stays_frozen() {
    // A keyframe every two seconds codes the same picture a little differently.
    let mut inspector = Inspector::new(&Facts::default());
    let mut noise = Noise(2);
    let base = scene();
    let mut coded = base.clone();
    let changes = feed(&mut inspector, 0, 20, |i| {
        if i % 50 == 0 {
            coded = base.iter().map(|&v| (f32::from(v) + noise.gaussian(0.6).clamp(-2.0, 2.0)) as u8).collect();
        }
        frame(coded.clone(), 140)
    });
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(changes[0].1.sight == Sight::Frozen && changes[0].0 < 13_000);
}

#[test]
fn damaged_pictures_in_a_row_are_corrupt_and_single_ones_are_not() {
    let mut inspector = Inspector::new(&Facts { frozen_after: crate::config::After::Off, ..Facts::default() });
    let mut damaged = |from: u64, seconds: u64, bad: fn(u64) -> bool| {
        feed(&mut inspector, from, seconds, |i| Frame { corrupt: bad(i), ..frame(scene(), 140) })
    };
    assert_eq!(damaged(0, 10, |i| i == 100), []);
    let changes = damaged(10, 10, |i| i < 100 && i % 25 == 0);
    let told: Vec<_> = changes.iter().map(|(at, c)| (*at, c.sight, c.holds, c.since.as_millis())).collect();
    assert_eq!(told, [(11_000, Sight::Corrupt, true, 10_000), (14_520, Sight::Corrupt, false, 10_000)]);
}

#[test]
fn a_slate_is_one_after_its_time_and_ends_with_the_scene() {
    let mut inspector = Inspector::new(&Facts::default());
    let slate = || {
        let mut luma = vec![40; W * H];
        for y in 150..200 {
            for x in (200..440).filter(|x| x / 8 % 2 == 0) {
                luma[y * W + x] = 235;
            }
        }
        frame(luma, 170)
    };
    let told = |changes: &[(u64, Change)]| changes.iter().map(|(_, c)| (c.sight, c.holds)).collect::<Vec<_>>();
    let changes = feed(&mut inspector, 0, 5, |_| slate());
    assert_eq!(told(&changes), [(Sight::Slate, true)]);
    assert!((3000..3100).contains(&changes[0].0), "{changes:?}");
    let mut noise = Noise(3);
    let live = feed(&mut inspector, 5, 3, |_| {
        frame(scene().iter().map(|&v| (f32::from(v) + noise.gaussian(2.0)) as u8).collect(), 140)
    });
    assert_eq!(told(&live), [(Sight::Slate, false)]);
    assert!((5900..6100).contains(&live[0].0), "{live:?}");
}

#[test]
fn black_and_one_colour_come_and_go_and_exclude_each_other() {
    let off = crate::config::After::Off;
    let mut inspector = Inspector::new(&Facts { frozen_after: off, ..Facts::default() });
    let told =
        |changes: Vec<(u64, Change)>| -> Vec<_> { changes.into_iter().map(|(at, c)| (at, c.sight, c.holds)).collect() };
    assert_eq!(told(feed(&mut inspector, 0, 2, |_| frame(vec![16; W * H], 128))), [(1000, Sight::Black, true)]);
    // The last black frame came at 1960 ms.
    let blue = feed(&mut inspector, 2, 5, |_| frame(vec![90; W * H], 200));
    assert_eq!(told(blue), [(2960, Sight::Black, false), (5000, Sight::OneColour, true)]);
    let facts = Facts { black_after: off, frozen_after: off, ..Facts::default() };
    assert_eq!(feed(&mut Inspector::new(&facts), 0, 5, |_| frame(vec![16; W * H], 128)), []);
}

#[test]
fn odd_frames_and_odd_times_do_no_harm() {
    let mut inspector = Inspector::new(&Facts::default());
    let cut = Frame { height: 2 * H as u32, ..frame(scene(), 140) };
    assert_eq!(inspector.look(&cut, Duration::from_secs(5)), []);
    assert_eq!((inspector.scalars(), inspector.light()), (None, None));
    for seconds in [5, 3, 0, 9] {
        inspector.look(&frame(scene(), 140), Duration::from_secs(seconds));
    }
    assert_eq!(inspector.light(), Some(LightMode::Colour));
    assert!(inspector.scalars().unwrap().texture > 0.2);
    // A change of size is no movement, but what was there before no longer counts.
    let small = Frame::from_rgb(image::RgbImage::from_pixel(33, 900, image::Rgb([9, 90, 40])));
    assert_eq!(inspector.look(&small, Duration::from_secs(10)), []);
}
