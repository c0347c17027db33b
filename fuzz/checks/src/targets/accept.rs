//! Checks that any `Accept` fields are read without a panic, and that `*/*` beside them lets a type pass unless a more
//! specific range excludes it.

/// Checks one input.
pub fn check(bytes: &[u8]) {
    let (specific, any) = crate::accepts(bytes);
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    assert!(any || text.contains("alto-error") || text.contains("application/*"), "refused: {text:?}");
    crate::fault(|| !specific && text.contains("alto-costmap+json;q=0"));
}
