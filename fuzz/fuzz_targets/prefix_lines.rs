//! Checks that any lines for `/admin/prefixes` are refused with the number of a line, or give the same set once they were
//! written again.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    alto_fuzz::prefixes::check(bytes);
});
