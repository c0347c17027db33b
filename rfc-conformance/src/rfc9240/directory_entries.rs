//! Checks of directory entries of property maps: domains, properties and defining resources (RFC 9240 §5, §7.4).

use std::collections::BTreeSet;

use serde_json::Value;

use super::NO_MAP;
use super::requirements::{
    s3_2_1::DOMAIN_KNOWN,
    s3_3::PROPERTY_KNOWN,
    s4_3::NAMED_RESOURCE,
    s4_6_1::DEFINES,
    s5_1_1::{COLON_OF_PRIVATE, DOMAIN_FORM, DOMAIN_PRIVATE, ONE_COLON},
    s5_1_2::NO_DOT,
    s5_1_2_1::SPECIFIC_DOMAIN,
    s5_1_2_3::SELF_DEFINED_DOMAIN,
    s5_2_1::{PROPERTY_FORM, PROPERTY_PRIVATE},
    s5_2_2::{SELF_DEFINED_PROPERTY, SPECIFIC_PROPERTY},
    s6_1_4::ADDRESSES_OF_MAP,
    s6_2_4::PIDS_OF_MAP,
    s7_4::MAPPINGS,
    s7_5::USES,
    s8_7::PID_OF_MAP,
    s11::{STREAMS, TLS},
};
use crate::check::Check;
use crate::context::Context;
use crate::entity::{Flaw, domain_type_flaws, parts, property_type_flaws};
use crate::http::{self, NoAnswer};
use crate::json::{brief, kind, pointer};
use crate::name;
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::subject::{Kind, Resource};
use crate::verdict::{Finding, Grade};

const NETWORK_MAP: &str = "application/alto-networkmap+json";
const STREAM: &str = "application/alto-updatestreamparams+json";

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "examines every domain and property in `mappings`, and the resources that they name",
        &[
            MAPPINGS,
            DOMAIN_KNOWN,
            DOMAIN_FORM,
            ONE_COLON,
            COLON_OF_PRIVATE,
            DOMAIN_PRIVATE,
            SPECIFIC_DOMAIN,
            SELF_DEFINED_DOMAIN,
            DEFINES,
            ADDRESSES_OF_MAP,
            PIDS_OF_MAP,
            NAMED_RESOURCE,
            PROPERTY_KNOWN,
            PROPERTY_FORM,
            PROPERTY_PRIVATE,
            SPECIFIC_PROPERTY,
            SELF_DEFINED_PROPERTY,
            PID_OF_MAP,
            USES,
        ],
        mappings,
    ),
    Check::new("looks for dots in resource IDs", &[NO_DOT], ids),
    Check::new("looks for an update stream of property maps", &[STREAMS], streams),
    Check::new("examines the version of TLS", &[TLS], tls),
];

/// A directory entry, with the sheet for notes about it.
struct ListedMap<'a> {
    context: &'a Context<'a>,
    resource: &'a Resource,
    sheet: &'a mut Sheet,
}

fn maps<'a>(context: &'a Context<'_>) -> impl Iterator<Item = &'a Resource> {
    let is_map = |resource: &&Resource| matches!(resource.kind, Kind::PropertyMap | Kind::FilteredPropertyMap);
    context.subject.resources.iter().filter(is_map)
}

fn mappings(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all(if maps(context).next().is_none() { NO_MAP } else { "no property map has a member of this kind" });
    for resource in maps(context) {
        let mut listed = ListedMap { context, resource, sheet };
        let place = format!("{}/capabilities/mappings", resource.pointer());
        let value = resource.entry.pointer("/capabilities/mappings");
        listed.saw(MAPPINGS, "property map");
        let Some(domains) = value.and_then(Value::as_object) else {
            listed.fail(MAPPINGS, Finding::new("an object", value.map_or("none", kind)).at(place));
            continue;
        };
        let mut resources = BTreeSet::new();
        for (domain, list) in domains {
            let place = pointer(&place, domain);
            resources.extend(parts(domain).0.filter(|id| !id.is_empty()));
            listed.domain(domain, &place);
            let Some(names) = list.as_array().filter(|names| !names.is_empty()) else {
                listed.fail(MAPPINGS, Finding::new("an array of at least one property", brief(list)).at(place));
                continue;
            };
            for (index, name) in names.iter().enumerate() {
                let place = format!("{place}/{index}");
                let Some(name) = name.as_str() else {
                    listed.fail(MAPPINGS, Finding::new("a string", kind(name)).at(place));
                    continue;
                };
                resources.extend(parts(name).0.filter(|id| !id.is_empty()));
                listed.property(name, &place);
            }
        }
        listed.uses(&resources);
    }
    Ok(())
}

impl ListedMap<'_> {
    fn saw(&mut self, requirement: Requirement, what: &str) {
        let exchange = &self.context.subject.directory_of(self.resource).exchange;
        self.sheet.on(requirement).saw(exchange, 1, what);
    }

    fn fail(&mut self, requirement: Requirement, finding: Finding) {
        let exchange = &self.context.subject.directory_of(self.resource).exchange;
        self.sheet.on(requirement).fail(finding.from(exchange));
    }

    fn warn(&mut self, requirement: Requirement, finding: Finding) {
        let exchange = &self.context.subject.directory_of(self.resource).exchange;
        self.sheet.on(requirement).note(Grade::Warn, finding.from(exchange));
    }

    /// Notes that an item was examined and, if it is not right, a finding.
    fn expect(&mut self, requirement: Requirement, what: &str, right: bool, seen: &str, place: &str) {
        self.saw(requirement, what);
        if !right {
            self.fail(requirement, Finding::new(requirement.text, format!("{seen:?}")).at(place));
        }
    }

    fn domain(&mut self, domain: &str, place: &str) {
        let (resource, kind) = parts(domain);
        let flaws = domain_type_flaws(kind);
        let of_flaws = [
            (Flaw::Form, DOMAIN_FORM),
            (Flaw::Colons, ONE_COLON),
            (Flaw::Colon, COLON_OF_PRIVATE),
            (Flaw::BarePrefix, DOMAIN_PRIVATE),
        ];
        for (flaw, requirement) in of_flaws {
            self.expect(requirement, "entity domain", !flaws.contains(&flaw), domain, place);
        }
        self.saw(DOMAIN_KNOWN, "entity domain");
        if flaws.contains(&Flaw::Unregistered) {
            // Registries grow: a well-formed type may have been registered since.
            self.warn(DOMAIN_KNOWN, Finding::new(DOMAIN_KNOWN.text, format!("{domain:?}")).at(place));
        }
        let own = resource == Some(self.resource.id.as_str());
        self.expect(SELF_DEFINED_DOMAIN, "entity domain", !own, domain, place);
        let Some(resource) = resource.filter(|id| !id.is_empty() && !own) else {
            return;
        };
        let right = name::PID.faults(resource).is_empty();
        self.expect(SPECIFIC_DOMAIN, "resource-specific domain", right, domain, place);
        self.defining(resource, kind, domain, place);
    }

    /// Grades the defining resource of a domain.
    fn defining(&mut self, id: &str, kind: &str, domain: &str, place: &str) {
        self.saw(DEFINES, "resource-specific domain");
        let Some(defining) = self.context.subject.named(id) else {
            let finding = Finding::new("the ID of a listed resource", format!("{id:?}")).at(place);
            return self.fail(DEFINES, finding);
        };
        let itself = format!(".{kind}");
        let others = defining.entry.pointer("/capabilities/mappings").and_then(Value::as_object);
        if let Some(others) = others.filter(|others| !others.contains_key(&itself)) {
            let seen: Vec<_> = others.keys().map(String::as_str).collect();
            let finding = Finding::new(format!("`{itself}` in the mappings of {id}"), seen.join(", ")).at(place);
            self.fail(DEFINES, finding);
        }
        let is_map = defining.media_type == NETWORK_MAP;
        match kind {
            "ipv4" | "ipv6" => self.expect(ADDRESSES_OF_MAP, "domain of addresses", is_map, domain, place),
            "pid" => self.expect(PIDS_OF_MAP, "domain of PIDs", is_map, domain, place),
            _ => {}
        }
    }

    fn property(&mut self, property: &str, place: &str) {
        let (resource, kind) = parts(property);
        let flaws = property_type_flaws(kind);
        for (flaw, requirement) in [(Flaw::Form, PROPERTY_FORM), (Flaw::BarePrefix, PROPERTY_PRIVATE)] {
            self.expect(requirement, "property", !flaws.contains(&flaw), property, place);
        }
        self.saw(PROPERTY_KNOWN, "property");
        if flaws.contains(&Flaw::Unregistered) {
            // The RFC itself has unregistered types in its examples.
            self.warn(PROPERTY_KNOWN, Finding::new(PROPERTY_KNOWN.text, format!("{property:?}")).at(place));
        }
        let own = resource == Some(self.resource.id.as_str());
        self.expect(SELF_DEFINED_PROPERTY, "property", !own, property, place);
        self.expect(NAMED_RESOURCE, "property", !(kind == "pid" && resource.is_none()), property, place);
        let defining = match resource {
            None => return,
            Some("") => Some(self.resource),
            Some(id) => {
                let defining = self.context.subject.named(id);
                let right = defining.is_some() && name::PID.faults(id).is_empty();
                self.expect(SPECIFIC_PROPERTY, "resource-specific property", right, property, place);
                defining
            }
        };
        if kind == "pid"
            && let Some(defining) = defining
        {
            self.expect(PID_OF_MAP, "property `pid`", defining.media_type == NETWORK_MAP, property, place);
        }
    }

    fn uses(&mut self, named: &BTreeSet<&str>) {
        self.saw(USES, "property map");
        let uses = self.resource.uses();
        let directory = self.context.subject.directory_of(self.resource);
        let place = format!("{}/uses", self.resource.pointer());
        let seen = self.resource.entry.get("uses").map_or_else(|| "none".to_owned(), brief);
        for id in named.iter().filter(|id| **id != self.resource.id) {
            if !uses.contains(id) {
                self.fail(USES, Finding::new(format!("{id:?}, which `mappings` names"), &seen).at(&place));
            } else if directory.document().pointer(&pointer("/resources", id)).is_none() {
                self.warn(USES, Finding::new(format!("{id:?} in the same directory"), "none").at(&place));
            }
        }
        // The dependencies of self-defined properties are not named.
        for id in uses.into_iter().filter(|id| !named.contains(id)) {
            let finding = Finding::new("resources named in `mappings` only", format!("{id:?}")).at(&place);
            self.sheet.on(USES).info(finding.from(&directory.exchange));
        }
    }
}

fn ids(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(NO_DOT);
    entry.skip(NO_MAP);
    if maps(context).next().is_none() {
        return Ok(());
    }
    for resource in &context.subject.resources {
        let exchange = &context.subject.directory_of(resource).exchange;
        entry.saw(exchange, 1, "resource ID");
        if resource.id.contains('.') {
            let finding = Finding::new("an ID without a dot", format!("{:?}", resource.id));
            entry.fail(finding.at(resource.pointer()).from(exchange));
        }
    }
    Ok(())
}

fn streams(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(STREAMS);
    entry.skip(NO_MAP);
    for map in maps(context) {
        let exchange = &context.subject.directory_of(map).exchange;
        entry.saw(exchange, 1, "property map");
        let is_stream = |other: &&Resource| other.accepts.as_deref() == Some(STREAM);
        let mut streams = context.subject.resources.iter().filter(is_stream);
        if !streams.any(|stream| stream.uses().contains(&map.id.as_str())) {
            let finding = Finding::new(format!("an update stream for {:?}", map.id), "none");
            entry.info(finding.at("/resources").from(exchange));
        }
    }
    Ok(())
}

fn tls(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(TLS);
    entry.skip(if maps(context).next().is_none() { NO_MAP } else { "no property map is at an https URI" });
    let mut origins = BTreeSet::new();
    for map in maps(context).filter(|map| map.uri.starts_with("https")) {
        if !origins.insert(http::origin_of(&map.uri)) {
            continue;
        }
        let request = format!(
            "HEAD {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            http::request_target(&map.uri).unwrap_or_default(),
            http::host_and_port(&map.uri)
        );
        let version = context.client.connect(&map.uri).and_then(|mut wire| {
            wire.send(request.as_bytes())?;
            wire.answer(true)?;
            Ok(wire.tls_version())
        });
        let exchange = &context.subject.directory_of(map).exchange;
        entry.saw(exchange, 1, "handshake");
        match version {
            Ok(Some(rustls::ProtocolVersion::TLSv1_3)) => {}
            Ok(other) => {
                let seen = other.map_or_else(|| "none".to_owned(), |version| format!("{version:?}"));
                entry.fail(Finding::new("TLS 1.3", seen).from(exchange));
            }
            Err(failure) => drop(entry.fail(Finding::new("TLS 1.3", failure.to_string()).from(exchange))),
        }
    }
    Ok(())
}
