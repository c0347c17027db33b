//! Tests that one fault is one failure: a requirement that can fail has a mutant whose whole run fails under its ID and at
//! most three others, with exceptions that are named. Whole runs of all mutants take long, so their results are kept in
//! `witnesses.tsv`; a sample of them is made again each time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs};

use super::mutant::Mutant;
use super::server::Reference;

/// Maximum number of failures beside the expected one.
const MOST_OTHERS: usize = 3;

/// Number of requirements whose mutants no whole run has graded yet, all of RFC 8895, RFC 6902 and RFC 9569; it may only
/// fall.
const UNGRADED: usize = 122;

/// Requirements each of whose mutants violates more others, with the reason; the list may only become shorter.
const WIDE: &[(&str, &str)] = &[
    ("rfc7285/8.5.2/14", "several requirements on rejected cost types look at the field"),
    ("rfc7285/11.3.2.6/3", "costs of another type differ wherever a filter is compared with the full map"),
    ("rfc7285/15.1.2/2", "truncated answers violate the rules of framing as well"),
    ("rfc8189/4.1.2/3", "an assumed cost type is used wherever a request has none"),
    ("rfc9240/6.1.3/3", "a value that should not be inherited is in most answers"),
];

/// Result of the whole run of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Witness {
    /// Description of the mutant.
    breaks: String,
    /// IDs of the requirements that failed beside the expected one.
    others: Vec<String>,
}

fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "reference", "witnesses.tsv"].iter().collect()
}

/// Reads the stored results by requirement.
fn stored() -> BTreeMap<String, Witness> {
    let text = fs::read_to_string(path()).unwrap_or_default();
    let row = |line: &str| {
        let columns: Vec<_> = line.split('\t').collect();
        let [id, breaks, others] = columns[..] else { panic!("{line:?} has not three columns") };
        let others = others.split(' ').filter(|id| !id.is_empty()).map(str::to_owned).collect();
        (id.to_owned(), Witness { breaks: breaks.to_owned(), others })
    };
    text.lines().map(row).collect()
}

fn store(witnesses: &BTreeMap<String, Witness>) {
    let row = |(id, witness): (&String, &Witness)| format!("{id}\t{}\t{}\n", witness.breaks, witness.others.join(" "));
    fs::write(path(), witnesses.iter().map(row).collect::<String>()).unwrap();
}

/// Grades a mutant by all requirements; `None` if it does not fail under its ID, of which it prints the verdict.
fn witness(mutant: &Mutant) -> Option<Witness> {
    let mut reference = Reference::new(mutant.variant);
    (mutant.make)(&mut reference);
    let report = reference.start().grade(&[]);
    let own = report.lines.iter().find(|line| line.requirement.id == mutant.id);
    if let Some(own) = own.filter(|line| line.verdict.word() != "fail") {
        println!("{} ({}): {:?} {:?}", mutant.id, mutant.breaks, own.verdict, own.blocked_by);
    }
    let failed = report.lines.iter().filter(|line| line.verdict.word() == "fail");
    let mut failed: BTreeSet<_> = failed.map(|line| line.requirement.id.to_owned()).collect();
    failed.remove(mutant.id).then(|| Witness { breaks: mutant.breaks.to_owned(), others: failed.into_iter().collect() })
}

/// Returns the mutants that must fail, by requirement.
fn by_requirement() -> BTreeMap<&'static str, Vec<Mutant>> {
    let mut all = BTreeMap::<_, Vec<_>>::new();
    for mutant in super::all().into_iter().filter(|mutant| mutant.verdict == "fail") {
        all.entry(mutant.id).or_default().push(mutant);
    }
    all
}

#[test]
fn one_fault_is_one_failure() {
    let (mutants, stored) = (by_requirement(), stored());
    let (mut wrong, mut ungraded, mut wide) = (Vec::new(), Vec::new(), Vec::new());
    for (id, mutants) in &mutants {
        match stored.get(*id) {
            None => ungraded.push(*id),
            Some(witness) if !mutants.iter().any(|mutant| mutant.breaks == witness.breaks) => {
                wrong.push(format!("{id}: no mutant {:?}", witness.breaks));
            }
            Some(witness) if witness.others.len() > MOST_OTHERS => wide.push(*id),
            Some(_) => {}
        }
    }
    wrong.extend(stored.keys().filter(|id| !mutants.contains_key(id.as_str())).map(|id| format!("{id}: unknown")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let record = "`cargo test -p rfc-conformance --test main record -- --ignored` grades what is missing";
    assert!(ungraded.len() <= UNGRADED, "{record}: {ungraded:?}");
    let narrow: Vec<_> = WIDE.iter().filter(|(known, _)| !wide.contains(known)).collect();
    assert!(narrow.is_empty(), "no longer wide: {narrow:?}");
    wide.retain(|id| !WIDE.iter().any(|(known, _)| known == id));
    assert!(wide.is_empty(), "more requirements whose violation shows as many failures: {wide:?}");
}

#[test]
fn stored_results_of_whole_runs_are_true() {
    let stored = stored();
    let mutants: Vec<_> = by_requirement().into_values().flatten().collect();
    let known = |mutant: &&Mutant| stored.get(mutant.id).is_some_and(|witness| witness.breaks == mutant.breaks);
    let known: Vec<_> = mutants.iter().filter(known).collect();
    // A few from all parts of the list, as whole runs take seconds each.
    for mutant in known.iter().step_by(known.len() / 8 + 1) {
        let most = stored[mutant.id].others.len().max(MOST_OTHERS);
        let holds = |found: &Option<Witness>| found.as_ref().is_some_and(|found| found.others.len() <= most);
        // Again where this machine stood still for longer than a check waits.
        let found = Some(witness(mutant)).filter(holds).unwrap_or_else(|| witness(mutant));
        assert!(holds(&found), "{} ({}): {found:?}", mutant.breaks, mutant.id);
    }
}

/// Grades mutants by all requirements until every requirement has one with few other failures, and stores the results. Only
/// requirements without such a result are graded, or with `REGRADE=1` all, or those whose IDs or beginnings of IDs `MUTANT`
/// has, with commas between.
#[test]
#[ignore = "grades each mutant by every requirement, which takes long; rewrites witnesses.tsv"]
fn record_whole_runs() {
    let mutants = by_requirement();
    let chosen = env::var("MUTANT").ok();
    let is_chosen = |id: &str| chosen.as_ref().is_none_or(|ids| ids.split(',').any(|chosen| id.starts_with(chosen)));
    let regrade = env::var_os("REGRADE").is_some();
    let mut witnesses = stored();
    witnesses.retain(|id, witness| {
        let again = chosen.is_some() && is_chosen(id);
        let known = mutants.get(id.as_str()).is_some_and(|list| list.iter().any(|m| m.breaks == witness.breaks));
        known && !regrade && !again && (chosen.is_some() || witness.others.len() <= MOST_OTHERS)
    });
    let open: Vec<_> = mutants.iter().filter(|(id, _)| !witnesses.contains_key(**id) && is_chosen(id)).collect();
    let (next, witnesses) = (AtomicUsize::new(0), Mutex::new(witnesses));
    std::thread::scope(|scope| {
        // More than processors, as runs wait for time limits.
        for _ in 0..6 {
            scope.spawn(|| {
                while let Some((id, mutants)) = open.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut best = None::<Witness>;
                    for mutant in *mutants {
                        let Some(found) = witness(mutant) else { continue };
                        if best.as_ref().is_none_or(|best| found.others.len() < best.others.len()) {
                            best = Some(found);
                        }
                        if best.as_ref().is_some_and(|best| best.others.len() <= MOST_OTHERS) {
                            break;
                        }
                    }
                    println!("{id}: {best:?}");
                    let mut all = witnesses.lock().unwrap();
                    all.extend(best.map(|best| ((**id).to_owned(), best)));
                    // Stored after each, so that an interrupted run can go on.
                    store(&all);
                }
            });
        }
    });
}
