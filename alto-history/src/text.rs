//! JSON text, appended to bytes.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Number of millionths in 1.
const MILLION: u64 = 1_000_000;

/// Returns the JSON text of a string, without its quotes. Most texts, names of endpoints above all, are that text already.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control < ' ' => {
                // Writing to a string never fails.
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

/// Appends escaped text as a string.
pub(crate) fn string(out: &mut Vec<u8>, escaped: &str) {
    out.push(b'"');
    out.extend_from_slice(escaped.as_bytes());
    out.push(b'"');
}

/// Appends escaped text as a token of a JSON pointer (RFC 6901 §3), after the slash that separates it.
pub(crate) fn token(out: &mut Vec<u8>, escaped: &str) {
    out.push(b'/');
    for byte in escaped.bytes() {
        match byte {
            b'~' => out.extend_from_slice(b"~0"),
            b'/' => out.extend_from_slice(b"~1"),
            other => out.push(other),
        }
    }
}

/// Appends a whole number.
#[inline]
pub(crate) fn whole(out: &mut Vec<u8>, number: u64) {
    // Most costs and ranks have few digits, which a loop over places would take longer for than for all the rest.
    match number {
        0..10 => out.push(digit(number)),
        10..100 => out.extend_from_slice(&[digit(number / 10), digit(number % 10)]),
        100..1000 => out.extend_from_slice(&[digit(number / 100), digit(number / 10 % 10), digit(number % 10)]),
        _ => {
            let mut digits = [0; 20];
            let mut place = digits.len();
            let mut rest = number;
            while rest > 0 {
                place -= 1;
                digits[place] = digit(rest % 10);
                rest /= 10;
            }
            out.extend_from_slice(&digits[place..]);
        }
    }
}

/// Appends a number of millionths, without zeros at the end of its fraction.
#[inline]
pub(crate) fn millionths(out: &mut Vec<u8>, number: u64) {
    whole(out, number / MILLION);
    let mut rest = number % MILLION;
    if rest == 0 {
        return;
    }
    let mut fraction = *b".000000";
    for place in fraction[1..].iter_mut().rev() {
        *place = digit(rest % 10);
        rest /= 10;
    }
    let zeros = fraction.iter().rev().take_while(|digit| **digit == b'0').count();
    out.extend_from_slice(&fraction[..fraction.len() - zeros]);
}

#[expect(clippy::cast_possible_truncation, reason = "below ten")]
fn digit(value: u64) -> u8 {
    b'0' + value as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_written_exactly() {
        for (number, text) in [
            (0, "0"),
            (1, "0.000001"),
            (1_500_000, "1.5"),
            (9_000_000, "9"),
            (10_000_000, "10"),
            (13_000_000, "13"),
            (100_000_010, "100.00001"),
            (999_999_999, "999.999999"),
            (1_000_000_000, "1000"),
            (20_020_300, "20.0203"),
            (u64::MAX, "18446744073709.551615"),
        ] {
            assert_eq!(written(|out| millionths(out, number)), text);
        }
        assert_eq!(written(|out| whole(out, u64::MAX)), u64::MAX.to_string());
    }

    #[test]
    fn strings_and_pointers_are_escaped() {
        let text = "a/b~c\"\\\n\u{e9}";
        let escaped = escaped(text);
        assert_eq!(serde_json::from_str::<String>(&written(|out| string(out, &escaped))).unwrap(), text);
        assert_eq!(written(|out| token(out, "a/b~c")), "/a~1b~0c");
    }
}
