//! Where the server that `ctl` asks is, and which token opens it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::config::settings::Settings;
use crate::regular_file;

/// Environment variable with the token.
const TOKEN_VARIABLE: &str = "ALTO_ADMIN_TOKEN";
/// Longest file with tokens, in bytes.
const MAX_TOKEN_BYTES: u64 = 64 * 1024;

/// Way to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Unix socket.
    Socket(PathBuf),
    /// TCP.
    Tcp {
        /// Name or address.
        host: String,
        port: u16,
        /// Whether the connection is encrypted.
        tls: bool,
    },
}

impl Place {
    /// Chooses the way: what was given, else the socket of the settings, else their first address.
    pub(super) fn find(socket: Option<&PathBuf>, server: Option<&str>, settings: &Settings) -> Result<Self, String> {
        if let Some(uri) = server {
            return Self::parse(uri);
        }
        if let Some(path) = socket.or(settings.admin_socket.as_ref()) {
            return Ok(Self::Socket(path.clone()));
        }
        let address = settings.listen.first().ok_or("the settings have no address: give --socket or --server")?;
        let host = match address.ip() {
            IpAddr::V4(any) if any.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(any) if any.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        let tls = settings.tls_certificate.is_some();
        Ok(Self::Tcp { host: host.to_string(), port: address.port(), tls })
    }

    fn parse(uri: &str) -> Result<Self, String> {
        let wrong = || format!("{uri:?} is not the URI of a server, such as http://127.0.0.1:8080");
        let (scheme, rest) = uri.split_once("://").ok_or_else(wrong)?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(wrong()),
        };
        let authority = rest.split('/').next().unwrap_or_default();
        if let Ok(address) = authority.parse::<SocketAddr>() {
            return Ok(Self::Tcp { host: address.ip().to_string(), port: address.port(), tls });
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| wrong())?),
            None => (authority, if tls { 443 } else { 80 }),
        };
        if host.is_empty() { Err(wrong()) } else { Ok(Self::Tcp { host: host.to_owned(), port, tls }) }
    }
}

/// Reads the token to send, if there is one: from the given file, the environment, or the file of the settings.
pub(super) fn token(file: Option<&Path>, settings: &Settings) -> Result<Option<String>, String> {
    let variable = || std::env::var(TOKEN_VARIABLE).ok();
    let file = match (file, variable(), &settings.admin_token_file) {
        (Some(file), ..) => file,
        (None, Some(token), _) => return Ok(Some(token)),
        (None, None, Some(file)) => file,
        (None, None, None) => return Ok(None),
    };
    let text = regular_file::read_text(file, MAX_TOKEN_BYTES)
        .map_err(|error| format!("{}: cannot be read: {error}", file.display()))?;
    // A line is a token, or a name, scopes and a token. Of several, the first that is for everything.
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let words: Vec<Vec<&str>> = lines.map(|line| line.split_ascii_whitespace().collect()).collect();
    let everything =
        words.iter().find(|words| words.len() == 1 || words.get(1).is_some_and(|s| s.contains("everything")));
    let token = everything.or(words.first()).and_then(|words| words.last()).map(ToString::to_string);
    token.map(Some).ok_or_else(|| format!("{}: the file has no token", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_way_to_a_server_is_taken() {
        let tcp = |host: &str, port, tls| Ok(Place::Tcp { host: host.to_owned(), port, tls });
        let settings = Settings { listen: vec!["[::]:7".parse().unwrap()], ..Settings::default() };
        assert_eq!(Place::find(None, None, &settings), tcp("::1", 7, false));
        let socket = PathBuf::from("/run/alto/admin.sock");
        let settings = Settings { admin_socket: Some(socket.clone()), ..settings };
        assert_eq!(Place::find(None, None, &settings), Ok(Place::Socket(socket)));
        assert_eq!(Place::find(None, Some("https://alto.example"), &settings), tcp("alto.example", 443, true));
        assert_eq!(Place::find(None, Some("http://[2001:db8::1]:8080/"), &settings), tcp("2001:db8::1", 8080, false));
        for wrong in ["alto.example", "ftp://alto.example", "http://", "http://alto.example:port"] {
            assert!(Place::find(None, Some(wrong), &settings).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_token_is_the_last_word_of_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens");
        for (text, expected) in [
            ("\u{feff}first-token\nrest\n", "first-token"),
            ("# c\nboard read t1\nada everything t2\n", "t2"),
            ("board read t1\n", "t1"),
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(token(Some(&file), &Settings::default()).unwrap().unwrap(), expected);
        }
        std::fs::write(&file, "#\n").unwrap();
        assert!(token(Some(&file), &Settings::default()).unwrap_err().contains("no token"));
    }
}
