//! Numbers of peers over HTTP (BEP 48): several infohashes in a query string, and a dictionary of `files`.

use super::Infohash;
use super::announce::{AnnounceError, AnswerError, Failure};
use super::bencode::{Value, write_bytes, write_number};
use super::query::parameters;

/// Greatest number of torrents in a request: as many as fit into a packet (BEP 15).
pub const MAX_SCRAPED: usize = 74;

/// Numbers of peers of one torrent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScrapedTorrent {
    /// Peers that have everything.
    pub complete: u32,
    /// Number of times that a download was completed.
    pub downloaded: u32,
    /// Peers that have parts.
    pub incomplete: u32,
}

/// Reads the infohashes from a query string.
pub fn infohashes_from_query(query: &str) -> Result<Vec<Infohash>, AnnounceError> {
    let mut infohashes = Vec::new();
    for (_, value) in parameters(query).filter(|(name, _)| *name == "info_hash").take(MAX_SCRAPED + 1) {
        let infohash = value?.as_ref().try_into();
        let expected = "20 bytes, percent-encoded";
        infohashes.push(infohash.map_err(|_| AnnounceError::Unusable { name: "info_hash", expected })?);
    }
    if infohashes.is_empty() {
        return Err(AnnounceError::Missing("info_hash"));
    }
    if infohashes.len() > MAX_SCRAPED {
        return Err(AnnounceError::Unusable { name: "info_hash", expected: "given at most 74 times" });
    }
    Ok(infohashes)
}

/// Writes an answer.
pub fn to_bencode(torrents: &[(Infohash, ScrapedTorrent)]) -> Vec<u8> {
    let mut sorted: Vec<_> = torrents.iter().collect();
    sorted.sort_unstable_by_key(|(infohash, _)| *infohash);
    sorted.dedup_by_key(|(infohash, _)| *infohash);
    let mut out = b"d5:filesd".to_vec();
    for (infohash, torrent) in sorted {
        write_bytes(&mut out, infohash);
        out.push(b'd');
        write_number(&mut out, "complete", torrent.complete);
        write_number(&mut out, "downloaded", torrent.downloaded);
        write_number(&mut out, "incomplete", torrent.incomplete);
        out.push(b'e');
    }
    out.extend_from_slice(b"ee");
    out
}

/// Reads an answer, or the failure in its place.
pub fn parse(bytes: &[u8]) -> Result<Result<Vec<(Infohash, ScrapedTorrent)>, Failure>, AnswerError> {
    let value = Value::parse(bytes)?;
    if let Some(failure) = Failure::of(&value) {
        return Ok(Err(failure));
    }
    let files = value.dictionary().and_then(|answer| answer.get(b"files")).and_then(Value::dictionary);
    let read = |(key, torrent): (&[u8], &Value<'_>)| {
        let torrent = torrent.dictionary()?;
        let number = |key: &[u8]| torrent.get(key).and_then(Value::integer)?.try_into().ok();
        let [complete, downloaded, incomplete] =
            [&b"complete"[..], b"downloaded", b"incomplete"].map(|key| number(key).unwrap_or(0));
        Some((key.try_into().ok()?, ScrapedTorrent { complete, downloaded, incomplete }))
    };
    let torrents = files.and_then(|files| files.iter().map(read).collect());
    torrents.map(Ok).ok_or(AnswerError::Key("files"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_torrents_are_asked_for_and_answered_in_order() {
        let query = "info_hash=bbbbbbbbbbbbbbbbbbbb&info_hash=aaaaaaaaaaaaaaaaaaaa&x=1";
        let infohashes = infohashes_from_query(query).unwrap();
        assert_eq!(infohashes, [[b'b'; 20], [b'a'; 20]]);
        let torrents = [1, 2].map(|complete| ScrapedTorrent { complete, downloaded: 7, incomplete: 3 });
        let answer = to_bencode(&[(infohashes[0], torrents[0]), (infohashes[1], torrents[1])]);
        assert!(
            answer.starts_with(b"d5:filesd20:aaaaaaaaaaaaaaaaaaaad8:completei2e10:downloadedi7e10:incompletei3ee20:b")
        );
        assert_eq!(parse(&answer), Ok(Ok(vec![(infohashes[1], torrents[1]), (infohashes[0], torrents[0])])));
    }

    #[test]
    fn none_or_too_many_are_refused() {
        assert!(infohashes_from_query("").is_err());
        let many = "info_hash=aaaaaaaaaaaaaaaaaaaa&".repeat(MAX_SCRAPED + 1);
        assert!(infohashes_from_query(&many).is_err());
        assert_eq!(infohashes_from_query(&many[29..]).unwrap().len(), MAX_SCRAPED);
    }
}
