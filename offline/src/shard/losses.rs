//! How many originals a shard may lose and still be committed.

use std::fmt;
use std::str::FromStr;

use super::{ErrorRow, StageError};

/// What a run lets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub struct Losses {
    /// Originals of each shard that may fail: a number, or a share of the shard's originals (at least one); above it the
    /// shard is not committed
    #[arg(long, default_value = "10%", value_name = "N|P%")]
    pub max_errors: Tolerance,
    /// Count originals whose files are not there like others that fail, and commit a shard even if nothing of it is left;
    /// without it neither is ever committed
    #[arg(long)]
    pub accept_missing: bool,
}

impl Losses {
    /// At most so many originals of a shard, none of them for want of its file.
    #[must_use]
    pub const fn at_most(originals: usize) -> Self {
        Self { max_errors: Tolerance::Originals(originals), accept_missing: false }
    }
}

/// Originals that may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tolerance {
    /// So many.
    Originals(usize),
    /// So many in a hundred, 0 to 100; one at least unless 0.
    Percent(u8),
}

impl Tolerance {
    /// How many of so many originals.
    #[must_use]
    pub fn of(self, originals: usize) -> usize {
        match self {
            Self::Originals(count) => count,
            Self::Percent(0) => 0,
            Self::Percent(percent) => (originals * usize::from(percent) / 100).max(1),
        }
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Originals(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl FromStr for Tolerance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || format!("`{text}`: give a number of originals, or a share of them, 0% to 100%");
        match text.strip_suffix('%') {
            None => text.parse().map(Self::Originals).map_err(|_| refuse()),
            Some(share) => share.parse().ok().filter(|&share| share <= 100).map(Self::Percent).ok_or_else(refuse),
        }
    }
}

/// An original that could not be made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lost {
    /// Its row of the error table.
    pub row: ErrorRow,
    /// Whether for want of its file.
    pub absent: bool,
}

impl Losses {
    /// How many may fail in a shard of so many, and why there may be no more.
    pub(super) fn tolerated(self, of: usize) -> usize {
        self.max_errors.of(of)
    }

    /// Whether so many failures end a shard of `of` originals at once. Files that are not there don't: the others are made
    /// and kept meanwhile.
    pub(super) fn are_too_many(self, lost: &[Lost], of: usize) -> bool {
        lost.iter().filter(|lost| self.accept_missing || !lost.absent).count() > self.tolerated(of)
    }

    /// Refuses to commit a shard of `of` originals with these losses, which are sorted.
    pub(super) fn judge(self, shard: u32, of: usize, lost: &[Lost]) -> Result<(), StageError> {
        let Some(first) = lost.first() else { return Ok(()) };
        let parts = |lost: &Lost| (lost.row.original.clone(), lost.row.reason.clone());
        let absent = lost.iter().filter(|lost| lost.absent).count();
        if let (false, Some(first)) = (self.accept_missing, lost.iter().find(|lost| lost.absent)) {
            let (original, reason) = parts(first);
            return Err(StageError::Absent { shard, absent, of, original, reason });
        }
        let (original, reason) = parts(first);
        if lost.len() > self.tolerated(of) {
            let (errors, tolerated) = (lost.len(), format!("{} ({})", self.tolerated(of), self.max_errors));
            return Err(StageError::TooManyErrors { shard, errors, of, tolerated, original, reason });
        }
        if lost.len() == of && !self.accept_missing {
            return Err(StageError::NothingLeft { shard, of, original, reason });
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    fn lost(count: usize, absent: usize) -> Vec<Lost> {
        let row = |i| ErrorRow { original: format!("p{i}"), reason: "broken".into() };
        (0..count).map(|i| Lost { row: row(i), absent: i >= count - absent }).collect()
    }

    #[test]
    fn a_share_is_at_least_one_original() {
        let tolerance = |text: &str| text.parse::<Tolerance>().unwrap();
        for (text, of, expected) in [
            ("10%", 1, 1),
            ("10%", 8, 1),
            ("10%", 39, 3),
            ("10%", 100, 10),
            ("0%", 100, 0),
            ("100%", 7, 7),
            ("5", 2, 5),
        ] {
            assert_eq!(tolerance(text).of(of), expected, "{text} of {of}");
            assert_eq!(tolerance(text).to_string(), text);
        }
        for text in ["101%", "-1", "%", "many", "1.5%"] {
            assert!(text.parse::<Tolerance>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_there_and_nothing_left_are_never_committed_unasked() {
        let losses = |text: &str, accept_missing| Losses { max_errors: text.parse().unwrap(), accept_missing };
        let judge = |losses: Losses, of, lost: &[Lost]| losses.judge(3, of, lost);
        assert!(judge(losses("10%", false), 8, &lost(1, 0)).is_ok());
        assert!(matches!(judge(losses("10%", false), 8, &lost(2, 0)), Err(StageError::TooManyErrors { .. })));
        let absent = judge(losses("100", false), 8, &lost(2, 1)).unwrap_err();
        assert!(matches!(&absent, StageError::Absent { absent: 1, original, .. } if original == "p1"), "{absent}");
        assert!(judge(losses("100", true), 8, &lost(2, 1)).is_ok());
        for text in ["10%", "100", "100%"] {
            let refused = judge(losses(text, false), 1, &lost(1, 0)).unwrap_err();
            assert!(matches!(refused, StageError::NothingLeft { .. }), "{text}");
            assert!(refused.to_string().contains("--accept-missing"));
            assert!(judge(losses(text, true), 1, &lost(1, 1)).is_ok());
        }
        assert!(!losses("1", false).are_too_many(&lost(5, 4), 8));
        assert!(losses("1", true).are_too_many(&lost(5, 4), 8));
    }
}
