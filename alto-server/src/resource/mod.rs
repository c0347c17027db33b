//! The ALTO resources: one file for each, and the catalogue that lists them.
//!
//! A resource turns a snapshot of the network into an answer. Its file states the resource ID, the path, the media types,
//! the entry in the directory, and how the resource renders (GET) or answers (POST). Routes, directory, rendered documents
//! and metrics iterate the [`catalogue`]. A new resource is a new file and a line in the list below.

pub(crate) mod catalogue;
pub(crate) mod cost;
mod json;
pub(crate) mod limits;
pub(crate) mod lookup;
mod prefix_answer;
mod property;
pub(crate) mod scope;
pub(crate) mod tips;
pub(crate) mod update_stream;

/// Declares the module of every resource, and the function that collects their definitions: once, or for each network map.
macro_rules! resources {
    (once: $($module:ident),*; for_each_map: $($of_map:ident),*;) => {
        $(pub(crate) mod $module;)*
        $(pub(crate) mod $of_map;)*

        /// Returns the catalogue of all resources, with those of the named network maps beside the default one. With a base,
        /// which ends with a slash, their URIs are absolute.
        pub(crate) fn catalogue(base: Option<String>, maps: &[topo::MapName]) -> catalogue::Catalogue {
            let mut all = Vec::new();
            $(all.extend($module::resources());)*
            let further = maps.iter().enumerate().map(|(place, name)| scope::Scope::further(place, name.clone()));
            for scope in std::iter::once(scope::Scope::default()).chain(further) {
                $(all.extend($of_map::resources(&scope));)*
            }
            // These tell of updates of the others.
            let services = [update_stream::resource(&all), tips::resource(&all)];
            all.extend(services);
            catalogue::Catalogue::new(all, base)
        }
    };
}

resources! {
    once: directory, endpoint_property, endpoint_cost, property_map, filtered_property_map;
    for_each_map: network_map, cost_map, filtered_network_map, filtered_cost_map;
}
