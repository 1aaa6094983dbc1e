//! How the variants of an original lie in the destination.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::Format;
use crate::columns;
use crate::hex::sha256_hex;
use crate::plan::PlannedVariant;
use crate::shard::{Done, StoredFile};
use crate::store::{Store, StoreError, Upload};

/// How files lie in the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The authors': `images/<id>/<file>`.
    Folders,
    /// WebDataset: one tar archive an original, `webdataset/<number>.tar`.
    WebDataset,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Folders => "folders",
            Self::WebDataset => "webdataset",
        })
    }
}

impl FromStr for Layout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Folders, Self::WebDataset]
            .into_iter()
            .find(|layout| layout.to_string() == text)
            .ok_or_else(|| format!("`{text}`: give folders or webdataset"))
    }
}

/// A variant in the destination: one row of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    /// Name of the variant in the plan.
    pub name: String,
    /// Id of the original.
    pub original: String,
    /// Key of the file or archive.
    pub file: String,
    /// Where the variant's bytes begin in it; 0 in layout `folders`.
    pub offset: u64,
    /// Number of bytes.
    pub size: u64,
    /// SHA-256 of these bytes, 64 hexadecimal digits.
    pub sha256: String,
}

columns!(FileRow { name, original, file, offset, size, sha256 });

/// Writes the variants of one original. Nothing of an original that is not finished is referred to by any table.
pub(super) enum Writer<'a> {
    Folders { store: &'a dyn Store, format: Format, rows: Vec<FileRow> },
    WebDataset { format: Format, file: String, archive: Box<tar::Builder<Counted<'a>>>, rows: Vec<FileRow> },
}

impl<'a> Writer<'a> {
    /// Starts the original at `position` of the plan.
    pub(super) fn start(
        store: &'a dyn Store,
        layout: Layout,
        format: Format,
        position: usize,
    ) -> Result<Self, StoreError> {
        Ok(match layout {
            Layout::Folders => Self::Folders { store, format, rows: Vec::new() },
            Layout::WebDataset => {
                let file = format!("webdataset/{position:06}.tar");
                let counted = Counted { upload: store.upload(&file)?, size: 0, hash: Sha256::new(), refused: None };
                Self::WebDataset { format, file, archive: Box::new(tar::Builder::new(counted)), rows: Vec::new() }
            }
        })
    }

    /// Adds a variant's encoded picture.
    pub(super) fn add(&mut self, original: &str, variant: &PlannedVariant, bytes: Vec<u8>) -> Result<(), StoreError> {
        let (size, sha256) = (bytes.len() as u64, sha256_hex(&bytes));
        let row = |file: String, offset| FileRow {
            name: variant.name.clone(),
            original: original.to_owned(),
            file,
            offset,
            size,
            sha256,
        };
        match self {
            Self::Folders { store, format, rows } => {
                let file = format!("images/{original}/{}.{}", stem(&variant.name), format.extension());
                store.put(&file, bytes)?;
                rows.push(row(file, 0));
            }
            Self::WebDataset { format, file, archive, rows } => {
                let mut header = tar::Header::new_gnu();
                header.set_size(size);
                header.set_mode(0o644);
                header.set_mtime(0);
                let member = member_name(&variant.name, *format);
                if let Err(error) = archive.append_data(&mut header, member, bytes.as_slice()) {
                    return Err(archive.get_mut().reason(file, &error));
                }
                // The bytes end with zeros up to a whole block.
                let offset = archive.get_ref().size - size.next_multiple_of(512);
                rows.push(row(file.clone(), offset));
            }
        }
        Ok(())
    }

    /// Makes an archive appear.
    pub(super) fn finish(self) -> Result<Done<FileRow>, StoreError> {
        match self {
            Self::Folders { rows, .. } => Ok(Done { rows, archive: None }),
            Self::WebDataset { file, mut archive, rows, .. } => {
                if let Err(error) = archive.finish() {
                    return Err(archive.get_mut().reason(&file, &error));
                }
                let counted = archive.into_inner().map_err(|e| StoreError {
                    place: "archive".into(),
                    action: "finish",
                    key: file.clone(),
                    reason: e.to_string(),
                    passing: false,
                })?;
                counted.upload.finish()?;
                let sha256 = counted.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
                Ok(Done { rows, archive: Some(StoredFile { name: file, size: counted.size, sha256 }) })
            }
        }
    }

    /// Takes back what an original that failed has left.
    pub(super) fn abandon(self) -> Result<(), StoreError> {
        match self {
            Self::Folders { store, rows, .. } => rows.iter().try_for_each(|row| store.delete(&row.file)),
            Self::WebDataset { .. } => Ok(()),
        }
    }
}

/// The name without its extension.
fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// WebDataset takes what stands before the first dot as the sample's key, so dots in it are percent-encoded.
fn member_name(name: &str, format: Format) -> String {
    format!("{}.{}", stem(name).replace('%', "%25").replace('.', "%2E"), format.extension())
}

/// Counts and hashes what goes into an upload; keeps the store's reason, which `io::Error` can't hold.
pub(super) struct Counted<'a> {
    upload: Box<dyn Upload + 'a>,
    size: u64,
    hash: Sha256,
    refused: Option<StoreError>,
}

impl Counted<'_> {
    fn reason(&mut self, file: &str, error: &io::Error) -> StoreError {
        self.refused.take().unwrap_or_else(|| StoreError {
            place: "archive".into(),
            action: "write",
            key: file.to_owned(),
            reason: error.to_string(),
            passing: false,
        })
    }
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.upload.write(bytes) {
            let text = error.to_string();
            self.refused = Some(error);
            return Err(io::Error::other(text));
        }
        self.size += bytes.len() as u64;
        self.hash.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
