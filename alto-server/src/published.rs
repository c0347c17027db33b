//! What is served: one view of the network with every GET body rendered once.
//!
//! A [`Published`] is immutable and swapped in whole; a request takes one and reads nothing else, so an answer never
//! mixes two views. Bodies are rendered and compressed on first demand, not per request and not for nobody.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use alto_types::{MediaType, Tag, VersionTag};
use bytes::Bytes;
use serde_json::value::{RawValue, to_raw_value};
use sha2::{Digest, Sha256};
use topo::View;

use crate::http::encoding::Encoding;
use crate::service::{CostKind, cost_map, directory, id, network_map, property_map};

/// One state of everything that is served.
pub(crate) struct Published {
    view: Arc<View>,
    tag: Tag,
    network_map_vtag: VersionTag,
    /// Shared with the previous state while the network map stays the same.
    network_map: Arc<Document>,
    cost_maps: HashMap<CostKind, Document>,
    /// As answers have them.
    cost_types: HashMap<CostKind, Box<RawValue>>,
    /// Shared while properties and network map stay the same.
    property_map: Arc<Document>,
    offer: directory::Offer,
    directory: Arc<Document>,
}

/// A body in every content encoding, each made once.
pub(crate) struct Document {
    media_type: MediaType,
    since: SystemTime,
    bodies: [OnceLock<Bytes>; Encoding::ALL.len()],
    /// Hash of the identity body: the strong part of the entity tag.
    hash: OnceLock<String>,
}

/// A document that can be rendered: together with the view it is rendered from.
pub(crate) struct Rendering<'a> {
    document: &'a Document,
    render: Box<dyn Fn() -> Vec<u8> + Send + 'a>,
}

/// Below this size compression costs more than it saves.
const COMPRESS_FROM: usize = 1024;

impl Published {
    /// Publishes `view`, which replaces `previous`; what did not change keeps its time and its rendered bodies.
    pub(crate) fn new(view: Arc<View>, previous: Option<&Self>, now: SystemTime) -> Self {
        let tag = |text: &str| text.parse::<Tag>().expect("a view's tags are 64 hex digits");
        let network_map_vtag = VersionTag {
            resource_id: id::NETWORK_MAP.parse().expect("legal resource ID"),
            tag: tag(view.network_map().tag()),
        };
        let network_map = previous
            .filter(|previous| previous.network_map_vtag == network_map_vtag)
            .map_or_else(|| Arc::new(Document::new(MediaType::NETWORK_MAP, now)), |p| Arc::clone(&p.network_map));
        let property_map = previous
            .filter(|previous| previous.view.properties().tag() == view.properties().tag())
            .map_or_else(|| Arc::new(Document::new(MediaType::PROPERTY_MAP, now)), |p| Arc::clone(&p.property_map));
        let offer = directory::Offer::of(&view);
        let directory = previous
            .filter(|previous| previous.offer == offer)
            .map_or_else(|| Arc::new(Document::new(MediaType::DIRECTORY, now)), |p| Arc::clone(&p.directory));
        let since = previous.filter(|p| p.view.tag() == view.tag()).map_or(now, Self::costs_since);
        let cost_maps = CostKind::all().map(|kind| (kind, Document::new(MediaType::COST_MAP, since))).collect();
        let written = |kind: CostKind| {
            to_raw_value(&kind.to_wire(&view)).expect("cost types have string keys and finite numbers")
        };
        let cost_types = CostKind::all().map(|kind| (kind, written(kind))).collect();
        let tag = tag(view.tag());
        Self { view, tag, network_map_vtag, network_map, cost_maps, cost_types, property_map, offer, directory }
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// A cost type as answers have it.
    pub(crate) fn cost_type(&self, kind: CostKind) -> &RawValue {
        &self.cost_types[&kind]
    }

    /// Since when the costs are what they are.
    pub(crate) fn costs_since(&self) -> SystemTime {
        self.cost_maps.values().next().map_or(SystemTime::UNIX_EPOCH, |document| document.since)
    }

    /// The version tag that everything keyed on the network map carries (RFC 7285 §10.3).
    pub(crate) fn network_map_vtag(&self) -> &VersionTag {
        &self.network_map_vtag
    }

    /// The version tag of the costs in an answer of the resource `id`: the view's tag.
    pub(crate) fn cost_vtag(&self, id: &str) -> VersionTag {
        VersionTag { resource_id: id.parse().expect("legal resource ID"), tag: self.tag.clone() }
    }

    /// The version tag of the property map: of what the operator says, and of the network map.
    pub(crate) fn property_vtag(&self) -> VersionTag {
        VersionTag {
            resource_id: id::PROPERTY_MAP.parse().expect("legal resource ID"),
            tag: self.view.properties().tag().parse().expect("64 hex digits"),
        }
    }

    pub(crate) fn directory(&self) -> Rendering<'_> {
        Rendering { document: &self.directory, render: Box::new(|| directory::render(&self.offer)) }
    }

    pub(crate) fn property_map(&self) -> Rendering<'_> {
        Rendering { document: &self.property_map, render: Box::new(|| property_map::render(self)) }
    }

    pub(crate) fn network_map(&self) -> Rendering<'_> {
        let render = || network_map::render(self.view.network_map(), &self.network_map_vtag);
        Rendering { document: &self.network_map, render: Box::new(render) }
    }

    pub(crate) fn cost_map(&self, kind: CostKind) -> Rendering<'_> {
        Rendering { document: &self.cost_maps[&kind], render: Box::new(move || cost_map::render(self, kind)) }
    }
}

impl Document {
    fn new(media_type: MediaType, since: SystemTime) -> Self {
        Self { media_type, since, bodies: Default::default(), hash: OnceLock::new() }
    }
}

impl Rendering<'_> {
    pub(crate) fn media_type(&self) -> MediaType {
        self.document.media_type
    }

    /// Since when the content is what it is.
    pub(crate) fn since(&self) -> SystemTime {
        self.document.since
    }

    /// The encoding a body is really sent in: small ones are not compressed.
    pub(crate) fn effective(&self, encoding: Encoding) -> Encoding {
        if self.identity().len() < COMPRESS_FROM { Encoding::Identity } else { encoding }
    }

    fn identity(&self) -> &Bytes {
        self.document.bodies[Encoding::Identity as usize].get_or_init(|| (self.render)().into())
    }

    /// Whether an answer in this encoding needs no more work than to be sent.
    pub(crate) fn is_ready(&self, encoding: Encoding) -> bool {
        let rendered = |encoding: Encoding| self.document.bodies[encoding as usize].get().is_some();
        rendered(Encoding::Identity) && self.document.hash.get().is_some() && rendered(self.effective(encoding))
    }

    /// The body in an encoding.
    pub(crate) fn body(&self, encoding: Encoding) -> Bytes {
        let identity = self.identity();
        if encoding == Encoding::Identity {
            return identity.clone();
        }
        self.document.bodies[encoding as usize].get_or_init(|| encoding.compress(identity).into()).clone()
    }

    /// A strong entity tag: equal exactly when the bytes are. Each encoding has its own (RFC 9110 §8.8.3.3). It is
    /// not the ALTO tag, which names the version of a map, not the bytes of an answer.
    pub(crate) fn entity_tag(&self, encoding: Encoding) -> String {
        let hash = self.document.hash.get_or_init(|| {
            let digest = Sha256::digest(self.identity());
            digest[..16].iter().fold(String::with_capacity(32), |hex, byte| hex + &format!("{byte:02x}"))
        });
        match encoding {
            Encoding::Identity => format!("\"{hash}\""),
            other => format!("\"{hash}-{}\"", other.name()),
        }
    }
}
