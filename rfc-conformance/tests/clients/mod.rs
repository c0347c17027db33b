//! Client mode against a client that is right, and against clients that are wrong in one thing each.

#![expect(clippy::unwrap_used, reason = "what cannot be unwrapped is a failed test")]

mod fault;
mod toy;

use crate::documentation;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fault::Fault;
use rfc_conformance::clients::{self, Session, SessionSettings};
use rfc_conformance::{Report, Verdict};
use toy::{Toy, Way};

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

fn play(mut client: Toy, settings: SessionSettings) -> Report {
    let mut session = Session::open(settings).unwrap();
    session.drive(&mut client, "the toy", |_| {});
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

/// What the toy never does when it is right: ask for OPTIONS, filter a network map, ask for a private metric.
const UNSEEN: &[&str] = &["rfc7285/9.2.2/10", "rfc7285/11.3.1.3/1", "rfc7285/10.6/5"];

/// What is wrong with a client, which way it goes, where that shows, and under which IDs.
const WRONG: &[(Fault, Way, &str, &[&str])] = &[
    (Fault::AcceptsErrorsAsData, Way::Maps, "answers-error", &["8.3.4.2/1"]),
    (Fault::AcceptsErrorsAsData, Way::Service, "answers-html", &["8.3.4.2/1"]),
    (Fault::AcceptsErrorsAsData, Way::Maps, "answers-directory", &["8.3.4.2/1"]),
    (Fault::AsksEverything, Way::Maps, "kinds", &["9.1.2/1"]),
    (Fault::AsksForAllByFilter, Way::Maps, "plain", &["9.2.5.1/1"]),
    (Fault::AsksTwice, Way::Maps, "cached", &["8.3.6/1"]),
    (Fault::AsksUnoffered, Way::Filters, "plain", &["11.3.2.3/2"]),
    (Fault::AsksUnoffered, Way::Service, "plain", &["11.5.1.3/2"]),
    (
        Fault::AsksUnofferedProperty,
        Way::Maps,
        "plain",
        &["11.4.1.3/2", "10.8.1/1", "10.8.2/1", "10.8.2/2", "10.8.2/3", "10.8.2/4"],
    ),
    (Fault::BareMetric, Way::Service, "plain", &["10.6/5", "rfc9274/3.2/2", "rfc9274/3.2/3"]),
    (Fault::ByteOrderMark, Way::Service, "plain", &["8.2/6", "14.1/2"]),
    (Fault::CaseInsensitiveNames, Way::Maps, "case", &["8.2/1"]),
    (Fault::CaseSensitiveTypes, Way::Maps, "types", &["8.3/13"]),
    (Fault::ColonlessIpv4, Way::Service, "plain", &["10.4.1/1"]),
    (Fault::ConstraintsAlways, Way::Filters, "unconstrained", &["11.3.2.3/5", "11.3.2.4/2"]),
    (Fault::ConstraintsAlways, Way::Service, "unconstrained", &["11.5.1.3/5", "11.3.2.4/2"]),
    (Fault::CrashesOnUnknownErrors, Way::Maps, "unknown-error", &["8.5.2/19"]),
    (Fault::DescribesCostTypes, Way::Filters, "plain", &["11.3.2.3/3"]),
    (Fault::DescribesCostTypes, Way::Service, "plain", &["11.5.1.3/3"]),
    (Fault::DropsEmptyPids, Way::Maps, "address-types", &["11.2.1.7/2"]),
    (Fault::DuplicateMembers, Way::Service, "plain", &["8.2/5"]),
    (Fault::EmptyAcceptsIsPost, Way::Maps, "bare", &["9.2.2/8", "8.3.2/4", "8.3.2/5"]),
    (Fault::EmptyEndpoints, Way::Service, "plain", &["11.5.1.3/7"]),
    (Fault::EmptyProperties, Way::Maps, "plain", &["11.4.1.3/1"]),
    (Fault::FirstMapIsDefault, Way::Maps, "default-map", &["9.2.2/4"]),
    (Fault::FirstPrefixWins, Way::Maps, "plain", &["11.2.2/1", "suite/plain/1"]),
    (Fault::FollowsForEver, Way::Maps, "redirect-loop", &["8.5.3/4"]),
    (Fault::ForgetsNothing, Way::Maps, "new-costs", &["6.4/1"]),
    (Fault::GetOnRedirectedPost, Way::Service, "redirects", &["8.5.3/1"]),
    (Fault::GetsFilters, Way::Maps, "plain", &["9.2.5.2/1", "8.3.2/4"]),
    (Fault::GlobalNames, Way::Maps, "delegated", &["9.2.2/1"]),
    (Fault::GuessesDirectory, Way::Maps, "plain", &["13.1/1"]),
    (Fault::HolesAreZero, Way::Maps, "holes", &["11.2.3.6/6"]),
    (Fault::IgnoresChallenge, Way::Maps, "digest", &["8.3.5/2"]),
    (Fault::IgnoresRetryAfter, Way::Maps, "busy", &["8.5.3/2"]),
    (Fault::IgnoresTags, Way::Maps, "new-version", &["11.3.2.6/2"]),
    (Fault::Ipv6ByText, Way::Maps, "ipv6-forms", &["10.4.3.2/2"]),
    (Fault::LeadingZeros, Way::Service, "plain", &["10.4.3.1/1"]),
    (Fault::LenientCosts, Way::Maps, "cost-string", &["11.2.3.6/4"]),
    (Fault::LenientCosts, Way::Service, "cost-null", &["11.5.1.6/3"]),
    (Fault::LenientCosts, Way::Maps, "cost-array", &["11.2.3.6/4"]),
    (Fault::LenientProperties, Way::Maps, "property-number", &["11.4.1.6/4"]),
    (Fault::LongNames, Way::Service, "plain", &["10.6/1", "10.6/2", "10.6/3", "10.6/4", "rfc9274/3.2/1"]),
    (Fault::MadeUpTag, Way::Maps, "plain", &["8.3.6/1"]),
    (Fault::MissingCostType, Way::Filters, "plain", &["11.3.2.3/1"]),
    (Fault::MissingCostType, Way::Service, "plain", &["11.5.1.3/1"]),
    (Fault::NeedsCapabilities, Way::Maps, "bare", &["9.2.2/9"]),
    (Fault::NeedsMetaFirst, Way::Maps, "order", &["8.2/4"]),
    (Fault::NoDelegation, Way::Maps, "delegated", &["8.3.1/1", "9.2.4/1"]),
    (Fault::NoEscapes, Way::Maps, "escapes", &["8.2/7"]),
    (Fault::NoHost, Way::Maps, "plain", &["8.3/8"]),
    (Fault::NoRedirects, Way::Service, "redirects", &["8.5.3/1"]),
    (Fault::OmitsDestinations, Way::Filters, "plain", &["11.3.2.3/14"]),
    (Fault::OmitsPids, Way::Maps, "plain", &["11.3.1.3/1"]),
    (Fault::OnlyKnownMembers, Way::Maps, "members", &["8.3.7/1"]),
    (Fault::OnlyKnownMeta, Way::Maps, "meta", &["8.4.1/1"]),
    (Fault::OnlyKnownModes, Way::Maps, "modes", &["rfc9274/3.1/1", "10.5/1"]),
    (Fault::OnlyKnownTypes, Way::Maps, "address-types", &["11.2.1.7/1"]),
    (Fault::ParametersInQuery, Way::Service, "plain", &["8.3.2/2", "8.3.2/4"]),
    (Fault::ParametersOfTypes, Way::Service, "plain", &["14.1/1"]),
    (Fault::PlainJson, Way::Service, "plain", &["8.3.2/3", "8.3/17"]),
    (Fault::PlainNumbers, Way::Maps, "numbers", &["8.2/8"]),
    (Fault::PostsEverything, Way::Maps, "plain", &["8.3.2/4", "8.3.2/5"]),
    (Fault::PrefersJson, Way::Maps, "plain", &["8.3/14"]),
    (Fault::RefusesOldAnswers, Way::Maps, "cached", &["3.2/1"]),
    (Fault::ReplyByText, Way::Service, "ipv6-forms", &["10.4/1"]),
    (Fault::RepostsOnSeeOther, Way::Filters, "redirects", &["8.3.3/3"]),
    (Fault::ResolvesAgainstHost, Way::Maps, "relative", &["9.2.2/6"]),
    (Fault::ResolvesAgainstRoot, Way::Maps, "moved-directory", &["9.2.2/6"]),
    (Fault::ResolvesAgainstRoot, Way::Maps, "delegated", &["9.2.2/6"]),
    (Fault::RoundAndRound, Way::Maps, "delegated", &["8.3.1/1"]),
    (Fault::SpacedConstraints, Way::Filters, "plain", &["11.3.2.3/6"]),
    (Fault::StrictRanks, Way::Maps, "ranks", &["6.1.2.2/2"]),
    (Fault::TagsWithoutIds, Way::Maps, "other-map", &["10.3/2"]),
    (Fault::TriesForEver, Way::Maps, "digest-refused", &["8.3.5/2"]),
    (Fault::TrustsAnybody, Way::Maps, "https-name", &["8.3.5/1"]),
    (Fault::TrustsAnybody, Way::Maps, "https-stranger", &["8.3.5/1"]),
    (Fault::UnknownAddressType, Way::Maps, "plain", &["10.4.2/1", "10.4.2/2"]),
    (Fault::WeakDigest, Way::Maps, "digest", &["8.3.5/2"]),
    (Fault::WeirdNames, Way::Maps, "plain", &["10.1/1", "10.1/2", "10.1/3"]),
];

#[test]
fn a_client_that_is_right_passes_whichever_way_it_goes() {
    let mut best: BTreeMap<&str, String> = BTreeMap::new();
    let reports: Vec<Report> = std::thread::scope(|scope| {
        let play = |way| {
            let folder = tempfile::tempdir().unwrap();
            let settings = SessionSettings { write_ca: Some(folder.path().join("ca.pem")), ..settings(&["all"]) };
            play(Toy::new(way, None), settings)
        };
        let threads = [Way::Maps, Way::Filters, Way::Service].map(|way| scope.spawn(move || play(way)));
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
fn every_fault_of_a_client_is_seen_under_its_id() {
    let next = AtomicUsize::new(0);
    let missed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((fault, way, scenario, ids)) = WRONG.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let folder = tempfile::tempdir().unwrap();
                    let settings =
                        SessionSettings { write_ca: Some(folder.path().join("ca.pem")), ..settings(&[scenario]) };
                    let report = play(Toy::new(*way, Some(*fault)), settings);
                    for id in *ids {
                        let id = full(id);
                        if !report.failures().any(|line| line.requirement.id == id) {
                            let seen = failures(&report);
                            missed
                                .lock()
                                .unwrap()
                                .push(format!("{fault:?} {way:?} in {scenario}: {id} is not among {seen:#?}"));
                        }
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// Rules that no faulty client breaks, and why.
const UNBROKEN: &[(&str, &str)] = &[
    ("rfc7285/6.1.2/2", "allows clients to adapt"),
    ("rfc7285/6.1.2/3", "allows clients to adapt"),
    ("rfc7285/8.3/1", "a client that does not know chunks gets nowhere, and is excused by the scenario `plain`"),
    ("rfc7285/8.3.4.2/2", "allows clients to be ready for directories"),
    ("rfc7285/8.3.4.3/1", "a client that takes half a message for a whole one would need a JSON parser of its own"),
    ("rfc7285/9.2.2/10", "allows clients to ask for OPTIONS"),
    ("rfc7285/9.2.2/16", "a client that is confused by shared URIs is one that treats GET and POST alike"),
    ("rfc7285/10.2/1", "a property of the wrong form is caught by rfc7285/10.8.1/1, too"),
    ("rfc7285/10.7/1", "a cost type without its parts is not offered, and is caught by rfc7285/11.3.2.3/2, too"),
    ("rfc7285/15.1.2/2", "older versions of TLS are refused before there is a request"),
    ("rfc7285/15.4.2/2", "allows clients to return cookies"),
    ("rfc7285/15.4.2/4", "allows clients to send addresses"),
];

fn full(id: &str) -> String {
    if id.starts_with(['r', 's']) { id.to_owned() } else { format!("rfc7285/{id}") }
}

/// `FirstPrefixWins` as words.
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
fn every_rule_is_broken_by_some_fault_or_says_why_not() {
    let broken: Vec<_> = WRONG.iter().flat_map(|(_, _, _, ids)| ids.iter().map(|id| full(id))).collect();
    let excused = |id: &str| UNBROKEN.iter().any(|(excused, _)| *excused == id);
    let unproven: Vec<_> =
        clients::requirements().filter(|r| !broken.iter().any(|id| id == r.id) && !excused(r.id)).collect();
    assert!(unproven.is_empty(), "{unproven:#?}");
    let both: Vec<_> = UNBROKEN.iter().filter(|(id, _)| broken.iter().any(|broken| broken == id)).collect();
    assert!(both.is_empty(), "{both:?}");
}

#[test]
fn the_table_of_faults_is_in_the_documentation() {
    let mut rows = Vec::new();
    for (fault, _, scenario, ids) in WRONG {
        let ids: Vec<_> = ids.iter().map(|id| format!("`{}`", full(id))).collect();
        rows.push(format!("| {} | {scenario} | {} |\n", documentation::cell(&words(*fault)), ids.join(", ")));
    }
    let unbroken = documentation::list(UNBROKEN);
    let text = format!(
        "{} clients. Each is right but for one thing:\n\n| fault | scenario | caught by |\n|---|---|---|\n{}\nNo client breaks\n\n{unbroken}",
        rows.len(),
        rows.concat()
    );
    documentation::hold("faults", &text);
}
