//! What directories say of property maps: domains, properties, and the resources that define them (RFC 9240 §5, §7.4).

use std::collections::BTreeSet;

use serde_json::Value;

use super::NO_MAP;
use crate::check::{Check, Requirement};
use crate::context::Context;
use crate::entity::{Flaw, domain_type_flaws, parts, property_type_flaws};
use crate::http::{self, NoAnswer};
use crate::json::{brief, kind, pointer};
use crate::name;
use crate::target::{Kind, Resource};
use crate::verdict::{Finding, Grade, Sheet};

const NETWORK_MAP: &str = "application/alto-networkmap+json";
const STREAM: &str = "application/alto-updatestreamparams+json";

const DOMAIN_KNOWN: Requirement =
    Requirement::must("rfc9240/3.2.1/1", "An entity domain type is registered or begins with `priv:`");
const PROPERTY_KNOWN: Requirement =
    Requirement::must("rfc9240/3.3/1", "An entity property type is registered or begins with `priv:`");
const NAMED_RESOURCE: Requirement = Requirement::must(
    "rfc9240/4.3/1",
    "A property that depends on a resource is named with it: `pid` only as `<map>.pid`",
);
const DEFINES: Requirement = Requirement::def(
    "rfc9240/4.6.1/1",
    "The resource that defines a domain is listed, and defines the entities itself",
);
const DOMAIN_FORM: Requirement =
    Requirement::must("rfc9240/5.1.1/1", "An entity domain type is 1 to 64 of [0-9A-Za-z:_-]");
const ONE_COLON: Requirement = Requirement::must("rfc9240/5.1.1/2", "An entity domain type has at most one colon");
const COLON_OF_PRIVATE: Requirement =
    Requirement::must("rfc9240/5.1.1/3", "The colon of an entity domain type is that of `priv:` at its beginning");
const DOMAIN_PRIVATE: Requirement =
    Requirement::must("rfc9240/5.1.1/4", "`priv:` of an entity domain type is followed by a name");
const NO_DOT: Requirement = Requirement::must("rfc9240/5.1.2/1", "A resource ID has no dot");
const SPECIFIC_DOMAIN: Requirement = Requirement::must(
    "rfc9240/5.1.2.1/1",
    "A resource-specific domain is the ID of a resource, a dot, and a domain type",
);
const SELF_DEFINED_DOMAIN: Requirement = Requirement::must(
    "rfc9240/5.1.2.3/1",
    "A domain that a map defines itself is a dot and a domain type, without its ID",
);
const PROPERTY_FORM: Requirement =
    Requirement::must("rfc9240/5.2.1/1", "An entity property type is 1 to 32 of [0-9A-Za-z:_-]");
const PROPERTY_PRIVATE: Requirement =
    Requirement::must("rfc9240/5.2.1/2", "`priv:` of an entity property type is followed by a name");
const SPECIFIC_PROPERTY: Requirement = Requirement::def(
    "rfc9240/5.2.2/1",
    "A resource-specific property is the ID of a listed resource, a dot, and a property type",
);
const SELF_DEFINED_PROPERTY: Requirement =
    Requirement::should("rfc9240/5.2.2/2", "A property that a map defines itself is named without the ID of the map");
const ADDRESSES_OF_MAP: Requirement =
    Requirement::must("rfc9240/6.1.4/1", "Resource-specific domains of addresses are defined by a network map");
const PIDS_OF_MAP: Requirement =
    Requirement::must("rfc9240/6.2.4/1", "Resource-specific domains of PIDs are defined by a network map");
const MAPPINGS: Requirement = Requirement::def(
    "rfc9240/7.4/1",
    "`mappings` is there, and has an array of at least one property for each entity domain",
);
const USES: Requirement =
    Requirement::def("rfc9240/7.5/1", "`uses` has every resource that `mappings` names, all in one directory");
pub(super) const PID_OF_MAP: Requirement = Requirement::must(
    "rfc9240/8.7/1",
    "The property `pid` is defined by a network map, and its values are those of that map",
);
const STREAMS: Requirement =
    Requirement::should("rfc9240/11/1", "Changes of property maps can be had as a stream (RFC 8895)");
const TLS: Requirement = Requirement::should("rfc9240/11/4", "TLS 1.3 is used");

/// All checks of this file.
pub(crate) const CHECKS: &[Check] = &[
    Check::new(
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
    Check::new(&[NO_DOT], ids),
    Check::new(&[STREAMS], streams),
    Check::new(&[TLS], tls),
];

/// An entry, where things are noted about it.
struct Listed<'a> {
    context: &'a Context<'a>,
    resource: &'a Resource,
    sheet: &'a mut Sheet,
}

fn maps<'a>(context: &'a Context<'_>) -> impl Iterator<Item = &'a Resource> {
    let is_map = |resource: &&Resource| matches!(resource.kind, Kind::PropertyMap | Kind::FilteredPropertyMap);
    context.target.resources.iter().filter(is_map)
}

fn mappings(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.nothing_at_all(if maps(context).next().is_none() {
        NO_MAP
    } else {
        "no property map has anything of the kind"
    });
    for resource in maps(context) {
        let mut listed = Listed { context, resource, sheet };
        let place = format!("{}/capabilities/mappings", resource.pointer());
        let value = resource.entry.pointer("/capabilities/mappings");
        listed.saw(MAPPINGS, "property map");
        let Some(domains) = value.and_then(Value::as_object) else {
            listed.broken(MAPPINGS, Finding::new("an object", value.map_or("none", kind)).at(place));
            continue;
        };
        let mut resources = BTreeSet::new();
        for (domain, list) in domains {
            let place = pointer(&place, domain);
            resources.extend(parts(domain).0.filter(|id| !id.is_empty()));
            listed.domain(domain, &place);
            let Some(names) = list.as_array().filter(|names| !names.is_empty()) else {
                listed.broken(MAPPINGS, Finding::new("an array of at least one property", brief(list)).at(place));
                continue;
            };
            for (index, name) in names.iter().enumerate() {
                let place = format!("{place}/{index}");
                let Some(name) = name.as_str() else {
                    listed.broken(MAPPINGS, Finding::new("a string", kind(name)).at(place));
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

impl Listed<'_> {
    fn saw(&mut self, requirement: Requirement, what: &str) {
        let exchange = &self.context.target.directory_of(self.resource).exchange;
        self.sheet.on(requirement).saw(exchange, 1, what);
    }

    fn broken(&mut self, requirement: Requirement, finding: Finding) {
        let exchange = &self.context.target.directory_of(self.resource).exchange;
        self.sheet.on(requirement).broken(finding.from(exchange));
    }

    fn warn(&mut self, requirement: Requirement, finding: Finding) {
        let exchange = &self.context.target.directory_of(self.resource).exchange;
        self.sheet.on(requirement).note(Grade::Warn, finding.from(exchange));
    }

    /// Notes that something was looked at, and whether it was right.
    fn hold(&mut self, requirement: Requirement, what: &str, right: bool, seen: &str, place: &str) {
        self.saw(requirement, what);
        if !right {
            self.broken(requirement, Finding::new(requirement.text, format!("{seen:?}")).at(place));
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
            self.hold(requirement, "entity domain", !flaws.contains(&flaw), domain, place);
        }
        self.saw(DOMAIN_KNOWN, "entity domain");
        if flaws.contains(&Flaw::Unregistered) {
            // Registries grow: what is well-formed may have been registered since.
            self.warn(DOMAIN_KNOWN, Finding::new(DOMAIN_KNOWN.text, format!("{domain:?}")).at(place));
        }
        let own = resource == Some(self.resource.id.as_str());
        self.hold(SELF_DEFINED_DOMAIN, "entity domain", !own, domain, place);
        let Some(resource) = resource.filter(|id| !id.is_empty() && !own) else {
            return;
        };
        let right = name::PID.faults(resource).is_empty();
        self.hold(SPECIFIC_DOMAIN, "resource-specific domain", right, domain, place);
        self.defining(resource, kind, domain, place);
    }

    /// The resource that is said to define a domain.
    fn defining(&mut self, id: &str, kind: &str, domain: &str, place: &str) {
        self.saw(DEFINES, "resource-specific domain");
        let Some(defining) = self.context.target.named(id) else {
            let finding = Finding::new("the ID of a listed resource", format!("{id:?}")).at(place);
            return self.broken(DEFINES, finding);
        };
        let itself = format!(".{kind}");
        let others = defining.entry.pointer("/capabilities/mappings").and_then(Value::as_object);
        if let Some(others) = others.filter(|others| !others.contains_key(&itself)) {
            let seen: Vec<_> = others.keys().map(String::as_str).collect();
            let finding = Finding::new(format!("`{itself}` among the domains of {id}"), seen.join(", ")).at(place);
            self.broken(DEFINES, finding);
        }
        let is_map = defining.media_type == NETWORK_MAP;
        match kind {
            "ipv4" | "ipv6" => self.hold(ADDRESSES_OF_MAP, "domain of addresses", is_map, domain, place),
            "pid" => self.hold(PIDS_OF_MAP, "domain of PIDs", is_map, domain, place),
            _ => {}
        }
    }

    fn property(&mut self, property: &str, place: &str) {
        let (resource, kind) = parts(property);
        let flaws = property_type_flaws(kind);
        for (flaw, requirement) in [(Flaw::Form, PROPERTY_FORM), (Flaw::BarePrefix, PROPERTY_PRIVATE)] {
            self.hold(requirement, "property", !flaws.contains(&flaw), property, place);
        }
        self.saw(PROPERTY_KNOWN, "property");
        if flaws.contains(&Flaw::Unregistered) {
            // The examples of the RFC itself have names that nobody registered.
            self.warn(PROPERTY_KNOWN, Finding::new(PROPERTY_KNOWN.text, format!("{property:?}")).at(place));
        }
        let own = resource == Some(self.resource.id.as_str());
        self.hold(SELF_DEFINED_PROPERTY, "property", !own, property, place);
        self.hold(NAMED_RESOURCE, "property", !(kind == "pid" && resource.is_none()), property, place);
        let defining = match resource {
            None => return,
            Some("") => Some(self.resource),
            Some(id) => {
                let defining = self.context.target.named(id);
                let right = defining.is_some() && name::PID.faults(id).is_empty();
                self.hold(SPECIFIC_PROPERTY, "resource-specific property", right, property, place);
                defining
            }
        };
        if kind == "pid"
            && let Some(defining) = defining
        {
            self.hold(PID_OF_MAP, "property `pid`", defining.media_type == NETWORK_MAP, property, place);
        }
    }

    fn uses(&mut self, named: &BTreeSet<&str>) {
        self.saw(USES, "property map");
        let uses = self.resource.uses();
        let directory = self.context.target.directory_of(self.resource);
        let place = format!("{}/uses", self.resource.pointer());
        let seen = self.resource.entry.get("uses").map_or_else(|| "none".to_owned(), brief);
        for id in named.iter().filter(|id| **id != self.resource.id) {
            if !uses.contains(id) {
                self.broken(USES, Finding::new(format!("{id:?}, which `mappings` names"), &seen).at(&place));
            } else if directory.document().pointer(&pointer("/resources", id)).is_none() {
                self.warn(USES, Finding::new(format!("{id:?} in the same directory"), "not there").at(&place));
            }
        }
        // What a map's own properties depend on is not named.
        for id in uses.into_iter().filter(|id| !named.contains(id)) {
            let finding = Finding::new("only resources that `mappings` names", format!("{id:?}")).at(&place);
            self.sheet.on(USES).info(finding.from(&directory.exchange));
        }
    }
}

fn ids(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(NO_DOT);
    entry.nothing(NO_MAP);
    if maps(context).next().is_none() {
        return Ok(());
    }
    for resource in &context.target.resources {
        let exchange = &context.target.directory_of(resource).exchange;
        entry.saw(exchange, 1, "resource ID");
        if resource.id.contains('.') {
            let finding = Finding::new("an ID without a dot", format!("{:?}", resource.id));
            entry.broken(finding.at(resource.pointer()).from(exchange));
        }
    }
    Ok(())
}

fn streams(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(STREAMS);
    entry.nothing(NO_MAP);
    for map in maps(context) {
        let exchange = &context.target.directory_of(map).exchange;
        entry.saw(exchange, 1, "property map");
        let is_stream = |other: &&Resource| other.accepts.as_deref() == Some(STREAM);
        let mut streams = context.target.resources.iter().filter(is_stream);
        if !streams.any(|stream| stream.uses().contains(&map.id.as_str())) {
            let finding = Finding::new(format!("an update stream with {:?}", map.id), "none");
            entry.info(finding.at("/resources").from(exchange));
        }
    }
    Ok(())
}

fn tls(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(TLS);
    entry.nothing(if maps(context).next().is_none() { NO_MAP } else { "no property map is at an https URI" });
    let mut origins = BTreeSet::new();
    for map in maps(context).filter(|map| map.uri.starts_with("https")) {
        if !origins.insert(http::origin_of(&map.uri)) {
            continue;
        }
        let request = format!(
            "HEAD {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            http::target_of(&map.uri).unwrap_or_default(),
            http::host_and_port(&map.uri)
        );
        let version = context.client.connect(&map.uri).and_then(|mut wire| {
            wire.send(request.as_bytes())?;
            wire.answer(true)?;
            Ok(wire.tls_version())
        });
        let exchange = &context.target.directory_of(map).exchange;
        entry.saw(exchange, 1, "handshake");
        match version {
            Ok(Some(rustls::ProtocolVersion::TLSv1_3)) => {}
            Ok(other) => {
                let seen = other.map_or_else(|| "none".to_owned(), |version| format!("{version:?}"));
                entry.broken(Finding::new("TLS 1.3", seen).from(exchange));
            }
            Err(failure) => drop(entry.broken(Finding::new("TLS 1.3", failure.to_string()).from(exchange))),
        }
    }
    Ok(())
}
