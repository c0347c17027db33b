//! Mutants that were written from the ledgers or the RFCs alone, without a look at the checks that have to catch them.

mod extensions;
mod framing;
mod json_text;
mod maps;
mod messages;
mod second;
mod semantics;
mod third;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rfc_conformance::Report;

use super::mutant::Mutant;
use super::server::Reference;

pub(super) fn mutants() -> Vec<Mutant> {
    [of_alto(), of_http_and_json(), second::mutants(), third::mutants()].into_iter().flatten().collect()
}

/// Returns the mutants of RFC 7285 and its extensions, which were written first.
fn of_alto() -> Vec<Mutant> {
    [messages::mutants(), maps::mutants(), extensions::mutants()].into_iter().flatten().collect()
}

/// Returns the mutants of RFC 9110, RFC 9112 and RFC 8259, which were written from the texts of these documents.
fn of_http_and_json() -> Vec<Mutant> {
    [semantics::mutants(), framing::mutants(), json_text::mutants()].into_iter().flatten().collect()
}

/// Returns the verdicts of a report that are no pass, by ID.
fn problems(report: &Report) -> BTreeMap<&'static str, &'static str> {
    let problems = report.lines.iter().filter(|line| matches!(line.verdict.word(), "fail" | "warn" | "error"));
    problems.map(|line| (line.requirement.id, line.verdict.word())).collect()
}

/// Grades every mutant by all requirements, and prints how many are caught, under their own ID or under any; `BLIND=alto`,
/// `BLIND=http` and `BLIND=second` select those of one set.
#[test]
#[ignore = "grades each mutant by every requirement; run by hand to measure how much the suite catches"]
fn whole_runs_catch_blind_mutants() {
    let chosen = match std::env::var("BLIND").as_deref() {
        Ok("http") => of_http_and_json(),
        Ok("alto") => of_alto(),
        Ok("second") => second::mutants(),
        _ => mutants(),
    };
    let (mutants, next, lines) = (chosen, AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(mutant) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut reference = Reference::new(mutant.variant);
                    (mutant.make)(&mut reference);
                    let report = reference.start().grade(&[]);
                    let found = problems(&report);
                    let severe = mutant.verdict == "fail";
                    let any = report.could_not_run.is_some() || found.values().any(|v| *v == "fail" || !severe);
                    let own = found.get(mutant.id).is_some_and(|verdict| *verdict == mutant.verdict);
                    let line = format!("own={own} any={any} {} ({}) {found:?}", mutant.id, mutant.breaks);
                    lines.lock().unwrap().push((own, any, line));
                }
            });
        }
    });
    let mut lines = lines.into_inner().unwrap();
    lines.sort();
    for (_, _, line) in &lines {
        println!("{line}");
    }
    let (own, any) = (lines.iter().filter(|l| l.0).count(), lines.iter().filter(|l| l.1).count());
    println!("{} blind mutants: {any} caught, {own} of them under their own ID", lines.len());
    assert!(any * 100 >= lines.len() * 97, "{any} of {}", lines.len());
}
