//! Evaluation of Accept fields (RFC 7231 §5.3.2).

use super::http::essence;

/// Returns whether an Accept field admits a media type; the most specific matching range decides.
pub(crate) fn admits(accept: Option<&str>, media_type: &str) -> bool {
    let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else { return true };
    let main = media_type.split('/').next().unwrap_or_default();
    let mut best = (0, 0.0);
    for range in accept.split(',') {
        let name = essence(range);
        let specificity = match name.as_str() {
            "*/*" => 1,
            name if name == media_type => 3,
            name if name.strip_suffix("/*") == Some(main) => 2,
            _ => continue,
        };
        let quality = range.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse().unwrap_or(0.0))
        });
        if specificity > best.0 {
            best = (specificity, quality.unwrap_or(1.0));
        }
    }
    best.1 > 0.0
}

#[cfg(test)]
mod tests {
    use super::super::media_type::NETWORK_MAP;
    use super::*;

    #[test]
    fn the_most_specific_range_decides() {
        for (accept, admitted) in [
            ("*/*", true),
            ("application/*", true),
            ("text/html", false),
            ("text/html, Application/ALTO-NetworkMap+JSON;q=0.1", true),
            ("*/*, application/alto-networkmap+json;q=0", false),
            ("application/*;q=0, */*", false),
            ("", true),
        ] {
            assert_eq!(admits(Some(accept), NETWORK_MAP), admitted, "{accept}");
        }
        assert!(admits(None, NETWORK_MAP));
    }
}
