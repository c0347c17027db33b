//! Small conforming ALTO client into which one fault can be injected.

mod costs;
mod directory;
mod following;
mod questions;
mod wire;

use std::collections::HashMap;
use std::time::Duration;

use fluent_uri::{Uri, UriRef};
use rfc_conformance::clients::{Assignment, ClientDriver, ClientOutcome, Ending};
use serde_json::Value;
use ureq::Agent;
use ureq::http;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::fault::Fault;

const DIRECTORY: &str = "application/alto-directory+json";
const NETWORK_MAP: &str = "application/alto-networkmap+json";
const COST_MAP: &str = "application/alto-costmap+json";
const ERROR: &str = "application/alto-error+json";

/// Resources from which the client determines costs between endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CostSource {
    /// Network map and full cost map.
    Maps,
    /// Network map and filtered cost map.
    Filters,
    /// Endpoint cost service.
    Service,
}

/// Conforming client, apart from its fault.
pub(crate) struct ReferenceClient {
    pub(crate) source: CostSource,
    pub(crate) fault: Option<Fault>,
    /// Messages kept across runs by the fault `NeverRefreshes`.
    kept: HashMap<String, Value>,
}

type Failed<T> = Result<T, String>;

impl ReferenceClient {
    pub(crate) fn new(source: CostSource, fault: Option<Fault>) -> Self {
        Self { source, fault, kept: HashMap::new() }
    }
}

impl ClientDriver for ReferenceClient {
    fn attempt(&mut self, assignment: &Assignment) -> Result<ClientOutcome, String> {
        let value = |name: &str| assignment.values.get(name).and_then(|list| list.first()).cloned();
        let list = |name: &str| assignment.values.get(name).cloned().unwrap_or_default();
        let mut run = Run::new(self, assignment);
        let map = value("map").filter(|_| assignment.required.contains(&"map"));
        let cost_type = (value("metric").unwrap_or_default(), value("mode").unwrap_or_default());
        let answer = match assignment.task {
            "directory" => run.list(),
            "network-map" => run.map(map.as_deref()).map(|map| map["network-map"].clone()),
            "pid" => run.pids(map.as_deref(), &list("addresses")),
            "cost-map" => run.cost_map(map.as_deref(), &cost_type).map(|map| map["cost-map"].clone()),
            "costs" => run.costs(&cost_type, &value("from").unwrap_or_default(), &list("to"), value("most")),
            "follow" => {
                let text = |name| value(name).unwrap_or_default();
                run.follow(&text("resource"), &text("by"), &text("tag"))
            }
            "property" => run.property(&value("property").unwrap_or_default(), &list("addresses")),
            other => Err(format!("unknown task {other}")),
        };
        let (ending, answer, words) = match answer {
            Ok(answer) => (Ending::Succeeded, Some(answer), None),
            Err(why) if why == "crash" => (Ending::Crashed("injected crash".into()), None, None),
            Err(why) => (Ending::Refused(1), None, Some(why)),
        };
        Ok(ClientOutcome { ending, answer, words, command: format!("reference-client {}", assignment.task) })
    }
}

/// Resource as listed in a directory.
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
    /// URI that gave the answer, after redirects.
    uri: String,
    status: u16,
    headers: http::HeaderMap,
    body: Vec<u8>,
}

/// Execution of one task, from directory to answer.
struct Run<'a> {
    client: &'a mut ReferenceClient,
    fault: Option<Fault>,
    agent: Agent,
    root: String,
    credentials: Option<(String, String)>,
    fresh: HashMap<String, (String, Vec<u8>)>,
    entries: Vec<Entry>,
    default_map: Option<String>,
}

impl<'a> Run<'a> {
    fn new(client: &'a mut ReferenceClient, assignment: &Assignment) -> Self {
        let mut tls = TlsConfig::builder().disable_verification(client.fault == Some(Fault::TrustsAnyCertificate));
        if let Some(path) = assignment.values["ca"].first().filter(|_| assignment.uri.starts_with("https")) {
            let certificate = Certificate::from_pem(&std::fs::read(path).unwrap()).unwrap();
            tls = tls.root_certs(RootCerts::new_with_certs(&[certificate]));
        }
        let agent = Agent::config_builder()
            .tls_config(tls.build())
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .accept("")
            .timeout_global(Some(Duration::from_mins(1)))
            .proxy(None)
            .build()
            .new_agent();
        let credentials = assignment
            .required
            .contains(&"user")
            .then(|| (assignment.values["user"][0].clone(), assignment.values["password"][0].clone()));
        let fault = client.fault;
        let root = assignment.uri.clone();
        Self { client, fault, agent, root, credentials, fresh: HashMap::new(), entries: Vec::new(), default_map: None }
    }

    pub(super) fn is(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }
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
