//! Times of making inside an MP4 file: cleared, so that the same input gives the same bytes.

/// Sets creation and modification times of the movie, its tracks and their media to 0
/// (ISO/IEC 14496-12: `mvhd`, `tkhd`, `mdhd`). Boxes of wrong sizes are left alone.
pub(super) fn clear_times(file: &mut [u8]) {
    let mut rest = file;
    while let Some((kind, header, size)) = first_box(rest) {
        let (this, next) = rest.split_at_mut(size);
        let body = &mut this[header..];
        match &kind {
            b"moov" | b"trak" | b"mdia" => clear_times(body),
            b"mvhd" | b"tkhd" | b"mdhd" => {
                // Version 1 has 64-bit times.
                let length = if body.first() == Some(&1) { 16 } else { 8 };
                if let Some(times) = body.get_mut(4..4 + length) {
                    times.fill(0);
                }
            }
            _ => {}
        }
        rest = next;
    }
}

/// Kind, length of the header and whole length of the box that `bytes` begin with.
fn first_box(bytes: &[u8]) -> Option<([u8; 4], usize, usize)> {
    let word = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?);
    let kind = bytes.get(4..8)?.try_into().ok()?;
    let (header, size) = match word {
        0 => (8, bytes.len()),
        1 => (16, usize::try_from(u64::from_be_bytes(bytes.get(8..16)?.try_into().ok()?)).ok()?),
        _ => (8, word as usize),
    };
    (size >= header && size <= bytes.len()).then_some((kind, header, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
    }

    #[test]
    fn clears_times_and_nothing_else() {
        let short = |kind| boxed(kind, &[&[0, 0, 0, 0][..], &[9; 8], &[5; 12]].concat());
        let long = |kind| boxed(kind, &[&[1, 0, 0, 0][..], &[9; 16], &[5; 12]].concat());
        let track = boxed(b"trak", &[short(b"tkhd"), boxed(b"mdia", &long(b"mdhd"))].concat());
        let movie = boxed(b"moov", &[short(b"mvhd"), track].concat());
        let mut file = [boxed(b"ftyp", b"isom"), movie, boxed(b"mdat", &[9; 40])].concat();
        let before = file.len();
        clear_times(&mut file);
        assert_eq!(file.len(), before);
        let (head, data) = file.split_at(before - 40);
        assert!(!head.contains(&9), "a time is left");
        assert!(data.iter().all(|&b| b == 9), "media data was touched");
        assert_eq!(head.iter().filter(|&&b| b == 5).count(), 36);
    }

    #[test]
    fn garbage_is_left_alone() {
        for bytes in [&b""[..], b"abc", &[0, 0, 0, 3, b'm', b'v', b'h', b'd'], &[255; 20], &[0, 0, 0, 1, 1, 1, 1, 1]] {
            let mut file = bytes.to_vec();
            clear_times(&mut file);
            assert_eq!(file, bytes);
        }
    }
}
