//! Packets of the UDP tracker protocol (BEP 15), with the options that may follow an announcement (BEP 41).

use std::net::SocketAddr;

use super::Infohash;
use super::announce::{AnnounceRequest, Event, append_compacted, expanded};
use super::scrape::{MAX_SCRAPED, ScrapedTorrent};

/// Number in the place of a connection ID by which a client asks for one.
const MAGIC: u64 = 0x0417_2710_1980;
/// Length of an announcement without options.
const ANNOUNCE: usize = 98;
/// Greatest length of a path in options.
const MAX_PATH: usize = 512;

const CONNECT_ACTION: u32 = 0;
const ANNOUNCE_ACTION: u32 = 1;
const SCRAPE_ACTION: u32 = 2;
const ERROR_ACTION: u32 = 3;

/// Request of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpRequest {
    /// Number that the answer repeats.
    pub transaction: u32,
    /// What is asked for.
    pub action: UdpAction,
}

/// Actions of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UdpAction {
    /// Asks for a connection ID.
    Connect,
    /// Announces a peer.
    Announce {
        /// Connection ID.
        connection: u64,
        /// Announcement, compact by nature.
        announce: AnnounceRequest,
        /// Path and query of the tracker's URI (BEP 41); empty where the client does not send it.
        path: Vec<u8>,
    },
    /// Asks for numbers of peers.
    Scrape {
        /// Connection ID.
        connection: u64,
        /// Torrents, at most 74.
        infohashes: Vec<Infohash>,
    },
}

/// Packet that is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UdpError {
    /// The packet is shorter than its action needs.
    #[error("the packet is too short")]
    Short,
    /// The action does not exist, or a connection is asked for without the magic number.
    #[error("the action is unknown")]
    Action,
    /// The port of an announcement is 0.
    #[error("the port is 0")]
    Port,
}

/// Answer of a tracker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UdpAnswer {
    /// Connection ID.
    Connected(u64),
    /// Answer to an announcement.
    Announced {
        /// Seconds after which the peer should announce again.
        interval: u32,
        /// Number of peers that have parts.
        incomplete: u32,
        /// Number of peers that have everything.
        complete: u32,
        /// Other peers, of the address family of the packet.
        peers: Vec<SocketAddr>,
    },
    /// Numbers of peers, in the order of the request.
    Scraped(Vec<ScrapedTorrent>),
    /// Refusal.
    Failed(String),
}

/// Bytes that are read from their start.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], UdpError> {
        let (chunk, rest) = self.0.split_first_chunk::<N>().ok_or(UdpError::Short)?;
        self.0 = rest;
        Ok(*chunk)
    }

    fn u32(&mut self) -> Result<u32, UdpError> {
        self.chunk().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, UdpError> {
        self.chunk().map(u64::from_be_bytes)
    }
}

impl UdpRequest {
    /// Reads a packet. Bytes beyond those that are needed are options, or are ignored.
    pub fn parse(packet: &[u8]) -> Result<Self, UdpError> {
        let mut reader = Reader(packet);
        let (connection, action, transaction) = (reader.u64()?, reader.u32()?, reader.u32()?);
        let action = match action {
            CONNECT_ACTION if connection == MAGIC => UdpAction::Connect,
            ANNOUNCE_ACTION => {
                let announce = announcement(&mut reader)?;
                UdpAction::Announce { connection, announce, path: path(reader.0) }
            }
            SCRAPE_ACTION => {
                let infohashes: Vec<Infohash> =
                    reader.0.chunks_exact(20).take(MAX_SCRAPED).filter_map(|chunk| chunk.try_into().ok()).collect();
                if infohashes.is_empty() {
                    return Err(UdpError::Short);
                }
                UdpAction::Scrape { connection, infohashes }
            }
            _ => return Err(UdpError::Action),
        };
        Ok(Self { transaction, action })
    }

    /// Writes a packet.
    pub fn to_bytes(&self) -> Vec<u8> {
        let (connection, action) = match &self.action {
            UdpAction::Connect => (MAGIC, CONNECT_ACTION),
            UdpAction::Announce { connection, .. } => (*connection, ANNOUNCE_ACTION),
            UdpAction::Scrape { connection, .. } => (*connection, SCRAPE_ACTION),
        };
        let mut out = Vec::with_capacity(ANNOUNCE);
        out.extend(connection.to_be_bytes());
        out.extend(action.to_be_bytes());
        out.extend(self.transaction.to_be_bytes());
        match &self.action {
            UdpAction::Connect => {}
            UdpAction::Announce { announce, path, .. } => {
                out.extend(announce.infohash);
                out.extend(announce.peer_id);
                for number in [announce.downloaded, announce.left.unwrap_or(u64::MAX), announce.uploaded] {
                    out.extend(number.to_be_bytes());
                }
                out.extend(event_number(announce.event).to_be_bytes());
                // The address is that of the packet.
                out.extend([0; 4]);
                out.extend(announce.key.unwrap_or(0).to_be_bytes());
                out.extend(announce.wanted.unwrap_or(u32::MAX).to_be_bytes());
                out.extend(announce.port.to_be_bytes());
                for part in path.chunks(255) {
                    out.push(2);
                    out.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
                    out.extend(part);
                }
            }
            UdpAction::Scrape { infohashes, .. } => out.extend(infohashes.iter().flatten()),
        }
        out
    }
}

fn announcement(reader: &mut Reader<'_>) -> Result<AnnounceRequest, UdpError> {
    let (infohash, peer_id) = (reader.chunk()?, reader.chunk()?);
    let (downloaded, left, uploaded) = (reader.u64()?, reader.u64()?, reader.u64()?);
    let event = reader.u32()?;
    // An address here is that of anyone.
    let _address = reader.u32()?;
    let (key, wanted) = (reader.u32()?, reader.u32()?);
    let port = u16::from_be_bytes(reader.chunk()?);
    if port == 0 {
        return Err(UdpError::Port);
    }
    Ok(AnnounceRequest {
        infohash,
        peer_id,
        port,
        uploaded,
        downloaded,
        left: Some(left),
        event: Event::ALL.into_iter().find(|known| event_number(*known) == event).unwrap_or_default(),
        key: Some(key),
        // Negative numbers stand for the default.
        wanted: Some(wanted).filter(|wanted| i32::try_from(*wanted).is_ok()),
        compact: true,
    })
}

const fn event_number(event: Event) -> u32 {
    match event {
        Event::Periodic => 0,
        Event::Completed => 1,
        Event::Started => 2,
        Event::Stopped => 3,
    }
}

/// Joins the parts of the path in options (BEP 41): 0 ends them, 1 fills, 2 has a length and a part of the path.
fn path(mut options: &[u8]) -> Vec<u8> {
    let mut path = Vec::new();
    while let Some((kind, rest)) = options.split_first() {
        options = match (kind, rest.split_first()) {
            (1, _) => rest,
            (0, _) | (_, None) => break,
            (_, Some((length, rest))) => {
                let Some((part, after)) = rest.split_at_checked(usize::from(*length)) else { break };
                if *kind == 2 && path.len() + part.len() <= MAX_PATH {
                    path.extend(part);
                }
                after
            }
        };
    }
    path
}

impl UdpAnswer {
    /// Writes the answer to a transaction. `ipv6` is the family of the packet, of which alone peers are written.
    pub fn write(&self, transaction: u32, ipv6: bool, out: &mut Vec<u8>) {
        let head = |action: u32, out: &mut Vec<u8>| {
            out.extend_from_slice(&action.to_be_bytes());
            out.extend_from_slice(&transaction.to_be_bytes());
        };
        match self {
            Self::Connected(connection) => {
                head(CONNECT_ACTION, out);
                out.extend_from_slice(&connection.to_be_bytes());
            }
            Self::Announced { interval, incomplete, complete, peers } => {
                head(ANNOUNCE_ACTION, out);
                for number in [interval, incomplete, complete] {
                    out.extend_from_slice(&number.to_be_bytes());
                }
                append_compacted(peers, ipv6, out);
            }
            Self::Scraped(torrents) => {
                head(SCRAPE_ACTION, out);
                for number in
                    torrents.iter().flat_map(|torrent| [torrent.complete, torrent.downloaded, torrent.incomplete])
                {
                    out.extend_from_slice(&number.to_be_bytes());
                }
            }
            Self::Failed(reason) => {
                head(ERROR_ACTION, out);
                out.extend_from_slice(reason.as_bytes());
            }
        }
    }

    /// Reads a packet: the transaction and the answer to it.
    pub fn parse(packet: &[u8], ipv6: bool) -> Result<(u32, Self), UdpError> {
        let mut reader = Reader(packet);
        let (action, transaction) = (reader.u32()?, reader.u32()?);
        let answer = match action {
            CONNECT_ACTION => Self::Connected(reader.u64()?),
            ANNOUNCE_ACTION => {
                let (interval, incomplete, complete) = (reader.u32()?, reader.u32()?, reader.u32()?);
                let peers = expanded(reader.0, ipv6).ok_or(UdpError::Short)?;
                Self::Announced { interval, incomplete, complete, peers }
            }
            SCRAPE_ACTION => {
                let torrents = reader.0.chunks_exact(12).filter_map(|chunk| {
                    let mut reader = Reader(chunk);
                    let numbers = (reader.u32().ok()?, reader.u32().ok()?, reader.u32().ok()?);
                    let (complete, downloaded, incomplete) = numbers;
                    Some(ScrapedTorrent { complete, downloaded, incomplete })
                });
                Self::Scraped(torrents.collect())
            }
            ERROR_ACTION => Self::Failed(String::from_utf8_lossy(reader.0).into_owned()),
            _ => return Err(UdpError::Action),
        };
        Ok((transaction, answer))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(path: &[u8]) -> UdpRequest {
        let announce = AnnounceRequest {
            infohash: [1; 20],
            peer_id: [2; 20],
            port: 6881,
            uploaded: 3,
            downloaded: 4,
            left: Some(5),
            event: Event::Started,
            key: Some(6),
            wanted: Some(50),
            compact: true,
        };
        UdpRequest { transaction: 9, action: UdpAction::Announce { connection: 8, announce, path: path.to_vec() } }
    }

    #[test]
    fn an_announcement_is_its_first_98_bytes() {
        let bytes = request(b"").to_bytes();
        assert_eq!(bytes.len(), 98);
        assert!((0..98).all(|length| UdpRequest::parse(&bytes[..length]).is_err()));
        // aria2 appends two zero bytes; others may append anything.
        for more in [&[0, 0][..], &[1, 1, 1], &[2], &[2, 9, 1], &[7, 1, 0, 0], &[255; 40]] {
            assert_eq!(UdpRequest::parse(&[&bytes, more].concat()), Ok(request(b"")), "{more:?}");
        }
    }

    #[test]
    fn the_path_is_read_from_options() {
        let long = vec![b'p'; 300];
        for path in [&b"/announce"[..], b"/KEY/announce?a=b", &long] {
            assert_eq!(UdpRequest::parse(&request(path).to_bytes()), Ok(request(path)));
        }
        // libtorrent sends 109 bytes.
        assert_eq!(request(b"/announce").to_bytes().len(), 109);
        let flood =
            request(b"").to_bytes().into_iter().chain([2, 255].into_iter().chain([b'x'; 255]).cycle().take(2000));
        let parsed = UdpRequest::parse(&flood.collect::<Vec<_>>()).unwrap();
        assert!(matches!(parsed.action, UdpAction::Announce { path, .. } if path.len() <= MAX_PATH));
    }

    #[test]
    fn numbers_of_events_and_of_wanted_peers_are_those_of_bep_15() {
        let mut bytes = request(b"").to_bytes();
        bytes[92..96].copy_from_slice(&(-1_i32).to_be_bytes());
        for (number, event) in [(0, Event::Periodic), (1, Event::Completed), (2, Event::Started), (3, Event::Stopped)] {
            bytes[83] = number;
            let UdpAction::Announce { announce, .. } = UdpRequest::parse(&bytes).unwrap().action else { panic!() };
            assert_eq!((announce.event, announce.wanted), (event, None));
        }
        bytes[96..98].fill(0);
        assert_eq!(UdpRequest::parse(&bytes), Err(UdpError::Port));
    }

    #[test]
    fn a_connection_needs_the_magic_number() {
        let connect = UdpRequest { transaction: 7, action: UdpAction::Connect };
        let mut bytes = connect.to_bytes();
        assert_eq!((bytes.len(), UdpRequest::parse(&bytes)), (16, Ok(connect)));
        bytes[0] = 1;
        assert_eq!(UdpRequest::parse(&bytes), Err(UdpError::Action));
    }

    #[test]
    fn answers_are_read_as_written() {
        let peers = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let announced = |peers| UdpAnswer::Announced { interval: 1800, incomplete: 2, complete: 1, peers };
        let scraped = ScrapedTorrent { complete: 1, downloaded: 2, incomplete: 3 };
        for (answer, ipv6, length) in [
            (UdpAnswer::Connected(5), false, 16),
            (announced(peers(&["192.0.2.1:1", "192.0.2.2:2"])), false, 32),
            (announced(peers(&["[2001:db8::1]:1"])), true, 38),
            (UdpAnswer::Scraped(vec![scraped, scraped]), false, 32),
            (UdpAnswer::Failed("no".to_owned()), false, 10),
        ] {
            let mut bytes = Vec::new();
            answer.write(77, ipv6, &mut bytes);
            assert_eq!(bytes.len(), length);
            assert_eq!(UdpAnswer::parse(&bytes, ipv6), Ok((77, answer)));
        }
    }

    proptest! {
        #[test]
        fn any_packet_is_read_or_refused(packet: Vec<u8>, action in 0_u8..5, ipv6: bool) {
            let _read = UdpRequest::parse(&packet);
            let _read = UdpAnswer::parse(&packet, ipv6);
            let mut head = MAGIC.to_be_bytes().to_vec();
            head.extend([0, 0, 0, action]);
            head.extend(packet);
            if let Ok(request) = UdpRequest::parse(&head) {
                prop_assert_eq!(UdpRequest::parse(&request.to_bytes()), Ok(request));
            }
        }
    }
}
