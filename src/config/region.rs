//! `[[stream.region]]`: which part of the picture counts.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    picture,
    preprocess::{Area, Combine, Mask},
};

/// One checked region.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// What counts.
    pub area: Area,
    /// How the scores of its views become one.
    pub combine: Combine,
}

/// The keys of one region: exactly one of the three shapes. Of several regions the worst counts. Fractions run from 0 (left, top) to 1 (right, bottom).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegionKeys {
    /// `[left, top, right, bottom]` in fractions of the picture.
    pub rectangle: Option<[f64; 4]>,
    /// Corners `[[x, y], ...]` in fractions of the picture, 3 to 64 of them.
    #[schemars(length(min = 3, max = 64))]
    pub polygon: Option<Vec<[f64; 2]>>,
    /// A PNG, relative to the configuration file: what is white (128 and above) counts. It is laid over the whole
    /// picture, whatever its own size.
    pub mask: Option<PathBuf>,
    /// How the scores of its views become one where it takes several: `"minimum"` or `"mean"`. Default `"minimum"`.
    #[serde(default)]
    pub combine: Combine,
}

impl RegionKeys {
    /// The region these keys mean, or the key that is wrong and why; `folder` is where relative paths start. Reads the
    /// mask.
    ///
    /// # Errors
    /// The key's name and what to write instead.
    pub fn check(&self, folder: &Path) -> Result<Region, (&'static str, String)> {
        self.area(folder).map(|area| Region { area, combine: self.combine })
    }

    fn area(&self, folder: &Path) -> Result<Area, (&'static str, String)> {
        match (&self.rectangle, &self.polygon, &self.mask) {
            (Some(edges), None, None) => Area::rectangle(*edges).map_err(|e| ("rectangle", e.to_string())),
            (None, Some(corners), None) => Area::polygon(corners.clone()).map_err(|e| ("polygon", e.to_string())),
            (None, None, Some(path)) => {
                let wrong = |reason: String| ("mask", reason);
                let path = folder.join(path);
                let image = picture::read(&path, picture::Orientation::Ignore).map_err(|e| wrong(e.to_string()))?;
                Area::mask(Mask::from_rgb(&image)).map_err(|e| wrong(format!("{}: {e}", path.display())))
            }
            (None, None, None) => Err((
                "rectangle",
                "is missing; give one of rectangle, polygon and mask, or leave the region out".into(),
            )),
            (Some(_), _, _) => Err(("rectangle", "stands beside another; a region has one shape".into())),
            (None, _, _) => Err(("polygon", "stands beside a mask; a region has one shape".into())),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use super::*;

    fn check(text: &str, folder: &Path) -> Result<Region, String> {
        let keys: RegionKeys = toml::from_str(text).map_err(|e| e.message().to_owned())?;
        keys.check(folder).map_err(|(key, reason)| format!("{key}: {reason}"))
    }

    #[test]
    fn each_shape_reads() {
        let folder = tempfile::tempdir().unwrap();
        let mask = image::GrayImage::from_fn(8, 4, |x, _| image::Luma([if x < 4 { 255 } else { 100 }]));
        mask.save(folder.path().join("m.png")).unwrap();
        assert_eq!(
            check("rectangle = [0.1, 0.2, 0.5, 1.0]", folder.path()).unwrap().area.bounds(),
            [0.1, 0.2, 0.5, 1.0]
        );
        let polygon =
            check("polygon = [[0.0, 0.0], [1.0, 0.0], [0.5, 0.5]]\ncombine = \"mean\"", folder.path()).unwrap();
        assert_eq!(polygon.combine, Combine::Mean);
        assert_eq!(polygon.area.bounds(), [0.0, 0.0, 1.0, 0.5]);
        assert_eq!(check("mask = \"m.png\"", folder.path()).unwrap().area.bounds(), [0.0, 0.0, 0.5, 1.0]);
    }

    #[test]
    fn errors_name_the_key_and_the_next_step() {
        let folder = tempfile::tempdir().unwrap();
        image::GrayImage::new(8, 4).save(folder.path().join("black.png")).unwrap();
        for (text, want) in [
            ("", "rectangle: is missing; give one of"),
            ("rectangle = [0, 0, 1, 1]\nmask = \"m.png\"", "rectangle: stands beside"),
            ("polygon = [[0, 0], [1, 0], [1, 1]]\nmask = \"m.png\"", "polygon: stands beside"),
            ("rectangle = [0.5, 0.0, 0.2, 1.0]", "rectangle: left 0.5 is not below right 0.2"),
            ("rectangle = [0.0, 0.0, 2.0, 1.0]", "rectangle: 2 is no fraction"),
            ("rectangle = [0.0, 0.0, 640]", "invalid length"),
            ("polygon = [[0.0, 0.0], [1.0, 0.0]]", "polygon: 2 corners; a polygon has 3 to 64"),
            ("polygon = [[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]]", "polygon: the corners enclose nothing"),
            ("mask = \"none.png\"", "mask: "),
            ("mask = \"black.png\"", "the mask is black all over"),
            ("rectangle = [0, 0, 1, 1]\ncombine = \"max\"", "unknown variant `max`"),
            ("masks = \"m.png\"", "unknown field `masks`"),
        ] {
            let error = check(text, folder.path()).unwrap_err();
            assert!(error.contains(want), "{text}: {error}");
        }
    }
}
