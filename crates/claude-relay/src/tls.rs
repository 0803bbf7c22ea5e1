//! TLS on the listener: the operator's certificate, read again when its files change, so that a renewed one needs no restart.

use crate::config::TlsFiles;
use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{fs, io, path::Path, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    signal::unix::Signal,
    time::{interval, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;

/// How long a client may take for its handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

/// How often the files are looked at. Certificates are renewed days before they end.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Largest file that is read, in bytes: a chain has a few thousand.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Protocols that are offered, the first one preferred (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// First byte of a TLS handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;

/// What a client is told that speaks HTTP without TLS: the end of the connection is the end of the answer (RFC 9112, 6.3).
const SPEAK_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n\r\n\
    This port speaks HTTPS: let the address begin with https://\n";

/// A certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {error}; `{setting}` must name a file that the relay may read")]
    Unreadable { path: PathBuf, setting: &'static str, error: io::Error },
    /// There is no certificate in its file.
    #[error(
        "{0} holds no certificate; `tls.certificate_file` must name the chain in PEM form, the relay's own certificate first"
    )]
    NoCertificate(PathBuf),
    /// There is no key in its file.
    #[error(
        "{0} holds no private key; `tls.key_file` must name one in PEM form (PKCS#8, PKCS#1 or SEC1) without a password"
    )]
    NoKey(PathBuf),
    /// The two do not make a server.
    #[error("the certificate in {certificate} and the key in {key} cannot be used together: {error}")]
    Unfit { certificate: PathBuf, key: PathBuf, error: rustls::Error },
}

/// The bytes of both files.
#[derive(PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: zeroize::Zeroizing<Vec<u8>>,
}

/// The certificate that clients are shown.
pub(crate) struct ServerTls {
    files: TlsFiles,
    config: ArcSwap<ServerConfig>,
}

impl ServerTls {
    /// Reads the certificate and its key.
    ///
    /// # Errors
    ///
    /// When they cannot be read or do not belong together.
    pub(crate) fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let config = ArcSwap::from_pointee(config(&files, &contents(&files)?)?);
        Ok(Self { files, config })
    }

    /// Shakes hands with a client. One that speaks HTTP without TLS is told so.
    ///
    /// # Errors
    ///
    /// When there is no handshake in time.
    pub(crate) async fn accept(&self, socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let shaken = timeout(HANDSHAKE_TIMEOUT, self.shake(socket)).await;
        shaken.map_err(|_elapsed| io::Error::from(io::ErrorKind::TimedOut))?
    }

    async fn shake(&self, mut socket: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let mut first = [0];
        if socket.peek(&mut first).await? == 1 && first[0] != HANDSHAKE && first[0].is_ascii_uppercase() {
            socket.write_all(SPEAK_TLS).await?;
            socket.shutdown().await?;
            return Err(io::Error::new(io::ErrorKind::InvalidData, "HTTP without TLS"));
        }
        TlsAcceptor::from(self.config.load_full()).accept(socket).await
    }

    /// Looks at the files until `stop`, and at once at each `hangup`. What cannot be used is told, and the former goes on.
    pub(crate) async fn watch(&self, mut hangup: Signal, stop: CancellationToken) {
        let mut look = interval(LOOK_EVERY);
        let mut seen = contents(&self.files).ok();
        loop {
            tokio::select! {
                _ = look.tick() => {}
                _ = hangup.recv() => seen = None,
                () = stop.cancelled() => return,
            }
            match contents(&self.files) {
                Ok(now) if seen.as_ref() == Some(&now) => {}
                Ok(now) => {
                    self.take(&now);
                    seen = Some(now);
                }
                // It may be being replaced.
                Err(error) => tracing::debug!(error = %error, "the certificate cannot be looked at"),
            }
        }
    }

    fn take(&self, contents: &Contents) {
        match config(&self.files, contents) {
            Ok(config) => {
                self.config.store(Arc::new(config));
                tracing::info!(file = %self.files.certificate.display(), "new connections are shown the certificate as it is now");
            }
            Err(error) => {
                tracing::error!(error = %error, "a changed certificate cannot be used; the former one goes on");
            }
        }
    }
}

fn contents(files: &TlsFiles) -> Result<Contents, TlsError> {
    let certificate = read(&files.certificate, "tls.certificate_file")?;
    Ok(Contents { certificate, key: read(&files.key, "tls.key_file")?.into() })
}

fn read(path: &Path, setting: &'static str) -> Result<Vec<u8>, TlsError> {
    let unreadable = |error| TlsError::Unreadable { path: path.to_owned(), setting, error };
    if fs::metadata(path).map_err(unreadable)?.len() > FILE_BYTES_MAX {
        return Err(unreadable(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB")));
    }
    fs::read(path).map_err(unreadable)
}

fn config(files: &TlsFiles, contents: &Contents) -> Result<ServerConfig, TlsError> {
    let chain = CertificateDer::pem_slice_iter(&contents.certificate).collect::<Result<Vec<_>, _>>();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| TlsError::NoCertificate(files.certificate.clone()))?;
    let key = PrivateKeyDer::from_pem_slice(&contents.key).map_err(|_| TlsError::NoKey(files.key.clone()))?;
    let unfit = |error| TlsError::Unfit { certificate: files.certificate.clone(), key: files.key.clone(), error };
    let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(unfit)?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key).map_err(unfit)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    Ok(config)
}
