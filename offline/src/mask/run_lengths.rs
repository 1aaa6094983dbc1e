//! COCO's run lengths: plain numbers or compressed text, column by column.

use super::Mask;
use super::binary::INSIDE;
use crate::source::coco::{Counts, RunLengths};

/// The mask of these run lengths.
///
/// # Errors
/// The text is no valid compression, or the lengths don't add up to the picture.
pub fn fill(runs: &RunLengths) -> Result<Mask, String> {
    let [height, width] = runs.size;
    let (rows, columns) = (height as usize, width as usize);
    let lengths = match &runs.counts {
        Counts::Plain(lengths) => lengths.clone(),
        Counts::Compressed(text) => decompress(text)?,
    };
    let sum: u64 = lengths.iter().map(|&length| u64::from(length)).sum();
    if sum != (rows * columns) as u64 {
        return Err(format!("run lengths cover {sum} pixels, the picture has {width}×{height}"));
    }
    let mut pixels = vec![0; rows * columns];
    let mut at = 0;
    for (i, &length) in lengths.iter().enumerate() {
        let end = at + length as usize;
        if i % 2 == 1 {
            (at..end).for_each(|at| pixels[at % rows * columns + at / rows] = INSIDE);
        }
        at = end;
    }
    Mask::from_pixels(width, height, pixels).ok_or_else(|| "the picture is too large".to_owned())
}

/// Lengths from text: five bits a character (code − 48), lowest first, the sixth says that more follow and the fifth of
/// the last is the sign; from the fourth number on each is a difference to the one two places before.
fn decompress(text: &str) -> Result<Vec<u32>, String> {
    let mut lengths: Vec<i64> = Vec::new();
    let (mut value, mut bits) = (0_i64, 0);
    for byte in text.bytes() {
        let Some(code) = byte.checked_sub(48).filter(|code| *code < 64 && bits < 60) else {
            return Err(format!("run lengths contain the character {:?}", char::from(byte)));
        };
        value |= i64::from(code & 31) << bits;
        bits += 5;
        if code & 32 != 0 {
            continue;
        }
        if code & 16 != 0 {
            value -= 1 << bits;
        }
        if lengths.len() > 2 {
            value += lengths[lengths.len() - 2];
        }
        lengths.push(value);
        (value, bits) = (0, 0);
    }
    if bits > 0 {
        return Err("run lengths end within a number".to_owned());
    }
    let refuse = |length: &i64| format!("a run is {length} pixels long");
    lengths.iter().map(|length| u32::try_from(*length).map_err(|_| refuse(length))).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    fn runs(size: [u32; 2], counts: &[u32]) -> RunLengths {
        RunLengths { size, counts: Counts::Plain(counts.to_vec()) }
    }

    #[test]
    fn columns_come_first() {
        let mask = fill(&runs([2, 3], &[1, 2, 3])).unwrap();
        assert_eq!(mask.pixels(), [0, 255, 0, 255, 0, 0]);
        assert_eq!(fill(&runs([2, 2], &[0, 4])).unwrap().area(), 4);
    }

    #[test]
    fn nonsense_is_refused() {
        for (counts, part) in [(vec![1, 2], "cover 3"), (vec![7], "cover 7"), (vec![u32::MAX, u32::MAX], "cover")] {
            assert!(fill(&runs([2, 3], &counts)).unwrap_err().contains(part));
        }
        for (text, part) in [("!", "'!'"), ("o", "end within"), ("é", "character"), ("oooooooooooooooo0", "character")]
        {
            let error = fill(&RunLengths { size: [2, 3], counts: Counts::Compressed(text.into()) }).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
