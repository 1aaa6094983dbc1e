//! Rows copied in stretches of consecutive pixels. Places are in bytes.

/// What a row must have behind its last sample, since rows are read and written some samples at a time.
pub(super) const SPARE: usize = 16;

/// Consecutive pixels of one row that are consecutive in another.
pub(super) struct Stretch {
    from: usize,
    to: usize,
    length: usize,
}

impl Stretch {
    /// The stretches of a row whose pixels are pixels `shown` of another.
    pub(super) fn all(shown: impl Iterator<Item = usize>) -> Vec<Self> {
        let mut stretches: Vec<Self> = Vec::new();
        for (to, from) in shown.enumerate() {
            match stretches.last_mut() {
                Some(last) if last.from + last.length == 3 * from => last.length += 3,
                _ => stretches.push(Self { from: 3 * from, to: 3 * to, length: 3 }),
            }
        }
        stretches
    }
}

/// Copies ascending stretches: what is written beyond one, the next writes again.
#[inline]
pub(super) fn copy(stretches: &[Stretch], from: &[u8], to: &mut [u8]) {
    for stretch in stretches {
        for at in (0..stretch.length).step_by(SPARE) {
            let chunk: &[u8; SPARE] = from[stretch.from + at..].first_chunk().expect("rows have spare bytes");
            *to[stretch.to + at..].first_chunk_mut().expect("rows have spare bytes") = *chunk;
        }
    }
}
