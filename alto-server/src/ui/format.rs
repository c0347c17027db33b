//! Numbers and times as people read them.

use std::time::{Duration, SystemTime};

/// Writes a count with its thousands apart.
pub(super) fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a count with its noun in the plural, unless the count is 1.
pub(super) fn counted(number: usize, noun: &str) -> String {
    let ending = match noun.as_bytes() {
        _ if number == 1 => "",
        [.., b'x'] | [.., b'c', b'h'] => "es",
        _ => "s",
    };
    format!("{} {noun}{ending}", count(number))
}

/// Writes a value with about four digits that matter.
pub(super) fn value(number: f64) -> String {
    let places = match number.abs() {
        large if large >= 1000.0 || number.fract() == 0.0 => 0,
        hundreds if hundreds >= 100.0 => 1,
        ones if ones >= 1.0 => 2,
        _ => 4,
    };
    let text = format!("{number:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Writes a share of 1 in percent.
pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// Writes a length in the unit that suits it.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(super) fn bytes(length: u64) -> String {
    let units = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    match units.into_iter().find(|(size, _)| length >= *size) {
        Some((size, unit)) => format!("{:.1} {unit}", length as f64 / size as f64),
        None => format!("{length} bytes"),
    }
}

/// Writes how long ago a time was.
pub(super) fn ago(time: SystemTime, now: SystemTime) -> String {
    let seconds = now.duration_since(time).unwrap_or(Duration::ZERO).as_secs();
    let (number, unit) = match seconds {
        0..=1 => return "just now".to_owned(),
        2..120 => (seconds, "s"),
        120..7200 => (seconds / 60, "min"),
        7200..172_800 => (seconds / 3600, "h"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{number} {unit} ago")
}

/// Writes a time as HTTP does, in UTC.
pub(super) fn moment(time: SystemTime) -> String {
    httpdate::fmt_http_date(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_their_thousands_apart() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([counted(1, "link"), counted(0, "link")], ["1 link", "0 links"]);
        assert_eq!([counted(2, "prefix"), counted(2, "switch")], ["2 prefixes", "2 switches"]);
    }

    #[test]
    fn values_have_the_digits_that_matter() {
        let numbers = [0.0, 17.0, 24.666_667, 117.45, 12_345.678, 0.000_25, 1.5, 0.1];
        let texts = ["0", "17", "24.67", "117.5", "12346", "0.0003", "1.5", "0.1"];
        assert_eq!(numbers.map(value), texts);
    }

    #[test]
    fn lengths_are_in_the_unit_that_suits_them() {
        assert_eq!([0, 999, 1500, 2_000_000_000].map(bytes), ["0 bytes", "999 bytes", "1.5 kB", "2.0 GB"]);
    }

    #[test]
    fn ages_are_in_the_unit_that_suits_them() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(2400);
        let age = |seconds| ago(now - Duration::from_secs(seconds), now);
        assert_eq!(
            [0, 59, 150, 7200, 400_000].map(age),
            ["just now", "59 s ago", "2 min ago", "2 h ago", "4 days ago"]
        );
        assert_eq!(ago(now + Duration::from_secs(9), now), "just now");
    }
}
