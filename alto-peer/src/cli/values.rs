//! Values of options: numbers, shares, times and sizes within their bounds.

use std::time::Duration;

use crate::settings::{MAX_AT_A_TIME, Rate, Size, check_download_rate, check_name, check_piece_size};

/// Parses a number of uploads, requests or neighbours at a time.
pub(super) fn count(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=MAX_AT_A_TIME).contains(number));
    number.ok_or_else(|| format!("{text:?} is not a number from 1 to {MAX_AT_A_TIME}"))
}

/// Parses a number of bytes written at a time.
pub(super) fn block_size(text: &str) -> Result<Size, String> {
    let size = text.parse::<Size>().map_err(|error| error.to_string())?;
    let allowed = Some(size).filter(|size| (512..=16 * 1024 * 1024).contains(&size.bytes()));
    allowed.ok_or_else(|| format!("{text:?} is not a size from 512 bytes to 16MiB"))
}

/// Parses a size of pieces.
pub(super) fn piece_size(text: &str) -> Result<Size, String> {
    let size = text.parse::<Size>().map_err(|error| error.to_string())?;
    check_piece_size(size).map(|_| size)
}

/// Parses a limit of downloads.
pub(super) fn download_rate(text: &str) -> Result<Rate, String> {
    text.parse::<Rate>().map_err(|error| error.to_string()).and_then(check_download_rate)
}

/// Parses a share of a whole.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("{text:?} is not a share from 0 to 1"))
}

/// Parses a time in seconds, at least a tenth of one.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=1e6).contains(seconds));
    seconds.ok_or_else(|| format!("{text:?} is not a number of seconds from 0.1 to 1000000"))
}

/// Parses a time in seconds, which may be 0.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=1e6).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| format!("{text:?} is not a number of seconds up to 1000000"))
}

/// Parses the name of a peer.
pub(super) fn name(text: &str) -> Result<String, String> {
    check_name(text).map(|()| text.to_owned())
}
