//! Negotiation of media types (RFC 9110 §12.5.1), and the grammar of all `Accept*` fields.

use alto_types::MediaType;
use http::header::{ACCEPT, HeaderName};
use http::{HeaderMap, HeaderValue};

/// Element of a weighted list, such as `text/html;q=0.5`.
pub(super) struct Weighted<'a> {
    /// Element without its parameters.
    pub(super) value: &'a str,
    /// Weight in thousandths; 0 excludes the element.
    pub(super) weight: u16,
}

/// Parses all lines of a field; malformed elements are skipped.
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

/// Parses a weight: `0.5` is 500. A malformed weight counts as 1, so that a mistake does not exclude an answer.
fn weight(quality: &str) -> u16 {
    match quality.parse::<f32>() {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=1000")]
        Ok(quality) if quality.is_finite() => (quality.clamp(0.0, 1.0) * 1000.0).round() as u16,
        _ => 1000,
    }
}

/// Tells whether the client accepts an answer of this type. The most specific matching range decides; a request without
/// `Accept` accepts everything.
pub(crate) fn accepts(headers: &HeaderMap, media_type: MediaType) -> bool {
    if !headers.contains_key(ACCEPT) {
        return true;
    }
    let items = weighted_items(headers, &ACCEPT);
    // An empty `Accept` counts as none.
    items.is_empty() || weight_of(&items, media_type.as_str()) > 0
}

/// Tells whether the client, which then is a browser as a rule, prefers HTML to an answer of this type. A client without
/// a preference does not.
pub(crate) fn prefers_html(headers: &HeaderMap, media_type: MediaType) -> bool {
    let items = weighted_items(headers, &ACCEPT);
    weight_of(&items, "text/html") > weight_of(&items, media_type.as_str())
}

/// Returns the weight of a media type by the most specific range that includes it; 0 if none does.
fn weight_of(items: &[Weighted<'_>], media_type: &str) -> u16 {
    let of_type = media_type.split('/').next().map(|kind| format!("{kind}/*")).unwrap_or_default();
    let ranges = [media_type, of_type.as_str(), "*/*"];
    ranges
        .iter()
        .find_map(|range| items.iter().filter(|item| item.value.eq_ignore_ascii_case(range)).map(|i| i.weight).max())
        .unwrap_or_default()
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
    fn ranges_that_include_the_type_accept_it() {
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
    fn browsers_prefer_html_and_nobody_else_does() {
        let prefers = |accept: &str| {
            let headers = HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]);
            prefers_html(&headers, MediaType::DIRECTORY)
        };
        for accept in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
            "text/html",
            "text/*",
            "text/html, application/alto-directory+json;q=0.9",
        ] {
            assert!(prefers(accept), "{accept}");
        }
        for accept in [
            "*/*",
            "",
            "application/alto-directory+json",
            "application/alto-directory+json, text/html",
            "text/html;q=0.5, */*;q=0.8",
            "application/json",
            "text/html;q=0",
        ] {
            assert!(!prefers(accept), "{accept}");
        }
        assert!(!prefers_html(&HeaderMap::new(), MediaType::DIRECTORY));
    }

    #[test]
    fn other_ranges_and_weight_zero_refuse_the_type() {
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
