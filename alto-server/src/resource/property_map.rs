//! The property map (RFC 9240 §7).

use alto_history::Content;
use alto_types::{Capabilities, MediaType};
use topo::View;

use super::catalogue::{ALL_PATCHES, Catalogue, Document, Entry, Previous, Resource, Service};
use super::property::{Domain, Entries, Values, content, domains, everything, mappings, message, pids, text};
use super::{json, network_map};
use crate::state::snapshot::Snapshot;

/// Resource ID of the property map.
const ID: &str = "property-map";

/// Document of the property map, without inherited values (§7.6).
struct WholePropertyMap;

pub(super) fn resources() -> Vec<Resource> {
    vec![Resource {
        id: ID.into(),
        path: "propmap".into(),
        media_type: MediaType::PROPERTY_MAP,
        service: Service::document(WholePropertyMap),
        entry: Some(Entry { uses: vec![network_map::ID.into()], capabilities: Box::new(capabilities) }),
        patches: ALL_PATCHES,
    }]
}

fn capabilities(snapshot: &Snapshot) -> Capabilities {
    Capabilities { mappings: mappings(domains(snapshot.view())), ..Capabilities::default() }
}

impl Document for WholePropertyMap {
    fn render(&self, snapshot: &Snapshot, _catalogue: &Catalogue) -> Vec<u8> {
        let view = snapshot.view();
        let domains = domains(view);
        let entries = Entries(|| domains.iter().flat_map(move |domain| own_values(view, domain)));
        json::to_bytes(&message(Some(snapshot.property_vtag(ID)), snapshot, entries))
    }

    fn is_unchanged(&self, previous: &Snapshot, next: &Snapshot, _catalogue: &Catalogue) -> bool {
        previous.has_same_properties(next) && previous.network_map_vtag() == next.network_map_vtag()
    }

    fn values(&self, snapshot: &Snapshot) -> usize {
        // The properties include the PID of every prefix.
        snapshot.view().properties().len()
    }

    fn content(&self, snapshot: &Snapshot, _previous: Option<Previous<'_>>) -> Option<Content> {
        let view = snapshot.view();
        let domains = domains(view);
        let entries = domains.iter().flat_map(|domain| own_values(view, domain));
        Some(content(Some(&snapshot.property_vtag(ID)), snapshot, entries))
    }
}

/// Lists the entities of a domain that have values of their own, with these.
fn own_values<'a>(view: &'a View, domain: &'a Domain) -> Box<dyn Iterator<Item = (String, Values<'a>)> + 'a> {
    let Some(net) = everything(domain.kind) else {
        return Box::new(pids(view).map(|(name, given)| (domain.entity(name), domain.values(given))));
    };
    let inside = view.properties().inside(&net);
    let entries = inside.map(|(net, given)| (domain.entity(&text(&net)), domain.values(given)));
    Box::new(entries.filter(|(_, values)| !values.0.is_empty()))
}
