//! The thread that serves, and what every request goes through.

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use axum::Router;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::oneshot,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{Served, api, connection::Bounded, tls};
use crate::config::Http;

/// How long answers under way may take once the server stops.
const GRACE: Duration = Duration::from_millis(500);

/// How long a request's head, or a TLS handshake, may take to come.
const HEAD: Duration = Duration::from_secs(10);

/// Header lines of a request.
const HEADERS: usize = 64;

/// Bytes of a request's head that are kept.
const HEAD_BYTES: usize = 32 << 10;

/// Why the server can't be started.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address can't be had.
    #[error("http: cannot listen on {address}: {source}; choose another [http] listen, or stop what listens there")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Off loopback without a token.
    #[error("http: {0} can be reached from elsewhere; add [http] token_file or token_env")]
    Open(SocketAddr),
    /// Certificate or key can't be used.
    #[error("http: {}: {reason}; give PEM files that belong together as tls_certificate_file and tls_key_file", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The system gives no thread.
    #[error("http: cannot start a thread: {0}; raise the limit on processes")]
    Thread(io::Error),
}

/// The running server; ends when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens and serves from now on.
    ///
    /// # Errors
    /// [`HttpError`] if the address can't be had or would be open to everybody.
    pub fn start(settings: &Http, served: Served) -> Result<Self, HttpError> {
        if !settings.listen.ip().is_loopback() && settings.token.is_none() {
            return Err(HttpError::Open(settings.listen));
        }
        let tls = settings.tls.as_ref().map(|(certificate, key)| tls::acceptor(certificate, key)).transpose()?;
        if !settings.listen.ip().is_loopback() && tls.is_none() {
            tracing::warn!(
                "http: the token travels unencrypted; add [http] tls_certificate_file and tls_key_file, or a proxy that does TLS"
            );
        }
        let listen = |source| HttpError::Listen { address: settings.listen, source };
        let listener = std::net::TcpListener::bind(settings.listen).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(2)
            .thread_name("http-files")
            .build()
            .map_err(HttpError::Thread)?;
        let (stop, stopped) = oneshot::channel();
        let shared = api::Shared::new(settings, served, address.port());
        let work = move || {
            let done = runtime.block_on(async {
                tokio::spawn(api::tell_standings(shared.clone()));
                serve(listener, tls, api::router(shared), stopped).await
            });
            if let Err(error) = done {
                tracing::error!(%error, "the HTTP server ended; restart miqa to have it back");
            }
            // What reads a file at this moment is not waited for.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("http".into()).spawn(work).map_err(HttpError::Thread)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let Some(thread) = self.thread.take() else { return };
        let until = Instant::now() + 2 * GRACE;
        while !thread.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

async fn serve(
    listener: std::net::TcpListener,
    tls: Option<TlsAcceptor>,
    routes: Router,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let listener = Bounded::new(TcpListener::from_std(listener)?);
    let graceful = GracefulShutdown::new();
    tokio::pin!(stopped);
    loop {
        let connection = tokio::select! {
            connection = listener.accept() => connection,
            // Told, or the server was dropped: both end it.
            _ = &mut stopped => break,
        };
        let (routes, watcher) = (routes.clone(), graceful.watcher());
        match &tls {
            None => drop(tokio::spawn(talk(connection, routes, watcher))),
            Some(tls) => {
                let shaken = tls.accept(connection);
                tokio::spawn(async move {
                    // Whoever can't shake hands is told so by TLS itself.
                    if let Ok(Ok(connection)) = timeout(HEAD, shaken).await {
                        talk(connection, routes, watcher).await;
                    }
                });
            }
        }
    }
    drop(listener);
    // Event streams have no end of their own.
    let _cut = timeout(GRACE, graceful.shutdown()).await;
    Ok(())
}

async fn talk<C: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    connection: C,
    routes: Router,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_headers(HEADERS)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(connection), TowerToHyperService::new(routes));
    // Whoever breaks off misses nothing.
    let _gone = watcher.watch(served).await;
}
