//! What a plan will take: bytes and hours from a measured sample.

use std::time::{Duration, Instant};

use super::Format;
use crate::plan::{Plan, Rendering};
use crate::render::random::philox;
use crate::shard::StageError;

/// Bytes that tables and notes of progress take a variant, on top of the pictures.
const BESIDES: u64 = 1024;

/// What a plan will take.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// Originals in the plan.
    pub originals: usize,
    /// Variants in the plan.
    pub variants: u64,
    /// Originals that were rendered and encoded to know the rest.
    pub sampled: usize,
    /// Variants of these.
    pub sampled_variants: u64,
    /// All pictures and what is written besides, in bytes.
    pub bytes: u64,
    /// Work of one core.
    pub core_time: Duration,
}

/// Renders and encodes all variants of `sample` originals, drawn by `seed`, and scales up by pixels and variants.
///
/// # Errors
/// The plan can't be read, or none of the drawn originals could be made (the last reason is given).
pub fn estimate(plan: &Plan, format: Format, sample: usize, seed: u64) -> Result<Estimate, StageError> {
    // All sizes are needed to scale by: one pass over the plan, 64 originals in memory at a time.
    let mut pixels = 0_f64;
    for planned in plan.iter() {
        let planned = planned?;
        pixels +=
            f64::from(planned.original.width) * f64::from(planned.original.height) * planned.variants.len() as f64;
    }
    let (mut bytes, mut seen, mut spent) = (0_u64, 0_f64, Duration::ZERO);
    let (mut sampled, mut sampled_variants) = (0, 0);
    let mut refused = None;
    for position in drawn(plan.originals(), sample.max(1), seed) {
        let planned = plan.original(position)?;
        let start = Instant::now();
        let mut of_this = 0_u64;
        let made = Rendering::open(plan.recipe(), &planned).map_err(StageError::from).and_then(|mut rendering| {
            for variant in &planned.variants {
                of_this += format.encode(&*rendering.variant(variant)?)?.len() as u64;
            }
            Ok(())
        });
        if let Err(error) = made {
            refused = Some(error);
            continue;
        }
        spent += start.elapsed();
        bytes += of_this;
        sampled += 1;
        sampled_variants += planned.variants.len() as u64;
        let size = f64::from(planned.original.width) * f64::from(planned.original.height);
        seen += size * planned.variants.len() as f64;
    }
    if let (0, Some(error)) = (sampled, refused) {
        return Err(error);
    }
    let scale = pixels / seen;
    Ok(Estimate {
        originals: plan.originals(),
        variants: plan.variants(),
        sampled,
        sampled_variants,
        bytes: (bytes as f64 * scale) as u64 + plan.variants() * BESIDES,
        core_time: spent.mul_f64(scale),
    })
}

/// `sample` different numbers below `count`, or all of them; the same for the same seed. Sorted.
pub(super) fn drawn(count: usize, sample: usize, seed: u64) -> Vec<usize> {
    let mut keyed: Vec<(u32, usize)> = (0..count)
        .map(|i| (philox([i as u32, (i as u64 >> 32) as u32, 0, 0], [seed as u32, (seed >> 32) as u32])[0], i))
        .collect();
    keyed.sort_unstable();
    keyed.truncate(sample);
    let mut numbers: Vec<usize> = keyed.into_iter().map(|(_, i)| i).collect();
    numbers.sort_unstable();
    numbers
}
