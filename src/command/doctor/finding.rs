//! What a check found, and the command that mends it.

use std::fmt;

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// As it should be.
    Fine,
    /// Worth knowing; miqa works all the same.
    Note,
    /// Something won't work.
    Problem,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Finding {
    /// The check: `plugin`, `decoder`, `runtime`, `model`, `clock`, `permission`, `port`.
    pub(super) check: &'static str,
    pub(super) verdict: Verdict,
    /// What was looked at: an element, a file, a key's path.
    pub(super) subject: String,
    /// What was seen.
    pub(super) said: String,
    /// A command, or else a sentence, that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mend: Option<String>,
}

impl Finding {
    pub(super) fn fine(check: &'static str, subject: impl Into<String>, said: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Fine, subject: subject.into(), said: said.into(), mend: None }
    }

    pub(super) fn note(check: &'static str, subject: impl Into<String>, said: impl Into<String>) -> Self {
        Self { verdict: Verdict::Note, ..Self::fine(check, subject, said) }
    }

    pub(super) fn problem(check: &'static str, subject: impl Into<String>, said: impl Into<String>) -> Self {
        Self { verdict: Verdict::Problem, ..Self::fine(check, subject, said) }
    }

    /// The same with what mends it.
    #[must_use]
    pub(super) fn mended_by(self, command: impl Into<String>) -> Self {
        Self { mend: Some(command.into()), ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Fine => "fine",
            Verdict::Note => "note",
            Verdict::Problem => "problem",
        };
        write!(f, "{verdict:<9} {:<10} {}: {}", self.check, self.subject, self.said)?;
        self.mend.as_ref().map_or(Ok(()), |mend| write!(f, "\n{:<9} {:<10} {mend}", "", "mend:"))
    }
}

/// A word as a shell takes it for one.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@,".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_and_its_mending_another() {
        let finding = Finding::problem("plugin", "rtspsrc", "is not installed").mended_by("apt-get install x");
        assert_eq!(
            finding.to_string(),
            "problem   plugin     rtspsrc: is not installed\n          mend:      apt-get install x"
        );
        assert_eq!(Finding::fine("clock", "wall", "runs").to_string(), "fine      clock      wall: runs");
        assert_eq!([quoted("/a/b-c"), quoted("a b'c")], ["/a/b-c".to_owned(), r"'a b'\''c'".into()]);
    }
}
