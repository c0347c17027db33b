//! Checks of directory entries by kind of resource: capabilities, input and dependencies (RFC 7285 §11.2 to §11.5).

use serde_json::Value;

use super::requirements::{
    s11_2_1_2::NETWORK_MAP, s11_2_3_2::COST_MAP, s11_2_3_4::ONE_COST_TYPE, s11_2_3_5::USES_MAP,
    s11_3_1_5::FILTERED_MAP_USES, s11_3_2_4::FILTERED_COSTS_NAMES, s11_3_2_5::FILTERED_COSTS_USES,
    s11_4_1_4::PROP_TYPES, s11_4_1_5::PROPERTY_USES, s11_5_1_4::ENDPOINT_COST_NAMES, s11_5_1_5::ENDPOINT_COST_USES,
};
use crate::check::Check;
use crate::context::Context;
use crate::http::NoAnswer;
use crate::json::brief;
use crate::sheet::{Entry, Sheet};
use crate::subject::{Kind, Resource};
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new("examines the entries of network maps", &[NETWORK_MAP], network_maps),
    Check::new(
        "examines the entries of cost maps, and reads each map",
        &[COST_MAP, ONE_COST_TYPE, USES_MAP],
        cost_maps,
    ),
    Check::new("examines the entries of filtered network maps", &[FILTERED_MAP_USES], filtered_network_maps),
    Check::new(
        "examines the entries of filtered cost maps",
        &[FILTERED_COSTS_NAMES, FILTERED_COSTS_USES],
        filtered_cost_maps,
    ),
    Check::new("examines the entries of endpoint property services", &[PROP_TYPES, PROPERTY_USES], property_services),
    Check::new(
        "examines the entries of endpoint cost services",
        &[ENDPOINT_COST_NAMES, ENDPOINT_COST_USES],
        cost_services,
    ),
];

/// A directory entry, as the place of findings about it.
struct ListedEntry<'a> {
    context: &'a Context<'a>,
    resource: &'a Resource,
}

impl<'a> ListedEntry<'a> {
    fn all(context: &'a Context<'a>, kind: Kind, sheet: &mut Sheet) -> Vec<Self> {
        sheet.skip_all(&format!("no {} is listed", kind.noun()));
        context.subject.of(kind).map(|resource| Self { context, resource }).collect()
    }

    fn saw(&self, entry: &mut Entry) {
        entry.saw(&self.context.subject.directory_of(self.resource).exchange, 1, self.resource.kind.noun());
    }

    fn finding(&self, place: &str, expected: &str, seen: impl Into<String>) -> Finding {
        let directory = self.context.subject.directory_of(self.resource);
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

    /// Grades whether `uses` is exactly one network map.
    fn uses_one_map(&self, entry: &mut Entry) {
        self.saw(entry);
        let uses = self.resource.uses();
        let maps = uses
            .iter()
            .filter(|id| self.context.subject.named(id).is_some_and(|resource| resource.kind == Kind::NetworkMap));
        if maps.count() != 1 || uses.len() != 1 {
            entry.fail(self.finding("/uses", "the ID of one network map", self.member("/uses")));
        }
    }

    fn has_cost_types(&self, entry: &mut Entry) {
        self.saw(entry);
        let place = "/capabilities/cost-type-names";
        if self.resource.cost_type_names().is_empty() {
            entry.fail(self.finding(place, "at least one name", self.member(place)));
        }
        let place = "/capabilities/cost-constraints";
        if self.resource.entry.pointer(place).is_some_and(|value| !value.is_boolean()) {
            entry.fail(self.finding(place, "true or false", self.member(place)));
        }
    }
}

fn network_maps(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for listed in ListedEntry::all(context, Kind::NetworkMap, sheet) {
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
    for listed in ListedEntry::all(context, Kind::CostMap, sheet) {
        if context.is_usable(listed.resource) {
            let exchange = context.latest(listed.resource)?;
            sheet.on(COST_MAP).promised(listed.resource, &exchange, "cost map");
        }
        let entry = sheet.on(ONE_COST_TYPE);
        listed.saw(entry);
        let place = "/capabilities/cost-type-names";
        if listed.resource.cost_type_names().len() != 1 || context.subject.cost_types_of(listed.resource).len() != 1 {
            entry.fail(listed.finding(place, "exactly one name, defined in `cost-types`", listed.member(place)));
        }
        listed.uses_one_map(sheet.on(USES_MAP));
    }
    // A cost map that accepts an unknown media type is neither full nor filtered.
    for resource in context.subject.of(Kind::Other).filter(|resource| resource.media_type.contains("alto-costmap")) {
        let listed = ListedEntry { context, resource };
        let entry = sheet.on(COST_MAP);
        listed.saw(entry);
        entry.info(listed.finding(
            "/accepts",
            "none, or the media type of cost map filters",
            listed.member("/accepts"),
        ));
    }
    Ok(())
}

fn filtered_network_maps(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for listed in ListedEntry::all(context, Kind::FilteredNetworkMap, sheet) {
        let entry = sheet.on(FILTERED_MAP_USES);
        listed.uses_one_map(entry);
        if !listed.is_empty("capabilities") {
            entry.warn(listed.finding("/capabilities", "none", listed.member("/capabilities")));
        }
    }
    Ok(())
}

fn filtered_cost_maps(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for listed in ListedEntry::all(context, Kind::FilteredCostMap, sheet) {
        listed.has_cost_types(sheet.on(FILTERED_COSTS_NAMES));
        listed.uses_one_map(sheet.on(FILTERED_COSTS_USES));
    }
    Ok(())
}

fn property_services(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for listed in ListedEntry::all(context, Kind::EndpointProperty, sheet) {
        let entry = sheet.on(PROP_TYPES);
        listed.saw(entry);
        let place = "/capabilities/prop-types";
        if listed.resource.prop_types().is_empty() {
            entry.fail(listed.finding(place, "at least one property", listed.member(place)));
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
    for listed in ListedEntry::all(context, Kind::EndpointCost, sheet) {
        listed.has_cost_types(sheet.on(ENDPOINT_COST_NAMES));
        let entry = sheet.on(ENDPOINT_COST_USES);
        listed.saw(entry);
        if !listed.is_empty("uses") {
            entry.fail(listed.finding("/uses", "none", listed.member("/uses")));
        }
    }
    Ok(())
}
