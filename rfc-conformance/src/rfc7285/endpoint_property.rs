//! Checks of the endpoint property service (RFC 7285 §11.4) and of addresses in requests (§10.4).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use serde_json::{Value, json};

use super::requirements::{
    s7_1_1::PID_VALUE,
    s10_4::BY_VALUE,
    s10_4_1::TYPED_ADDRESS,
    s10_4_3_1::V4_TEXT,
    s10_4_3_2::V6_FORMS,
    s11_2_2::LONGEST,
    s11_4_1::MORE,
    s11_4_1_1::FORMAT,
    s11_4_1_3::{MATCHING, REPEATED_ENDPOINTS, REPEATED_PROPERTIES},
    s11_4_1_6::{EVERY_ENDPOINT, ONLY_ASKED, STRINGS, TAGS, UNDEFINED},
};
use crate::address;
use crate::assertion::{Refusal, promised};
use crate::check::Check;
use crate::context::{Context, MOST_OF_A_KIND};
use crate::http::{Exchange, NoAnswer};
use crate::json::{brief, kind, pointer};
use crate::name::ERROR_CODES;
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::subject::{CostType, Kind, Resource};
use crate::verdict::{Finding, Grade};
use crate::view::{NetworkMap, Vtag};

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "asks for the `pid` of addresses in nested and plain prefixes and compares it with the longest match in the network map",
        &[PID_VALUE, LONGEST, TAGS, UNDEFINED, ONLY_ASKED],
        pids,
    ),
    Check::new(
        "asks for every announced property of several addresses",
        &[FORMAT, EVERY_ENDPOINT, ONLY_ASKED, STRINGS, MORE],
        answers,
    ),
    Check::new(
        "repeats properties and addresses, also in other spellings, and expects the same answer",
        &[REPEATED_PROPERTIES, REPEATED_ENDPOINTS, BY_VALUE],
        repeated,
    ),
    Check::new("asks for properties that are not announced", &[MATCHING], unannounced),
    Check::new("sends malformed addresses and expects an error", &[TYPED_ADDRESS, V4_TEXT], malformed_addresses),
    Check::new("spells IPv6 addresses in all permitted forms", &[V6_FORMS, BY_VALUE], v6_forms),
    Check::new(
        "asks for the `pid` in several network maps at once",
        &[PID_VALUE, LONGEST, TAGS, UNDEFINED],
        joint_pids,
    ),
    Check::new("asks about valid addresses that are easily misread", &[TYPED_ADDRESS], valid_addresses),
];

/// Maximum number of addresses in a request.
const MOST_ADDRESSES: usize = 96;

/// Collects services with each network map whose `pid` they announce, and the name of that property.
fn pid_services<'a>(context: &'a Context<'_>) -> Vec<(&'a Resource, &'a Resource, String)> {
    let services = context.of(Kind::EndpointProperty).take(MOST_OF_A_KIND);
    let pairs = services.flat_map(|service| {
        let maps = context.of(Kind::NetworkMap).take(4 * MOST_OF_A_KIND);
        maps.filter_map(move |map| {
            let property = format!("{}.pid", map.id);
            service.prop_types().contains(&property.as_str()).then_some((service, map, property))
        })
    });
    pairs.collect()
}

/// Finds the properties of an address in an answer, in any spelling, and the place where they are.
fn properties_of(exchange: &Exchange, address: IpAddr) -> Option<(&Value, String)> {
    let members = exchange.value()?.get("endpoint-properties")?.as_object()?;
    let (key, value) = members.iter().find(|(key, _)| address::typed(key) == Some(address))?;
    Some((value, pointer("/endpoint-properties", key)))
}

fn request(properties: &[&str], addresses: &[String]) -> Value {
    json!({"properties": properties, "endpoints": addresses})
}

fn pids(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no endpoint property service announces the `pid` of a network map");
    sheet.on(UNDEFINED).skip("every requested address has a PID");
    for (service, map, property) in pid_services(context) {
        let asked = context.steady(map, |before| {
            let mut addresses =
                NetworkMap::read(before).map_or_else(Vec::new, |map| map.select_addresses(MOST_ADDRESSES));
            // Both families: where the map has only one, addresses of the other have no PID.
            addresses
                .extend([IpAddr::from([192, 0, 2, 1]), IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))]);
            let texts: Vec<_> = addresses.iter().map(|address| address::to_typed(*address)).collect();
            // The property of the map need not come first.
            let other = service.prop_types().into_iter().find(|other| !other.contains('.'));
            let after = other.map(|other| context.post(service, &request(&[other, &property], &texts[..1])));
            Ok((context.post(service, &request(&[&property], &texts))?, after.transpose()?, addresses))
        })?;
        let Some(steady) = asked else {
            sheet.skip_all("the network map changed during every comparison");
            continue;
        };
        let (exchange, after, addresses) = steady.found;
        let Some(full) = NetworkMap::read(&steady.full) else {
            continue;
        };
        for exchange in after.iter().chain([&exchange]) {
            tags(service, exchange, &full, sheet);
        }
        if let Err(finding) = promised(service, &exchange) {
            for requirement in [PID_VALUE, LONGEST] {
                sheet.on(requirement).saw(&exchange, 1, "answer").fail(finding.clone());
            }
            continue;
        }
        for address in addresses {
            grade_pid(&exchange, &full, address, &property, sheet);
            only_asked(&exchange, address, &[&property], sheet);
        }
    }
    Ok(())
}

/// Asks for the `pid` in several network maps at once.
fn joint_pids(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.on(TAGS).skip("no service has the `pid` of two network maps");
    for service in context.of(Kind::EndpointProperty).take(MOST_OF_A_KIND) {
        let mut maps: Vec<_> = pid_services(context).into_iter().filter(|(other, ..)| other.id == service.id).collect();
        maps.truncate(MOST_OF_A_KIND);
        let Some((_, main, _)) = maps.first().filter(|_| maps.len() > 1) else { continue };
        let names: Vec<&str> = maps.iter().map(|(.., property)| property.as_str()).collect();
        let asked = context.steady(main, |before| {
            let addresses = NetworkMap::read(before).map_or_else(Vec::new, |map| map.select_addresses(MOST_OF_A_KIND));
            let texts: Vec<_> = addresses.iter().map(|address| address::to_typed(*address)).collect();
            let exchange = context.post(service, &request(&names, &texts))?;
            let others: Result<Vec<_>, NoAnswer> = maps.iter().map(|(_, map, _)| context.get(map)).collect();
            Ok((exchange, addresses, others?))
        })?;
        let Some((exchange, addresses, others)) = asked.map(|steady| steady.found) else { continue };
        for (full, property) in others.iter().zip(&names) {
            let Some(full) = NetworkMap::read(full) else { continue };
            tags(service, &exchange, &full, sheet);
            for address in &addresses {
                grade_pid(&exchange, &full, *address, property, sheet);
            }
        }
    }
    Ok(())
}

/// Asks about valid addresses that are easily misread.
fn valid_addresses(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(TYPED_ADDRESS);
    entry.skip("no endpoint property service is listed");
    for service in context.of(Kind::EndpointProperty).take(2) {
        let Some(property) = service.prop_types().first().copied() else { continue };
        let texts = ["ipv6:::1", "ipv6:::", "ipv6:::ffff:192.0.2.1", "ipv4:0.0.0.0", "ipv4:255.255.255.255"];
        for text in texts {
            let exchange = context.post(service, &request(&[property], &[text.to_owned()]))?;
            entry.promised(service, &exchange, "address");
        }
    }
    Ok(())
}

fn grade_pid(exchange: &Arc<Exchange>, full: &NetworkMap, address: IpAddr, property: &str, sheet: &mut Sheet) {
    let expected = full.pid_of(address);
    let found = properties_of(exchange, address);
    let value = found.as_ref().and_then(|(properties, _)| properties.get(property));
    let place = found.as_ref().map_or("/endpoint-properties".to_owned(), |(_, place)| pointer(place, property));
    let typed = address::to_typed(address);
    match (expected, value) {
        (Some(expected), value) if value.and_then(Value::as_str) != Some(expected) => {
            let seen = value.map_or_else(|| "none".to_owned(), brief);
            let finding = Finding::new(format!("{expected:?} for {typed}"), seen).at(place);
            let finding = finding.from(&full.exchange).from(exchange);
            for requirement in [PID_VALUE, LONGEST] {
                sheet.on(requirement).saw(exchange, 1, "address").fail(finding.clone());
            }
        }
        (Some(_), _) => {
            for requirement in [PID_VALUE, LONGEST] {
                sheet.on(requirement).saw(exchange, 1, "address");
            }
        }
        (None, value) => {
            let entry = sheet.on(UNDEFINED);
            entry.saw(exchange, 1, "address without a PID");
            if let Some(value) = value {
                let finding = Finding::new(format!("no {property} for {typed}"), brief(value)).at(place);
                entry.fail(finding.from(&full.exchange).from(exchange));
            }
        }
    }
}

fn tags(service: &Resource, exchange: &Arc<Exchange>, full: &NetworkMap, sheet: &mut Sheet) {
    let entry = sheet.on(TAGS);
    let (Ok(_), Some(expected), Some(message)) = (promised(service, exchange), &full.vtag, exchange.value()) else {
        return;
    };
    entry.saw(exchange, 1, "answer");
    let list = message.pointer("/meta/dependent-vtags");
    let seen = Vtag::dependent(message);
    if !list.is_some_and(Value::is_array) || !seen.contains(expected) {
        let seen = list.map_or_else(|| "none".to_owned(), brief);
        let finding = Finding::new(format!("an array with {expected}"), seen).at("/meta/dependent-vtags");
        entry.fail(finding.from(&full.exchange).from(exchange));
    }
}

fn answers(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no endpoint property service is listed, or no addresses are known to ask about");
    let addresses = context.addresses(8)?;
    let texts: Vec<_> = addresses.iter().map(|address| address::to_typed(*address)).collect();
    for service in context.of(Kind::EndpointProperty).take(MOST_OF_A_KIND) {
        let properties = service.prop_types();
        let listed = &context.subject.directory_of(service).exchange;
        let more = properties.iter().filter(|property| property.split('.').nth(1) != Some("pid")).count();
        sheet.on(MORE).skip("only `pid` is offered").saw(listed, more, "property");
        if properties.is_empty() || texts.is_empty() {
            continue;
        }
        // All properties together, then each alone: others must be absent.
        let mut asked: Vec<Vec<&str>> = vec![properties.clone()];
        asked.extend(properties.iter().take(8).map(|property| vec![*property]));
        for properties in asked {
            let exchange = context.post(service, &request(&properties, &texts))?;
            let Some(data) = sheet.on(FORMAT).promised(service, &exchange, "answer") else {
                continue;
            };
            for address in &addresses {
                grade_member(&exchange, *address, &properties, sheet);
            }
            let asked: BTreeSet<_> = addresses.iter().copied().collect();
            for key in data.as_object().into_iter().flat_map(serde_json::Map::keys) {
                if !address::typed(key).is_some_and(|address| asked.contains(&address)) {
                    let finding = Finding::new("requested endpoints only", format!("{key:?}"));
                    let finding = finding.at(pointer("/endpoint-properties", key)).from(&exchange);
                    sheet.on(ONLY_ASKED).fail(finding);
                }
            }
        }
    }
    Ok(())
}

fn grade_member(exchange: &Arc<Exchange>, address: IpAddr, properties: &[&str], sheet: &mut Sheet) {
    let entry = sheet.on(EVERY_ENDPOINT);
    entry.saw(exchange, 1, "endpoint");
    let typed = address::to_typed(address);
    let Some((members, place)) = properties_of(exchange, address) else {
        let finding = Finding::new(format!("a member for {typed}"), "none").at("/endpoint-properties");
        entry.warn(finding.from(exchange));
        return;
    };
    let Some(members) = members.as_object() else {
        entry.fail(Finding::new("an object", kind(members)).at(place).from(exchange));
        return;
    };
    only_asked(exchange, address, properties, sheet);
    for (name, value) in members {
        let place = pointer(&place, name);
        let entry = sheet.on(STRINGS);
        entry.saw(exchange, 1, "value");
        if value.is_null() {
            let finding = Finding::new("a string or no member", "null").at(place).from(exchange);
            sheet.on(UNDEFINED).fail(finding);
        } else if !value.is_string() {
            entry.fail(Finding::new("a string", kind(value)).at(place).from(exchange));
        }
    }
}

/// Grades whether an endpoint has requested properties only.
fn only_asked(exchange: &Arc<Exchange>, address: IpAddr, properties: &[&str], sheet: &mut Sheet) {
    let Some((members, place)) = properties_of(exchange, address) else { return };
    let entry = sheet.on(ONLY_ASKED);
    entry.saw(exchange, 1, "endpoint");
    for name in members.as_object().into_iter().flat_map(serde_json::Map::keys) {
        if !properties.contains(&name.as_str()) {
            let finding = Finding::new("requested properties only", format!("{name:?}")).at(pointer(&place, name));
            entry.fail(finding.from(exchange));
        }
    }
}

fn repeated(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no endpoint property service is listed, or no addresses are known to ask about");
    let addresses: Vec<_> = context.addresses(2)?.into_iter().map(address::to_typed).collect();
    for service in context.of(Kind::EndpointProperty).take(MOST_OF_A_KIND) {
        let Some(property) = service.prop_types().first().copied().filter(|_| !addresses.is_empty()) else {
            continue;
        };
        let plain = request(&[property], &addresses);
        let thrice = [addresses.clone(), addresses.clone(), addresses.clone()].concat();
        let asked = context.steady_post(service, &plain, |_| {
            let properties = context.post(service, &request(&[property, property], &addresses))?;
            Ok((properties, context.post(service, &request(&[property], &thrice))?))
        })?;
        let Some(steady) = asked else {
            sheet.skip_all("answers changed during every comparison");
            continue;
        };
        for (requirement, exchange) in [(REPEATED_PROPERTIES, &steady.found.0), (REPEATED_ENDPOINTS, &steady.found.1)] {
            let entry = sheet.on(requirement);
            let Some(data) = entry.promised(service, exchange, "answer") else {
                continue;
            };
            let expected = steady.full.value().and_then(|value| value.get("endpoint-properties"));
            let duplicates = exchange.document().map_or(0, |document| document.duplicates.len());
            if Some(data) != expected || duplicates > 0 {
                let finding = Finding::new(expected.map_or_else(String::new, brief), brief(data));
                entry.fail(finding.at("/endpoint-properties").from(&steady.full).from(exchange));
            }
        }
    }
    Ok(())
}

fn unannounced(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(MATCHING);
    entry.skip("no endpoint property service is listed, or no addresses are known to ask about");
    let addresses: Vec<_> = context.addresses(1)?.into_iter().map(address::to_typed).collect();
    for service in context.of(Kind::EndpointProperty).take(MOST_OF_A_KIND) {
        let known = service.prop_types();
        let Some(property) = known.first().copied().filter(|_| !addresses.is_empty()) else {
            continue;
        };
        for wrong in ["priv:no-such-property", "pid", "no-such-map.pid"] {
            if known.contains(&wrong) {
                continue;
            }
            let refusal = Refusal {
                codes: &["E_INVALID_FIELD_VALUE"],
                fields: &["properties"],
                element: true,
                value: Some(wrong),
            };
            let answer = context.post(service, &request(&[property, wrong], &addresses));
            entry.refused(&answer, "property that is not announced", &refusal);
        }
    }
    Ok(())
}

/// Creates requests about an endpoint: one to each of a few endpoint property services, and one as source and one as
/// destination to each of a few endpoint cost services.
fn requests_about<'a>(context: &'a Context<'_>, text: &str) -> Vec<(&'a Resource, Value)> {
    let list = [text.to_owned()];
    let properties = context.of(Kind::EndpointProperty).take(2).filter_map(|service| {
        let property = service.prop_types().first().copied()?;
        Some((service, request(&[property], &list)))
    });
    let costs = context.of(Kind::EndpointCost).take(2).flat_map(|service| {
        let cost_type = context.subject.cost_types_of(service).first().map(CostType::to_json);
        let other = json!(["ipv4:192.0.2.1"]);
        let pairs = [json!({"srcs": list, "dsts": other}), json!({"srcs": other, "dsts": list})];
        let bodies = pairs.into_iter().filter_map(move |endpoints| {
            Some((service, json!({"cost-type": cost_type.as_ref()?, "endpoints": endpoints})))
        });
        bodies.collect::<Vec<_>>()
    });
    properties.chain(costs).collect()
}

/// Asks services about a malformed address and grades whether it is rejected; the code is graded elsewhere.
fn expect_rejection(
    context: &Context<'_>,
    sheet: &mut Sheet,
    requirement: Requirement,
    text: &str,
    accepted: Grade,
) -> Result<(), NoAnswer> {
    for (service, body) in requests_about(context, text) {
        let answer = context.post(service, &body);
        let entry = sheet.on(requirement);
        if let Ok(exchange) = &answer
            && exchange.answer.status == 200
        {
            let finding = Finding::new(format!("{text:?} to be rejected"), exchange.outline()).from(exchange);
            entry.saw(exchange, 1, "address").note(accepted, finding);
            continue;
        }
        let refusal = Refusal { codes: ERROR_CODES, ..Refusal::default() };
        entry.refused(&answer, "address", &refusal);
    }
    Ok(())
}

fn malformed_addresses(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no endpoint property service is listed");
    for text in ["192.0.2.1", "ipv4:", "ipv4192.0.2.1", "", ":192.0.2.1", "ipv6:192.0.2.1", "ipv4:::1"] {
        expect_rejection(context, sheet, TYPED_ADDRESS, text, Grade::Fail)?;
    }
    // Prefixes and foreign address types: §11.5 and §15.4.2 mention prefixes, but the grammar does not permit them.
    for text in ["ipv4:192.0.2.0/24", "ipv6:2001:db8::/32", "mac48:00-00-5e-00-53-00"] {
        expect_rejection(context, sheet, TYPED_ADDRESS, text, Grade::Info)?;
    }
    for text in
        ["ipv4:192.0.2.034", "ipv4:192.0.2", "ipv4:1.2.3.4.5", "ipv4: 192.0.2.1", "ipv4:300.1.1.1", "ipv4:0xC0.0.2.1"]
    {
        expect_rejection(context, sheet, V4_TEXT, text, Grade::Fail)?;
    }
    Ok(())
}

/// Lists the spellings of an address that RFC 4291 §2.2 permits.
pub(crate) fn spellings(address: Ipv6Addr) -> Vec<String> {
    let groups = address.segments();
    let join = |groups: &[String]| groups.join(":");
    let full: Vec<String> = groups.iter().map(|group| format!("{group:04x}")).collect();
    let short: Vec<String> = groups.iter().map(|group| format!("{group:x}")).collect();
    let octets = address.octets();
    let quad = format!("{}.{}.{}.{}", octets[12], octets[13], octets[14], octets[15]);
    vec![
        address.to_string(),
        address.to_string().to_uppercase(),
        join(&full),
        join(&full).to_uppercase(),
        join(&short),
        format!("{}:{quad}", join(&short[..6])),
    ]
}

fn v6_forms(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no endpoint property service announces the `pid` of a network map");
    for (service, map, property) in pid_services(context).into_iter().take(MOST_OF_A_KIND) {
        let addresses = context.network_map(map)?.map_or_else(Vec::new, |map| map.select_addresses(MOST_ADDRESSES));
        let address = addresses.into_iter().find_map(|address| match address {
            IpAddr::V6(address) if !address.is_unspecified() => Some(address),
            _ => None,
        });
        let address = address.unwrap_or(Ipv6Addr::new(0x2001, 0xdb8, 0xa, 0xb, 0, 0, 0, 1));
        let texts: Vec<_> = spellings(address).into_iter().map(|text| format!("ipv6:{text}")).collect();
        let asked = context.steady_post(service, &request(&[&property], &texts[..1]), |_| {
            texts
                .iter()
                .map(|text| context.post(service, &request(&[&property], std::slice::from_ref(text))))
                .collect::<Result<Vec<_>, _>>()
        })?;
        let Some(steady) = asked else {
            sheet.skip_all("answers changed during every comparison");
            continue;
        };
        let expected = properties_of(&steady.full, IpAddr::V6(address)).map(|(value, _)| value);
        for (exchange, text) in steady.found.iter().zip(&texts) {
            if sheet.on(V6_FORMS).promised(service, exchange, "spelling").is_none() {
                continue;
            }
            let found = properties_of(exchange, IpAddr::V6(address));
            let entry = sheet.on(BY_VALUE);
            entry.saw(exchange, 1, "spelling");
            if found.as_ref().map(|(value, _)| *value) != expected {
                let seen = found.map_or_else(|| "none".to_owned(), |(value, _)| brief(value));
                let expected = format!("{} for {text}", expected.map_or_else(|| "none".to_owned(), brief));
                let finding = Finding::new(expected, seen).at("/endpoint-properties").from(&steady.full).from(exchange);
                entry.fail(finding);
            }
        }
    }
    for text in ["ipv6:2001:db8::1%eth0", "ipv6:[::1]", "ipv6:1::2::3", "ipv6:12345::", "ipv6:1:2:3", "ipv6:::/0"] {
        let accepted = if text.contains('/') { Grade::Info } else { Grade::Fail };
        expect_rejection(context, sheet, V6_FORMS, text, accepted)?;
    }
    Ok(())
}
