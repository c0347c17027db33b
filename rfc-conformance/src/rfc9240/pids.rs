//! Checks that property maps agree with network maps and endpoint properties on PIDs (RFC 9240 §8.7, §9.1).

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Value, json};

use super::requirements::{s8_7::PID_OF_MAP, s9_1::LEGACY};
use super::values::text;
use super::{CHANGING, MOST_ADDRESSES, Mapped, entity_ids};
use crate::address;
use crate::check::Check;
use crate::context::{Context, MOST_OF_A_KIND};
use crate::entity::{Entity, parts};
use crate::http::{Exchange, NoAnswer};
use crate::json::pointer;
use crate::sheet::Sheet;
use crate::subject::{Kind, Resource};
use crate::verdict::Finding;
use crate::view::NetworkMap;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[Check::new(
    "compares the `pid` in property maps with the network map and the endpoint property service",
    &[PID_OF_MAP, LEGACY],
    pids_agree,
)];

/// Compares `X.pid` of addresses with the network map X and with the endpoint property service.
fn pids_agree(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.on(PID_OF_MAP).skip("no property map has the `pid` of addresses");
    sheet.on(LEGACY).skip("no endpoint property service and property map have the same `pid`");
    let kinds = [Kind::PropertyMap, Kind::FilteredPropertyMap];
    for mapped in kinds.into_iter().flat_map(|kind| Mapped::all(context, kind)) {
        for domain in mapped.mappings.address_domains() {
            for property in mapped.mappings.of_domain(domain) {
                let (Some(id), "pid") = parts(property) else {
                    continue;
                };
                if let Some(map) =
                    context.subject.named(id).filter(|map| map.kind == Kind::NetworkMap && context.is_usable(map))
                {
                    compare_with_map(context, &mapped, domain, map, property, sheet)?;
                }
                let services = context.of(Kind::EndpointProperty).take(MOST_OF_A_KIND);
                for service in services.filter(|service| service.prop_types().contains(&property.as_str())) {
                    compare_with_service(context, &mapped, domain, service, property, sheet)?;
                }
            }
        }
    }
    Ok(())
}

/// Fetches a property map with the `pid` of addresses.
fn fetch_pids(
    context: &Context<'_>,
    mapped: &Mapped<'_>,
    domain: &str,
    addresses: &[IpAddr],
    property: &str,
) -> Result<Arc<Exchange>, NoAnswer> {
    if mapped.resource.is_posted() {
        mapped.ask(context, &entity_ids(domain, addresses), &[property.to_owned()])
    } else {
        context.get(mapped.resource)
    }
}

fn of_family(domain: &str, addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let is_v4 = parts(domain).1 == "ipv4";
    addresses.into_iter().filter(|address| address.is_ipv4() == is_v4).collect()
}

fn compare_with_map(
    context: &Context<'_>,
    mapped: &Mapped<'_>,
    domain: &str,
    map: &Resource,
    property: &str,
    sheet: &mut Sheet,
) -> Result<(), NoAnswer> {
    let asked = context.steady(map, |before| {
        let addresses = NetworkMap::read(before).map_or_else(Vec::new, |map| map.select_addresses(MOST_ADDRESSES));
        let addresses = of_family(domain, addresses);
        if addresses.is_empty() {
            return Ok(None);
        }
        Ok(Some((fetch_pids(context, mapped, domain, &addresses, property)?, addresses)))
    })?;
    let Some(steady) = asked else {
        sheet.on(PID_OF_MAP).skip("the network map changed during every comparison");
        return Ok(());
    };
    let (Some((exchange, addresses)), Some(full)) = (steady.found, NetworkMap::read(&steady.full)) else {
        return Ok(());
    };
    let Some(seen) = mapped.read(&exchange) else {
        return Ok(());
    };
    let entry = sheet.on(PID_OF_MAP);
    for address in addresses {
        entry.saw(&exchange, 1, "address");
        let entity = Entity::at(domain, address);
        let (expected, found) = (full.pid_of(address), seen.value(&entity, property));
        if expected != found.and_then(Value::as_str) {
            let expected = expected.map_or_else(|| "none".to_owned(), |pid| format!("{pid:?}"));
            let finding = Finding::new(format!("{expected} as {property} of {entity}"), text(found));
            entry.fail(finding.at(seen.place(&entity)).from(&full.exchange).from(&exchange));
        }
    }
    Ok(())
}

fn compare_with_service(
    context: &Context<'_>,
    mapped: &Mapped<'_>,
    domain: &str,
    service: &Resource,
    property: &str,
    sheet: &mut Sheet,
) -> Result<(), NoAnswer> {
    let addresses = match context.subject.named(parts(property).0.unwrap_or_default()) {
        Some(map) => context.network_map(map)?.map_or_else(Vec::new, |map| map.select_addresses(MOST_ADDRESSES / 4)),
        None => Vec::new(),
    };
    let addresses = of_family(domain, addresses);
    if addresses.is_empty() {
        return Ok(());
    }
    let endpoints: Vec<_> = addresses.iter().map(|address| address::to_typed(*address)).collect();
    let body = json!({"properties": [property], "endpoints": endpoints});
    let ask = || fetch_pids(context, mapped, domain, &addresses, property);
    let Some(steady) = context.steady_post(service, &body, |_| ask())? else {
        sheet.on(LEGACY).skip(CHANGING);
        return Ok(());
    };
    let exchange = steady.found;
    let Some(seen) = mapped.read(&exchange) else {
        return Ok(());
    };
    let members = steady.full.value().and_then(|value| value.get("endpoint-properties")).and_then(Value::as_object);
    let entry = sheet.on(LEGACY);
    for address in addresses {
        entry.saw(&exchange, 1, "address");
        let found = members.into_iter().flatten().find(|(key, _)| address::typed(key) == Some(address));
        let expected = found.and_then(|(_, values)| values.get(property));
        let entity = Entity::at(domain, address);
        let value = seen.value(&entity, property);
        if expected != value {
            let expected = format!("{} as {property} of {entity}", text(expected));
            let place = found.map_or_else(String::new, |(key, _)| pointer("/endpoint-properties", key));
            let finding = Finding::new(format!("{}, as in the property map", text(value)), expected);
            entry.fail(finding.at(place).from(&exchange).from(&steady.full));
        }
    }
    Ok(())
}
