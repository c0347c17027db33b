//! Tests of client grading with a conforming client, and with clients that have one fault each.

#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped is a failed test")]

mod fault;
mod reference_client;

use crate::documentation;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fault::Fault;
use reference_client::{CostSource, ReferenceClient};
use rfc_conformance::clients::{self, Session, SessionSettings};
use rfc_conformance::{Report, Verdict};

fn settings(scenarios: &[&str]) -> SessionSettings {
    SessionSettings {
        listen: ([127, 0, 0, 1], 0).into(),
        host: None,
        scenarios: scenarios.iter().map(|name| (*name).to_owned()).collect(),
        write_ca: None,
        strict: true,
        only: Vec::new(),
    }
}

fn play(mut client: ReferenceClient, settings: SessionSettings) -> Report {
    let mut session = Session::open(settings).unwrap();
    session.drive(&mut client, "the reference client", |_| {});
    session.report(Duration::ZERO)
}

fn failures(report: &Report) -> Vec<String> {
    let line = |line: &rfc_conformance::Line| {
        let findings: Vec<_> =
            line.findings.iter().map(|f| format!("expected {}, seen {}", f.expected, f.seen)).collect();
        format!("{} {}: {}", line.verdict.word(), line.requirement.id, findings.join("; "))
    };
    report.failures().map(line).collect()
}

/// Requirements that the conforming client never exercises: it sends no OPTIONS, network map filters or private metrics.
const UNSEEN: &[&str] = &["rfc7285/9.2.2/10", "rfc7285/11.3.1.3/1", "rfc7285/10.6/5"];

/// Faults with the cost source of the client, the scenario that exposes them, and the IDs that must fail.
const WRONG: &[(Fault, CostSource, &str, &[&str])] = &[
    (Fault::AcceptsErrorsAsData, CostSource::Maps, "answers-error", &["8.3.4.2/1"]),
    (Fault::AcceptsErrorsAsData, CostSource::Service, "answers-html", &["8.3.4.2/1"]),
    (Fault::AcceptsErrorsAsData, CostSource::Maps, "answers-directory", &["8.3.4.2/1"]),
    (Fault::AsksForEveryKind, CostSource::Maps, "kinds", &["9.1.2/1"]),
    (Fault::AsksForAllByFilter, CostSource::Maps, "plain", &["9.2.5.1/1"]),
    (Fault::AsksTwice, CostSource::Maps, "cached", &["8.3.6/1"]),
    (Fault::AsksUnoffered, CostSource::Filters, "plain", &["11.3.2.3/2"]),
    (Fault::AsksUnoffered, CostSource::Service, "plain", &["11.5.1.3/2"]),
    (
        Fault::AsksUnofferedProperty,
        CostSource::Maps,
        "plain",
        &["11.4.1.3/2", "10.8.1/1", "10.8.2/1", "10.8.2/2", "10.8.2/3", "10.8.2/4"],
    ),
    (Fault::BareMetric, CostSource::Service, "plain", &["10.6/5", "rfc9274/3.2/2", "rfc9274/3.2/3"]),
    (Fault::ByteOrderMark, CostSource::Service, "plain", &["8.2/6", "14.1/2"]),
    (Fault::CaseInsensitiveNames, CostSource::Maps, "case", &["8.2/1"]),
    (Fault::CaseSensitiveTypes, CostSource::Maps, "types", &["8.3/13"]),
    (Fault::OmitsAddressTypes, CostSource::Service, "plain", &["10.4.1/1"]),
    (Fault::ConstraintsAlways, CostSource::Filters, "unconstrained", &["11.3.2.3/5", "11.3.2.4/2"]),
    (Fault::ConstraintsAlways, CostSource::Service, "unconstrained", &["11.5.1.3/5", "11.3.2.4/2"]),
    (Fault::CrashesOnUnknownErrors, CostSource::Maps, "unknown-error", &["8.5.2/19"]),
    (Fault::DescribesCostTypes, CostSource::Filters, "plain", &["11.3.2.3/3"]),
    (Fault::DescribesCostTypes, CostSource::Service, "plain", &["11.5.1.3/3"]),
    (Fault::DropsEmptyPids, CostSource::Maps, "address-types", &["11.2.1.7/2"]),
    (Fault::DuplicateMembers, CostSource::Service, "plain", &["8.2/5"]),
    (Fault::EmptyAcceptsIsPost, CostSource::Maps, "bare", &["9.2.2/8", "8.3.2/4", "8.3.2/5"]),
    (Fault::EmptyEndpoints, CostSource::Service, "plain", &["11.5.1.3/7"]),
    (Fault::EmptyProperties, CostSource::Maps, "plain", &["11.4.1.3/1"]),
    (Fault::FirstMapIsDefault, CostSource::Maps, "default-map", &["9.2.2/4"]),
    (Fault::FirstPrefixWins, CostSource::Maps, "plain", &["11.2.2/1", "suite/plain/1"]),
    (Fault::FollowsEndlessRedirects, CostSource::Maps, "redirect-loop", &["8.5.3/4"]),
    (Fault::NeverRefreshes, CostSource::Maps, "new-costs", &["6.4/1"]),
    (Fault::GetOnRedirectedPost, CostSource::Service, "redirects", &["8.5.3/1"]),
    (Fault::GetsFilters, CostSource::Maps, "plain", &["9.2.5.2/1", "8.3.2/4"]),
    (Fault::GlobalNames, CostSource::Maps, "delegated", &["9.2.2/1"]),
    (Fault::GuessesDirectory, CostSource::Maps, "plain", &["13.1/1"]),
    (Fault::MissingCostsAreZero, CostSource::Maps, "holes", &["11.2.3.6/6"]),
    (Fault::IgnoresChallenge, CostSource::Maps, "digest", &["8.3.5/2"]),
    (Fault::IgnoresRetryAfter, CostSource::Maps, "busy", &["8.5.3/2"]),
    (Fault::IgnoresTags, CostSource::Maps, "new-version", &["11.3.2.6/2"]),
    (Fault::ComparesIpv6AsText, CostSource::Maps, "ipv6-forms", &["10.4.3.2/2"]),
    (Fault::LeadingZeros, CostSource::Service, "plain", &["10.4.3.1/1"]),
    (Fault::LenientCosts, CostSource::Maps, "cost-string", &["11.2.3.6/4"]),
    (Fault::LenientCosts, CostSource::Service, "cost-null", &["11.5.1.6/3"]),
    (Fault::LenientCosts, CostSource::Maps, "cost-array", &["11.2.3.6/4"]),
    (Fault::LenientProperties, CostSource::Maps, "property-number", &["11.4.1.6/4"]),
    (Fault::LongNames, CostSource::Service, "plain", &["10.6/1", "10.6/2", "10.6/3", "10.6/4", "rfc9274/3.2/1"]),
    (Fault::InventsTags, CostSource::Maps, "plain", &["8.3.6/1"]),
    (Fault::MissingCostType, CostSource::Filters, "plain", &["11.3.2.3/1"]),
    (Fault::MissingCostType, CostSource::Service, "plain", &["11.5.1.3/1"]),
    (Fault::NeedsCapabilities, CostSource::Maps, "bare", &["9.2.2/9"]),
    (Fault::NeedsMetaFirst, CostSource::Maps, "order", &["8.2/4"]),
    (Fault::NoDelegation, CostSource::Maps, "delegated", &["8.3.1/1", "9.2.4/1"]),
    (Fault::NoEscapes, CostSource::Maps, "escapes", &["8.2/7"]),
    (Fault::NoHost, CostSource::Maps, "plain", &["8.3/8"]),
    (Fault::NoRedirects, CostSource::Service, "redirects", &["8.5.3/1"]),
    (Fault::OmitsDestinations, CostSource::Filters, "plain", &["11.3.2.3/14"]),
    (Fault::OmitsPids, CostSource::Maps, "plain", &["11.3.1.3/1"]),
    (Fault::OnlyKnownMembers, CostSource::Maps, "members", &["8.3.7/1"]),
    (Fault::OnlyKnownMeta, CostSource::Maps, "meta", &["8.4.1/1"]),
    (Fault::OnlyKnownModes, CostSource::Maps, "modes", &["rfc9274/3.1/1", "10.5/1"]),
    (Fault::OnlyKnownTypes, CostSource::Maps, "address-types", &["11.2.1.7/1"]),
    (Fault::ParametersInQuery, CostSource::Service, "plain", &["8.3.2/2", "8.3.2/4"]),
    (Fault::ParametersOfTypes, CostSource::Service, "plain", &["14.1/1"]),
    (Fault::PlainJson, CostSource::Service, "plain", &["8.3.2/3", "8.3/17"]),
    (Fault::PlainNumbers, CostSource::Maps, "numbers", &["8.2/8"]),
    (Fault::PostsEverything, CostSource::Maps, "plain", &["8.3.2/4", "8.3.2/5"]),
    (Fault::PrefersJson, CostSource::Maps, "plain", &["8.3/14"]),
    (Fault::RefusesOldAnswers, CostSource::Maps, "cached", &["3.2/1"]),
    (Fault::ComparesKeysAsText, CostSource::Service, "ipv6-forms", &["10.4/1"]),
    (Fault::RepostsOnSeeOther, CostSource::Filters, "redirects", &["8.3.3/3"]),
    (Fault::ResolvesAgainstHost, CostSource::Maps, "relative", &["9.2.2/6"]),
    (Fault::ResolvesAgainstRoot, CostSource::Maps, "moved-directory", &["9.2.2/6"]),
    (Fault::ResolvesAgainstRoot, CostSource::Maps, "delegated", &["9.2.2/6"]),
    (Fault::RereadsDirectories, CostSource::Maps, "delegated", &["8.3.1/1"]),
    (Fault::SpacedConstraints, CostSource::Filters, "plain", &["11.3.2.3/6"]),
    (Fault::StrictRanks, CostSource::Maps, "ranks", &["6.1.2.2/2"]),
    (Fault::TagsWithoutIds, CostSource::Maps, "other-map", &["10.3/2"]),
    (Fault::RetriesForever, CostSource::Maps, "digest-refused", &["8.3.5/2"]),
    (Fault::TrustsAnyCertificate, CostSource::Maps, "https-name", &["8.3.5/1"]),
    (Fault::TrustsAnyCertificate, CostSource::Maps, "https-stranger", &["8.3.5/1"]),
    (Fault::UnknownAddressType, CostSource::Maps, "plain", &["10.4.2/1", "10.4.2/2"]),
    (Fault::WeakDigest, CostSource::Maps, "digest", &["8.3.5/2"]),
    (Fault::RefusesComments, CostSource::Maps, "stream-comments", &["rfc8895/6.8/2"]),
    (Fault::KeepsFirstDocument, CostSource::Maps, "stream-replaced", &["rfc8895/6.4/3"]),
    (Fault::IgnoresMergePatches, CostSource::Maps, "stream", &["rfc8895/9.2/1"]),
    (Fault::IgnoresJsonPatches, CostSource::Maps, "stream-patches", &["rfc8895/6.5/8"]),
    (Fault::AppliesHalfPatches, CostSource::Maps, "stream-bad-patch", &["rfc6902/5/1"]),
    (Fault::OddSubstreamIds, CostSource::Maps, "stream", &["rfc8895/5.2/4"]),
    (Fault::FollowsUnlisted, CostSource::Maps, "stream", &["rfc8895/6.5/3"]),
    (Fault::ResumesByEventId, CostSource::Maps, "stream", &["rfc8895/13/1"]),
    (Fault::PlainJson, CostSource::Maps, "stream", &["rfc8895/6.5/1"]),
    (Fault::PlainJson, CostSource::Maps, "views", &["rfc9569/6.1/1"]),
    (Fault::FollowsUnlisted, CostSource::Maps, "views", &["rfc9569/6.1/2"]),
    (Fault::ReadsOneEdge, CostSource::Maps, "views", &["rfc9569/4.2/2"]),
    (Fault::NeverReopens, CostSource::Maps, "views-closed", &["rfc9569/4.1/4"]),
    (Fault::AcceptsTooLittle, CostSource::Maps, "views", &["rfc9569/7.1/3", "rfc9569/7.2/3"]),
    (Fault::InvalidPidNames, CostSource::Maps, "plain", &["10.1/1", "10.1/2", "10.1/3"]),
];

#[test]
fn a_conforming_client_passes_with_every_cost_source() {
    let mut best: BTreeMap<&str, String> = BTreeMap::new();
    let reports: Vec<Report> = std::thread::scope(|scope| {
        let play = |source| {
            let folder = tempfile::tempdir().unwrap();
            let settings = SessionSettings { write_ca: Some(folder.path().join("ca.pem")), ..settings(&["all"]) };
            play(ReferenceClient::new(source, None), settings)
        };
        let threads = [CostSource::Maps, CostSource::Filters, CostSource::Service]
            .map(|source| scope.spawn(move || play(source)));
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for report in &reports {
        assert_eq!(failures(report), Vec::<String>::new());
        for line in &report.lines {
            let word = best.entry(line.requirement.id).or_insert_with(|| line.verdict.word().to_owned());
            if let Verdict::Skipped(why) = &line.verdict {
                if word == "skipped" {
                    *word = format!("skipped: {why}");
                }
            } else {
                line.verdict.word().clone_into(word);
            }
        }
    }
    let unseen: Vec<_> = best.iter().filter(|(id, word)| word.starts_with("skipped") && !UNSEEN.contains(id)).collect();
    assert!(unseen.is_empty(), "{unseen:?}");
    assert!(clients::requirements().count() >= 90);
}

#[test]
fn every_client_fault_is_reported_under_its_id() {
    let next = AtomicUsize::new(0);
    let missed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((fault, source, scenario, ids)) = WRONG.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let folder = tempfile::tempdir().unwrap();
                    let settings =
                        SessionSettings { write_ca: Some(folder.path().join("ca.pem")), ..settings(&[scenario]) };
                    let report = play(ReferenceClient::new(*source, Some(*fault)), settings);
                    for id in *ids {
                        let id = full(id);
                        if !report.failures().any(|line| line.requirement.id == id) {
                            let seen = failures(&report);
                            missed
                                .lock()
                                .unwrap()
                                .push(format!("{fault:?} {source:?} in {scenario}: {id} is not among {seen:#?}"));
                        }
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// Requirements that no faulty client violates, with the reason.
const UNBROKEN: &[(&str, &str)] = &[
    ("rfc9569/7.1/2", "a server of views answers nothing but GET, so that another method fails anyway"),
    ("rfc7285/6.1.2/2", "permission; cannot be violated"),
    ("rfc7285/6.1.2/3", "permission; cannot be violated"),
    (
        "rfc7285/8.3/1",
        "a client without support for chunked answers already fails in the scenario `plain`, and is skipped",
    ),
    ("rfc7285/8.3.4.2/2", "permission; cannot be violated"),
    ("rfc7285/8.3.4.3/1", "a client that accepts a truncated message would need a JSON parser of its own"),
    ("rfc7285/9.2.2/10", "permission; cannot be violated"),
    ("rfc7285/9.2.2/16", "a client that shared URIs confuse does not distinguish GET and POST"),
    ("rfc7285/10.2/1", "a malformed property is caught by rfc7285/10.8.1/1"),
    ("rfc7285/10.7/1", "an incomplete cost type is not offered, and is caught by rfc7285/11.3.2.3/2"),
    ("rfc7285/15.1.2/2", "older versions of TLS are rejected before a request is sent"),
    ("rfc7285/15.4.2/2", "permission; cannot be violated"),
    ("rfc7285/15.4.2/4", "permission; cannot be violated"),
];

fn full(id: &str) -> String {
    if id.starts_with(['r', 's']) { id.to_owned() } else { format!("rfc7285/{id}") }
}

/// Splits the name of a fault, such as `FirstPrefixWins`, into words.
fn words(fault: Fault) -> String {
    let name = format!("{fault:?}");
    let mut words = String::new();
    for (index, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && index > 0 {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

#[test]
fn every_requirement_is_violated_by_a_fault_or_has_a_reason() {
    let broken: Vec<_> = WRONG.iter().flat_map(|(_, _, _, ids)| ids.iter().map(|id| full(id))).collect();
    let excused = |id: &str| UNBROKEN.iter().any(|(excused, _)| *excused == id);
    let unproven: Vec<_> =
        clients::requirements().filter(|r| !broken.iter().any(|id| id == r.id) && !excused(r.id)).collect();
    assert!(unproven.is_empty(), "{unproven:#?}");
    let both: Vec<_> = UNBROKEN.iter().filter(|(id, _)| broken.iter().any(|broken| broken == id)).collect();
    assert!(both.is_empty(), "{both:?}");
}

#[test]
fn the_documentation_lists_all_faults() {
    let mut rows = Vec::new();
    for (fault, _, scenario, ids) in WRONG {
        let ids: Vec<_> = ids.iter().map(|id| format!("`{}`", full(id))).collect();
        rows.push(format!("| {} | {scenario} | {} |\n", documentation::cell(&words(*fault)), ids.join(", ")));
    }
    let unbroken = documentation::list(UNBROKEN);
    let text = format!(
        "{} clients. Each conforms apart from one fault:\n\n| fault | scenario | caught by |\n|---|---|---|\n{}\nNo client violates\n\n{unbroken}",
        rows.len(),
        rows.concat()
    );
    documentation::hold("faults", &text);
}
