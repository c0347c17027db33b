//! Answers to request bodies: filters, endpoint properties and endpoint costs (RFC 7285 §11.3 to §11.5).

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::error::Error;
use super::network::{CostType, Network, NetworkMap, in_mode};

/// Most pairs of sources and destinations in a request.
const PAIRS: usize = 1_000_000;

/// What a resource with costs offers.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// The cost types that may be asked for.
    pub cost_types: Vec<CostType>,
    /// Whether constraints may be given.
    pub constraints: bool,
}

/// A network map filtered by PIDs and address types.
pub fn filter_network_map(map: &NetworkMap, body: &[u8]) -> Result<Value, Error> {
    let request = Object::parse(body)?;
    let pids = request.required("pids")?.strings()?;
    let types = request.optional("address-types").map(|types| types.strings()).transpose()?.unwrap_or_default();
    let types = (!types.is_empty()).then_some(types);
    let asked = |pid: &String| pids.is_empty() || pids.contains(pid);
    let answer: Map<_, _> = (map.pids.keys().filter(|pid| asked(pid)))
        .map(|pid| (pid.clone(), map.group(pid, types.as_deref()).into()))
        .collect();
    Ok(json!({ "meta": { "vtag": map.vtag() }, "network-map": answer }))
}

/// A cost map filtered by PIDs and constraints.
pub fn filter_cost_map(map: &NetworkMap, offer: &Offer, body: &[u8]) -> Result<Value, Error> {
    let request = Object::parse(body)?;
    let cost_type = offer.cost_type(&request)?;
    let constraints = offer.constraints(&request)?;
    let (mut sources, mut destinations) = (Vec::new(), Vec::new());
    if let Some(pids) = request.optional("pids") {
        let pids = pids.object()?;
        sources = pids.required("srcs")?.strings()?;
        destinations = pids.required("dsts")?.strings()?;
    }
    let asked = |list: &[String], pid: &String| list.is_empty() || list.contains(pid);
    let costs: BTreeMap<_, _> = (map.costs.iter())
        .filter(|((source, destination), _)| asked(&sources, source) && asked(&destinations, destination))
        .map(|(pair, cost)| (pair.clone(), *cost))
        .collect();
    Ok(cost_map(map, &cost_type, passing(in_mode(&cost_type.mode, &costs), &constraints)))
}

/// The whole cost map.
pub fn full_cost_map(map: &NetworkMap, cost_type: &CostType) -> Value {
    cost_map(map, cost_type, in_mode(&cost_type.mode, &map.costs))
}

fn cost_map(map: &NetworkMap, cost_type: &CostType, costs: BTreeMap<(String, String), Value>) -> Value {
    json!({
        "meta": { "dependent-vtags": [map.vtag()], "cost-type": cost_type.to_json() },
        "cost-map": nested(costs),
    })
}

/// The properties of endpoints.
pub fn endpoint_properties(network: &Network, offered: &[String], body: &[u8]) -> Result<Value, Error> {
    let request = Object::parse(body)?;
    let properties = request.required("properties")?.strings()?;
    let endpoints = request.required("endpoints")?;
    let endpoints = endpoints.addresses()?;
    if properties.is_empty() {
        return Err(Error::value("properties", &json!([])));
    }
    if endpoints.is_empty() {
        return Err(Error::value("endpoints", &json!([])));
    }
    if let Some(unknown) = properties.iter().find(|property| !offered.contains(property)) {
        return Err(Error::value("properties", &json!(unknown)));
    }
    let mut answer = Map::new();
    for (address, spelling) in &endpoints {
        let values: Map<_, _> = (properties.iter())
            .filter_map(|property| Some((property.clone(), network.property(property, *address)?)))
            .collect();
        answer.insert(spelling.clone(), values.into());
    }
    let of_maps = network.maps.iter().filter(|map| properties.contains(&format!("{}.pid", map.id)));
    let tags: Vec<_> = of_maps.map(NetworkMap::vtag).collect();
    Ok(json!({ "meta": { "dependent-vtags": tags }, "endpoint-properties": answer }))
}

/// The costs between endpoints: those of their PIDs in the default map. `client` is whom an empty list means.
pub fn endpoint_costs(network: &Network, offer: &Offer, client: IpAddr, body: &[u8]) -> Result<Value, Error> {
    let request = Object::parse(body)?;
    let cost_type = offer.cost_type(&request)?;
    let constraints = offer.constraints(&request)?;
    let endpoints = request.required("endpoints")?.object()?;
    let list = |name| endpoints.optional(name).map(|list| list.addresses()).transpose();
    let (sources, destinations) = (list("srcs")?.unwrap_or_default(), list("dsts")?.unwrap_or_default());
    if sources.is_empty() && destinations.is_empty() {
        return Err(Error::value("endpoints", &json!({})));
    }
    if sources.len().max(1) * destinations.len().max(1) > PAIRS {
        return Err(Error::value("endpoints", &json!(format!("more than {PAIRS} pairs"))));
    }
    let client = client.to_canonical();
    let itself = vec![(client, spell(client))];
    let or_itself = |list: Vec<(IpAddr, String)>| if list.is_empty() { itself.clone() } else { list };
    let (sources, destinations) = (or_itself(sources), or_itself(destinations));
    let mut costs = BTreeMap::new();
    let map = &network.maps[0];
    // Every address is looked up once, not once a pair.
    let placed: Vec<_> = destinations.iter().map(|(address, name)| (name, map.pid_of(*address))).collect();
    for (source, source_name) in &sources {
        let from = map.pid_of(*source);
        for (destination_name, to) in &placed {
            if let Some(cost) = from.zip(*to).and_then(|(from, to)| map.cost(from, to)) {
                costs.insert((source_name.clone(), (*destination_name).clone()), cost);
            }
        }
    }
    Ok(json!({
        "meta": { "cost-type": cost_type.to_json() },
        "endpoint-cost-map": nested(passing(in_mode(&cost_type.mode, &costs), &constraints)),
    }))
}

fn nested(costs: BTreeMap<(String, String), Value>) -> Map<String, Value> {
    let mut map = Map::new();
    for ((source, destination), cost) in costs {
        if let Value::Object(row) = map.entry(source).or_insert_with(|| json!({})) {
            row.insert(destination, cost);
        }
    }
    map
}

fn passing(costs: BTreeMap<(String, String), Value>, all: &[Constraint]) -> BTreeMap<(String, String), Value> {
    let passes = |cost: &Value| cost.as_f64().is_some_and(|cost| all.iter().all(|one| one.admits(cost)));
    costs.into_iter().filter(|(_, cost)| passes(cost)).collect()
}

/// A condition on costs (§11.3.2.3).
#[derive(Clone, Copy, Debug, PartialEq)]
struct Constraint {
    operator: Operator,
    value: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Gt,
    Lt,
    Ge,
    Le,
    Eq,
}

impl Constraint {
    fn parse(text: &str) -> Option<Self> {
        let (operator, value) = text.trim_matches([' ', '\t']).split_once([' ', '\t'])?;
        let operator = match operator {
            "gt" => Operator::Gt,
            "lt" => Operator::Lt,
            "ge" => Operator::Ge,
            "le" => Operator::Le,
            "eq" => Operator::Eq,
            _ => return None,
        };
        Some(Self { operator, value: serde_json::from_str(value.trim_start_matches([' ', '\t'])).ok()? })
    }

    #[expect(clippy::float_cmp, reason = "`eq` is equality of doubles")]
    fn admits(self, cost: f64) -> bool {
        match self.operator {
            Operator::Gt => cost > self.value,
            Operator::Lt => cost < self.value,
            Operator::Ge => cost >= self.value,
            Operator::Le => cost <= self.value,
            Operator::Eq => cost == self.value,
        }
    }
}

impl Offer {
    fn cost_type(&self, request: &Object) -> Result<CostType, Error> {
        let object = request.required("cost-type")?.object()?;
        let cost_type = CostType {
            mode: object.required("cost-mode")?.string()?,
            metric: object.required("cost-metric")?.string()?,
        };
        if self.cost_types.contains(&cost_type) {
            return Ok(cost_type);
        }
        if self.cost_types.iter().any(|offered| offered.mode == cost_type.mode) {
            return Err(Error::value("cost-type/cost-metric", &cost_type.metric.into()));
        }
        Err(Error::value("cost-type/cost-mode", &cost_type.mode.into()))
    }

    fn constraints(&self, request: &Object) -> Result<Vec<Constraint>, Error> {
        let Some(texts) = request.optional("constraints").map(|list| list.strings()).transpose()? else {
            return Ok(Vec::new());
        };
        let parse = |text: &String| {
            let usable = Constraint::parse(text).filter(|_| self.constraints);
            usable.ok_or_else(|| Error::value("constraints", &json!(text)))
        };
        texts.iter().map(parse).collect()
    }
}

/// An object of a request, with its path from the root.
struct Object {
    path: String,
    members: Map<String, Value>,
}

/// A member of a request, with its path from the root.
struct Member {
    path: String,
    value: Value,
}

impl Object {
    fn parse(body: &[u8]) -> Result<Self, Error> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Self { path: String::new(), members }),
            Ok(_) => Err(Error::Syntax("the body is not an object".into())),
            Err(error) => Err(Error::Syntax(error.to_string())),
        }
    }

    fn optional(&self, name: &str) -> Option<Member> {
        self.members.get(name).map(|value| Member { path: self.path_of(name), value: value.clone() })
    }

    fn required(&self, name: &str) -> Result<Member, Error> {
        self.optional(name).ok_or_else(|| Error::MissingField(self.path_of(name)))
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) }
    }
}

impl Member {
    fn object(self) -> Result<Object, Error> {
        match self.value {
            Value::Object(members) => Ok(Object { path: self.path, members }),
            _ => Err(Error::InvalidFieldType(self.path)),
        }
    }

    fn string(self) -> Result<String, Error> {
        match self.value {
            Value::String(text) => Ok(text),
            _ => Err(Error::InvalidFieldType(self.path)),
        }
    }

    fn strings(&self) -> Result<Vec<String>, Error> {
        let Value::Array(list) = &self.value else { return Err(Error::InvalidFieldType(self.path.clone())) };
        let text = |element: &Value| element.as_str().map(str::to_owned).ok_or(Error::value(&self.path, element));
        list.iter().map(text).collect()
    }

    /// Addresses with the spelling they came in; the first one where an address comes several times.
    fn addresses(&self) -> Result<Vec<(IpAddr, String)>, Error> {
        let mut list: Vec<(IpAddr, String)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for text in self.strings()? {
            let address = parse_address(&text).ok_or_else(|| Error::value(&self.path, &json!(text)))?;
            if seen.insert(address) {
                list.push((address, text));
            }
        }
        Ok(list)
    }
}

/// A typed address of §10.4.1.
pub fn parse_address(text: &str) -> Option<IpAddr> {
    match text.split_once(':')? {
        ("ipv4", address) => address.parse().ok().map(IpAddr::V4),
        ("ipv6", address) => address.parse().ok().map(IpAddr::V6),
        _ => None,
    }
}

/// An address as §10.4.1 writes it.
pub fn spell(address: IpAddr) -> String {
    format!("{}:{address}", if address.is_ipv4() { "ipv4" } else { "ipv6" })
}
