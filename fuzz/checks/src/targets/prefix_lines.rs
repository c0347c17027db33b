//! Checks that any lines for `/admin/prefixes` are refused with the number of a line, or give the same set once they were
//! written again.

/// Checks one input.
pub fn check(bytes: &[u8]) {
    crate::prefixes::check(bytes);
}
