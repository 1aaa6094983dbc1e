//! Can a unit that the parser calls a keyframe be decoded on its own?
//!
//! Of H.264 only an IDR picture can (ITU-T H.264, 7.4.1.2.4): an I picture of an open group of pictures counts its frames
//! on from pictures that were not decoded, and decoders stumble over the gap.

/// How the units of an H.264 stream are parted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// By start codes (annex B).
    StartCodes,
    /// Each after its length in so many bytes (ISO/IEC 14496-15, 5.3.3.1.2).
    Lengths(usize),
}

/// Type of a slice of an IDR picture, and the types of all slices (table 7-1).
const IDR: u8 = 5;
const SLICES: std::ops::RangeInclusive<u8> = 1..=IDR;

/// Whether the first slice of an access unit is an IDR picture's.
pub(super) fn is_idr(unit: &[u8], framing: Framing) -> bool {
    let mut rest = unit;
    while let Some((header, after)) = next(rest, framing) {
        let kind = header & 0x1f;
        if SLICES.contains(&kind) {
            return kind == IDR;
        }
        rest = after;
    }
    false
}

/// The header of the next NAL unit, and what follows: for lengths the unit after it, for start codes anything behind it.
fn next(bytes: &[u8], framing: Framing) -> Option<(u8, &[u8])> {
    match framing {
        Framing::StartCodes => {
            let at = bytes.windows(3).position(|three| three == [0, 0, 1])? + 3;
            Some((*bytes.get(at)?, &bytes[at..]))
        }
        Framing::Lengths(size) => {
            let (length, rest) = bytes.split_at_checked(size)?;
            let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            Some((*rest.first()?, rest.get(length.max(1)..).unwrap_or_default()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_slice_decides() {
        use Framing::{Lengths, StartCodes};
        for (case, unit, framing, expected) in [
            ("headers, then IDR", &[0, 0, 0, 1, 0x67, 9, 0, 0, 1, 0x68, 9, 0, 0, 1, 0x65, 1][..], StartCodes, true),
            ("SEI, then an I picture", &[0, 0, 1, 0x06, 6, 1, 0xc4, 0, 0, 1, 0x41, 1], StartCodes, false),
            ("a slice, then IDR", &[0, 0, 1, 0x41, 7, 0, 0, 1, 0x65], StartCodes, false),
            ("nothing", &[0, 0, 1], StartCodes, false),
            ("lengths", &[0, 0, 0, 2, 0x67, 9, 0, 0, 0, 3, 0x65, 1, 2], Lengths(4), true),
            ("short lengths", &[0, 2, 0x06, 9, 0, 3, 0x41, 1, 2], Lengths(2), false),
            ("a length beyond the end", &[0, 0, 0, 99, 0x67, 9], Lengths(4), false),
            ("no length", &[0, 0, 0, 0, 0x67], Lengths(4), false),
            ("empty", &[], Lengths(4), false),
        ] {
            assert_eq!(is_idr(unit, framing), expected, "{case}");
        }
    }
}
