//! Where the store is: `redis://`, `rediss://` and `redis+unix://` addresses, with lists of Sentinels.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Address of a store. The password is in a file of its own, never in here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreAddress {
    pub(super) place: Place,
    pub(super) is_secure: bool,
    /// Name under which Sentinels know the master; absent where the address is that of the server itself.
    pub(super) sentinel: Option<String>,
    pub(super) database: i64,
    /// Start of the names of all keys.
    pub(super) prefix: String,
    /// Number of other copies that must have a change before it is acknowledged.
    pub(super) copies: u32,
}

/// One server or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Hosts(Vec<(String, u16)>),
    Socket(PathBuf),
}

/// Text that is not the address of a store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0}; write redis://HOST:PORT/DATABASE, rediss://... with TLS, redis+unix:///PATH, or redis://HOST:PORT,HOST:PORT/DATABASE?sentinel=NAME"
)]
pub struct AddressError(String);

/// User and password of the store.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    pub(super) user: Option<String>,
    pub(super) password: String,
}

/// Port of Redis, where none is given.
const PORT: u16 = 6379;
/// Port of Sentinels, where none is given.
const SENTINEL_PORT: u16 = 26379;

impl StoreAddress {
    /// Number of other copies that must have a change before it is acknowledged.
    pub fn copies(&self) -> u32 {
        self.copies
    }

    /// Start of the names of all keys.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl FromStr for StoreAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = |problem: &str| AddressError(problem.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("is not an address"))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut address = Self {
            place: Place::Hosts(Vec::new()),
            is_secure: scheme == "rediss",
            sentinel: None,
            database: 0,
            prefix: "alto".to_owned(),
            copies: 0,
        };
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name {
                "sentinel" if !value.is_empty() => address.sentinel = Some(value.to_owned()),
                "copies" => {
                    address.copies = value.parse().map_err(|_| wrong("copies is not a number"))?;
                }
                "prefix" if is_prefix(value) => value.clone_into(&mut address.prefix),
                "prefix" => return Err(wrong("prefix has to be letters, digits and -")),
                "database" => address.database = parse_database(value)?,
                _ => return Err(AddressError(format!("{name:?} is not a parameter: use sentinel, copies or prefix"))),
            }
        }
        match scheme {
            "redis" | "rediss" => {
                let (hosts, database) = rest.split_once('/').unwrap_or((rest, ""));
                if hosts.contains('@') {
                    return Err(wrong("user and password belong into the file of store-password-file"));
                }
                if !database.is_empty() {
                    address.database = parse_database(database)?;
                }
                let port = if address.sentinel.is_some() { SENTINEL_PORT } else { PORT };
                let hosts: Vec<_> = hosts.split(',').map(|host| parse_host(host, port)).collect::<Result<_, _>>()?;
                if hosts.len() > 1 && address.sentinel.is_none() {
                    return Err(wrong("several servers are Sentinels, and need ?sentinel=NAME"));
                }
                address.place = Place::Hosts(hosts);
            }
            "redis+unix" if rest.starts_with('/') => address.place = Place::Socket(PathBuf::from(rest)),
            _ => return Err(wrong("is of an unknown kind")),
        }
        Ok(address)
    }
}

fn is_prefix(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn parse_database(text: &str) -> Result<i64, AddressError> {
    let number = text.parse().ok().filter(|number| (0..65_536).contains(number));
    number.ok_or_else(|| AddressError(format!("{text:?} is not the number of a database")))
}

/// Parses `HOST`, `HOST:PORT` or `[IPv6]:PORT`.
fn parse_host(text: &str, default: u16) -> Result<(String, u16), AddressError> {
    let wrong = || AddressError(format!("{text:?} is not HOST:PORT"));
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
            (host, rest.strip_prefix(':').or(if rest.is_empty() { Some("") } else { None }).ok_or_else(wrong)?)
        }
        None => text.rsplit_once(':').unwrap_or((text, "")),
    };
    let port = if port.is_empty() { default } else { port.parse().map_err(|_| wrong())? };
    if host.is_empty() { Err(wrong()) } else { Ok((host.to_owned(), port)) }
}

impl fmt::Display for StoreAddress {
    /// Writes the address for messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Hosts(hosts) => {
                let list: Vec<String> = hosts.iter().map(|(host, port)| format!("{host}:{port}")).collect();
                write!(f, "{}://{}", if self.is_secure { "rediss" } else { "redis" }, list.join(","))
            }
            Place::Socket(path) => write!(f, "redis+unix://{}", path.display()),
        }
    }
}

impl Login {
    /// Reads the text of a file: `PASSWORD`, or `USER PASSWORD`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words[..] {
            [password] => Ok(Self { user: None, password: password.to_owned() }),
            [user, password] => Ok(Self { user: Some(user.to_owned()), password: password.to_owned() }),
            _ => Err("has to be PASSWORD, or USER PASSWORD, on one line"),
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<StoreAddress, AddressError> {
        text.parse()
    }

    #[test]
    fn addresses_of_servers_sockets_and_sentinels_are_read() {
        let plain = parse("redis://db.example").unwrap();
        assert_eq!(plain.place, Place::Hosts(vec![("db.example".to_owned(), 6379)]));
        assert_eq!((plain.is_secure, plain.database, plain.copies, plain.prefix.as_str()), (false, 0, 0, "alto"));
        let list = parse("rediss://a,[2001:db8::1]:7/3?sentinel=main&copies=1&prefix=lab").unwrap();
        let hosts = vec![("a".to_owned(), 26379), ("2001:db8::1".to_owned(), 7)];
        assert_eq!((list.place, list.sentinel.as_deref()), (Place::Hosts(hosts), Some("main")));
        assert!(list.is_secure && list.database == 3 && list.copies == 1 && list.prefix == "lab");
        let socket = parse("redis+unix:///run/redis.sock?database=2").unwrap();
        assert_eq!((socket.place, socket.database), (Place::Socket("/run/redis.sock".into()), 2));
    }

    #[test]
    fn faulty_addresses_are_described() {
        for (text, says) in [
            ("db.example", "is not an address"),
            ("http://db", "unknown kind"),
            ("redis://user:secret@db", "store-password-file"),
            ("redis://a,b", "sentinel=NAME"),
            ("redis://db/x", "not the number of a database"),
            ("redis://db:port", "not HOST:PORT"),
            ("redis://[::1", "not HOST:PORT"),
            ("redis://db?copies=many", "not a number"),
            ("redis://db?prefix=a*", "letters"),
            ("redis://db?wait=1", "not a parameter"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains("secret"), "{text}: {error}");
        }
    }

    #[test]
    fn a_login_has_one_word_or_two() {
        assert_eq!(Login::parse("hush\n").unwrap().user, None);
        assert_eq!(Login::parse("alto hush\n").unwrap().user.as_deref(), Some("alto"));
        assert!(Login::parse("").is_err() && Login::parse("a b c").is_err());
        assert!(!format!("{:?}", Login::parse("hush").unwrap()).contains("hush"));
    }
}
