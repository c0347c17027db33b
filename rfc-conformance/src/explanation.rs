//! Explanations of failures by more basic ones: what is compared with a faulty answer, or read from it, fails as well.
//!
//! The explained requirement becomes blocked and keeps its findings, so that one fault is one failure and nothing that was
//! seen is lost. Another fault that hides behind the first is a failure once the first is mended.

use std::collections::BTreeSet;

use crate::http::Record;
use crate::requirement::Requirement;
use crate::subject::{Kind, Resource, Subject};
use crate::verdict::{Finding, Grade, Line, Verdict};

/// Stages of examination. A failure at an early stage explains those at later ones in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Form of a message: its media type, its JSON and its data member.
    Form,
    /// Grammar of names, prefixes, tags and costs.
    Grammar,
    /// Content of full maps.
    Map,
    /// Ordinary filters: the right parts of a map, the requested cost type, constraints.
    Filter,
    /// Everything else, which explains nothing.
    Detail,
    /// Requirements of everything at once, which explain nothing, and which only a wrong form explains.
    General,
}

/// Requirements of each stage by ID or section; the others are details.
const STAGES: &[(Stage, &[&str])] = &[
    (
        Stage::Form,
        &[
            "rfc7285/8.2/5",
            "rfc7285/8.2/6",
            "rfc7285/8.3/17",
            "rfc7285/8.3.2",
            "rfc7285/8.3.3/4",
            "rfc7285/8.4/1",
            "rfc7285/8.4.2",
            "rfc7285/8.5.1",
            "rfc7285/9.2.1",
            "rfc7285/9.2.2/5",
            "rfc7285/9.2.2/7",
            "rfc7285/11.2.1.1",
            "rfc7285/11.2.3.1",
            "rfc7285/11.3.1.1",
            "rfc7285/11.3.1.2",
            "rfc7285/11.3.2.1",
            "rfc7285/11.4.1.1",
            "rfc7285/11.5.1.1",
            "rfc9240/7.1",
            "rfc9240/8.2",
        ],
    ),
    (
        Stage::Grammar,
        &[
            "rfc7285/6.1.2.1",
            "rfc7285/6.1.2.2/1",
            "rfc7285/9.2.2/1",
            "rfc7285/9.2.2/2",
            "rfc7285/9.2.2/11",
            "rfc7285/10.1/1",
            "rfc7285/10.1/2",
            "rfc7285/10.1/3",
            "rfc7285/10.2",
            "rfc7285/10.3/1",
            "rfc7285/10.3/3",
            "rfc7285/10.3/4",
            "rfc7285/10.4.2",
            "rfc7285/10.4.4.1",
            "rfc7285/10.4.4.2",
            "rfc7285/10.4.5",
            "rfc7285/10.6",
            "rfc7285/10.7",
            "rfc7285/10.8.1",
            "rfc7285/10.8.2",
            "rfc7285/11.1",
            "rfc7285/11.2.1.6/1",
            "rfc7285/11.2.1.6/2",
            "rfc7285/11.2.1.6/3",
            "rfc7285/11.2.3.6/2",
            "rfc7285/11.2.3.6/3",
            "rfc7285/11.2.3.6/6",
            "rfc7285/11.3.2.3/2",
            "rfc7285/11.5.1.3/2",
            "rfc7285/11.5.1.6/4",
            "rfc8189/4.1.1/2",
            "rfc8189/4.1.2/23",
            "rfc9274/3.2",
            "rfc9240/5.1.1",
            "rfc9240/5.1.2/1",
            "rfc9240/5.1.2.1",
            "rfc9240/5.1.3/1",
            "rfc9240/5.2.1",
            "rfc9240/7.4",
            "rfc9240/7.6/3",
            "rfc9439/3.1/1",
            "rfc9439/3.1/3",
            "rfc9439/3.2/1",
            "rfc9439/3.2/2",
        ],
    ),
    (
        Stage::Map,
        &[
            "rfc7285/6.3",
            "rfc7285/11.2.1.6/4",
            "rfc7285/11.2.2/2",
            "rfc7285/11.2.2/4",
            "rfc7285/11.2.3.6/1",
            "rfc7285/11.2.3.6/5",
            "rfc7285/11.2.3.6/7",
            "rfc9240/7.6",
        ],
    ),
    (
        Stage::Filter,
        &[
            "rfc7285/6.2/1",
            "rfc7285/8.5.2/2",
            "rfc7285/11.3.1.3/2",
            "rfc7285/11.3.1.3/4",
            "rfc7285/11.3.1.6/1",
            "rfc7285/11.3.1.6/6",
            "rfc7285/11.3.2.3/6",
            "rfc7285/11.3.2.3/10",
            "rfc7285/11.3.2.3/11",
            "rfc7285/11.3.2.3/13",
            "rfc7285/11.3.2.6/3",
            "rfc7285/11.3.2.6/5",
            "rfc7285/11.3.2.6/7",
            "rfc7285/11.3.2.6/8",
            "rfc7285/11.5.1.6/1",
            "rfc7285/11.5.1.6/2",
            "rfc8189/4.1.1/6",
            "rfc8189/4.1.2/20",
            "rfc8189/4.1.2/21",
            "rfc8189/4.1.2/24",
            "rfc8189/4.1.2/27",
            "rfc8189/4.1.2/28",
            "rfc8189/4.1.2/31",
            "rfc9240/3.2/1",
            "rfc9240/6.1.3/1",
            "rfc9240/6.1.3/2",
            "rfc9240/6.1.3/3",
            "rfc9240/8.3/1",
            "rfc9240/8.6/2",
            "rfc9240/8.6/14",
            "rfc9240/8.6/15",
            "rfc9240/8.6/16",
            "rfc9240/8.6/17",
        ],
    ),
    (
        Stage::General,
        &[
            "rfc7285/8.2/2",
            "rfc7285/8.5.2/14",
            "rfc7285/9.1.3",
            "rfc7285/13.2",
            "rfc8189/3.5",
            "rfc8189/4.1.1/3",
            "rfc8189/4.1.1/5",
            "rfc8189/4.1.1/7",
            "rfc8189/4.2.1",
        ],
    ),
];

/// Blocks failures that more basic failures explain.
pub(crate) fn attribute(lines: &mut [Line], subject: &Subject) {
    let places = Places { subject };
    let failed: Vec<_> = (0..lines.len()).filter(|&index| matches!(lines[index].verdict, Verdict::Fail)).collect();
    let explained: Vec<_> =
        failed.iter().filter_map(|&index| Some((index, places.cause_of(lines, index, &failed)?))).collect();
    for (index, cause) in explained {
        let (id, cause_id) = (lines[index].requirement.id, lines[cause].requirement.id);
        lines[index].verdict = Verdict::Blocked(format!("the failure of {cause_id} explains it"));
        lines[index].blocked_by = vec![cause_id.to_owned()];
        lines[cause].blocks.push(id);
    }
    for line in lines {
        line.blocks.sort_by_key(|id| Requirement::def(id, "").order());
        line.blocks.dedup();
    }
}

/// Relations between the places at which failures were seen.
struct Places<'s> {
    subject: &'s Subject,
}

impl Places<'_> {
    /// Returns the most basic failure that explains every finding of a failure; `None` if there is none.
    fn cause_of(&self, lines: &[Line], index: usize, failed: &[usize]) -> Option<usize> {
        let line = &lines[index];
        // A verdict on one resource comes from its ordinary request, before anything that could explain it.
        if line.resource.is_some() {
            return None;
        }
        let stage = stage(&line.requirement);
        let places = places(line)?;
        let explains = |cause: &Line| {
            let seen = bases(cause);
            let latest = if stage == Stage::General { Stage::Grammar } else { stage };
            let basic = self::stage(&cause.requirement) < latest;
            basic && places.iter().all(|place| seen.iter().any(|basis| self.rests_on(place, basis)))
        };
        failed
            .iter()
            .copied()
            .filter(|&other| explains(&lines[other]))
            .min_by_key(|&other| self::stage(&lines[other].requirement))
    }

    /// Tests whether what is seen in a place may rest on what is wrong in another: the same place, its entry in a directory,
    /// or a map that answers there are made from or compared with.
    fn rests_on(&self, place: &Place<'_>, basis: &Place<'_>) -> bool {
        if self.is_directory(place.uri) {
            // Entries of a directory have nothing to do with each other.
            return place.uri == basis.uri && place.entry.is_some() && place.entry == basis.entry;
        }
        let mut entries = self.subject.at(place.uri).map(Resource::pointer);
        place.uri == basis.uri
            || (self.is_directory(basis.uri) && entries.any(|entry| Some(&*entry) == basis.entry))
            || self.subject.at(place.uri).any(|one| self.subject.at(basis.uri).any(|other| depends(one, other)))
    }

    fn is_directory(&self, uri: &str) -> bool {
        uri == self.subject.root || self.subject.directories.iter().any(|other| other.exchange.request.uri == uri)
    }
}

/// Tests whether answers of a resource are made from those of another, or compared with them.
fn depends(one: &Resource, other: &Resource) -> bool {
    let of_pid = |name: &&str| name.strip_suffix(".pid") == Some(&*other.id);
    match (one.kind, other.kind) {
        (Kind::EndpointProperty, Kind::NetworkMap) => one.prop_types().iter().any(of_pid),
        (Kind::FilteredCostMap, Kind::CostMap) | (Kind::FilteredPropertyMap, Kind::PropertyMap) => {
            one.uses().first().is_some_and(|map| other.uses().first() == Some(map))
        }
        _ => one.uses().contains(&&*other.id),
    }
}

/// Place of a finding: a resource, or an entry of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place<'l> {
    uri: &'l str,
    /// First two names of the JSON pointer.
    entry: Option<&'l str>,
}

/// Returns the places of all findings that make a line fail; `None` if the place of one is unknown.
fn places(line: &Line) -> Option<BTreeSet<Place<'_>>> {
    let failing = line.findings.iter().filter(|finding| finding.grade == Grade::Fail);
    let places: BTreeSet<_> = failing.map(place).collect::<Option<_>>()?;
    (!places.is_empty()).then_some(places)
}

/// Returns the places that a failure may spoil: those of its findings, and for a map whatever it was compared with.
fn bases(line: &Line) -> BTreeSet<Place<'_>> {
    let failing = || line.findings.iter().filter(|finding| finding.grade == Grade::Fail);
    let compared = failing().filter(|_| stage(&line.requirement) <= Stage::Map).flat_map(|finding| &finding.records);
    let compared = compared.filter_map(|record| Some(Place { uri: uri(record)?, entry: None }));
    failing().filter_map(place).chain(compared).collect()
}

fn uri(record: &Record) -> Option<&str> {
    Some(record.title.split_once(' ')?.1)
}

fn place(finding: &Finding) -> Option<Place<'_>> {
    let uri = uri(finding.records.last()?)?;
    let entry = finding.pointer.as_deref().map(|pointer| {
        let second = pointer.match_indices('/').nth(2).map_or(pointer.len(), |(at, _)| at);
        &pointer[..second]
    });
    Some(Place { uri, entry })
}

fn stage(requirement: &Requirement) -> Stage {
    // Single requirements come before the section that they are in.
    let listed = STAGES.iter().flat_map(|(stage, ids)| ids.iter().map(move |id| (*stage, *id)));
    listed.filter(|(_, id)| requirement.is_within(id)).max_by_key(|(_, id)| id.len()).map_or(Stage::Detail, |(s, _)| s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    #[test]
    fn every_listed_requirement_exists() {
        let all = catalogue::requirements();
        let unknown: Vec<_> = STAGES
            .iter()
            .flat_map(|(_, ids)| *ids)
            .filter(|id| !all.iter().any(|requirement| requirement.is_within(id)))
            .collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }

    #[test]
    fn single_requirements_come_before_their_section() {
        let stage = |id| stage(&Requirement::must(id, ""));
        assert_eq!(stage("rfc9240/7.6/3"), Stage::Grammar);
        assert_eq!(stage("rfc9240/7.6/4"), Stage::Map);
        assert_eq!(stage("rfc7285/8.5/2"), Stage::Detail);
    }
}
