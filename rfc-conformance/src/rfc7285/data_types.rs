//! Inspection of names, tags, addresses and cost types in any answer (RFC 7285 §10, RFC 9274 §3).

use std::collections::BTreeSet;

use serde_json::Value;

use super::requirements::{
    s10_1::{PID_ALPHABET, PID_DOT, PID_LENGTH},
    s10_3::{TAG_ALPHABET, TAG_LENGTH},
    s10_4_1::TYPED_ADDRESS,
    s10_4_2::{ADDRESS_TYPE, ADDRESS_TYPE_KNOWN},
    s10_4_3_2::CANONICAL,
    s10_4_4_1::V4_PREFIX,
    s10_4_4_2::V6_PREFIX,
    s10_4_5::GROUP,
    s10_6::{METRIC_ALPHABET, METRIC_DOT, METRIC_KNOWN, METRIC_LENGTH, METRIC_PRIVATE},
    s10_7::{COST_TYPE, DESCRIPTION},
    s10_8_1::{ONLY_PID, SPECIFIC},
    s10_8_2::{PROPERTY_ALPHABET, PROPERTY_KNOWN, PROPERTY_LENGTH, PROPERTY_PRIVATE},
    s11_1::VTAGS,
};
use crate::address;
use crate::http::Exchange;
use crate::json::{brief, kind, pointer};
use crate::name::{self, NameFault, Rules};
use crate::requirement::Requirement;
use crate::rfc9274::requirements::s3_2::{MODE_ALPHABET, MODE_KNOWN, MODE_LENGTH};
use crate::sheet::Sheet;
use crate::verdict::Finding;

/// Requirements that the inspection grades.
pub(super) const GRADES: &[Requirement] = &[
    PID_LENGTH,
    PID_ALPHABET,
    PID_DOT,
    TAG_LENGTH,
    TAG_ALPHABET,
    TYPED_ADDRESS,
    ADDRESS_TYPE,
    ADDRESS_TYPE_KNOWN,
    CANONICAL,
    V4_PREFIX,
    V6_PREFIX,
    GROUP,
    MODE_LENGTH,
    MODE_ALPHABET,
    MODE_KNOWN,
    METRIC_LENGTH,
    METRIC_ALPHABET,
    METRIC_DOT,
    METRIC_KNOWN,
    METRIC_PRIVATE,
    COST_TYPE,
    DESCRIPTION,
    SPECIFIC,
    ONLY_PID,
    PROPERTY_LENGTH,
    PROPERTY_ALPHABET,
    PROPERTY_KNOWN,
    PROPERTY_PRIVATE,
    VTAGS,
];

/// Rules for a kind of name, with the requirement that each fault violates.
struct NameRules {
    syntax: Rules,
    by_fault: &'static [(NameFault, Requirement)],
    noun: &'static str,
}

const PIDS: NameRules = NameRules {
    syntax: name::PID,
    by_fault: &[(NameFault::Length, PID_LENGTH), (NameFault::Alphabet, PID_ALPHABET), (NameFault::Dot, PID_DOT)],
    noun: "PID",
};
const MODES: NameRules = NameRules {
    syntax: name::MODE,
    by_fault: &[
        (NameFault::Length, MODE_LENGTH),
        (NameFault::Alphabet, MODE_ALPHABET),
        (NameFault::Dot, MODE_ALPHABET),
        (NameFault::BarePrefix, MODE_KNOWN),
        (NameFault::Unregistered, MODE_KNOWN),
    ],
    noun: "cost mode",
};
const METRICS: NameRules = NameRules {
    syntax: name::METRIC,
    by_fault: &[
        (NameFault::Length, METRIC_LENGTH),
        (NameFault::Alphabet, METRIC_ALPHABET),
        (NameFault::Dot, METRIC_DOT),
        (NameFault::BarePrefix, METRIC_PRIVATE),
        (NameFault::Unregistered, METRIC_KNOWN),
    ],
    noun: "cost metric",
};
const PROPERTIES: NameRules = NameRules {
    syntax: name::PROPERTY,
    by_fault: &[
        (NameFault::Length, PROPERTY_LENGTH),
        (NameFault::Alphabet, PROPERTY_ALPHABET),
        (NameFault::Dot, PROPERTY_ALPHABET),
        (NameFault::BarePrefix, PROPERTY_PRIVATE),
        (NameFault::Unregistered, PROPERTY_KNOWN),
    ],
    noun: "property",
};

/// Inspects the names in one message.
pub(super) fn inspect(exchange: &Exchange, essence: &str, message: &Value, sheet: &mut Sheet) {
    let mut inspection = Inspection { exchange, sheet };
    inspection.tags(message);
    match essence {
        "application/alto-directory+json" => inspection.directory(message),
        "application/alto-networkmap+json" => inspection.network_map(message),
        "application/alto-costmap+json" => {
            inspection.cost_type_of_answer(message);
            inspection.pid_costs(message);
        }
        "application/alto-endpointcost+json" => {
            inspection.cost_type_of_answer(message);
            inspection.endpoints(message, "endpoint-cost-map");
        }
        "application/alto-endpointprop+json" => inspection.endpoints(message, "endpoint-properties"),
        _ => {}
    }
}

struct Inspection<'a> {
    exchange: &'a Exchange,
    sheet: &'a mut Sheet,
}

impl Inspection<'_> {
    /// Grades a name by its rules.
    fn name(&mut self, rules: &NameRules, name: &str, place: &str) {
        let faults = rules.syntax.faults(name);
        let mut seen = Vec::new();
        for (fault, requirement) in rules.by_fault {
            let entry = self.sheet.on(*requirement);
            if !seen.contains(&requirement.id) {
                seen.push(requirement.id);
                entry.saw(self.exchange, 1, rules.noun);
            }
            if faults.contains(fault) {
                let finding = Finding::new(requirement.text, format!("{name:?}")).at(place).from(self.exchange);
                // Registries grow: a well-formed name may have been registered since.
                if *fault == NameFault::Unregistered {
                    entry.warn(finding)
                } else {
                    entry.fail(finding)
                };
            }
        }
        if name.is_empty()
            && let Some((_, requirement)) = rules.by_fault.first()
        {
            let finding = Finding::new("a non-empty name", "an empty string").at(place).from(self.exchange);
            self.sheet.on(*requirement).warn(finding);
        }
    }

    fn tags(&mut self, message: &Value) {
        let Some(meta) = message.get("meta") else {
            return;
        };
        let mut tags: Vec<(String, &Value)> = Vec::new();
        if let Some(vtag) = meta.get("vtag") {
            tags.push(("/meta/vtag".to_owned(), vtag));
        }
        if let Some(dependent) = meta.get("dependent-vtags") {
            if let Some(dependent) = dependent.as_array() {
                let places = (0..).map(|index| format!("/meta/dependent-vtags/{index}"));
                tags.extend(places.zip(dependent));
            } else {
                let finding = Finding::new("an array", kind(dependent)).at("/meta/dependent-vtags");
                self.sheet.on(VTAGS).fail(finding.from(self.exchange));
            }
        }
        for (place, vtag) in tags {
            let entry = self.sheet.on(VTAGS);
            entry.saw(self.exchange, 1, "version tag");
            let id = vtag.get("resource-id").and_then(Value::as_str);
            let (Some(_), Some(tag)) = (id, vtag.get("tag").and_then(Value::as_str)) else {
                let expected = "an object with strings `resource-id` and `tag`";
                entry.fail(Finding::new(expected, brief(vtag)).at(place).from(self.exchange));
                continue;
            };
            let place = place + "/tag";
            let length = tag.chars().count();
            let entry = self.sheet.on(TAG_LENGTH);
            entry.saw(self.exchange, 1, "tag");
            if length > 64 {
                let finding = Finding::new("at most 64 characters", format!("{length}")).at(&place);
                entry.fail(finding.from(self.exchange));
            } else if length == 0 {
                entry.warn(Finding::new("a non-empty tag", "an empty string").at(&place).from(self.exchange));
            }
            let entry = self.sheet.on(TAG_ALPHABET);
            entry.saw(self.exchange, 1, "tag");
            if let Some(other) = tag.chars().find(|c| !('\u{21}'..='\u{7e}').contains(c)) {
                let finding = Finding::new("only U+0021 to U+007E", format!("U+{:04X}", u32::from(other))).at(&place);
                entry.fail(finding.from(self.exchange));
            }
        }
    }

    fn cost_type(&mut self, value: &Value, place: &str) {
        let entry = self.sheet.on(COST_TYPE);
        entry.saw(self.exchange, 1, "cost type");
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let (Some(metric), Some(mode)) = (text("cost-metric"), text("cost-mode")) else {
            let finding = Finding::new("strings `cost-metric` and `cost-mode`", brief(value)).at(place);
            entry.fail(finding.from(self.exchange));
            return;
        };
        let (metric, mode) = (metric.to_owned(), mode.to_owned());
        if let Some(description) = value.get("description") {
            let entry = self.sheet.on(DESCRIPTION);
            entry.saw(self.exchange, 1, "description");
            if !description.is_string() {
                let finding = Finding::new("a string", kind(description)).at(format!("{place}/description"));
                entry.fail(finding.from(self.exchange));
            }
        }
        self.name(&METRICS, &metric, &format!("{place}/cost-metric"));
        self.name(&MODES, &mode, &format!("{place}/cost-mode"));
    }

    fn cost_type_of_answer(&mut self, message: &Value) {
        let Some(meta) = message.get("meta") else {
            return;
        };
        // Multi-cost answers have an empty `cost-type` (RFC 8189 §4.1.3).
        if let Some(types) = meta.get("multi-cost-types").and_then(Value::as_array) {
            for (index, cost_type) in types.iter().enumerate() {
                self.cost_type(cost_type, &format!("/meta/multi-cost-types/{index}"));
            }
        } else if let Some(cost_type) = meta.get("cost-type") {
            self.cost_type(cost_type, "/meta/cost-type");
        }
    }

    fn directory(&mut self, message: &Value) {
        let types = message.pointer("/meta/cost-types").and_then(Value::as_object);
        for (name, cost_type) in types.into_iter().flatten() {
            self.cost_type(cost_type, &pointer("/meta/cost-types", name));
        }
        let resources = message.get("resources").and_then(Value::as_object);
        for (id, resource) in resources.into_iter().flatten() {
            let properties = resource.pointer("/capabilities/prop-types").and_then(Value::as_array);
            for (index, property) in properties.into_iter().flatten().enumerate() {
                let place = format!("{}/capabilities/prop-types/{index}", pointer("/resources", id));
                if let Some(property) = property.as_str() {
                    self.property(property, &place);
                }
            }
        }
    }

    fn property(&mut self, property: &str, place: &str) {
        let Some((id, rest)) = property.split_once('.') else {
            self.name(&PROPERTIES, property, place);
            return;
        };
        let entry = self.sheet.on(SPECIFIC);
        entry.saw(self.exchange, 1, "resource-specific property");
        if !name::PID.faults(id).is_empty() || id.is_empty() || rest.contains('.') {
            let finding = Finding::new("`<resource ID>.<name>` with one dot", format!("{property:?}")).at(place);
            entry.fail(finding.from(self.exchange));
        }
        let entry = self.sheet.on(ONLY_PID);
        entry.saw(self.exchange, 1, "resource-specific property");
        if rest != "pid" && !rest.starts_with("priv:") {
            entry.warn(Finding::new("`pid`", format!("{rest:?}")).at(place).from(self.exchange));
        }
        if rest != "pid" {
            self.name(&PROPERTIES, rest, place);
        }
    }

    fn network_map(&mut self, message: &Value) {
        let map = message.get("network-map").and_then(Value::as_object);
        for (pid, group) in map.into_iter().flatten() {
            let place = pointer("/network-map", pid);
            self.name(&PIDS, pid, &place);
            let entry = self.sheet.on(GROUP);
            entry.saw(self.exchange, 1, "group");
            let Some(group) = group.as_object() else {
                entry.fail(Finding::new("an object", kind(group)).at(place).from(self.exchange));
                continue;
            };
            for (address_type, prefixes) in group {
                let place = pointer(&place, address_type);
                self.address_type(address_type, &place);
                if let Some(prefixes) = prefixes.as_array() {
                    self.prefixes(address_type, prefixes, &place);
                } else {
                    let finding = Finding::new("an array", kind(prefixes)).at(place).from(self.exchange);
                    self.sheet.on(GROUP).fail(finding);
                }
            }
        }
    }

    fn address_type(&mut self, address_type: &str, place: &str) {
        let entry = self.sheet.on(ADDRESS_TYPE);
        entry.saw(self.exchange, 1, "address type");
        if address_type.is_empty() || !address_type.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let finding = Finding::new("[0-9A-Za-z]", format!("{address_type:?}")).at(place);
            entry.fail(finding.from(self.exchange));
        }
        let entry = self.sheet.on(ADDRESS_TYPE_KNOWN);
        entry.saw(self.exchange, 1, "address type");
        if !name::is_registered_address_type(address_type) {
            entry.warn(Finding::new("ipv4 or ipv6", format!("{address_type:?}")).at(place).from(self.exchange));
        }
    }

    fn prefixes(&mut self, address_type: &str, prefixes: &[Value], place: &str) {
        let requirement = match address_type {
            "ipv4" => V4_PREFIX,
            "ipv6" => V6_PREFIX,
            _ => return,
        };
        for (index, value) in prefixes.iter().enumerate() {
            let place = format!("{place}/{index}");
            let text = value.as_str().unwrap_or_default();
            let entry = self.sheet.on(requirement);
            entry.saw(self.exchange, 1, "prefix");
            let Some(prefix) = address::prefix(address_type, text) else {
                let finding = Finding::new(format!("an {address_type} prefix"), brief(value)).at(&place);
                entry.fail(finding.clone().from(self.exchange));
                self.sheet.on(GROUP).fail(finding.from(self.exchange));
                continue;
            };
            if prefix.trunc() != prefix {
                let finding = Finding::new(format!("{}, without host bits", prefix.trunc()), text).at(&place);
                entry.warn(finding.from(self.exchange));
            }
            if address_type == "ipv6" {
                let canonical = address::is_canonical_v6(text.split('/').next().unwrap_or_default());
                for requirement in [V6_PREFIX, CANONICAL] {
                    let entry = self.sheet.on(requirement);
                    if requirement == CANONICAL {
                        entry.saw(self.exchange, 1, "prefix");
                    }
                    if !canonical {
                        entry.warn(Finding::new(prefix.to_string(), text).at(&place).from(self.exchange));
                    }
                }
            }
        }
    }

    /// Grades the PIDs of a cost map, each of them once.
    fn pid_costs(&mut self, message: &Value) {
        let rows = message.get("cost-map").and_then(Value::as_object);
        let mut known = BTreeSet::new();
        for (src, row) in rows.into_iter().flatten() {
            let place = pointer("/cost-map", src);
            if known.insert(src.as_str()) {
                self.name(&PIDS, src, &place);
            }
            for dst in row.as_object().into_iter().flat_map(serde_json::Map::keys) {
                if known.insert(dst) {
                    self.name(&PIDS, dst, &pointer(&place, dst));
                }
            }
        }
    }

    /// Grades the typed addresses that are keys of an answer. The spelling is the client's choice if the request has it.
    fn endpoints(&mut self, message: &Value, member: &str) {
        let sent: BTreeSet<String> = self.sent();
        let data = message.get(member).and_then(Value::as_object);
        let mut known = BTreeSet::new();
        for (key, row) in data.into_iter().flatten() {
            let place = pointer(&format!("/{member}"), key);
            known.insert((place.clone(), key.clone()));
            if member == "endpoint-cost-map" {
                let row = row.as_object().into_iter().flat_map(serde_json::Map::keys);
                known.extend(row.map(|dst| (pointer(&place, dst), dst.clone())));
            }
        }
        for (place, key) in known {
            let (address_type, text) = key.split_once(':').unwrap_or((&key, ""));
            self.address_type(address_type, &place);
            let entry = self.sheet.on(TYPED_ADDRESS);
            entry.saw(self.exchange, 1, "endpoint");
            let known_type = name::is_registered_address_type(address_type);
            if (known_type && address::typed(&key).is_none()) || text.is_empty() {
                let finding = Finding::new("a typed address", format!("{key:?}")).at(&place);
                entry.fail(finding.from(self.exchange));
            } else if address_type == "ipv6" && !sent.contains(&key) && self.exchange.request.body.is_some() {
                // After a redirect from POST to GET the spelling of the original request is not known here.
                let entry = self.sheet.on(CANONICAL);
                entry.saw(self.exchange, 1, "address");
                if !address::is_canonical_v6(text) {
                    entry.warn(Finding::new("the form of RFC 5952", text).at(place).from(self.exchange));
                }
            }
        }
    }

    /// Collects all strings of the request.
    fn sent(&self) -> BTreeSet<String> {
        let body = self.exchange.request.body.as_deref().unwrap_or_default();
        let mut all = BTreeSet::new();
        let mut queue = vec![serde_json::from_slice(body).unwrap_or(Value::Null)];
        while let Some(value) = queue.pop() {
            match value {
                Value::String(text) => drop(all.insert(text)),
                Value::Array(elements) => queue.extend(elements),
                Value::Object(members) => queue.extend(members.into_iter().map(|(_, value)| value)),
                _ => {}
            }
        }
        all
    }
}
