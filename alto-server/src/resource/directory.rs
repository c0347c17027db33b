//! The information resource directory (RFC 7285 §9.2).

use alto_history::Content;
use alto_types::{CostType, Directory, DirectoryMeta, MediaType, ResourceId};

use super::catalogue::{Catalogue, Document, Previous, Resource, Service};
use super::cost::kind::CostKind;
use super::{json, network_map};
use crate::state::snapshot::Snapshot;

/// Path of the directory. It has no resource ID, because no directory lists it.
pub(crate) const PATH: &str = "directory";

/// Document of the directory.
struct WholeDirectory;

pub(super) fn resources() -> Vec<Resource> {
    vec![Resource {
        id: "directory".into(),
        path: PATH.into(),
        media_type: MediaType::DIRECTORY,
        service: Service::document(WholeDirectory),
        entry: None,
        patches: None,
    }]
}

impl Document for WholeDirectory {
    fn render(&self, snapshot: &Snapshot, catalogue: &Catalogue) -> Vec<u8> {
        json::to_bytes(&directory(snapshot, catalogue))
    }

    fn is_unchanged(&self, previous: &Snapshot, next: &Snapshot, catalogue: &Catalogue) -> bool {
        directory(previous, catalogue) == directory(next, catalogue)
    }

    fn values(&self, _snapshot: &Snapshot) -> usize {
        CostKind::COUNT
    }

    fn content(&self, _snapshot: &Snapshot, _previous: Option<Previous<'_>>) -> Option<Content> {
        None
    }
}

/// Lists every resource, with URIs relative to the directory's own so that they hold behind any prefix, unless the operator
/// has set an absolute base.
fn directory(snapshot: &Snapshot, catalogue: &Catalogue) -> Directory {
    let cost_types = CostKind::all().map(|kind| (kind.name(), described(kind, snapshot))).collect();
    let default_alto_network_map = Some(resource_id(network_map::ID));
    let listed = catalogue.resources().iter().filter_map(|resource| {
        let entry = resource.entry.as_ref()?;
        let accepts = match &resource.service {
            Service::Document(_) => None,
            Service::Lookup(lookup) => Some(lookup.accepts.as_str().to_owned()),
            Service::Separate(accepts) => Some(accepts.as_str().to_owned()),
        };
        let listed = alto_types::Resource {
            uri: catalogue.uri(resource),
            media_type: resource.media_type.as_str().to_owned(),
            accepts,
            capabilities: (entry.capabilities)(snapshot),
            uses: entry.uses.iter().map(|id| resource_id(id)).collect(),
        };
        Some((resource_id(&resource.id), listed))
    });
    Directory { meta: DirectoryMeta { cost_types, default_alto_network_map }, resources: listed.collect() }
}

/// Returns a cost type with its description (RFC 7285 §10.7).
fn described(kind: CostKind, snapshot: &Snapshot) -> CostType {
    CostType { description: Some(kind.description()), ..kind.to_wire(snapshot.view()) }
}

fn resource_id(id: &str) -> ResourceId {
    id.parse().expect("resource IDs of this server are legal")
}
