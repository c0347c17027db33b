//! Names and addresses in requests (RFC 7285 §10, RFC 9274 §3).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::rules;
use crate::http::Exchange;
use crate::name::{ADDRESS_TYPES, METRICS, MODES, PROPERTIES};
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::verdict::Finding;

fn alphabet(extra: &'static str) -> impl Fn(char) -> bool {
    move |c| c.is_ascii_alphanumeric() || extra.contains(c)
}

/// Notes one look at a rule, and what is wrong.
fn rule(sheet: &mut Sheet, exchange: &Exchange, rule: Requirement, name: &str, right: bool, expected: &str) {
    let entry = sheet.on(rule);
    entry.saw(exchange, 1, "name");
    if !right {
        entry.fail(Finding::new(expected, format!("{name:?}")).from(exchange));
    }
}

/// A PID name.
pub(super) fn pid(name: &str, exchange: &Exchange, sheet: &mut Sheet) {
    rule(sheet, exchange, rules::PID_LENGTH, name, name.len() <= 64, "at most 64 characters");
    rule(sheet, exchange, rules::PID_ALPHABET, name, name.chars().all(alphabet(":@_-.")), "`0-9A-Za-z:@_-.` only");
    rule(sheet, exchange, rules::PID_DOT, name, !name.contains('.'), "no `.`");
}

/// A cost metric.
pub(super) fn metric(name: &str, exchange: &Exchange, sheet: &mut Sheet) {
    rule(sheet, exchange, rules::METRIC_LENGTH, name, name.len() <= 32, "at most 32 characters");
    rule(sheet, exchange, rules::METRIC_ALPHABET, name, name.chars().all(alphabet(":_-.")), "`0-9A-Za-z:_-.` only");
    rule(sheet, exchange, rules::METRIC_DOT, name, !name.contains('.'), "no `.`");
    let base = name.split(':').next().unwrap_or(name);
    let known = name.starts_with("priv:") || METRICS.contains(&base);
    rule(sheet, exchange, rules::METRIC_KNOWN, name, known, "a registered metric");
    if name.starts_with("priv:") {
        rule(sheet, exchange, rules::METRIC_PRIVATE, name, name.len() > 5, "a name after `priv:`");
    }
}

/// A cost mode.
pub(super) fn mode(name: &str, exchange: &Exchange, sheet: &mut Sheet) {
    rule(sheet, exchange, rules::MODE_LENGTH, name, name.len() <= 32, "at most 32 characters");
    rule(sheet, exchange, rules::MODE_ALPHABET, name, name.chars().all(alphabet(":_-")), "`0-9A-Za-z:_-` only");
    let known = name.starts_with("priv:") || MODES.contains(&name);
    rule(sheet, exchange, rules::MODE_KNOWN, name, known, "a registered mode");
}

/// A property, of a resource or global.
pub(super) fn property(name: &str, exchange: &Exchange, sheet: &mut Sheet) {
    let (resource, global) = match name.split_once('.') {
        Some((resource, global)) => (Some(resource), global),
        None => (None, name),
    };
    if let Some(resource) = resource {
        let is_id = !resource.is_empty() && resource.len() <= 64 && resource.chars().all(alphabet(":@_-"));
        rule(sheet, exchange, rules::RESOURCE_ID, name, is_id, "a resource ID before the `.`");
        let apart = !global.is_empty() && !global.contains('.');
        rule(sheet, exchange, rules::RESOURCE_PROPERTY, name, is_id && apart, "RESOURCE-ID.NAME");
    }
    rule(sheet, exchange, rules::PROPERTY_LENGTH, name, global.len() <= 32, "at most 32 characters");
    let spelt = !global.is_empty() && global.chars().all(alphabet(":_-"));
    rule(sheet, exchange, rules::PROPERTY_ALPHABET, name, spelt, "`0-9A-Za-z:_-` only");
    let known = global.starts_with("priv:") || (PROPERTIES.contains(&global) && resource.is_some());
    rule(sheet, exchange, rules::PROPERTY_KNOWN, name, known, "a registered property");
    if global.starts_with("priv:") {
        rule(sheet, exchange, rules::PROPERTY_PRIVATE, name, global.len() > 5, "a name after `priv:`");
    }
}

/// An address type.
pub(super) fn address_type(name: &str, exchange: &Exchange, sheet: &mut Sheet) {
    let spelt = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
    rule(sheet, exchange, rules::ADDRESS_TYPE, name, spelt, "letters and digits only");
    rule(sheet, exchange, rules::ADDRESS_TYPE_KNOWN, name, ADDRESS_TYPES.contains(&name), "ipv4 or ipv6");
}

/// A typed address.
pub(super) fn address(text: &str, exchange: &Exchange, sheet: &mut Sheet) {
    let typed = text.split_once(':').filter(|(kind, address)| !kind.is_empty() && !address.is_empty());
    let (kind, address) = typed.unwrap_or_default();
    // An untyped IPv6 address has a colon, too; its first part is no type.
    let is_typed = typed.is_some() && text.parse::<Ipv6Addr>().is_err();
    rule(sheet, exchange, rules::TYPED_ADDRESS, text, is_typed, "TYPE:ADDRESS");
    if !is_typed {
        return;
    }
    address_type(kind, exchange, sheet);
    match kind {
        "ipv4" => {
            let right = address.parse::<Ipv4Addr>().is_ok();
            rule(sheet, exchange, rules::IPV4, text, right, "four decimal numbers without leading zeros");
        }
        "ipv6" => {
            let right = address.parse::<Ipv6Addr>().is_ok();
            rule(sheet, exchange, rules::IPV6_FORMS, text, right, "a text form of RFC 4291");
        }
        _ => {}
    }
}
