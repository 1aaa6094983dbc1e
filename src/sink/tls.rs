//! TLS for outputs: rustls with ring, the system's roots or those of a file.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, pem::PemObject},
};

use super::SinkError;

/// The one provider of cryptography.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The certificates of a PEM file, or the system's.
pub(super) fn roots(file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, SinkError> {
    let (path, found, trouble) = match file {
        Some(path) => {
            let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            match read {
                Ok(found) => (path, found, None),
                Err(error) => (path, Vec::new(), Some(error.to_string())),
            }
        }
        None => {
            let native = rustls_native_certs::load_native_certs();
            (Path::new("the system"), native.certs, native.errors.first().map(ToString::to_string))
        }
    };
    if found.is_empty() {
        let reason = trouble.unwrap_or_else(|| "there is none".into());
        return Err(SinkError::Certificates { path: path.into(), reason });
    }
    Ok(found)
}

/// What to do about a certificate, where an error is about one: parts of rustls' words → the next step.
const ADVICE: [(&[&str], &str); 6] = [
    (&["UnknownIssuer"], "give the certificate of the authority that signed it as ca_file"),
    (
        &["CaUsedAsEndEntity"],
        "the server shows an authority's own certificate (CA:TRUE), as `openssl req -x509` makes it: make it anew with `-addext basicConstraints=critical,CA:FALSE`, or sign one with it",
    ),
    (
        &["not valid for name", "NotValidForName"],
        "connect to a name that is in its subjectAltName, or make one that has this name there",
    ),
    (&["certificate expired", "Expired"], "renew it, or check this machine's clock"),
    (&["certificate not valid yet", "NotValidYet"], "check this machine's clock"),
    (
        &["CertificateRequired"],
        "the server asks for a certificate of ours, and miqa has none; let it ask for a password",
    ),
];

/// The next step after an error in TLS, if more is known than the error says.
pub(super) fn advice(error: &str) -> Option<&'static str> {
    ADVICE.iter().find(|(words, _)| words.iter().any(|words| error.contains(words))).map(|(_, advice)| *advice)
}

/// A client that trusts those certificates.
pub(super) fn client(file: Option<&Path>) -> Result<Arc<ClientConfig>, SinkError> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots(file)?);
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(store).with_no_client_auth()))
}

#[cfg(test)]
mod tests {
    use rustls::{AlertDescription, CertificateError, Error, pki_types::UnixTime};

    use super::*;

    #[test]
    fn rustls_says_what_advice_looks_for() {
        let (now, then) = (UnixTime::now(), UnixTime::since_unix_epoch(std::time::Duration::ZERO));
        let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
        for error in [
            CertificateError::UnknownIssuer,
            CertificateError::NotValidForName,
            CertificateError::NotValidForNameContext { expected: name, presented: vec!["other".into()] },
            CertificateError::Expired,
            CertificateError::ExpiredContext { time: now, not_after: then },
            CertificateError::NotValidYet,
        ] {
            let said = Error::InvalidCertificate(error.clone()).to_string();
            assert!(advice(&said).is_some(), "{error:?}: {said}");
        }
        assert!(advice(&Error::AlertReceived(AlertDescription::CertificateRequired).to_string()).is_some());
        assert_eq!(advice("connection refused"), None);
    }
}
