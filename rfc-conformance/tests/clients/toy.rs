//! A small ALTO client, right in everything that client mode looks at, unless it is told to be wrong.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream};
use std::thread;
use std::time::Duration;

use digest_auth::{AuthContext, HttpMethod, WwwAuthenticateHeader};
use fluent_uri::{Uri, UriRef};
use ipnet::IpNet;
use rfc_conformance::client_mode::{Driver, Ending, Outcome, Question};
use serde_json::{Map, Value, json};
use ureq::Agent;
use ureq::http;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::fault::Fault;

const DIRECTORY: &str = "application/alto-directory+json";
const NETWORK_MAP: &str = "application/alto-networkmap+json";
const COST_MAP: &str = "application/alto-costmap+json";
const ERROR: &str = "application/alto-error+json";

/// Where costs between endpoints come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The network map and the cost map.
    Maps,
    /// The network map and a filtered cost map.
    Filters,
    /// The endpoint cost service.
    Service,
}

/// A client, and what is wrong with it.
pub(crate) struct Toy {
    pub(crate) way: Way,
    pub(crate) fault: Option<Fault>,
    /// For a client that keeps what it should ask for again.
    kept: HashMap<String, Value>,
}

type Failed<T> = Result<T, String>;

impl Toy {
    pub(crate) fn new(way: Way, fault: Option<Fault>) -> Self {
        Self { way, fault, kept: HashMap::new() }
    }
}

impl Driver for Toy {
    fn attempt(&mut self, question: &Question) -> Result<Outcome, String> {
        let value = |name: &str| question.values.get(name).and_then(|list| list.first()).cloned();
        let list = |name: &str| question.values.get(name).cloned().unwrap_or_default();
        let mut run = Run::new(self, question);
        let map = value("map").filter(|_| question.required.contains(&"map"));
        let cost_type = (value("metric").unwrap_or_default(), value("mode").unwrap_or_default());
        let answer = match question.task {
            "directory" => run.list(),
            "network-map" => run.map(map.as_deref()).map(|map| map["network-map"].clone()),
            "pid" => run.pids(map.as_deref(), &list("addresses")),
            "cost-map" => run.cost_map(map.as_deref(), &cost_type).map(|map| map["cost-map"].clone()),
            "costs" => run.costs(&cost_type, &value("from").unwrap_or_default(), &list("to"), value("most")),
            "property" => run.property(&value("property").unwrap_or_default(), &list("addresses")),
            other => Err(format!("what is {other}?")),
        };
        let (ending, answer, words) = match answer {
            Ok(answer) => (Ending::Succeeded, Some(answer), None),
            Err(why) if why == "crash" => (Ending::Crashed("as it was told".into()), None, None),
            Err(why) => (Ending::Refused(1), None, Some(why)),
        };
        Ok(Outcome { ending, answer, words, command: format!("toy {}", question.task) })
    }
}

/// An entry of a directory.
#[derive(Clone, Debug)]
struct Entry {
    id: String,
    uri: String,
    media_type: String,
    accepts: Option<String>,
    cost_types: Vec<(String, String)>,
    constraints: bool,
    properties: Vec<String>,
    uses: Vec<String>,
}

struct Answer {
    /// Where it came from.
    uri: String,
    status: u16,
    headers: http::HeaderMap,
    body: Vec<u8>,
}

/// One question, from directory to answer.
struct Run<'a> {
    toy: &'a mut Toy,
    fault: Option<Fault>,
    agent: Agent,
    root: String,
    credentials: Option<(String, String)>,
    fresh: HashMap<String, (String, Vec<u8>)>,
    entries: Vec<Entry>,
    default_map: Option<String>,
}

impl<'a> Run<'a> {
    fn new(toy: &'a mut Toy, question: &Question) -> Self {
        let mut tls = TlsConfig::builder().disable_verification(toy.fault == Some(Fault::TrustsAnybody));
        if let Some(path) = question.values["ca"].first().filter(|_| question.uri.starts_with("https")) {
            let certificate = Certificate::from_pem(&std::fs::read(path).unwrap()).unwrap();
            tls = tls.root_certs(RootCerts::new_with_certs(&[certificate]));
        }
        let agent = Agent::config_builder()
            .tls_config(tls.build())
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .accept("")
            .timeout_global(Some(Duration::from_secs(10)))
            .proxy(None)
            .build()
            .new_agent();
        let credentials = question
            .required
            .contains(&"user")
            .then(|| (question.values["user"][0].clone(), question.values["password"][0].clone()));
        let fault = toy.fault;
        let root = question.uri.clone();
        Self { toy, fault, agent, root, credentials, fresh: HashMap::new(), entries: Vec::new(), default_map: None }
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    // What is asked.

    fn list(&mut self) -> Failed<Value> {
        self.discover()?;
        if self.is(Fault::AsksEverything) {
            for entry in self.entries.clone().iter().filter(|entry| entry.accepts.is_none()) {
                let _ = self.ask("GET", &entry.uri, &entry.media_type, None);
            }
        }
        let entries = self.entries.iter().map(|entry| (entry.id.clone(), json!({ "uri": entry.uri })));
        Ok(entries.collect::<Map<_, _>>().into())
    }

    fn map(&mut self, id: Option<&str>) -> Failed<Value> {
        self.discover()?;
        let id = id.map(str::to_owned).or_else(|| self.default_map.clone()).ok_or("no default map")?;
        let entry = self.entry(|entry| entry.id == id && entry.media_type == NETWORK_MAP)?;
        if self.is(Fault::OmitsPids) || self.is(Fault::WeirdNames) || self.is(Fault::UnknownAddressType) {
            let filter = self.entry(|entry| entry.media_type == NETWORK_MAP && entry.accepts.is_some())?;
            let body = match self.fault {
                Some(Fault::OmitsPids) => json!({}),
                Some(Fault::WeirdNames) => json!({ "pids": ["a.b", "x".repeat(65), "a b"] }),
                _ => json!({ "pids": [], "address-types": ["mac-48"] }),
            };
            let _ = self.fetch(&filter, Some(&body));
        }
        if self.is(Fault::AsksForAllByFilter) {
            let filter = self.entry(|entry| entry.media_type == NETWORK_MAP && entry.accepts.is_some())?;
            return self.fetch(&filter, Some(&json!({ "pids": [] })));
        }
        let map = self.fetch(&entry, None)?;
        self.checked_map(map)
    }

    fn checked_map(&self, mut map: Value) -> Failed<Value> {
        let groups = map["network-map"].as_object_mut().ok_or("no network-map")?;
        for (_, group) in groups.iter() {
            for (kind, prefixes) in group.as_object().ok_or("a group is not an object")? {
                match kind.as_str() {
                    "ipv4" | "ipv6" => {
                        for prefix in prefixes.as_array().ok_or("prefixes are not a list")? {
                            let text = prefix.as_str().ok_or("a prefix is not a string")?;
                            text.parse::<IpNet>().map_err(|_| format!("{text} is no prefix"))?;
                            let odd = text.contains(|c: char| c.is_ascii_uppercase()) || text.contains("0:0:0");
                            if self.is(Fault::Ipv6ByText) && odd {
                                return Err(format!("{text} is no prefix to me"));
                            }
                        }
                    }
                    other if self.is(Fault::OnlyKnownTypes) => return Err(format!("{other}?")),
                    _ => {}
                }
            }
        }
        if self.is(Fault::DropsEmptyPids) {
            groups.retain(|_, group| group.get("ipv4").or(group.get("ipv6")).is_some());
        }
        Ok(map)
    }

    fn pids(&mut self, id: Option<&str>, addresses: &[String]) -> Failed<Value> {
        if self.toy.way == Way::Service {
            self.discover()?;
            let id = id.map(str::to_owned).or_else(|| self.default_map.clone()).ok_or("no default map")?;
            return self.property(&format!("{id}.pid"), addresses);
        }
        let map = self.map(id)?;
        let found = addresses.iter().filter_map(|text| Some((text.clone(), json!(self.pid_of(&map, text)?))));
        Ok(found.collect::<Map<_, _>>().into())
    }

    fn pid_of(&self, map: &Value, address: &str) -> Option<String> {
        let address: IpAddr = address.split_once(':')?.1.parse().ok()?;
        let kind = if address.is_ipv4() { "ipv4" } else { "ipv6" };
        let mut best: Option<(u8, &String)> = None;
        for (pid, group) in map["network-map"].as_object()? {
            for prefix in group.get(kind).and_then(Value::as_array).into_iter().flatten() {
                let prefix: IpNet = prefix.as_str()?.parse().ok()?;
                let better =
                    best.is_none_or(|(length, _)| prefix.prefix_len() > length && !self.is(Fault::FirstPrefixWins));
                if prefix.contains(&address) && better {
                    best = Some((prefix.prefix_len(), pid));
                }
            }
        }
        best.map(|(_, pid)| pid.clone())
    }

    fn cost_map(&mut self, map: Option<&str>, cost_type: &(String, String)) -> Failed<Value> {
        self.discover()?;
        let map = map.map(str::to_owned).or_else(|| self.default_map.clone()).ok_or("no default map")?;
        let fits = |entry: &Entry, cost_type: &(String, String)| {
            entry.media_type == COST_MAP
                && entry.accepts.is_none()
                && entry.uses == [map.clone()]
                && entry.cost_types == std::slice::from_ref(cost_type)
        };
        let entry = self.entry(|entry| fits(entry, cost_type));
        // Ranks can be made from numbers, and are better than nothing where there are no numbers.
        let other = (cost_type.0.clone(), if cost_type.1 == "ordinal" { "numerical" } else { "ordinal" }.to_owned());
        let entry = entry.or_else(|_| self.entry(|entry| fits(entry, &other)))?;
        if self.is(Fault::ForgetsNothing) && self.toy.kept.contains_key(&entry.uri) {
            return Ok(self.toy.kept[&entry.uri].clone());
        }
        if self.is(Fault::AsksForAllByFilter) {
            let filter = self.entry(|entry| entry.media_type == COST_MAP && entry.accepts.is_some())?;
            return self.fetch(&filter, Some(&json!({ "cost-type": json_of(cost_type) })));
        }
        let mut costs = self.fetch(&entry, None)?;
        if self.is(Fault::AsksTwice) {
            costs = self.fetch(&entry, None)?;
        }
        self.check_costs(&costs["cost-map"], &entry.cost_types[0])?;
        self.toy.kept.insert(entry.uri, costs.clone());
        Ok(costs)
    }

    /// Costs are numbers.
    fn check_costs(&self, rows: &Value, cost_type: &(String, String)) -> Failed<()> {
        let mut ranks = HashSet::new();
        for (_, row) in rows.as_object().ok_or("no costs")? {
            for (_, cost) in row.as_object().ok_or("a row is not an object")? {
                if !cost.is_number() && !self.is(Fault::LenientCosts) {
                    return Err(format!("{cost} is no cost"));
                }
                let strict = self.is(Fault::StrictRanks) && cost_type.1 == "ordinal";
                if strict && (!ranks.insert(cost.to_string()) || cost == 0) {
                    return Err(format!("{cost} is no rank"));
                }
            }
        }
        Ok(())
    }

    fn costs(
        &mut self,
        cost_type: &(String, String),
        from: &str,
        to: &[String],
        most: Option<String>,
    ) -> Failed<Value> {
        let most: Option<f64> = most.and_then(|most| most.parse().ok());
        let mut row = match self.toy.way {
            Way::Service => self.costs_by_service(cost_type, from, to, most)?,
            _ => self.costs_by_maps(cost_type, from, to)?,
        };
        row.retain(|_, cost| most.is_none_or(|most| cost.as_f64().is_some_and(|cost| cost <= most)));
        Ok(row.into())
    }

    fn costs_by_maps(&mut self, cost_type: &(String, String), from: &str, to: &[String]) -> Failed<Map<String, Value>> {
        for _ in 0..3 {
            let map = self.map(None)?;
            let source = self.pid_of(&map, from).ok_or("no PID")?;
            let pids: Vec<_> = to.iter().filter_map(|to| Some((to.clone(), self.pid_of(&map, to)?))).collect();
            let costs = if self.toy.way == Way::Filters {
                self.filtered_costs(cost_type, &source, &pids)?
            } else {
                self.cost_map(None, cost_type)?
            };
            let (tag, used) = (&map["meta"]["vtag"], &costs["meta"]["dependent-vtags"][0]);
            let same = match self.fault {
                Some(Fault::IgnoresTags) => true,
                Some(Fault::TagsWithoutIds) => tag["tag"] == used["tag"],
                _ => tag["tag"] == used["tag"] && tag["resource-id"] == used["resource-id"],
            };
            if !same {
                continue;
            }
            let mut row = Map::new();
            for (address, pid) in pids {
                match costs["cost-map"].get(&source).and_then(|row| row.get(&pid)) {
                    Some(cost) => drop(row.insert(address, cost.clone())),
                    None if self.is(Fault::HolesAreZero) => drop(row.insert(address, json!(0))),
                    None => {}
                }
            }
            return Ok(row);
        }
        Err("the maps do not fit together".into())
    }

    fn filtered_costs(
        &mut self,
        cost_type: &(String, String),
        source: &str,
        pids: &[(String, String)],
    ) -> Failed<Value> {
        let offers = |entry: &Entry| entry.media_type == COST_MAP && entry.accepts.is_some();
        let entry = self.entry(|entry| offers(entry) && entry.cost_types.contains(cost_type))?;
        let destinations: Vec<_> = pids.iter().map(|(_, pid)| pid.clone()).collect();
        let mut body = json!({ "cost-type": json_of(cost_type), "pids": { "srcs": [source], "dsts": destinations } });
        self.spoil(&mut body);
        let costs = self.fetch(&entry, Some(&body))?;
        self.check_costs(&costs["cost-map"], cost_type)?;
        Ok(costs)
    }

    /// Does to a request for costs whatever is wrong with this client.
    fn spoil(&self, body: &mut Value) {
        match self.fault {
            Some(Fault::AsksUnoffered) => {
                body["cost-type"] = json!({ "cost-mode": "numerical", "cost-metric": "hopcount" })
            }
            Some(Fault::BareMetric) => body["cost-type"] = json!({ "cost-mode": "a.b", "cost-metric": "priv:" }),
            Some(Fault::LongNames) => {
                let long = "x".repeat(33);
                body["cost-type"] = json!({ "cost-mode": long, "cost-metric": format!("{long}.@") });
            }
            Some(Fault::DescribesCostTypes) => body["cost-type"]["description"] = json!("costs"),
            Some(Fault::ConstraintsAlways) => body["constraints"] = json!(["ge 0"]),
            Some(Fault::SpacedConstraints) => body["constraints"] = json!(["ge0"]),
            Some(Fault::OmitsDestinations) if body["pids"].is_object() => {
                body["pids"].as_object_mut().unwrap().remove("dsts");
            }
            Some(Fault::MissingCostType) => {
                body.as_object_mut().unwrap().remove("cost-type");
            }
            Some(Fault::EmptyEndpoints) if body["endpoints"].is_object() => body["endpoints"] = json!({ "srcs": [] }),
            _ => {}
        }
    }

    fn costs_by_service(
        &mut self,
        cost_type: &(String, String),
        from: &str,
        to: &[String],
        most: Option<f64>,
    ) -> Failed<Map<String, Value>> {
        self.discover()?;
        let service = |entry: &Entry| entry.media_type == "application/alto-endpointcost+json";
        // Where nothing is left out, a service without constraints will do as well.
        let entry = self.entry(|entry| {
            service(entry) && entry.cost_types.contains(cost_type) && (entry.constraints == most.is_some())
        });
        let entry = entry.or_else(|_| self.entry(|entry| service(entry) && entry.cost_types.contains(cost_type)));
        let other = (cost_type.0.clone(), if cost_type.1 == "ordinal" { "numerical" } else { "ordinal" }.to_owned());
        let (entry, cost_type) = match entry {
            Ok(entry) => (entry, cost_type.clone()),
            Err(_) => (self.entry(|entry| service(entry) && entry.cost_types.contains(&other))?, other),
        };
        let mut body = json!({ "cost-type": json_of(&cost_type), "endpoints": { "srcs": [from], "dsts": to } });
        if let Some(most) = most.filter(|_| entry.constraints) {
            body["constraints"] = json!([format!("le {most}")]);
        }
        match self.fault {
            Some(Fault::ColonlessIpv4) => body["endpoints"]["srcs"] = json!(["192.0.2.1"]),
            Some(Fault::LeadingZeros) => body["endpoints"]["srcs"] = json!(["ipv4:192.0.2.001"]),
            _ => {}
        }
        self.spoil(&mut body);
        let costs = self.fetch(&entry, Some(&body))?;
        let rows = &costs["endpoint-cost-map"];
        self.check_costs(rows, &cost_type)?;
        let by_value = |key: &str| if self.is(Fault::ReplyByText) { None } else { address(key) };
        let same = |a: &str, b: &str| a == b || (by_value(a).is_some() && by_value(a) == by_value(b));
        let Some((_, row)) = rows.as_object().into_iter().flatten().find(|(key, _)| same(key, from)) else {
            return Ok(Map::new());
        };
        let row = row.as_object().into_iter().flatten();
        let named = row.filter_map(|(key, cost)| Some((to.iter().find(|to| same(key, to))?.clone(), cost.clone())));
        Ok(named.collect())
    }

    fn property(&mut self, property: &str, addresses: &[String]) -> Failed<Value> {
        self.discover()?;
        let entry = self.entry(|entry| entry.properties.iter().any(|offered| offered == property))?;
        let body = match self.fault {
            Some(Fault::AsksUnofferedProperty) => {
                json!({ "properties": ["pid", "a.b.c", "priv:", "x".repeat(33)], "endpoints": addresses })
            }
            Some(Fault::EmptyProperties) => json!({ "properties": [], "endpoints": addresses }),
            _ => json!({ "properties": [property], "endpoints": addresses }),
        };
        let found = self.fetch(&entry, Some(&body))?;
        let mut answer = Map::new();
        for (key, values) in found["endpoint-properties"].as_object().ok_or("no endpoint-properties")? {
            if let Some(value) = values.get(property) {
                if !value.is_string() && !self.is(Fault::LenientProperties) {
                    return Err(format!("{value} is no property"));
                }
                answer.insert(key.clone(), value.clone());
            }
        }
        Ok(answer.into())
    }

    // The directory.

    fn entry(&self, fits: impl Fn(&Entry) -> bool) -> Failed<Entry> {
        self.entries.iter().find(|entry| fits(entry)).cloned().ok_or_else(|| "no such resource".to_owned())
    }

    fn discover(&mut self) -> Failed<()> {
        if !self.entries.is_empty() {
            return Ok(());
        }
        if self.is(Fault::GuessesDirectory) {
            let _ = self.ask("GET", &resolve(&self.root, "/.well-known/alto")?, DIRECTORY, None);
        }
        let (mut waiting, mut read, mut count) = (vec![self.root.clone()], HashSet::new(), 0);
        let mut names = HashMap::new();
        while let Some(uri) = waiting.pop() {
            count += 1;
            if (!read.insert(uri.clone()) && !self.is(Fault::RoundAndRound)) || count > 40 {
                continue;
            }
            let answer = self.ask("GET", &uri, DIRECTORY, None)?;
            let base = match self.fault {
                Some(Fault::ResolvesAgainstRoot) => self.root.clone(),
                Some(Fault::ResolvesAgainstHost) => resolve(&self.root, "/")?,
                _ => answer.uri.clone(),
            };
            let document = self.decode(&answer, DIRECTORY)?;
            let meta = &document["meta"];
            if let Some(default) = meta.get("default-alto-network-map").and_then(Value::as_str) {
                self.default_map.get_or_insert_with(|| default.to_owned());
            }
            if !self.is(Fault::GlobalNames) {
                names.clear();
            }
            for (name, cost_type) in meta["cost-types"].as_object().into_iter().flatten() {
                let text = |member: &str| cost_type[member].as_str().unwrap_or_default().to_owned();
                let mode = text("cost-mode");
                if self.is(Fault::OnlyKnownModes) && !matches!(mode.as_str(), "numerical" | "ordinal") {
                    return Err(format!("{mode} is no mode"));
                }
                names.entry(name.clone()).or_insert((text("cost-metric"), mode));
            }
            for (id, entry) in document["resources"].as_object().ok_or("no resources")? {
                let entry = self.read_entry(id, entry, &base, &names)?;
                if entry.media_type == DIRECTORY {
                    if !self.is(Fault::NoDelegation) {
                        waiting.push(entry.uri);
                    }
                } else if !self.entries.iter().any(|known| known.id == entry.id) {
                    self.entries.push(entry);
                }
            }
        }
        if self.is(Fault::FirstMapIsDefault) {
            self.default_map =
                self.entry(|entry| entry.media_type == NETWORK_MAP && entry.accepts.is_none()).ok().map(|e| e.id);
        }
        if self.is(Fault::GetsFilters) {
            self.entries.retain(|entry| entry.id != "nm-a");
            for entry in self.entries.iter_mut().filter(|entry| entry.id == "fnm-a") {
                (entry.id, entry.accepts) = ("nm-a".into(), None);
            }
        }
        Ok(())
    }

    fn read_entry(
        &self,
        id: &str,
        entry: &Value,
        base: &str,
        names: &HashMap<String, (String, String)>,
    ) -> Failed<Entry> {
        let strings = |value: Option<&Value>| -> Vec<String> {
            value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let capabilities = entry.get("capabilities");
        if self.is(Fault::NeedsCapabilities) && capabilities.is_none() {
            return Err(format!("{id} has no capabilities"));
        }
        let capability = |name: &str| capabilities.and_then(|capabilities| capabilities.get(name));
        let accepts = entry.get("accepts").and_then(Value::as_str);
        let accepts = accepts.filter(|accepts| !accepts.is_empty() || self.is(Fault::EmptyAcceptsIsPost));
        let cost_types =
            strings(capability("cost-type-names")).iter().filter_map(|name| names.get(name).cloned()).collect();
        Ok(Entry {
            id: id.to_owned(),
            uri: resolve(base, entry["uri"].as_str().ok_or("an entry without uri")?)?,
            media_type: entry["media-type"].as_str().ok_or("an entry without media-type")?.to_ascii_lowercase(),
            accepts: accepts.map(str::to_owned),
            cost_types,
            constraints: capability("cost-constraints") == Some(&json!(true)),
            properties: strings(capability("prop-types")),
            uses: strings(entry.get("uses")),
        })
    }

    // The wire.

    /// A resource's message. If a directory is answered that leads to it, that is followed.
    fn fetch(&mut self, entry: &Entry, body: Option<&Value>) -> Failed<Value> {
        let body = body.map(Value::to_string).map(|text| match self.fault {
            Some(Fault::DuplicateMembers) => text.replacen('{', "{\"x\":1,\"x\":2,", 1),
            Some(Fault::ByteOrderMark) => format!("\u{feff}{text}"),
            _ => text,
        });
        let (mut method, mut uri) = (if body.is_some() { "POST" } else { "GET" }, entry.uri.clone());
        if self.is(Fault::PostsEverything) || (body.is_none() && entry.accepts.is_some()) {
            method = "POST";
        }
        let mut sent = body.as_deref().map(|body| (entry.accepts.as_deref().unwrap_or_default(), body));
        if self.is(Fault::ParametersInQuery) && sent.is_some() {
            (method, sent) = ("GET", None);
        }
        let answer = self.ask(method, &uri, &entry.media_type, sent)?;
        let looks = !self.is(Fault::AcceptsErrorsAsData);
        if looks && essence(&answer) == DIRECTORY && entry.media_type != DIRECTORY {
            let directory = self.decode(&answer, DIRECTORY)?;
            let real = directory["resources"][&entry.id]["uri"].as_str().ok_or("the directory leads nowhere")?;
            uri = resolve(&answer.uri, real)?;
            let answer = self.ask(method, &uri, &entry.media_type, sent)?;
            return self.decode(&answer, &entry.media_type);
        }
        self.decode(&answer, &entry.media_type)
    }

    fn decode(&self, answer: &Answer, wanted: &str) -> Failed<Value> {
        let document = || serde_json::from_slice::<Value>(&answer.body).map_err(|error| error.to_string());
        let declared = answer.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = match self.fault {
            Some(Fault::CaseSensitiveTypes) => declared.to_owned(),
            _ => essence(answer),
        };
        if answer.status != 200 || (media_type != wanted && !self.is(Fault::AcceptsErrorsAsData)) {
            let code = document().ok().and_then(|error| Some(error.pointer("/meta/code")?.as_str()?.to_owned()));
            let code = code.unwrap_or_default();
            if self.is(Fault::CrashesOnUnknownErrors) && code.starts_with("E_NOT") {
                return Err("crash".into());
            }
            return Err(format!("status {} with {media_type} {code}", answer.status));
        }
        let text = String::from_utf8_lossy(&answer.body);
        let refuses = match self.fault {
            Some(Fault::NoEscapes) => text.contains("\\u"),
            Some(Fault::NeedsMetaFirst) => text.find("\"meta\"") > text.find("\"resources\""),
            Some(Fault::PlainNumbers) => text.contains("E0") || text.contains("e-"),
            Some(Fault::OnlyKnownMembers) => text.contains("\"x-null\"") && document()?["meta"].get("x-null").is_none(),
            Some(Fault::OnlyKnownMeta) => document()?["meta"].get("x-null").is_some(),
            Some(Fault::RefusesOldAnswers) => answer.headers.contains_key("age"),
            _ => false,
        };
        if refuses {
            return Err("I do not understand".into());
        }
        let document = document()?;
        Ok(if self.is(Fault::CaseInsensitiveNames) { lowered(&document) } else { document })
    }

    /// Sends a request, with all that may come between: redirects, challenges, being told to wait.
    fn ask(&mut self, method: &str, uri: &str, wanted: &str, body: Option<(&str, &str)>) -> Failed<Answer> {
        if let Some((end, body)) = self.fresh.get(uri).filter(|_| method == "GET" && !self.is(Fault::AsksTwice)) {
            let mut headers = http::HeaderMap::new();
            headers.insert("content-type", wanted.parse().unwrap());
            return Ok(Answer { uri: end.clone(), status: 200, headers, body: body.clone() });
        }
        let (mut method, mut uri, mut body) = (method.to_owned(), uri.to_owned(), body);
        let first = uri.clone();
        let (mut redirects, mut tries, mut authorization) = (0, 0, None);
        loop {
            let answer = self.send(&method, &uri, wanted, body, authorization.as_deref())?;
            let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
            match answer.status {
                301 | 302 | 303 | 307 | 308 => {
                    redirects += 1;
                    if redirects > 8 && !self.is(Fault::FollowsForEver)
                        || self.is(Fault::NoRedirects) && method == "POST"
                    {
                        return Err("too many redirects".into());
                    }
                    uri = resolve(&uri, header("location").ok_or("a redirect without Location")?)?;
                    let becomes_get = answer.status == 303 && !self.is(Fault::RepostsOnSeeOther);
                    if becomes_get || (self.is(Fault::GetOnRedirectedPost) && answer.status != 303) {
                        method = "GET".into();
                        body = None;
                    }
                }
                503 if tries < 3 => {
                    tries += 1;
                    let wait = header("retry-after").and_then(|text| text.parse().ok()).unwrap_or(0);
                    if !self.is(Fault::IgnoresRetryAfter) {
                        thread::sleep(Duration::from_secs(wait));
                    }
                }
                401 if (tries == 0 || (tries < 10 && self.is(Fault::TriesForEver))) && self.credentials.is_some() => {
                    tries += 1;
                    let mut challenge = answer.headers.get_all("www-authenticate").iter().find_map(|value| {
                        WwwAuthenticateHeader::parse(value.to_str().ok()?.strip_prefix("Digest ")?).ok()
                    });
                    let challenge = challenge.as_mut().ok_or("no challenge")?;
                    let (user, password) = self.credentials.clone().unwrap();
                    let password = if self.is(Fault::WeakDigest) { "guess".to_owned() } else { password };
                    let target =
                        Uri::parse(uri.as_str()).map_err(|error| error.to_string())?.path().as_str().to_owned();
                    let method = HttpMethod(method.clone().into());
                    let context = AuthContext::new_with_method(user, password, target, None::<&[u8]>, method);
                    authorization =
                        Some(challenge.respond(&context).map_err(|error| error.to_string())?.to_header_string());
                }
                _ => {
                    let lasts = header("cache-control").is_some_and(|value| value.contains("max-age=86400"));
                    if lasts && method == "GET" && !self.is(Fault::RefusesOldAnswers) {
                        self.fresh.insert(first, (answer.uri.clone(), answer.body.clone()));
                    }
                    return Ok(answer);
                }
            }
        }
    }

    fn send(
        &self,
        method: &str,
        uri: &str,
        wanted: &str,
        body: Option<(&str, &str)>,
        authorization: Option<&str>,
    ) -> Failed<Answer> {
        if self.is(Fault::NoHost) {
            return self.send_raw(method, uri);
        }
        let accept = match self.fault {
            Some(Fault::PrefersJson) => "application/json".to_owned(),
            _ => format!("{wanted}, {ERROR};q=0.5"),
        };
        let mut request = http::Request::builder().method(method).uri(uri).header("Accept", accept);
        if let Some(authorization) = authorization.or(self.is(Fault::IgnoresChallenge).then_some("Basic YTpi")) {
            request = request.header("Authorization", authorization);
        }
        if self.is(Fault::MadeUpTag) {
            request = request.header("If-None-Match", "\"invented\"");
        }
        let failed = |error: ureq::Error| error.to_string();
        let answer = match body {
            None if method == "POST" => self.agent.run(request.body(Vec::new()).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
            Some((media_type, body)) => {
                let media_type = match self.fault {
                    Some(Fault::PlainJson) => "application/json".to_owned(),
                    Some(Fault::ParametersOfTypes) => format!("{media_type}; charset=utf-8"),
                    _ => media_type.to_owned(),
                };
                self.agent.run(request.header("Content-Type", media_type).body(body.as_bytes().to_vec()).unwrap())
            }
        };
        let answer = answer.map_err(failed)?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let mut bytes = Vec::new();
        let mut reader = answer.into_body().into_reader().take(1 << 20);
        reader.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        Ok(Answer { uri: uri.to_owned(), status, headers, body: bytes })
    }

    fn send_raw(&self, method: &str, uri: &str) -> Failed<Answer> {
        let uri = Uri::parse(uri).map_err(|error| error.to_string())?;
        let mut stream =
            TcpStream::connect(uri.authority().ok_or("no host")?.as_str()).map_err(|error| error.to_string())?;
        let path = uri.path();
        write!(stream, "{method} {path} HTTP/1.1\r\nAccept: */*\r\n\r\n").map_err(|error| error.to_string())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
        Err(answer.lines().next().unwrap_or_default().to_owned())
    }
}

fn json_of((metric, mode): &(String, String)) -> Value {
    json!({ "cost-metric": metric, "cost-mode": mode })
}

fn resolve(base: &str, reference: &str) -> Failed<String> {
    let base = Uri::parse(base).map_err(|error| error.to_string())?;
    let reference = UriRef::parse(reference).map_err(|error| error.to_string())?;
    reference.resolve_against(&base).map(|uri| uri.to_string()).map_err(|error| error.to_string())
}

fn essence(answer: &Answer) -> String {
    let value = answer.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn address(text: &str) -> Option<IpAddr> {
    text.split_once(':')?.1.parse().ok()
}

/// All names in lower case; of several that become the same, the first one stays.
fn lowered(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut all = BTreeMap::new();
            for (name, value) in members {
                all.entry(name.to_lowercase()).or_insert_with(|| lowered(value));
            }
            Value::Object(all.into_iter().collect())
        }
        Value::Array(elements) => elements.iter().map(lowered).collect(),
        other => other.clone(),
    }
}
