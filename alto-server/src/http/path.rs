//! The normal form of paths (RFC 3986 §6.2.2).

use std::borrow::Cow;

/// Decodes what need not be percent-encoded (RFC 3986 §2.3), and writes other encoded octets in upper case, so that
/// equivalent paths are equal (RFC 9110 §4.2.3).
pub(super) fn normal(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut normal = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        normal.push_str(before);
        let code = after.get(..2).filter(|code| code.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let octet = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        match (octet, code) {
            (Some(octet), _) if is_unreserved(octet) => normal.push(char::from(octet)),
            (_, Some(code)) => {
                normal.push('%');
                normal.push_str(&code.to_ascii_uppercase());
            }
            (_, None) => normal.push('%'),
        }
        rest = if code.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    normal.push_str(rest);
    Cow::Owned(normal)
}

fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._~".contains(&octet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equivalent_paths_have_one_normal_form() {
        for (path, expected) in [
            ("/healthz", "/healthz"),
            ("/%68ealthz", "/healthz"),
            ("/%68%65althz", "/healthz"),
            ("/%7euser/%2D", "/~user/-"),
            ("/a%2fb", "/a%2Fb"),
            ("/a%2Fb", "/a%2Fb"),
            ("/%2568", "/%2568"),
            ("/%", "/%"),
            ("/%6", "/%6"),
            ("/%zz%68", "/%zzh"),
            ("/%é68", "/%é68"),
        ] {
            assert_eq!(normal(path), expected, "{path}");
        }
    }
}
