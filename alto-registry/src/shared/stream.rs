//! Sockets to the store, with and without TLS, on which nothing waits for ever.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};

use super::reply::StoreError;
use super::wire::broken;

/// Open socket.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// Certificates that may vouch for the store, read at the first connection with TLS.
pub(super) struct Trust {
    /// Certificates in PEM; absent for those of the system.
    authorities: Option<Vec<u8>>,
    settings: OnceLock<Arc<ClientConfig>>,
}

impl Trust {
    pub(super) fn new(authorities: Option<Vec<u8>>) -> Self {
        Self { authorities, settings: OnceLock::new() }
    }

    fn settings(&self) -> Result<Arc<ClientConfig>, StoreError> {
        if let Some(settings) = self.settings.get() {
            return Ok(Arc::clone(settings));
        }
        let mut roots = RootCertStore::empty();
        if let Some(pem) = &self.authorities {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let added = certificate.map_err(|error| error.to_string());
                let added = added.and_then(|known| roots.add(known).map_err(|error| error.to_string()));
                added.map_err(|problem| {
                    StoreError::Refused(format!("a certificate that is to vouch for it cannot be used: {problem}"))
                })?;
            }
        } else {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                let problem = "this system has no certificates that could vouch for it; name some by store-ca-file";
                return Err(StoreError::Refused(problem.to_owned()));
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let settings = versions.map_err(|error| StoreError::Refused(error.to_string()))?;
        let settings = Arc::new(settings.with_root_certificates(roots).with_no_client_auth());
        Ok(Arc::clone(self.settings.get_or_init(|| settings)))
    }
}

impl Stream {
    /// Connects to a socket in the file system.
    pub(super) fn unix(path: &Path, patience: Duration) -> Result<Self, StoreError> {
        let socket = UnixStream::connect(path);
        let stream = Self::Unix(socket.map_err(|error| StoreError::Away(format!("{}: {error}", path.display())))?);
        stream.set_patience(patience)?;
        Ok(stream)
    }

    /// Connects to a host, trying its addresses one after the other.
    pub(super) fn tcp(host: &str, port: u16, patience: Duration) -> Result<Self, StoreError> {
        connect(host, port, patience).map(Self::Tcp)
    }

    /// Connects with TLS. The certificate has to be for the name or address of the host.
    pub(super) fn tls(host: &str, port: u16, patience: Duration, trust: &Trust) -> Result<Self, StoreError> {
        let settings = trust.settings()?;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| StoreError::Refused(format!("{host:?} is no name that a certificate could have")))?;
        let session = ClientConnection::new(settings, name).map_err(|error| StoreError::Away(error.to_string()))?;
        let mut stream = StreamOwned::new(session, connect(host, port, patience)?);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).map_err(|error| untrusted(&error))?;
        }
        Ok(Self::Tls(Box::new(stream)))
    }

    /// Sets the time to wait for what is to be read or written.
    pub(super) fn set_patience(&self, patience: Duration) -> Result<(), StoreError> {
        let set = match self {
            Self::Tcp(socket) => set_patience(socket, patience),
            Self::Tls(stream) => set_patience(&stream.sock, patience),
            Self::Unix(socket) => {
                socket.set_read_timeout(Some(patience)).and_then(|()| socket.set_write_timeout(Some(patience)))
            }
        };
        set.map_err(|error| broken(&error))
    }
}

fn set_patience(socket: &TcpStream, patience: Duration) -> io::Result<()> {
    socket.set_read_timeout(Some(patience)).and_then(|()| socket.set_write_timeout(Some(patience)))
}

fn connect(host: &str, port: u16, patience: Duration) -> Result<TcpStream, StoreError> {
    let mut problem = StoreError::Away(format!("the name {host} has no address"));
    let addresses = (host, port).to_socket_addrs();
    for address in addresses.map_err(|error| StoreError::Away(format!("the name {host} is not found: {error}")))? {
        let connected = TcpStream::connect_timeout(&address, patience).and_then(|socket| {
            socket.set_nodelay(true)?;
            set_patience(&socket, patience)?;
            Ok(socket)
        });
        match connected {
            Ok(socket) => return Ok(socket),
            Err(error) => problem = broken(&error),
        }
    }
    Err(problem)
}

/// Reason why there is no TLS. Another attempt will end no better where nobody vouches for the certificate.
fn untrusted(error: &io::Error) -> StoreError {
    let reason = error.get_ref().and_then(|reason| reason.downcast_ref::<rustls::Error>());
    match reason {
        Some(rustls::Error::InvalidCertificate(reason)) => {
            StoreError::Refused(format!("nobody who is trusted vouches for its certificate under this name ({reason})"))
        }
        Some(reason) => StoreError::Away(format!("no TLS: {reason}")),
        None => broken(error),
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(buffer),
            Self::Unix(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(bytes),
            Self::Unix(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.flush(),
            Self::Unix(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
