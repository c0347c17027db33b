//! Ordinary requests, one to every resource before any unusual one: what gives no answer to these fails once, and is then
//! left alone, so that one fault does not show up in every check.

use crate::context::Context;
use crate::http::{Exchange, NoAnswer};
use crate::json::brief;
use crate::requirement::Requirement;
use crate::rfc7285::requirements::{
    s8_3_3::SEE_OTHER,
    s9_1_4::ACCEPTS,
    s9_2_2::{GET, POST, RELATIVE, SHARED},
};
use crate::sheet::Sheet;
use crate::subject::{Kind, Resource};
use crate::verdict::{Finding, Grade, Line};

/// Resource that gives no answer to an ordinary request.
pub(crate) struct Broken {
    /// Index of the resource in the subject.
    pub(crate) index: usize,
    /// ID of the resource that does not answer: this one, or the network map that requests for it are made from.
    pub(crate) cause: String,
    /// Verdict on the resource; `None` if another one counts, or if it may refuse the suite, which has no credentials for it.
    pub(crate) line: Option<Line>,
}

/// Sends an ordinary request to every resource and returns those that do not answer it, and the size of the largest answer.
pub(crate) fn ask_all(context: &Context<'_>) -> (Vec<Broken>, usize) {
    let (mut broken, mut largest) = (Vec::<Broken>::new(), 0);
    let subject = context.subject;
    let readable: Vec<&str> = subject.readable().map(|resource| resource.id.as_str()).collect();
    // Maps come first, as requests for other resources are made from them.
    let (posted, read): (Vec<_>, Vec<_>) =
        subject.resources.iter().enumerate().partition(|(_, resource)| resource.is_posted());
    for (index, resource) in read.into_iter().chain(posted) {
        let answer = match (resource.kind, resource.is_posted()) {
            (Kind::Directory, _) => continue,
            (_, false) if !readable.contains(&resource.id.as_str()) => continue,
            (_, false) => context.get(resource),
            (_, true) => {
                let map = subject.network_map_of(resource).or_else(|| subject.main_network_map());
                let is_broken =
                    |map: &&Resource| broken.iter().any(|known| subject.resources[known.index].id == map.id);
                if let Some(map) = map.filter(|map| is_broken(map)) {
                    // Nothing is known to ask about; the map counts already.
                    broken.push(Broken { index, cause: map.id.clone(), line: None });
                    continue;
                }
                match context.valid_request(resource) {
                    Ok(Some(body)) => context.post(resource, &body),
                    Ok(None) | Err(_) => continue,
                }
            }
        };
        let line = match answer {
            Ok(exchange) => {
                largest = largest.max(exchange.answer.body.len());
                match exchange.answer.status {
                    200..=299 => continue,
                    401 | 403 => None,
                    _ => Some(refused(context, resource, &exchange)),
                }
            }
            Err(trouble) if trouble.failure.is_given_up() => break,
            Err(trouble) => Some(unanswered(resource, &trouble)),
        };
        broken.push(Broken { index, cause: resource.id.clone(), line });
    }
    (broken, largest)
}

/// Returns the requirement that a resource without an answer violates.
fn violated(resource: &Resource) -> Requirement {
    if resource.is_posted() { POST } else { GET }
}

fn refused(context: &Context<'_>, resource: &Resource, exchange: &Exchange) -> Line {
    if exchange.redirects.iter().any(|record| record.status == Some(303)) {
        let finding = Finding::new("an answer at the URI that a 303 leads to", exchange.outline()).from(exchange);
        return line(resource, SEE_OTHER, |sheet| {
            sheet.on(SEE_OTHER).saw(exchange, 1, "answer with 303").note(Grade::Fail, finding);
        });
    }
    let uri = resource.entry.get("uri").map_or_else(String::new, brief);
    if exchange.answer.status == 404 {
        let expected = format!("a resource at {uri}, resolved to {}", resource.uri);
        let finding = Finding::new(expected, "status 404").at(resource.pointer() + "/uri").from(exchange);
        return line(resource, RELATIVE, |sheet| {
            sheet.on(RELATIVE).saw(exchange, 1, "URI").fail(finding);
        });
    }
    let shares = context.subject.at(&resource.uri).nth(1).is_some();
    let requirement = match exchange.answer.status {
        _ if shares => SHARED,
        415 => ACCEPTS,
        _ => violated(resource),
    };
    let finding = Finding::new("status 200 for an ordinary request", exchange.outline()).from(exchange);
    line(resource, requirement, |sheet| {
        sheet.on(requirement).saw(exchange, 1, "resource").fail(finding);
    })
}

fn unanswered(resource: &Resource, trouble: &NoAnswer) -> Line {
    let requirement = violated(resource);
    line(resource, requirement, |sheet| sheet.on(requirement).unanswered(trouble, "an answer to an ordinary request"))
}

fn line(resource: &Resource, requirement: Requirement, note: impl FnOnce(&mut Sheet)) -> Line {
    let mut sheet = Sheet::new(&[requirement]);
    note(&mut sheet);
    let mut line = sheet.verdicts().remove(0);
    line.resource = Some(resource.id.clone());
    line
}
