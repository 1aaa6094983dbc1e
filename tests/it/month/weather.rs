//! The month: what happens at each minute, and what of it has to be found.

use super::table::{Condition, Lamp};

/// Minutes of a day.
pub(super) const DAY: u64 = 1440;
/// Minutes of the month.
pub(super) const MONTH: u64 = 30 * DAY;

/// The lens begins to grow dirty.
pub(super) const DIRT: u64 = 8 * DAY;
/// It is cleaned.
pub(super) const CLEANED: u64 = 22 * DAY + 600;
/// Days from the first dirt to the score under the floor by day, on average.
pub(super) const DIRT_TAKES: f32 = 12.0;
/// Something lies over the lens.
pub(super) const COVERED: std::ops::Range<u64> = 5 * DAY + 780..5 * DAY + 900;
/// Somebody turns the camera.
pub(super) const RE_AIMED: u64 = 25 * DAY + 660;

/// Rain: day, minute of the day, minutes. Two while everything is learnt still.
const RAIN: [(u64, u64, u64); 11] = [
    (1, 500, 40),
    (2, 1300, 60),
    (4, 600, 25),
    (6, 100, 90),
    (7, 900, 45),
    (9, 1250, 60),
    (11, 480, 30),
    (13, 660, 75),
    (16, 200, 40),
    (23, 840, 50),
    (29, 540, 35),
];

/// The bursts of rain as minutes of the month.
pub(super) fn rain() -> impl Iterator<Item = std::ops::Range<u64>> {
    RAIN.into_iter().map(|(day, minute, minutes)| day * DAY + minute..day * DAY + minute + minutes)
}

/// What light there is.
pub(super) fn lamp(minute: u64) -> Lamp {
    match minute % DAY {
        420..1080 => Lamp::Day,
        360..420 | 1080..1140 => Lamp::Dusk,
        _ => Lamp::Infrared,
    }
}

/// What the camera has before it.
pub(super) fn condition(minute: u64) -> Condition {
    Condition {
        lamp: lamp(minute),
        rain: rain().any(|burst| burst.contains(&minute)),
        elsewhere: minute >= RE_AIMED,
        covered: COVERED.contains(&minute),
    }
}

/// The blur of the dirt in pixels, where `a_day` is how much a day adds.
pub(super) fn blur(minute: u64, a_day: f32) -> f32 {
    if (DIRT..CLEANED).contains(&minute) { a_day * (minute - DIRT) as f32 / DAY as f32 } else { 0.0 }
}
