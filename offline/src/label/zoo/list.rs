//! The text of a list: what is wrong with it is said in one line, with the place and a hint.

use miqa::config::{explained, nearest};

use super::Zoo;

/// Reads a list.
///
/// # Errors
/// One line: where it is no TOML, or what is unknown, missing or of the wrong kind.
pub(super) fn parse(text: &str) -> Result<Zoo, String> {
    let said = |error: &toml::de::Error| {
        let (line, key, reason) = explained(text, error);
        match key {
            None => format!("line {line}: not valid TOML: {reason}"),
            Some(key) => format!("line {line}: {key}: {reason}"),
        }
    };
    // Before all else: below a misspelt header everything is out of place, and the parser would say so of the wrong line.
    if let Some((line, header)) = headers(text).find(|(_, header)| *header != "model" && !header.starts_with("model."))
    {
        let hint = match nearest(header, &["model"]) {
            Some(_) => "did you mean [[model]]?",
            None => "a list holds nothing but [[model]]",
        };
        return Err(format!("line {line}: unknown header `{header}`; {hint}"));
    }
    let table: toml::Table = text.parse().map_err(|error| said(&error))?;
    if let Some(other) = table.keys().find(|key| *key != "model") {
        return Err(format!("unknown key `{other}`; a list holds nothing but [[model]]"));
    }
    match table.get("model") {
        None => return Err("lists no model; begin each with [[model]]".to_owned()),
        Some(toml::Value::Table(_)) => return Err("[model] is one table; begin each model with [[model]]".to_owned()),
        Some(_) => {}
    }
    toml::from_str(text).map_err(|error| said(&error))
}

/// The headers of tables, each with its line from 1: `a.b` of `[a.b]` and `[[a.b]]`. Lists of values over several lines may
/// look alike, but not like a name.
fn headers(text: &str) -> impl Iterator<Item = (usize, &str)> {
    fn header(line: &str) -> Option<&str> {
        let line = line.split('#').next()?.trim();
        let inner = line.strip_prefix('[')?.strip_suffix(']')?;
        let name = inner.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(inner).trim();
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
        is_name.then_some(name)
    }
    (1..).zip(text.lines()).filter_map(|(number, line)| Some((number, header(line)?)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
mod tests {
    use super::*;

    const LIST: &str = include_str!("../../../zoo/cls.toml");

    #[test]
    fn mistakes_are_one_line_with_a_hint() {
        assert_eq!(parse(LIST).unwrap().models.len(), 9);
        for (from, to, parts) in [
            (
                "imagenet-1k\"\n",
                "imagenet1k\"\n",
                &["line ", "classes: ", "\"imagenet1k\" is not one of", "did you mean \"imagenet-1k\"?"][..],
            ),
            ("classes = \"imagenet-1k\"\n", "classes = 5\n", &["classes: ", "the name of a known order"]),
            ("[[model]]\nname", "[[models]]\nname", &["line 32: ", "`models`", "did you mean [[model]]?"]),
            ("[[model]]\nname", "[zoo]\nname", &["`zoo`", "nothing but [[model]]"]),
            ("decoder = { kind = \"logits\"", "decoder = { kind = \"logit\"", &["decoder", "did you mean \"logits\"?"]),
            (
                "decoder = { kind = \"logits\"",
                "decoder = { kind = \"logits\", output = \"zz\"",
                &["decoder", "unknown key"],
            ),
            ("architecture = ", "# ", &["missing field `architecture`", "add this key"]),
            ("interpolation = \"bicubic\"", "", &["missing field `interpolation`", "add this key"]),
            ("size = 224", "size = \"224\"", &["model[0].input.size: ", "a whole number without quotes"]),
            ("size = 224", "size = ", &["line ", "not valid TOML"]),
        ] {
            assert!(LIST.contains(from), "{from}");
            let text = parse(&LIST.replacen(from, to, 1)).unwrap_err();
            assert!(parts.iter().all(|part| text.contains(part)) && !text.contains('\n'), "{to}: {text}");
        }
        for (text, part) in [("", "begin each with [[model]]"), ("[model]\nname = \"x\"", "[model] is one table")] {
            assert!(parse(text).unwrap_err().contains(part), "{text}");
        }
    }
}
