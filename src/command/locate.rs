//! Where a model's folder is looked for.

use std::path::{Path, PathBuf};

/// The folder as given if it exists, else under the folders above the program (a checkout) and under its
/// `../share/miqa` (a package). As given again if it is nowhere, so that errors name what was asked for.
pub(super) fn model(folder: &Path) -> PathBuf {
    if folder.exists() || folder.is_absolute() {
        return folder.into();
    }
    let program = std::env::current_exe().ok();
    let above = program.as_deref().and_then(Path::parent).into_iter().flat_map(Path::ancestors);
    let places = above.flat_map(|up| [up.join("share/miqa").join(folder), up.join(folder)]);
    places.into_iter().find(|place| place.join("card.toml").is_file()).unwrap_or_else(|| folder.into())
}
