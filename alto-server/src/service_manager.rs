//! What the service manager is told by the protocol of systemd (`sd_notify`): that the server is ready, reloads, ends and is
//! alive. Without such a manager nothing is sent.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

/// Socket of the service manager, and how often it wants to hear that this process is alive.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServiceManager {
    socket: Option<Arc<Socket>>,
    watchdog: Option<Duration>,
}

#[derive(Debug)]
struct Socket {
    own: UnixDatagram,
    manager: SocketAddr,
}

impl ServiceManager {
    /// The manager that started this process, as its environment names it.
    pub(crate) fn from_environment() -> Self {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return Self::default() };
        let socket = match Socket::open(&name) {
            Ok(socket) => Some(Arc::new(socket)),
            Err(error) => {
                tracing::warn!("the service manager is told nothing: NOTIFY_SOCKET {name:?}: {error}");
                None
            }
        };
        let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
        let for_this_process = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|time| *time > 0 && for_this_process);
        Self { socket, watchdog: watchdog.map(Duration::from_micros) }
    }

    /// Requests are answered from now on.
    pub(crate) fn ready(&self) {
        self.tell("READY=1");
    }

    /// Files are being read again, until [`Self::ready`].
    pub(crate) fn reloading(&self) {
        self.tell("RELOADING=1");
    }

    /// The process is about to end.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Reports twice per watchdog interval that tasks still run. Never returns.
    pub(crate) async fn keep_alive(self) {
        let Some(interval) = self.watchdog.filter(|_| self.socket.is_some()) else {
            return std::future::pending().await;
        };
        let mut ticks = tokio::time::interval(interval / 2);
        // One sign of life tells as much as several, which could leave no room for other messages.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.tell("WATCHDOG=1");
        }
    }

    fn tell(&self, state: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = socket.own.send_to_addr(state.as_bytes(), &socket.manager) {
            tracing::warn!("the service manager cannot be told {state}: {error}");
        }
    }
}

impl Socket {
    /// A name that begins with @ is in the abstract namespace, any other is a path.
    fn open(name: &OsStr) -> io::Result<Self> {
        let manager = match name.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name)?,
            None => SocketAddr::from_pathname(name)?,
        };
        let own = UnixDatagram::unbound()?;
        // A manager that does not read must not hold up the server.
        own.set_nonblocking(true)?;
        Ok(Self { own, manager })
    }
}
