//! A snapshot together with its rendered documents.
//!
//! Bodies are rendered and compressed on first demand: neither for every request, nor for documents nobody reads.

use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use alto_types::MediaType;
use bytes::Bytes;
use http::HeaderValue;
use sha2::{Digest, Sha256};
use topo::{LinkChanges, View};

use super::replication::LogPosition;
use super::snapshot::Snapshot;
use crate::http::encoding::Encoding;
use crate::http::representation::{self, Representation};
use crate::resource::catalogue::{Catalogue, Document, Resource};
use crate::resource::network_map;

/// Everything that is served of one snapshot.
pub(crate) struct Published {
    snapshot: Arc<Snapshot>,
    /// Changes to links that are in force above the topology.
    overrides: Arc<LinkChanges>,
    catalogue: Arc<Catalogue>,
    /// Bodies of the catalogue's resources, by position; those of lookups stay empty.
    bodies: Vec<Arc<Bodies>>,
    /// Time that what is new has until the change counts.
    drafted: SystemTime,
    /// Place of the state in the order of changes that several servers share.
    position: Option<LogPosition>,
}

/// Bodies of one document, each made once.
struct Bodies {
    since: SystemTime,
    /// The same time as the value of a field.
    since_field: OnceLock<HeaderValue>,
    by_encoding: [OnceLock<Bytes>; Encoding::ALL.len()],
    /// Hash of the identity body: the part that all entity tags of the document share.
    hash: OnceLock<String>,
    entity_tags: [OnceLock<HeaderValue>; Encoding::ALL.len()],
}

/// Document of a published state.
pub(crate) struct PublishedDocument<'a> {
    media_type: MediaType,
    document: &'a dyn Document,
    bodies: &'a Bodies,
    published: &'a Published,
}

/// Smallest body that is compressed, in bytes: below, compression costs more than it saves.
const COMPRESS_FROM: usize = 1024;

/// Work to render and compress one value of a document, in the unit of [`crate::http::offload`].
const WEIGHT_PER_VALUE: usize = 5;

impl Published {
    /// Publishes `view`, with the changes to links that it has, in place of `previous`. Documents that did not change keep
    /// their times and rendered bodies.
    pub(crate) fn new(
        catalogue: Arc<Catalogue>,
        (view, overrides): (View, Arc<LinkChanges>),
        previous: Option<&Self>,
        now: SystemTime,
    ) -> Self {
        let previous_snapshot = previous.map(|previous| &*previous.snapshot);
        let snapshot = Snapshot::new(Arc::new(view), previous_snapshot, network_map::ID, now);
        let bodies = |(position, resource): (usize, &Resource)| {
            let document = resource.document();
            let kept = previous
                .zip(document)
                .filter(|(previous, document)| document.is_unchanged(&previous.snapshot, &snapshot, &catalogue));
            kept.map_or_else(|| Arc::new(Bodies::new(now)), |(previous, _)| Arc::clone(&previous.bodies[position]))
        };
        let bodies = catalogue.resources().iter().enumerate().map(bodies).collect();
        let position = previous.and_then(|previous| previous.position.clone());
        Self { snapshot: Arc::new(snapshot), overrides, catalogue, bodies, drafted: now, position }
    }

    /// Names of what has become new with this state, as the store of several servers has their times.
    pub(crate) fn fresh(&self) -> Vec<String> {
        let is_new = |(_, bodies): &(&Resource, &Arc<Bodies>)| bodies.since == self.drafted;
        let documents = self.catalogue.resources().iter().zip(&self.bodies).filter(is_new);
        documents.map(|(resource, _)| resource.id.to_string()).chain(self.snapshot.fresh(self.drafted)).collect()
    }

    /// Gives what has become new its time, before anybody sees it, and the state its place in the order of changes.
    pub(crate) fn date(&mut self, position: LogPosition, time: impl Fn(&str) -> SystemTime) {
        for (resource, bodies) in self.catalogue.resources().iter().zip(&mut self.bodies) {
            if bodies.since == self.drafted
                && let Some(bodies) = Arc::get_mut(bodies)
            {
                bodies.since = time(&resource.id);
                bodies.since_field = OnceLock::new();
            }
        }
        if let Some(snapshot) = Arc::get_mut(&mut self.snapshot) {
            snapshot.date(self.drafted, &time);
        }
        self.position = Some(position);
    }

    /// The same state at a later place in the order of changes.
    pub(crate) fn at(&self, position: LogPosition) -> Self {
        Self {
            snapshot: Arc::clone(&self.snapshot),
            overrides: Arc::clone(&self.overrides),
            catalogue: Arc::clone(&self.catalogue),
            bodies: self.bodies.clone(),
            drafted: self.drafted,
            position: Some(position),
        }
    }

    /// Place of the state in the order of changes; absent where no other server shares them.
    pub(crate) fn position(&self) -> Option<&LogPosition> {
        self.position.as_ref()
    }

    /// Snapshot that the documents are rendered from.
    pub(crate) fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Changes to links that are in force above the topology.
    pub(crate) fn overrides(&self) -> &LinkChanges {
        &self.overrides
    }

    /// Number of resources, documents and lookups.
    #[cfg(feature = "redis")]
    pub(crate) fn catalogue_len(&self) -> usize {
        self.catalogue.resources().len()
    }

    /// Document at a position of the catalogue; absent if the resource there is a lookup.
    pub(crate) fn document(&self, position: usize) -> Option<PublishedDocument<'_>> {
        let resource = self.catalogue.resources().get(position)?;
        let document = resource.document()?;
        let bodies = &self.bodies[position];
        Some(PublishedDocument { media_type: resource.media_type, document, bodies, published: self })
    }
}

impl Bodies {
    fn new(since: SystemTime) -> Self {
        Self {
            since,
            since_field: OnceLock::new(),
            by_encoding: Default::default(),
            hash: OnceLock::new(),
            entity_tags: Default::default(),
        }
    }
}

impl PublishedDocument<'_> {
    /// Weight of an answer in this encoding: none if its body is ready to be sent.
    pub(crate) fn weight(&self, encoding: Encoding) -> usize {
        let is_rendered = |encoding: Encoding| self.bodies.by_encoding[encoding as usize].get().is_some();
        let is_ready = is_rendered(Encoding::Identity)
            && self.bodies.hash.get().is_some()
            && is_rendered(self.effective(encoding));
        if is_ready { 0 } else { self.document.values(&self.published.snapshot).saturating_mul(WEIGHT_PER_VALUE) }
    }

    fn identity(&self) -> &Bytes {
        let Published { snapshot, catalogue, .. } = self.published;
        let render = || self.document.render(snapshot, catalogue).into();
        self.bodies.by_encoding[Encoding::Identity as usize].get_or_init(render)
    }
}

impl Representation for PublishedDocument<'_> {
    fn media_type(&self) -> MediaType {
        self.media_type
    }

    fn since(&self) -> SystemTime {
        self.bodies.since
    }

    fn since_field(&self) -> &HeaderValue {
        self.bodies.since_field.get_or_init(|| representation::date(self.bodies.since))
    }

    fn effective(&self, encoding: Encoding) -> Encoding {
        if self.identity().len() < COMPRESS_FROM { Encoding::Identity } else { encoding }
    }

    fn body(&self, encoding: Encoding) -> Bytes {
        let identity = self.identity();
        if encoding == Encoding::Identity {
            return identity.clone();
        }
        self.bodies.by_encoding[encoding as usize].get_or_init(|| encoding.compress(identity).into()).clone()
    }

    /// Entity tags are equal exactly if the bytes are, and each encoding has its own (RFC 9110 §8.8.3.3). They are not
    /// ALTO tags, which name versions of maps.
    fn entity_tag(&self, encoding: Encoding) -> &HeaderValue {
        self.bodies.entity_tags[encoding as usize].get_or_init(|| {
            let hash = self.bodies.hash.get_or_init(|| {
                let digest = Sha256::digest(self.identity());
                digest[..16].iter().fold(String::with_capacity(32), |hex, byte| hex + &format!("{byte:02x}"))
            });
            let tag = match encoding {
                Encoding::Identity => format!("\"{hash}\""),
                other => format!("\"{hash}-{}\"", other.name()),
            };
            HeaderValue::try_from(tag).expect("digits and names in quotes")
        })
    }
}
