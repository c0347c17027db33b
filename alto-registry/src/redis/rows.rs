//! Registrations as hashes in Redis: `s` is the hash of the secret, empty where there is none, `p` address, port and name, and
//! every other field a file with how it is held.

use crate::credentials::SecretHash;
use crate::holding::Holding;
use crate::id::{ContentId, PeerId};
use crate::local::row;
use crate::local::store::SavedPeer;
use crate::shared::Reply;

/// Bytes of the hash of a secret, at the start of a row.
const SECRET: usize = 32;
/// Bytes of IP address and port, with which the field `p` starts.
pub(super) const ADDRESS: usize = 18;

/// ID of a registration in keys and scripts.
pub(super) fn key(id: PeerId) -> Vec<u8> {
    id.to_string().into_bytes()
}

/// Reads [`key`].
pub(super) fn read_key(bytes: &[u8]) -> Option<PeerId> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// Name of the field of a file: its kind and its ID.
pub(super) fn token(file: &ContentId) -> Vec<u8> {
    match file {
        ContentId::Sha256(bytes) => [b"f", &bytes[..]].concat(),
        ContentId::Infohash(bytes) => [b"i", &bytes[..]].concat(),
    }
}

/// Reads a [`token`] at the start of `bytes`, and returns what is behind it.
pub(super) fn read_token(bytes: &[u8]) -> Option<(ContentId, &[u8])> {
    let (kind, rest) = bytes.split_first()?;
    match kind {
        b'f' => rest.split_first_chunk().map(|(id, rest)| (ContentId::Sha256(*id), rest)),
        b'i' => rest.split_first_chunk().map(|(id, rest)| (ContentId::Infohash(*id), rest)),
        _ => None,
    }
}

/// Fields `s` and `p` of a registration.
pub(super) fn fields(peer: &SavedPeer) -> [Vec<u8>; 2] {
    let row = row::encode_peer(peer);
    let secret = if peer.secret.is_none() { Vec::new() } else { row[..SECRET].to_vec() };
    [secret, row[SECRET..].to_vec()]
}

/// Reads [`fields`].
pub(super) fn read_fields(id: PeerId, secret: &[u8], place: &[u8]) -> Option<SavedPeer> {
    let secret = if secret.is_empty() { &SecretHash::NONE.0 } else { secret };
    row::decode_peer(id, &[secret, place].concat())
}

/// Reads a whole hash, as its fields and values in turn.
pub(super) fn read_hash(id: PeerId, hash: &Reply) -> Option<(SavedPeer, Vec<Holding>)> {
    let (mut secret, mut place, mut holdings) = (None, None, Vec::new());
    for pair in hash.items().chunks(2) {
        let (name, value) = (pair.first()?.bytes()?, pair.get(1)?.bytes()?);
        match name {
            b"s" => secret = Some(value),
            b"p" => place = Some(value),
            file => holdings.push(row::decode_holding(read_token(file)?.0, value)?),
        }
    }
    Some((read_fields(id, secret?, place?)?, holdings))
}

/// Words for a script: the number of holdings, and for each its token, its row, and its lease in milliseconds, or nothing.
pub(super) fn push_holdings(
    words: &mut Vec<Vec<u8>>,
    holdings: &[Holding],
    default_lease: Option<std::time::Duration>,
) {
    words.push(holdings.len().to_string().into_bytes());
    for holding in holdings {
        let lease = holding.lease.or(default_lease).map(|lease| lease.as_millis().to_string().into_bytes());
        words.extend([token(&holding.file), row::encode_holding(holding), lease.unwrap_or_default()]);
    }
}

/// Words for a script: the number of files, and their tokens.
pub(super) fn push_files(words: &mut Vec<Vec<u8>>, files: &[ContentId]) {
    words.push(files.len().to_string().into_bytes());
    words.extend(files.iter().map(token));
}
