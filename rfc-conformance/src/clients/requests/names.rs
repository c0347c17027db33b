//! Requirements on names and addresses in requests (RFC 7285 §10, RFC 9274 §3).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::requirements;
use crate::http::Exchange;
use crate::name::{ADDRESS_TYPES, METRICS, MODES, PROPERTIES};
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::verdict::Finding;

fn alphabet(extra: &'static str) -> impl Fn(char) -> bool {
    move |c| c.is_ascii_alphanumeric() || extra.contains(c)
}

/// Grades a name by one requirement.
fn grade(sheet: &mut Sheet, exchange: &Exchange, requirement: Requirement, name: &str, right: bool, expected: &str) {
    let entry = sheet.on(requirement);
    entry.saw(exchange, 1, "name");
    if !right {
        entry.fail(Finding::new(expected, format!("{name:?}")).from(exchange));
    }
}

/// Grades a PID name.
pub(super) fn pid(name: &str, exchange: &Exchange, sheet: &mut Sheet) {
    grade(sheet, exchange, requirements::PID_LENGTH, name, name.len() <= 64, "at most 64 characters");
    grade(
        sheet,
        exchange,
        requirements::PID_ALPHABET,
        name,
        name.chars().all(alphabet(":@_-.")),
        "`0-9A-Za-z:@_-.` only",
    );
    grade(sheet, exchange, requirements::PID_DOT, name, !name.contains('.'), "no `.`");
}

/// Grades a cost metric.
pub(super) fn metric(name: &str, exchange: &Exchange, sheet: &mut Sheet) {
    grade(sheet, exchange, requirements::METRIC_LENGTH, name, name.len() <= 32, "at most 32 characters");
    grade(
        sheet,
        exchange,
        requirements::METRIC_ALPHABET,
        name,
        name.chars().all(alphabet(":_-.")),
        "`0-9A-Za-z:_-.` only",
    );
    grade(sheet, exchange, requirements::METRIC_DOT, name, !name.contains('.'), "no `.`");
    let base = name.split(':').next().unwrap_or(name);
    let known = name.starts_with("priv:") || METRICS.contains(&base);
    grade(sheet, exchange, requirements::METRIC_KNOWN, name, known, "a registered metric");
    if name.starts_with("priv:") {
        grade(sheet, exchange, requirements::METRIC_PRIVATE, name, name.len() > 5, "a name after `priv:`");
    }
}

/// Grades a cost mode.
pub(super) fn mode(name: &str, exchange: &Exchange, sheet: &mut Sheet) {
    grade(sheet, exchange, requirements::MODE_LENGTH, name, name.len() <= 32, "at most 32 characters");
    grade(sheet, exchange, requirements::MODE_ALPHABET, name, name.chars().all(alphabet(":_-")), "`0-9A-Za-z:_-` only");
    let known = name.starts_with("priv:") || MODES.contains(&name);
    grade(sheet, exchange, requirements::MODE_KNOWN, name, known, "a registered mode");
}

/// Grades a property name, resource-specific or global.
pub(super) fn property(name: &str, exchange: &Exchange, sheet: &mut Sheet) {
    let (resource, global) = match name.split_once('.') {
        Some((resource, global)) => (Some(resource), global),
        None => (None, name),
    };
    if let Some(resource) = resource {
        let is_id = !resource.is_empty() && resource.len() <= 64 && resource.chars().all(alphabet(":@_-"));
        grade(sheet, exchange, requirements::RESOURCE_ID, name, is_id, "a resource ID before the `.`");
        let apart = !global.is_empty() && !global.contains('.');
        grade(sheet, exchange, requirements::RESOURCE_PROPERTY, name, is_id && apart, "RESOURCE-ID.NAME");
    }
    grade(sheet, exchange, requirements::PROPERTY_LENGTH, name, global.len() <= 32, "at most 32 characters");
    let spelt = !global.is_empty() && global.chars().all(alphabet(":_-"));
    grade(sheet, exchange, requirements::PROPERTY_ALPHABET, name, spelt, "`0-9A-Za-z:_-` only");
    let known = global.starts_with("priv:") || (PROPERTIES.contains(&global) && resource.is_some());
    grade(sheet, exchange, requirements::PROPERTY_KNOWN, name, known, "a registered property");
    if global.starts_with("priv:") {
        grade(sheet, exchange, requirements::PROPERTY_PRIVATE, name, global.len() > 5, "a name after `priv:`");
    }
}

/// Grades an address type.
pub(super) fn address_type(name: &str, exchange: &Exchange, sheet: &mut Sheet) {
    let spelt = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
    grade(sheet, exchange, requirements::ADDRESS_TYPE, name, spelt, "letters and digits only");
    grade(sheet, exchange, requirements::ADDRESS_TYPE_KNOWN, name, ADDRESS_TYPES.contains(&name), "ipv4 or ipv6");
}

/// Grades a typed address.
pub(super) fn address(text: &str, exchange: &Exchange, sheet: &mut Sheet) {
    let typed = text.split_once(':').filter(|(kind, address)| !kind.is_empty() && !address.is_empty());
    let (kind, address) = typed.unwrap_or_default();
    // An untyped IPv6 address has a colon, too; its first part is no type.
    let is_typed = typed.is_some() && text.parse::<Ipv6Addr>().is_err();
    grade(sheet, exchange, requirements::TYPED_ADDRESS, text, is_typed, "TYPE:ADDRESS");
    if !is_typed {
        return;
    }
    address_type(kind, exchange, sheet);
    match kind {
        "ipv4" => {
            let right = address.parse::<Ipv4Addr>().is_ok();
            grade(sheet, exchange, requirements::IPV4, text, right, "four decimal numbers without leading zeros");
        }
        "ipv6" => {
            let right = address.parse::<Ipv6Addr>().is_ok();
            grade(sheet, exchange, requirements::IPV6_FORMS, text, right, "a text form of RFC 4291");
        }
        _ => {}
    }
}
