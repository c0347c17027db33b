//! Checks of views while the data change (RFC 9569 §3, §4.1, §5.2, §6.2, §7.2, §7.4.2, §8).

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::edges::{continuity, gone, item};
use super::graph::{along, at_end};
use super::requirements::{
    s3_1::{CONSECUTIVE, EDGES, PATHS},
    s3_2::{COMPACTION, CONTINUITY, FEASIBILITY, NEW_NODES, RIGHT_SHIFT},
    s4_1::HELD,
    s5_2::{KEYS, LIMITS, NULL_JSON},
    s6_2::WITH_TAG,
    s7_1::EDGE_TYPE,
    s7_2::{ERROR_BODY, FORMAT, GONE, PROCESSING},
    s7_4_2::{CHEAPER, LOOKED_UP},
    s8::LIKE_STREAMS,
    sa::ONE_HOST,
};
use super::{MOST, services};
use crate::check::Check;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer, Pending};
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::subject::{CostType, Kind};
use crate::updates::agreement::{difference, tag};
use crate::updates::patch::nulls;
use crate::updates::target::{Service, Target};
use crate::updates::view::{Summary, View};
use crate::updates::{JSON_PATCH, MERGE_PATCH};
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[Check::last(
    "makes the data change with --change, waits for each edge, replays views, and compares them with the resources",
    OF_CHANGES,
    changes,
)];

/// Requirements that take changes, and those of which changes give more.
const OF_CHANGES: &[Requirement] = &[
    CONSECUTIVE,
    EDGES,
    PATHS,
    CONTINUITY,
    FEASIBILITY,
    NEW_NODES,
    COMPACTION,
    RIGHT_SHIFT,
    HELD,
    KEYS,
    LIMITS,
    NULL_JSON,
    WITH_TAG,
    EDGE_TYPE,
    FORMAT,
    PROCESSING,
    GONE,
    ERROR_BODY,
    LOOKED_UP,
    CHEAPER,
    LIKE_STREAMS,
    ONE_HOST,
];

/// Number of changes that are made.
const CHANGES: usize = 6;
/// Number of clients that wait for the same edge.
const CLIENTS: usize = 5;
/// Pause between looks at whether a change has had an effect.
const PAUSE: Duration = Duration::from_millis(30);
/// Reason to skip checks.
const NO_CHANGE: &str = "nothing changes during the run: give --change";
/// Reason to skip checks.
const NOTHING_CHANGED: &str = "the changes of --change did not lead to this";

fn changes(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for service in services(context, sheet)? {
        let Some(change) = context.change else {
            sheet.skip_all(NO_CHANGE);
            return Ok(());
        };
        let mut followed = followed(context, &service)?;
        for number in 1..=CHANGES {
            let Some(first) = followed.first_mut() else { return Ok(()) };
            first.crowd = CLIENTS - 1;
            for one in &mut followed {
                one.wait(context)?;
            }
            if change.make(number).is_err() {
                break;
            }
            wait_for_effect(context, &followed)?;
            for one in &mut followed {
                one.after_change(context, sheet)?;
            }
        }
        for one in &followed {
            one.at_last(context, &service, sheet)?;
        }
    }
    sheet.skip_all(NOTHING_CHANGED);
    Ok(())
}

/// Opens the views that are followed.
fn followed<'a>(context: &'a Context<'_>, service: &Service<'a>) -> Result<Vec<Followed<'a>>, NoAnswer> {
    let mut targets: Vec<Target<'a>> = service.some(MOST).into_iter().cloned().collect();
    let is_ordinal = |target: &&Target<'a>| {
        target.resource.kind == Kind::CostMap
            && context.subject.cost_types_of(target.resource).iter().all(CostType::is_ordinal)
    };
    targets.extend(service.targets.iter().find(is_ordinal).cloned());
    let mut all = Vec::new();
    for target in targets {
        let Ok(view) = View::open(context, service.resource, &target, None)? else { continue };
        if let Some(document) = at_end(context, &view)? {
            let is_ordinal = is_ordinal(&&target);
            let (version, summary) = (view.summary.end, view.summary);
            let tags = vec![(version, tag(&document).map(str::to_owned))];
            let documents = vec![(version, document)];
            let (waiting, crowd, deleted) = (Vec::new(), 0, Vec::new());
            let lost = false;
            all.push(Followed { view, summary, documents, tags, waiting, crowd, deleted, is_ordinal, lost });
        }
    }
    Ok(all)
}

fn wait_for_effect(context: &Context<'_>, followed: &[Followed<'_>]) -> Result<(), NoAnswer> {
    let end = Instant::now() + context.client.patience();
    while Instant::now() < end {
        for one in followed {
            let exchange = one.view.target.fetch(context)?;
            let Some((_, before)) = one.documents.last() else { continue };
            if exchange.value().is_some_and(|now| difference(before, now).is_some()) {
                return Ok(());
            }
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// A view that is followed while the data change.
struct Followed<'a> {
    view: View<'a>,
    /// Latest summary.
    summary: Summary,
    /// Documents by version, the newest last.
    documents: Vec<(u64, Value)>,
    tags: Vec<(u64, Option<String>)>,
    /// Requests that wait for the next edge.
    waiting: Vec<Pending>,
    /// Number of further clients that wait.
    crowd: usize,
    /// Members that the last edge, if a merge patch, deletes.
    deleted: Vec<String>,
    is_ordinal: bool,
    /// True once the document differs from the resource.
    lost: bool,
}

impl Followed<'_> {
    fn version(&self) -> u64 {
        self.documents.last().map_or(0, |(version, _)| *version)
    }

    /// Begins to wait for the next edge.
    fn wait(&mut self, context: &Context<'_>) -> Result<(), NoAnswer> {
        let version = self.version();
        while self.waiting.len() < 1 + self.crowd {
            self.waiting.push(self.view.poll(context, version, version + 1)?);
        }
        Ok(())
    }

    /// Takes what a change has led to.
    fn after_change(&mut self, context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
        let patience = context.client.patience();
        let end = Instant::now() + patience;
        let before = self.documents.last().map(|(_, document)| document.clone());
        loop {
            let fetched = self.view.target.fetch(context)?;
            let Some(now) = fetched.value() else { return Ok(()) };
            let Some((_, held)) = self.documents.last() else { return Ok(()) };
            let Some(place) = difference(held, now) else {
                let changed = before.as_ref().is_some_and(|before| difference(before, now).is_some());
                if changed {
                    self.agrees(&fetched, before.as_ref(), sheet);
                    self.summaries(context, sheet)?;
                }
                return Ok(());
            };
            if self.lost || Instant::now() >= end {
                self.lost = true;
                let entry = sheet.on(EDGES);
                let finding = Finding::new("what a request for the resource gives", "another document").at(place);
                entry.saw(&fetched, 1, "document").fail(finding.from(&self.view.opened).from(&fetched));
                for requirement in self.of_kind() {
                    let finding = Finding::new("what a request for the resource gives", "another document");
                    sheet.on(requirement).saw(&fetched, 1, "document").fail(finding.from(&fetched));
                }
                self.lost_nulls(&fetched, before.as_ref(), sheet);
                return Ok(());
            }
            self.step(context, patience, sheet)?;
        }
    }

    fn of_kind(&self) -> impl Iterator<Item = Requirement> + use<> {
        let like = self.is_ordinal || self.view.target.resource.kind == Kind::FilteredCostMap;
        like.then_some(LIKE_STREAMS).into_iter()
    }

    /// Awaits the next edge and applies it.
    fn step(&mut self, context: &Context<'_>, patience: Duration, sheet: &mut Sheet) -> Result<(), NoAnswer> {
        let from = self.version();
        self.wait(context)?;
        let waiting = std::mem::take(&mut self.waiting);
        let mut first: Option<Arc<Exchange>> = None;
        for mut pending in waiting {
            let answer = match pending.answer(context.client, patience) {
                Ok(answer) => answer,
                Err(trouble) if trouble.failure.is_given_up() => return Err(trouble),
                Err(trouble) => {
                    sheet.on(HELD).unanswered(&trouble, "an answer when the version is there");
                    continue;
                }
            };
            // Servers and proxies may end what they have held for long; the client asks again.
            if answer.as_ref().is_some_and(|exchange| exchange.answer.status >= 500) {
                continue;
            }
            let Some(exchange) = answer.filter(|exchange| exchange.answer.status == 200) else {
                for requirement in [NEW_NODES, HELD, PROCESSING] {
                    let expected = format!("the edge from {from} to {} when the version is there", from + 1);
                    let finding = Finding::new(expected, "no such answer").from(&self.view.opened);
                    sheet.on(requirement).saw(&self.view.opened, 1, "held request").fail(finding);
                }
                self.lost = true;
                continue;
            };
            for requirement in [NEW_NODES, HELD, PROCESSING] {
                sheet.on(requirement).saw(&exchange, 1, "held request");
            }
            first.get_or_insert(exchange);
        }
        self.crowd = 0;
        let Some(exchange) = first else { return Ok(()) };
        item(&self.view, &exchange, false, sheet);
        let media_type = exchange.answer.media_type().map(|its| its.essence).unwrap_or_default();
        if media_type != self.view.target.resource.media_type {
            let entry = sheet.on(KEYS);
            entry.saw(&exchange, 1, "patch");
            if self.view.target.patches.is_empty() {
                let finding = Finding::new("the whole resource, as no patches are announced", &media_type);
                entry.fail(finding.from(&exchange));
            }
        }
        let merged = exchange.value().filter(|_| media_type == MERGE_PATCH);
        self.deleted = merged.map(nulls).unwrap_or_default();
        let held = self.documents.last().map(|(_, document)| document.clone());
        match self.view.apply(held, &exchange) {
            Ok(document) => {
                self.tags.push((from + 1, tag(&document).map(str::to_owned)));
                self.documents.push((from + 1, document));
            }
            Err(reason) => {
                self.lost = true;
                let finding = Finding::new(format!("an edge that turns version {from} into the next one"), reason);
                sheet.on(EDGES).saw(&exchange, 1, "edge").fail(finding.from(&exchange));
            }
        }
        Ok(())
    }

    /// Notes that the document is what the resource gives, and how nulls were told.
    fn agrees(&self, fetched: &Arc<Exchange>, before: Option<&Value>, sheet: &mut Sheet) {
        sheet.on(EDGES).saw(fetched, 1, "document");
        for requirement in self.of_kind() {
            sheet.on(requirement).saw(fetched, 1, "document");
        }
        let old = before.map(nulls).unwrap_or_default();
        let new = fetched.value().map(nulls).unwrap_or_default();
        if new.iter().any(|pointer| !old.contains(pointer)) {
            sheet.on(LIMITS).saw(fetched, 1, "new null");
            let types = &self.view.target.patches;
            let announces = |media_type: &str| types.iter().any(|known| known == media_type);
            if announces(JSON_PATCH) && announces(MERGE_PATCH) {
                sheet.on(NULL_JSON).saw(fetched, 1, "new null");
            }
        }
    }

    /// Grades whether the document differs because a null travelled in a merge patch, which cannot express it.
    fn lost_nulls(&self, fetched: &Arc<Exchange>, before: Option<&Value>, sheet: &mut Sheet) {
        let old = before.map(nulls).unwrap_or_default();
        let mut new = fetched.value().map(nulls).unwrap_or_default();
        new.retain(|pointer| !old.contains(pointer));
        let Some(null) = new.first() else { return };
        let finding = || Finding::new(format!("null at {null}"), "another document").from(fetched);
        sheet.on(LIMITS).saw(fetched, 1, "new null").fail(finding());
        let types = &self.view.target.patches;
        if self.deleted.contains(null) && types.iter().any(|known| known == JSON_PATCH) {
            sheet.on(NULL_JSON).saw(fetched, 1, "new null").fail(finding());
        }
    }

    /// Grades the summaries after a change.
    fn summaries(&mut self, context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
        let exchange = self.view.recommend(context, None)?;
        let Some(summary) = exchange.value().and_then(Summary::read) else { return Ok(()) };
        let entry = sheet.on(RIGHT_SHIFT);
        entry.saw(&exchange, 1, "summary");
        if summary.start < self.summary.start || summary.end < self.summary.end {
            let seen =
                format!("{} to {} after {} to {}", summary.start, summary.end, self.summary.start, self.summary.end);
            entry.fail(Finding::new("numbers that never decrease", seen).from(&exchange));
        }
        let entry = sheet.on(CONSECUTIVE);
        entry.saw(&exchange, 1, "summary");
        // Versions may have come after the last one that was read.
        let version = self.version();
        if summary.end < version || summary.end > version + 1 {
            let finding = Finding::new(format!("end-seq {version}"), summary.end.to_string());
            entry.fail(finding.from(&exchange));
        }
        if summary.start > self.summary.start {
            let snapshot = self.view.edge(context, 0, summary.start)?;
            let entry = sheet.on(COMPACTION);
            entry.saw(&snapshot, 1, "new start-seq");
            if snapshot.answer.status != 200 {
                let finding = Finding::new(format!("a snapshot of {}", summary.start), snapshot.outline());
                entry.fail(finding.from(&exchange).from(&snapshot));
            }
        }
        self.summary = summary;
        Ok(())
    }

    /// Grades the whole graph after all changes.
    fn at_last(&self, context: &Context<'_>, service: &Service<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
        let Ok(view) = View::open(context, service.resource, &self.view.target, None)? else { return Ok(()) };
        let summary = view.summary;
        if self.lost || summary.start == summary.end || view.uri != self.view.uri {
            return Ok(());
        }
        for from in summary.start..summary.end {
            let edge = view.edge(context, from, from + 1)?;
            continuity(&view, from, &edge, sheet);
        }
        let snapshot = view.edge(context, 0, summary.start)?;
        let entry = sheet.on(FEASIBILITY);
        entry.saw(&snapshot, 1, "snapshot");
        if snapshot.answer.status != 200 {
            let finding = Finding::new(format!("a snapshot of {}", summary.start), snapshot.outline());
            entry.fail(finding.from(&snapshot));
        }
        self.paths(context, &view, sheet)?;
        gone(context, &view, sheet)?;
        self.with_tags(context, service, &view, sheet)
    }

    /// Grades whether all ways to a version lead to the same document.
    fn paths(&self, context: &Context<'_>, view: &View<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
        let summary = view.summary;
        let stepwise = along(context, view, summary.start, summary.end)?;
        let of =
            |version: u64| self.documents.iter().find(|(known, _)| *known == version).map(|(_, document)| document);
        let mut compare = |edge: &Exchange, document: Option<Value>, version: u64| {
            let (Some(document), Some(known)) = (document, of(version)) else { return };
            let entry = sheet.on(PATHS);
            entry.saw(edge, 1, "way to a version");
            if let Some(place) = difference(&document, known) {
                let finding = Finding::new(format!("the same version {version} on every way"), "another one");
                entry.fail(finding.at(place).from(edge));
            }
        };
        compare(&view.opened, stepwise, summary.end);
        for to in summary.start..=summary.end {
            let snapshot = view.edge(context, 0, to)?;
            if snapshot.answer.status == 200 {
                compare(&snapshot, view.apply(None, &snapshot).ok(), to);
            }
            for from in summary.start..to.saturating_sub(1) {
                let shortcut = view.edge(context, from, to)?;
                if let (200, Some(held)) = (shortcut.answer.status, of(from)) {
                    compare(&shortcut, view.apply(Some(held.clone()), &shortcut).ok(), to);
                }
            }
        }
        Ok(())
    }

    /// Asks for edges from versions that a client may have.
    fn with_tags(
        &self,
        context: &Context<'_>,
        service: &Service<'_>,
        view: &View<'_>,
        sheet: &mut Sheet,
    ) -> Result<(), NoAnswer> {
        let summary = view.summary;
        let earlier = self.tags.iter().rev().find(|(version, tag)| *version < summary.end && tag.is_some());
        let Some((version, Some(tag))) = earlier else { return Ok(()) };
        if view.target.input.is_some() || *version < summary.start {
            return Ok(());
        }
        if let Ok(opened) = View::open(context, service.resource, &view.target, Some(tag))? {
            let from = opened.summary.from;
            let edge = opened.edge(context, from, opened.summary.to)?;
            let entry = sheet.on(WITH_TAG);
            entry.saw(&opened.opened, 1, "request with a tag");
            if (from != 0 && from != *version) || edge.answer.status != 200 {
                let finding =
                    Finding::new(format!("an edge from {version} or from 0, which exists"), format!("from {from}"));
                entry.fail(finding.from(&opened.opened).from(&edge));
            }
        }
        let exchange = view.recommend(context, Some(tag))?;
        let Some(next) = exchange.value().and_then(Summary::read) else { return Ok(()) };
        let entry = sheet.on(LOOKED_UP);
        entry.saw(&exchange, 1, "request with a tag");
        if next.from != 0 && next.from != *version {
            let finding = Finding::new(format!("an edge from {version} or from 0"), format!("from {}", next.from));
            entry.fail(finding.from(&exchange));
        }
        let (patch, whole) = (view.edge(context, *version, version + 1)?, view.edge(context, 0, next.to)?);
        let sizes = (patch.answer.body.len(), whole.answer.body.len());
        let entry = sheet.on(CHEAPER);
        if whole.answer.status != 200 || 2 * sizes.0 > sizes.1 || *version + 1 != summary.end {
            entry.skip("no change was small in comparison with the whole resource");
            return Ok(());
        }
        entry.saw(&exchange, 1, "small change");
        if next.from == 0 {
            let seen = format!("the snapshot of {} bytes", sizes.1);
            entry.warn(Finding::new(format!("the patch of {} bytes", sizes.0), seen).from(&exchange));
        }
        Ok(())
    }
}
