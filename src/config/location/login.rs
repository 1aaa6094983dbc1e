//! User name and password of a location, and where they come from besides its text.

use std::{fmt, path::Path};

use crate::secret::{self, Secret};

/// User name and password, percent-decoded.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// User name.
    pub user: String,
    /// Password, empty if none was given.
    pub password: Secret,
}

impl Login {
    /// A login. What it looks like in an `Authorization` header (RFC 7617) is as secret as the password.
    pub fn new(user: String, password: Secret) -> Self {
        if !password.reveal().is_empty() {
            let header = base64(format!("{user}:{}", password.reveal()).as_bytes());
            secret::remember(header.trim_end_matches('='));
        }
        Self { user, password }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(***)")
    }
}

/// Where a login comes from, as the keys of a stream and the options of `miqa probe` say it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Credentials<'a> {
    /// User name.
    pub user: Option<&'a str>,
    /// A file whose first line is the password.
    pub password_file: Option<&'a Path>,
    /// An environment variable whose value is the password.
    pub password_env: Option<&'a str>,
}

impl Credentials<'_> {
    /// The login, with the user name of the location if none is given here; `None` if nothing is given.
    ///
    /// # Errors
    /// The key at fault and why.
    pub fn login(&self, user: Option<&str>) -> Result<Option<Login>, (&'static str, String)> {
        let user = self.user.or(user);
        let password = match (self.password_file, self.password_env) {
            (None, None) => match self.user {
                None => return Ok(None),
                Some(_) => Secret::new(""),
            },
            (Some(_), Some(_)) => {
                return Err(("password_env", "stands beside password_file; keep one of them".into()));
            }
            (Some(path), None) => from_file(path).map_err(|reason| ("password_file", reason))?,
            (None, Some(name)) => from_environment(name).map_err(|reason| ("password_env", reason))?,
        };
        match user {
            Some(user) => Ok(Some(Login::new(user.into(), password))),
            None => Err(("user", "is missing; a password needs a user name".into())),
        }
    }
}

fn from_file(path: &Path) -> Result<Secret, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| format!("{}: cannot be read: {e}; check path and permissions", path.display()))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Secret::new(line)),
        _ => Err(format!("{}: its first line is empty; write the password there", path.display())),
    }
}

fn from_environment(name: &str) -> Result<Secret, String> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(Secret::new(value)),
        Ok(_) => Err(format!("the environment variable {name} is empty")),
        Err(std::env::VarError::NotPresent) => Err(format!("there is no environment variable {name}; set it")),
        Err(_) => Err(format!("the environment variable {name} is not UTF-8")),
    }
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let group = three.iter().enumerate().fold(0u32, |group, (i, byte)| group | u32::from(*byte) << (16 - 8 * i));
        for i in 0..4 {
            let digit = ALPHABET[(group >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= three.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_come_from_files_and_the_environment() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("password");
        let login = |user, file, variable, of_location| {
            Credentials { user, password_file: file, password_env: variable }.login(of_location)
        };
        std::fs::write(&file, "zq-filed word\r\nnote\n").expect("written");
        let read = login(Some("ann"), Some(file.as_path()), None, None).expect("valid").expect("a login");
        assert_eq!((read.user.as_str(), read.password.reveal()), ("ann", "zq-filed word"));
        let read = login(None, Some(file.as_path()), None, Some("bob")).expect("valid").expect("a login");
        assert_eq!(read.user, "bob");
        // Every process has a PATH.
        let read = login(Some("ann"), None, Some("PATH"), None).expect("valid").expect("a login");
        assert_eq!(read.password.reveal(), std::env::var("PATH").expect("a PATH"));
        assert_eq!(login(None, None, None, Some("bob")), Ok(None));
        assert!(login(Some("ann"), None, None, None).expect("valid").is_some_and(|l| l.password.reveal().is_empty()));
        std::fs::write(&file, "\n").expect("written");
        for (user, path, variable, key, reason) in [
            (Some("ann"), Some(file.as_path()), None, "password_file", "first line is empty"),
            (Some("ann"), Some(folder.path()), None, "password_file", "cannot be read"),
            (Some("ann"), None, Some("MIQA_NO_SUCH"), "password_env", "no environment variable MIQA_NO_SUCH"),
            (Some("ann"), Some(file.as_path()), Some("PATH"), "password_env", "keep one"),
            (None, None, Some("PATH"), "user", "is missing"),
        ] {
            let (at, why) = login(user, path, variable, None).expect_err(reason);
            assert!(at == key && why.contains(reason), "{at}: {why}");
        }
    }

    #[test]
    fn the_header_of_a_login_is_secret_too() {
        for (text, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(text.as_bytes()), encoded);
        }
        let login = Login::new("joe".into(), Secret::new("qy7-word"));
        assert_eq!(format!("{login:?}"), "Login(***)");
        assert_eq!(secret::scrub("Authorization: Basic am9lOnF5Ny13b3Jk"), "Authorization: Basic ***");
    }
}
