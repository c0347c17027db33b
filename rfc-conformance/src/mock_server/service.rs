//! Directories and resources under paths, and who answers for them.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::cost_query::Offer;
use super::error::AltoError;
use super::http::{ReceivedRequest, Response, essence};
use super::network::{Network, ServedCostType, media};
use super::property_map::Properties;
use super::query;

/// A whole ALTO service.
#[derive(Clone)]
pub struct Service {
    /// What is known.
    pub network: Network,
    /// The root first.
    pub directories: Vec<ServedDirectory>,
    /// All resources but the directories.
    pub resources: Vec<ServedResource>,
    /// What is done otherwise than RFC 7285 would have it, or than is usual.
    pub hooks: Hooks,
}

/// A directory.
#[derive(Clone, Debug, PartialEq)]
pub struct ServedDirectory {
    /// Its own resource ID, where another directory has an entry for it.
    pub id: String,
    /// Where it is.
    pub path: String,
    /// The default network map, if it says one.
    pub default_map: Option<String>,
    /// Names of cost types; they hold in this directory only.
    pub cost_types: Vec<(String, ServedCostType)>,
    /// What it lists: IDs of resources or directories, and their URIs as they are written here.
    pub entries: Vec<(String, String)>,
}

/// Something that can be asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct ServedResource {
    /// Its resource ID.
    pub id: String,
    /// Path, and query if it has one.
    pub path: String,
    /// What it is.
    pub kind: ResourceKind,
}

/// What a resource is.
#[derive(Clone, Debug, PartialEq)]
pub enum ResourceKind {
    /// A network map, by its ID in the network.
    NetworkMap(String),
    /// A cost map.
    CostMap(String, ServedCostType),
    /// A filter of a network map.
    FilteredNetworkMap(String),
    /// A filter of a cost map.
    FilteredCostMap(String, Offer),
    /// Endpoint properties.
    EndpointProperty(Vec<String>),
    /// Endpoint costs.
    EndpointCost(Offer),
    /// A property map (RFC 9240).
    PropertyMap(Properties),
    /// A filtered property map (RFC 9240).
    FilteredPropertyMap(Properties),
}

/// What a request led to.
#[derive(Clone, Copy)]
pub enum RequestTarget<'a> {
    /// A directory.
    Directory(&'a ServedDirectory),
    /// A resource.
    Resource(&'a ServedResource),
}

type Before = dyn Fn(&Service, &ReceivedRequest) -> Option<Response> + Send + Sync;
type Rewrite = dyn Fn(RequestTarget<'_>, &ReceivedRequest, &mut Value) + Send + Sync;
type Render = dyn Fn(&Value) -> Vec<u8> + Send + Sync;
type After = dyn Fn(Option<RequestTarget<'_>>, &ReceivedRequest, &mut Response) + Send + Sync;

/// Places where behaviour can be changed.
#[derive(Clone, Default)]
pub struct Hooks {
    /// Answers in place of everything else.
    pub before: Option<Arc<Before>>,
    /// Changes what a directory or resource says, errors included.
    pub rewrite: Option<Arc<Rewrite>>,
    /// Writes JSON.
    pub render: Option<Arc<Render>>,
    /// Changes the finished answer.
    pub after: Option<Arc<After>>,
}

impl ResourceKind {
    /// The media type of its answers.
    pub fn media_type(&self) -> &'static str {
        match self {
            Self::NetworkMap(_) | Self::FilteredNetworkMap(_) => media::NETWORK_MAP,
            Self::CostMap(..) | Self::FilteredCostMap(..) => media::COST_MAP,
            Self::EndpointProperty(_) => media::ENDPOINT_PROPERTY,
            Self::EndpointCost(_) => media::ENDPOINT_COST,
            Self::PropertyMap(_) | Self::FilteredPropertyMap(_) => media::PROPERTY_MAP,
        }
    }

    /// The media type of its requests; none where it is fetched by GET.
    pub fn accepts(&self) -> Option<&'static str> {
        match self {
            Self::NetworkMap(_) | Self::CostMap(..) | Self::PropertyMap(_) => None,
            Self::FilteredNetworkMap(_) => Some(media::NETWORK_MAP_FILTER),
            Self::FilteredCostMap(..) => Some(media::COST_MAP_FILTER),
            Self::EndpointProperty(_) => Some(media::ENDPOINT_PROPERTY_PARAMS),
            Self::EndpointCost(_) => Some(media::ENDPOINT_COST_PARAMS),
            Self::FilteredPropertyMap(_) => Some(media::PROPERTY_MAP_PARAMS),
        }
    }

    /// The network maps it is about.
    pub fn uses(&self) -> Vec<&str> {
        match self {
            Self::CostMap(map, _) | Self::FilteredNetworkMap(map) | Self::FilteredCostMap(map, _) => vec![map],
            Self::PropertyMap(properties) | Self::FilteredPropertyMap(properties) => properties.uses(),
            _ => Vec::new(),
        }
    }

    /// The cost types it offers.
    pub fn cost_types(&self) -> &[ServedCostType] {
        match self {
            Self::CostMap(_, cost_type) => std::slice::from_ref(cost_type),
            Self::FilteredCostMap(_, offer) | Self::EndpointCost(offer) => &offer.cost_types,
            _ => &[],
        }
    }

    fn capabilities(&self, directory: &ServedDirectory) -> Map<String, Value> {
        let mut capabilities = Map::new();
        let names = |types: &[ServedCostType]| -> Value {
            let name = |wanted: &ServedCostType| {
                let found = directory.cost_types.iter().find(|(_, cost_type)| cost_type == wanted);
                found.map(|(name, _)| Value::from(name.as_str()))
            };
            types.iter().filter_map(name).collect()
        };
        if !self.cost_types().is_empty() {
            capabilities.insert("cost-type-names".into(), names(self.cost_types()));
        }
        match self {
            Self::FilteredCostMap(_, offer) | Self::EndpointCost(offer) => {
                if offer.constraints {
                    capabilities.insert("cost-constraints".into(), true.into());
                }
                if offer.together > 0 {
                    capabilities.insert("max-cost-types".into(), offer.together.into());
                }
                if !offer.testable.is_empty() {
                    capabilities.insert("testable-cost-type-names".into(), names(&offer.testable));
                }
            }
            Self::EndpointProperty(properties) => {
                capabilities.insert("prop-types".into(), properties.clone().into());
            }
            Self::PropertyMap(properties) | Self::FilteredPropertyMap(properties) => {
                capabilities.insert("mappings".into(), properties.mappings());
            }
            _ => {}
        }
        capabilities
    }
}

impl RequestTarget<'_> {
    /// The resource ID.
    pub fn id(&self) -> &str {
        match self {
            Self::Directory(directory) => &directory.id,
            Self::Resource(resource) => &resource.id,
        }
    }

    /// The media type of its answers.
    pub fn media_type(&self) -> &'static str {
        match self {
            Self::Directory(_) => media::DIRECTORY,
            Self::Resource(resource) => resource.kind.media_type(),
        }
    }

    /// The media type of its requests.
    pub fn accepts(&self) -> Option<&'static str> {
        match self {
            Self::Directory(_) => None,
            Self::Resource(resource) => resource.kind.accepts(),
        }
    }

    fn method(&self) -> &'static str {
        if self.accepts().is_some() { "POST" } else { "GET" }
    }
}

impl Service {
    /// The fixture with all its resources below a path prefix: the root directory, and one directory `sub` that holds
    /// the costs of the second map.
    pub fn fixture(prefix: &str) -> Self {
        let both = vec![ServedCostType::numerical(), ServedCostType::ordinal()];
        let rich = Offer { cost_types: both, constraints: true, ..Offer::default() };
        let poor = Offer { cost_types: vec![ServedCostType::numerical()], ..Offer::default() };
        let map = |id: &str| id.to_owned();
        let kinds = [
            ("nm-a", "maps/a", ResourceKind::NetworkMap(map("nm-a"))),
            ("nm-b", "maps/b", ResourceKind::NetworkMap(map("nm-b"))),
            ("cm-a-num", "costs/a", ResourceKind::CostMap(map("nm-a"), ServedCostType::numerical())),
            ("cm-a-ord", "costs/a/ranks", ResourceKind::CostMap(map("nm-a"), ServedCostType::ordinal())),
            ("fnm-a", "maps/a/filtered", ResourceKind::FilteredNetworkMap(map("nm-a"))),
            ("fcm-a", "costs/a/filtered", ResourceKind::FilteredCostMap(map("nm-a"), rich.clone())),
            ("fcm-a-nc", "costs/a/filtered/plain", ResourceKind::FilteredCostMap(map("nm-a"), poor.clone())),
            (
                "eps",
                "endpoints/properties",
                ResourceKind::EndpointProperty(vec!["nm-a.pid".into(), "nm-b.pid".into(), "priv:x-link".into()]),
            ),
            ("ecs", "endpoints/costs", ResourceKind::EndpointCost(rich)),
            ("ecs-nc", "endpoints/costs/plain", ResourceKind::EndpointCost(poor)),
            ("cm-b-num", "more/costs/b", ResourceKind::CostMap(map("nm-b"), ServedCostType::numerical())),
        ];
        let entry = |(id, path, _): &(&str, &str, ResourceKind)| ((*id).to_owned(), (*path).to_owned());
        let mut entries: Vec<_> = kinds[..10].iter().map(entry).collect();
        entries.push(("sub".into(), "more/directory".into()));
        let root = ServedDirectory {
            id: "root".into(),
            path: format!("{prefix}/directory"),
            default_map: Some("nm-a".into()),
            cost_types: vec![
                ("num-routing".into(), ServedCostType::numerical()),
                ("ord-routing".into(), ServedCostType::ordinal()),
            ],
            entries,
        };
        let sub = ServedDirectory {
            id: "sub".into(),
            path: format!("{prefix}/more/directory"),
            default_map: None,
            cost_types: vec![("num-routing".into(), ServedCostType::numerical())],
            entries: vec![("cm-b-num".into(), "costs/b".into())],
        };
        let resource = |(id, path, kind): (&str, &str, ResourceKind)| ServedResource {
            id: id.into(),
            path: format!("{prefix}/{path}"),
            kind,
        };
        Self {
            network: Network::fixture(),
            directories: vec![root, sub],
            resources: kinds.map(resource).into(),
            hooks: Hooks::default(),
        }
    }

    /// Answers a request, hooks included.
    pub fn answer(&self, request: &ReceivedRequest) -> Response {
        let found = self.find(request);
        let replaced = self.hooks.before.as_ref().and_then(|before| before(self, request));
        let mut answer = replaced.unwrap_or_else(|| self.answer_straight(request));
        if let Some(after) = &self.hooks.after {
            after(found, request, &mut answer);
        }
        answer
    }

    /// A resource or directory by its ID.
    pub fn by_id(&self, id: &str) -> Option<RequestTarget<'_>> {
        let directory = self.directories.iter().find(|directory| directory.id == id).map(RequestTarget::Directory);
        directory.or_else(|| self.resources.iter().find(|resource| resource.id == id).map(RequestTarget::Resource))
    }

    /// What the target of the request is; where several resources share a path, method and type of the body decide.
    pub fn find(&self, request: &ReceivedRequest) -> Option<RequestTarget<'_>> {
        let there = self.at(&request.resource);
        let media_type = request.media_type();
        let method = if request.method == "HEAD" { "GET" } else { request.method.as_str() };
        let exact = there.iter().find(|found| found.method() == method && found.accepts() == media_type.as_deref());
        let by_method = || there.iter().find(|found| found.method() == method);
        exact.or_else(by_method).or(there.first()).copied()
    }

    fn at(&self, path: &str) -> Vec<RequestTarget<'_>> {
        let directories =
            self.directories.iter().filter(|directory| directory.path == path).map(RequestTarget::Directory);
        directories
            .chain(self.resources.iter().filter(|resource| resource.path == path).map(RequestTarget::Resource))
            .collect()
    }

    /// Answers as RFC 7285 and HTTP want it, but for what [`Hooks::rewrite`] and [`Hooks::render`] change.
    fn answer_straight(&self, request: &ReceivedRequest) -> Response {
        let there = self.at(&request.resource);
        if !matches!(request.method.as_str(), "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "PATCH" | "OPTIONS") {
            return Response::plain(501, "this method is not known here");
        }
        let Some(found) = self.find(request) else { return Response::plain(404, "nothing is here") };
        let mut methods: Vec<_> = there.iter().map(RequestTarget::method).collect();
        methods.sort_unstable();
        methods.dedup();
        let mut allow = methods.join(", ");
        if methods.contains(&"GET") {
            allow += ", HEAD";
        }
        match request.method.as_str() {
            "OPTIONS" => return Response { status: 204, ..Response::default() }.with("Allow", &(allow + ", OPTIONS")),
            "HEAD" if found.method() == "GET" => {}
            method if method == found.method() => {}
            _ => return Response::plain(405, "not this method").with("Allow", &allow),
        }
        if let Some(accepts) = found.accepts() {
            if request.media_type().as_deref() != Some(accepts) {
                return Response::plain(415, &format!("the body must be {accepts}"));
            }
            if request.field("content-encoding").is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
                return Response::plain(415, "the body must not be encoded");
            }
        }
        if !admits(request.field("accept").as_deref(), found.media_type()) {
            return Response::plain(406, &format!("this is {}", found.media_type()));
        }
        self.say(found, request)
    }

    /// What a directory or resource says to a request that fits it.
    pub fn say(&self, found: RequestTarget<'_>, request: &ReceivedRequest) -> Response {
        let said = match found {
            RequestTarget::Directory(directory) => Ok(self.directory(directory)),
            RequestTarget::Resource(resource) => self.alto(resource, &request.body, request.peer.ip()),
        };
        let (status, media_type, mut message) = match said {
            Ok(message) => (200, found.media_type(), message),
            Err(error) => (400, media::ERROR, error.to_json()),
        };
        if let Some(rewrite) = &self.hooks.rewrite {
            rewrite(found, request, &mut message);
        }
        let body =
            self.hooks.render.as_ref().map_or_else(|| message.to_string().into_bytes(), |render| render(&message));
        let mut answer = Response::new(status, media_type, body);
        if found.accepts().is_none() && status == 200 {
            let tag = format!("\"{:016x}\"", fingerprint(&answer.body));
            let known = request.field("if-none-match").unwrap_or_default();
            if known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag || known.trim() == "*") {
                answer = Response { status: 304, ..Response::default() };
            }
            answer = answer.with("ETag", &tag).with("Cache-Control", "no-cache");
        } else {
            answer = answer.with("Cache-Control", "no-store");
        }
        answer.with("Vary", "Accept")
    }

    /// The message a directory is.
    pub fn directory(&self, directory: &ServedDirectory) -> Value {
        let mut meta = Map::new();
        if let Some(default) = &directory.default_map {
            meta.insert("default-alto-network-map".into(), default.as_str().into());
        }
        if !directory.cost_types.is_empty() {
            let types: Map<_, _> =
                directory.cost_types.iter().map(|(name, cost_type)| (name.clone(), cost_type.to_json())).collect();
            meta.insert("cost-types".into(), types.into());
        }
        let mut resources = Map::new();
        for (id, uri) in &directory.entries {
            let mut entry = Map::new();
            entry.insert("uri".into(), uri.as_str().into());
            let Some(found) = self.by_id(id) else { continue };
            entry.insert("media-type".into(), found.media_type().into());
            if let Some(accepts) = found.accepts() {
                entry.insert("accepts".into(), accepts.into());
            }
            if let RequestTarget::Resource(resource) = found {
                let capabilities = resource.kind.capabilities(directory);
                if !capabilities.is_empty() {
                    entry.insert("capabilities".into(), capabilities.into());
                }
                let uses = resource.kind.uses();
                if !uses.is_empty() {
                    entry.insert("uses".into(), json!(uses));
                }
            }
            resources.insert(id.clone(), entry.into());
        }
        json!({ "meta": meta, "resources": resources })
    }

    /// What a resource answers to a body.
    pub fn alto(&self, resource: &ServedResource, body: &[u8], client: IpAddr) -> Result<Value, AltoError> {
        let map =
            |id: &str| self.network.map(id).ok_or_else(|| AltoError::Syntax(format!("the service has no map {id}")));
        match &resource.kind {
            ResourceKind::NetworkMap(id) => {
                let map = map(id)?;
                let pids: Map<_, _> = map.pids.keys().map(|pid| (pid.clone(), map.group(pid, None).into())).collect();
                Ok(json!({ "meta": { "vtag": map.vtag() }, "network-map": pids }))
            }
            ResourceKind::CostMap(id, cost_type) => Ok(query::full_cost_map(map(id)?, cost_type)),
            ResourceKind::FilteredNetworkMap(id) => query::filter_network_map(map(id)?, body),
            ResourceKind::FilteredCostMap(id, offer) => query::filter_cost_map(map(id)?, offer, body),
            ResourceKind::EndpointProperty(offered) => query::endpoint_properties(&self.network, offered, body),
            ResourceKind::EndpointCost(offer) => query::endpoint_costs(&self.network, offer, client, body),
            ResourceKind::PropertyMap(properties) => Ok(properties.whole(&self.network)),
            ResourceKind::FilteredPropertyMap(properties) => properties.filtered(&self.network, body),
        }
    }
}

/// Whether an Accept field admits a media type; the most specific range that matches decides (RFC 7231 §5.3.2).
pub fn admits(accept: Option<&str>, media_type: &str) -> bool {
    let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else { return true };
    let main = media_type.split('/').next().unwrap_or_default();
    let mut best = (0, 0.0);
    for range in accept.split(',') {
        let name = essence(range);
        let specific = match name.as_str() {
            "*/*" => 1,
            name if name == media_type => 3,
            name if name.strip_suffix("/*") == Some(main) => 2,
            _ => continue,
        };
        let quality = range.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse().unwrap_or(0.0))
        });
        if specific > best.0 {
            best = (specific, quality.unwrap_or(1.0));
        }
    }
    best.1 > 0.0
}

/// FNV-1a: an entity tag only has to differ.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_range_decides() {
        let kind = media::NETWORK_MAP;
        for (accept, admitted) in [
            ("*/*", true),
            ("application/*", true),
            ("text/html", false),
            ("text/html, Application/ALTO-NetworkMap+JSON;q=0.1", true),
            ("*/*, application/alto-networkmap+json;q=0", false),
            ("application/*;q=0, */*", false),
            ("", true),
        ] {
            assert_eq!(admits(Some(accept), kind), admitted, "{accept}");
        }
        assert!(admits(None, kind));
    }
}
