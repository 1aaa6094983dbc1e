//! An object store as a store: S3-compatible services, Google Cloud Storage, Azure.
//!
//! The only place with an asynchronous runtime; every call blocks.

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{
    Error, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, parse_url_opts,
};
// Only its features matter here: HTTPS through rustls without a second cryptography library.
use reqwest as _;
use tokio::runtime::{Builder, Runtime};
use url::Url;

use super::{Store, StoreError, Upload, without_secrets};

/// Size of the pieces of large keys; services take 5 MiB at least and 10,000 pieces at most (78 GiB here).
const PIECE: usize = 8 << 20;

/// Environment variables that may speak about endpoints and credentials.
const PREFIXES: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];

/// A prefix in a bucket or container.
pub struct RemoteStore {
    store: Box<dyn ObjectStore>,
    prefix: Path,
    place: String,
    runtime: Runtime,
}

impl RemoteStore {
    /// The store of a URL; settings come from the environment.
    ///
    /// # Errors
    /// One line: what is wrong with the URL, or what the environment lacks.
    pub fn open(url: &str, environment: impl Iterator<Item = (String, String)>) -> Result<Self, String> {
        // Without a default cryptography provider the first connection would fail. A second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let parsed = Url::parse(url).map_err(|e| format!("not a URL: {e}"))?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err("a URL with user or password: credentials come from the environment".to_owned());
        }
        let settings = environment
            .filter(|(key, _)| PREFIXES.iter().any(|prefix| key.starts_with(prefix)))
            .map(|(key, value)| (key.to_lowercase(), value));
        let (store, prefix) = parse_url_opts(&parsed, settings).map_err(|e| one_line(&e))?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
        Ok(Self { store, prefix, place: without_secrets(url), runtime })
    }

    fn path(&self, key: &str) -> Path {
        // Part by part: characters that a service does not take are percent-encoded.
        key.split('/').fold(self.prefix.clone(), Path::join)
    }

    fn error(&self, action: &'static str, key: &str, error: &Error) -> StoreError {
        let lasting = matches!(
            error,
            Error::NotFound { .. }
                | Error::InvalidPath { .. }
                | Error::NotSupported { .. }
                | Error::NotImplemented { .. }
                | Error::PermissionDenied { .. }
                | Error::Unauthenticated { .. }
                | Error::UnknownConfigurationKey { .. }
        );
        StoreError {
            place: self.place.clone(),
            action,
            key: key.to_owned(),
            reason: one_line(error),
            passing: !lasting,
        }
    }
}

fn one_line(error: &Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is not there is no error.
fn absent<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Err(Error::NotFound { .. }) => Ok(None),
        other => other.map(Some),
    }
}

impl Store for RemoteStore {
    fn place(&self) -> &str {
        &self.place
    }

    fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let path = self.path(key);
        let put = self.store.put(&path, PutPayload::from(bytes));
        self.runtime.block_on(put).map(|_| ()).map_err(|e| self.error("write", key, &e))
    }

    fn create(&self, key: &str, bytes: Vec<u8>) -> Result<bool, StoreError> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let path = self.path(key);
        match self.runtime.block_on(self.store.put_opts(&path, PutPayload::from(bytes), options)) {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. }) => Ok(false),
            Err(e) => Err(self.error("create", key, &e)),
        }
    }

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(key);
        let get = async {
            match absent(self.store.get(&path).await)? {
                Some(found) => found.bytes().await.map(Some),
                None => Ok(None),
            }
        };
        let bytes = self.runtime.block_on(get).map_err(|e| self.error("read", key, &e))?;
        Ok(bytes.map(|bytes| bytes.to_vec()))
    }

    fn get_range(&self, key: &str, offset: u64, size: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(key);
        let get = self.store.get_range(&path, offset..offset + size);
        let bytes = absent(self.runtime.block_on(get)).map_err(|e| self.error("read", key, &e))?;
        Ok(bytes.map(|bytes| bytes.to_vec()))
    }

    fn size(&self, key: &str) -> Result<Option<u64>, StoreError> {
        let path = self.path(key);
        let head = absent(self.runtime.block_on(self.store.head(&path)));
        Ok(head.map_err(|e| self.error("look at", key, &e))?.map(|found| found.size))
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        let found = self.store.list(Some(&self.path(folder))).try_collect::<Vec<_>>();
        let found = self.runtime.block_on(found).map_err(|e| self.error("list", folder, &e))?;
        // Listed keys are below the prefix; ours start after it.
        let start = match self.prefix.as_ref() {
            "" => 0,
            prefix => prefix.len() + 1,
        };
        let mut keys: Vec<String> =
            found.iter().filter_map(|object| object.location.as_ref().get(start..).map(str::to_owned)).collect();
        keys.sort();
        Ok(keys)
    }

    fn delete(&self, key: &str) -> Result<(), StoreError> {
        let path = self.path(key);
        absent(self.runtime.block_on(self.store.delete(&path))).map(|_| ()).map_err(|e| self.error("delete", key, &e))
    }

    fn upload<'a>(&'a self, key: &str) -> Result<Box<dyn Upload + 'a>, StoreError> {
        let path = self.path(key);
        let upload = self.runtime.block_on(self.store.put_multipart(&path));
        let upload = upload.map_err(|e| self.error("write", key, &e))?;
        Ok(Box::new(RemoteUpload { store: self, key: key.to_owned(), upload, piece: Vec::new(), finished: false }))
    }

    /// Nothing: parts of uploads that were killed are the service's to expire (a life-cycle rule of the bucket).
    fn sweep(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn free(&self) -> Option<u64> {
        None
    }
}

struct RemoteUpload<'a> {
    store: &'a RemoteStore,
    key: String,
    upload: Box<dyn MultipartUpload>,
    piece: Vec<u8>,
    finished: bool,
}

impl RemoteUpload<'_> {
    fn send(&mut self) -> Result<(), StoreError> {
        let piece = Bytes::from(std::mem::take(&mut self.piece));
        let sent = self.store.runtime.block_on(self.upload.put_part(piece.into()));
        sent.map_err(|e| self.store.error("write", &self.key, &e))
    }
}

impl Upload for RemoteUpload<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE { self.send() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<(), StoreError> {
        if !self.piece.is_empty() {
            self.send()?;
        }
        let completed = self.store.runtime.block_on(self.upload.complete());
        self.finished = completed.is_ok();
        completed.map(|_| ()).map_err(|e| self.store.error("write", &self.key, &e))
    }
}

impl Drop for RemoteUpload<'_> {
    fn drop(&mut self) {
        if !self.finished {
            // A service that can't be reached expires the parts itself.
            let _ = self.store.runtime.block_on(self.upload.abort());
        }
    }
}
