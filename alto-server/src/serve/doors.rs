//! The listeners of the server: addresses and sockets that the settings name.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::ServeError;
use super::parts::{Parts, Tables};
use crate::admin::entrance::Entrance;
use crate::admin::socket::AdminSocket;
use crate::config::listeners::Listener;
use crate::config::{Config, ConfigError};
use crate::http::accept::Server;
use crate::http::client_address::ClientAddress;
use crate::http::event_loops::EventLoops;
use crate::http::router::{Route, router};
use crate::http::stack::Stack;
use crate::http::tls::Tls;
use crate::tracker::service::Tracker;
use crate::tracker::udp::UdpListener;
use crate::{admin, listening, routes, tracker};

/// Listeners, and the connections that they serve.
pub(super) struct Doors {
    tasks: JoinSet<()>,
    /// Certificate and key of listeners over TCP, if HTTPS is served.
    tls: Option<Arc<Tls>>,
    addressing: Arc<ClientAddress>,
    loops: EventLoops,
    stopping: watch::Receiver<bool>,
    admin_socket: Option<AdminSocket>,
    udp: Vec<UdpListener>,
}

impl Doors {
    /// No listeners yet.
    pub(super) fn new(parts: &Parts, config: &Config, loops: EventLoops, stopping: watch::Receiver<bool>) -> Self {
        let addressing = Arc::new(ClientAddress::new(config.trusted_proxies.clone(), config.tcp_proxies.clone()));
        let (tasks, tls) = (JoinSet::new(), parts.tls.clone());
        Self { tasks, tls, addressing, loops, stopping, admin_socket: None, udp: Vec::new() }
    }

    /// Opens every listener of the settings.
    pub(super) fn open_all(&mut self, parts: &Parts, config: &Config, tables: Tables) -> Result<(), ServeError> {
        // Before the addresses are logged, because whoever waits for them may use the socket at once.
        if let Some(path) = &config.admin_socket {
            let (socket, listener) = AdminSocket::bind(path)?;
            self.admin_socket = Some(socket);
            tracing::info!("administration on the Unix socket {}", path.display());
            let server = self.server(config, admin::routes::routes(&parts.admin, &Entrance::Socket));
            self.tasks.spawn(server.listen_unix(UnixListener::from_std(listener)?, self.stopping.clone()));
        }
        let public = self.server(config, tables.public);
        if let Some(operation) = tables.operation {
            let operation = self.server(config, operation);
            let announce = |origin: &str| tracing::info!("administration and metrics on {origin}/");
            self.open(config.listeners_of("admin-listen"), &operation, announce)?;
        }
        self.open(config.listeners_of("listen"), &public, |origin| {
            let view = parts.network.current();
            tracing::info!(view = view.snapshot().view().tag(), "listening on {origin}/directory");
        })?;
        if let Some(tracker) = &parts.tracker {
            let own = self.server(config, tracker::routes::on_own_listener(tracker));
            let announce = |origin: &str| tracing::info!("tracker on {origin}/announce");
            self.open(config.listeners_of("tracker-listen"), &own, announce)?;
            self.udp = open_udp(config, tracker)?;
        }
        Ok(())
    }

    /// Waits until every connection is closed, which those do once the server is stopping.
    pub(super) async fn close(mut self) {
        while self.tasks.join_next().await.is_some() {}
        self.udp.into_iter().for_each(UdpListener::stop);
    }

    /// A server of the routes of one kind of listener.
    fn server(&self, config: &Config, routes: Vec<Route>) -> Arc<Server> {
        let stack = Stack::new(router(routes, routes::NOT_FOUND), config.stack.clone());
        let (addressing, loops) = (Arc::clone(&self.addressing), self.loops.clone());
        Arc::new(Server::new(stack, config.connections, config.admission, addressing, loops))
    }

    /// Listens on addresses of the settings, and announces scheme and address of each.
    fn open(
        &mut self,
        wanted: impl Iterator<Item = Listener>,
        server: &Arc<Server>,
        announce: impl Fn(&str),
    ) -> Result<(), ServeError> {
        for listener in wanted {
            let (listener, bound) = bind(listener)?;
            let scheme = if self.tls.is_some() { "https" } else { "http" };
            announce(&format!("{scheme}://{bound}"));
            self.tasks.spawn(Arc::clone(server).listen(listener, self.tls.clone(), self.stopping.clone()));
        }
        Ok(())
    }
}

/// Listens over UDP at the addresses of the settings.
fn open_udp(config: &Config, tracker: &Arc<Tracker>) -> Result<Vec<UdpListener>, ServeError> {
    let open = |wanted: Listener| {
        let listener = UdpListener::start(wanted.address, tracker).map_err(|error| refused(wanted, &error))?;
        tracing::info!("tracker on udp://{}", listener.address());
        Ok(listener)
    };
    config.listeners_of("tracker-udp").map(open).collect()
}

/// Listens on an address of the settings, and returns the address that the socket has.
fn bind(listener: Listener) -> Result<(TcpListener, SocketAddr), ServeError> {
    let bound = || -> std::io::Result<_> {
        let socket = TcpListener::from_std(listening::tcp(listener.address)?)?;
        let address = socket.local_addr()?;
        Ok((socket, address))
    };
    bound().map_err(|error| refused(listener, &error))
}

fn refused(listener: Listener, error: &std::io::Error) -> ServeError {
    ServeError::Listen(ConfigError::listener(listener, error))
}
