//! Failures of TLS in words for people, with a remedy.

/// Translates why a connection over TLS failed; `None` if the message of the TLS library says something else. `trust` is how
/// the user trusts an authority, to complete "if it is the right one, ...".
pub fn tls_fault(message: &str, trust: &str) -> Option<String> {
    if message.contains("InvalidContentType") {
        return Some("the server does not speak TLS there; is the URI one with http instead of https?".to_owned());
    }
    let (_, fault) = message.split_once("invalid peer certificate: ")?;
    let has = |word: &str| fault.contains(word);
    let explained = if has("CaUsedAsEndEntity") {
        "the certificate of the server is one of an authority (CA:TRUE), which a server may not have; make one on the \
         server with: openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -days 365 \
         -subj /CN=HOST -addext subjectAltName=DNS:HOST -addext basicConstraints=critical,CA:FALSE, and trust that"
    } else if has("UnknownIssuer") {
        return Some(format!(
            "the certificate of the server is signed by nobody who is trusted here; if it is the right one, {trust}"
        ));
    } else if has("not valid for name") || has("NotValidForName") {
        return Some(format!("the certificate of the server is one for other names than that in the URI: {fault}"));
    } else if has("expired") || has("Expired") {
        "the certificate of the server has expired, or the clock of this machine is wrong"
    } else if has("not valid yet") || has("NotValidYet") {
        "the certificate of the server is not valid yet, or the clock of this machine is wrong"
    } else {
        return Some(format!("the certificate of the server cannot be used: {fault}"));
    };
    Some(explained.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_library_are_explained() {
        for (message, says) in [
            ("invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))", "CA:FALSE"),
            ("invalid peer certificate: UnknownIssuer", "--ca"),
            ("invalid peer certificate: certificate expired: verification time 7 (UNIX)", "has expired"),
            ("received corrupt message of type InvalidContentType", "http instead of https"),
        ] {
            let explained = tls_fault(message, "trust it with --ca").unwrap();
            assert!(explained.contains(says) && !explained.contains("Other"), "{explained}");
        }
        assert_eq!(tls_fault("Connection refused (os error 111)", ""), None);
    }
}
