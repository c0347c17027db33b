//! HTTP exchanges, with redirects, authentication and retries.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use digest_auth::{AuthContext, HttpMethod, WwwAuthenticateHeader};
use fluent_uri::Uri;
use serde_json::Value;
use ureq::http;

use super::super::fault::Fault;
use super::{Answer, DIRECTORY, ERROR, Entry, Failed, Run, essence, resolve};

impl Run<'_> {
    /// Requests a resource; if the answer is a directory that lists the resource, follows it.
    pub(super) fn fetch(&mut self, entry: &Entry, body: Option<&Value>) -> Failed<Value> {
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

    pub(super) fn decode(&self, answer: &Answer, wanted: &str) -> Failed<Value> {
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

    /// Sends a request, and handles redirects, Digest challenges and Retry-After.
    pub(super) fn ask(&mut self, method: &str, uri: &str, wanted: &str, body: Option<(&str, &str)>) -> Failed<Answer> {
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
                    if redirects > 8 && !self.is(Fault::FollowsEndlessRedirects)
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
                        // The scenario grades real time: the client must wait as long as Retry-After says.
                        thread::sleep(Duration::from_secs(wait));
                    }
                }
                401 if (tries == 0 || (tries < 10 && self.is(Fault::RetriesForever))) && self.credentials.is_some() => {
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
            return Self::send_raw(method, uri);
        }
        let accept = match self.fault {
            Some(Fault::PrefersJson) => "application/json".to_owned(),
            _ => format!("{wanted}, {ERROR};q=0.5"),
        };
        let mut request = http::Request::builder().method(method).uri(uri).header("Accept", accept);
        if let Some(authorization) = authorization.or(self.is(Fault::IgnoresChallenge).then_some("Basic YTpi")) {
            request = request.header("Authorization", authorization);
        }
        if self.is(Fault::InventsTags) {
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

    fn send_raw(method: &str, uri: &str) -> Failed<Answer> {
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

/// Converts member names to lower case; the first of several equal names wins.
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
