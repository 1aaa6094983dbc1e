//! How a subcommand fails: one line for people, one exit code for engines.

use std::fmt::Display;
use std::io;
use std::path::Path;

use crate::table::TableError;

/// A failed subcommand. The codes are the same under every engine (GNU parallel, Slurm, Kubernetes).
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CommandError {
    code: u8,
    message: String,
}

impl CommandError {
    /// Exit code 1: something nobody thought of.
    pub fn unexpected(error: impl Display) -> Self {
        Self::new(1, error)
    }

    /// Exit code 2: the command line or a configuration file is wrong.
    pub fn usage(error: impl Display) -> Self {
        Self::new(2, error)
    }

    /// Exit code 65: bad input data; trying again won't help.
    pub fn data(error: impl Display) -> Self {
        Self::new(65, error)
    }

    /// Exit code 75: stopped or a passing fault; the same command goes on where it stopped.
    pub fn retry(error: impl Display) -> Self {
        Self::new(75, error)
    }

    /// Exit code 78: what lies in the work folder was made from another plan.
    pub fn plan(error: impl Display) -> Self {
        Self::new(78, error)
    }

    /// A file that can't be written: 75 where room or time helps, 2 where nothing can be written there, else 1.
    pub fn writing(path: &Path, error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        let what = format!("can't write {}: {error}", path.display());
        match error.kind() {
            Kind::StorageFull | Kind::QuotaExceeded => {
                Self::retry(format!("{what}; make room there and run the same command again"))
            }
            Kind::TimedOut | Kind::Interrupted | Kind::StaleNetworkFileHandle => {
                Self::retry(format!("{what}; run the same command again"))
            }
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem | Kind::NotADirectory | Kind::IsADirectory => {
                Self::usage(format!("{what}; name a folder that can be written to"))
            }
            _ => Self::unexpected(what),
        }
    }

    /// A table that can't be written; codes as [`Self::writing`].
    pub fn writing_table(error: &TableError) -> Self {
        match error {
            TableError::Io { path, source } => Self::writing(path, source),
            other => Self::unexpected(other),
        }
    }

    /// The process's exit code.
    #[must_use]
    pub fn code(&self) -> u8 {
        self.code
    }

    /// Keeps the message on one line, whatever a library put into it.
    fn new(code: u8, error: impl Display) -> Self {
        let message =
            error.to_string().split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
        Self { code, message }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use super::CommandError;

    #[test]
    fn what_can_not_be_written_says_what_helps() {
        for (kind, code, advice) in [
            (io::ErrorKind::StorageFull, 75, "make room"),
            (io::ErrorKind::TimedOut, 75, "again"),
            (io::ErrorKind::ReadOnlyFilesystem, 2, "name a folder"),
            (io::ErrorKind::InvalidData, 1, "can't write t.parquet"),
        ] {
            let error = CommandError::writing(Path::new("t.parquet"), &kind.into());
            assert!(error.code() == code && error.to_string().contains(advice), "{error}");
        }
    }

    #[test]
    fn one_line_and_the_public_code() {
        for (error, code) in [
            (CommandError::unexpected("a\n  b\n\n"), 1),
            (CommandError::usage("a\nb"), 2),
            (CommandError::data("a\r\nb"), 65),
            (CommandError::retry("a\nb"), 75),
            (CommandError::plan("a; b"), 78),
        ] {
            assert_eq!((error.code(), error.to_string().as_str()), (code, "a; b"));
        }
    }
}
