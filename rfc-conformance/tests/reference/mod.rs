//! Tests that a conforming server passes, and that a server that violates one requirement fails under its ID.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod blind;
mod coverage;
mod directories;
mod endpoints;
mod errors;
mod exchanges;
mod extensions;
mod filters;
mod http;
mod mappings;
mod maps;
mod messages;
mod metrics;
mod multi_cost;
mod mutant;
mod properties;
mod server;
mod streams;
mod unusual;
mod updates;
mod views;
mod wire;
mod witnesses;

use crate::documentation;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use mutant::Mutant;
use rfc_conformance::{Change, Exit, Options, Report, catalogue};
use server::{Reference, Variant};

/// Requirements that no mutant violates, with the reason.
const UNBROKEN: &[(&str, &str)] = &[
    ("rfc7285/8.3.5/1", "a server without TLS is unreachable over https, which ends the run"),
    ("rfc7285/15.1.2/1", "a certificate for another host ends the run before any check"),
    ("rfc7285/11.3.1/1", "permission; cannot be violated"),
    ("rfc7285/11.3.2/1", "permission; cannot be violated"),
    ("rfc7285/11.4.1/1", "permission; cannot be violated"),
    ("rfc7285/11.5.1/1", "permission; cannot be violated"),
    ("rfc9240/6.1.3/4", "permission; cannot be violated"),
    ("rfc9240/11/1", "the absence of update streams is noted for the conforming server, too"),
    ("rfc9569/6.2/18", "the absence of update streams of views is noted for the conforming server, too"),
    ("rfc8189/4.1.3/6", "permission to omit pairs without any cost; cannot be violated"),
    ("rfc8189/4.2.3/3", "permission to omit pairs without any cost; cannot be violated"),
];

fn all() -> Vec<Mutant> {
    [
        directories::mutants(),
        messages::mutants(),
        exchanges::mutants(),
        errors::mutants(),
        maps::mutants(),
        filters::mutants(),
        endpoints::mutants(),
        mappings::mutants(),
        properties::mutants(),
        multi_cost::mutants(),
        metrics::mutants(),
        http::mutants(),
        streams::mutants(),
        views::mutants(),
        blind::mutants(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn not_passed(report: &Report) -> Vec<String> {
    let problems = report.lines.iter().filter(|line| matches!(line.verdict.word(), "fail" | "warn" | "error"));
    problems.map(|line| format!("{} {} {:?}", line.verdict.word(), line.requirement.id, line.findings)).collect()
}

#[test]
fn a_conforming_server_passes_in_every_variant() {
    for variant in [
        Variant::Plain,
        Variant::Small,
        Variant::Several,
        Variant::Properties,
        Variant::Metrics,
        Variant::SeeOther,
        Variant::Shared,
        Variant::Digest,
        Variant::Https,
        Variant::Compressed,
        Variant::Updates,
        Variant::Everything,
    ] {
        let report = Reference::new(variant).start().grade(&[]);
        assert_eq!(report.could_not_run, None, "{variant:?}");
        assert_eq!(not_passed(&report), Vec::<String>::new(), "{variant:?}");
        assert!(report.summary().pass >= 140, "{variant:?}: {:?}", report.summary());
    }
}

#[test]
fn a_change_that_fails_leaves_the_run_incomplete() {
    let running = Reference::new(Variant::Updates).start();
    let mut options = Options::new(&format!("http://{}/directory", running.address()));
    options.only = vec!["rfc8895/5.2/2".into()];
    options.change = Some(Change::by_command("exit 7", std::time::Duration::from_mins(1)));
    let report = rfc_conformance::run(&options);
    assert_eq!((report.exit(), not_passed(&report)), (Exit::Incomplete, Vec::new()));
    let why = "change 1 failed: \"exit 7\" ended with exit status: 7";
    assert_eq!(report.not_changed.as_deref(), Some(why));
    for shown in [report.to_text(false), report.to_html(), report.to_tap()] {
        assert!(shown.contains("Incomplete: change 1 failed: "), "{shown}");
    }
}

/// Grades a mutant by the requirement that it violates, and describes another verdict than expected.
fn misjudged(mutant: &Mutant, seconds: u64) -> Option<String> {
    let mut reference = Reference::new(mutant.variant);
    (mutant.make)(&mut reference);
    let report = reference.start().grade_within(&[mutant.id], seconds);
    let verdict = report.lines.iter().find(|line| line.requirement.id == mutant.id);
    let verdict = verdict.map_or("could not run", |line| line.verdict.word());
    let summary = format!("{} ({}): {verdict}, not {}", mutant.breaks, mutant.id, mutant.verdict);
    (verdict != mutant.verdict).then(|| format!("{summary} {:?} {:?}", report.could_not_run, not_passed(&report)))
}

/// Grades every mutant by the requirement that it violates; describes those with another verdict.
fn grade(mutants: &[Mutant]) -> Vec<String> {
    let (next, missed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(mutant) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Mutants that never answer must not take long, unless the machine has stood still for as long.
                    if let Some(wrong) = misjudged(mutant, 5).and_then(|_| misjudged(mutant, 20)) {
                        missed.lock().unwrap().push(wrong);
                    }
                }
            });
        }
    });
    missed.into_inner().unwrap()
}

/// `MUTANT=rfc7285/8.3/2 cargo test -p rfc-conformance every_mutant` grades the mutants of that ID only; several IDs are
/// separated by commas.
#[test]
fn every_mutant_is_caught_by_its_id() {
    let mut mutants = all();
    assert!(mutants.len() >= 500, "{}", mutants.len());
    if let Ok(ids) = env::var("MUTANT") {
        mutants.retain(|mutant| ids.split(',').any(|id| id == mutant.id));
        assert!(!mutants.is_empty(), "no mutant has one of the IDs {ids:?}");
    }
    let missed = grade(&mutants);
    assert!(missed.is_empty(), "{} missed:\n{}", missed.len(), missed.join("\n"));
}

#[test]
fn every_requirement_is_violated_by_a_mutant_or_has_a_reason() {
    let broken: BTreeSet<_> = all().iter().map(|mutant| mutant.id).collect();
    let excused: BTreeMap<_, _> = UNBROKEN.iter().copied().collect();
    let all = catalogue::requirements();
    let unproven: Vec<_> =
        all.iter().filter(|r| !broken.contains(r.id) && !excused.contains_key(r.id)).map(|r| (r.id, r.text)).collect();
    assert!(unproven.is_empty(), "{} of {}: {unproven:#?}", unproven.len(), all.len());
    let known: BTreeSet<_> = all.iter().map(|requirement| requirement.id).collect();
    let unknown: Vec<_> = broken.iter().chain(excused.keys()).filter(|id| !known.contains(*id)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn the_documentation_lists_all_mutants() {
    let mut mutants = all();
    let order = |id: &str| {
        let numbers = id.split(['/', '.']).skip(1).map(|part| part.parse().unwrap_or(0u32)).collect::<Vec<_>>();
        (id.split('/').next().unwrap_or_default().to_owned(), numbers)
    };
    mutants.sort_by_key(|mutant| order(mutant.id));
    let row = |mutant: &Mutant| {
        format!("| {} | `{}` | {} |\n", documentation::cell(mutant.breaks), mutant.id, mutant.verdict)
    };
    let rows = mutants.iter().map(row).collect::<Vec<_>>().concat();
    let unbroken = documentation::list(UNBROKEN);
    let count = mutants.len();
    let text = format!(
        "{count} mutants. Each is a conforming server with one fault:\n\n| fault | caught by | verdict |\n|---|---|---|\n{rows}\n\
         No mutant violates\n\n{unbroken}"
    );
    documentation::hold("mutants", &text);
}
