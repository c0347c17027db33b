//! Checks that any `Range` fields request a part within the content, or none.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: (u64, &[u8])| {
    let (size, bytes) = input;
    if let Some(part) = alto_fuzz::range(bytes, size) {
        assert!(part.start < part.end && part.end <= size, "{part:?} of {size}");
        alto_fuzz::fault(|| part.start == 7 && part.end == 11 && size > 1000);
    }
});
