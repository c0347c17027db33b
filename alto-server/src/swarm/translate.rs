//! Conversion between the JSON messages of `alto-types` and the types of the registry.

use std::net::IpAddr;

use alto_registry::{
    ContentId, Credentials, FileName, FileSummary, Holder, Holding, Limits, ManifestDigest, Peer, PeerAddress,
    PeerName, Refusal, Registration, Secret, check,
};
use alto_types::swarm as json;

use super::error::SwarmError;

/// Converts a registration that arrives from an address.
pub(super) fn peer(ip: IpAddr, message: &json::Registration, limits: &Limits) -> Result<Peer, SwarmError> {
    let name = PeerName::new(&message.name).map_err(|error| SwarmError::name("name", error))?;
    if message.port == 0 {
        return Err(SwarmError::malformed("port", "is 0; give the port that the peer serves on"));
    }
    let holdings = holdings("files", &message.files, limits)?;
    Ok(Peer { address: PeerAddress::new(ip, message.port), name: Some(name), holdings })
}

/// Converts a list of files, which is the member `list` of a message.
pub(super) fn holdings(list: &str, entries: &[json::FileEntry], limits: &Limits) -> Result<Vec<Holding>, SwarmError> {
    check::length(entries.len(), limits).map_err(|refusal| SwarmError::in_list(list, refusal))?;
    let holding = |(index, entry): (usize, &json::FileEntry)| {
        let name = FileName::new(&entry.name);
        Ok(Holding {
            file: content_id(entry.id),
            name: Some(name.map_err(|error| SwarmError::name(format!("{list}[{index}].name"), error))?),
            size: Some(entry.size),
            manifest: Some(ManifestDigest(*entry.manifest.digest())),
            complete: entry.complete,
            lease: None,
        })
    };
    entries.iter().enumerate().map(holding).collect()
}

/// Converts credentials. A text that is not a peer ID names no registration.
pub(super) fn credentials(message: &json::Credentials) -> Result<Credentials, Refusal> {
    let peer = message.peer.0.parse().map_err(|_| Refusal::UnknownPeer)?;
    Ok(Credentials { peer, secret: Secret::new(&*message.secret.0) })
}

/// Converts the ID of a file, which the JSON API names by SHA-256 only.
pub(super) fn content_id(id: json::FileId) -> ContentId {
    ContentId::Sha256(*id.digest())
}

/// Converts the confirmation of a registration.
pub(super) fn registered(registration: &Registration, address: IpAddr) -> json::Registered {
    json::Registered {
        peer: json::PeerId(registration.peer.to_string()),
        secret: json::Secret(registration.secret.expose().to_owned()),
        lease: registration.lease.as_secs(),
        address,
    }
}

/// Converts the ID of a file; `None` if it is an infohash, which the JSON API does not show.
pub(super) fn file_id(id: ContentId) -> Option<json::FileId> {
    match id {
        ContentId::Sha256(digest) => Some(json::FileId::from_digest(digest)),
        ContentId::Infohash(_) => None,
    }
}

/// Converts the summary of a file; `None` if the JSON API does not show such files.
pub(super) fn summary(file: &FileSummary) -> Option<json::FileSummary> {
    Some(json::FileSummary {
        id: file_id(file.id)?,
        name: file.name.as_ref()?.as_str().to_owned(),
        size: file.size?,
        complete: file.complete,
        partial: file.partial,
    })
}

/// Converts a holder; `None` if it has no name or manifest, as holders that came through another front end.
pub(super) fn holder(holder: Holder) -> Option<json::Holder> {
    Some(json::Holder {
        peer: json::PeerId(holder.peer.to_string()),
        name: holder.name?.into(),
        address: holder.address.ip(),
        port: holder.address.port(),
        manifest: json::FileId::from_digest(holder.manifest?.0),
        complete: holder.complete,
    })
}
