//! `[http]`: the server for metrics, health and gates.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{Fault, credential, fault, is_plain};
use crate::secret::Secret;

/// The keys of `[http]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpKeys {
    /// Address and port. What is not loopback needs a token. Default `"127.0.0.1:9464"`.
    #[serde(deserialize_with = "address")]
    #[schemars(with = "String", regex(pattern = r"^(\[[0-9A-Fa-f:.%]+\]|[0-9.]+):[0-9]+$"))]
    pub listen: SocketAddr,
    /// Names under which the server may be asked, besides addresses and `localhost`. Default: none.
    pub hosts: Vec<String>,
    /// A file whose first line is the token that requests must bear (`Authorization: Bearer …`).
    pub token_file: Option<PathBuf>,
    /// An environment variable whose value is that token.
    pub token_env: Option<String>,
}

impl Default for HttpKeys {
    fn default() -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 9464));
        Self { listen, hosts: Vec::new(), token_file: None, token_env: None }
    }
}

fn address<'de, D: Deserializer<'de>>(d: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(d)?;
    text.parse().map_err(|_| {
        de::Error::custom(format!(
            "\"{text}\": expected an address and port, such as \"127.0.0.1:9464\" or \"[::1]:9464\""
        ))
    })
}

/// A checked `[http]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// Address and port.
    pub listen: SocketAddr,
    /// Names under which the server may be asked, in lower case.
    pub hosts: Vec<String>,
    /// The token that requests must bear.
    pub token: Option<Secret>,
}

impl HttpKeys {
    pub(super) fn check(self, folder: &Path) -> Result<Http, Fault> {
        let token = credential::read("token", self.token_file, self.token_env, folder)?;
        if !self.listen.ip().is_loopback() && token.is_none() {
            return Err(fault(
                "listen",
                format!("{} can be reached from elsewhere; add token_file or token_env", self.listen),
            ));
        }
        if let Some(host) = self.hosts.iter().find(|host| !is_plain(host)) {
            return Err(fault("hosts", format!("\"{host}\" must be a name without a port")));
        }
        Ok(Http {
            listen: self.listen,
            hosts: self.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            token,
        })
    }
}
