//! Verdicts on a client, from its requests and its answers.

use std::sync::Arc;

use serde_json::Value;

use super::comparison;
use super::driver::{Ending, TaskOutcome, TaskRun};
use super::recording::{Capture, RequestSubject, UnparsableRequest};
use super::requests;
use super::requirements;
use super::scenario::{POISON, PlayedScenario};
use super::task::{Expected, Task};
use crate::http::{Answer, Exchange, Request};
use crate::json;
use crate::mock_server::resource::ResourceKind;
use crate::requirement::Requirement;
use crate::sheet::{Entry, Sheet};
use crate::verdict::{Finding, Grade, Line};

/// Scenarios with an unusual directory, which a client has understood if it requests the resources in it.
const UNUSUAL_DIRECTORIES: &[&str] = &[
    "plain",
    "members",
    "meta",
    "order",
    "escapes",
    "case",
    "modes",
    "kinds",
    "bare",
    "shared-uri",
    "types",
    "slow",
    "cached",
];

/// Computes all verdicts, in the order of the standards.
pub(super) fn verdicts(scenes: &[PlayedScenario<'_>], unparsable: &[UnparsableRequest]) -> Vec<Line> {
    let mut sheet = Sheet::new(requirements::ALL);
    for played in scenes {
        by_answers(played, fails_anyway(scenes), &mut sheet);
        by_requests(played, &mut sheet);
        if let Some(judge) = played.scenario.judge {
            judge(played, &mut sheet);
        }
        requests::judge(played, &mut sheet);
    }
    for message in unparsable {
        let head = json::shorten(message.refusal.head.lines().next().unwrap_or_default(), 100);
        let scenario = message.scenario.unwrap_or("no scenario");
        let seen = format!("{} ({head:?}, from {}, in {scenario})", message.refusal.reason, message.peer);
        sheet.on(requirements::FRAMING).fail(Finding::new("a request that RFC 7230 allows", seen));
    }
    sheet.skip_all("the client did nothing that would show it");
    let mut lines = sheet.verdicts();
    lines.sort_by_key(|line| line.requirement.order());
    lines
}

/// Returns a predicate for tasks that already fail in the scenario `plain`.
fn fails_anyway<'a>(scenes: &'a [PlayedScenario<'a>]) -> impl Fn(&Task) -> bool + 'a {
    let plain = scenes.iter().find(|played| played.scenario.name == "plain");
    move |task| {
        let same =
            plain.into_iter().flat_map(PlayedScenario::done).filter(|(other, _)| other.ask.name() == task.ask.name());
        // What fails may be a part of what can be asked, such as ranks.
        let mut same =
            same.filter(|(other, _)| other.ask.cost_type().is_none_or(|its| Some(its) == task.ask.cost_type()));
        same.any(|(other, done)| wrong_with(other, done).is_some())
    }
}

/// Compares the outcome of a run with the expectation; returns grade, expected and observed value of a violation.
fn wrong_with(task: &Task, done: &TaskRun) -> Option<(Option<Grade>, String, String)> {
    let right = match &task.expected {
        Expected::Answer(right) | Expected::AnswerOrRefusal(right) => Some(right),
        Expected::Refusal | Expected::Anything => None,
    };
    let expected = |value: &Value| format!("the answer {}", json::brief(value));
    match (&done.ending, &task.expected) {
        (Ending::Crashed(how), _) => {
            Some((Some(Grade::Fail), "an answer or an error".into(), format!("the client crashed: {how}")))
        }
        (Ending::TimedOut(after), _) => {
            let seen = format!("the client did not end within {} s", after.as_secs());
            Some((Some(Grade::Fail), "an answer or an error".into(), seen))
        }
        (Ending::Refused(code), Expected::Answer(right)) => {
            let words = done.words.as_deref().map_or_else(String::new, |words| format!(": {words}"));
            Some((None, expected(right), format!("an error (exit code {code}{words})")))
        }
        (Ending::Succeeded, Expected::Refusal) => {
            let answer = done.answer.as_ref().map_or_else(|| "success".to_owned(), json::brief);
            Some((None, "an error".into(), answer))
        }
        (Ending::Succeeded, _) => {
            let (right, answer) = (right?, done.answer.as_ref()?);
            let wrong = comparison::difference(&task.ask, right, answer)?;
            Some((Some(Grade::Fail), expected(right), format!("{wrong} in {}", json::brief(answer))))
        }
        (Ending::Refused(_), _) => None,
    }
}

/// Grades the answers of the client.
fn by_answers(played: &PlayedScenario<'_>, fails_anyway: impl Fn(&Task) -> bool, sheet: &mut Sheet) {
    let name = played.scenario.name;
    for (task, driven) in &played.attempts {
        let done = match driven {
            TaskOutcome::Not(why) => {
                sheet.on(task.requirement).skip(why.clone());
                continue;
            }
            TaskOutcome::TaskRun(done) => done,
        };
        let entry = sheet.on(rule_of(task, played, done));
        let asked = task.ask.name();
        if name != "plain" && fails_anyway(task) {
            entry.skip(format!("the task {asked} already fails where nothing is unusual"));
            continue;
        }
        let last = played.run(done.run).next_back().map(|capture| capture.exchange());
        if let Some((grade, expected, seen)) = wrong_with(task, done) {
            let mut finding =
                Finding::new(expected, format!("{seen} (scenario {name}, task {asked}: {})", done.command));
            if let Some(last) = &last {
                finding = finding.from(last);
            }
            match grade {
                Some(grade) => entry.note(grade, finding),
                None => entry.fail(finding),
            };
            continue;
        }
        let unread = done.answer.is_none() && done.ending == Ending::Succeeded;
        if unread && task.expected != Expected::Anything {
            entry.skip(format!("what the task {asked} prints is not JSON, so it cannot be compared"));
        } else if task.weak {
            entry.skip("the occasion did not arise");
        } else if let Some(last) = &last {
            entry.saw(last, 1, "client answer");
        } else if matches!(task.expected, Expected::Refusal) {
            // Nothing was asked, and that is right: the connection was given up.
            let session = Exchange::captured(0, Request::get(&done.uri), Answer::none());
            entry.saw(&session, 1, "refused connection");
        }
    }
}

/// Returns the requirement that a task is evidence for, which may depend on the resources the client used.
fn rule_of(task: &Task, played: &PlayedScenario<'_>, done: &TaskRun) -> Requirement {
    let service =
        |capture: &Arc<Capture>| capture.resource().is_some_and(|r| matches!(r.kind, ResourceKind::EndpointCost(_)));
    if task.requirement == requirements::ENDPOINT_COSTS_ARE_NUMBERS && !played.run(done.run).any(service) {
        return requirements::COSTS_ARE_NUMBERS;
    }
    task.requirement
}

/// Grades the requests: none may contain text that had to be ignored, or address anything that no directory lists.
fn by_requests(played: &PlayedScenario<'_>, sheet: &mut Sheet) {
    let mut read = false;
    let unusual_directory = UNUSUAL_DIRECTORIES.contains(&played.scenario.name);
    for capture in &played.captures {
        let poisoned = capture.request.path.contains(POISON)
            || capture.request.body.windows(POISON.len()).any(|window| window == POISON.as_bytes());
        if poisoned {
            let entry: &mut Entry = sheet.on(played.scenario.requirement);
            let finding = Finding::new("nothing is made of what has to be ignored", "the client asks for it");
            entry.note(Grade::Fail, finding.from(&capture.exchange()));
        }
        match &capture.subject {
            RequestSubject::Stray if !poisoned => {
                let seen = format!("{} {}", capture.request.method, capture.request.target);
                let expected = "only URIs that the directories name";
                sheet.on(requirements::RELATIVE).fail(Finding::new(expected, seen).from(&capture.exchange()));
            }
            // That the client went on means that it could read the directory.
            RequestSubject::Resource(_) if read && played.done().next().is_none() && unusual_directory => {
                sheet.on(played.scenario.requirement).saw(&capture.exchange(), 1, "follow-up request");
            }
            RequestSubject::Resource(_)
                if matches!(played.scenario.name, "relative" | "moved-directory" | "delegated") =>
            {
                sheet.on(requirements::RELATIVE).saw(&capture.exchange(), 1, "resolved URI");
            }
            RequestSubject::Directory(_) => read = true,
            _ => {}
        }
    }
}
