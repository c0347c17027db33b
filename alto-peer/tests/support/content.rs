//! Content of files.

/// Bytes in which no two blocks are equal.
pub(crate) fn content(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend((state >> 16).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
