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
    /// Main memory, where the system says how much a process has.
    pub memory: Option<MemoryUse>,
}

/// Main memory of a worker, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryUse {
    /// The program and the plan's index.
    pub at_rest: u64,
    /// On top, for each original in work at the same time, if it is as large as the largest of the plan.
    pub an_original: u64,
}

impl MemoryUse {
    /// With so many originals in work.
    #[must_use]
    pub fn with(&self, threads: usize) -> u64 {
        self.at_rest + self.an_original * threads as u64
    }
}

/// Renders and encodes all variants of `sample` originals, drawn by `seed`, and scales up by pixels and variants.
///
/// # Errors
/// The plan can't be read, or none of the drawn originals could be made (the last reason is given).
pub fn estimate(plan: &Plan, format: Format, sample: usize, seed: u64) -> Result<Estimate, StageError> {
    // All sizes are needed to scale by: one pass over the plan, 64 originals in memory at a time.
    let (mut pixels, mut largest) = (0_f64, 0_f64);
    for planned in plan.iter() {
        let planned = planned?;
        let size = f64::from(planned.original.width) * f64::from(planned.original.height);
        pixels += size * planned.variants.len() as f64;
        largest = largest.max(size);
    }
    let at_rest = memory_of_process();
    let mut largest_seen = 0_f64;
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
        largest_seen = largest_seen.max(size);
    }
    if let (0, Some(error)) = (sampled, refused) {
        return Err(error);
    }
    let scale = pixels / seen;
    let memory = at_rest.zip(of_process("VmHWM:")).map(|(at_rest, peak)| MemoryUse {
        at_rest,
        an_original: (peak.saturating_sub(at_rest) as f64 * largest / largest_seen) as u64,
    });
    Ok(Estimate {
        originals: plan.originals(),
        variants: plan.variants(),
        sampled,
        sampled_variants,
        bytes: (bytes as f64 * scale) as u64 + plan.variants() * BESIDES,
        core_time: spent.mul_f64(scale),
        memory,
    })
}

/// Main memory of this process in bytes; `None` where the system does not say.
pub(crate) fn memory_of_process() -> Option<u64> {
    of_process("VmRSS:")
}

/// A size of this process from `/proc/self/status`, in bytes; `None` where there is no such file.
fn of_process(field: &str) -> Option<u64> {
    std::fs::read_to_string("/proc/self/status").ok().and_then(|status| in_status(&status, field))
}

fn in_status(status: &str, field: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    Some(value.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// `sample` different numbers below `count`, or all of them; the same for the same seed. Sorted.
pub(crate) fn drawn(count: usize, sample: usize, seed: u64) -> Vec<usize> {
    let mut keyed: Vec<(u32, usize)> = (0..count)
        .map(|i| (philox([i as u32, (i as u64 >> 32) as u32, 0, 0], [seed as u32, (seed >> 32) as u32])[0], i))
        .collect();
    keyed.sort_unstable();
    keyed.truncate(sample);
    let mut numbers: Vec<usize> = keyed.into_iter().map(|(_, i)| i).collect();
    numbers.sort_unstable();
    numbers
}

#[cfg(test)]
mod tests {
    use super::{MemoryUse, in_status};

    #[test]
    fn memory_of_a_process() {
        let status = "Name:\tx\nVmHWM:\t   20480 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!((in_status(status, "VmHWM:"), in_status(status, "VmRSS:")), (Some(20_971_520), Some(1_048_576)));
        assert_eq!((in_status(status, "VmSwap:"), in_status("VmRSS: many kB", "VmRSS:")), (None, None));
        assert_eq!(MemoryUse { at_rest: 5, an_original: 7 }.with(3), 26);
    }
}
