//! Replays the corpora that fuzzing has found: every input passes its check, without a fuzzer.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test with a place")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fuzz_checks::targets::ALL;

/// Largest size of one corpus in bytes.
const LARGEST: usize = 1_000_000;

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn every_input_of_every_corpus_passes_its_check() {
    for (target, check) in ALL {
        let folder = corpora().join(target);
        let mut size = 0;
        for name in names(&folder) {
            let bytes = std::fs::read(folder.join(&name)).unwrap();
            size += bytes.len();
            let checked = std::panic::catch_unwind(|| check(&bytes));
            assert!(checked.is_ok(), "{target} fails on fuzz/corpus/{target}/{name}");
        }
        assert!((1..=LARGEST).contains(&size), "fuzz/corpus/{target} has {size} bytes, of at most {LARGEST}");
    }
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let targets: BTreeSet<String> = ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&corpora()), targets);
    let programs = names(&corpora().join("../fuzz_targets"));
    assert_eq!(programs.iter().map(|file| file.trim_end_matches(".rs").to_owned()).collect::<BTreeSet<_>>(), targets);
}
