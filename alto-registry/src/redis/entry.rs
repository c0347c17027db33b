//! Entries of the log, which say what has changed, not what was asked for.

use crate::holding::Holding;
use crate::id::{ContentId, PeerId};
use crate::local::row;
use crate::local::store::SavedPeer;

use super::rows;

/// A registration, new or replaced, with all that it holds: ID, fields, holdings.
pub(super) const PUT: &[u8] = b"put";
/// Files that a registration gained and lost: ID, holdings, tokens.
pub(super) const CHANGE: &[u8] = b"change";
/// Registrations that were ended by their peers: IDs.
pub(super) const LEAVE: &[u8] = b"leave";
/// Registrations whose leases have ended: IDs.
pub(super) const EXPIRE: &[u8] = b"expire";
/// Holdings whose leases have ended: ID and token of each.
pub(super) const DROP: &[u8] = b"drop";

/// Change of the registry, as a follower makes it.
#[derive(Debug)]
pub(super) enum Event {
    Put(SavedPeer, Vec<Holding>),
    Change(PeerId, Vec<Holding>, Vec<ContentId>),
    Forget { peers: Vec<PeerId>, expired: bool },
    Drop(Vec<(PeerId, ContentId)>),
}

/// Length of an ID in an entry, which is that of its text.
const ID: usize = 16;

/// Writes [`PUT`].
pub(super) fn put(peer: &SavedPeer, holdings: &[Holding]) -> Vec<u8> {
    let mut data = rows::key(peer.id);
    for field in rows::fields(peer) {
        push(&mut data, &field);
    }
    push_holdings(&mut data, holdings);
    data
}

/// Writes [`CHANGE`].
pub(super) fn change(peer: PeerId, add: &[Holding], dropped: &[ContentId]) -> Vec<u8> {
    let mut data = rows::key(peer);
    push_holdings(&mut data, add);
    data.extend(dropped.iter().flat_map(rows::token));
    data
}

/// Reads an entry; `None` where this version does not understand it.
pub(super) fn read(kind: &[u8], data: &[u8]) -> Option<Event> {
    match kind {
        PUT => {
            let (id, mut rest) = read_id(data)?;
            let (secret, place) = (pull(&mut rest)?, pull(&mut rest)?);
            Some(Event::Put(rows::read_fields(id, secret, place)?, read_holdings(&mut rest)?))
        }
        CHANGE => {
            let (id, mut rest) = read_id(data)?;
            let (add, mut dropped) = (read_holdings(&mut rest)?, Vec::new());
            while !rest.is_empty() {
                let (file, more) = rows::read_token(rest)?;
                dropped.push(file);
                rest = more;
            }
            Some(Event::Change(id, add, dropped))
        }
        LEAVE | EXPIRE => {
            let peers = data.chunks(ID).map(rows::read_key).collect::<Option<_>>()?;
            Some(Event::Forget { peers, expired: kind == EXPIRE })
        }
        DROP => {
            let (mut rest, mut dropped) = (data, Vec::new());
            while !rest.is_empty() {
                let (id, more) = read_id(rest)?;
                let (file, more) = rows::read_token(more)?;
                dropped.push((id, file));
                rest = more;
            }
            Some(Event::Drop(dropped))
        }
        _ => None,
    }
}

fn read_id(data: &[u8]) -> Option<(PeerId, &[u8])> {
    let (id, rest) = data.split_at_checked(ID)?;
    Some((rows::read_key(id)?, rest))
}

/// Appends bytes with their length before them.
fn push(data: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).expect("names and rows are far shorter");
    data.extend(length.to_be_bytes());
    data.extend(bytes);
}

/// Takes bytes with their length before them.
fn pull<'a>(data: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = data.split_first_chunk()?;
    let (bytes, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    *data = rest;
    Some(bytes)
}

fn push_holdings(data: &mut Vec<u8>, holdings: &[Holding]) {
    let count = u32::try_from(holdings.len()).expect("the limits are 32 bits long");
    data.extend(count.to_be_bytes());
    for holding in holdings {
        data.extend(rows::token(&holding.file));
        push(data, &row::encode_holding(holding));
    }
}

fn read_holdings(data: &mut &[u8]) -> Option<Vec<Holding>> {
    let (count, rest) = data.split_first_chunk()?;
    *data = rest;
    (0..u32::from_be_bytes(*count))
        .map(|_| {
            let (file, rest) = rows::read_token(data)?;
            *data = rest;
            row::decode_holding(file, pull(data)?)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::SecretHash;
    use crate::name::{FileName, PeerName};
    use crate::peer::PeerAddress;

    fn id() -> PeerId {
        PeerId(0x1234_5678_9abc_def0)
    }

    fn holdings() -> Vec<Holding> {
        let name = Some(FileName::new("movie.bin").unwrap());
        let named = Holding { name, size: Some(7), ..Holding::new(ContentId::Sha256([1; 32]), true) };
        vec![named, Holding::new(ContentId::Infohash([2; 20]), false)]
    }

    #[test]
    fn entries_are_read_as_they_were_written() {
        let files: Vec<ContentId> = holdings().iter().map(|holding| holding.file).collect();
        for (secret, name) in [(SecretHash([9; 32]), Some(PeerName::new("seed").unwrap())), (SecretHash::NONE, None)] {
            let peer = SavedPeer { id: id(), secret, address: PeerAddress::new([192, 0, 2, 1].into(), 6881), name };
            let Some(Event::Put(read, held)) = read(PUT, &put(&peer, &holdings())) else { panic!("not read") };
            assert_eq!((read.id, read.secret.0, read.address), (peer.id, peer.secret.0, peer.address));
            assert_eq!((read.name, held), (peer.name, holdings()));
        }
        let Some(Event::Change(peer, add, dropped)) = read(CHANGE, &change(id(), &holdings(), &files)) else {
            panic!("not read");
        };
        assert_eq!((peer, add, &dropped), (id(), holdings(), &files));
        let Some(Event::Forget { peers, expired: true }) = read(EXPIRE, &[rows::key(id()), rows::key(id())].concat())
        else {
            panic!("not read");
        };
        assert_eq!(peers, [id(), id()]);
        let dropped: Vec<u8> = files.iter().flat_map(|file| [rows::key(id()), rows::token(file)].concat()).collect();
        let Some(Event::Drop(dropped)) = read(DROP, &dropped) else { panic!("not read") };
        assert_eq!(dropped, [(id(), files[0]), (id(), files[1])]);
    }

    #[test]
    fn what_is_cut_off_or_unknown_is_not_read() {
        let peer = SavedPeer {
            id: id(),
            secret: SecretHash::NONE,
            address: PeerAddress::new([192, 0, 2, 1].into(), 6881),
            name: None,
        };
        let whole = put(&peer, &holdings());
        assert!((0..whole.len()).all(|length| read(PUT, &whole[..length]).is_none()));
        assert!(
            read(LEAVE, b"short").is_none() && read(b"later", b"").is_none() && read(DROP, &rows::key(id())).is_none()
        );
    }
}
