//! `[mqtt.broker]` and `[frigate.broker]`: how an MQTT broker is reached.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Fault, credential, fault};
use crate::secret::Secret;

/// The keys of a broker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BrokerKeys {
    /// `mqtt://HOST[:PORT]`, or `mqtts://HOST[:PORT]` for TLS; ports 1883 and 8883 without one. Required.
    #[schemars(regex(pattern = "^mqtts?://[^@]+$"))]
    pub address: String,
    /// User name. Default: none.
    pub user: Option<String>,
    /// A file whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// An environment variable whose value is the password.
    pub password_env: Option<String>,
    /// Certificates (PEM) trusted instead of the system's; `mqtts://` only.
    pub ca_file: Option<PathBuf>,
    /// Client id, unique at the broker. Default `miqa-` and the machine's name.
    #[schemars(length(min = 1, max = 64))]
    pub client_id: Option<String>,
}

/// A checked broker.
#[derive(Clone, Debug, PartialEq)]
pub struct Broker {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether to speak TLS.
    pub tls: bool,
    /// User name.
    pub user: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Certificates (PEM) trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Client id, if it isn't the default.
    pub client_id: Option<String>,
}

impl BrokerKeys {
    pub(super) fn check(self, folder: &Path) -> Result<Broker, Fault> {
        let (tls, host, port) = address(&self.address).map_err(|reason| fault("broker.address", reason))?;
        let password = credential::read("password", self.password_file, self.password_env, folder)
            .map_err(|(key, reason)| (format!("broker.{key}"), reason))?;
        if password.is_some() && self.user.is_none() {
            return Err(fault("broker.user", "is missing; a password needs a user name"));
        }
        if self.ca_file.is_some() && !tls {
            return Err(fault("broker.ca_file", "goes with mqtts:// only"));
        }
        if self.client_id.as_ref().is_some_and(|id| id.is_empty() || id.len() > 64) {
            return Err(fault("broker.client_id", "must have 1 to 64 characters"));
        }
        let ca_file = self.ca_file.map(|path| folder.join(path));
        Ok(Broker { host, port, tls, user: self.user, password, ca_file, client_id: self.client_id })
    }
}

fn address(text: &str) -> Result<(bool, String, u16), String> {
    let (tls, rest) = match text.split_once("://") {
        Some(("mqtt", rest)) => (false, rest),
        Some(("mqtts", rest)) => (true, rest),
        _ if text.contains('@') => return Err("holds a user name; use user and password_file".into()),
        _ => return Err(format!("\"{text}\" is no broker's address; write mqtt://HOST or mqtts://HOST")),
    };
    if rest.contains('@') {
        return Err("holds a user name; use user and password_file".into());
    }
    let rest = rest.trim_end_matches('/');
    // An IPv6 address stands in brackets.
    let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
    };
    let port = match port {
        Some(port) => port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or_else(|| format!("\"{text}\" has a port that is none; a port is a number from 1 to 65535"))?,
        None if tls => 8883,
        None => 1883,
    };
    if host.is_empty() || host.contains(['/', '?']) {
        return Err(format!("\"{text}\" has no host; write mqtt://HOST or mqtts://HOST"));
    }
    Ok((tls, host.into(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        for (text, tls, host, port) in [
            ("mqtt://house", false, "house", 1883),
            ("mqtts://house.example/", true, "house.example", 8883),
            ("mqtt://192.0.2.1:1884", false, "192.0.2.1", 1884),
            ("mqtts://[2001:db8::1]:9", true, "2001:db8::1", 9),
            ("mqtt://[::1]", false, "::1", 1883),
        ] {
            assert_eq!(address(text), Ok((tls, host.to_owned(), port)), "{text}");
        }
        for text in ["house", "http://house", "mqtt://", "mqtt://house:x", "mqtt://house:99999", "mqtt://u@house"] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
