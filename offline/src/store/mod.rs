//! Where results are kept: a local folder or an object store, behind the few operations that both have.
//!
//! The one operation that workers agree through is [`Store::create`]: make a key unless it is there. Folders and
//! object stores both have it; replace-if-unchanged folders have not, so nothing is built on that.

mod local;
mod remote;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub use local::LocalStore;
pub use remote::RemoteStore;

/// A place for named pieces of bytes. Keys are paths with `/` between names.
pub trait Store: Send + Sync {
    /// The place, for people: a path, or a URL without credentials.
    fn place(&self) -> &str;

    /// Writes a key, whole or not at all; what was there is replaced.
    ///
    /// # Errors
    /// The place refuses or can't be reached.
    fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError>;

    /// Writes a key unless it is there, whole or not at all; `false` if it was there.
    ///
    /// # Errors
    /// The place refuses or can't be reached.
    fn create(&self, key: &str, bytes: Vec<u8>) -> Result<bool, StoreError>;

    /// Reads a key; `None` if it is not there.
    ///
    /// # Errors
    /// The place refuses or can't be reached.
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Reads `size` bytes of a key from `offset`; fewer if it ends before, `None` if it is not there.
    ///
    /// # Errors
    /// The place refuses or can't be reached.
    fn get_range(&self, key: &str, offset: u64, size: u64) -> Result<Option<Vec<u8>>, StoreError>;

    /// Size of a key in bytes; `None` if it is not there.
    ///
    /// # Errors
    /// The place refuses or can't be reached.
    fn size(&self, key: &str) -> Result<Option<u64>, StoreError>;

    /// All keys below a folder (without a trailing `/`), sorted.
    ///
    /// # Errors
    /// The place refuses or can't be reached.
    fn list(&self, folder: &str) -> Result<Vec<String>, StoreError>;

    /// Removes a key; one that is not there is no error.
    ///
    /// # Errors
    /// The place refuses or can't be reached.
    fn delete(&self, key: &str) -> Result<(), StoreError>;

    /// Starts a large key that is written piece by piece and appears at the end.
    ///
    /// # Errors
    /// The place refuses or can't be reached.
    fn upload<'a>(&'a self, key: &str) -> Result<Box<dyn Upload + 'a>, StoreError>;

    /// Removes what killed writers left under temporary names. No writer may be at work.
    ///
    /// # Errors
    /// The place refuses or can't be reached.
    fn sweep(&self) -> Result<(), StoreError>;

    /// Whether what [`Store::put`] has acknowledged survives a power cut.
    fn is_durable(&self) -> bool;

    /// The file of a key, where the place is a folder of this machine.
    fn file(&self, _key: &str) -> Option<PathBuf> {
        None
    }

    /// Bytes that the place can still take; `None` where nobody knows.
    fn free(&self) -> Option<u64>;
}

/// A large key on its way. Dropped before [`Upload::finish`], it leaves nothing behind.
pub trait Upload {
    /// Appends bytes.
    ///
    /// # Errors
    /// The place refuses or can't be reached.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError>;

    /// Makes the key appear.
    ///
    /// # Errors
    /// The place refuses or can't be reached.
    fn finish(self: Box<Self>) -> Result<(), StoreError>;
}

/// Why a store could not do something.
#[derive(Debug, thiserror::Error)]
#[error("{place}: can't {action} {key}: {reason}")]
pub struct StoreError {
    /// The store.
    pub place: String,
    /// What was tried: `write`, `read`, ….
    pub action: &'static str,
    /// The key.
    pub key: String,
    /// What the system or service said.
    pub reason: String,
    /// Whether trying again later may help (network, service, full disk) and a change of settings would not.
    pub passing: bool,
}

/// A destination that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("destination `{destination}`: {reason}")]
pub struct DestinationError {
    destination: String,
    reason: String,
}

/// Opens a folder, or an object store by its URL (`s3://bucket/prefix`, `gs://…`, `az://…`), whose endpoint and
/// credentials come from the environment (`AWS_…`, `GOOGLE_…`, `AZURE_…`) only.
///
/// # Errors
/// The URL makes no sense or the environment lacks something.
pub fn open(destination: &str) -> Result<Box<dyn Store>, DestinationError> {
    let refuse = |reason: String| DestinationError { destination: without_secrets(destination), reason };
    let Some((scheme, rest)) = destination.split_once("://") else {
        return Ok(Box::new(LocalStore::new(PathBuf::from(destination))));
    };
    if scheme == "file" {
        return Ok(Box::new(LocalStore::new(PathBuf::from(rest))));
    }
    Ok(Box::new(RemoteStore::open(destination, std::env::vars()).map_err(refuse)?))
}

/// A URL without user, password and query.
fn without_secrets(destination: &str) -> String {
    let Some((scheme, rest)) = destination.split_once("://") else { return destination.to_owned() };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}/{path}").trim_end_matches('/').to_owned()
}
