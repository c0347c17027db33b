//! One immutable state of the network as resources read it: the view with its version tags, cost types and times.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use alto_types::{Tag, VersionTag};
use serde_json::value::{RawValue, to_raw_value};
use topo::View;

use crate::resource::cost::kind::CostKind;
use crate::resource::scope::Scope;

/// Name of the costs among the times of documents, none of whose IDs has this character.
const COSTS: &str = "#costs";
/// Name of the network map among the times of documents.
const NETWORK_MAP: &str = "#network-map";

/// State of the network. A request reads exactly one, so that no answer mixes two states.
pub(crate) struct Snapshot {
    view: Arc<View>,
    /// Network map that is that of the view.
    scope: Scope,
    /// The same network by its further network maps.
    further: Vec<Self>,
    view_tag: Tag,
    properties_tag: Tag,
    network_map_vtag: VersionTag,
    /// Cost types in JSON, serialized once because a small answer consists of little else.
    cost_types: HashMap<CostKind, Box<RawValue>>,
    costs_since: SystemTime,
    network_map_since: SystemTime,
}

impl Snapshot {
    /// Takes a snapshot of `view` at the time `now`. `network_map` is the resource ID in the version tag of the default map.
    ///
    /// If the costs or the network map of `previous` are the same, their time is kept.
    pub(crate) fn new(view: Arc<View>, previous: Option<&Self>, network_map: &str, now: SystemTime) -> Self {
        Self::of(view, previous, (network_map, Scope::default()), now)
    }

    fn of(view: Arc<View>, previous: Option<&Self>, (network_map, scope): (&str, Scope), now: SystemTime) -> Self {
        let further = (0..).zip(view.maps()).map(|(place, (name, view))| {
            let previous = previous.and_then(|previous| previous.further.get(place));
            Self::of(Arc::clone(view), previous, (network_map, Scope::further(place, name.clone())), now)
        });
        let further = further.collect();
        let resource_id = scope.id(network_map).parse().expect("legal resource ID");
        let network_map_vtag = VersionTag { resource_id, tag: tag(view.network_map().tag()) };
        let view_tag = tag(view.tag());
        let costs_since = previous.filter(|previous| previous.view_tag == view_tag).map_or(now, |p| p.costs_since);
        let same_map = previous.filter(|previous| previous.network_map_vtag == network_map_vtag);
        let network_map_since = same_map.map_or(now, |p| p.network_map_since);
        let json = |kind: CostKind| {
            to_raw_value(&kind.to_wire(&view)).expect("cost types have string keys and finite numbers")
        };
        let cost_types = CostKind::all().map(|kind| (kind, json(kind))).collect();
        let properties_tag = tag(view.properties().tag());
        Self {
            view,
            scope,
            further,
            view_tag,
            properties_tag,
            network_map_vtag,
            cost_types,
            costs_since,
            network_map_since,
        }
    }

    /// Snapshot of the same network by the network map at a place among those beside the default one; itself for the
    /// default one. The catalogue has resources for the maps of the network only, so that there is always one.
    pub(crate) fn of_map(&self, place: Option<usize>) -> &Self {
        place.and_then(|place| self.further.get(place)).unwrap_or(self)
    }

    /// Iterates over this snapshot and those by the further network maps.
    pub(crate) fn with_maps(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.further)
    }

    /// Network map that is that of the view.
    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Names of what has become new with this snapshot, as the store of several servers has their times.
    pub(super) fn fresh(&self, drafted: SystemTime) -> Vec<String> {
        let names = |snapshot: &Self| {
            let costs = (snapshot.costs_since == drafted).then(|| snapshot.scope.id(COSTS));
            let map = (snapshot.network_map_since == drafted).then(|| snapshot.scope.id(NETWORK_MAP));
            [costs, map]
        };
        self.with_maps().flat_map(names).flatten().collect()
    }

    /// Gives what has become new its time.
    pub(super) fn date(&mut self, drafted: SystemTime, time: &impl Fn(&str) -> SystemTime) {
        if self.costs_since == drafted {
            self.costs_since = time(&self.scope.id(COSTS));
        }
        if self.network_map_since == drafted {
            self.network_map_since = time(&self.scope.id(NETWORK_MAP));
        }
        for further in &mut self.further {
            further.date(drafted, time);
        }
    }

    /// Network map, costs and properties.
    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// Cost type in the JSON of answers.
    pub(crate) fn cost_type(&self, kind: CostKind) -> &RawValue {
        &self.cost_types[&kind]
    }

    /// Time at which the costs last changed.
    pub(crate) fn costs_since(&self) -> SystemTime {
        self.costs_since
    }

    /// Time at which the network map last changed.
    pub(crate) fn network_map_since(&self) -> SystemTime {
        self.network_map_since
    }

    /// Version tag of the network map, which everything keyed by PIDs depends on (RFC 7285 §10.3).
    pub(crate) fn network_map_vtag(&self) -> &VersionTag {
        &self.network_map_vtag
    }

    /// Version tag of the costs in an answer of the resource `id`.
    pub(crate) fn cost_vtag(&self, id: &str) -> VersionTag {
        VersionTag { resource_id: id.parse().expect("legal resource ID"), tag: self.view_tag.clone() }
    }

    /// Version tag of the properties in the resource `id`.
    pub(crate) fn property_vtag(&self, id: &str) -> VersionTag {
        VersionTag { resource_id: id.parse().expect("legal resource ID"), tag: self.properties_tag.clone() }
    }

    /// Tells whether both snapshots have the same costs, given in the same way.
    pub(crate) fn has_same_costs(&self, other: &Self, kind: CostKind) -> bool {
        self.view_tag == other.view_tag && self.cost_type(kind).get() == other.cost_type(kind).get()
    }

    /// Tells whether all answers are the same for both snapshots.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.view_tag == other.view_tag
            && self.has_same_properties(other)
            && self.further.len() == other.further.len()
            && self.further.iter().zip(&other.further).all(|(one, other)| one.is_same(other))
    }

    /// Tells whether both snapshots have the same properties.
    pub(crate) fn has_same_properties(&self, other: &Self) -> bool {
        self.properties_tag == other.properties_tag
    }
}

fn tag(text: &str) -> Tag {
    text.parse().expect("the tags of a view are 64 hexadecimal digits")
}
