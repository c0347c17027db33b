//! Server-Sent Events as they arrive (RFC 8895 §3.4).

use std::io::{self, BufRead, BufReader, Read};

/// Event with its name and the lines of its data, joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) data: Vec<u8>,
}

/// Reader of events.
pub(super) struct Events<R> {
    reader: BufReader<R>,
    /// Largest event, in bytes.
    limit: usize,
    /// Whether the last line ended with CR, after which LF is no line of its own.
    after_cr: bool,
    is_first: bool,
}

impl<R: Read> Events<R> {
    /// Begins to read events of at most `limit` bytes each.
    pub(super) fn new(reader: R, limit: usize) -> Self {
        Self { reader: BufReader::new(reader), limit, after_cr: false, is_first: true }
    }

    /// Reads the next event that has data; none at the end. An event without an empty line after it is none.
    pub(super) fn next(&mut self) -> io::Result<Option<Event>> {
        let (mut event, mut has_data, mut line) = (Event::default(), false, Vec::new());
        loop {
            line.clear();
            if !self.line(&mut line, event.data.len())? {
                return Ok(None);
            }
            if std::mem::take(&mut self.is_first) && line.starts_with(b"\xef\xbb\xbf") {
                line.drain(..3);
            }
            if line.is_empty() {
                if has_data {
                    return Ok(Some(event));
                }
                event = Event::default();
                continue;
            }
            let end = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
            let (field, value) = line.split_at(end);
            let value = value.strip_prefix(b":").unwrap_or(value);
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match field {
                b"event" => event.name = String::from_utf8_lossy(value).into_owned(),
                b"data" => {
                    if std::mem::replace(&mut has_data, true) {
                        event.data.push(b'\n');
                    }
                    event.data.extend_from_slice(value);
                }
                // Comments, and fields that ALTO does not use.
                _ => {}
            }
        }
    }

    /// Reads a line without its end, which is LF, CRLF or CR. Returns whether there was one.
    fn line(&mut self, line: &mut Vec<u8>, held: usize) -> io::Result<bool> {
        loop {
            let available = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if available.is_empty() {
                return Ok(false);
            }
            if std::mem::take(&mut self.after_cr) && available[0] == b'\n' {
                self.reader.consume(1);
                continue;
            }
            let end = available.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            line.extend_from_slice(&available[..end.unwrap_or(available.len())]);
            self.after_cr = end.is_some_and(|end| available[end] == b'\r');
            let used = end.map_or(available.len(), |end| end + 1);
            self.reader.consume(used);
            if line.len() + held > self.limit {
                let reason = format!("an event is longer than {} bytes, the limit of this client", self.limit);
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            }
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Slowly<'a>(&'a [u8]);

    impl Read for Slowly<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            (buffer[0], self.0) = (*first, rest);
            Ok(1)
        }
    }

    fn events(text: &str) -> Vec<(String, String)> {
        let mut events = Events::new(Slowly(text.as_bytes()), 1000);
        let mut all = Vec::new();
        while let Some(Event { name, data }) = events.next().unwrap() {
            all.push((name, String::from_utf8(data).unwrap()));
        }
        all
    }

    #[test]
    fn events_are_read_whatever_ends_their_lines() {
        let text =
            "\u{feff}event: a,n\ndata: {\"x\":\ndata: 1}\n\n: hb\n\n:event: x\ndata:2\nevent: last\n:c\nevent: b,c\n\n";
        let expected = vec![("a,n".to_owned(), "{\"x\":\n1}".to_owned()), ("b,c".to_owned(), "2".to_owned())];
        for end in ["\n", "\r\n", "\r"] {
            assert_eq!(events(&text.replace('\n', end)), expected, "{end:?}");
        }
    }

    #[test]
    fn what_is_no_event_is_left_out() {
        assert_eq!(
            events("event: a\n\nid: 7\nretry: 1\ndata\n\nevent: cut\ndata: 1\n"),
            [(String::new(), String::new())]
        );
    }

    #[test]
    fn events_are_bounded() {
        let long = format!("event: a\n{}", format!("data: {}\n", "x".repeat(90)).repeat(12));
        let mut events = Events::new(long.as_bytes(), 1000);
        assert_eq!(events.next().unwrap_err().kind(), io::ErrorKind::InvalidData);
        let mut endless = Events::new(io::repeat(b'x'), 1000);
        assert!(endless.next().is_err());
    }
}
