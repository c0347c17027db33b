//! Parser of Server-Sent Events, as RFC 8895 §3.4 uses them, which notes everything that is not as it should be.

/// An event that was dispatched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Value of the `event` field; empty if there was none.
    pub(crate) name: String,
    /// Value of the `data` fields, joined by LF.
    pub(crate) data: String,
    /// True if the `event` field came before the first `data` field.
    pub(crate) name_first: bool,
    /// True if there was an `id` field.
    pub(crate) has_id: bool,
    /// Number of bytes of the longest `data` line.
    pub(crate) longest: usize,
    /// Line of data that begins like a field of its own.
    pub(crate) like_a_field: Option<String>,
    /// Lines that are no field that RFC 8895 uses, or not UTF-8.
    pub(crate) strange: Vec<String>,
    lines: usize,
}

/// Parser with the bytes and lines that no event has been made of yet.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    buffer: Vec<u8>,
    /// Number of bytes of the buffer in which there is no line end.
    scanned: usize,
    event: Event,
    begun: bool,
    /// Number of comments so far.
    pub(crate) comments: usize,
}

impl Event {
    /// Splits the `event` field into the media type and the data-id after the last comma.
    pub(crate) fn parts(&self) -> (&str, Option<&str>) {
        // A quoted parameter of the media type may contain commas, a data-id cannot contain quotation marks.
        match self.name.rsplit_once(',') {
            Some((media_type, id)) if !id.contains('"') => (media_type.trim(), Some(id.trim_start())),
            _ => (self.name.trim(), None),
        }
    }
}

impl Parser {
    /// Adds bytes and returns the events that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.buffer.extend_from_slice(bytes);
        if !self.begun && self.buffer.len() >= 3 {
            self.begun = true;
            if self.buffer.starts_with(b"\xef\xbb\xbf") {
                self.buffer.drain(..3);
            }
        }
        let (mut events, mut from) = (Vec::new(), 0);
        let mut scanned = self.scanned.min(self.buffer.len());
        while let Some(length) = self.buffer[scanned..].iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let end = scanned + length;
            // A CR may be the first half of a line end whose second half has not arrived.
            let next = match (self.buffer[end], self.buffer.get(end + 1)) {
                (b'\r', Some(b'\n')) => end + 2,
                (b'\r', None) => break,
                _ => end + 1,
            };
            let line = String::from_utf8(self.buffer[from..end].to_vec());
            (from, scanned) = (next, next);
            match line {
                Ok(line) => events.extend(self.event.take(&line, &mut self.comments)),
                Err(error) => self.event.strange.push(format!("{:?} (not UTF-8)", error.into_bytes())),
            }
        }
        // A line end that is not complete is looked at again.
        let incomplete = self.buffer.last() == Some(&b'\r');
        self.buffer.drain(..from);
        self.scanned = self.buffer.len() - usize::from(incomplete && !self.buffer.is_empty());
        events
    }
}

impl Event {
    /// Takes a line; returns the event if the line ends it.
    fn take(&mut self, line: &str, comments: &mut usize) -> Option<Self> {
        if line.is_empty() {
            let event = std::mem::take(self);
            // An event without data is not dispatched.
            return (event.lines > 0).then_some(event);
        }
        if line.starts_with(':') {
            *comments += 1;
            return None;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if self.lines > 0 {
                    self.data.push('\n');
                }
                self.lines += 1;
                self.data.push_str(value);
                self.longest = self.longest.max(line.len());
                if value.starts_with("event: ") || value.starts_with("data: ") {
                    self.like_a_field.get_or_insert_with(|| crate::json::shorten(value, 80));
                }
            }
            "event" => {
                value.clone_into(&mut self.name);
                self.name_first = self.lines == 0;
            }
            "id" => self.has_id = true,
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {}
            _ => self.strange.push(crate::json::shorten(line, 80)),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_line_ends_are_accepted_wherever_they_are_cut() {
        let text = "\u{feff}event: a,b\r\ndata: 1\rdata:2\n\n: hb\ndata: x\r\n\r\n";
        for size in 1..text.len() {
            let mut parser = Parser::default();
            let events: Vec<_> = text.as_bytes().chunks(size).flat_map(|piece| parser.push(piece)).collect();
            assert_eq!(events.len(), 2, "{size}: {events:?}");
            assert_eq!((events[0].name.as_str(), events[0].data.as_str()), ("a,b", "1\n2"), "{size}");
            assert_eq!((events[0].name_first, events[1].name_first), (true, false), "{size}");
            assert_eq!((parser.comments, parser.buffer.len()), (1, 0), "{size}");
        }
    }

    #[test]
    fn names_are_split_at_the_last_comma() {
        let parts = |name: &str| {
            let event = Event { name: name.to_owned(), ..Event::default() };
            let (media_type, id) = event.parts();
            (media_type.to_owned(), id.map(str::to_owned))
        };
        assert_eq!(parts("a/b,s1"), ("a/b".into(), Some("s1".into())));
        assert_eq!(parts("a/b;c=\"d,e\",s1.x"), ("a/b;c=\"d,e\"".into(), Some("s1.x".into())));
        assert_eq!(parts("a/b;c=\"d,e\""), ("a/b;c=\"d,e\"".into(), None));
        assert_eq!(parts("a/b"), ("a/b".into(), None));
    }

    #[test]
    fn oddities_are_noted() {
        let mut parser = Parser::default();
        let events = parser.push(b"data: event: x\nid: 1\nretry: x\nnothing\nevent: a\n\nevent: none\n\nevent: cut");
        assert_eq!(events.len(), 1);
        let event = &events[0];
        assert!(event.has_id && !event.name_first && event.like_a_field.is_some());
        assert_eq!(event.strange, ["retry: x", "nothing"]);
        assert!(!parser.buffer.is_empty());
    }
}
