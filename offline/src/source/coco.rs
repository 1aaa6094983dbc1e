//! COCO annotation files: pictures with their licences, instances with their outlines, categories.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::SourceError;

/// What of an annotation file (`instances_*.json`) is used here; other keys are ignored.
#[derive(Debug, Deserialize)]
pub struct CocoAnnotations {
    /// The pictures.
    pub images: Vec<CocoImage>,
    /// Licences by id.
    #[serde(default)]
    pub licenses: Vec<CocoLicence>,
    /// The instances of all pictures.
    #[serde(default)]
    pub annotations: Vec<CocoInstance>,
    /// Names of the categories.
    #[serde(default)]
    pub categories: Vec<CocoCategory>,
}

/// One picture.
#[derive(Debug, Deserialize)]
pub struct CocoImage {
    /// Key in the annotations.
    #[serde(default)]
    pub id: u64,
    /// Name of the file below the picture folder.
    pub file_name: String,
    /// Width in pixels, where it is stated.
    pub width: Option<u32>,
    /// Height in pixels, where it is stated.
    pub height: Option<u32>,
    /// Key in the licences.
    pub license: Option<u32>,
}

/// One licence.
#[derive(Debug, Deserialize)]
pub struct CocoLicence {
    /// Key.
    pub id: u32,
    /// Name.
    pub name: String,
}

/// One category.
#[derive(Debug, Deserialize)]
pub struct CocoCategory {
    /// Key in the annotations, 1..=90 with gaps.
    pub id: u32,
    /// Name, such as `traffic light`.
    pub name: String,
}

/// One instance, or a crowd of them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CocoInstance {
    /// Key of its own.
    #[serde(default)]
    pub id: u64,
    /// The picture.
    pub image_id: u64,
    /// The category.
    pub category_id: u32,
    /// 1 for a region of several instances that were not told apart.
    #[serde(default)]
    pub iscrowd: u8,
    /// Left, top, width and height in pixels.
    #[serde(default)]
    pub bbox: [f64; 4],
    /// Pixels, as the annotators' tool counted them.
    #[serde(default)]
    pub area: f64,
    /// The outline.
    pub segmentation: Segmentation,
}

/// Which pixels an instance covers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Segmentation {
    /// Closed polygons x₀ y₀ x₁ y₁ … in pixels, pixel (0, 0) covering 0..1; the instance is their union.
    Polygons(Vec<Vec<f64>>),
    /// Run lengths.
    Runs(RunLengths),
}

/// Run lengths down the columns, column by column, outside first.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RunLengths {
    /// Height and width.
    pub size: [u32; 2],
    /// The lengths.
    pub counts: Counts,
}

/// How run lengths are written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Counts {
    /// As numbers.
    Plain(Vec<u32>),
    /// As COCO's compressed text.
    Compressed(String),
}

impl CocoAnnotations {
    /// Reads an annotation file.
    ///
    /// # Errors
    /// [`SourceError::List`]: it can't be read or is of another shape.
    pub fn read(path: &Path) -> Result<Self, SourceError> {
        let bytes = fs::read(path).map_err(|e| SourceError::List { path: path.to_owned(), reason: e.to_string() })?;
        Self::parse(path, &bytes)
    }

    /// The content of an annotation file; `path` stands for it in errors.
    ///
    /// # Errors
    /// [`SourceError::List`]: it is of another shape.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, SourceError> {
        serde_json::from_slice(bytes)
            .map_err(|e| SourceError::List { path: path.to_owned(), reason: format!("not COCO annotations: {e}") })
    }
}
