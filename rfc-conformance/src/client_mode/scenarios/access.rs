//! Servers that let in only some, and servers that clients must not talk to.

use std::collections::HashMap;
use std::sync::Arc;

use digest_auth::{AuthContext, AuthorizationHeader, HttpMethod, Qop};

use super::super::judge::Scene;
use super::super::rules;
use super::super::scenario::{Certificate, Needs, Place, Scenario, Task};
use super::{cost_map_task, costs_task, fixture, map_task};
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::stage::http::{Answer, Request};
use crate::stage::site::Site;
use crate::verdict::Finding;

/// Who is let in.
pub(in super::super) const USER: &str = "reader";
/// The password.
pub(in super::super) const PASSWORD: &str = "Circle of Life";
const REALM: &str = "alto";
const NONCE: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
/// How often one run may ask for the same and be refused.
const TRIES: usize = 6;

pub(super) fn scenarios() -> Vec<Scenario> {
    let odd = |name, about, rule, needs, site, tasks, judge| Scenario {
        name,
        about,
        rule,
        needs,
        root: "/directory",
        site,
        tasks,
        judge: Some(judge),
    };
    let credentials = Needs::Credentials;
    vec![
        odd(
            "digest",
            "Everything is for those who authenticate by Digest",
            rules::DIGEST,
            credentials,
            digest,
            |site| three(site, rules::DIGEST),
            let_in as fn(&Scene<'_>, &mut Sheet),
        ),
        odd(
            "digest-refused",
            "Nobody is let in",
            rules::DIGEST,
            credentials,
            refused,
            |site| vec![map_task(site, rules::DIGEST).refused()],
            few_tries,
        ),
        odd(
            "https",
            "HTTPS with a certificate of the authority that clients were told to trust",
            rules::HTTPS,
            Needs::Tls(Certificate::Good),
            fixture,
            |site| three(site, rules::HTTPS),
            over_tls,
        ),
        odd(
            "https-name",
            "HTTPS with a certificate for another host",
            rules::HTTPS,
            Needs::Tls(Certificate::WrongName),
            fixture,
            |site| vec![map_task(site, rules::HTTPS).refused()],
            nothing_said,
        ),
        odd(
            "https-stranger",
            "HTTPS with a certificate of an authority that nobody knows",
            rules::HTTPS,
            Needs::Tls(Certificate::Stranger),
            fixture,
            |site| vec![map_task(site, rules::HTTPS).refused()],
            nothing_said,
        ),
    ]
}

fn three(site: &Site, rule: Requirement) -> Vec<Task> {
    vec![map_task(site, rule), cost_map_task(site, rule), costs_task(site, rule)]
}

fn challenge() -> Answer {
    let challenge =
        |algorithm| format!("Digest realm=\"{REALM}\", qop=\"auth\", algorithm={algorithm}, nonce=\"{NONCE}\"");
    Answer::plain(401, "who are you?")
        .with("WWW-Authenticate", &challenge("SHA-256"))
        .with("WWW-Authenticate", &challenge("MD5"))
}

/// Why credentials are not those of the user; nothing if they are.
fn wrong_with(request: &Request) -> Option<&'static str> {
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

fn digest(place: &Place) -> Site {
    let mut site = fixture(place);
    site.hooks.before = Some(Arc::new(|_, request| wrong_with(request).map(|_| challenge())));
    site
}

fn refused(place: &Place) -> Site {
    let mut site = fixture(place);
    site.hooks.before = Some(Arc::new(|_, _| Some(challenge())));
    site
}

/// What is sent in answer to the challenge must be right.
fn let_in(scene: &Scene<'_>, sheet: &mut Sheet) {
    few_tries(scene, sheet);
    for capture in scene.runs().flatten() {
        let Some(field) = capture.request.field("authorization") else { continue };
        let entry = sheet.on(rules::DIGEST);
        entry.saw(&capture.exchange(), 1, "Authorization");
        if let Some(wrong) = wrong_with(&capture.request) {
            let scheme = field.split(' ').next().unwrap_or_default();
            let seen = format!("{wrong} (scheme {scheme})");
            entry.fail(Finding::new("credentials that fit the challenge", seen).from(&capture.exchange()));
        }
    }
}

fn few_tries(scene: &Scene<'_>, sheet: &mut Sheet) {
    for run in scene.runs() {
        let mut refusals: HashMap<&str, usize> = HashMap::new();
        for capture in run.iter().filter(|capture| capture.answer.status == 401) {
            let times = refusals.entry(capture.request.resource.as_str()).or_default();
            *times += 1;
            let entry = sheet.on(rules::DIGEST);
            if *times == TRIES && capture.run > 0 {
                let expected = format!("fewer than {TRIES} requests that are refused");
                entry.fail(Finding::new(expected, "the client asks again and again").from(&capture.exchange()));
            }
        }
    }
}

/// That there are requests means that the handshake succeeded; the server offers nothing below TLS 1.2.
fn over_tls(scene: &Scene<'_>, sheet: &mut Sheet) {
    for capture in scene.runs().flatten() {
        sheet.on(rules::TLS_VERSION).saw(&capture.exchange(), 1, "TLS request");
    }
}

/// To the wrong server, nothing may be said.
fn nothing_said(scene: &Scene<'_>, sheet: &mut Sheet) {
    for capture in scene.runs().flatten() {
        let entry = sheet.on(rules::HTTPS);
        entry.saw(&capture.exchange(), 1, "untrusted server");
        let expected = "the connection is given up in the handshake";
        entry.fail(Finding::new(expected, "a request is sent").from(&capture.exchange()));
    }
}
