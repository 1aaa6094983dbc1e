//! What `generate` makes of an original: all its variants, encoded.

use std::collections::BTreeMap;

use super::layout::Writer;
use super::{FileRow, Format, Layout, STAGE};
use crate::plan::{PixelsError, PlannedOriginal, Rendering};
use crate::shard::{At, Made, Stage, StageError};

/// The variants of originals as files.
#[derive(Debug, Clone, Copy)]
pub struct Variants<'a> {
    /// By what they are rendered.
    pub recipe: &'a crate::recipe::Recipe,
    /// File format.
    pub format: Format,
    /// How files lie.
    pub layout: Layout,
}

impl Stage for Variants<'_> {
    type Hand = ();
    type Row = FileRow;

    fn name(&self) -> &'static str {
        STAGE
    }

    fn settings(&self) -> BTreeMap<String, String> {
        [("format", self.format.to_string()), ("layout", self.layout.to_string())]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }

    fn hand(&self) -> Result<(), StageError> {
        Ok(())
    }

    fn original(&self, (): &mut (), at: &At, planned: PlannedOriginal) -> Result<Made<FileRow>, StageError> {
        let mut rendering = match Rendering::open(self.recipe, &planned) {
            Ok(rendering) => rendering,
            Err(error) => return Ok(lost(&error)),
        };
        let mut writer = Writer::start(at.store, self.layout, self.format, at.position)?;
        match self.write(at, &planned, &mut rendering, &mut writer)? {
            None => Ok(Made::Done(writer.finish()?)),
            Some(early) => {
                writer.abandon()?;
                Ok(early)
            }
        }
    }

    fn bytes(&self, rows: &[FileRow]) -> Option<u64> {
        Some(rows.iter().map(|row| row.size).sum())
    }

    fn file<'a>(&self, row: &'a FileRow) -> Option<(&'a str, u64)> {
        Some((&row.file, row.size))
    }
}

impl Variants<'_> {
    /// Writes all variants; returns early with what stood in the way.
    fn write(
        &self,
        at: &At,
        planned: &PlannedOriginal,
        rendering: &mut Rendering,
        writer: &mut Writer,
    ) -> Result<Option<Made<FileRow>>, StageError> {
        for variant in &planned.variants {
            if at.is_stopped() {
                return Ok(Some(Made::Stopped));
            }
            let picture = match rendering.variant(variant) {
                Ok(picture) => picture,
                Err(error) => return Ok(Some(lost(&error))),
            };
            match self.format.encode(&picture) {
                Ok(bytes) => writer.add(&planned.original.id, variant, bytes)?,
                Err(error) => return Ok(Some(Made::Failed(error.to_string()))),
            }
        }
        Ok(None)
    }
}

fn lost(error: &PixelsError) -> Made<FileRow> {
    if error.is_absent() { Made::Absent(error.to_string()) } else { Made::Failed(error.to_string()) }
}
