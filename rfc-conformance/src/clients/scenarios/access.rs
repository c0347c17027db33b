//! Scenarios with authentication, and with servers that clients must not trust.

use std::collections::HashMap;
use std::sync::Arc;

use digest_auth::{AuthContext, AuthorizationHeader, HttpMethod, Qop};

use super::super::requirements;
use super::super::scenario::PlayedScenario;
use super::super::scenario::{Certificate, Deployment, Needs, Scenario};
use super::super::task::Task;
use super::{cost_map_task, costs_task, fixture, map_task};
use crate::mock_server::http::{ReceivedRequest, Response};
use crate::mock_server::service::Service;
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::verdict::Finding;

/// Name of the only user.
pub(in super::super) const USER: &str = "reader";
/// Password of the user.
pub(in super::super) const PASSWORD: &str = "Circle of Life";
const REALM: &str = "alto";
const NONCE: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
/// Number of refused requests for one path at which a run counts as repeating itself.
const TRIES: usize = 6;

pub(super) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, about, requirement, needs, service, tasks, judge| Scenario {
        name,
        about,
        requirement,
        needs,
        root: "/directory",
        service,
        tasks,
        judge: Some(judge),
    };
    let credentials = Needs::Credentials;
    vec![
        scenario(
            "digest",
            "Everything is for those who authenticate by Digest",
            requirements::DIGEST,
            credentials,
            digest,
            |service| three(service, requirements::DIGEST),
            let_in as fn(&PlayedScenario<'_>, &mut Sheet),
        ),
        scenario(
            "digest-refused",
            "Nobody is let in",
            requirements::DIGEST,
            credentials,
            refused,
            |service| vec![map_task(service, requirements::DIGEST).refused()],
            few_tries,
        ),
        scenario(
            "https",
            "HTTPS with a certificate of the authority that clients were told to trust",
            requirements::HTTPS,
            Needs::Tls(Certificate::Good),
            fixture,
            |service| three(service, requirements::HTTPS),
            over_tls,
        ),
        scenario(
            "https-name",
            "HTTPS with a certificate for another host",
            requirements::HTTPS,
            Needs::Tls(Certificate::WrongName),
            fixture,
            |service| vec![map_task(service, requirements::HTTPS).refused()],
            nothing_said,
        ),
        scenario(
            "https-stranger",
            "HTTPS with a certificate of an authority that nobody knows",
            requirements::HTTPS,
            Needs::Tls(Certificate::Stranger),
            fixture,
            |service| vec![map_task(service, requirements::HTTPS).refused()],
            nothing_said,
        ),
    ]
}

fn three(service: &Service, requirement: Requirement) -> Vec<Task> {
    vec![map_task(service, requirement), cost_map_task(service, requirement), costs_task(service, requirement)]
}

fn challenge() -> Response {
    let challenge =
        |algorithm| format!("Digest realm=\"{REALM}\", qop=\"auth\", algorithm={algorithm}, nonce=\"{NONCE}\"");
    Response::plain(401, "who are you?")
        .with("WWW-Authenticate", &challenge("SHA-256"))
        .with("WWW-Authenticate", &challenge("MD5"))
}

/// Returns why the credentials of a request are invalid, or `None` if they are valid.
fn wrong_with(request: &ReceivedRequest) -> Option<&'static str> {
    let Some(field) = request.field("authorization") else { return Some("no Authorization") };
    let Some(text) = field.get(7..).filter(|_| field[..7].eq_ignore_ascii_case("digest ")) else {
        return Some("an Authorization that is not Digest");
    };
    let Ok(header) = text.parse::<AuthorizationHeader>() else { return Some("a malformed Authorization") };
    if header.realm != REALM || header.nonce != NONCE {
        return Some("another realm or nonce than that of the challenge");
    }
    if header.uri != request.target {
        return Some("`uri` is not the request target");
    }
    if header.qop != Some(Qop::AUTH) || header.username != USER {
        return Some("another `qop` or user");
    }
    let method = HttpMethod(request.method.as_str().into());
    let context = AuthContext::new_with_method(USER, PASSWORD, request.target.as_str(), None::<&[u8]>, method);
    let mut expected = header.clone();
    expected.digest(&context);
    (expected.response != header.response).then_some("a wrong `response`")
}

fn digest(deployment: &Deployment) -> Service {
    let mut service = fixture(deployment);
    service.hooks.intercept = Some(Arc::new(|_, request| wrong_with(request).map(|_| challenge())));
    service
}

fn refused(deployment: &Deployment) -> Service {
    let mut service = fixture(deployment);
    service.hooks.intercept = Some(Arc::new(|_, _| Some(challenge())));
    service
}

/// Grades the credentials sent in response to the challenge.
fn let_in(played: &PlayedScenario<'_>, sheet: &mut Sheet) {
    few_tries(played, sheet);
    for capture in played.runs().flatten() {
        let Some(field) = capture.request.field("authorization") else { continue };
        let entry = sheet.on(requirements::DIGEST);
        entry.saw(&capture.exchange(), 1, "Authorization");
        if let Some(wrong) = wrong_with(&capture.request) {
            let scheme = field.split(' ').next().unwrap_or_default();
            let seen = format!("{wrong} (scheme {scheme})");
            entry.fail(Finding::new("credentials that fit the challenge", seen).from(&capture.exchange()));
        }
    }
}

fn few_tries(played: &PlayedScenario<'_>, sheet: &mut Sheet) {
    for run in played.runs() {
        let mut refusals: HashMap<&str, usize> = HashMap::new();
        for capture in run.iter().filter(|capture| capture.answer.status == 401) {
            let times = refusals.entry(capture.request.path.as_str()).or_default();
            *times += 1;
            let entry = sheet.on(requirements::DIGEST);
            if *times == TRIES && capture.run > 0 {
                let expected = format!("fewer than {TRIES} requests that are refused");
                entry.fail(Finding::new(expected, "the client asks again and again").from(&capture.exchange()));
            }
        }
    }
}

/// Notes each request over TLS, since a request proves a handshake with TLS 1.2 or later.
fn over_tls(played: &PlayedScenario<'_>, sheet: &mut Sheet) {
    for capture in played.runs().flatten() {
        sheet.on(requirements::TLS_VERSION).saw(&capture.exchange(), 1, "TLS request");
    }
}

/// Fails each request to a server that the client must not trust.
fn nothing_said(played: &PlayedScenario<'_>, sheet: &mut Sheet) {
    for capture in played.runs().flatten() {
        let entry = sheet.on(requirements::HTTPS);
        entry.saw(&capture.exchange(), 1, "untrusted server");
        let expected = "the connection is given up in the handshake";
        entry.fail(Finding::new(expected, "a request is sent").from(&capture.exchange()));
    }
}
