//! Proof that the suite can fail: a correct server passes, and a server that breaks one rule is caught by the ID of
//! that rule.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod coverage;
mod directories;
mod endpoints;
mod errors;
mod exchanges;
mod extensions;
mod filters;
mod mappings;
mod maps;
mod messages;
mod metrics;
mod multi_cost;
mod mutant;
mod properties;
mod server;

use crate::documentation;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use mutant::Mutant;
use rfc_conformance::{Report, catalogue};
use server::{Outfit, Reference};

/// Requirements that no mutant breaks, and why.
const UNBROKEN: &[(&str, &str)] = &[
    ("rfc7285/8.3.5/1", "a target without TLS cannot be asked over TLS, and is reported as not reachable"),
    ("rfc7285/15.1.2/1", "a certificate for another name ends the run before it begins"),
    ("rfc7285/11.3.1/1", "allows a service; nothing violates it"),
    ("rfc7285/11.3.2/1", "allows a service; nothing violates it"),
    ("rfc7285/11.4.1/1", "allows properties; nothing violates it"),
    ("rfc7285/11.5.1/1", "allows a service; nothing violates it"),
    ("rfc9240/6.1.3/4", "allows null; nothing violates it"),
    ("rfc9240/11/1", "that there is no stream is noted of the correct server, too"),
    ("rfc8189/4.1.3/6", "allows pairs without any cost to be absent; nothing violates it"),
    ("rfc8189/4.2.3/3", "allows pairs without any cost to be absent; nothing violates it"),
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
fn a_correct_server_passes_in_every_outfit() {
    for outfit in [
        Outfit::Plain,
        Outfit::Small,
        Outfit::Several,
        Outfit::Properties,
        Outfit::Metrics,
        Outfit::SeeOther,
        Outfit::Shared,
        Outfit::Digest,
        Outfit::Https,
    ] {
        let report = Reference::new(outfit).start().grade(&[]);
        assert_eq!(report.could_not_run, None, "{outfit:?}");
        assert_eq!(not_passed(&report), Vec::<String>::new(), "{outfit:?}");
        assert!(report.summary().pass >= 140, "{outfit:?}: {:?}", report.summary());
    }
}

/// Every mutant, graded by what it should be caught by.
fn grade(mutants: &[Mutant]) -> Vec<String> {
    let (next, missed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(mutant) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut reference = Reference::new(mutant.outfit);
                    (mutant.make)(&mut reference);
                    let report = reference.start().grade(&[mutant.id]);
                    let verdict = report.lines.iter().find(|line| line.requirement.id == mutant.id);
                    let verdict = verdict.map_or("could not run", |line| line.verdict.word());
                    if verdict != mutant.verdict {
                        let told = format!("{} ({}): {verdict}, not {}", mutant.breaks, mutant.id, mutant.verdict);
                        missed.lock().unwrap().push(format!(
                            "{told} {:?} {:?}",
                            report.could_not_run,
                            not_passed(&report)
                        ));
                    }
                }
            });
        }
    });
    missed.into_inner().unwrap()
}

/// `MUTANT=rfc7285/8.3/2 cargo test -p rfc-conformance every_mutant` grades the mutants of that ID only.
#[test]
fn every_mutant_is_caught_by_its_id() {
    let mut mutants = all();
    assert!(mutants.len() >= 60, "{}", mutants.len());
    if let Some(id) = env::var_os("MUTANT") {
        mutants.retain(|mutant| id == mutant.id);
        assert!(!mutants.is_empty(), "no mutant has the ID {id:?}");
    }
    let missed = grade(&mutants);
    assert!(missed.is_empty(), "{} missed:\n{}", missed.len(), missed.join("\n"));
}

#[test]
fn every_requirement_is_broken_by_some_mutant_or_says_why_not() {
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
fn the_table_of_mutants_is_in_the_documentation() {
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
        "{count} mutants. Each is a correct server that\n\n| does this | and is caught by | as |\n|---|---|---|\n{rows}\n\
         No mutant breaks\n\n{unbroken}"
    );
    documentation::hold("mutants", &text);
}
