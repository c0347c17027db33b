//! Checks that all spellings of an address and its prefix of full length denote one entity (RFC 9240 §5.1.3, §6.1).

use std::net::IpAddr;
use std::sync::Arc;

use super::requirements::{s5_1_3::SPELLINGS, s6_1_1::V4_LENGTH, s6_1_2::V6_LENGTH, s12_3_2::LENGTH};
use super::{CHANGING, Mapped, NO_ADDRESSES, addresses, everything, request};
use crate::check::Check;
use crate::context::Context;
use crate::entity::Entity;
use crate::http::{Exchange, NoAnswer};
use crate::json::brief;
use crate::requirement::Requirement;
use crate::rfc7285::endpoint_property::spellings;
use crate::sheet::Sheet;
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[Check::new(
    "spells entities in several ways, and expects one entity",
    &[SPELLINGS, V4_LENGTH, V6_LENGTH, LENGTH],
    equivalent_spellings,
)];

fn equivalent_spellings(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let filters = Mapped::filters(context);
    if filters.iter().any(|mapped| mapped.mappings.address_domains().next().is_some()) {
        sheet.on(V4_LENGTH).skip("no filtered property map has IPv4 addresses with properties");
        sheet.on(V6_LENGTH).skip("no filtered property map has IPv6 addresses with properties");
    }
    sheet.skip_all(NO_ADDRESSES);
    for mapped in filters {
        let Some(full) = mapped.read(&context.post(mapped.resource, &everything())?) else {
            continue;
        };
        for domain in mapped.mappings.address_domains() {
            let addresses = addresses(context, &full, domain)?;
            let has_any = |address: &IpAddr| {
                let entity = Entity::at(domain, *address);
                let is_zero = address.is_unspecified();
                !is_zero && !full.values(&entity, mapped.mappings.of_domain(domain)).is_empty()
            };
            let Some(address) = addresses.into_iter().find(has_any) else {
                continue;
            };
            let (of_family, texts) = match address {
                IpAddr::V4(address) => (V4_LENGTH, vec![address.to_string(), format!("{address}/32")]),
                IpAddr::V6(address) => {
                    let mut texts = vec![address.to_string(), format!("{address}/128")];
                    texts.extend(spellings(address));
                    (V6_LENGTH, texts)
                }
            };
            let texts: Vec<_> = texts.into_iter().map(|text| format!("{domain}:{text}")).collect();
            grade_spellings(context, &mapped, domain, address, of_family, &texts, sheet)?;
        }
    }
    Ok(())
}

fn grade_spellings(
    context: &Context<'_>,
    mapped: &Mapped<'_>,
    domain: &str,
    address: IpAddr,
    of_family: Requirement,
    texts: &[String],
    sheet: &mut Sheet,
) -> Result<(), NoAnswer> {
    let plain = request(&texts[..1], &[]);
    let asked = context.steady_post(mapped.resource, &plain, |_| {
        let single = texts[1..].iter().map(|text| mapped.ask(context, std::slice::from_ref(text), &[]));
        Ok((single.collect::<Result<Vec<_>, _>>()?, mapped.ask(context, texts, &[])?))
    })?;
    let Some(steady) = asked else {
        sheet.skip_all(CHANGING);
        return Ok(());
    };
    let entity = Entity::at(domain, address);
    let properties = mapped.mappings.of_domain(domain);
    let values = |exchange: &Arc<Exchange>| mapped.read(exchange).map(|map| map.values(&entity, properties));
    let Some(expected) = values(&steady.full) else {
        return Ok(());
    };
    let (single, together) = &steady.found;
    for (text, exchange) in texts[1..].iter().zip(single) {
        let about: &[Requirement] = if text.contains('/') { &[of_family, LENGTH] } else { &[SPELLINGS] };
        for requirement in about {
            let entry = sheet.on(*requirement);
            if entry.promised(mapped.resource, exchange, "spelling").is_none() {
                continue;
            }
            let found = values(exchange).unwrap_or_default();
            if found != expected {
                let wanted = format!("{} for {text}", brief(&expected.clone().into()));
                let finding = Finding::new(wanted, brief(&found.into())).at("/property-map");
                entry.fail(finding.from(&steady.full).from(exchange));
            }
        }
    }
    for requirement in [SPELLINGS, of_family, LENGTH] {
        let entry = sheet.on(requirement);
        if entry.promised(mapped.resource, together, "request for several spellings").is_none() {
            continue;
        }
        let count = mapped.read(together).map_or(0, |map| map.keys.len());
        if count > 1 {
            let finding = Finding::new("a single entity for all spellings", format!("{count} entities"));
            entry.fail(finding.at("/property-map").from(together));
        }
    }
    Ok(())
}
