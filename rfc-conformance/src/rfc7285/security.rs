//! Checks of TLS, authentication and robustness (RFC 7285 §8.3.5, §15).

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::requirements::{
    s8_3_5::{DIGEST, HTTPS},
    s15_1_2::{CERTIFICATE, CURRENT_TLS},
    s15_3_2::EVERYWHERE,
    s15_5_2::SURVIVES,
};
use crate::assertion::promised;
use crate::check::Check;
use crate::context::{Context, accept, post_request};
use crate::http::{self, Exchange, Failure, NoAnswer, Request};
use crate::sheet::{Entry, Sheet};
use crate::subject::{CostType, Kind, Resource};
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new("examines certificate and version of TLS, and offers TLS 1.0", &[HTTPS, CERTIFICATE, CURRENT_TLS], tls),
    Check::new(
        "sends requests without credentials, with valid and with invalid ones, and with an invented nonce",
        &[DIGEST, EVERYWHERE],
        authentication,
    ),
    Check::last(
        "asks for a hundred million pairs and sends a body of 64 MiB, then expects ordinary answers",
        &[SURVIVES],
        strain,
    ),
];

/// Number of sources and of destinations in a request for a hundred million pairs.
const MANY: u32 = 10_000;
/// Size of an excessive request body in bytes.
const HUGE: usize = 64 * 1024 * 1024;
/// Time limit for handshakes that should fail.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

fn tls(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let uri = context.subject.first.request.uri.as_str();
    if !uri.starts_with("https") {
        sheet.skip_all("the server was given by an http URI, so its TLS cannot be examined");
        return Ok(());
    }
    // Every answer so far came over TLS; the first one is representative.
    let first = &context.subject.first;
    sheet.on(HTTPS).saw(first, 1, "directory over https");
    if context.client.is_insecure() {
        sheet.on(CERTIFICATE).skip("--insecure disables verification of the certificate");
    } else {
        // The TLS library accepts subject alternative names only, so a connection shows that the certificate has them.
        sheet.on(CERTIFICATE).saw(first, 1, "certificate");
    }
    let target = http::request_target(uri).unwrap_or_default();
    let request = format!("GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", http::host_and_port(uri));
    let version = context.client.connect(uri).and_then(|mut wire| {
        wire.send(request.as_bytes())?;
        wire.answer(false)?;
        Ok(wire.tls_version())
    });
    let entry = sheet.on(CURRENT_TLS);
    match version {
        Ok(Some(_)) => drop(entry.saw(first, 1, "handshake")),
        Ok(None) => {}
        Err(failure) => drop(entry.fail(Finding::new("TLS 1.2 or 1.3", failure.to_string()).from(first))),
    }
    if let Some(version) = old_handshake(uri) {
        entry.warn(
            Finding::new("TLS 1.0 and 1.1 to be rejected", format!("a handshake of version 3.{version}")).from(first),
        );
    }
    Ok(())
}

/// Offers TLS 1.0 only; returns the minor version of the protocol if the server agrees to it.
fn old_handshake(uri: &str) -> Option<u8> {
    let mut stream = http::raw::connect(uri, HANDSHAKE_TIMEOUT).ok()?;
    stream.set_read_timeout(Some(HANDSHAKE_TIMEOUT)).ok()?;
    // RFC 2246 §7.4.1.2: version, random, no session, cipher suites of its time, no compression.
    let suites =
        [0xc0, 0x14, 0xc0, 0x0a, 0xc0, 0x13, 0xc0, 0x09, 0x00, 0x39, 0x00, 0x35, 0x00, 0x33, 0x00, 0x2f, 0x00, 0x0a];
    let mut hello = vec![3, 1];
    hello.extend([0x5a; 32]);
    hello.push(0);
    hello.extend([0, u8::try_from(suites.len()).ok()?]);
    hello.extend(suites);
    hello.extend([1, 0]);
    // Curves and point formats, which elliptic-curve suites need.
    let extensions = [0, 10, 0, 6, 0, 4, 0, 23, 0, 24, 0, 11, 0, 2, 1, 0];
    hello.extend([0, u8::try_from(extensions.len()).ok()?]);
    hello.extend(extensions);
    let length = u8::try_from(hello.len()).ok()?;
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    stream.write_all(&record).ok()?;
    let mut answer = [0; 11];
    stream.read_exact(&mut answer).ok()?;
    // A handshake record with a server hello has the agreed version.
    (answer[0] == 22 && answer[5] == 2 && answer[9] == 3 && answer[10] < 3).then_some(answer[10])
}

/// Creates a request without credentials.
fn anonymous_request(resource: &Resource, context: &Context<'_>) -> Result<Request, NoAnswer> {
    if !resource.is_posted() {
        return Ok(Request::get(&resource.uri).with("Accept", &accept(resource)));
    }
    let body = context.valid_request(resource)?.unwrap_or_else(|| json!({}));
    Ok(post_request(resource, body.to_string()))
}

fn authentication(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let subject = context.subject;
    let root = Request::get(&subject.root).with("Accept", "*/*");
    let first = context.client.send_unchanged(root.clone())?;
    let Some((user, password)) = context.user else {
        if first.answer.status == 401 {
            let entry = sheet.on(DIGEST);
            entry.saw(&first, 1, "answer");
            grade_challenge(entry, &first);
            sheet.on(EVERYWHERE).skip("the server requires authentication: give --user");
        } else {
            sheet.skip_all("the server requires no authentication");
        }
        return Ok(());
    };
    if first.answer.status != 401 {
        sheet.skip_all("the server requires no authentication, although --user was given");
        return Ok(());
    }
    let entry = sheet.on(DIGEST);
    entry.saw(&first, 1, "request without credentials");
    grade_challenge(entry, &first);
    for (name, secret, right) in
        [(user.as_str(), password.as_str(), true), (user, "not the password", false), ("nobody", password, false)]
    {
        // Each attempt gets a challenge of its own, as a new client would.
        let challenged = context.client.send_unchanged(root.clone())?;
        let Some(mut asked) = http::best_challenge(&challenged.answer) else {
            continue;
        };
        let Some(authorization) = http::answer_to(&mut asked, name, secret, &root) else {
            continue;
        };
        let exchange = context.client.send_unchanged(root.clone().with("Authorization", &authorization))?;
        entry.saw(&exchange, 1, "request with credentials");
        let status = exchange.answer.status;
        if right && (status == 401 || status == 403) {
            entry.fail(Finding::new("valid credentials to be accepted", exchange.outline()).from(&exchange));
        }
        if !right && status != 401 {
            entry.fail(Finding::new("status 401 for invalid credentials", exchange.outline()).from(&exchange));
        }
    }
    let invented = "Digest username=\"nobody\", realm=\"alto\", nonce=\"invented\", uri=\"/\", response=\"00\"";
    let exchange = context.client.send_unchanged(root.with("Authorization", invented))?;
    entry.saw(&exchange, 1, "request with an invented nonce");
    if exchange.answer.status != 401 {
        entry.fail(Finding::new("status 401 for an invented nonce", exchange.outline()).from(&exchange));
    }
    let entry = sheet.on(EVERYWHERE);
    for resource in context.resources().filter(|resource| context.client.is_home(&resource.uri)) {
        let exchange = context.client.send_unchanged(anonymous_request(resource, context)?)?;
        entry.saw(&exchange, 1, "resource");
        if !matches!(exchange.answer.status, 401 | 403) {
            entry.fail(Finding::new("status 401 or 403 without credentials", exchange.outline()).from(&exchange));
        }
    }
    Ok(())
}

fn grade_challenge(entry: &mut Entry, exchange: &Exchange) {
    if http::best_challenge(&exchange.answer).is_none() {
        let seen: Vec<_> = exchange.answer.headers("www-authenticate").collect();
        let seen = if seen.is_empty() { "none".to_owned() } else { seen.join(", ") };
        entry.fail(Finding::new("`WWW-Authenticate: Digest`", seen).from(exchange));
    }
}

fn strain(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(SURVIVES);
    entry.skip("no resource that takes requests is listed");
    for resource in context.of(Kind::EndpointCost).take(1) {
        let Some(cost_type) = context.subject.cost_types_of(resource).first().map(CostType::to_json) else {
            continue;
        };
        let addresses = |net: u32| -> Vec<String> {
            (0..MANY).map(|host| format!("ipv4:{}", std::net::Ipv4Addr::from((net << 24) + host))).collect()
        };
        let body = json!({"cost-type": cost_type, "endpoints": {"srcs": addresses(10), "dsts": addresses(11)}});
        let what = format!("{MANY} times {MANY} endpoints");
        // Overload is a permitted answer here, so the request is not repeated.
        let answer = context.client.send_once(post_request(resource, body.to_string()));
        grade_demand(entry, &what, answer);
    }
    // One resource is enough, as the limit is one of the server.
    if let Some((resource, body)) = context.valid_requests()?.into_iter().next() {
        let text = body.to_string();
        let head = || {
            format!(
                "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n{}\r\n",
                http::request_target(&resource.uri).unwrap_or_default(),
                http::host_and_port(&resource.uri),
                resource.accepts.as_deref().unwrap_or_default(),
                HUGE + text.len(),
                context.client.authorization_line(&post_request(resource, text.clone())),
            )
        };
        // A raw socket, because the error may arrive while the body is still being sent.
        let answer = context.client.send_raw(&resource.uri, || {
            let mut bytes = head().into_bytes();
            bytes.resize(bytes.len() + HUGE, b' ');
            bytes.extend(text.as_bytes());
            bytes
        });
        grade_reaction(entry, &format!("a body of {} MiB", HUGE >> 20), answer);
    }
    grade_survival(context, entry)
}

/// Grades the reaction to a request that asks for more than any server has to give: nothing but a crash, which shows in the
/// requests that follow, is a failure.
fn grade_demand(entry: &mut Entry, what: &str, answer: Result<Arc<Exchange>, NoAnswer>) {
    let expected = format!("an answer or an error for {what}");
    match answer {
        Ok(exchange) => {
            entry.saw(&exchange, 1, "expensive request");
            if exchange.answer.status >= 500 && exchange.answer.status != 503 {
                entry.warn(Finding::new(expected, exchange.outline()).from(&exchange));
            }
        }
        Err(trouble) if trouble.failure.is_given_up() => entry.interrupt(&trouble),
        Err(trouble) => {
            let mut finding = Finding::new(expected, trouble.failure.to_string());
            finding.records.push(Arc::clone(&trouble.record));
            match trouble.failure {
                // An answer of so many pairs may exceed the limit of this suite.
                Failure::TooLong(_) => entry.info(finding),
                _ => entry.warn(finding),
            };
        }
    }
}

/// Grades the reaction to an expensive request: an answer or error passes, a closed connection warns, silence fails.
fn grade_reaction(entry: &mut Entry, what: &str, answer: Result<Arc<Exchange>, NoAnswer>) {
    let expected = format!("an answer or an error for {what}");
    match answer {
        Ok(exchange) => {
            entry.saw(&exchange, 1, "expensive request");
            if exchange.answer.status >= 500 && exchange.answer.status != 503 {
                entry.fail(Finding::new(expected, exchange.outline()).from(&exchange));
            }
        }
        Err(trouble) if trouble.failure.is_given_up() => entry.interrupt(&trouble),
        Err(trouble) => {
            let mut finding = Finding::new(expected, trouble.failure.to_string());
            finding.records.push(Arc::clone(&trouble.record));
            match trouble.failure {
                Failure::TimedOut(_) | Failure::Unreachable(_) => entry.fail(finding),
                _ => entry.warn(finding),
            };
        }
    }
}

fn grade_survival(context: &Context<'_>, entry: &mut Entry) -> Result<(), NoAnswer> {
    for (resource, body) in context.valid_requests()? {
        match context.post(resource, &body) {
            Ok(exchange) => {
                entry.saw(&exchange, 1, "request after expensive ones");
                if let Err(finding) = promised(resource, &exchange) {
                    entry.fail(finding);
                }
            }
            Err(trouble) => entry.unanswered(&trouble, "an answer after expensive requests"),
        }
    }
    Ok(())
}
