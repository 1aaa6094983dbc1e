//! Secrets that outputs need. They come from a file or an environment variable, never from the configuration itself.

use std::{
    env::VarError,
    path::{Path, PathBuf},
};

use super::{Fault, fault};
use crate::secret::Secret;

/// Reads the secret that `<name>_file` or `<name>_env` points at; `None` if neither is given. A file's secret is its first
/// line.
///
/// # Errors
/// The key at fault and why.
pub(super) fn read(
    name: &str,
    file: Option<PathBuf>,
    variable: Option<String>,
    folder: &Path,
) -> Result<Option<Secret>, Fault> {
    let (file_key, variable_key) = (format!("{name}_file"), format!("{name}_env"));
    match (file, variable) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(fault(&variable_key, format!("stands beside {file_key}; keep one of them"))),
        (Some(path), None) => from_file(&folder.join(path)).map(Some).map_err(|reason| fault(&file_key, reason)),
        (None, Some(name)) => from_environment(&name).map(Some).map_err(|reason| fault(&variable_key, reason)),
    }
}

fn from_file(path: &Path) -> Result<Secret, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| format!("{}: cannot be read: {e}; check path and permissions", path.display()))?;
    match text.lines().next() {
        Some(line) if !line.trim().is_empty() => Ok(Secret::new(line.trim())),
        _ => Err(format!("{}: its first line is empty; write the secret there", path.display())),
    }
}

fn from_environment(name: &str) -> Result<Secret, String> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(Secret::new(value)),
        Ok(_) => Err(format!("the environment variable {name} is empty")),
        Err(VarError::NotPresent) => Err(format!("there is no environment variable {name}; set it")),
        Err(VarError::NotUnicode(_)) => Err(format!("the environment variable {name} is not UTF-8")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_a_files_first_line_or_a_variables_value() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join("key"), "zk-filed word \nnote\n").expect("written");
        std::fs::write(folder.path().join("empty"), "\nzk\n").expect("written");
        let read = |file: Option<&str>, variable: Option<&str>| {
            super::read("token", file.map(PathBuf::from), variable.map(str::to_owned), folder.path())
        };
        assert_eq!(read(None, None), Ok(None));
        assert_eq!(read(Some("key"), None).expect("there").expect("one").reveal(), "zk-filed word");
        // Every process has a PATH.
        assert_eq!(
            read(None, Some("PATH")).expect("there").expect("one").reveal(),
            std::env::var("PATH").expect("a PATH")
        );
        for (file, variable, key, reason) in [
            (Some("none"), None, "token_file", "cannot be read"),
            (Some("empty"), None, "token_file", "first line is empty"),
            (None, Some("MIQA_NONE_SUCH"), "token_env", "no environment variable"),
            (Some("key"), Some("PATH"), "token_env", "keep one"),
        ] {
            let (at, why) = read(file, variable).expect_err(reason);
            assert!(at == key && why.contains(reason), "{at}: {why}");
        }
    }
}
