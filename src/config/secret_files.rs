//! Which files a configuration takes secrets from. The checked values hold the secrets, no longer the files.

use std::path::{Path, PathBuf};

use super::{Config, ConfigError};

/// Keys that name such a file.
const KEYS: [&str; 5] = ["password_file", "secret_file", "tls_key_file", "token_file", "url_file"];

impl Config {
    /// Each such key's path, and its file under the configuration's folder.
    ///
    /// # Errors
    /// As [`Config::read`], but for values that contradict each other.
    pub fn secret_files(path: &Path) -> Result<Vec<(String, PathBuf)>, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| ConfigError::Read { path: path.into(), reason: e.to_string() })?;
        let table: toml::Table = toml::from_str(&text).map_err(|e| ConfigError::place(path.into(), &text, &e))?;
        let mut found = Vec::new();
        seek("", &toml::Value::Table(table), &mut found);
        let folder = path.parent().unwrap_or(Path::new(""));
        Ok(found.into_iter().map(|(key, file)| (key, folder.join(file))).collect())
    }
}

fn seek(key: &str, value: &toml::Value, found: &mut Vec<(String, String)>) {
    match value {
        toml::Value::Table(table) => {
            for (name, value) in table {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                match value {
                    toml::Value::String(file) if KEYS.contains(&name.as_str()) => found.push((key, file.clone())),
                    value => seek(&key, value, found),
                }
            }
        }
        toml::Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                seek(&format!("{key}[{i}]"), item, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secrets_file_is_found_with_its_key() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("miqa.toml");
        let text = "[[stream]]\nname = \"a\"\nlocation = \"rtsp://h/1\"\npassword_file = \"a.password\"\n\
                    [[webhook]]\nurl_file = \"/etc/hook\"\nca_file = \"ca.pem\"\n[mqtt.broker]\npassword_file = \"b\"\n\
                    [http]\ntoken_file = \"c\"\n";
        std::fs::write(&path, text).expect("written");
        let mut found = Config::secret_files(&path).expect("TOML");
        found.sort();
        let at = |name: &str| folder.path().join(name);
        assert_eq!(
            found,
            [
                ("http.token_file".into(), at("c")),
                ("mqtt.broker.password_file".into(), at("b")),
                ("stream[0].password_file".into(), at("a.password")),
                ("webhook[0].url_file".into(), "/etc/hook".into()),
            ]
        );
    }

    #[test]
    fn the_schema_has_no_other_key_for_such_a_file() {
        let text = Config::schema().to_string();
        let open = ["ca_file", "tls_certificate_file"];
        let named = text.split('"').filter(|word| word.ends_with("_file") && !open.contains(word));
        let named: std::collections::BTreeSet<_> = named.collect();
        assert_eq!(named, KEYS.into_iter().collect());
    }
}
