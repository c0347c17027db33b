//! Checks of updates while the data change (RFC 8895 §5.2, §6.3, §6.5, §6.7, §9), which the user of the suite makes happen.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::constraints::Constrained;
use super::grades::events;
use super::requirements::{
    s5_2::{DATA_ID, PATCH},
    s5_3::STOPPED,
    s6_3::{ANNOUNCED, LIMITS, NULL_FULL, NULL_JSON},
    s6_5::NO_PATCHES,
    s6_6::ONLY_CHANGES,
    s6_7_1::{FULL_FIRST, ORDER},
    s6_7_2::{SAME, SAME_SERVICES},
    s7_6::PROCESSED,
    s9_2::TIMELY,
    s9_3::{LEAVES, OUTSIDE, SATISFIES},
    s9_4::ORDINAL,
    s9_5::JOINED,
    s11::ONE_RESOURCE,
};
use super::services;
use crate::check::Check;
use crate::context::Context;
use crate::http::NoAnswer;
use crate::requirement::Requirement;
use crate::rfc6902::requirements::{s3::ARRAY, s4::OPERATION, s4_1::ADD, s4_2::EXISTING, s4_4::INTO_ITSELF};
use crate::sheet::Sheet;
use crate::subject::Kind;
use crate::updates::agreement::{Agreement, agree_within, difference};
use crate::updates::patch::Unfit;
use crate::updates::stream::{Answered, Form, Stream, Wrong};
use crate::updates::target::{Service, Target};
use crate::updates::{JSON_PATCH, MERGE_PATCH};
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[Check::last(
    "makes the data change with --change, replays streams, and compares them with what the resources give",
    OF_CHANGES,
    changes,
)];

/// Requirements that take changes, and those of all events, of which changes give more.
const OF_CHANGES: &[Requirement] = &[
    ONLY_CHANGES,
    FULL_FIRST,
    ORDER,
    DATA_ID,
    ONE_RESOURCE,
    JOINED,
    PATCH,
    STOPPED,
    ANNOUNCED,
    LIMITS,
    NULL_FULL,
    NULL_JSON,
    NO_PATCHES,
    SAME,
    SAME_SERVICES,
    PROCESSED,
    TIMELY,
    SATISFIES,
    OUTSIDE,
    LEAVES,
    ORDINAL,
    ARRAY,
    OPERATION,
    ADD,
    EXISTING,
    INTO_ITSELF,
];

/// Number of changes that are made.
const CHANGES: usize = 4;
/// Pause between looks at whether a change has had an effect.
const PAUSE: Duration = Duration::from_millis(30);
/// Reason to skip checks.
const NO_CHANGE: &str = "nothing changes during the run: give --change";
/// Reason to skip checks.
const NOTHING_CHANGED: &str = "the changes of --change did not lead to this";
/// ID of the substream that is removed before the data change.
const REMOVED: &str = "removed";

fn changes(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let services = services(context, sheet)?;
    if services.is_empty() {
        return Ok(());
    }
    let Some(change) = context.change else {
        sheet.skip_all(NO_CHANGE);
        return Ok(());
    };
    if services.len() < 2 {
        sheet.on(SAME_SERVICES).skip("there is one update stream service only");
    }
    sheet.skip_all(NOTHING_CHANGED);
    let mut watched = Vec::new();
    for service in &services {
        watched.extend(Watched::open(context, service)?);
    }
    for number in 1..=CHANGES {
        let Some(known) = watched.first().map(Watched::documents) else { return Ok(()) };
        let constrained: Vec<_> =
            watched.iter_mut().map(|watched| watched.constrained(context)).collect::<Result<_, _>>()?;
        if change.make(number).is_err() {
            break;
        }
        wait_for_effect(context, &known)?;
        for (watched, before) in watched.iter_mut().zip(constrained) {
            watched.grade(context, before, sheet)?;
        }
        if let [first, second, ..] = &mut watched[..] {
            let pairs =
                first.main.substreams.iter().filter_map(|(id, one)| Some((id, one, second.main.substreams.get(id)?)));
            for (id, one, other) in pairs.filter(|(_, one, other)| one.target.resource.id == other.target.resource.id) {
                equal(SAME_SERVICES, id, one.document.as_ref(), other.document.as_ref(), &second.main, sheet);
            }
        }
    }
    for watched in &watched {
        events(&watched.main, sheet);
    }
    Ok(())
}

/// Waits until the data of a stream differ from what they were.
fn wait_for_effect(context: &Context<'_>, known: &[(Target<'_>, Value)]) -> Result<(), NoAnswer> {
    let end = Instant::now() + context.client.patience();
    while Instant::now() < end {
        for (target, before) in known {
            let exchange = target.fetch(context)?;
            if exchange.value().is_some_and(|now| difference(before, now).is_some()) {
                return Ok(());
            }
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// Grades whether two documents are equal.
fn equal(
    requirement: Requirement,
    id: &str,
    one: Option<&Value>,
    other: Option<&Value>,
    stream: &Stream<'_>,
    sheet: &mut Sheet,
) {
    let (Some(one), Some(other)) = (one, other) else { return };
    let exchange = stream.exchange();
    let entry = sheet.on(requirement);
    entry.saw(&exchange, 1, "document");
    if let Some(place) = difference(one, other) {
        let finding = Finding::new(format!("the same document of {id} in both streams"), "different ones");
        entry.fail(finding.at(place).from(&exchange));
    }
}

/// Streams of one service that are read while the data change.
struct Watched<'a> {
    /// Stream with patches.
    main: Box<Stream<'a>>,
    /// Stream with the same parameters.
    twin: Box<Stream<'a>>,
    /// Stream without patches.
    whole: Box<Stream<'a>>,
    /// Stream of which one of two substreams was removed.
    shortened: Option<Box<Stream<'a>>>,
    /// Whether the removal was answered with 204.
    processed: bool,
    constrained: Option<Constrained>,
}

impl<'a> Watched<'a> {
    /// Opens the streams; `None` if the service refuses one, which is graded elsewhere.
    fn open(context: &'a Context<'_>, service: &Service<'a>) -> Result<Option<Self>, NoAnswer> {
        let mut chosen: Vec<(String, Target<'a>)> =
            service.some(8).into_iter().map(|target| (target.resource.id.clone(), target.clone())).collect();
        let is_ordinal = |target: &&Target<'a>| {
            target.resource.kind == Kind::CostMap
                && context.subject.cost_types_of(target.resource).iter().all(crate::subject::CostType::is_ordinal)
        };
        let ordinal = service.targets.iter().find(is_ordinal);
        chosen.extend(ordinal.map(|target| ("ordinal".to_owned(), target.clone())));
        let constrained = Constrained::find(context, service)?;
        chosen.extend(constrained.as_ref().map(|(target, _)| (Constrained::ID.to_owned(), target.clone())));
        let open = |patches: bool| {
            let add = chosen.iter().map(|(id, target)| {
                let add = if patches { target.add() } else { target.add_with("incremental-changes", false) };
                (id.clone(), target.clone(), add)
            });
            let Answered::Stream(mut stream) = Stream::open(context, service.resource, add.collect())? else {
                return Ok(None);
            };
            Ok::<_, NoAnswer>(stream.until_full().then_some(stream))
        };
        let (Some(main), Some(twin), Some(whole)) = (open(true)?, open(true)?, open(false)?) else { return Ok(None) };
        let costs = service.of(Kind::CostMap).or_else(|| service.plain());
        let mut shortened = None;
        if let Some(costs) = costs
            && let Answered::Stream(mut stream) =
                Stream::of(context, service.resource, &[(REMOVED, costs), ("kept", costs)])?
        {
            stream.until_full();
            shortened = Some(stream);
        }
        let mut processed = false;
        if let Some(stream) = &mut shortened {
            let answer = stream.control(&serde_json::json!({ "remove": [REMOVED] }))?;
            processed = answer.is_some_and(|answer| answer.answer.status == 204);
            stream.until_stopped(REMOVED);
        }
        let constrained = constrained.map(|(_, constrained)| constrained);
        Ok(Some(Self { main, twin, whole, shortened, processed, constrained }))
    }

    /// Returns what is followed, with the present documents.
    fn documents(&self) -> Vec<(Target<'a>, Value)> {
        let all = self.main.substreams.values();
        all.filter_map(|substream| Some((substream.target.clone(), substream.document.clone()?))).collect()
    }

    /// Returns the costs that constraints are applied to, before a change.
    fn constrained(&mut self, context: &Context<'_>) -> Result<Option<Value>, NoAnswer> {
        let Some(constrained) = &self.constrained else { return Ok(None) };
        constrained.all_costs(context, &self.main)
    }

    /// Grades the streams after a change.
    fn grade(&mut self, context: &Context<'_>, before: Option<Value>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
        let ids: Vec<_> = self.main.substreams.keys().cloned().collect();
        let counts: Vec<_> = self.main.substreams.values().map(|substream| substream.updates.len()).collect();
        for (id, count) in ids.iter().zip(counts) {
            self.substream(context, id, count, sheet)?;
        }
        for id in &ids {
            for (stream, requirement) in [(&mut self.twin, SAME), (&mut self.whole, NO_PATCHES)] {
                let patience = context.client.patience();
                let agreement = agree_within(context, stream, id, patience)?;
                let entry = sheet.on(requirement);
                match agreement {
                    Agreement::Same(exchange) => drop(entry.saw(&exchange, 1, "document")),
                    Agreement::Differ(exchange, place) => {
                        let finding = Finding::new(format!("the change of {id}"), "another document").at(place);
                        let finding = finding.from(&stream.exchange()).from(&exchange);
                        entry.saw(&exchange, 1, "document").fail(finding);
                    }
                    Agreement::Unknown => {}
                }
            }
            let one = self.main.substreams.get(id).and_then(|substream| substream.document.as_ref());
            let other = self.twin.substreams.get(id).and_then(|substream| substream.document.as_ref());
            // Only what both have got to the end of is comparable.
            if let (Some(one), Some(other)) = (one, other)
                && crate::updates::agreement::tag(one) == crate::updates::agreement::tag(other)
            {
                equal(SAME, id, Some(one), Some(other), &self.twin, sheet);
            }
        }
        let exchange = self.whole.exchange();
        for (id, update) in self.whole.substreams.iter().flat_map(|(id, s)| s.updates.iter().map(move |u| (id, u))) {
            if update.form != Form::Full {
                let finding = Finding::new(format!("full replacements of {id}"), &update.media_type);
                sheet.on(NO_PATCHES).fail(finding.from(&exchange));
            }
        }
        self.stopped(context, sheet)?;
        self.timely(sheet);
        self.patches(sheet);
        if let (Some(constrained), Some(before)) = (&self.constrained, before) {
            constrained.grade(context, &self.main, &before, sheet)?;
        }
        Ok(())
    }

    /// Grades one substream of the stream with patches: what a client has after its updates.
    fn substream(&mut self, context: &Context<'_>, id: &str, count: usize, sheet: &mut Sheet) -> Result<(), NoAnswer> {
        let before = self.main.substreams.get(id).and_then(|substream| substream.document.clone());
        let agreement = agree_within(context, &mut self.main, id, context.client.patience())?;
        let Some(substream) = self.main.substreams.get(id) else { return Ok(()) };
        let (fetched, place) = match agreement {
            Agreement::Same(exchange) => (exchange, None),
            Agreement::Differ(exchange, place) => (exchange, Some(place)),
            Agreement::Unknown => return Ok(()),
        };
        let Some(now) = fetched.value() else { return Ok(()) };
        if before.as_ref().is_some_and(|before| difference(before, now).is_none()) && place.is_none() {
            return Ok(());
        }
        let new = &substream.updates[count.min(substream.updates.len())..];
        let nulls = new_nulls(before.as_ref(), now);
        let patched = new.iter().any(|update| update.form != Form::Full);
        let is_ordinal = id == "ordinal";
        let (exchange, types) = (self.main.exchange(), &substream.target.patches);
        let mut note = |requirement: Requirement, seen: Option<String>, expected: &str| {
            let entry = sheet.on(requirement);
            entry.saw(&fetched, 1, "changed document");
            if let Some(seen) = seen {
                let mut finding = Finding::new(expected, seen).from(&exchange).from(&fetched);
                finding.pointer.clone_from(&place);
                entry.fail(finding);
            }
        };
        let differs = || place.as_ref().map(|_| format!("another document of {id} after {} updates", new.len()));
        let same_as = "what a request for the resource gives";
        if patched || place.is_some() {
            note(PATCH, differs(), same_as);
        }
        if is_ordinal {
            note(ORDINAL, differs(), same_as);
        }
        let Some(null) = nulls.first() else { return Ok(()) };
        note(LIMITS, differs(), same_as);
        let merged = new.iter().any(|update| update.form == Form::Merge && update.nulls.contains(null));
        let merged = merged.then(|| format!("a merge patch with null at {null}"));
        let announces = |media_type: &str| types.iter().any(|known| known == media_type);
        if announces(JSON_PATCH) && announces(MERGE_PATCH) {
            note(NULL_JSON, merged, "a JSON patch, or a full replacement");
        } else if announces(MERGE_PATCH) {
            note(NULL_FULL, merged, "a full replacement");
        }
        Ok(())
    }

    /// Grades whether a removed substream stays silent while another one of the same resource is updated.
    fn stopped(&mut self, context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
        let Some(stream) = &mut self.shortened else { return Ok(()) };
        let Agreement::Same(fetched) = agree_within(context, stream, "kept", context.client.patience())? else {
            return Ok(());
        };
        let Some(removed) = stream.substreams.get(REMOVED) else { return Ok(()) };
        let kept = stream.substreams.get("kept").map_or(0, |substream| substream.updates.len());
        let (Some(end), true) = (removed.stopped, kept > 1) else { return Ok(()) };
        let late = removed.updates.iter().any(|update| update.event > end);
        let exchange = stream.exchange();
        let requirements: &[_] = if self.processed { &[STOPPED, PROCESSED] } else { &[STOPPED] };
        for requirement in requirements {
            let entry = sheet.on(*requirement);
            entry.saw(&exchange, 1, "removed substream");
            if late {
                let finding = Finding::new("no update after `stopped`", "an update of the removed substream");
                entry.fail(finding.from(&exchange).from(&fetched));
            }
        }
        Ok(())
    }

    /// Grades whether dependent resources follow the ones that they depend on.
    fn timely(&self, sheet: &mut Sheet) {
        let exchange = self.main.exchange();
        for (id, substream) in &self.main.substreams {
            let Some(last) = substream.updates.last() else { continue };
            for (resource, tag) in &last.depends {
                let base = self.main.substreams.values().find(|it| &it.target.resource.id == resource);
                let Some(newest) = base.filter(|base| base.updates.len() > 1).and_then(|base| base.tag()) else {
                    continue;
                };
                let entry = sheet.on(TIMELY);
                entry.saw(&exchange, 1, "dependent resource");
                if newest != tag {
                    let finding = Finding::new(format!("{id} for {resource} with the tag {newest}"), tag);
                    entry.fail(finding.from(&exchange));
                }
            }
        }
    }

    /// Grades the media types of patches and the form of JSON patches.
    fn patches(&self, sheet: &mut Sheet) {
        let exchange = self.main.exchange();
        for substream in self.main.substreams.values() {
            for update in substream.updates.iter().filter(|update| update.form != Form::Full) {
                let id = &substream.target.resource.id;
                let entry = sheet.on(ANNOUNCED);
                entry.saw(&exchange, 1, "patch");
                if !substream.target.patches.contains(&update.media_type) {
                    let expected = format!("a patch that is announced for {id}: {:?}", substream.target.patches);
                    entry.fail(Finding::new(expected, &update.media_type).from(&exchange));
                }
                if update.form == Form::Json {
                    for requirement in [ARRAY, OPERATION, ADD, EXISTING, INTO_ITSELF] {
                        sheet.on(requirement).saw(&exchange, 1, "JSON patch");
                    }
                }
            }
        }
        for fault in &self.main.faults {
            let Wrong::Patch(unfit) = &fault.wrong else { continue };
            let requirement = match unfit {
                Unfit::NoArray => ARRAY,
                Unfit::Operation(_) => OPERATION,
                Unfit::Add(_) => ADD,
                Unfit::Missing(_) | Unfit::Test(_) => EXISTING,
                Unfit::IntoItself(_) => INTO_ITSELF,
            };
            let finding = Finding::new("a JSON patch of the document that the client has", &fault.seen);
            sheet.on(requirement).saw(&exchange, 1, "JSON patch").fail(finding.from(&exchange));
        }
    }
}

/// Returns pointers to members that are null now and were not before.
fn new_nulls(before: Option<&Value>, now: &Value) -> Vec<String> {
    let old = before.map(crate::updates::patch::nulls).unwrap_or_default();
    let mut new = crate::updates::patch::nulls(now);
    new.retain(|pointer| !old.contains(pointer));
    new
}
