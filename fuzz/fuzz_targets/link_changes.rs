#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_checks::targets::link_changes::check(bytes));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    fuzz_checks::mutation::of_json(data, size, max_size, seed, libfuzzer_sys::fuzzer_mutate)
});
