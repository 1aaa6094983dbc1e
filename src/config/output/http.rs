//! `[http]`: the server for metrics, health, the API and the page.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{Fault, credential, fault, is_plain};
use crate::{config::AddKind, secret::Secret};

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
    /// Certificate chain (PEM, the server's own first) for TLS, with `tls_key_file`. Default: no TLS.
    pub tls_certificate_file: Option<PathBuf>,
    /// The certificate's private key (PEM).
    pub tls_key_file: Option<PathBuf>,
    /// Whether gates may be set, alerts silenced and streams paused from there. Default `true`.
    pub commands: bool,
    /// Kinds of streams that may be added from there: `"rtsp"`, `"http"`, `"test"`. Default: these three.
    pub add: Vec<AddKind>,
    /// Folder whose files and folders of pictures may be added, too. Default: none.
    pub files: Option<PathBuf>,
}

impl Default for HttpKeys {
    fn default() -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 9464));
        Self {
            listen,
            hosts: Vec::new(),
            token_file: None,
            token_env: None,
            tls_certificate_file: None,
            tls_key_file: None,
            commands: true,
            add: AddKind::ALL.to_vec(),
            files: None,
        }
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
    /// Files of certificate chain and private key, for TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Whether anything may be changed from there.
    pub commands: bool,
    /// What may be added from there.
    pub additions: Additions,
}

/// Which streams may be added to a running daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Additions {
    /// Kinds of locations.
    pub kinds: Vec<AddKind>,
    /// Folder whose files may be added.
    pub files: Option<PathBuf>,
}

impl HttpKeys {
    /// Whether streams may be added from there, so that a file may do without any.
    pub(in crate::config) fn can_add(&self) -> bool {
        self.commands && !(self.add.is_empty() && self.files.is_none())
    }

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
        let tls = match (self.tls_certificate_file, self.tls_key_file) {
            (Some(certificate), Some(key)) => Some((folder.join(certificate), folder.join(key))),
            (None, None) => None,
            (None, Some(_)) => return Err(fault("tls_certificate_file", "is missing beside tls_key_file")),
            (Some(_), None) => return Err(fault("tls_key_file", "is missing beside tls_certificate_file")),
        };
        let files = self.files.map(|files| folder.join(files));
        let kinds = if self.commands { self.add } else { Vec::new() };
        Ok(Http {
            listen: self.listen,
            hosts: self.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            token,
            tls,
            commands: self.commands,
            additions: Additions { kinds, files: files.filter(|_| self.commands) },
        })
    }
}
