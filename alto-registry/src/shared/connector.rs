//! The way to the master: directly, or by the word of Sentinels, which are all asked at once.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::address::{Login, Place, StoreAddress};
use super::reply::{Reply, StoreError};
use super::session::Session;
use super::stream::{Stream, Trust};
use super::waits::Waits;

/// Opens connections to the store, of whichever server is the master at that moment.
pub struct Connector(Arc<Way>);

/// Settings that every connection to the store needs.
struct Way {
    address: StoreAddress,
    login: Option<Login>,
    trust: Trust,
    waits: Waits,
}

/// A server by its place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Server {
    host: String,
    port: u16,
}

impl Connector {
    /// Prepares connections to a store. Certificates that may vouch for it are in PEM; without them, those of the system do.
    pub fn new(address: StoreAddress, login: Option<Login>, authorities: Option<Vec<u8>>) -> Self {
        Self::waiting(address, login, authorities, Waits::default())
    }

    /// Prepares connections as [`Connector::new`] does, to a store that has other times to answer.
    pub fn waiting(address: StoreAddress, login: Option<Login>, authorities: Option<Vec<u8>>, waits: Waits) -> Self {
        Self(Arc::new(Way { address, login, trust: Trust::new(authorities), waits }))
    }

    /// Address of the store.
    pub fn address(&self) -> &StoreAddress {
        &self.0.address
    }

    /// Times that the store has.
    pub(super) fn waits(&self) -> &Waits {
        &self.0.waits
    }

    /// Connects to the master, whose answers may take until `patience` has passed.
    pub fn connect(&self, patience: Duration) -> Result<Session, StoreError> {
        let way = &self.0;
        let session = match (&way.address.place, &way.address.sentinel) {
            (Place::Socket(path), _) => {
                let name = path.display().to_string();
                way.master(Stream::unix(path, way.waits.connect)?, &name)?
            }
            (Place::Hosts(sentinels), Some(service)) => self.named(sentinels, service)?,
            (Place::Hosts(hosts), None) => {
                let (host, port) = hosts.first().ok_or_else(|| StoreError::Away("no server is named".to_owned()))?;
                way.master(way.dial(host, *port)?, &format!("{host}:{port}"))?
            }
        };
        session.set_patience(patience)?;
        Ok(session)
    }

    /// Connects to the master that the first Sentinel names whose word is true: after a failover, some know it earlier than
    /// others. One that does not answer holds up nobody.
    fn named(&self, sentinels: &[(String, u16)], service: &str) -> Result<Session, StoreError> {
        let (mut problems, mut tried, mut refused) = (Vec::new(), Vec::new(), false);
        let (sender, answers) = mpsc::channel();
        for (host, port) in sentinels {
            let (way, sender, asked) =
                (Arc::clone(&self.0), sender.clone(), Server { host: host.clone(), port: *port });
            let service = service.to_owned();
            // It ends by itself, since no wait is for ever.
            let ask = move || {
                let found = way.ask(&asked, &service);
                let _nobody_waits = sender.send((asked, found));
            };
            if let Err(error) = std::thread::Builder::new().name("sentinel".to_owned()).spawn(ask) {
                problems.push(format!("{host}:{port}: no thread to ask it: {error}"));
            }
        }
        drop(sender);
        let deadline = Instant::now() + self.0.waits.named;
        loop {
            let (asked, found) = match answers.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(answer) => answer,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    problems.push("others do not answer in time".to_owned());
                    break;
                }
            };
            let (at, problem) = match found {
                Ok(found) if tried.contains(&found) => continue,
                Ok(found) => match self.0.reach(&found) {
                    Ok(session) => return Ok(session),
                    Err(problem) => {
                        tried.push(found.clone());
                        (found, problem)
                    }
                },
                Err(problem) => (asked, problem),
            };
            refused |= matches!(problem, StoreError::Refused(_));
            problems.push(format!("{}:{}: {problem}", at.host, at.port));
        }
        let problem = format!("no Sentinel names a master {service:?}: {}", problems.join("; "));
        Err(if refused { StoreError::Refused(problem) } else { StoreError::Away(problem) })
    }
}

impl Way {
    fn dial(&self, host: &str, port: u16) -> Result<Stream, StoreError> {
        if self.address.is_secure {
            Stream::tls(host, port, self.waits.connect, &self.trust)
        } else {
            Stream::tcp(host, port, self.waits.connect)
        }
    }

    /// Connects to a server that a Sentinel has named.
    fn reach(&self, server: &Server) -> Result<Session, StoreError> {
        self.master(self.dial(&server.host, server.port)?, &format!("{}:{}", server.host, server.port))
    }

    /// Makes sure that a server is a master.
    fn master(&self, stream: Stream, name: &str) -> Result<Session, StoreError> {
        let mut session = self.open(stream, self.login.as_ref())?;
        if self.address.database != 0 {
            let database = self.address.database.to_string();
            session.call(&[b"SELECT", database.as_bytes()])?;
        }
        // A server that was the master may not know yet that it is not any more.
        let role = session.call(&[b"ROLE"])?;
        match role.items().first().and_then(Reply::bytes) {
            Some(b"master") => Ok(session),
            Some(_) => Err(StoreError::Away(format!("{name} is not the master"))),
            None => Err(StoreError::Away(format!("{name}: {role:?}"))),
        }
    }

    /// Asks a Sentinel for the master. Sentinels have passwords of their own, or, more often, none.
    fn ask(&self, sentinel: &Server, service: &str) -> Result<Server, StoreError> {
        match self.ask_as(None, sentinel, service) {
            Err(StoreError::Refused(problem)) if self.login.is_some() && problem.contains("NOAUTH") => {
                self.ask_as(self.login.as_ref(), sentinel, service)
            }
            answer => answer,
        }
    }

    fn ask_as(&self, login: Option<&Login>, sentinel: &Server, service: &str) -> Result<Server, StoreError> {
        let mut session = self.open(self.dial(&sentinel.host, sentinel.port)?, login)?;
        let found = session.call(&[b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", service.as_bytes()])?;
        let text = |reply: &Reply| String::from_utf8(reply.bytes()?.to_vec()).ok();
        let named = match found.items() {
            [host, port] => text(host).zip(text(port).and_then(|port| port.parse().ok())),
            _ => None,
        };
        let named = named.map(|(host, port)| Server { host, port });
        named.ok_or_else(|| StoreError::Refused(format!("knows no master of this name ({found:?})")))
    }

    fn open(&self, stream: Stream, login: Option<&Login>) -> Result<Session, StoreError> {
        let mut session = Session::new(stream, self.address.prefix.clone());
        login.map(|login| session.log_in(login)).transpose()?;
        Ok(session)
    }
}
