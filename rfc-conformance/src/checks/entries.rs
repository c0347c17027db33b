//! What the entry of each kind of resource says in its directory (RFC 7285 §11.2 to §11.5).

use serde_json::Value;

use crate::check::{Check, Requirement};
use crate::context::Context;
use crate::http::NoAnswer;
use crate::json::brief;
use crate::target::{Kind, Resource};
use crate::verdict::{Entry, Finding, Sheet};

const NETWORK_MAP: Requirement =
    Requirement::def("rfc7285/11.2.1.2/1", "A network map takes no input, has no capabilities and uses nothing");
const COST_MAP: Requirement =
    Requirement::def("rfc7285/11.2.3.2/1", "A full cost map is fetched by GET, without input");
const ONE_COST_TYPE: Requirement =
    Requirement::must("rfc7285/11.2.3.4/1", "A full cost map has exactly one cost type name, which is defined");
const USES_MAP: Requirement =
    Requirement::def("rfc7285/11.2.3.5/1", "A full cost map uses exactly the network map it is defined on");
const FILTERED_MAP_USES: Requirement = Requirement::def(
    "rfc7285/11.3.1.5/1",
    "A filtered network map uses the network map it filters, and has no capabilities",
);
const FILTERED_COSTS_NAMES: Requirement =
    Requirement::def("rfc7285/11.3.2.4/1", "A filtered cost map has at least one cost type name");
const FILTERED_COSTS_USES: Requirement =
    Requirement::def("rfc7285/11.3.2.5/1", "A filtered cost map uses the network map it is defined on");
const PROP_TYPES: Requirement =
    Requirement::def("rfc7285/11.4.1.4/1", "An endpoint property service has at least one of `prop-types`");
const PROPERTY_USES: Requirement =
    Requirement::def("rfc7285/11.4.1.5/1", "An endpoint property service declares no `uses`");
const ENDPOINT_COST_NAMES: Requirement =
    Requirement::def("rfc7285/11.5.1.4/1", "An endpoint cost service has the capabilities of a filtered cost map");
const ENDPOINT_COST_USES: Requirement =
    Requirement::must("rfc7285/11.5.1.5/1", "An endpoint cost service does not use a network map or cost map");

/// All checks of this file.
pub(super) const CHECKS: &[Check] = &[
    Check::new(&[NETWORK_MAP], network_maps),
    Check::new(&[COST_MAP, ONE_COST_TYPE, USES_MAP], cost_maps),
    Check::new(&[FILTERED_MAP_USES], filtered_network_maps),
    Check::new(&[FILTERED_COSTS_NAMES, FILTERED_COSTS_USES], filtered_cost_maps),
    Check::new(&[PROP_TYPES, PROPERTY_USES], property_services),
    Check::new(&[ENDPOINT_COST_NAMES, ENDPOINT_COST_USES], cost_services),
];

/// One entry of a directory, where things are noted about it.
struct Listed<'a> {
    context: &'a Context<'a>,
    resource: &'a Resource,
}

impl<'a> Listed<'a> {
    fn all(context: &'a Context<'a>, kind: Kind, sheet: &mut Sheet) -> Vec<Self> {
        sheet.nothing_at_all(&format!("no {} is listed", kind.noun()));
        context.target.of(kind).map(|resource| Self { context, resource }).collect()
    }

    fn saw(&self, entry: &mut Entry) {
        entry.saw(&self.context.target.directory_of(self.resource).exchange, 1, self.resource.kind.noun());
    }

    fn finding(&self, place: &str, expected: &str, seen: impl Into<String>) -> Finding {
        let directory = self.context.target.directory_of(self.resource);
        Finding::new(expected, seen).at(self.resource.pointer() + place).from(&directory.exchange)
    }

    fn member(&self, place: &str) -> String {
        self.resource.entry.pointer(place).map_or_else(|| "none".to_owned(), brief)
    }

    fn is_empty(&self, name: &str) -> bool {
        match self.resource.entry.get(name) {
            None => true,
            Some(Value::Object(members)) => members.is_empty(),
            Some(Value::Array(elements)) => elements.is_empty(),
            Some(_) => false,
        }
    }

    /// `uses` is one network map.
    fn uses_one_map(&self, entry: &mut Entry) {
        self.saw(entry);
        let uses = self.resource.uses();
        let maps = uses
            .iter()
            .filter(|id| self.context.target.named(id).is_some_and(|resource| resource.kind == Kind::NetworkMap));
        if maps.count() != 1 || uses.len() != 1 {
            entry.broken(self.finding("/uses", "the ID of one network map", self.member("/uses")));
        }
    }

    fn has_cost_types(&self, entry: &mut Entry) {
        self.saw(entry);
        let place = "/capabilities/cost-type-names";
        if self.resource.cost_type_names().is_empty() {
            entry.broken(self.finding(place, "at least one name", self.member(place)));
        }
        let place = "/capabilities/cost-constraints";
        if self.resource.entry.pointer(place).is_some_and(|value| !value.is_boolean()) {
            entry.broken(self.finding(place, "true or false", self.member(place)));
        }
    }
}

fn network_maps(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for listed in Listed::all(context, Kind::NetworkMap, sheet) {
        let entry = sheet.on(NETWORK_MAP);
        listed.saw(entry);
        for name in ["capabilities", "uses"] {
            if !listed.is_empty(name) {
                entry.warn(listed.finding(&format!("/{name}"), "none", listed.member(&format!("/{name}"))));
            }
        }
    }
    Ok(())
}

fn cost_maps(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for listed in Listed::all(context, Kind::CostMap, sheet) {
        let exchange = context.known(listed.resource)?;
        sheet.on(COST_MAP).promised(listed.resource, &exchange, "cost map");
        let entry = sheet.on(ONE_COST_TYPE);
        listed.saw(entry);
        let place = "/capabilities/cost-type-names";
        if listed.resource.cost_type_names().len() != 1 || context.target.cost_types_of(listed.resource).len() != 1 {
            entry.broken(listed.finding(place, "one name that is defined", listed.member(place)));
        }
        listed.uses_one_map(sheet.on(USES_MAP));
    }
    // An entry that answers with cost maps and accepts something that no standard defines is neither whole nor filtered.
    for resource in context.target.of(Kind::Other).filter(|resource| resource.media_type.contains("alto-costmap")) {
        let listed = Listed { context, resource };
        let entry = sheet.on(COST_MAP);
        listed.saw(entry);
        entry.info(listed.finding("/accepts", "none, or that of a filtered cost map", listed.member("/accepts")));
    }
    Ok(())
}

fn filtered_network_maps(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for listed in Listed::all(context, Kind::FilteredNetworkMap, sheet) {
        let entry = sheet.on(FILTERED_MAP_USES);
        listed.uses_one_map(entry);
        if !listed.is_empty("capabilities") {
            entry.warn(listed.finding("/capabilities", "none", listed.member("/capabilities")));
        }
    }
    Ok(())
}

fn filtered_cost_maps(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for listed in Listed::all(context, Kind::FilteredCostMap, sheet) {
        listed.has_cost_types(sheet.on(FILTERED_COSTS_NAMES));
        listed.uses_one_map(sheet.on(FILTERED_COSTS_USES));
    }
    Ok(())
}

fn property_services(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for listed in Listed::all(context, Kind::EndpointProperty, sheet) {
        let entry = sheet.on(PROP_TYPES);
        listed.saw(entry);
        let place = "/capabilities/prop-types";
        if listed.resource.prop_types().is_empty() {
            entry.broken(listed.finding(place, "at least one property", listed.member(place)));
        }
        let entry = sheet.on(PROPERTY_USES);
        listed.saw(entry);
        if !listed.is_empty("uses") {
            entry.warn(listed.finding("/uses", "none", listed.member("/uses")));
        }
    }
    Ok(())
}

fn cost_services(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for listed in Listed::all(context, Kind::EndpointCost, sheet) {
        listed.has_cost_types(sheet.on(ENDPOINT_COST_NAMES));
        let entry = sheet.on(ENDPOINT_COST_USES);
        listed.saw(entry);
        if !listed.is_empty("uses") {
            entry.broken(listed.finding("/uses", "none", listed.member("/uses")));
        }
    }
    Ok(())
}
