//! Masks from COCO annotations: the union of a picture's instances, or of those of one category.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Mask, MaskError, OriginalMasks, Runs};
use crate::source::Original;
use crate::source::coco::{CocoAnnotations, CocoInstance};

/// Which instances make the mask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CocoChoice {
    /// Only instances of the category of this name.
    pub category: Option<String>,
    /// Crowd regions count too. They are drawn roughly around several instances, so they are left out unless asked for.
    pub crowd: bool,
}

/// The masks of one annotation file.
#[derive(Debug, Clone)]
pub struct CocoMasks {
    path: PathBuf,
    /// Instances by the stem of the picture's file name, which is the id of the original.
    instances: Arc<HashMap<String, Vec<CocoInstance>>>,
}

impl CocoMasks {
    /// Reads an annotation file and keeps the instances of `choice`.
    ///
    /// # Errors
    /// [`MaskError::Source`]: the file is no annotation file; [`MaskError::Annotations`]: it knows no such category.
    pub fn open(path: &Path, choice: &CocoChoice) -> Result<Self, MaskError> {
        let parsed = CocoAnnotations::read(path)?;
        let refuse = |reason: String| MaskError::Annotations { path: path.to_owned(), reason };
        let category = match &choice.category {
            None => None,
            Some(name) => match parsed.categories.iter().find(|category| category.name == *name) {
                Some(category) => Some(category.id),
                None => {
                    let known: Vec<_> = parsed.categories.iter().map(|category| category.name.as_str()).collect();
                    return Err(refuse(format!("no category `{name}`: there are {}", known.join(", "))));
                }
            },
        };
        let stems: HashMap<u64, String> =
            parsed.images.iter().map(|image| (image.id, stem(&image.file_name))).collect();
        let mut instances: HashMap<String, Vec<CocoInstance>> =
            stems.values().map(|stem| (stem.clone(), Vec::new())).collect();
        for instance in parsed.annotations {
            let wanted =
                category.is_none_or(|id| instance.category_id == id) && (choice.crowd || instance.iscrowd == 0);
            let Some(of_image) = stems.get(&instance.image_id).filter(|_| wanted) else { continue };
            instances.entry(of_image.clone()).or_default().push(instance);
        }
        Ok(Self { path: path.to_owned(), instances: Arc::new(instances) })
    }

    /// Changes with the annotations and the choice among them.
    ///
    /// # Errors
    /// [`MaskError::Annotations`] if the file can't be read again.
    pub fn fingerprint(&self, choice: &CocoChoice) -> Result<String, MaskError> {
        let bytes = std::fs::read(&self.path)
            .map_err(|e| MaskError::Annotations { path: self.path.clone(), reason: e.to_string() })?;
        let mut hash = Sha256::new_with_prefix(bytes);
        hash.update(format!("{choice:?}"));
        Ok(super::short_hex(&hash.finalize()))
    }

    /// The union of the instances chosen, in a picture of this size; `None` if the annotations don't list the picture.
    ///
    /// # Errors
    /// [`MaskError::Annotations`]: broken run lengths, or such of another size than the picture.
    pub fn union(&self, original: &str, width: u32, height: u32) -> Result<Option<Mask>, MaskError> {
        let Some(instances) = self.instances.get(original) else { return Ok(None) };
        let mut union = Mask::from_fn(width, height, |_, _| false);
        for instance in instances {
            let refuse = |reason: String| MaskError::Annotations {
                path: self.path.clone(),
                reason: format!("instance {} of `{original}`: {reason}", instance.id),
            };
            let runs =
                Runs::of_segmentation(width, height, &instance.segmentation).map_err(|e| refuse(e.to_string()))?;
            union.unite(&runs.mask());
        }
        Ok(Some(union))
    }
}

impl OriginalMasks for CocoMasks {
    fn mask(&mut self, original: &Original) -> Result<Option<Mask>, MaskError> {
        self.union(&original.id, original.width, original.height)
    }
}

/// The category that covers most of each picture, by the stem of its file name: pictures without instances have none.
///
/// Of equal areas the lower category counts; crowds don't count.
#[must_use]
pub fn principal_categories(annotations: &CocoAnnotations) -> HashMap<String, String> {
    let names: HashMap<u32, &str> = annotations.categories.iter().map(|c| (c.id, c.name.as_str())).collect();
    let mut areas: HashMap<u64, HashMap<u32, f64>> = HashMap::new();
    for instance in annotations.annotations.iter().filter(|instance| instance.iscrowd == 0) {
        *areas.entry(instance.image_id).or_default().entry(instance.category_id).or_default() += instance.area;
    }
    let principal = |image: u64| {
        let mut shares: Vec<_> = areas.get(&image)?.iter().collect();
        shares.sort_by(|a, b| b.1.total_cmp(a.1).then(a.0.cmp(b.0)));
        shares.first().map(|(id, _)| names.get(id).map_or_else(|| id.to_string(), |name| (*name).to_owned()))
    };
    annotations.images.iter().filter_map(|image| Some((stem(&image.file_name), principal(image.id)?))).collect()
}

fn stem(file_name: &str) -> String {
    Path::new(file_name).file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::mask::tests::original;
    use crate::source::coco::{Counts, RunLengths, Segmentation};

    #[derive(Deserialize)]
    struct Golden {
        name: String,
        polygons: Vec<Vec<f64>>,
        size: [u32; 2],
        counts: Vec<u32>,
        compressed: String,
    }

    #[test]
    fn pixels_equal_pycocotools() {
        let cases: Vec<Golden> =
            serde_json::from_str(include_str!("../../tests/golden/coco_masks.json")).expect("written by the maker");
        assert!(cases.len() > 20);
        for case in cases {
            let [height, width] = case.size;
            let ours = Runs::from_polygons(width, height, &case.polygons).unwrap();
            assert!(ours.lengths().eq(case.counts.iter().copied()), "{}: {ours:?}", case.name);
            assert_eq!(ours.text(), case.compressed, "{}", case.name);
            for counts in [Counts::Plain(case.counts), Counts::Compressed(case.compressed)] {
                let theirs = Runs::read(&RunLengths { size: case.size, counts }).unwrap();
                assert!(ours == theirs, "{}: {ours:?}, {theirs:?}", case.name);
            }
        }
    }

    fn annotations(folder: &Path) -> PathBuf {
        let path = folder.join("instances.json");
        let json = r#"{"images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}],
            "categories": [{"id": 3, "name": "car"}, {"id": 5, "name": "dog"}],
            "annotations": [
              {"id": 10, "image_id": 1, "category_id": 3, "iscrowd": 0, "area": 4, "segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]]},
              {"id": 11, "image_id": 1, "category_id": 5, "iscrowd": 0, "area": 9, "segmentation": [[4, 1, 7, 1, 7, 4, 4, 4]]},
              {"id": 12, "image_id": 1, "category_id": 5, "iscrowd": 1, "area": 8, "segmentation": {"size": [6, 8], "counts": [40, 8]}}]}"#;
        std::fs::write(&path, json).unwrap();
        path
    }

    #[test]
    fn unions_by_category_with_and_without_crowds() {
        let folder = tempfile::tempdir().unwrap();
        let path = annotations(folder.path());
        let area = |category: Option<&str>, crowd: bool| {
            let choice = CocoChoice { category: category.map(str::to_owned), crowd };
            CocoMasks::open(&path, &choice).unwrap().mask(&original("a", 8, 6)).unwrap().unwrap().area()
        };
        assert_eq!([area(None, false), area(Some("car"), false), area(Some("dog"), false)], [13, 4, 9]);
        // The crowd's eight pixels are the last ones, column by column: two of column 6, all of column 7.
        assert_eq!(area(Some("dog"), true), 17);

        let mut all = CocoMasks::open(&path, &CocoChoice::default()).unwrap();
        assert_eq!(all.mask(&original("b", 8, 6)).unwrap().unwrap().area(), 0);
        assert_eq!(all.mask(&original("c", 8, 6)).unwrap(), None);
        let with_crowd = CocoChoice { crowd: true, ..CocoChoice::default() };
        let text = CocoMasks::open(&path, &with_crowd).unwrap().mask(&original("a", 8, 7)).unwrap_err().to_string();
        assert!(text.contains("instance 12") && text.contains("8×7"), "{text}");
        let unknown = CocoChoice { category: Some("cat".into()), crowd: false };
        let text = CocoMasks::open(&path, &unknown).unwrap_err().to_string();
        assert!(text.contains("`cat`") && text.contains("car, dog"), "{text}");
        assert_ne!(all.fingerprint(&with_crowd).unwrap(), all.fingerprint(&CocoChoice::default()).unwrap());
    }

    #[test]
    fn the_principal_category_covers_most() {
        let folder = tempfile::tempdir().unwrap();
        let parsed = CocoAnnotations::read(&annotations(folder.path())).unwrap();
        assert_eq!(principal_categories(&parsed), HashMap::from([("a".to_owned(), "dog".to_owned())]));
    }

    /// Pixels of the crowds of ../shared/data's pictures as pycocotools 2.0.11 counts them, in the order of the file. What
    /// the file states as their area is more in eight cases of eleven: it was not counted from these run lengths.
    const CROWDS: [u64; 11] = [10_841, 32_885, 6_652, 6_963, 798, 914, 15_800, 25_630, 5_517, 8_603, 62_164];

    /// The areas of outlines, and the boxes of crowds, were found by other programs.
    #[test]
    fn areas_are_those_of_the_annotations() {
        let Some(data) = std::env::var_os("MIQA_DATA").map(PathBuf::from) else {
            return println!("skipped: instance areas of COCO pictures (MIQA_DATA not set)");
        };
        let parsed = CocoAnnotations::read(&data.join("coco/instances.json")).unwrap();
        let (mut sum, mut beyond) = (0.0, 0.0);
        let crowds: Vec<_> = parsed.annotations.iter().filter(|instance| instance.iscrowd == 1).collect();
        assert_eq!(crowds.len(), CROWDS.len());
        for (instance, area) in crowds.into_iter().zip(CROWDS) {
            let Segmentation::Runs(runs) = &instance.segmentation else { panic!("a crowd without run lengths") };
            let runs = Runs::read(runs).unwrap();
            assert_eq!(runs.area(), area, "{}", instance.id);
            assert!(instance.area >= area as f64, "{}", instance.id);
            // The file's boxes end at the last pixel's number, not behind it.
            let [left, top, width, height] = runs.bounding_box().map(f64::from);
            assert_eq!([left, top, width - 1.0, height - 1.0], instance.bbox, "{}", instance.id);
        }
        for instance in parsed.annotations.iter().filter(|instance| instance.area > 2000.0) {
            if let Segmentation::Polygons(polygons) = &instance.segmentation {
                let runs = Runs::from_polygons(640, 640, polygons).unwrap();
                sum += instance.area;
                beyond += (runs.area() as f64 - instance.area).abs();
            }
        }
        assert!(sum > 1e6 && beyond < 0.01 * sum, "{beyond} of {sum} pixels");
    }
}
