//! Entities of property maps and their names (RFC 9240 §5.1, §5.2, §6), by value.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use serde_json::Value;

use crate::subject::Resource;
use crate::{address, name};

/// Registered entity domain types (RFC 9240, RFC 9241, RFC 9275).
const DOMAIN_TYPES: &[&str] = &["ipv4", "ipv6", "pid", "asn", "countrycode", "ane"];
/// Registered entity property types (RFC 9240, RFC 9241, RFC 9275).
const PROPERTY_TYPES: &[&str] = &["pid", "cdni-capabilities", "max-reservable-bandwidth", "persistent-entity-id"];

/// An entity of a property map.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entity {
    /// Name of the domain, as in `mappings`.
    pub(crate) domain: String,
    pub(crate) id: Id,
}

/// Identifier of an entity within its domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Id {
    /// Prefix without host bits; an address is the prefix of full length (§6.1.1.2).
    Net(IpNet),
    /// Any other identifier.
    Name(String),
}

/// Properties of each domain, from `capabilities.mappings`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mappings(pub(crate) BTreeMap<String, Vec<String>>);

/// Flaw in the name of a domain type or property type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Too long, empty, or with invalid characters.
    Form,
    /// More than one colon in a domain type.
    Colons,
    /// Colon in a domain type that does not belong to `priv:`.
    Colon,
    /// Prefix `priv:` without a name.
    BarePrefix,
    /// Name that is neither registered nor private.
    Unregistered,
}

/// Splits a name such as `net.pid` into resource and type; the resource is empty for self-defined names such as `.x`.
pub(crate) fn parts(name: &str) -> (Option<&str>, &str) {
    name.split_once('.').map_or((None, name), |(resource, kind)| (Some(resource), kind))
}

/// Lists the flaws of an entity domain type (§5.1.1).
pub(crate) fn domain_type_flaws(name: &str) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    if !is_made_of(name, 64) {
        flaws.push(Flaw::Form);
    }
    if name.matches(':').count() > 1 {
        flaws.push(Flaw::Colons);
    }
    let rest = name.strip_prefix("priv:");
    if rest.unwrap_or(name).contains(':') {
        flaws.push(Flaw::Colon);
    }
    flaws.extend(private_flaw(name, DOMAIN_TYPES));
    flaws
}

/// Lists the flaws of an entity property type (§5.2.1).
pub(crate) fn property_type_flaws(name: &str) -> Vec<Flaw> {
    let form = (!is_made_of(name, 32)).then_some(Flaw::Form);
    form.into_iter().chain(private_flaw(name, PROPERTY_TYPES)).collect()
}

fn is_made_of(name: &str, most: usize) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':');
    (1..=most).contains(&name.chars().count()) && name.chars().all(allowed)
}

fn private_flaw(name: &str, registered: &[&str]) -> Option<Flaw> {
    match name.strip_prefix("priv:") {
        Some("") => Some(Flaw::BarePrefix),
        Some(_) => None,
        None => (!registered.contains(&name)).then_some(Flaw::Unregistered),
    }
}

impl Mappings {
    /// Reads the mappings of a directory entry.
    pub(crate) fn of(resource: &Resource) -> Self {
        let mappings = resource.entry.pointer("/capabilities/mappings").and_then(Value::as_object);
        let names = |list: &Value| -> Vec<String> {
            let list = list.as_array().into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Self(mappings.into_iter().flatten().map(|(domain, list)| (domain.clone(), names(list))).collect())
    }

    /// Returns the properties of a domain.
    pub(crate) fn of_domain(&self, domain: &str) -> &[String] {
        self.0.get(domain).map_or(&[], Vec::as_slice)
    }

    /// Returns the properties of all domains, each once.
    pub(crate) fn properties(&self) -> Vec<&str> {
        let mut all: Vec<_> = self.0.values().flatten().map(String::as_str).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Returns the domains of addresses and prefixes.
    pub(crate) fn address_domains(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str).filter(|domain| matches!(parts(domain).1, "ipv4" | "ipv6"))
    }

    /// Returns the other domains of registered types, whose entities contain no others.
    pub(crate) fn flat_domains(&self) -> impl Iterator<Item = &str> {
        let domains = self.0.keys().map(String::as_str);
        domains.filter(|domain| matches!(parts(domain).1, "pid" | "asn" | "countrycode" | "ane"))
    }

    /// Tests whether these mappings have all domains and properties of other ones.
    pub(crate) fn cover(&self, other: &Self) -> bool {
        other.0.iter().all(|(domain, properties)| {
            self.0.get(domain).is_some_and(|known| properties.iter().all(|property| known.contains(property)))
        })
    }
}

impl Entity {
    /// Parses `DOMAIN:ID` with the longest mapped domain that matches, as both parts may contain colons; `None` if it is
    /// invalid.
    pub(crate) fn read(text: &str, mappings: &Mappings) -> Option<Self> {
        let fits = |domain: &&String| text.strip_prefix(domain.as_str()).is_some_and(|rest| rest.starts_with(':'));
        let domain = mappings.0.keys().filter(fits).max_by_key(|domain| domain.len())?;
        let id = Id::read(parts(domain).1, text.get(domain.len() + 1..)?)?;
        Some(Self { domain: domain.clone(), id })
    }

    /// Creates the entity of an address in a domain.
    pub(crate) fn at(domain: &str, address: IpAddr) -> Self {
        Self { domain: domain.to_owned(), id: Id::Net(IpNet::from(address)) }
    }

    /// Creates the entity of a prefix in a domain.
    pub(crate) fn over(domain: &str, prefix: IpNet) -> Self {
        Self { domain: domain.to_owned(), id: Id::Net(prefix.trunc()) }
    }

    /// Returns the prefix, if the entity is one.
    pub(crate) fn net(&self) -> Option<&IpNet> {
        match &self.id {
            Id::Net(net) => Some(net),
            Id::Name(_) => None,
        }
    }

    /// Tests whether this entity equals another one or is contained in it.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.domain == other.domain
            && match (&self.id, &other.id) {
                (Id::Net(inner), Id::Net(outer)) => outer.contains(inner),
                (inner, outer) => inner == outer,
            }
    }
}

impl Id {
    fn read(kind: &str, text: &str) -> Option<Self> {
        let net = |address: IpAddr| Self::Net(IpNet::from(address));
        match kind {
            "ipv4" | "ipv6" if text.contains('/') => address::prefix(kind, text).map(|net| Self::Net(net.trunc())),
            "ipv4" => text.parse::<Ipv4Addr>().ok().map(|address| net(address.into())),
            "ipv6" => text.parse::<Ipv6Addr>().ok().map(|address| net(address.into())),
            "pid" if text.is_empty() || !name::PID.faults(text).is_empty() => None,
            "asn" => text.strip_prefix("as").filter(|number| is_decimal(number)).map(|_| Self::Name(text.to_owned())),
            "countrycode" if text.len() != 2 || !text.bytes().all(|byte| byte.is_ascii_lowercase()) => None,
            _ => (!text.is_empty()).then(|| Self::Name(text.to_owned())),
        }
    }
}

/// Tests whether a text is a decimal number without leading zeros.
fn is_decimal(text: &str) -> bool {
    text.parse::<u32>().is_ok_and(|number| number.to_string() == text)
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            Id::Net(net) if net.prefix_len() == net.max_prefix_len() => write!(f, "{}:{}", self.domain, net.addr()),
            Id::Net(net) => write!(f, "{}:{net}", self.domain),
            Id::Name(name) => write!(f, "{}:{name}", self.domain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mappings() -> Mappings {
        let domains = ["ipv4", "ipv6", "a:b@c.pid", "a.ipv4", ".ane", "priv:x", "priv:x:y", "asn", "countrycode"];
        Mappings(domains.map(|domain| (domain.to_owned(), Vec::new())).into())
    }

    #[test]
    fn entities_are_read_by_value() {
        for (one, other) in [
            ("ipv4:192.0.2.1", "ipv4:192.0.2.1/32"),
            ("ipv4:192.0.2.1/24", "ipv4:192.0.2.0/24"),
            ("ipv6:2001:DB8:0::1", "ipv6:2001:db8::1/128"),
            ("ipv6:::ffff:192.0.2.1", "ipv6:::ffff:c000:201"),
        ] {
            let read = |text| Entity::read(text, &mappings()).unwrap();
            assert_eq!(read(one), read(other), "{one}");
        }
        for text in ["a:b@c.pid:x:y", "a.ipv4:192.0.2.0/24", ".ane:x.y", "priv:x:z", "priv:x:y:z", "asn:as65000"] {
            assert_eq!(Entity::read(text, &mappings()).unwrap().to_string(), text);
        }
        let entity = Entity::read("priv:x:y:z", &mappings()).unwrap();
        assert_eq!((entity.domain.as_str(), entity.id), ("priv:x:y", Id::Name("z".into())));
    }

    #[test]
    fn invalid_entities_are_rejected() {
        for text in [
            "ipv4",
            "ipv4:",
            "ipv4:300.1.1.1",
            "ipv4:192.0.2.0/33",
            "ipv4:2001:db8::1",
            "ipv6:2001:db8::/129",
            "ipv6:192.0.2.1",
            "pid:x",
            "a:b@c.pid:",
            "a:b@c.pid:x.y",
            "b.ipv4:192.0.2.1",
            "asn:65000",
            "asn:as065",
            "countrycode:US",
            "mac:1",
            "",
        ] {
            assert_eq!(Entity::read(text, &mappings()), None, "{text}");
        }
    }

    #[test]
    fn flaws_of_names_are_found() {
        use Flaw::{BarePrefix, Colon, Colons, Form, Unregistered};
        let long = "x".repeat(65);
        for (name, flaws) in [
            ("ipv4", vec![]),
            ("priv:x-y_Z", vec![]),
            ("", vec![Form, Unregistered]),
            ("a b", vec![Form, Unregistered]),
            (long.as_str(), vec![Form, Unregistered]),
            ("priv:", vec![BarePrefix]),
            ("priv:a:b", vec![Colons, Colon]),
            ("x:y", vec![Colon, Unregistered]),
        ] {
            assert_eq!(domain_type_flaws(name), flaws, "{name}");
        }
        assert_eq!(property_type_flaws("priv:a:b"), vec![]);
        assert_eq!(property_type_flaws(&format!("priv:{}", "x".repeat(28))), vec![Form]);
        assert_eq!(property_type_flaws("ISP"), vec![Unregistered]);
        assert_eq!((parts("a.pid"), parts(".x"), parts("x")), ((Some("a"), "pid"), (Some(""), "x"), (None, "x")));
    }
}
