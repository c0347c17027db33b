//! Replays the corpora of fuzzing without a fuzzer: every input passes its check, and so do mutants of them, the same ones
//! each time. `FUZZ_MUTANTS=100000` tries so many for each target, with `FUZZ_SEED=7` others.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test with a place")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fuzz_checks::targets::{ALL, Check};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Largest size of one corpus in bytes.
const LARGEST: usize = 1_000_000;
/// Number of mutants of the inputs of each target.
const MUTANTS: u64 = 500;
/// Longest mutant in bytes.
const LONGEST: usize = 8192;

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The inputs of a corpus, with their names.
fn inputs(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = corpora().join(target);
    names(&folder).into_iter().map(|name| (name.clone(), std::fs::read(folder.join(name)).unwrap())).collect()
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn every_input_of_every_corpus_passes_its_check() {
    for (target, check) in ALL {
        let inputs = inputs(target);
        for (name, bytes) in &inputs {
            let checked = std::panic::catch_unwind(|| check(bytes));
            assert!(checked.is_ok(), "{target} fails on fuzz/corpus/{target}/{name}");
        }
        let size = inputs.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        assert!((1..=LARGEST).contains(&size), "fuzz/corpus/{target} has {size} bytes, of at most {LARGEST}");
    }
}

#[test]
fn every_mutant_of_the_inputs_passes_its_check() {
    let (count, seed) = (setting("FUZZ_MUTANTS", MUTANTS), setting("FUZZ_SEED", 0));
    std::thread::scope(|scope| {
        // Two halves, for two cores.
        for part in ALL.chunks(ALL.len().div_ceil(2)) {
            scope.spawn(move || part.iter().for_each(|(target, check)| mutate(target, *check, count, seed)));
        }
    });
}

fn mutate(target: &str, check: Check, count: u64, seed: u64) {
    let inputs: Vec<Vec<u8>> = inputs(target).into_iter().map(|(_, bytes)| bytes).collect();
    let mut rng = StdRng::seed_from_u64(seed);
    for number in 0..count {
        let mut mutant = inputs[rng.random_range(0..inputs.len())].clone();
        for _ in 0..rng.random_range(1..6) {
            change(&mut mutant, &inputs, &mut rng);
        }
        mutant.truncate(LONGEST);
        let checked = std::panic::catch_unwind(|| check(&mutant));
        let text = String::from_utf8_lossy(&mutant);
        assert!(checked.is_ok(), "{target} fails on mutant {number} of seed {seed}: {mutant:?}\n{text}");
    }
}

/// Changes an input in one of the ways of fuzzers.
fn change(mutant: &mut Vec<u8>, inputs: &[Vec<u8>], rng: &mut StdRng) {
    const EXTREME: [u8; 8] = [0, 1, 0x7f, 0x80, 0xfe, 0xff, b'0', b'-'];
    const NUMBERS: [&str; 8] =
        ["-1", "0", "1e999", "4294967296", "18446744073709551615", "NaN", "0.0000001", "99999999999999999999999"];
    let place = rng.random_range(0..=mutant.len());
    let part = place..(place + rng.random_range(0..16)).min(mutant.len());
    match rng.random_range(0..8) {
        0 => mutant.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1 << rng.random_range(0..8)),
        1 => mutant.iter_mut().skip(place).take(1).for_each(|byte| *byte = EXTREME[rng.random_range(0..EXTREME.len())]),
        2 => mutant.insert(place, rng.random()),
        3 => drop(mutant.drain(part)),
        4 => {
            let copy = mutant[part].to_vec();
            drop(mutant.splice(place..place, copy));
        }
        5 => drop(mutant.splice(part, NUMBERS[rng.random_range(0..NUMBERS.len())].bytes())),
        6 => mutant.truncate(place),
        _ => {
            let other = &inputs[rng.random_range(0..inputs.len())];
            let from = rng.random_range(0..=other.len());
            let until = (from + rng.random_range(0..64)).min(other.len());
            drop(mutant.splice(place..place, other[from..until].iter().copied()));
        }
    }
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let targets: BTreeSet<String> = ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&corpora()), targets);
    let programs = names(&corpora().join("../fuzz_targets"));
    assert_eq!(programs.iter().map(|file| file.trim_end_matches(".rs").to_owned()).collect::<BTreeSet<_>>(), targets);
}
