//! Which parts of an address's query or of a pipeline's text are secrets.

/// Names of parameters and properties whose values are secrets; a part of the name is enough.
const NAMES: [&str; 12] =
    ["pass", "pwd", "pw", "token", "secret", "key", "auth", "sig", "credential", "session", "header", "cookie"];

/// A value of this many characters is taken for a token whatever its name.
const LONG: usize = 20;

fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NAMES.iter().any(|part| name.contains(part)) || (value.len() >= LONG && !value.contains(['/', ':', ' ']))
}

/// The secret values of an address's query.
pub(super) fn of_query(url: &str) -> Vec<&str> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split(['&', ';', '#']).filter_map(|pair| pair.split_once('='));
    pairs.filter(|(name, value)| !value.is_empty() && is_secret(name, value)).map(|(_, value)| value).collect()
}

/// The secrets in a pipeline's text: values of properties that are called so, passwords and queries of addresses.
pub(super) fn of_fragment(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for word in words(text) {
        let (name, value) = word.split_once('=').unwrap_or(("", word));
        let value = value.trim_matches(['"', '\'']);
        let address = value.split_once("://").map(|(_, rest)| rest);
        if let Some(rest) = address {
            let end = rest.find('/').unwrap_or(rest.len());
            let login = rest[..end].rfind('@').or_else(|| rest.rfind('@')).map(|at| &rest[..at]);
            found.extend(login.and_then(|login| login.split_once(':')).map(|(_, password)| password));
            found.extend(of_query(value));
        } else if !name.is_empty() && is_secret_property(name) {
            found.push(value);
        }
    }
    found.retain(|secret| !secret.is_empty());
    found
}

/// Properties that merely sound like one, such as an encoder's `key-int-max`.
fn is_secret_property(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !["key-int", "keyframe", "key-frame", "key-unit"].iter().any(|part| name.contains(part)) && is_secret(&name, "")
}

/// Words as the shell would part them: spaces inside quotes belong to the word.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut quote = None;
    text.split(move |c: char| {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            _ => {}
        }
        c.is_whitespace() && quote.is_none()
    })
    .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_from_settings() {
        for (text, expected) in [
            ("videotestsrc pattern=ball ! x264enc key-int-max=30 ! h264parse", vec![]),
            ("rtspsrc location=rtsp://cam/1 user-id=bob user-pw=w0rd ! rtph264depay", vec!["w0rd"]),
            ("rtspsrc user-pw=\"two words\" ! rtph264depay", vec!["two words"]),
            ("rtspsrc location=\"rtsp://bob:w/rd@cam/1?channel=main&token=t0ken\"", vec!["w/rd", "t0ken"]),
            ("souphttpsrc location=https://x/y?sig=s1g extra-headers=\"h,X-Api=1\"", vec!["s1g", "h,X-Api=1"]),
        ] {
            assert_eq!(of_fragment(text), expected, "{text}");
        }
        for (url, expected) in [
            ("rtsp://cam/1?channel=1&subtype=0", vec![]),
            ("http://cam/x?password=p&id=0123456789abcdef0123", vec!["p", "0123456789abcdef0123"]),
            ("http://cam/x", vec![]),
        ] {
            assert_eq!(of_query(url), expected, "{url}");
        }
    }
}
