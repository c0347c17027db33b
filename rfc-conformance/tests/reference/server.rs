//! Conforming reference server in several variants, with hooks to inject faults.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use digest_auth::{AuthContext, AuthorizationHeader, HttpMethod};
use flate2::Compression;
use flate2::write::GzEncoder;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rfc_conformance::mock_server::cost_query::Offer;
use rfc_conformance::mock_server::http::{Leniency, ReceivedRequest, Response};
use rfc_conformance::mock_server::listener::{Handler, Server};
use rfc_conformance::mock_server::network::Network;
use rfc_conformance::mock_server::property_map::Properties;
use rfc_conformance::mock_server::resource::{RequestTarget, ResourceKind, ServedResource};
use rfc_conformance::mock_server::service::Service;
use rfc_conformance::mock_server::updates::Updates;
use rfc_conformance::{Change, Options, Report};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::TLS12;
use rustls::{ServerConfig, SupportedProtocolVersion};
use serde_json::Value;

/// Variant of the reference server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// Fixture without additions.
    Plain,
    /// Subset that is quick to grade: one network map, its costs, one filter and the properties.
    Small,
    /// Multi-cost queries (RFC 8189).
    Several,
    /// Property maps (RFC 9240).
    Properties,
    /// Property maps over HTTPS, but only TLS 1.2.
    OldTls,
    /// Metrics with units, statistics and sources (RFC 9439).
    Metrics,
    /// Redirects with status 303 in answer to POST.
    SeeOther,
    /// One URI shared by a map and several services.
    Shared,
    /// Digest authentication for all resources.
    Digest,
    /// HTTPS with a certificate for loopback.
    Https,
    /// Compressed and partial answers.
    Compressed,
    /// Update streams (RFC 8895) and TIPS (RFC 9569) of a network that changes.
    Updates,
    /// The same over HTTPS.
    SecureUpdates,
    /// Everything that can be offered together: several network maps, a second directory, cost types without constraints,
    /// testable cost types, metrics, property maps, compressed and partial answers.
    Everything,
}

/// Reference server that is not started yet, and conforms until a fault is injected.
pub(crate) struct Reference {
    pub(crate) service: Service,
    pub(crate) leniency: Leniency,
    /// Creates the changes of the network that updates tell of.
    pub(crate) changes: Option<fn(Arc<Updates>, Network) -> Change>,
    variant: Variant,
}

/// Reference server that listens on loopback.
pub(crate) struct Running {
    server: Server,
    scheme: &'static str,
    ca: Option<tempfile::NamedTempFile>,
    user: Option<(String, String)>,
    change: Option<Change>,
    updates: Option<Arc<Updates>>,
}

/// Name and password of the only user.
pub(crate) const USER: (&str, &str) = ("reader", "Circle of Life");
const CHALLENGE: &str = "Digest realm=\"alto\", qop=\"auth\", algorithm=SHA-256, nonce=\"0123456789abcdef\"";

struct FaultyHandler {
    service: Service,
    leniency: Leniency,
}

impl Handler for FaultyHandler {
    fn respond(&self, request: &ReceivedRequest) -> Response {
        self.service.respond(request)
    }

    fn leniency(&self) -> Leniency {
        self.leniency
    }
}

impl Reference {
    /// Creates a conforming server of a variant.
    pub(crate) fn new(variant: Variant) -> Self {
        let (service, leniency) = (Service::fixture(""), Leniency::Strict);
        let mut reference = Self { service, leniency, changes: None, variant };
        match variant {
            Variant::Plain | Variant::Https => {}
            Variant::Small => reference.leave_out(&["nm-b", "fcm-a", "fcm-a-nc", "ecs", "ecs-nc", "sub"]),
            Variant::Several => reference.offer_several(),
            Variant::Properties | Variant::OldTls => reference.offer_properties(),
            Variant::Updates | Variant::SecureUpdates => {
                reference.offer_properties();
                reference.offer_updates();
            }
            Variant::Metrics => reference.offer_metrics(),
            Variant::SeeOther => reference.see_other(),
            Variant::Shared => reference.share_uri(),
            Variant::Compressed => reference.compress(),
            Variant::Everything => {
                reference.offer_metrics();
                reference.offer_testable();
                reference.offer_properties();
                reference.compress();
            }
            Variant::Digest => reference.instead(|_, request| (!is_user(request)).then(challenge)),
        }
        reference
    }

    /// Removes entries from the root directory.
    fn leave_out(&mut self, ids: &[&str]) {
        self.service.directories[0].entries.retain(|(id, _)| !ids.contains(&id.as_str()));
        *self.kind("eps") = ResourceKind::EndpointProperty(vec!["nm-a.pid".into(), "priv:x-link".into()]);
    }

    /// Adds a full and a filtered property map.
    fn offer_properties(&mut self) {
        let kinds = [
            ("pm", "properties", ResourceKind::PropertyMap(Properties::fixture())),
            ("fpm", "properties/filtered", ResourceKind::FilteredPropertyMap(Properties::fixture())),
        ];
        for (id, path, kind) in kinds {
            self.service.directories[0].entries.push((id.into(), path.into()));
            self.service.resources.push(ServedResource { id: id.into(), path: format!("/{path}"), kind });
        }
    }

    /// Compresses answers and sends parts of them, if the client asks for it.
    fn compress(&mut self) {
        self.after(|_, request, answer| {
            if !matches!(answer.status, 200 | 304) || !matches!(request.method.as_str(), "GET" | "HEAD") {
                return;
            }
            answer.set("Vary", "Accept, Accept-Encoding");
            if answer.status == 304 {
                return;
            }
            let accepted = request.field("accept-encoding").unwrap_or_default();
            if accepted.split(',').any(|coding| coding.trim() == "gzip") {
                answer.body = gzip(&answer.body);
                answer.set("Content-Encoding", "gzip");
                let tag = answer.field("ETag").unwrap_or_default().trim_end_matches('"').to_owned();
                answer.set("ETag", &format!("{tag}-gzip\""));
                return;
            }
            let length = answer.body.len();
            // RFC 9110 §13.1.5: the range is ignored if the client has another representation.
            let current = |tag: &String| answer.field("ETag") == Some(tag);
            let range = request.field("range").filter(|_| request.field("if-range").as_ref().is_none_or(current));
            let range = range
                .filter(|_| request.method == "GET")
                .and_then(|range| Some(range.strip_prefix("bytes=")?.to_owned()));
            let Some((from, to)) = range.as_deref().and_then(|range| range.split_once('-')) else { return };
            let (from, to) = match (from.parse::<usize>(), to.parse::<usize>()) {
                (Ok(from), Ok(to)) => (from, (to + 1).min(length)),
                (Ok(from), Err(_)) => (from, length),
                (Err(_), Ok(last)) => (length.saturating_sub(last), length),
                _ => return,
            };
            if from < to {
                answer.status = 206;
                answer.set("Content-Range", &format!("bytes {from}-{}/{length}", to - 1));
                answer.body = answer.body[from..to].to_vec();
            }
        });
    }

    /// Answers POST by a redirect to a URI that contains the request.
    fn see_other(&mut self) {
        self.instead(|service, request| {
            if let Some((path, body)) = request.path.split_once("?asked=").filter(|_| request.method == "GET") {
                let straight = ReceivedRequest { path: path.into(), body: from_hex(body)?, ..request.clone() };
                return Some(
                    service.serve(service.find(&straight).filter(|found| found.accepts().is_some())?, &straight),
                );
            }
            let found = service.find(request).filter(|found| found.accepts().is_some() && request.method == "POST")?;
            let right = request.media_type().as_deref() == found.accepts() && request.body.len() < 4000;
            let RequestTarget::Resource(resource) = found else { return None };
            service.resource_message(resource, &request.body, request.peer.ip()).ok().filter(|_| right)?;
            let location = format!("{}?asked={}", request.path, to_hex(&request.body));
            Some(Response::plain(303, "there").with("Location", &location))
        });
    }

    fn share_uri(&mut self) {
        for id in ["nm-a", "fnm-a", "fcm-a", "eps", "ecs"] {
            for resource in self.service.resources.iter_mut().filter(|resource| resource.id == id) {
                resource.path = "/everything".into();
            }
            for entry in self.service.directories[0].entries.iter_mut().filter(|entry| entry.0 == id) {
                entry.1 = "everything".into();
            }
        }
    }

    /// Answers requests by a function before any other handling, if it returns a response.
    pub(crate) fn instead(
        &mut self,
        answer: impl Fn(&Service, &ReceivedRequest) -> Option<Response> + Send + Sync + 'static,
    ) {
        let before = self.service.hooks.intercept.take();
        self.service.hooks.intercept = Some(Arc::new(move |service, request| {
            answer(service, request).or_else(|| before.as_ref().and_then(|before| before(service, request)))
        }));
    }

    /// Changes the messages of the resource with this ID; `root` is the root directory.
    pub(crate) fn of(&mut self, id: &'static str, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.rewrite_messages(move |found, _, message| {
            if found.id() == id && message.pointer("/meta/code").is_none() {
                change(message);
            }
        });
    }

    /// Changes all JSON messages of the server.
    pub(crate) fn rewrite_messages(
        &mut self,
        change: impl Fn(RequestTarget<'_>, &ReceivedRequest, &mut Value) + Send + Sync + 'static,
    ) {
        let rewrite = self.service.hooks.rewrite.take();
        self.service.hooks.rewrite = Some(Arc::new(move |found, request, message| {
            if let Some(rewrite) = &rewrite {
                rewrite(found, request, message);
            }
            change(found, request, message);
        }));
    }

    /// Changes the `meta` of ALTO errors.
    pub(crate) fn errors(&mut self, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.rewrite_messages(move |_, _, message| {
            if message.pointer("/meta/code").is_some() {
                change(&mut message["meta"]);
            }
        });
    }

    /// Changes HTTP responses before they are sent.
    pub(crate) fn after(
        &mut self,
        change: impl Fn(Option<RequestTarget<'_>>, &ReceivedRequest, &mut Response) + Send + Sync + 'static,
    ) {
        let before = self.service.hooks.finish.take();
        self.service.hooks.finish = Some(Arc::new(move |found, request, answer| {
            if let Some(before) = &before {
                before(found, request, answer);
            }
            change(found, request, answer);
        }));
    }

    /// Handles POST requests with a changed body, if the function returns one.
    pub(crate) fn rewrite_requests(&mut self, rewrite: impl Fn(&str, Value) -> Option<Value> + Send + Sync + 'static) {
        self.instead(move |service, request| {
            let found = service.find(request)?;
            if request.method != "POST" || request.media_type().as_deref() != found.accepts() {
                return None;
            }
            let body = rewrite(found.id(), serde_json::from_slice(&request.body).ok()?)?;
            let changed = ReceivedRequest { body: body.to_string().into_bytes(), ..request.clone() };
            Some(service.serve(found, &changed))
        });
    }

    /// Returns the kind of a resource, to change it.
    pub(crate) fn kind(&mut self, id: &str) -> &mut ResourceKind {
        let resource = self.service.resources.iter_mut().find(|resource| resource.id == id);
        &mut resource.expect("the fixture has it").kind
    }

    /// Returns the offer of a filtered cost map or endpoint cost service, to change it.
    pub(crate) fn offer(&mut self, id: &str) -> &mut Offer {
        match self.kind(id) {
            ResourceKind::FilteredCostMap(_, offer) | ResourceKind::EndpointCost(offer) => offer,
            other => panic!("{id} is {other:?}"),
        }
    }

    /// Starts the server on a free loopback port.
    pub(crate) fn start(self) -> Running {
        let secure = matches!(self.variant, Variant::Https | Variant::OldTls | Variant::SecureUpdates);
        let versions: &[_] = if self.variant == Variant::OldTls { &[&TLS12] } else { rustls::DEFAULT_VERSIONS };
        let (tls, ca) = if secure { certified(versions) } else { (None, None) };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let updates = self.service.updates.clone();
        let make = updates.clone().zip(self.changes);
        let change = make.map(|(updates, changes)| changes(updates, self.service.network.clone()));
        let handler = FaultyHandler { service: self.service, leniency: self.leniency };
        let server = Server::start(listener, tls, Arc::new(handler)).unwrap();
        let user = (self.variant == Variant::Digest).then(|| (USER.0.to_owned(), USER.1.to_owned()));
        Running { server, scheme: if secure { "https" } else { "http" }, ca, user, change, updates }
    }
}

impl Running {
    /// Grades the server by the given requirements, or by all if the list is empty.
    ///
    /// A conforming server may be slow on a busy machine. What a stream does not tell is awaited for this long each time.
    pub(crate) fn grade(&self, only: &[&str]) -> Report {
        self.grade_within(only, if self.updates.is_some() { 15 } else { 60 })
    }

    /// Grades the server with a time limit in seconds for each request.
    pub(crate) fn grade_within(&self, only: &[&str], seconds: u64) -> Report {
        let mut options = Options::new(&format!("{}://{}/directory", self.scheme, self.server.address()));
        options.only = only.iter().map(|id| (*id).to_owned()).collect();
        options.user.clone_from(&self.user);
        options.change.clone_from(&self.change);
        if only == ["rfc8895/6.8/1"] {
            options.idle = std::time::Duration::from_secs(17);
        }
        options.ca = self.ca.as_ref().map(|file| PathBuf::from(file.path()));
        options.timeout = std::time::Duration::from_secs(seconds);
        rfc_conformance::run(&options)
    }

    /// Returns the address of the server.
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.server.address()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Held requests and streams would keep their threads.
        if let Some(updates) = &self.updates {
            updates.end();
        }
    }
}

/// Creates a TLS configuration for loopback, and a file with the certificate of its authority.
fn certified(
    versions: &[&'static SupportedProtocolVersion],
) -> (Option<Arc<ServerConfig>>, Option<tempfile::NamedTempFile>) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap().signed_by(&key, &authority).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), authority.pem()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let secret = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], secret).unwrap();
    (Some(Arc::new(config)), Some(file))
}

/// Compresses a body.
pub(crate) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// Returns a 401 response with a Digest challenge.
pub(crate) fn challenge() -> Response {
    Response::plain(401, "authentication required").with("WWW-Authenticate", CHALLENGE)
}

/// Parses the Digest credentials of a request.
pub(crate) fn credentials(request: &ReceivedRequest) -> Option<AuthorizationHeader> {
    request.field("authorization")?.strip_prefix("Digest ")?.parse().ok()
}

/// Returns true for requests with the right Digest credentials.
pub(crate) fn is_user(request: &ReceivedRequest) -> bool {
    let Some(header) = credentials(request) else { return false };
    let method = HttpMethod(request.method.as_str().into());
    let context = AuthContext::new_with_method(USER.0, USER.1, request.path.as_str(), None::<&[u8]>, method);
    let mut expected = header.clone();
    expected.digest(&context);
    header.username == USER.0 && header.nonce == "0123456789abcdef" && expected.response == header.response
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}
