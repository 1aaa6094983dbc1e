//! Words of bash that mean exactly one argument.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// The argument as one word of bash, on one line: as it is where nothing in it means something to bash, between single
/// quotes where it is readable, else as `$'…'` with escapes.
pub(super) fn word(argument: &OsStr) -> String {
    let bytes = argument.as_bytes();
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"%+,-./:=@_".contains(b);
    match argument.to_str() {
        // A word that begins with a tilde or holds an equals sign first is none of these.
        Some(text) if !bytes.is_empty() && bytes.iter().all(plain) => text.to_owned(),
        Some(text) if !text.chars().any(char::is_control) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => {
            let escaped = bytes.iter().map(|b| match b {
                b'\'' | b'\\' => format!("\\{}", *b as char),
                b' '..=b'~' => (*b as char).to_string(),
                // Three digits: what follows can't be taken for a fourth.
                other => format!("\\{other:03o}"),
            });
            format!("$'{}'", escaped.collect::<String>())
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]
pub(super) mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    use std::process::Command;

    use super::*;

    /// Arguments that go wrong where quoting is not exact.
    pub(crate) fn nasty() -> Vec<OsString> {
        let mut all: Vec<OsString> = [
            "",
            " ",
            "plain",
            "two words",
            "it's",
            "'",
            "''",
            "\"",
            "$HOME",
            "$(id)",
            "`id`",
            "a\\",
            "\\'",
            "~",
            "~root",
            "*",
            "[a-z]*",
            "?",
            "{a,b}",
            "!x",
            "#c",
            "a;b",
            "a&b",
            "a|b",
            "<x",
            ">x",
            "(x)",
            "-n",
            "--",
            "A=b",
            "=x",
            "new\nline",
            "tab\tx",
            "\r",
            "é",
            "日本 語",
            "\u{85}",
            "END_OF_SCRIPT_1",
            "x\nEND_OF_SCRIPT_1\ny",
            "\u{7f}7",
        ]
        .map(OsString::from)
        .into();
        // All bytes but zero, which no argument can hold; and each of them before a digit.
        all.push(OsString::from_vec((1..=255).collect()));
        all.push(OsString::from_vec((1..=255).flat_map(|b| [b, b'7']).collect()));
        all
    }

    #[test]
    fn bash_reads_back_what_was_quoted() {
        let all = nasty();
        let words: Vec<String> = all.iter().map(|argument| word(argument)).collect();
        assert!(words.iter().all(|word| !word.contains('\n')));
        let script = format!("printf '%s\\0' {}", words.join(" "));
        for locale in ["C", "C.UTF-8"] {
            let out = Command::new("bash").args(["-c", &script]).env("LC_ALL", locale).output().unwrap();
            let read: Vec<&[u8]> = out.stdout.strip_suffix(b"\0").unwrap().split(|b| *b == 0).collect();
            let wanted: Vec<&[u8]> = all.iter().map(|argument| argument.as_bytes()).collect();
            assert!(read == wanted, "{locale}: {}", String::from_utf8_lossy(&out.stderr));
        }
    }

    #[test]
    fn readable_where_it_can_be() {
        for (argument, quoted) in [
            ("s3://bucket/a-b_c.parquet", "s3://bucket/a-b_c.parquet"),
            ("my data", "'my data'"),
            ("$x", "'$x'"),
            ("it's", r"'it'\''s'"),
            ("a\nb", r"$'a\012b'"),
            ("", "''"),
        ] {
            assert_eq!(word(OsStr::new(argument)), quoted);
        }
    }
}
