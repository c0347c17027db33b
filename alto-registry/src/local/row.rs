//! Rows of the stored tables, as bytes.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::store::SavedPeer;
use crate::credentials::SecretHash;
use crate::holding::{Holding, ManifestDigest};
use crate::id::{ContentId, PeerId};
use crate::name::{FileName, PeerName};
use crate::peer::PeerAddress;

/// Set where the peer has all of the file. The only bit in files of version 0.1.
const COMPLETE: u8 = 1;
/// Set where there is no manifest; its bytes are zero.
const NO_MANIFEST: u8 = 2;
/// Set where there is no size; its bytes are zero.
const NO_SIZE: u8 = 4;
/// Set where the holding has a lease, in milliseconds, in 8 bytes after this one.
const LEASE: u8 = 8;

/// Writes a registration: hash of the secret, IPv6 or IPv4-mapped address, port, name.
pub(crate) fn encode_peer(peer: &SavedPeer) -> Vec<u8> {
    let address = match peer.address.ip() {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    let name = peer.name.as_ref().map_or("", PeerName::as_str);
    [&peer.secret.0[..], &address.octets(), &peer.address.port().to_be_bytes(), name.as_bytes()].concat()
}

/// Reads what [`encode_peer`] wrote; `None` for anything else.
pub(crate) fn decode_peer(id: PeerId, bytes: &[u8]) -> Option<SavedPeer> {
    let (secret, rest) = bytes.split_first_chunk::<32>()?;
    let (address, rest) = rest.split_first_chunk::<16>()?;
    let (port, name) = rest.split_first_chunk::<2>()?;
    let name = std::str::from_utf8(name).ok()?;
    Some(SavedPeer {
        id,
        secret: SecretHash(*secret),
        address: PeerAddress::new(IpAddr::V6(Ipv6Addr::from(*address)), u16::from_be_bytes(*port)),
        name: if name.is_empty() { None } else { Some(PeerName::new(name).ok()?) },
    })
}

/// Writes a holding, but not its file: manifest, size, flags, lease if there is one, name.
pub(crate) fn encode_holding(holding: &Holding) -> Vec<u8> {
    let mut flags = if holding.complete { COMPLETE } else { 0 };
    flags |= if holding.manifest.is_none() { NO_MANIFEST } else { 0 };
    flags |= if holding.size.is_none() { NO_SIZE } else { 0 };
    flags |= if holding.lease.is_some() { LEASE } else { 0 };
    let manifest = holding.manifest.map_or([0; 32], |manifest| manifest.0);
    let lease = holding.lease.map(|lease| u64::try_from(lease.as_millis()).unwrap_or(u64::MAX).to_be_bytes());
    let name = holding.name.as_ref().map_or("", FileName::as_str);
    [
        &manifest[..],
        &holding.size.unwrap_or_default().to_be_bytes(),
        &[flags],
        lease.as_ref().map_or(&[], <[u8; 8]>::as_slice),
        name.as_bytes(),
    ]
    .concat()
}

/// Reads what [`encode_holding`] wrote; `None` for anything else.
pub(crate) fn decode_holding(file: ContentId, bytes: &[u8]) -> Option<Holding> {
    let (manifest, rest) = bytes.split_first_chunk::<32>()?;
    let (size, rest) = rest.split_first_chunk::<8>()?;
    let ([flags], mut rest) = rest.split_first_chunk::<1>()?;
    let has = |bit| flags & bit != 0;
    let mut lease = None;
    if has(LEASE) {
        let (milliseconds, name) = rest.split_first_chunk::<8>()?;
        lease = Some(Duration::from_millis(u64::from_be_bytes(*milliseconds)));
        rest = name;
    }
    let name = std::str::from_utf8(rest).ok()?;
    Some(Holding {
        file,
        name: if name.is_empty() { None } else { Some(FileName::new(name).ok()?) },
        size: (!has(NO_SIZE)).then(|| u64::from_be_bytes(*size)),
        manifest: (!has(NO_MANIFEST)).then_some(ManifestDigest(*manifest)),
        complete: has(COMPLETE),
        lease,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_version_0_1_are_read_and_written_unchanged() {
        let id = PeerId(7);
        let old = [&[9; 32][..], &[0; 10], &[0xff, 0xff, 192, 0, 2, 1], &[0x1a, 0xe1], b"seed"].concat();
        let peer = decode_peer(id, &old).unwrap();
        assert_eq!((peer.address.to_string().as_str(), peer.secret.0), ("192.0.2.1:6881", [9; 32]));
        assert_eq!(peer.name.as_ref().map(PeerName::as_str), Some("seed"));
        assert_eq!(encode_peer(&peer), old);
        for complete in [0, 1] {
            let old = [&[7; 32][..], &1000_u64.to_be_bytes(), &[complete], b"movie.bin"].concat();
            let file = ContentId::Sha256([1; 32]);
            let holding = decode_holding(file, &old).unwrap();
            let expected = Holding {
                file,
                name: Some(FileName::new("movie.bin").unwrap()),
                size: Some(1000),
                manifest: Some(ManifestDigest([7; 32])),
                complete: complete == 1,
                lease: None,
            };
            assert_eq!(holding, expected);
            assert_eq!(encode_holding(&holding), old);
        }
    }

    #[test]
    fn rows_without_optional_details_are_read_as_written() {
        let address = PeerAddress::new("2001:db8::1".parse().unwrap(), 1);
        let peer = SavedPeer { id: PeerId(1), secret: SecretHash::NONE, address, name: None };
        let read = decode_peer(peer.id, &encode_peer(&peer)).unwrap();
        assert!(read.secret.is_none() && read.name.is_none() && read.address == address);
        let bare = Holding::new(ContentId::Infohash([3; 20]), true);
        let leased = Holding { size: Some(0), lease: Some(Duration::from_mins(30)), ..bare.clone() };
        let named = Holding { name: Some(FileName::new("a").unwrap()), ..leased.clone() };
        for holding in [bare, leased, named] {
            assert_eq!(decode_holding(holding.file, &encode_holding(&holding)), Some(holding));
        }
    }

    #[test]
    fn truncated_rows_are_not_read() {
        let holding = Holding { lease: Some(Duration::from_secs(1)), ..Holding::new(ContentId::Sha256([1; 32]), true) };
        let row = encode_holding(&holding);
        assert!((0..row.len()).all(|length| decode_holding(holding.file, &row[..length]).is_none()));
        assert!((0..50).all(|length| decode_peer(PeerId(1), &vec![1; length]).is_none()));
    }
}
