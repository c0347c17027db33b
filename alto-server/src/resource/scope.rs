//! The network map that a resource belongs to: the default one, or one that the topology has beside it.

use topo::MapName;

/// A network map, with the IDs and paths of the resources that belong to it (RFC 7285 §9.1.1).
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// Place among the maps beside the default one, and name; absent for the default one.
    further: Option<(usize, MapName)>,
}

impl Scope {
    /// Names a map at a place among those beside the default one.
    pub(crate) fn further(place: usize, name: MapName) -> Self {
        Self { further: Some((place, name)) }
    }

    /// Place among the maps beside the default one; absent for the default one.
    pub(crate) fn place(&self) -> Option<usize> {
        self.further.as_ref().map(|(place, _)| *place)
    }

    /// ID of a resource that the default map has under the ID `stem`: `network-map`, or `network-map-NAME`.
    pub(crate) fn id(&self, stem: &str) -> String {
        self.further.as_ref().map_or_else(|| stem.to_owned(), |(_, name)| format!("{stem}-{name}"))
    }

    /// Path of a resource that the default map has at `path`.
    pub(crate) fn path(&self, path: &str) -> String {
        self.further.as_ref().map_or_else(|| path.to_owned(), |(_, name)| format!("maps/{name}/{path}"))
    }
}
