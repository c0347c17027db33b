//! Checks of directories and of the entries in them (RFC 7285 §9.1, §9.2, §8.3.2).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::requirements::{
    s8_3_2::GET_PLAIN,
    s9_1_1::UNIQUE,
    s9_1_4::ACCEPTS,
    s9_2::AVAILABLE,
    s9_2_1::MEDIA_TYPE,
    s9_2_2::{
        COST_TYPE_NAMES, COST_TYPES, DEFAULT_IS_MAP, ENTRIES, GET, HAS_DEFAULT, NESTED, ONE_METHOD, OPTIONS, POST,
        RELATIVE, SHARED, USES_KNOWN, USES_NEEDED,
    },
    s9_2_4::DELEGATED,
    s10_2::RESOURCE_ID,
};
use crate::check::Check;
use crate::context::{Context, accept};
use crate::http::{MediaType, NoAnswer, Request};
use crate::json::{brief, kind, pointer};
use crate::sheet::Sheet;
use crate::subject::{Kind, Resource};
use crate::verdict::Finding;
use crate::view::Vtag;
use crate::wording::counted;

const DIRECTORY: &str = "application/alto-directory+json";

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new("reads the root URI and every directory that it leads to", &[AVAILABLE, MEDIA_TYPE], available),
    Check::new(
        "collects all IDs of all directories, looks for duplicates and examines their characters",
        &[UNIQUE, RESOURCE_ID],
        ids,
    ),
    Check::new(
        "resolves every cost type name in the `meta.cost-types` of its own directory",
        &[COST_TYPES, COST_TYPE_NAMES],
        cost_types,
    ),
    Check::new(
        "looks the default network map up among the listed resources",
        &[HAS_DEFAULT, DEFAULT_IS_MAP],
        default_map,
    ),
    Check::new("validates every directory entry by a schema and resolves its URI", &[ENTRIES], entries),
    Check::new("follows every entry that leads to another directory, up to a bound", &[NESTED, DELEGATED], nested),
    Check::new("looks every ID in `uses` up among the listed resources", &[USES_KNOWN], uses),
    Check::new("compares the version tags in answers with the `uses` of the resource", &[USES_NEEDED], uses_needed),
    Check::new("reads every resource without `accepts` by GET", &[RELATIVE, GET, GET_PLAIN], by_get),
    Check::new("sends a valid request to every resource with `accepts`", &[POST, ACCEPTS], by_post),
    Check::new("requests every URI by the method that is not listed for it", &[ONE_METHOD], one_method),
    Check::new("requests every resource that shares its URI with another", &[SHARED], shared),
    Check::new("sends OPTIONS to every URI", &[OPTIONS], options),
];

fn available(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let first = &context.subject.first;
    let entry = sheet.on(AVAILABLE);
    entry.saw(first, 1, "root URI");
    if context.subject.directories.is_empty() {
        let seen = match first.document() {
            Err(error) if first.answer.status == 200 => format!("{}, {error}", first.outline()),
            _ => first.outline(),
        };
        entry
            .fail(Finding::new("status 200 with a directory: an object with `meta` and `resources`", seen).from(first));
    }
    let entry = sheet.on(MEDIA_TYPE);
    for directory in &context.subject.directories {
        let exchange = &directory.exchange;
        entry.saw(exchange, 1, "directory");
        if !exchange.answer.media_type().is_some_and(|media_type| media_type.is(DIRECTORY)) {
            entry.fail(Finding::new(DIRECTORY, exchange.outline()).from(exchange));
        }
    }
    Ok(())
}

fn ids(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let subject = context.subject;
    let mut known: BTreeMap<&str, &Resource> = BTreeMap::new();
    for resource in &subject.resources {
        let exchange = &subject.directory_of(resource).exchange;
        let entry = sheet.on(UNIQUE);
        entry.saw(exchange, 1, "ID");
        // Identical entries of two directories are one resource already.
        if let Some(other) = known.insert(&resource.id, resource) {
            let finding =
                Finding::new("a single resource with this ID", format!("also {} in another directory", other.uri));
            entry.fail(finding.at(resource.pointer()).from(&subject.directory_of(other).exchange).from(exchange));
        }
    }
    for directory in &subject.directories {
        if let Ok(document) = directory.exchange.document() {
            for duplicate in document.duplicates.iter().filter(|place| place.starts_with("/resources/")) {
                if duplicate.matches('/').count() == 2 {
                    let finding = Finding::new("every ID at most once", "the same ID twice in one directory");
                    sheet.on(UNIQUE).fail(finding.at(duplicate).from(&directory.exchange));
                }
            }
        }
        let entry = sheet.on(RESOURCE_ID);
        let document = directory.document();
        let default = document.pointer("/meta/default-alto-network-map").and_then(Value::as_str);
        let mut names: Vec<(String, &str)> =
            default.map(|id| ("/meta/default-alto-network-map".to_owned(), id)).into_iter().collect();
        for (id, resource) in document.get("resources").and_then(Value::as_object).into_iter().flatten() {
            let place = pointer("/resources", id);
            let uses = resource.get("uses").and_then(Value::as_array).into_iter().flatten().enumerate();
            let uses = uses.filter_map(|(index, id)| Some((format!("{place}/uses/{index}"), id.as_str()?)));
            names.extend(uses);
            names.push((place, id));
        }
        entry.saw(&directory.exchange, names.len(), "ID");
        for (place, id) in names {
            if !crate::name::PID.faults(id).is_empty() {
                let finding = Finding::new("at most 64 characters of [0-9A-Za-z:@_-]", format!("{id:?}"));
                entry.fail(finding.at(place).from(&directory.exchange));
            } else if id.is_empty() {
                entry.warn(Finding::new("a non-empty ID", "an empty string").at(place).from(&directory.exchange));
            }
        }
    }
    Ok(())
}

fn cost_types(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.on(COST_TYPES).skip("no directory has `meta.cost-types`");
    sheet.on(COST_TYPE_NAMES).skip("no entry has `cost-type-names`");
    for directory in &context.subject.directories {
        let exchange = &directory.exchange;
        let Some(types) = directory.document().pointer("/meta/cost-types") else {
            continue;
        };
        let entry = sheet.on(COST_TYPES);
        entry.saw(exchange, 1, "directory");
        let Some(types) = types.as_object() else {
            entry.fail(Finding::new("an object", kind(types)).at("/meta/cost-types").from(exchange));
            continue;
        };
        entry.saw(exchange, types.len(), "cost type");
        for (name, value) in types {
            if directory.cost_type(name).is_none() {
                let expected = "an object with strings `cost-metric` and `cost-mode`";
                let finding = Finding::new(expected, brief(value)).at(pointer("/meta/cost-types", name));
                entry.fail(finding.from(exchange));
            }
        }
    }
    let entry = sheet.on(COST_TYPE_NAMES);
    for resource in &context.subject.resources {
        let directory = context.subject.directory_of(resource);
        let defined = directory.document().pointer("/meta/cost-types").and_then(Value::as_object);
        for member in ["cost-type-names", "testable-cost-type-names"] {
            let place = format!("/capabilities/{member}");
            let names = resource.entry.pointer(&place).and_then(Value::as_array);
            for (index, name) in names.into_iter().flatten().enumerate() {
                entry.saw(&directory.exchange, 1, "cost type name");
                let known = name.as_str().is_some_and(|name| defined.is_some_and(|types| types.contains_key(name)));
                if !known {
                    let finding = Finding::new("a key of `meta.cost-types` of this directory", brief(name));
                    let place = format!("{}{place}/{index}", resource.pointer());
                    entry.fail(finding.at(place).from(&directory.exchange));
                }
            }
        }
    }
    Ok(())
}

fn default_map(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let Some(root) = context.subject.directories.first() else {
        return Ok(());
    };
    let place = "/meta/default-alto-network-map";
    let exchange = &root.exchange;
    let value = root.document().pointer(place);
    let entry = sheet.on(HAS_DEFAULT);
    entry.saw(exchange, 1, "root directory");
    let Some(id) = value.and_then(Value::as_str) else {
        entry.fail(Finding::new("a string", value.map_or("none", kind)).at(place).from(exchange));
        sheet.on(DEFAULT_IS_MAP).skip("the root directory names no default network map");
        return Ok(());
    };
    let entry = sheet.on(DEFAULT_IS_MAP);
    entry.saw(exchange, 1, "root directory");
    let seen = match context.subject.named(id) {
        None => format!("{id:?}, which is not listed"),
        Some(resource) if resource.kind != Kind::NetworkMap => format!("{id:?}, which is a {}", resource.kind.noun()),
        Some(_) => return Ok(()),
    };
    entry.fail(Finding::new("the ID of a full network map", seen).at(place).from(exchange));
    Ok(())
}

fn entries(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for directory in &context.subject.directories {
        let entries = directory.document().get("resources").and_then(Value::as_object);
        let entry = sheet.on(ENTRIES);
        entry.saw(&directory.exchange, entries.map_or(0, serde_json::Map::len), "entry");
        let violations = crate::schema::violations(DIRECTORY, directory.document()).unwrap_or_default();
        // Names are graded by requirements of their own.
        let violations = violations.into_iter().filter(|violation| {
            violation.pointer.starts_with("/resources") && !matches!(&*violation.keyword, "pattern" | "propertyNames")
        });
        for violation in violations {
            let finding = Finding::new("an entry as defined in RFC 7285 §9.2.2", violation.message);
            entry.fail(finding.at(violation.pointer).from(&directory.exchange));
        }
        for (id, resource) in entries.into_iter().flatten() {
            let uri = resource.get("uri").and_then(Value::as_str);
            let unusable = uri.filter(|uri| crate::http::resolve(uri, &directory.base).is_none());
            if let Some(uri) = unusable {
                let finding = Finding::new("a reference to an http or https URI", format!("{uri:?}"));
                entry.fail(finding.at(pointer("/resources", id) + "/uri").from(&directory.exchange));
            }
        }
    }
    Ok(())
}

fn nested(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let subject = context.subject;
    sheet.skip_all("no entry leads to another directory");
    for directory in subject.directories.iter().filter(|directory| directory.id.is_some()) {
        sheet.on(NESTED).saw(&directory.exchange, 1, "directory");
        sheet.on(DELEGATED).saw(&directory.exchange, 1, "directory");
    }
    for end in &subject.dead_ends {
        let entry = sheet.on(NESTED);
        match &end.answer {
            Ok(exchange) => {
                let finding = Finding::new(format!("{:?} to be a directory", end.id), exchange.outline());
                entry.fail(finding.from(exchange));
            }
            Err(trouble) => entry.unanswered(trouble, &format!("{:?} to be a directory", end.id)),
        }
    }
    if let Some(why) = &subject.unfinished {
        let expected = format!(
            "a bounded number of directories, of which {} were read",
            counted(subject.directories.len(), "directory")
        );
        sheet.on(DELEGATED).fail(Finding::new(expected, why).from(&subject.first));
    }
    Ok(())
}

fn uses(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let subject = context.subject;
    let entry = sheet.on(USES_KNOWN);
    entry.skip("no entry has `uses`");
    for resource in &subject.resources {
        let directory = subject.directory_of(resource);
        for (index, id) in resource.uses().into_iter().enumerate() {
            entry.saw(&directory.exchange, 1, "dependency");
            let place = format!("{}/uses/{index}", resource.pointer());
            let here = directory.document().get("resources").is_some_and(|resources| resources.get(id).is_some());
            match subject.named(id) {
                None => {
                    let finding = Finding::new("the ID of a listed resource", format!("{id:?}"));
                    entry.fail(finding.at(place).from(&directory.exchange));
                }
                Some(_) if !here => {
                    // The RFC says "in the same directory", but its own example of delegation does otherwise.
                    let finding = Finding::new("an ID of the same directory", format!("{id:?} of another directory"));
                    entry.info(finding.at(place).from(&directory.exchange));
                }
                Some(_) => {}
            }
        }
    }
    Ok(())
}

fn uses_needed(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(USES_NEEDED);
    entry.skip("no resource that depends on a network map is listed");
    let requests = context.valid_requests()?.into_iter().map(|(resource, body)| (resource, Some(body)));
    let filters = |(resource, _): &(&Resource, Option<Value>)| {
        matches!(resource.kind, Kind::FilteredNetworkMap | Kind::FilteredCostMap)
    };
    for (resource, body) in context.of(Kind::CostMap).map(|map| (map, None)).chain(requests.filter(filters)) {
        let exchange = match body {
            Some(body) => context.post(resource, &body)?,
            None => context.latest(resource)?,
        };
        let message = exchange.value().unwrap_or(&Value::Null);
        let mut tags = Vtag::dependent(message);
        if resource.kind == Kind::FilteredNetworkMap {
            tags.extend(message.pointer("/meta/vtag").and_then(Vtag::read));
        }
        for tag in tags {
            entry.saw(&exchange, 1, "dependency");
            if !resource.uses().contains(&tag.resource_id.as_str()) {
                let seen = resource.entry.get("uses").map_or_else(|| "none".to_owned(), brief);
                let finding = Finding::new(format!("{:?} in `uses` of {}", tag.resource_id, resource.id), seen);
                let finding = finding.at(resource.pointer() + "/uses").from(&exchange);
                entry.fail(finding.from(&context.subject.directory_of(resource).exchange));
            }
        }
    }
    Ok(())
}

fn by_get(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no entry without `accepts` is listed");
    for resource in context.readable() {
        let exchange = match context.latest(resource) {
            Ok(exchange) => exchange,
            Err(trouble) => {
                sheet.on(RELATIVE).unanswered(&trouble, "an answer");
                return Err(trouble);
            }
        };
        let entry = sheet.on(RELATIVE);
        entry.saw(&exchange, 1, "URI");
        if exchange.answer.status == 404 {
            let uri = resource.entry.get("uri").map_or_else(String::new, brief);
            let finding = Finding::new(format!("a resource at {uri}, resolved to {}", resource.uri), "status 404");
            entry.fail(finding.at(resource.pointer() + "/uri").from(&exchange));
        }
        for requirement in [GET, GET_PLAIN] {
            sheet.on(requirement).promised(resource, &exchange, "resource");
        }
    }
    Ok(())
}

fn by_post(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no entry with `accepts` is listed for which a request can be made");
    for (resource, body) in context.valid_requests()? {
        let exchange = context.post(resource, &body)?;
        sheet.on(POST).promised(resource, &exchange, "resource");
        sheet.on(ACCEPTS).promised(resource, &exchange, "resource");
    }
    Ok(())
}

fn one_method(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let subject = context.subject;
    let entry = sheet.on(ONE_METHOD);
    entry.skip("every URI is listed for both methods");
    let mut asked = BTreeSet::new();
    for resource in context.resources() {
        if subject.at(&resource.uri).any(|other| other.is_posted() != resource.is_posted())
            || !asked.insert(&resource.uri)
            || resource.kind == Kind::Other
        {
            continue;
        }
        let exchange = if resource.is_posted() {
            context.send(Request::get(&resource.uri).with("Accept", &accept(resource)))?
        } else {
            let body = Request::post(&resource.uri, "application/alto-networkmapfilter+json", "{\"pids\":[]}");
            context.send(body.with("Accept", &accept(resource)))?
        };
        entry.saw(&exchange, 1, "URI");
        let media_type = exchange.answer.media_type().map(|media_type| media_type.essence).unwrap_or_default();
        // A directory that leads on is allowed (RFC 7285 §8.3.3), and so is any error.
        let is_data = media_type.starts_with("application/alto-")
            && media_type != DIRECTORY
            && media_type != crate::assertion::ERROR;
        if exchange.answer.status == 200 && (is_data || !media_type.starts_with("application/alto-")) {
            let method = if resource.is_posted() { "GET" } else { "POST" };
            let finding = Finding::new(format!("{method}, which is not listed, to be rejected"), exchange.outline());
            entry.fail(finding.from(&exchange));
        }
    }
    Ok(())
}

fn shared(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let subject = context.subject;
    let entry = sheet.on(SHARED);
    entry.skip("no two entries share a URI");
    let sharing = |resource: &Resource| subject.at(&resource.uri).nth(1).is_some();
    for (resource, body) in context.valid_requests()?.into_iter().filter(|(resource, _)| sharing(resource)) {
        let exchange = context.post(resource, &body)?;
        entry.promised(resource, &exchange, "POST");
    }
    for resource in context.resources().filter(|resource| !resource.is_posted() && sharing(resource)) {
        let exchange = context.get(resource)?;
        entry.saw(&exchange, 1, "GET");
        if exchange.answer.header("content-type").map(MediaType::read) != Some(MediaType::read(&resource.media_type)) {
            entry.fail(Finding::new(&resource.media_type, exchange.outline()).from(&exchange));
        }
    }
    Ok(())
}

fn options(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(OPTIONS);
    entry.skip("no resource is listed");
    let uris: BTreeSet<_> = context.resources().map(|resource| resource.uri.as_str()).collect();
    for uri in uris.into_iter().take(32) {
        let exchange = context.client.send(Request::new("OPTIONS", uri))?;
        entry.saw(&exchange, 1, "URI");
        match exchange.answer.status {
            200..=299 if exchange.answer.header("allow").is_none() => {
                entry.info(
                    Finding::new("an `Allow` field with the supported methods", exchange.outline()).from(&exchange),
                );
            }
            501 => {}
            500.. => {
                entry.warn(Finding::new("an `Allow` field, or status 405 or 501", exchange.outline()).from(&exchange));
            }
            _ => {}
        }
    }
    Ok(())
}
