//! Connections of routers: from listed addresses only, one of each, and no more in all than there is room for.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use command_line::note;
use ipnet::IpNet;

/// Largest number of connections at a time.
const MAX_CONNECTIONS: usize = 256;
/// Shortest time between two log lines about refused connections, which anybody can cause.
const LOG_PAUSE: Duration = Duration::from_secs(10);

/// Open connections by router.
struct Connections {
    protocol: &'static str,
    sources: Vec<IpNet>,
    open: Mutex<HashMap<IpAddr, Arc<TcpStream>>>,
}

/// Refused connections since the last log line.
#[derive(Default)]
struct Refusals {
    logged: Option<Instant>,
    count: usize,
}

/// Listens on an address, which is returned as it is bound. `serve` gets each connection on a thread of its own, and returns
/// the reason for its end; the connection is then closed.
pub(super) fn listen(
    protocol: &'static str,
    address: SocketAddr,
    sources: Vec<IpNet>,
    serve: impl Fn(&TcpStream, IpAddr) -> String + Send + Sync + 'static,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    let connections = Arc::new(Connections { protocol, sources, open: Mutex::default() });
    let serve = Arc::new(serve);
    std::thread::Builder::new().name(protocol.to_owned()).spawn(move || accept(&listener, &connections, &serve))?;
    Ok(address)
}

fn accept<F>(listener: &TcpListener, connections: &Arc<Connections>, serve: &Arc<F>)
where
    F: Fn(&TcpStream, IpAddr) -> String + Send + Sync + 'static,
{
    let mut refusals = Refusals::default();
    loop {
        let Ok((stream, from)) = listener.accept() else {
            // Too many open files, for example, which others may close.
            std::thread::sleep(Duration::from_millis(100));
            continue;
        };
        let (router, stream) = (from.ip().to_canonical(), Arc::new(stream));
        if let Err(reason) = connections.admit(router, &stream) {
            refusals.log(connections.protocol, router, reason);
            continue;
        }
        let (ending, serve) = (Arc::clone(connections), Arc::clone(serve));
        let serving = Arc::clone(&stream);
        let serve = move || {
            // What a library panics on ends one connection only.
            let served = panic::catch_unwind(AssertUnwindSafe(|| serve(&serving, router)));
            let reason = served.unwrap_or_else(|_| "a message could not be handled".to_owned());
            ending.end(router, &serving);
            note!("alto-feed: {}: the connection of {router} ended: {reason}", ending.protocol);
        };
        let protocol = connections.protocol;
        if let Err(error) = std::thread::Builder::new().name(format!("{protocol}-{router}")).spawn(serve) {
            note!("alto-feed: {protocol}: {router} cannot be served: {error}");
            connections.end(router, &stream);
        }
    }
}

impl Connections {
    /// Takes a connection of a listed router, in place of the one before; or tells why not.
    fn admit(&self, router: IpAddr, stream: &Arc<TcpStream>) -> Result<(), &'static str> {
        if !self.sources.iter().any(|source| source.contains(&router)) {
            return Err("is not among the sources");
        }
        let mut open = self.open();
        if open.len() >= MAX_CONNECTIONS && !open.contains_key(&router) {
            return Err("is one router too many");
        }
        if let Some(before) = open.insert(router, Arc::clone(stream)) {
            close(&before);
        }
        Ok(())
    }

    fn end(&self, router: IpAddr, stream: &Arc<TcpStream>) {
        close(stream);
        let mut open = self.open();
        if open.get(&router).is_some_and(|present| Arc::ptr_eq(present, stream)) {
            open.remove(&router);
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, Arc<TcpStream>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Refusals {
    fn log(&mut self, protocol: &str, router: IpAddr, reason: &str) {
        self.count += 1;
        if self.logged.is_some_and(|logged| logged.elapsed() < LOG_PAUSE) {
            return;
        }
        let others = if self.count > 1 { format!(", {} others before", self.count - 1) } else { String::new() };
        note!("alto-feed: {protocol}: {router} {reason} and was refused{others}");
        (self.logged, self.count) = (Some(Instant::now()), 0);
    }
}

/// Closes a connection for both ends, whoever else has the stream.
fn close(stream: &TcpStream) {
    let _closed_already = stream.shutdown(Shutdown::Both);
}
