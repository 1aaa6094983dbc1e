//! What can be wrong with a configuration file, with the place and the next step.

use std::path::PathBuf;

use toml::de::{DeTable, DeValue};

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("{path}: cannot read the configuration: {reason}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// It is no TOML.
    #[error("{path}:{line}: not valid TOML: {reason}", path = path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The parser's reason.
        reason: String,
    },
    /// A key is unknown, missing or has a value of the wrong kind.
    #[error("{path}:{line}: {key}: {reason}", path = path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The key's path, such as `stream[0].interval`.
        key: String,
        /// What is wrong and what to write instead.
        reason: String,
    },
    /// A value contradicts itself or another one.
    #[error("{path}: {key}: {reason}", path = path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The key's path, such as `rule[1].fire_below`.
        key: String,
        /// What is wrong and what to write instead.
        reason: String,
    },
}

impl ConfigError {
    /// Places a parser's error: line and key's path from its span, and the nearest known key for an unknown one.
    pub(super) fn place(path: PathBuf, text: &str, error: &toml::de::Error) -> Self {
        match explained(text, error) {
            (line, None, reason) => Self::Syntax { path, line, reason },
            (line, Some(key), reason) => Self::Key { path, line, key, reason },
        }
    }
}

/// Where in `text` a parser's error is and what to write instead: line from 1; the key's path, or `(top)`, none where the
/// text is no TOML; one line for people.
#[must_use]
pub fn explained(text: &str, error: &toml::de::Error) -> (usize, Option<String>, String) {
    let at = error.span().map_or(0, |span| span.start);
    let line = 1 + text.bytes().take(at).filter(|b| *b == b'\n').count();
    let reason = one_line(error.message());
    let Ok(root) = DeTable::parse(text) else {
        return (line, None, reason);
    };
    let mut finder = Finder { at, found: None };
    finder.table("", root.get_ref());
    let key = finder.found.map_or_else(|| "(top)".into(), |(_, key)| key);
    (line, Some(key), hint(&reason).unwrap_or(reason))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Turns serde's words into what to write instead.
fn hint(message: &str) -> Option<String> {
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let (unknown, known) = choices(rest)?;
        return Some(match nearest(unknown, &known) {
            Some(near) => format!("unknown key; did you mean \"{near}\"?"),
            None => format!("unknown key; known here: {}", known.join(", ")),
        });
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        let (unknown, known) = choices(rest)?;
        let words = known.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        return Some(match nearest(unknown, &known) {
            Some(near) => format!("\"{unknown}\" is not one of {words}; did you mean \"{near}\"?"),
            None => format!("\"{unknown}\" is not one of {words}; write one of them"),
        });
    }
    if message.starts_with("missing field") {
        return Some(format!("{message}; add this key"));
    }
    let (found, expected) = message.rsplit_once(", expected ")?;
    Some(format!("{found}, expected {}", kind(expected)?))
}

/// The word that was written and those that are known, from serde's sentence.
fn choices(rest: &str) -> Option<(&str, Vec<&str>)> {
    let mut quoted = rest.split('`').skip(1).step_by(2);
    Some((quoted.next()?, quoted.collect()))
}

/// The known word that was probably meant.
pub fn nearest<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = known.iter().map(|word| (strsim::damerau_levenshtein(unknown, word), *word)).min()?;
    (near.0 <= 1 + near.1.len() / 3).then_some(near.1)
}

/// A type of Rust's in the words of those who write the file.
fn kind(expected: &str) -> Option<&'static str> {
    Some(match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number without quotes, not negative, such as 2",
        "f32" | "f64" => "a number without quotes, such as 0.4",
        "a boolean" => "true or false, without quotes",
        "a string" => "text in quotes",
        "path string" => "a path in quotes",
        "a sequence" => "a list in brackets, such as [\"a\", \"b\"]",
        "a map" => "a table, such as { a = \"b\" }",
        words if words.starts_with("struct ") => "a table of keys, under a header of its own such as [gate]",
        _ => return None,
    })
}

/// Looks for the key whose span, or whose value's span, holds a place in the text most tightly.
struct Finder {
    at: usize,
    found: Option<(usize, String)>,
}

impl Finder {
    fn offer(&mut self, span: &std::ops::Range<usize>, key: &str) {
        let tighter = self.found.as_ref().is_none_or(|(width, _)| span.len() <= *width);
        if (span.contains(&self.at) || span.start == self.at) && tighter {
            self.found = Some((span.len(), key.to_owned()));
        }
    }

    fn table(&mut self, path: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let key = if path.is_empty() { name.get_ref().to_string() } else { format!("{path}.{}", name.get_ref()) };
            // A table's name is shared by all its headers: only names of values tell which key it is.
            self.offer(&name.span(), &key);
            self.offer(&value.span(), &key);
            self.value(&key, value.get_ref());
        }
    }

    fn value(&mut self, key: &str, value: &DeValue<'_>) {
        match value {
            DeValue::Table(table) => self.table(key, table),
            DeValue::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    let key = format!("{key}[{i}]");
                    self.offer(&item.span(), &key);
                    self.value(&key, item.get_ref());
                }
            }
            _ => {}
        }
    }
}
