//! The rules file: which PID a route belongs to. Rules are tried in order, and the first match wins.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;
use topo::PidName;

use super::route::{Community, Route};
use crate::input::{InputError, Text};

/// Number of PIDs above which a cost map, which is their square, becomes large enough for a warning.
pub const MANY_PIDS: usize = 1000;
/// Default of the largest number of PIDs.
const MAX_PIDS: usize = 4000;
/// Default of the largest number of prefixes.
const MAX_PREFIXES: usize = 3_000_000;
/// Largest number of rules.
const MAX_RULES: usize = 100_000;

/// The grammar of a rules file.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RulesFile {
    rules: Vec<RuleFile>,
    /// Prefixes whose addresses are not told apart, such as those of the infrastructure (RFC 7971 §3.6.3).
    #[serde(default)]
    exclude: Vec<IpNet>,
    #[serde(default)]
    ipv4_lengths: Option<(u8, u8)>,
    #[serde(default)]
    ipv6_lengths: Option<(u8, u8)>,
    #[serde(default)]
    max_pids: Option<usize>,
    #[serde(default)]
    max_prefixes: Option<usize>,
}

/// A rule: one condition, and the PID of the routes that meet it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RuleFile {
    pid: String,
    /// Switches where the PID's traffic enters, if the topology does not know the PID.
    #[serde(default)]
    switches: Vec<String>,
    prefix: Option<IpNet>,
    community: Option<String>,
    large_community: Option<String>,
    next_hop: Option<String>,
    first_as: Option<AsFile>,
    origin_as: Option<Vec<u32>>,
    any: Option<bool>,
}

/// An AS number, or `*`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "an AS number, or \"*\" for any")]
enum AsFile {
    Number(u32),
    Any(String),
}

/// Rules in order, checked, with their limits.
#[derive(Clone, Debug)]
pub struct Rules {
    ordered: Vec<Rule>,
    exclude: Vec<IpNet>,
    lengths: [(u8, u8); 2],
    /// Largest number of PIDs and of prefixes.
    pub max_pids: usize,
    /// Largest number of prefixes.
    pub max_prefixes: usize,
}

#[derive(Clone, Debug)]
struct Rule {
    condition: Condition,
    pid: Template,
    switches: Vec<String>,
}

/// Condition that a route must meet for a rule to apply.
#[derive(Clone, Debug)]
enum Condition {
    Prefix(IpNet),
    /// Values of a community; `None` stands for any.
    Plain(Option<u16>, Option<u16>),
    Large([Option<u32>; 3]),
    /// A next hop within a prefix; the PID may be that of the next hop's router.
    NextHop(Option<IpNet>),
    FirstAs(Option<u32>),
    OriginAs(Vec<u32>),
    Any,
}

/// The name of a PID, in which `*` stands for what the condition found.
#[derive(Clone, Debug)]
struct Template {
    before: String,
    /// Text after the `*`, if there is one.
    after: Option<String>,
}

/// A number that stands for a PID.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PidNumber(pub u32);

/// Numbers of PIDs by name. Number 0 is `default`, to which everything belongs that no rule names.
#[derive(Clone, Debug)]
pub struct Names {
    numbers: HashMap<String, PidNumber>,
    list: Vec<String>,
    /// Switches that rules name for a PID.
    switches: BTreeMap<String, Vec<String>>,
}

/// Rules at work: they find the PID of one route after the other.
pub struct Classifier<'a> {
    rules: &'a Rules,
    /// The router's PID of a next hop.
    router: &'a dyn Fn(IpAddr) -> Option<String>,
    /// Names of all PIDs found so far.
    pub names: Names,
    /// Number of routes that no rule named.
    pub unmatched: usize,
    /// Number of illegal PID names that a `*` led to.
    pub illegal: usize,
}

impl PidNumber {
    /// Number of the PID `default`.
    pub const DEFAULT: Self = Self(0);
}

impl Rules {
    /// Reads rules from JSON.
    pub fn read(text: &Text) -> Result<Self, InputError> {
        let file: RulesFile = text.json()?;
        if file.rules.len() > MAX_RULES {
            return Err(text.error(format!("has {} rules; the limit is {MAX_RULES}", file.rules.len())));
        }
        let rules =
            file.rules.iter().enumerate().map(|(number, rule)| {
                rule.check().map_err(|message| text.error(format!("rules[{number}]: {message}")))
            });
        let lengths = |given: Option<(u8, u8)>, key: &str, longest: u8| match given {
            None => Ok((0, longest)),
            Some((from, to)) if from <= to && to <= longest => Ok((from, to)),
            Some((from, to)) => Err(text.error(format!("{key}: [{from}, {to}] is not a range within 0 to {longest}"))),
        };
        Ok(Self {
            ordered: rules.collect::<Result<_, _>>()?,
            exclude: file.exclude.iter().map(IpNet::trunc).collect(),
            lengths: [
                lengths(file.ipv4_lengths, "ipv4-lengths", 32)?,
                lengths(file.ipv6_lengths, "ipv6-lengths", 128)?,
            ],
            max_pids: file.max_pids.unwrap_or(MAX_PIDS),
            max_prefixes: file.max_prefixes.unwrap_or(MAX_PREFIXES),
        })
    }

    /// Returns whether a prefix is neither shorter nor longer than the rules allow.
    pub fn admits(&self, prefix: &IpNet) -> bool {
        let (from, to) = self.lengths[usize::from(matches!(prefix, IpNet::V6(_)))];
        (from..=to).contains(&prefix.prefix_len())
    }

    /// Returns the PIDs that rules name without a `*`, with their switches.
    pub fn named_pids(&self) -> BTreeMap<String, Vec<String>> {
        let named = self.ordered.iter().filter(|rule| rule.pid.after.is_none());
        let mut pids: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for rule in named {
            let switches = pids.entry(rule.pid.before.clone()).or_default();
            switches
                .extend(rule.switches.iter().filter(|switch| !switches.contains(switch)).cloned().collect::<Vec<_>>());
        }
        pids
    }
}

impl RuleFile {
    fn check(&self) -> Result<Rule, String> {
        let mut conditions = Vec::new();
        conditions.extend(self.prefix.map(|prefix| Condition::Prefix(prefix.trunc())));
        if let Some(text) = &self.community {
            let [asn, value] =
                numbers(text).ok_or_else(|| format!("{text:?} is not a community: write 65001:101 or 65001:*"))?;
            conditions.push(Condition::Plain(asn, value));
        }
        if let Some(text) = &self.large_community {
            let parts = numbers(text)
                .ok_or_else(|| format!("{text:?} is not a large community: write 65001:1:101 or 65001:1:*"))?;
            conditions.push(Condition::Large(parts));
        }
        if let Some(text) = &self.next_hop {
            conditions.push(Condition::NextHop(match text.as_str() {
                "*" => None,
                text => Some(net(text).ok_or_else(|| format!("{text:?} is not an address, a prefix or \"*\""))?),
            }));
        }
        match &self.first_as {
            Some(AsFile::Number(number)) => conditions.push(Condition::FirstAs(Some(*number))),
            Some(AsFile::Any(text)) if text == "*" => conditions.push(Condition::FirstAs(None)),
            Some(AsFile::Any(text)) => return Err(format!("first-as: {text:?} is not an AS number or \"*\"")),
            None => {}
        }
        conditions.extend(self.origin_as.clone().map(Condition::OriginAs));
        conditions.extend(self.any.filter(|any| *any).map(|_| Condition::Any));
        let count = conditions.len();
        let (Some(condition), 1) = (conditions.pop(), count) else {
            let keys = "prefix, community, large-community, next-hop, first-as, origin-as, any";
            return Err(format!("has {count} conditions; a rule has exactly one of {keys}"));
        };
        let pid = match self.pid.split_once('*') {
            Some((before, after)) => Template { before: before.to_owned(), after: Some(after.to_owned()) },
            None => Template { before: self.pid.clone(), after: None },
        };
        let finds_something = !matches!(condition, Condition::Prefix(_) | Condition::Any);
        if pid.after.is_some() && !finds_something {
            return Err(format!("pid {:?}: nothing can stand for the \"*\" here", self.pid));
        }
        pid.fill("1").parse::<PidName>().map_err(|error| error.to_string())?;
        Ok(Rule { condition, pid, switches: self.switches.clone() })
    }
}

/// Parses numbers separated by colons, of which `*` stands for any.
fn numbers<T: std::str::FromStr, const N: usize>(text: &str) -> Option<[Option<T>; N]> {
    let parts: Option<Vec<Option<T>>> =
        text.split(':').map(|part| if part == "*" { Some(None) } else { part.parse().ok().map(Some) }).collect();
    parts?.try_into().ok()
}

/// Parses a prefix, or an address as the prefix of that address.
fn net(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from)).map(|net| net.trunc())
}

impl Template {
    fn fill(&self, found: &str) -> String {
        match &self.after {
            Some(after) => format!("{}{found}{after}", self.before),
            None => self.before.clone(),
        }
    }
}

impl Condition {
    /// Returns what the `*` of the PID stands for, or `None` if the condition is not met.
    fn find(
        &self,
        prefix: &IpNet,
        route: &Route,
        router: &dyn Fn(IpAddr) -> Option<String>,
        wants: bool,
    ) -> Option<String> {
        let is = |wanted: &Option<u32>, number: u32| wanted.is_none_or(|wanted| wanted == number);
        match self {
            Self::Any => Some(String::new()),
            Self::Prefix(covering) => covering.contains(prefix).then(String::new),
            Self::Plain(asn, value) => route.communities.iter().find_map(|community| match *community {
                Community::Plain(found, number)
                    if asn.is_none_or(|asn| asn == found) && value.is_none_or(|value| value == number) =>
                {
                    Some(if asn.is_none() { format!("{found}-{number}") } else { number.to_string() })
                }
                _ => None,
            }),
            Self::Large(parts) => route.communities.iter().find_map(|community| match *community {
                Community::Large(a, b, c) if is(&parts[0], a) && is(&parts[1], b) && is(&parts[2], c) => {
                    let found = parts.iter().zip([a, b, c]).filter(|(wanted, _)| wanted.is_none());
                    Some(found.map(|(_, number)| number.to_string()).collect::<Vec<_>>().join("-"))
                }
                _ => None,
            }),
            Self::NextHop(within) => {
                let next_hop = route.next_hop.filter(|next_hop| within.is_none_or(|net| net.contains(next_hop)))?;
                if wants { router(next_hop) } else { Some(String::new()) }
            }
            Self::FirstAs(wanted) => route.first_as.filter(|found| is(wanted, *found)).map(|found| found.to_string()),
            Self::OriginAs(wanted) => {
                route.origin_as.filter(|found| wanted.contains(found)).map(|found| found.to_string())
            }
        }
    }
}

impl Default for Names {
    fn default() -> Self {
        let default = "default".to_owned();
        let numbers = HashMap::from([(default.clone(), PidNumber::DEFAULT)]);
        Self { numbers, list: vec![default], switches: BTreeMap::new() }
    }
}

impl Names {
    /// Returns the number of a PID, which is new if the name is.
    pub fn number(&mut self, name: &str) -> PidNumber {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = PidNumber(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        self.numbers.insert(name.to_owned(), number);
        self.list.push(name.to_owned());
        number
    }

    /// Returns the name of a PID.
    pub fn name(&self, number: PidNumber) -> &str {
        self.list.get(number.0 as usize).map_or("default", String::as_str)
    }

    /// Returns the switches that rules name for a PID.
    pub fn switches(&self, name: &str) -> &[String] {
        self.switches.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns how many PIDs there are, with `default`.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns whether there is no PID, which is never the case.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl<'a> Classifier<'a> {
    /// Creates a classifier; `router` tells the PID of the router that has an address.
    pub fn new(rules: &'a Rules, router: &'a dyn Fn(IpAddr) -> Option<String>) -> Self {
        Self { rules, router, names: Names::default(), unmatched: 0, illegal: 0 }
    }

    /// Returns the PID of a route to a prefix; `None` if the prefix is shorter or longer than the rules allow.
    pub fn pid(&mut self, prefix: &IpNet, route: &Route) -> Option<PidNumber> {
        if !self.rules.admits(prefix) {
            return None;
        }
        if self.rules.exclude.iter().any(|excluded| excluded.contains(prefix)) {
            return Some(PidNumber::DEFAULT);
        }
        for rule in &self.rules.ordered {
            let wants = rule.pid.after.is_some();
            let Some(found) = rule.condition.find(prefix, route, self.router, wants) else { continue };
            // The common case, without a text of its own for each of a million routes.
            let name = rule.pid.fill(&found);
            if let Some(number) = self.names.numbers.get(&name) {
                return Some(*number);
            }
            if name.parse::<PidName>().is_err() {
                self.illegal += 1;
                return Some(PidNumber::DEFAULT);
            }
            if !rule.switches.is_empty() {
                self.names.switches.insert(name.clone(), rule.switches.clone());
            }
            return Some(self.names.number(&name));
        }
        self.unmatched += 1;
        Some(PidNumber::DEFAULT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(json: &str) -> Result<Rules, InputError> {
        Rules::read(&Text::new("rules.json", json))
    }

    fn classify(rules: &Rules, prefix: &str, route: &Route) -> Option<String> {
        let router = |address: IpAddr| (address.to_string() == "10.255.0.2").then(|| "r2".to_owned());
        let mut classifier = Classifier::new(rules, &router);
        let number = classifier.pid(&prefix.parse().unwrap(), route)?;
        Some(classifier.names.name(number).to_owned())
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let rules = rules(
            r#"{"rules": [
                {"prefix": "10.9.0.0/16", "pid": "dc"},
                {"community": "65001:101", "pid": "east"},
                {"community": "65001:*", "pid": "pop-*"},
                {"large-community": "65001:1:*", "pid": "large-*"},
                {"next-hop": "*", "pid": "*"},
                {"origin-as": [64500, 64501], "pid": "cdn-*"},
                {"first-as": "*", "pid": "as-*"},
                {"any": true, "pid": "rest"}],
              "exclude": ["10.255.0.0/16"], "ipv4-lengths": [8, 24]}"#,
        )
        .unwrap();
        let route = |communities: &[Community], next_hop: &str, first, origin| Route {
            communities: communities.to_vec(),
            next_hop: next_hop.parse().ok(),
            first_as: first,
            origin_as: origin,
        };
        let all = [Community::Plain(65001, 7), Community::Plain(65001, 101)];
        let cases = [
            ("10.9.1.0/24", route(&all, "", None, None), Some("dc")),
            ("10.8.1.0/24", route(&all, "", None, None), Some("east")),
            ("10.8.1.0/24", route(&all[..1], "", None, None), Some("pop-7")),
            ("10.8.1.0/24", route(&[Community::Large(65001, 1, 9)], "", None, None), Some("large-9")),
            ("10.8.1.0/24", route(&[Community::Large(65001, 2, 9)], "10.255.0.2", None, None), Some("r2")),
            ("10.8.1.0/24", route(&[], "10.255.0.3", Some(1), Some(64501)), Some("cdn-64501")),
            ("10.8.1.0/24", route(&[], "", Some(1), Some(2)), Some("as-1")),
            ("10.8.1.0/24", route(&[], "", None, None), Some("rest")),
            ("10.255.1.0/24", route(&all, "", None, None), Some("default")),
            ("10.8.1.0/25", route(&all, "", None, None), None),
            ("0.0.0.0/0", route(&all, "", None, None), None),
        ];
        for (prefix, route, expected) in cases {
            assert_eq!(classify(&rules, prefix, &route).as_deref(), expected, "{prefix} {route:?}");
        }
    }

    #[test]
    fn rules_that_make_no_sense_are_refused_with_their_place() {
        let cases = [
            (r#"{"rules": [{"pid": "a"}]}"#, "rules[0]: has 0 conditions"),
            (r#"{"rules": [{"pid": "a", "any": true, "first-as": 1}]}"#, "rules[0]: has 2 conditions"),
            (r#"{"rules": [{"pid": "a", "community": "x"}]}"#, "is not a community: write 65001:101"),
            (r#"{"rules": [{"pid": "a-*", "any": true}]}"#, "nothing can stand for the \"*\""),
            (r#"{"rules": [{"pid": "a.b", "any": true}]}"#, "is not a valid name"),
            (r#"{"rules": [], "ipv4-lengths": [8, 33]}"#, "ipv4-lengths: [8, 33]"),
            (r#"{"rules": [], "colour": 1}"#, "rules.json:1:22: colour: is not a key that is known here"),
        ];
        for (json, expected) in cases {
            let error = rules(json).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
