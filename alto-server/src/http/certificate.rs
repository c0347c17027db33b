//! What an operator has to know of an X.509 certificate (RFC 5280): until when it is valid, and whether clients will take
//! it for one of a server.

use std::time::{Duration, SystemTime};

/// Time before the end of a certificate from which it is warned of.
const SOON: Duration = Duration::from_hours(14 * 24);

/// Facts about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// Time from which it is valid.
    begins: SystemTime,
    /// Time until which it is valid.
    expires: SystemTime,
    /// Whether it is one of an authority, which may sign others.
    is_authority: bool,
}

/// Part of DER: tag, content, and what follows.
type Element<'a> = (u8, &'a [u8], &'a [u8]);

const BOOLEAN: u8 = 0x01;
const OCTET_STRING: u8 = 0x04;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// Explicitly tagged version, which comes first if it is there.
const VERSION: u8 = 0xa0;
/// Explicitly tagged extensions.
const EXTENSIONS: u8 = 0xa3;
/// Object identifier of the basic constraints (2.5.29.19), as an element.
const BASIC_CONSTRAINTS: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x13];

impl Certificate {
    /// Reads a certificate in DER; `None` if it is none.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let certificate = inside(der, SEQUENCE)?;
        let mut fields = inside(certificate, SEQUENCE)?;
        if let Some((VERSION, _, rest)) = element(fields) {
            fields = rest;
        }
        // Serial number, algorithm, issuer.
        for _ in 0..3 {
            fields = element(fields)?.2;
        }
        let (_, validity, rest) = element(fields).filter(|(tag, ..)| *tag == SEQUENCE)?;
        let (begins, end) = time(validity)?;
        let (expires, _) = time(end)?;
        // Subject and public key; then optional fields, of which the last are the extensions.
        let mut fields = element(element(rest)?.2)?.2;
        let mut is_authority = false;
        while let Some((tag, content, rest)) = element(fields) {
            if tag == EXTENSIONS {
                is_authority = names_authority(inside(content, SEQUENCE)?);
            }
            fields = rest;
        }
        Some(Self { begins, expires, is_authority })
    }

    /// Time until which it is valid.
    pub(crate) fn expires(&self) -> SystemTime {
        self.expires
    }

    /// Describes why clients refuse it, or soon will, to complete "FILE ...".
    pub(crate) fn warnings(&self, now: SystemTime) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.is_authority {
            warnings.push(
                "is a certificate of an authority (CA:TRUE), which many clients refuse as that of a server; make one \
                 with: openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -days 365 -subj \
                 /CN=HOST -addext subjectAltName=DNS:HOST -addext basicConstraints=critical,CA:FALSE"
                    .to_owned(),
            );
        }
        let date = |time: SystemTime| httpdate::fmt_http_date(time);
        if now > self.expires {
            warnings.push(format!("has expired at {}, and clients refuse it: renew it", date(self.expires)));
        } else if now + SOON > self.expires {
            warnings.push(format!("expires at {}: renew it, and send SIGHUP", date(self.expires)));
        }
        if now < self.begins {
            warnings.push(format!("is valid only from {}; is the clock of this machine right?", date(self.begins)));
        }
        warnings
    }
}

/// Tells whether extensions have basic constraints with `cA` set.
fn names_authority(mut extensions: &[u8]) -> bool {
    while let Some((_, extension, rest)) = element(extensions) {
        if let Some(mut value) = extension.strip_prefix(&BASIC_CONSTRAINTS) {
            if let Some((BOOLEAN, _critical, rest)) = element(value) {
                value = rest;
            }
            let constraints = inside(value, OCTET_STRING).and_then(|octets| inside(octets, SEQUENCE));
            return constraints.and_then(element).is_some_and(|(tag, flag, _)| tag == BOOLEAN && flag != [0]);
        }
        extensions = rest;
    }
    false
}

/// Splits the first element off.
fn element(der: &[u8]) -> Option<Element<'_>> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        let octets = rest.get(..count).filter(|_| (1..=4).contains(&count))?;
        let length = octets.iter().fold(0usize, |length, octet| length << 8 | usize::from(*octet));
        (length, rest.get(count..)?)
    };
    Some((tag, rest.get(..length)?, rest.get(length..)?))
}

/// Content of the first element, if it has this tag.
fn inside(der: &[u8], tag: u8) -> Option<&[u8]> {
    element(der).filter(|(found, ..)| *found == tag).map(|(_, content, _)| content)
}

/// Reads a time, and returns what follows it (RFC 5280 §4.1.2.5).
fn time(der: &[u8]) -> Option<(SystemTime, &[u8])> {
    let (tag, content, rest) = element(der)?;
    let text = std::str::from_utf8(content).ok()?.strip_suffix('Z')?;
    let digits = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, at) = match tag {
        UTC_TIME => (digits(0, 2).map(|year| if year < 50 { 2000 + year } else { 1900 + year })?, 2),
        GENERALIZED_TIME => (digits(0, 4)?, 4),
        _ => return None,
    };
    let [month, day, hour, minute, second] = [0, 2, 4, 6, 8]
        .map(|offset| digits(at + offset, at + offset + 2))
        .into_iter()
        .collect::<Option<Vec<_>>>()?
        .try_into()
        .ok()?;
    let seconds = days_since_1970(year, month, day)? * 86_400 + hour * 3600 + minute * 60 + second;
    Some((SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?, rest))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar. Earlier dates count as that day.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year > 9999 {
        return None;
    }
    // Years that begin in March have the leap day at their end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    // 1970-01-01 in the same count.
    Some(days.saturating_sub(719_468))
}

#[cfg(test)]
mod tests {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;

    use super::*;

    /// Makes a certificate with openssl.
    fn made(arguments: &[&str]) -> Certificate {
        let folder = tempfile::tempdir().unwrap();
        let (key, certificate) = (folder.path().join("key"), folder.path().join("certificate"));
        let mut openssl = std::process::Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=localhost", "-keyout"]);
        let output = openssl.arg(key).arg("-out").arg(&certificate).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let der = CertificateDer::from_pem_slice(&std::fs::read(certificate).unwrap()).unwrap();
        for length in 0..der.len() {
            let _never_panics = Certificate::read(&der[..length]);
        }
        Certificate::read(&der).unwrap()
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (date, seconds) in [
            ((1970, 1, 1), 0),
            ((2000, 2, 29), 951_782_400),
            ((2026, 11, 29), 1_795_910_400),
            ((2100, 3, 1), 4_107_542_400),
        ] {
            assert_eq!(days_since_1970(date.0, date.1, date.2).unwrap() * 86_400, seconds, "{date:?}");
        }
        assert_eq!(days_since_1970(2026, 13, 1), None);
    }

    #[test]
    fn authorities_and_ends_are_warned_of() {
        let authority = made(&["-days", "100"]);
        let server = made(&["-days", "100", "-addext", "basicConstraints=critical,CA:FALSE"]);
        let long = made(&["-days", "20000", "-addext", "basicConstraints=CA:FALSE"]);
        // A certificate is valid from the second in which it was made.
        let now = SystemTime::now();
        assert_eq!(authority.warnings(now).len(), 1, "{:?}", authority.warnings(now));
        assert!(authority.warnings(now)[0].contains("CA:FALSE"));
        let left = authority.expires().duration_since(now).unwrap().as_secs_f64() / 86_400.0;
        assert!((99.0..101.0).contains(&left), "{left} days");

        let at = |days: u64| server.warnings(now + Duration::from_hours(days * 24)).join(" ");
        assert_eq!(at(0), "");
        assert!(at(90).contains("expires at"));
        assert!(at(101).contains("has expired at"));
        assert!(server.warnings(now - Duration::from_hours(48)).join(" ").contains("valid only from"));
        // After 2049, dates have another form.
        assert!(long.expires() > now + Duration::from_hours(19_000 * 24));
        assert_eq!(long.warnings(now), Vec::<String>::new());
    }
}
