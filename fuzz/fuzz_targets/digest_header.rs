//! Checks that any `Authorization` field is refused or verified without a panic, and that none is accepted twice.
#![no_main]

use std::sync::LazyLock;

use alto_fuzz::Digest;

static DIGEST: LazyLock<Digest> = LazyLock::new(Digest::new);

libfuzzer_sys::fuzz_target!(|text: &str| {
    let accepted = DIGEST.check(text);
    assert!(!(accepted && DIGEST.check(text)), "accepted twice: {text:?}");
    alto_fuzz::fault(|| text.contains("qop=auth") && text.contains("SHA-256") && text.contains("nc=00000002"));
});
