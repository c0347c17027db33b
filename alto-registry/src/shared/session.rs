//! Connections to the store: the one place that knows the client library.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::{
    Client, Cmd, ConnectionAddr, ConnectionInfo, ConnectionLike, ErrorKind, IntoConnectionInfo, Pipeline,
    RedisConnectionInfo, TlsCertificates, Value,
};

use super::address::{Login, Place, StoreAddress};

/// Opens connections to the store, of whichever server is the master at that moment.
pub struct Connector {
    address: StoreAddress,
    login: Option<Login>,
    /// Certificates that may vouch for the store, in PEM; absent for those of the system.
    authorities: Option<Vec<u8>>,
    /// Place of the Sentinel that is asked first: the one that answered the last time.
    first: AtomicUsize,
}

/// A connection to the master.
pub struct Session {
    connection: redis::Connection,
    prefix: String,
}

/// Answer of the store.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// There is no value.
    Nothing,
    /// A whole number.
    Number(i64),
    /// A text, or bytes.
    Bytes(Vec<u8>),
    /// Several answers.
    List(Vec<Reply>),
    /// The command was refused, for this reason.
    Refused(String),
}

/// Reason why the store could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no connection, or it broke. A change may have been made or not.
    #[error("the store does not answer: {0}")]
    Away(String),
    /// The store has refused, and changed nothing.
    #[error("the store refuses: {0}")]
    Refused(String),
    /// The change is made, but too few copies have confirmed it, so that it may yet be lost.
    #[error("the change is made, but only {confirmed} of {wanted} other copies of the store have confirmed it")]
    Unconfirmed {
        /// Number of copies beside the master that have it.
        confirmed: i64,
        /// Number of copies that are needed.
        wanted: u32,
    },
    /// What an entry refers to is not there any more: the store has gone on.
    #[error("the store has gone on, and dropped {0}")]
    Gone(String),
    /// The store holds what this program does not understand.
    #[error("the store holds what this version does not understand: {0}")]
    Unknown(String),
    /// This server cannot follow the store any more.
    #[error("{0}")]
    Stopped(String),
}

/// Time to wait for a connection to be made, and for each answer until it is known whether it is the right one.
const CONNECT: Duration = Duration::from_secs(1);

impl Connector {
    /// Prepares connections to a store.
    pub fn new(address: StoreAddress, login: Option<Login>, authorities: Option<Vec<u8>>) -> Self {
        Self { address, login, authorities, first: AtomicUsize::new(0) }
    }

    /// Address of the store.
    pub fn address(&self) -> &StoreAddress {
        &self.address
    }

    /// Connects to the master, whose answers may take until `patience` has passed.
    pub fn connect(&self, patience: Duration) -> Result<Session, StoreError> {
        let mut session = match (&self.address.place, &self.address.sentinel) {
            (Place::Socket(path), _) => self.master(ConnectionAddr::Unix(path.clone()))?,
            (Place::Hosts(sentinels), Some(service)) => self.named(sentinels, service)?,
            (Place::Hosts(hosts), None) => {
                let (host, port) = hosts.first().ok_or_else(|| StoreError::Away("no server is named".to_owned()))?;
                self.master(self.tcp(host, *port))?
            }
        };
        session.set_patience(patience)?;
        Ok(session)
    }

    /// Connects to a server that has to be a master.
    fn master(&self, place: ConnectionAddr) -> Result<Session, StoreError> {
        let name = place.to_string();
        let mut session = self.open(place, self.login.as_ref(), self.address.database)?;
        // A server that was the master may not know yet that it is not any more.
        let role = session.call(&[b"ROLE"])?;
        match role.items().first().and_then(Reply::bytes) {
            Some(b"master") => Ok(session),
            Some(_) => Err(StoreError::Away(format!("{name} is not the master"))),
            None => Err(StoreError::Away(format!("{name}: {role:?}"))),
        }
    }

    /// Connects to the master that a Sentinel names. After a failover, some know it earlier than others.
    fn named(&self, sentinels: &[(String, u16)], service: &str) -> Result<Session, StoreError> {
        let (mut problems, mut tried, mut refused) = (Vec::new(), Vec::new(), false);
        let first = self.first.load(Ordering::Relaxed);
        for place in (first..first + sentinels.len()).map(|place| place % sentinels.len()) {
            let (host, port) = &sentinels[place];
            let found = match self.ask(host, *port, service) {
                Ok(found) if tried.contains(&found) => continue,
                Ok(found) => found,
                Err(problem) => {
                    refused |= matches!(problem, StoreError::Refused(_));
                    problems.push(format!("{host}:{port}: {problem}"));
                    continue;
                }
            };
            match self.master(self.tcp(&found.0, found.1)) {
                Ok(session) => {
                    self.first.store(place, Ordering::Relaxed);
                    return Ok(session);
                }
                Err(problem) => {
                    refused |= matches!(problem, StoreError::Refused(_));
                    problems.push(format!("{}:{}: {problem}", found.0, found.1));
                }
            }
            tried.push(found);
        }
        let problem = format!("no Sentinel names a master {service:?}: {}", problems.join("; "));
        Err(if refused { StoreError::Refused(problem) } else { StoreError::Away(problem) })
    }

    /// Asks a Sentinel for the master. Sentinels have passwords of their own, or, more often, none.
    fn ask(&self, host: &str, port: u16, service: &str) -> Result<(String, u16), StoreError> {
        match self.ask_as(None, host, port, service) {
            Err(StoreError::Refused(problem)) if self.login.is_some() && problem.contains("NOAUTH") => {
                self.ask_as(self.login.as_ref(), host, port, service)
            }
            answer => answer,
        }
    }

    fn ask_as(&self, login: Option<&Login>, host: &str, port: u16, service: &str) -> Result<(String, u16), StoreError> {
        // Sentinels have no databases but the first.
        let mut session = self.open(self.tcp(host, port), login, 0)?;
        let found = session.call(&[b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", service.as_bytes()])?;
        let text = |reply: &Reply| String::from_utf8(reply.bytes()?.to_vec()).ok();
        let address = match found.items() {
            [host, port] => text(host).zip(text(port).and_then(|port| port.parse().ok())),
            _ => None,
        };
        address.ok_or_else(|| StoreError::Refused(format!("knows no master of this name ({found:?})")))
    }

    fn tcp(&self, host: &str, port: u16) -> ConnectionAddr {
        let host = host.to_owned();
        if self.address.is_secure {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        }
    }

    fn open(&self, place: ConnectionAddr, login: Option<&Login>, database: i64) -> Result<Session, StoreError> {
        let is_secure = matches!(place, ConnectionAddr::TcpTls { .. });
        let mut settings = RedisConnectionInfo::default().set_skip_set_lib_name().set_db(database);
        if let Some(Login { user, password }) = login {
            settings = settings.set_password(password);
            if let Some(user) = user {
                settings = settings.set_username(user);
            }
        }
        let info: ConnectionInfo =
            place.into_connection_info().map_err(|error| away(&error))?.set_redis_settings(settings);
        let client = if is_secure {
            let certificates = TlsCertificates { client_tls: None, root_cert: self.authorities.clone() };
            Client::build_with_tls(info, certificates).map_err(|error| away(&error))?
        } else {
            Client::open(info).map_err(|error| away(&error))?
        };
        let connection = client.get_connection_with_timeout(CONNECT).map_err(|error| away(&error))?;
        let mut session = Session { connection, prefix: self.address.prefix.clone() };
        session.set_patience(CONNECT)?;
        Ok(session)
    }
}

impl Session {
    /// Start of the names of all keys.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Sets the time to wait for answers. A server that is gone without a word is noticed by it.
    pub(super) fn set_patience(&mut self, patience: Duration) -> Result<(), StoreError> {
        self.connection.set_read_timeout(Some(patience)).map_err(|error| away(&error))?;
        self.connection.set_write_timeout(Some(patience)).map_err(|error| away(&error))
    }

    /// Sends one command. A refusal by the store is an error.
    pub fn call(&mut self, words: &[&[u8]]) -> Result<Reply, StoreError> {
        let replies = self.call_all(std::slice::from_ref(&words))?;
        match replies.into_iter().next() {
            Some(Reply::Refused(reason)) => Err(StoreError::Refused(reason)),
            Some(reply) => Ok(reply),
            None => Err(StoreError::Away("no answer".to_owned())),
        }
    }

    /// Sends several commands at once, and returns their answers, refusals among them.
    pub fn call_all<W: AsRef<[u8]>>(&mut self, commands: &[impl AsRef<[W]>]) -> Result<Vec<Reply>, StoreError> {
        let mut pipeline = Pipeline::with_capacity(commands.len());
        for words in commands {
            let mut command = Cmd::new();
            for word in words.as_ref() {
                command.arg(word.as_ref());
            }
            pipeline.add_command(command);
        }
        let packed = pipeline.get_packed_pipeline();
        let values = self.connection.req_packed_commands(&packed, 0, commands.len());
        let values = values.map_err(|error| away(&error))?;
        Ok(values.into_iter().map(Reply::of).collect())
    }
}

fn away(error: &redis::RedisError) -> StoreError {
    let text = error.to_string();
    // A wrong password, or a certificate that nobody vouches for, in the words of rustls: no other attempt will end better.
    if error.kind() == ErrorKind::AuthenticationFailed || text.contains("invalid peer certificate") {
        return StoreError::Refused(text);
    }
    StoreError::Away(text)
}

impl Reply {
    fn of(value: Value) -> Self {
        match value {
            Value::Int(number) => Self::Number(number),
            Value::BulkString(bytes) => Self::Bytes(bytes),
            Value::SimpleString(text) => Self::Bytes(text.into_bytes()),
            Value::Okay => Self::Bytes(b"OK".to_vec()),
            Value::Array(list) | Value::Set(list) => Self::List(list.into_iter().map(Self::of).collect()),
            Value::ServerError(error) => Self::Refused(error.to_string()),
            // RESP2, which is what is spoken here, has no others.
            _ => Self::Nothing,
        }
    }

    /// Parts of a list; none of anything else.
    pub fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }

    /// Bytes of a text.
    pub fn bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// A number.
    pub fn number(&self) -> Option<i64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }
}
