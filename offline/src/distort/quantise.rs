//! From real values back to 8 bits.

/// How close under an integer a value may lie and still count as that integer.
///
/// Where the exact result *is* an integer (flat areas under a kernel that sums to 1), floating-point sums fall on
/// either side of it, in the authors' code as here, and truncation would turn that into a whole level.
pub(super) const SNAP: f64 = 1.0 / 4096.0;

/// Truncates a value in 8-bit units (0..=255 is the range, more is clipped) toward zero.
#[inline]
pub(super) fn truncate(value: f64) -> u8 {
    // `as` saturates, which is the clipping.
    (value + SNAP) as u8
}

#[cfg(test)]
mod tests {
    use super::truncate;

    #[test]
    fn truncates_clips_and_snaps() {
        for (value, expected) in [
            (-3.0, 0),
            (0.999, 0),
            (127.999_999, 128),
            (128.0, 128),
            (128.9, 128),
            (254.5, 254),
            (255.0, 255),
            (300.0, 255),
            (f64::NAN, 0),
        ] {
            assert_eq!(truncate(value), expected, "{value}");
        }
    }
}
