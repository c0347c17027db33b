//! `alto-peer torrent announce` and `peers`: requests to a tracker, as a client makes them.

use std::path::PathBuf;
use std::time::Duration;

use alto_types::tracker::Infohash;
use alto_types::tracker::announce::{AnnounceAnswer, AnnounceRequest, Event};
use rand::{Rng, RngExt};
use serde_json::json;
use structopt::StructOpt;

use super::error::AskError;
use super::metainfo::Metainfo;
use super::{hexadecimal, over_http, over_udp};

/// Bytes that a peer lacks where nothing tells.
const SOME: u64 = 1;

/// Torrent to ask about, and how.
#[derive(Clone, Debug, StructOpt)]
pub(super) struct CommonOptions {
    /// Torrent file, which names tracker and infohash
    #[structopt(value_name = "TORRENT", required_unless = "infohash")]
    torrent: Option<PathBuf>,

    /// URL of the tracker, instead of the torrent's: http, https or udp
    #[structopt(long, value_name = "URL")]
    tracker: Option<String>,

    /// Infohash, instead of a torrent file
    #[structopt(long, value_name = "HEX", requires = "tracker", conflicts_with = "torrent", parse(try_from_str = infohash))]
    infohash: Option<Infohash>,

    /// Port at which the peer could be reached
    #[structopt(long, value_name = "PORT", default_value = "6881", parse(try_from_str = port))]
    port: u16,

    /// Number of peers to ask for [what the tracker gives]
    #[structopt(long, value_name = "N")]
    wanted: Option<u32>,

    /// Time allowed for an answer
    #[structopt(long, value_name = "SECONDS", default_value = "15")]
    timeout: u32,

    /// Prints the answer as JSON
    #[structopt(long)]
    json: bool,
}

/// Options of `torrent announce`.
#[derive(Clone, Debug, StructOpt)]
pub(crate) struct AnnounceOptions {
    #[structopt(flatten)]
    common: CommonOptions,

    /// Reason for the announcement
    #[structopt(long, value_name = "EVENT", possible_values = &["started", "completed", "stopped"])]
    event: Option<String>,

    /// Bytes that the peer lacks; 0 makes it a seed [all of the torrent]
    #[structopt(long, value_name = "BYTES")]
    left: Option<u64>,
}

/// Options of `torrent peers`.
#[derive(Clone, Debug, StructOpt)]
pub(crate) struct PeersOptions {
    #[structopt(flatten)]
    common: CommonOptions,
}

/// Announces a peer, and returns the answer as text.
pub(super) fn announce(options: &AnnounceOptions) -> Result<String, AskError> {
    let common = &options.common;
    let (tracker, request) = request(common, &mut rand::rng())?;
    let event = Event::ALL.into_iter().find(|event| event.name() == options.event.as_deref()).unwrap_or_default();
    let request = AnnounceRequest { event, left: options.left.or(request.left), ..request };
    let answer = ask(&tracker, &request, common)?;
    Ok(if common.json { as_json(&request, &answer) } else { as_text(&answer) })
}

/// Asks for peers, and returns them as text, one per line.
pub(super) fn peers(options: &PeersOptions) -> Result<String, AskError> {
    let common = &options.common;
    let (tracker, request) = request(common, &mut rand::rng())?;
    let request = AnnounceRequest { event: Event::Started, ..request };
    let answer = ask(&tracker, &request, common)?;
    // Nobody serves at this port, so nobody should be sent there.
    ask(&tracker, &AnnounceRequest { event: Event::Stopped, ..request.clone() }, common)?;
    if common.json {
        return Ok(as_json(&request, &answer));
    }
    Ok(answer.peers.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// Builds the request, and finds its tracker.
fn request(options: &CommonOptions, rng: &mut impl Rng) -> Result<(String, AnnounceRequest), AskError> {
    let torrent = options.torrent.as_deref().map(Metainfo::read).transpose()?;
    let infohash = options.infohash.or(torrent.as_ref().map(|torrent| torrent.infohash)).unwrap_or_default();
    let tracker = options.tracker.clone().or_else(|| torrent.as_ref()?.announce.clone()).ok_or(AskError::NoTracker)?;
    let mut peer_id = *b"-AL0001-abcdefghijkl";
    peer_id.iter_mut().skip(8).for_each(|byte| *byte = rng.random_range(b'a'..=b'z'));
    let request = AnnounceRequest {
        infohash,
        peer_id,
        port: options.port,
        uploaded: 0,
        downloaded: 0,
        left: Some(torrent.map_or(SOME, |torrent| torrent.length)),
        event: Event::Periodic,
        key: Some(rng.random()),
        wanted: options.wanted,
        compact: true,
    };
    Ok((tracker, request))
}

fn ask(tracker: &str, request: &AnnounceRequest, options: &CommonOptions) -> Result<AnnounceAnswer, AskError> {
    let timeout = Duration::from_secs(options.timeout.into());
    match tracker.split_once("://") {
        Some(("http" | "https", _)) => over_http::announce(tracker, request, timeout),
        Some(("udp", rest)) => over_udp::announce(tracker, rest, request, timeout),
        _ => Err(AskError::Url(tracker.to_owned())),
    }
}

fn as_json(request: &AnnounceRequest, answer: &AnnounceAnswer) -> String {
    let peers: Vec<String> = answer.peers.iter().map(ToString::to_string).collect();
    let answer = json!({
        "infohash": hexadecimal(&request.infohash),
        "interval": answer.interval,
        "min-interval": answer.min_interval,
        "complete": answer.complete,
        "incomplete": answer.incomplete,
        "external": answer.external,
        "peers": peers,
    });
    format!("{answer:#}")
}

fn as_text(answer: &AnnounceAnswer) -> String {
    let external = answer.external.map(|address| format!("seen as  {address}\n")).unwrap_or_default();
    let peers: String = answer.peers.iter().fold(String::new(), |text, peer| text + &format!("\n         {peer}"));
    format!(
        "{external}seeds    {}\nleechers {}\ninterval {} s\npeers    {}{peers}",
        answer.complete,
        answer.incomplete,
        answer.interval,
        answer.peers.len(),
    )
}

fn infohash(text: &str) -> Result<Infohash, String> {
    let byte = |index: usize| u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..20).map(byte).collect();
    let bytes = bytes.filter(|_| text.len() == 40).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| format!("{text:?} is no infohash: it has 40 hexadecimal digits"))
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().ok().filter(|port| *port > 0).ok_or_else(|| format!("{text:?} is not a port from 1 to 65535"))
}
