//! Scenarios with unusual responses: other media types, redirects, delays and failures.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::recording::Capture;
use super::super::requirements;
use super::super::scenario::POISON;
use super::super::scenario::PlayedScenario;
use super::super::scenario::{Deployment, FollowUp, Scenario};
use super::super::task::Task;
use super::{
    cost_map_task, costs_task, everything, fixture, graded_by, map_task, pid_task, property_task, scenario,
    with_replaced_responses,
};
use crate::mock_server::http::{ReceivedRequest, Response};
use crate::mock_server::media_type;
use crate::mock_server::resource::RequestTarget;
use crate::mock_server::service::Service;
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::verdict::{Finding, Grade};

/// Time after which a busy server answers.
const BUSY: Duration = Duration::from_secs(1);
/// Number of requests for one path at which a run counts as repeating itself.
const PATIENCE: usize = 50;
/// Limit on redirects for one path, after which the server answers with an error.
const ENOUGH: usize = 400;

pub(super) fn scenarios() -> Vec<Scenario> {
    [other_types_and_failures(), redirects_and_delivery()].into_iter().flatten().collect()
}

fn other_types_and_failures() -> Vec<Scenario> {
    vec![
        scenario("types", "Media types in mixed case, with parameters", requirements::TYPE_CASE, types, |service| {
            everything(service, requirements::TYPE_CASE)
        })
        .follow_up(FollowUp::ReadsDirectory),
        scenario(
            "answers-error",
            "Status 200 with an ALTO error that also has the data members of the requested resource",
            requirements::LOOKS_AT_TYPE,
            answers_error,
            other_type_tasks,
        ),
        scenario(
            "answers-directory",
            "Status 200 with a directory that lists the requested resource and also has its data members",
            requirements::LOOKS_AT_TYPE,
            answers_directory,
            other_type_tasks,
        ),
        scenario(
            "answers-html",
            "Status 200 with text/html whose body is the requested message with wrong data",
            requirements::LOOKS_AT_TYPE,
            answers_html,
            other_type_tasks,
        ),
        graded_by(
            no_hammering,
            scenario(
                "unknown-error",
                "Status 400 with an unregistered error code",
                requirements::UNKNOWN_ERROR,
                unknown_error,
                |service| refused(service, requirements::UNKNOWN_ERROR),
            ),
        ),
        scenario(
            "failing",
            "Status 500 with an HTML body for all resources other than directories",
            requirements::FAILING_SERVER,
            failing,
            |service| unlikely(service, requirements::FAILING_SERVER),
        ),
        scenario("broken-off", "Answers that are truncated", requirements::FAILING_SERVER, broken_off, |service| {
            unlikely(service, requirements::FAILING_SERVER)
        }),
        graded_by(
            waited,
            scenario(
                "busy",
                "Status 503 with Retry-After for the first requests",
                requirements::RETRY_AFTER,
                busy,
                |service| unlikely(service, requirements::RETRY_AFTER).into_iter().map(Task::inconclusive).collect(),
            ),
        ),
    ]
}

fn redirects_and_delivery() -> Vec<Scenario> {
    vec![
        graded_by(
            redirected,
            scenario(
                "redirects",
                "Status 301, 302, 303, 307 and 308 for all resources other than directories",
                requirements::MOVED,
                redirects,
                redirect_tasks,
            ),
        ),
        graded_by(
            no_hammering,
            scenario(
                "redirect-loop",
                "Redirects that form a loop",
                requirements::REDIRECT_LOOP,
                redirect_loop,
                |service| refused(service, requirements::REDIRECT_LOOP),
            ),
        ),
        scenario(
            "slow",
            "Delayed answers in small chunks, with chunk extensions and a trailer",
            requirements::HTTP,
            slow,
            |service| {
                vec![
                    map_task(service, requirements::HTTP),
                    pid_task(service, requirements::HTTP),
                    cost_map_task(service, requirements::HTTP),
                    costs_task(service, requirements::HTTP),
                ]
            },
        )
        .follow_up(FollowUp::ReadsDirectory),
        graded_by(
            fresh,
            scenario(
                "cached",
                "Answers from a cache that stay fresh for a day, with weak entity tags",
                requirements::CACHED,
                cached,
                |service| everything(service, requirements::CACHED),
            )
            .follow_up(FollowUp::ReadsDirectory),
        ),
        graded_by(
            cookies,
            scenario(
                "cookies",
                "Every answer sets a cookie that has no effect",
                requirements::COOKIES,
                set_cookies,
                |service| everything(service, requirements::COOKIES),
            ),
        ),
    ]
}

fn types(deployment: &Deployment) -> Service {
    let mut service = fixture(deployment);
    service.hooks.finish = Some(Arc::new(|_, _, answer| {
        let scenario = answer
            .field("content-type")
            .and_then(|value| value.strip_prefix("application/alto-"))
            .map(|rest| format!("Application/ALTO-{}; Charset=\"utf-8\" ;x=\"a;b, c\"", rest.to_uppercase()));
        if let Some(scenario) = scenario {
            answer.fields.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
            answer.fields.push(("cOnTeNt-tYpE".into(), scenario));
        }
    }));
    service
}

/// Returns the message that was requested, with incorrect contents.
fn poisoned(service: &Service, found: RequestTarget<'_>, request: &ReceivedRequest) -> Value {
    let RequestTarget::Resource(resource) = found else { return json!({}) };
    let mut message = match service.resource_message(resource, &request.body, request.peer.ip()) {
        Ok(message) => message,
        Err(error) => return error.to_json(),
    };
    if let Some(map) = message.get_mut("network-map") {
        *map = json!({ POISON: { "ipv4": ["0.0.0.0/0"], "ipv6": ["::/0"] } });
    }
    for (name, wrong) in
        [("cost-map", json!(666)), ("endpoint-cost-map", json!(666)), ("endpoint-properties", json!(POISON))]
    {
        let rows = message.get_mut(name).and_then(Value::as_object_mut).into_iter().flatten();
        for (_, cell) in rows.flat_map(|(_, row)| row.as_object_mut().into_iter().flatten()) {
            *cell = wrong.clone();
        }
    }
    message
}

fn answers_error(deployment: &Deployment) -> Service {
    with_replaced_responses(deployment, |service, found, request| {
        let mut message = poisoned(service, found, request);
        message["meta"]["code"] = json!("E_INVALID_FIELD_VALUE");
        Some(Response::new(200, media_type::ERROR, message.to_string()))
    })
}

/// Answers with a directory that lists the requested resource at its path with `/really` appended.
fn answers_directory(deployment: &Deployment) -> Service {
    let mut service = fixture(deployment);
    service.hooks.intercept = Some(Arc::new(|service, request| {
        if let Some(path) = request.path.strip_suffix("/really") {
            let straight = ReceivedRequest { path: path.into(), ..request.clone() };
            let found = service.find(&straight)?;
            let fits = (request.method == "POST") == found.accepts().is_some();
            return fits.then(|| service.serve(found, &straight));
        }
        let found = service.find(request)?;
        let RequestTarget::Resource(resource) = found else { return None };
        if (request.method == "POST") != found.accepts().is_some() {
            return None;
        }
        let mut message = poisoned(service, found, request);
        let directory = &service.directories[0];
        let whole = service.directory_message(directory);
        // The entry of the second map's costs is in the other directory.
        let of_other = service.directories.get(1).map(|other| service.directory_message(other));
        let of_other = of_other.as_ref().and_then(|other| other["resources"].get(&resource.id)).cloned();
        let mut entry = whole["resources"].get(&resource.id).cloned().or(of_other)?;
        entry["uri"] = json!(format!("{}/really", resource.path));
        for (name, value) in whole["meta"].as_object().into_iter().flatten() {
            message["meta"][name] = value.clone();
        }
        message["resources"] = json!({ resource.id.as_str(): entry });
        Some(Response::new(200, media_type::DIRECTORY, message.to_string()))
    }));
    service
}

fn answers_html(deployment: &Deployment) -> Service {
    with_replaced_responses(deployment, |service, found, request| {
        Some(Response::new(200, "text/html; charset=utf-8", poisoned(service, found, request).to_string()))
    })
}

/// Creates tasks that succeed only if the client checks the media type; errors are accepted.
fn other_type_tasks(service: &Service) -> Vec<Task> {
    unlikely(service, requirements::LOOKS_AT_TYPE)
}

fn unlikely(service: &Service, requirement: Requirement) -> Vec<Task> {
    vec![
        map_task(service, requirement).or_refusal(),
        pid_task(service, requirement).or_refusal(),
        cost_map_task(service, requirement).or_refusal(),
        costs_task(service, requirement).or_refusal(),
    ]
}

fn refused(service: &Service, requirement: Requirement) -> Vec<Task> {
    vec![
        map_task(service, requirement).refused(),
        cost_map_task(service, requirement).refused(),
        costs_task(service, requirement).refused(),
    ]
}

fn unknown_error(deployment: &Deployment) -> Service {
    with_replaced_responses(deployment, |_, _, _| {
        let message = json!({ "meta": { "code": "E_NOT_INVENTED_YET", "field": "a/b", "x-details": { "a": [1] } } });
        Some(Response::new(400, media_type::ERROR, message.to_string()))
    })
}

/// Fails clients that repeat a request many times without success.
fn no_hammering(played: &PlayedScenario<'_>, sheet: &mut Sheet) {
    for run in played.runs().filter(|run| run[0].run > 0) {
        let mut times: HashMap<&str, usize> = HashMap::new();
        for capture in run.iter().filter(|capture| !is_directory(capture)) {
            let count = times.entry(capture.request.path.as_str()).or_default();
            *count += 1;
            let entry = sheet.on(played.scenario.requirement);
            entry.saw(&capture.exchange(), 1, "request");
            if *count == PATIENCE {
                let expected = "the client gives up after a few requests";
                let seen = format!("{PATIENCE} requests for {} in one run", capture.request.path);
                entry.fail(Finding::new(expected, seen).from(&capture.exchange()));
            }
        }
    }
}

fn is_directory(capture: &Capture) -> bool {
    matches!(capture.subject, super::super::recording::RequestSubject::Directory(_))
}

fn failing(deployment: &Deployment) -> Service {
    with_replaced_responses(deployment, |_, _, _| {
        Some(Response::new(500, "text/html", "<h1>Internal Server Error</h1>"))
    })
}

fn broken_off(deployment: &Deployment) -> Service {
    with_replaced_responses(deployment, |service, found, request| {
        let mut answer = service.serve(found, request);
        answer.delivery.truncate_after = Some(answer.body.len() * 2 / 3);
        Some(answer)
    })
}

fn busy(deployment: &Deployment) -> Service {
    let since: Mutex<HashMap<String, Instant>> = Mutex::default();
    with_replaced_responses(deployment, move |_, _, request| {
        let mut since = since.lock().unwrap_or_else(PoisonError::into_inner);
        let first = *since.entry(request.path.clone()).or_insert_with(Instant::now);
        let wait = BUSY.saturating_sub(first.elapsed());
        let seconds = wait.as_secs_f32().ceil().to_string();
        (!wait.is_zero()).then(|| Response::plain(503, "busy").with("Retry-After", &seconds))
    })
}

/// Grades whether requests respect Retry-After; each run is considered separately.
fn waited(played: &PlayedScenario<'_>, sheet: &mut Sheet) {
    for run in played.runs() {
        let mut until: HashMap<&str, Duration> = HashMap::new();
        for capture in run {
            let path = capture.request.path.as_str();
            let entry = sheet.on(requirements::RETRY_AFTER);
            if let Some(until) = until.get(path).filter(|until| capture.at < **until) {
                let early = until.saturating_sub(capture.at).as_secs_f32();
                let expected = format!("nothing for {} s", BUSY.as_secs());
                entry.fail(Finding::new(expected, format!("asked again {early:.1} s early")).from(&capture.exchange()));
            }
            if capture.answer.status == 503 {
                entry.saw(&capture.exchange(), 1, "503 answer");
                // The clocks of both sides begin at different moments of the answer's way.
                until.entry(path).or_insert(capture.at + BUSY.saturating_sub(Duration::from_millis(50)));
            }
        }
    }
}

/// Moves all resources below `/moved`, and redirects to them.
fn redirects(deployment: &Deployment) -> Service {
    let mut service = fixture(deployment);
    let prefix = deployment.prefix.clone();
    let mut old_places = HashMap::new();
    for resource in &mut service.resources {
        let moved = format!("{prefix}/moved{}", &resource.path[prefix.len()..]);
        let old = std::mem::replace(&mut resource.path, moved.clone());
        let status = match resource.id.as_str() {
            "nm-a" => 301,
            "cm-a-num" => 302,
            "fcm-a" | "fcm-a-nc" => 303,
            "nm-b" | "eps" | "cm-b-num" => 308,
            _ => 307,
        };
        old_places.insert(old, (status, moved));
    }
    let (origin, results) = (deployment.origin.clone(), Mutex::new(Vec::<Response>::new()));
    service.hooks.intercept = Some(Arc::new(move |service, request| {
        let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
        let result = request.path.strip_prefix(&format!("{prefix}/results/"));
        if let Some(number) = result.filter(|_| request.method == "GET") {
            return results.get(number.parse::<usize>().ok()?).cloned();
        }
        let (status, moved) = old_places.get(&request.path)?;
        let target = match status {
            303 if results.len() < 1000 => {
                let straight = ReceivedRequest { path: moved.clone(), ..request.clone() };
                results.push(service.serve(service.find(&straight)?, &straight));
                format!("{prefix}/results/{}", results.len() - 1)
            }
            // An absolute URI, and an absolute path.
            301 | 307 => format!("{origin}{moved}"),
            _ => moved.clone(),
        };
        Some(Response::plain(*status, "elsewhere").with("Location", &target))
    }));
    service
}

fn redirect_tasks(service: &Service) -> Vec<Task> {
    vec![
        map_task(service, requirements::HTTP),
        pid_task(service, requirements::HTTP),
        cost_map_task(service, requirements::HTTP),
        costs_task(service, requirements::MOVED),
        property_task(service, requirements::MOVED, super::ADDRESSES),
    ]
}

/// Grades method and body of the request that follows a redirect.
fn redirected(played: &PlayedScenario<'_>, sheet: &mut Sheet) {
    for run in played.runs() {
        for (index, capture) in run.iter().enumerate().filter(|(_, capture)| capture.request.method == "POST") {
            let Some(location) = capture.answer.field("location") else { continue };
            let later = run[index + 1..].iter().find(|later| location.ends_with(&later.request.path));
            let (requirement, method) = match capture.answer.status {
                303 => (requirements::SEE_OTHER, "GET"),
                307 | 308 => (requirements::MOVED, "POST"),
                _ => continue,
            };
            let entry = sheet.on(requirement);
            entry.saw(&capture.exchange(), 1, "redirected POST");
            let status = capture.answer.status;
            let Some(later) = later else {
                let finding =
                    Finding::new(format!("a {method} of {location}"), format!("status {status} is not followed"));
                entry.fail(finding.from(&capture.exchange()));
                continue;
            };
            if later.request.method != method {
                let seen = format!("a {}", later.request.method);
                let finding = Finding::new(format!("a {method} after status {status}"), seen);
                entry.note(Grade::Fail, finding.from(&capture.exchange()).from(&later.exchange()));
            } else if method == "POST" && later.request.body != capture.request.body {
                let finding = Finding::new(format!("the same body after status {status}"), "another body");
                entry.note(Grade::Fail, finding.from(&capture.exchange()).from(&later.exchange()));
            }
        }
    }
}

fn redirect_loop(deployment: &Deployment) -> Service {
    let mut service = fixture(deployment);
    let counts: Mutex<HashMap<String, usize>> = Mutex::default();
    service.hooks.intercept = Some(Arc::new(move |service, request| {
        let path = request.path.trim_end_matches("/again");
        let straight = ReceivedRequest { path: path.into(), ..request.clone() };
        if !matches!(service.find(&straight)?, RequestTarget::Resource(_)) {
            return None;
        }
        let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(path.to_owned()).or_default();
        *count += 1;
        if *count > ENOUGH {
            return Some(Response::plain(500, "this could go on for ever"));
        }
        let target = if path == request.path { format!("{path}/again") } else { path.to_owned() };
        Some(Response::plain(307, "round and round").with("Location", &target))
    }));
    service
}

fn slow(deployment: &Deployment) -> Service {
    let mut service = fixture(deployment);
    service.hooks.finish = Some(Arc::new(|_, _, answer| {
        answer.delivery.chunk_size = 23;
        answer.delivery.delay = Duration::from_millis(200);
        answer.delivery.chunk_delay = Duration::from_millis(2);
    }));
    service
}

fn cached(deployment: &Deployment) -> Service {
    let mut service = fixture(deployment);
    service.hooks.finish = Some(Arc::new(|_, request, answer| {
        if request.method != "GET" || answer.status != 200 {
            return;
        }
        if let Some(tag) = answer.field("etag").map(|tag| format!("W/{tag}")) {
            answer.set("ETag", &tag);
        }
        answer.set("Cache-Control", "public, max-age=86400");
        answer.set("Age", "3600");
        answer.set("Via", "1.1 cache.example");
        answer.set("Warning", "113 - \"heuristic expiration\"");
    }));
    service
}

/// Warns if a run requests a resource again whose response is still fresh.
fn fresh(played: &PlayedScenario<'_>, sheet: &mut Sheet) {
    for run in played.runs().filter(|run| run[0].run > 0) {
        let mut seen = HashMap::new();
        for capture in run.iter().filter(|capture| capture.request.method == "GET" && capture.answer.status == 200) {
            let entry = sheet.on(requirements::FRESHNESS);
            entry.saw(&capture.exchange(), 1, "cacheable answer");
            if let Some(earlier) = seen.insert(capture.request.path.as_str(), capture) {
                let earlier: &Arc<Capture> = earlier;
                let finding =
                    Finding::new("what was received is used while it is fresh", "asked again in the same run");
                entry.warn(finding.from(&earlier.exchange()).from(&capture.exchange()));
            }
        }
    }
}

fn set_cookies(deployment: &Deployment) -> Service {
    let mut service = fixture(deployment);
    service.hooks.finish = Some(Arc::new(|_, _, answer| answer.set("Set-Cookie", "visitor=7; Path=/; HttpOnly")));
    service
}

fn cookies(played: &PlayedScenario<'_>, sheet: &mut Sheet) {
    for capture in played.runs().flat_map(|run| &run[1..]) {
        let entry = sheet.on(requirements::COOKIES);
        entry.saw(&capture.exchange(), 1, "later request");
        if capture.request.field("cookie").is_some() {
            entry.info(Finding::new("no cookies", "the cookie is returned").from(&capture.exchange()));
        }
    }
}
