//! Announcements over HTTP (BEP 3): requests as query strings, answers as bencoded dictionaries.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::bencode::{BencodeError, Value, write_bytes, write_number, write_text};
use super::query::{QueryError, escape, parameters};
use super::{Infohash, PeerId};

/// Reason for an announcement (BEP 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Event {
    /// None in particular: the interval has passed.
    #[default]
    Periodic,
    /// The download has just been completed.
    Completed,
    /// The peer has just started.
    Started,
    /// The peer is about to stop.
    Stopped,
}

/// Announcement of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnounceRequest {
    /// Torrent that the peer shares.
    pub infohash: Infohash,
    /// ID of the peer.
    pub peer_id: PeerId,
    /// Port at which it can be reached.
    pub port: u16,
    /// Bytes that it has sent since it started.
    pub uploaded: u64,
    /// Bytes that it has received since it started.
    pub downloaded: u64,
    /// Bytes that it lacks; absent if it does not know.
    pub left: Option<u64>,
    /// Reason for the announcement.
    pub event: Event,
    /// Number that is the same at all addresses of the peer (BEP 7), and that other peers do not know.
    pub key: Option<u32>,
    /// Number of peers that it wants; absent for the tracker's default.
    pub wanted: Option<u32>,
    /// Whether it understands addresses in compact form (BEP 23).
    pub compact: bool,
}

/// Reason why a query string is no announcement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnnounceError {
    /// An escape is malformed.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A parameter is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A parameter has an unusable value.
    #[error("{name} must be {expected}")]
    Unusable {
        /// Name of the parameter.
        name: &'static str,
        /// Values that it may have.
        expected: &'static str,
    },
}

/// Answer to an announcement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnounceAnswer {
    /// Seconds after which the peer should announce again.
    pub interval: u32,
    /// Seconds within which it must not.
    pub min_interval: u32,
    /// Number of peers that have everything.
    pub complete: u32,
    /// Number of peers that have parts.
    pub incomplete: u32,
    /// Address of the peer as the tracker sees it (BEP 24).
    pub external: Option<IpAddr>,
    /// Other peers. The order is the order of preference within each family.
    pub peers: Vec<SocketAddr>,
}

/// Refusal of a request (BEP 3, 31).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Reason, for people.
    pub reason: String,
    /// Time after which another attempt may succeed.
    pub retry: Option<Retry>,
}

/// Time of another attempt (BEP 31).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// After a number of minutes.
    Minutes(u32),
    /// Not at all.
    Never,
}

/// Answer that is bencoded, but no answer of a tracker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The answer is not bencoded.
    #[error(transparent)]
    Bencode(#[from] BencodeError),
    /// A key is missing or has a value of another type.
    #[error("the answer of the tracker has no usable {0:?}")]
    Key(&'static str),
}

impl AnnounceRequest {
    /// Reads an announcement from a query string. Addresses in it are ignored: anyone could give those of others.
    pub fn from_query(query: &str) -> Result<Self, AnnounceError> {
        let (mut infohash, mut peer_id, mut port) = (None, None, None);
        let mut read = Self {
            infohash: [0; 20],
            peer_id: [0; 20],
            port: 0,
            uploaded: 0,
            downloaded: 0,
            left: None,
            event: Event::Periodic,
            key: None,
            wanted: None,
            compact: true,
        };
        for (name, value) in parameters(query) {
            match name {
                "info_hash" => infohash = Some(twenty("info_hash", &value?)?),
                "peer_id" => peer_id = Some(twenty("peer_id", &value?)?),
                "port" => {
                    let expected = "a number from 1 to 65535";
                    let value = number::<u16>(&value?).filter(|port| *port > 0);
                    port = Some(value.ok_or(AnnounceError::Unusable { name: "port", expected })?);
                }
                "uploaded" => read.uploaded = number(&value?).unwrap_or(0),
                "downloaded" => read.downloaded = number(&value?).unwrap_or(0),
                // Some clients write the greatest number, or -1, while they do not know it.
                "left" => read.left = number(&value?),
                "event" => read.event = Event::from_name(&value?),
                "key" => read.key = Some(key(&value?)),
                // A negative number stands for the default, as over UDP.
                "numwant" => read.wanted = number(&value?),
                "compact" => read.compact = *value? != *b"0",
                _ => {}
            }
        }
        read.infohash = infohash.ok_or(AnnounceError::Missing("info_hash"))?;
        read.peer_id = peer_id.ok_or(AnnounceError::Missing("peer_id"))?;
        read.port = port.ok_or(AnnounceError::Missing("port"))?;
        Ok(read)
    }

    /// Writes the announcement as a query string.
    pub fn to_query(&self) -> String {
        let mut query = format!(
            "info_hash={}&peer_id={}&port={}&uploaded={}&downloaded={}&compact={}",
            escape(&self.infohash),
            escape(&self.peer_id),
            self.port,
            self.uploaded,
            self.downloaded,
            u8::from(self.compact),
        );
        let more = [
            self.left.map(|left| format!("&left={left}")),
            self.event.name().map(|event| format!("&event={event}")),
            self.key.map(|key| format!("&key={key:08x}")),
            self.wanted.map(|wanted| format!("&numwant={wanted}")),
        ];
        query.extend(more.into_iter().flatten());
        query
    }

    /// Whether the peer has everything.
    pub fn is_complete(&self) -> bool {
        self.left == Some(0)
    }

    /// Number that identifies the peer at all of its addresses; absent if it gives no key, which others cannot know.
    pub fn identity(&self) -> Option<u64> {
        let key = self.key.filter(|key| *key != 0)?;
        let mut hasher = DefaultHasher::new();
        (self.peer_id, key).hash(&mut hasher);
        Some(hasher.finish())
    }
}

impl Event {
    /// All events.
    pub const ALL: [Self; 4] = [Self::Periodic, Self::Completed, Self::Started, Self::Stopped];

    /// Name in a query string; absent for periodic announcements.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Periodic => None,
            Self::Completed => Some("completed"),
            Self::Started => Some("started"),
            Self::Stopped => Some("stopped"),
        }
    }

    /// Reads a name. Others, such as `paused` (BEP 21), are as good as none.
    fn from_name(name: &[u8]) -> Self {
        Self::ALL.into_iter().find(|event| event.name().map(str::as_bytes) == Some(name)).unwrap_or_default()
    }
}

fn twenty(name: &'static str, value: &[u8]) -> Result<[u8; 20], AnnounceError> {
    value.try_into().map_err(|_| AnnounceError::Unusable { name, expected: "20 bytes, percent-encoded" })
}

fn number<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
    std::str::from_utf8(value).ok().filter(|text| !text.starts_with('+'))?.parse().ok()
}

/// Reads a key. Clients write it in hexadecimal, which makes it the same number as over UDP, or as any text.
fn key(value: &[u8]) -> u32 {
    let hexadecimal = std::str::from_utf8(value).ok().and_then(|text| u32::from_str_radix(text, 16).ok());
    hexadecimal.unwrap_or_else(|| {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        u32::try_from(hasher.finish() >> 32).unwrap_or_default()
    })
}

impl AnnounceAnswer {
    /// Writes the answer, with addresses in compact form (BEP 23, BEP 7) or as dictionaries (BEP 3).
    pub fn to_bencode(&self, compact: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(160 + 20 * self.peers.len());
        out.push(b'd');
        write_number(&mut out, "complete", self.complete);
        match self.external.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => write_text(&mut out, "external ip", &address.octets()),
            Some(IpAddr::V6(address)) => write_text(&mut out, "external ip", &address.octets()),
            None => {}
        }
        write_number(&mut out, "incomplete", self.incomplete);
        write_number(&mut out, "interval", self.interval);
        write_number(&mut out, "min interval", self.min_interval);
        if compact {
            write_text(&mut out, "peers", &compacted(&self.peers, false));
            let ipv6 = compacted(&self.peers, true);
            if !ipv6.is_empty() {
                write_text(&mut out, "peers6", &ipv6);
            }
        } else {
            write_bytes(&mut out, b"peers");
            out.push(b'l');
            for peer in &self.peers {
                out.push(b'd');
                write_text(&mut out, "ip", peer.ip().to_string().as_bytes());
                write_number(&mut out, "port", peer.port());
                out.push(b'e');
            }
            out.push(b'e');
        }
        out.push(b'e');
        out
    }

    /// Reads an answer, or the failure in its place.
    pub fn parse(bytes: &[u8]) -> Result<Result<Self, Failure>, AnswerError> {
        let value = Value::parse(bytes)?;
        let answer = value.dictionary().ok_or(AnswerError::Key("dictionary"))?;
        if let Some(failure) = Failure::of(&value) {
            return Ok(Err(failure));
        }
        let number = |key: &'static str| -> Option<u32> { answer.get(key.as_bytes())?.integer()?.try_into().ok() };
        let mut peers = match answer.get(b"peers") {
            None => Vec::new(),
            Some(Value::Bytes(bytes)) => expanded(bytes, false).ok_or(AnswerError::Key("peers"))?,
            Some(list) => {
                let list = list.list().ok_or(AnswerError::Key("peers"))?;
                list.iter().map(from_dictionary).collect::<Option<_>>().ok_or(AnswerError::Key("peers"))?
            }
        };
        if let Some(ipv6) = answer.get(b"peers6") {
            let ipv6 = ipv6.bytes().and_then(|bytes| expanded(bytes, true));
            peers.extend(ipv6.ok_or(AnswerError::Key("peers6"))?);
        }
        Ok(Ok(Self {
            interval: number("interval").ok_or(AnswerError::Key("interval"))?,
            min_interval: number("min interval").unwrap_or(0),
            complete: number("complete").unwrap_or(0),
            incomplete: number("incomplete").unwrap_or(0),
            external: answer.get(b"external ip").and_then(Value::bytes).and_then(address),
            peers,
        }))
    }
}

impl Failure {
    /// Writes the failure as the answer to any request.
    pub fn to_bencode(&self) -> Vec<u8> {
        let mut out = vec![b'd'];
        write_text(&mut out, "failure reason", self.reason.as_bytes());
        match self.retry {
            Some(Retry::Minutes(minutes)) => write_number(&mut out, "retry in", minutes),
            Some(Retry::Never) => write_text(&mut out, "retry in", b"never"),
            None => {}
        }
        out.push(b'e');
        out
    }

    /// Reads the failure that an answer consists of, if it does.
    pub fn of(answer: &Value<'_>) -> Option<Self> {
        let answer = answer.dictionary()?;
        let reason = String::from_utf8_lossy(answer.get(b"failure reason")?.bytes()?).into_owned();
        let retry = answer.get(b"retry in").and_then(|value| match value {
            Value::Integer(minutes) => u32::try_from(*minutes).ok().map(Retry::Minutes),
            other => (other.bytes() == Some(b"never")).then_some(Retry::Never),
        });
        Some(Self { reason, retry })
    }
}

/// Writes the addresses of one family in compact form: the bytes of the address, and the port.
pub fn compacted(peers: &[SocketAddr], ipv6: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(peers.len() * if ipv6 { 18 } else { 6 });
    append_compacted(peers, ipv6, &mut out);
    out
}

/// Appends the addresses of one family in compact form.
pub(super) fn append_compacted(peers: &[SocketAddr], ipv6: bool, out: &mut Vec<u8>) {
    for peer in peers {
        match peer.ip().to_canonical() {
            IpAddr::V4(address) if !ipv6 => out.extend_from_slice(&address.octets()),
            IpAddr::V6(address) if ipv6 => out.extend_from_slice(&address.octets()),
            _ => continue,
        }
        out.extend_from_slice(&peer.port().to_be_bytes());
    }
}

/// Reads addresses in compact form; `None` if the last one is cut off.
pub fn expanded(bytes: &[u8], ipv6: bool) -> Option<Vec<SocketAddr>> {
    let (entries, rest) = bytes.split_at_checked(bytes.len() - bytes.len() % if ipv6 { 18 } else { 6 })?;
    let entry = |entry: &[u8]| {
        let (ip, port) = entry.split_last_chunk::<2>()?;
        Some(SocketAddr::new(address(ip)?, u16::from_be_bytes(*port)))
    };
    if !rest.is_empty() {
        return None;
    }
    entries.chunks_exact(if ipv6 { 18 } else { 6 }).map(entry).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let ipv4 = || <[u8; 4]>::try_from(bytes).map(|bytes| Ipv4Addr::from(bytes).into()).ok();
    ipv4().or_else(|| <[u8; 16]>::try_from(bytes).map(|bytes| Ipv6Addr::from(bytes).into()).ok())
}

fn from_dictionary(peer: &Value<'_>) -> Option<SocketAddr> {
    let peer = peer.dictionary()?;
    let port = peer.get(b"port")?.integer()?.try_into().ok()?;
    Some(SocketAddr::new(peer.get(b"ip")?.text()?.parse().ok()?, port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn announcements_of_known_clients_are_read() {
        let aria2 = "info_hash=%12%34%56xyz%00%01%02%03%04%05%06%07%08%09%0a%0b%0c%0d&peer_id=A2-1-36-0-%01%02%03%04%05%06\
                     %07%08%09%0A&uploaded=0&downloaded=0&left=16777216&compact=1&key=Ab%2bcdefg&numwant=50\
                     &no_peer_id=1&port=6881&event=started&supportcrypto=1&ip=192.0.2.1";
        let read = AnnounceRequest::from_query(aria2).unwrap();
        assert_eq!((read.port, read.left, read.event, read.wanted), (6881, Some(1 << 24), Event::Started, Some(50)));
        assert!(read.key.is_some() && read.compact && !read.is_complete());
        let bare = "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=1&left=0&compact=0&event=paused&key=0001a2B3";
        let read = AnnounceRequest::from_query(bare).unwrap();
        assert_eq!((read.key, read.event, read.wanted, read.compact), (Some(0x1a2b3), Event::Periodic, None, false));
        assert!(read.is_complete());
    }

    #[test]
    fn what_is_missing_or_unusable_is_named() {
        let good = "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb";
        for (query, expected) in [
            ("", "info_hash is missing".to_owned()),
            (good, "port is missing".to_owned()),
            (&format!("{good}&port=0"), "port must be a number from 1 to 65535".to_owned()),
            (&format!("{good}&port=70000"), "port must be a number from 1 to 65535".to_owned()),
            ("info_hash=aaa&port=1", "info_hash must be 20 bytes, percent-encoded".to_owned()),
            ("info_hash=%4&port=1", "the value of info_hash has a % without two hexadecimal digits".to_owned()),
        ] {
            assert_eq!(AnnounceRequest::from_query(query).unwrap_err().to_string(), expected, "{query}");
        }
    }

    #[test]
    fn an_answer_is_what_clients_expect() {
        let answer = AnnounceAnswer {
            interval: 1800,
            min_interval: 60,
            complete: 1,
            incomplete: 2,
            external: Some("::ffff:192.0.2.9".parse().unwrap()),
            peers: vec!["192.0.2.1:258".parse().unwrap(), "[2001:db8::1]:1".parse().unwrap()],
        };
        let compact = answer.to_bencode(true);
        let expected =
            b"d8:completei1e11:external ip4:\xc0\x00\x02\x0910:incompletei2e8:intervali1800e12:min intervali60e\
                         5:peers6:\xc0\x00\x02\x01\x01\x026:peers618:\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01e";
        assert_eq!(compact, expected);
        let canonical = AnnounceAnswer { external: Some("192.0.2.9".parse().unwrap()), ..answer.clone() };
        assert_eq!(AnnounceAnswer::parse(&compact), Ok(Ok(canonical.clone())));
        assert_eq!(AnnounceAnswer::parse(&answer.to_bencode(false)), Ok(Ok(canonical)));
    }

    #[test]
    fn a_failure_is_read_in_the_place_of_an_answer() {
        for retry in [None, Some(Retry::Minutes(3)), Some(Retry::Never)] {
            let failure = Failure { reason: "no such torrent".to_owned(), retry };
            assert_eq!(AnnounceAnswer::parse(&failure.to_bencode()), Ok(Err(failure)));
        }
    }

    proptest! {
        #[test]
        fn requests_are_read_as_written(
            infohash: [u8; 20], peer_id: [u8; 20], port in 1_u16.., numbers: (u64, u64), left: Option<u64>,
            event in prop::sample::select(Event::ALL.to_vec()), key: Option<u32>, wanted: Option<u32>, compact: bool,
        ) {
            let (uploaded, downloaded) = numbers;
            let request =
                AnnounceRequest { infohash, peer_id, port, uploaded, downloaded, left, event, key, wanted, compact };
            prop_assert_eq!(AnnounceRequest::from_query(&request.to_query()), Ok(request));
        }

        #[test]
        fn any_query_and_any_answer_is_read_or_refused(query: String, answer: Vec<u8>) {
            let _read = AnnounceRequest::from_query(&query);
            let _read = AnnounceAnswer::parse(&answer);
        }
    }
}
