//! Responses as they appear on the wire, so that tests can write what the mock server does not.

use rfc_conformance::mock_server::http::{ReceivedRequest, Response};

/// Response, part by part.
pub(crate) struct Wire {
    /// Interim responses and anything else before the status line.
    pub(crate) before: String,
    /// Status line without its line end.
    pub(crate) status: String,
    /// Header fields in order, framing included.
    pub(crate) fields: Vec<(String, String)>,
    /// Body as sent, framing included.
    pub(crate) body: Vec<u8>,
}

impl Wire {
    /// Returns the parts of a response to a request, after which the connection is closed.
    pub(crate) fn new(request: &ReceivedRequest, answer: &Response) -> Self {
        let date = httpdate::fmt_http_date(std::time::SystemTime::now());
        let mut fields = vec![("Date".to_owned(), date)];
        fields.extend(answer.fields.iter().cloned());
        let without = matches!(answer.status, 100..=199 | 204 | 304);
        if !without {
            fields.push(("Content-Length".into(), answer.body.len().to_string()));
        }
        fields.push(("Connection".into(), "close".into()));
        let body = if without || request.method == "HEAD" { Vec::new() } else { answer.body.clone() };
        Self { before: String::new(), status: format!("HTTP/1.1 {} Status", answer.status), fields, body }
    }

    /// Removes a field.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// Returns the response as bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let fields: Vec<_> = self.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("{}{}\r\n{}\r\n", self.before, self.status, fields.concat());
        [head.as_bytes(), &self.body].concat()
    }
}

/// Sends every response as a function changes it on the wire.
pub(crate) fn rewrite(r: &mut super::server::Reference, change: fn(&ReceivedRequest, Wire) -> Wire) {
    r.after(move |_, request, answer| {
        answer.delivery.raw = Some(change(request, Wire::new(request, answer)).bytes());
    });
}
