//! The pictures of a calibration: clean ones, and their degraded copies by name.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::refused;
use crate::{
    calibrate::{Detections, detections},
    command::CommandError,
};

/// The folder of clean pictures.
pub(super) const CLEAN: &str = "clean";

/// The folder of their degraded copies, each named `<clean>_<whatever was done>`.
pub(super) const DEGRADED: &str = "degraded";

/// What `prepare` writes down beside them.
pub(super) const MANIFEST: &str = "manifest.json";

/// Frames within so many seconds are alike: drawn together by the bootstrap.
const SEGMENT: f64 = 4.0;

/// Where the clean pictures come from.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The clip's file name.
    pub(super) source: String,
    /// Time of each clean picture in the clip, in seconds, by name.
    pub(super) times: BTreeMap<String, f64>,
}

/// A degraded picture.
#[derive(Debug)]
pub(super) struct Degraded {
    pub(super) name: String,
    pub(super) clean: String,
    pub(super) path: PathBuf,
    pub(super) segment: usize,
}

/// All pictures that the detector was run on.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    pub(super) folder: PathBuf,
    pub(super) clean: Vec<(String, PathBuf)>,
    pub(super) degraded: Vec<Degraded>,
}

impl Pictures {
    /// Finds them in a folder; those that the detector was not run on are left out.
    pub(super) fn find(folder: &Path, detections: &Detections) -> Result<Self, CommandError> {
        let manifest = folder.join(MANIFEST);
        let times = match std::fs::read_to_string(&manifest) {
            Ok(text) => {
                let read: Manifest = serde_json::from_str(&text)
                    .map_err(|e| refused(format!("{}: {e}; run `miqa calibrate prepare` again", manifest.display())))?;
                read.times
            }
            // Single pictures, each a time of its own.
            Err(_) => BTreeMap::new(),
        };
        let known = |name: &String| detections.pictures.contains_key(name);
        let clean: BTreeMap<String, PathBuf> =
            list(&folder.join(CLEAN))?.into_iter().filter(|(n, _)| known(n)).collect();
        let segment = |name: &str| match times.get(name) {
            Some(time) => (time / SEGMENT) as usize,
            None => clean.keys().position(|own| own == name).unwrap_or_default(),
        };
        let mut degraded = Vec::new();
        for (name, path) in list(&folder.join(DEGRADED))?.into_iter().filter(|(name, _)| known(name)) {
            // The longest name that fits: one picture's may begin like another's.
            let ends = name.match_indices('_').map(|(at, _)| at);
            if let Some(own) = ends.map(|end| &name[..end]).rfind(|own| clean.contains_key(*own)) {
                degraded.push(Degraded { clean: own.into(), segment: segment(own), path, name });
            }
        }
        Ok(Self { folder: folder.into(), clean: clean.into_iter().collect(), degraded })
    }
}

/// Pictures of a folder by name.
fn list(folder: &Path) -> Result<BTreeMap<String, PathBuf>, CommandError> {
    let entries = std::fs::read_dir(folder).map_err(|e| {
        refused(format!(
            "{}: {e}; make the pictures with `miqa calibrate prepare` and its degrade.sh",
            folder.display()
        ))
    })?;
    let named = entries.flatten().filter_map(|entry| {
        let file = entry.file_name().into_string().ok()?;
        let name = detections::name(&file);
        (name != file).then(|| (name.to_owned(), entry.path()))
    });
    Ok(named.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_find_their_picture_by_name_and_segments_by_time() {
        let folder = tempfile::tempdir().expect("folder");
        let put = |name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, "").expect("written");
        };
        let missing = Pictures::find(folder.path(), &Detections::default()).expect_err("nothing").to_string();
        assert!(missing.contains("miqa calibrate prepare") && !missing.contains('\n'), "{missing}");
        let files = [
            "clean/a.png",
            "clean/a_b.png",
            "clean/c.png",
            "degraded/a_fog_1.png",
            "degraded/a_b_fog_1.jpg",
            "degraded/x_fog_1.png",
            "degraded/c_fog_1.png",
        ];
        files.into_iter().for_each(put);
        let mut detections = Detections::default();
        for name in ["a", "a_b", "c", "a_fog_1", "a_b_fog_1", "x_fog_1"] {
            detections.pictures.insert(name.into(), vec![]);
        }
        let found =
            |pictures: &Pictures| pictures.degraded.iter().map(|d| (d.clean.clone(), d.segment)).collect::<Vec<_>>();
        let pictures = Pictures::find(folder.path(), &detections).expect("found");
        assert_eq!(found(&pictures), [("a_b".into(), 1), ("a".into(), 0)]);
        let times = [("a".to_owned(), 3.9), ("a_b".to_owned(), 21.0)].into();
        let manifest = Manifest { source: "v.mp4".into(), times };
        let text = serde_json::to_string(&manifest).expect("JSON");
        std::fs::write(folder.path().join(MANIFEST), text).expect("written");
        let pictures = Pictures::find(folder.path(), &detections).expect("found");
        assert_eq!(found(&pictures), [("a_b".into(), 5), ("a".into(), 0)]);
    }
}
