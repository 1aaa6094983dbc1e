//! A JSON value as block YAML that every reader of YAML 1.1 or 1.2 takes for the same value.

use std::fmt::Write;

use serde_json::Value;

/// The document; keys in the order of the value (alphabetical), every text between double quotes.
pub(super) fn document(value: &Value) -> String {
    let mut out = String::new();
    block(&mut out, value, 0);
    out
}

/// `value` from a new line on, `depth` levels in.
fn block(out: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let key = if is_plain_key(key) { key.clone() } else { quoted(key) };
                let _ = write!(out, "{indent}{key}:");
                follow(out, value, depth);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let _ = write!(out, "{indent}-");
                match item {
                    Value::Object(map) if !map.is_empty() => {
                        // The first key on the line of the dash.
                        let mut inner = String::new();
                        block(&mut inner, item, depth + 1);
                        let _ = write!(out, " {}", inner.trim_start());
                    }
                    other => follow(out, other, depth),
                }
            }
        }
        scalar => {
            let _ = writeln!(out, "{indent}{}", inline(scalar));
        }
    }
}

/// `value` after a colon or a dash.
fn follow(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            block(out, value, depth + 1);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            block(out, value, depth + 1);
        }
        scalar => {
            let _ = writeln!(out, " {}", inline(scalar));
        }
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

/// A key that no reader takes for a number, a truth value or nothing: those of Kubernetes' fields.
fn is_plain_key(key: &str) -> bool {
    let letters = key.chars().all(|c| c.is_ascii_alphanumeric());
    let word = !["true", "false", "yes", "no", "on", "off", "y", "n", "null"].contains(&&*key.to_lowercase());
    letters && word && key.starts_with(|c: char| c.is_ascii_lowercase())
}

/// Between double quotes; all that is not printable ASCII is escaped, so that no reader takes it for a line's end.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            ' '..='~' => out.push(c),
            other => {
                let code = u32::from(other);
                let _ = if code <= 0xffff { write!(out, "\\u{code:04x}") } else { write!(out, "\\U{code:08x}") };
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn blocks_and_quotes() {
        let value = json!({
            "a": {"b": 1, "c": [], "d": {}, "on": true},
            "list": [{"x": "1", "y": {"z": null}}, "two\nlines", [3, [4]]],
            "é": "\u{1f600}\u{85}\"\\"
        });
        let text = "a:\n  b: 1\n  c: []\n  d: {}\n  \"on\": true\nlist:\n  - x: \"1\"\n    \"y\":\n      z: null\n  - \"two\\u000alines\"\n  -\n    - 3\n    -\n      - 4\n\"\\u00e9\": \"\\U0001f600\\u0085\\\"\\\\\"\n";
        assert_eq!(document(&value), text);
    }
}
