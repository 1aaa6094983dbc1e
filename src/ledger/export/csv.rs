//! Lines of the ledger as CSV (RFC 4180, with its names in the first line).

use std::io::{self, Write};

use super::Line;
use crate::ledger::row::day_name;

const HEAD: &str =
    "day,stream,decided,enforced,reason,seconds,stays,flaps,detector_fps,detector_frame_ms,saved_frames,saved_seconds";

/// Writes lines as CSV; `enforced` is empty in shadow mode. No value needs quotes: streams' names have no commas.
///
/// # Errors
/// The writer's.
pub fn csv(lines: &[Line], out: &mut impl Write) -> io::Result<()> {
    write!(out, "{HEAD}\r\n")?;
    for Line { key, sum, detector, saving } in lines {
        write!(
            out,
            "{},{},{},{},{},{:.3},{},{},{},{},{:.1},{:.3}\r\n",
            day_name(key.day),
            key.stream,
            key.decided,
            key.enforced.unwrap_or_default(),
            key.reason,
            sum.seconds(),
            sum.stays,
            sum.flaps,
            detector.fps,
            detector.frame_ms,
            saving.frames,
            saving.seconds,
        )?;
    }
    Ok(())
}
