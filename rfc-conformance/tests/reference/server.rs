//! The reference server: the stage played straight, in several outfits, and where it can be made to break a rule.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use digest_auth::{AuthContext, AuthorizationHeader, HttpMethod};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rfc_conformance::mock_server::cost_query::Offer;
use rfc_conformance::mock_server::http::{Leniency, ReceivedRequest, Response};
use rfc_conformance::mock_server::listener::{Handler, Server};
use rfc_conformance::mock_server::property_map::Properties;
use rfc_conformance::mock_server::resource::{RequestTarget, ResourceKind, ServedResource};
use rfc_conformance::mock_server::service::Service;
use rfc_conformance::{Options, Report};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::TLS12;
use rustls::{ServerConfig, SupportedProtocolVersion};
use serde_json::Value;

/// What a reference server has beyond the fixture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outfit {
    /// Nothing.
    Plain,
    /// Less: one network map, its costs, one filter and the properties, which takes less time to grade.
    Small,
    /// Several costs at once (RFC 8189).
    Several,
    /// Property maps (RFC 9240).
    Properties,
    /// Property maps over HTTPS, but only TLS 1.2.
    OldTls,
    /// Metrics with units, statistics and sources (RFC 9439).
    Metrics,
    /// POST is answered with 303.
    SeeOther,
    /// A map and services at one URI.
    Shared,
    /// Only for those who authenticate.
    Digest,
    /// HTTPS.
    Https,
}

/// A server that is right until it is told otherwise.
pub(crate) struct Reference {
    pub(crate) service: Service,
    pub(crate) leniency: Leniency,
    outfit: Outfit,
}

/// A server that listens.
pub(crate) struct Running {
    server: Server,
    scheme: &'static str,
    ca: Option<tempfile::NamedTempFile>,
    user: Option<(String, String)>,
}

/// Who is let in, and what with.
pub(crate) const USER: (&str, &str) = ("reader", "Circle of Life");
const CHALLENGE: &str = "Digest realm=\"alto\", qop=\"auth\", algorithm=SHA-256, nonce=\"0123456789abcdef\"";

struct Door {
    service: Service,
    leniency: Leniency,
}

impl Handler for Door {
    fn respond(&self, request: &ReceivedRequest) -> Response {
        self.service.respond(request)
    }

    fn leniency(&self) -> Leniency {
        self.leniency
    }
}

impl Reference {
    /// A correct server.
    pub(crate) fn new(outfit: Outfit) -> Self {
        let mut reference = Self { service: Service::fixture(""), leniency: Leniency::Strict, outfit };
        match outfit {
            Outfit::Plain | Outfit::Https => {}
            Outfit::Small => reference.leave_out(&["nm-b", "fcm-a", "fcm-a-nc", "ecs", "ecs-nc", "sub"]),
            Outfit::Several => reference.offer_several(),
            Outfit::Properties | Outfit::OldTls => reference.offer_properties(),
            Outfit::Metrics => reference.offer_metrics(),
            Outfit::SeeOther => reference.see_other(),
            Outfit::Shared => reference.share_uri(),
            Outfit::Digest => reference.instead(|_, request| (!is_user(request)).then(challenge)),
        }
        reference
    }

    /// Takes entries out of the root directory.
    fn leave_out(&mut self, ids: &[&str]) {
        self.service.directories[0].entries.retain(|(id, _)| !ids.contains(&id.as_str()));
        *self.kind("eps") = ResourceKind::EndpointProperty(vec!["nm-a.pid".into(), "priv:x-link".into()]);
    }

    /// A whole property map and a filtered one.
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

    /// Every answer to a POST is fetched by a GET that carries what was asked.
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

    /// Answers in place of everything else.
    pub(crate) fn instead(
        &mut self,
        answer: impl Fn(&Service, &ReceivedRequest) -> Option<Response> + Send + Sync + 'static,
    ) {
        let before = self.service.hooks.intercept.take();
        self.service.hooks.intercept = Some(Arc::new(move |service, request| {
            answer(service, request).or_else(|| before.as_ref().and_then(|before| before(service, request)))
        }));
    }

    /// Changes what the resource with this ID says; `root` is the root directory.
    pub(crate) fn of(&mut self, id: &'static str, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.says(move |found, _, message| {
            if found.id() == id && message.pointer("/meta/code").is_none() {
                change(message);
            }
        });
    }

    /// Changes everything that is said.
    pub(crate) fn says(
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

    /// Changes errors: their `meta`.
    pub(crate) fn errors(&mut self, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.says(move |_, _, message| {
            if message.pointer("/meta/code").is_some() {
                change(&mut message["meta"]);
            }
        });
    }

    /// Changes finished answers.
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

    /// Answers POST as if something else had been sent.
    pub(crate) fn hears(&mut self, hear: impl Fn(&str, Value) -> Option<Value> + Send + Sync + 'static) {
        self.instead(move |service, request| {
            let found = service.find(request)?;
            if request.method != "POST" || request.media_type().as_deref() != found.accepts() {
                return None;
            }
            let body = hear(found.id(), serde_json::from_slice(&request.body).ok()?)?;
            let heard = ReceivedRequest { body: body.to_string().into_bytes(), ..request.clone() };
            Some(service.serve(found, &heard))
        });
    }

    /// The kind of a resource.
    pub(crate) fn kind(&mut self, id: &str) -> &mut ResourceKind {
        let resource = self.service.resources.iter_mut().find(|resource| resource.id == id);
        &mut resource.expect("the fixture has it").kind
    }

    /// What a filter or service offers.
    pub(crate) fn offer(&mut self, id: &str) -> &mut Offer {
        match self.kind(id) {
            ResourceKind::FilteredCostMap(_, offer) | ResourceKind::EndpointCost(offer) => offer,
            other => panic!("{id} is {other:?}"),
        }
    }

    /// Listens.
    pub(crate) fn start(self) -> Running {
        let secure = matches!(self.outfit, Outfit::Https | Outfit::OldTls);
        let versions: &[_] = if self.outfit == Outfit::OldTls { &[&TLS12] } else { rustls::DEFAULT_VERSIONS };
        let (tls, ca) = if secure { certified(versions) } else { (None, None) };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let door = Door { service: self.service, leniency: self.leniency };
        let server = Server::start(listener, tls, Arc::new(door)).unwrap();
        let user = (self.outfit == Outfit::Digest).then(|| (USER.0.to_owned(), USER.1.to_owned()));
        Running { server, scheme: if secure { "https" } else { "http" }, ca, user }
    }
}

impl Running {
    /// Grades the server by some requirements, or by all.
    pub(crate) fn grade(&self, only: &[&str]) -> Report {
        let mut options = Options::new(&format!("{}://{}/directory", self.scheme, self.server.address()));
        options.only = only.iter().map(|id| (*id).to_owned()).collect();
        options.user.clone_from(&self.user);
        options.ca = self.ca.as_ref().map(|file| PathBuf::from(file.path()));
        // A mutant may be silent, and then time is lost; a correct server may be slow on a busy machine.
        options.timeout = std::time::Duration::from_secs(if only.is_empty() { 60 } else { 5 });
        rfc_conformance::run(&options)
    }
}

/// A certificate for loopback, and the file of the authority to trust.
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

/// Asks who it is.
pub(crate) fn challenge() -> Response {
    Response::plain(401, "who are you?").with("WWW-Authenticate", CHALLENGE)
}

/// The user named in a request's Digest credentials, if they are well-formed.
pub(crate) fn credentials(request: &ReceivedRequest) -> Option<AuthorizationHeader> {
    request.field("authorization")?.strip_prefix("Digest ")?.parse().ok()
}

/// Whether the credentials are right.
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
