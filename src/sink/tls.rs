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

/// A client that trusts those certificates.
pub(super) fn client(file: Option<&Path>) -> Result<Arc<ClientConfig>, SinkError> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots(file)?);
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(store).with_no_client_auth()))
}
