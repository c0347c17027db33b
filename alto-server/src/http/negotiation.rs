//! Proactive negotiation of media types (RFC 9110 §12.5.1), and the weighted lists that all `Accept*` fields are.

use alto_types::MediaType;
use http::header::{ACCEPT, HeaderName};
use http::{HeaderMap, HeaderValue};

/// One element of a weighted list, such as `text/html;q=0.5`.
pub(super) struct Weighted<'a> {
    /// What is weighed, without parameters.
    pub(super) value: &'a str,
    /// The weight in thousandths; 0 refuses.
    pub(super) weight: u16,
}

/// The elements of all lines of a field. What is not understood is passed over.
pub(super) fn weighted_items<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<Weighted<'a>> {
    let lines = headers.get_all(name).iter().filter_map(|line| HeaderValue::to_str(line).ok());
    lines.flat_map(|line| line.split(',')).filter_map(weighted_item).collect()
}

fn weighted_item(item: &str) -> Option<Weighted<'_>> {
    let mut parts = item.split(';').map(str::trim);
    let value = parts.next().filter(|value| !value.is_empty())?;
    let quality = parts.find_map(|parameter| {
        let (name, quality) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| quality.trim())
    });
    Some(Weighted { value, weight: quality.map_or(1000, weight) })
}

/// `0.5` as 500. A weight that is not a number counts as 1, so that a slip never refuses an answer.
fn weight(quality: &str) -> u16 {
    match quality.parse::<f32>() {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=1000")]
        Ok(quality) if quality.is_finite() => (quality.clamp(0.0, 1.0) * 1000.0).round() as u16,
        _ => 1000,
    }
}

/// Whether the client takes an answer of this type. The most specific range that matches decides; no `Accept` at all
/// takes everything.
pub(crate) fn accepts(headers: &HeaderMap, media_type: MediaType) -> bool {
    if !headers.contains_key(ACCEPT) {
        return true;
    }
    let full = media_type.as_str();
    let of_type = full.split('/').next().map(|kind| format!("{kind}/*")).unwrap_or_default();
    let items = weighted_items(headers, &ACCEPT);
    // An `Accept` line that names nothing is as good as none.
    if items.is_empty() {
        return true;
    }
    let ranges = [full, of_type.as_str(), "*/*"];
    ranges
        .iter()
        .find_map(|range| items.iter().filter(|item| item.value.eq_ignore_ascii_case(range)).map(|i| i.weight).max())
        .is_some_and(|weight| weight > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(lines: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ACCEPT, line.parse().unwrap());
        }
        accepts(&headers, MediaType::COST_MAP)
    }

    #[test]
    fn every_way_of_asking_for_the_type() {
        for lines in [
            &[][..],
            &["*/*"],
            &["application/*"],
            &["application/alto-costmap+json"],
            &["Application/ALTO-CostMap+JSON;q=0.1"],
            &["application/alto-error+json,application/alto-costmap+json"],
            &["application/alto-error+json", "application/alto-costmap+json"],
            &["text/html, application/xhtml+xml;q=0.9, */*;q=0.8"],
            &["application/alto-directory+json;q=0.1, application/alto-costmap+json"],
            &[""],
        ] {
            assert!(accepted(lines), "{lines:?}");
        }
    }

    #[test]
    fn every_way_of_refusing_it() {
        for lines in [
            &["text/html"][..],
            &["application/alto-networkmap+json"],
            &["application/alto-costmap+json;q=0"],
            &["application/*;q=0, */*"],
            &["*/*;q=0.000"],
        ] {
            assert!(!accepted(lines), "{lines:?}");
        }
    }
}
