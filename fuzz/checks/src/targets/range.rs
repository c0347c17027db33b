//! Checks that any `Range` fields request a part within the content, or none.

/// Checks one input: fields, and the size of the content in the last eight bytes.
pub fn check(input: &[u8]) {
    let Some((bytes, size)) = input.split_last_chunk() else { return };
    let size = u64::from_le_bytes(*size);
    if let Some(part) = crate::range(bytes, size) {
        assert!(part.start < part.end && part.end <= size, "{part:?} of {size}");
        crate::fault(|| part.end - part.start == 7 && size > 900);
    }
}
