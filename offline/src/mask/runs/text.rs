//! COCO's compressed text of run lengths.
//!
//! Five bits a character (code − 48), lowest first; the sixth says that more follow and the fifth of the last is the
//! sign. From the fourth number on each is a difference to the one two places before.

use super::RunsError;

/// What the codes of the characters start from.
const FIRST: u8 = 48;

/// More bits than any difference of two lengths has.
const MOST_BITS: u32 = 40;

/// Lengths from text.
pub(super) fn decompress(text: &str) -> Result<Vec<u32>, RunsError> {
    let mut lengths: Vec<u32> = Vec::with_capacity(text.len() / 2);
    let (mut value, mut bits) = (0_i64, 0);
    for character in text.chars() {
        let code = u8::try_from(character).ok().and_then(|byte| byte.checked_sub(FIRST));
        let Some(code) = code.filter(|&code| code < 64 && bits < MOST_BITS) else {
            return Err(RunsError::Character(character));
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
            value += i64::from(lengths[lengths.len() - 2]);
        }
        lengths.push(u32::try_from(value).map_err(|_| RunsError::Length(value))?);
        (value, bits) = (0, 0);
    }
    if bits > 0 { Err(RunsError::CutShort) } else { Ok(lengths) }
}

/// Text from lengths.
pub(super) fn compress(lengths: impl Iterator<Item = u32>) -> String {
    let mut text = String::new();
    // The lengths before: [the last, the one before it].
    let mut before = [0_i64; 2];
    for (i, length) in lengths.map(i64::from).enumerate() {
        let mut rest = if i > 2 { length - before[1] } else { length };
        before = [length, before[0]];
        loop {
            let five = (rest & 31) as u8;
            rest >>= 5;
            let done = rest == if five & 16 != 0 { -1 } else { 0 };
            text.push(char::from(FIRST + five + if done { 0 } else { 32 }));
            if done {
                break;
            }
        }
    }
    text
}
