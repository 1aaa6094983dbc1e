//! Is a file there, and as long as it says? What a demuxer would play without a word, or refuse in riddles.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use super::SourceError;

/// Checks that a file opens, holds something and, if it is an MP4 or QuickTime file, isn't cut off.
///
/// # Errors
/// [`SourceError::Missing`], [`SourceError::Empty`] or [`SourceError::Truncated`].
pub(super) fn check(path: &Path) -> Result<(), SourceError> {
    let missing = |e: std::io::Error| SourceError::Missing { path: path.into(), reason: e.to_string() };
    // Looked at before it is opened: opening a pipe waits for its other end.
    let about = std::fs::metadata(path).map_err(missing)?;
    if about.is_dir() {
        let reason = "it is no regular file; a folder of pictures is written images:FOLDER";
        return Err(SourceError::Missing { path: path.into(), reason: reason.into() });
    }
    if !about.is_file() {
        return Err(SourceError::Missing { path: path.into(), reason: "it is no regular file".into() });
    }
    if about.len() == 0 {
        return Err(SourceError::Empty { path: path.into() });
    }
    let mut file = File::open(path).map_err(missing)?;
    match lacking(&mut file, about.len()).map_err(missing)? {
        0 => Ok(()),
        missing => Err(SourceError::Truncated { path: path.into(), missing }),
    }
}

/// Bytes that the boxes of an ISO base media file (ISO/IEC 14496-12, section 4.2) claim beyond the file's end; 0 for
/// other files.
fn lacking(file: &mut (impl Read + Seek), len: u64) -> std::io::Result<u64> {
    let mut at = 0;
    while at < len {
        let mut head = [0; 16];
        file.seek(SeekFrom::Start(at))?;
        let mut have = 0;
        while have < head.len() {
            match file.read(&mut head[have..])? {
                0 => break,
                n => have += n,
            }
        }
        if at == 0 && (have < 8 || &head[4..8] != b"ftyp") {
            return Ok(0);
        }
        if have < 8 {
            return Ok(8 - have as u64);
        }
        let short = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let size = match short {
            // The last box, to the end of the file.
            0 => return Ok(0),
            1 if have < 16 => return Ok(16 - have as u64),
            1 => u64::from_be_bytes([head[8], head[9], head[10], head[11], head[12], head[13], head[14], head[15]]),
            size => u64::from(size),
        };
        if size < 8 || !head[4..8].iter().all(|b| (0x20..0x7f).contains(b) || *b == 0xa9) {
            // No box: something was appended to the file, which players ignore.
            return Ok(0);
        }
        let end = at.saturating_add(size);
        if end > len {
            return Ok(end - len);
        }
        at = end;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn boxes_beyond_the_end_are_counted() {
        let boxed = |kind: &[u8; 4], size: u32, content: usize| {
            let mut bytes = size.to_be_bytes().to_vec();
            bytes.extend_from_slice(kind);
            bytes.resize(8 + content, 0);
            bytes
        };
        let ftyp = boxed(b"ftyp", 16, 8);
        let mut long = boxed(b"mdat", 1, 8);
        long[8..16].copy_from_slice(&100u64.to_be_bytes());
        for (name, bytes, expected) in [
            ("whole", [ftyp.clone(), boxed(b"mdat", 20, 12)].concat(), 0),
            ("cut in a box", [ftyp.clone(), boxed(b"mdat", 20, 5)].concat(), 7),
            ("cut in a head", [ftyp.clone(), vec![0, 0, 0]].concat(), 5),
            ("a 64-bit size", [ftyp.clone(), long].concat(), 84),
            ("open end", [ftyp.clone(), boxed(b"mdat", 0, 5)].concat(), 0),
            ("something appended", [ftyp, vec![0, 0, 0, 9, 1, 2, 3, 4, 5, 6]].concat(), 0),
            ("another format", b"RIFF....AVI ".to_vec(), 0),
            ("tiny", vec![1, 2], 0),
        ] {
            let len = bytes.len() as u64;
            assert_eq!(lacking(&mut Cursor::new(bytes), len).expect("in memory"), expected, "{name}");
        }
    }
}
