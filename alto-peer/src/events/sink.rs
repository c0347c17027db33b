//! Sinks of events, and the clock that stamps them.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::{Event, Line};

/// Clock, which tests replace.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Sink of events.
pub trait Sink: Send + Sync {
    /// Writes one event. Failures are ignored, as nothing can be done about a reader that is gone.
    fn take(&self, line: &Line);
}

/// Handle through which every part of a peer reports events.
#[derive(Clone)]
pub struct Events {
    clock: Clock,
    sink: Arc<dyn Sink>,
}

/// Sink that writes one JSON object a line.
pub struct JsonLines<W>(Mutex<W>);

/// Sink that writes a sentence a line for the events that concern people.
pub struct Sentences<W>(Mutex<W>);

/// Sink that drops events.
pub struct Silence;

impl Events {
    /// Reports to a sink, with times of a clock.
    pub fn new(clock: Clock, sink: impl Sink + 'static) -> Self {
        Self { clock, sink: Arc::new(sink) }
    }

    /// Drops all events.
    pub fn silent() -> Self {
        Self::new(Arc::new(SystemTime::now), Silence)
    }

    /// Reports an event that happens now.
    pub fn emit(&self, event: Event) {
        let now = (self.clock)().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // Microseconds are precise enough and keep lines short.
        let time = (now.as_secs_f64() * 1e6).round() / 1e6;
        self.sink.take(&Line { time, event });
    }
}

impl<W: Write> JsonLines<W> {
    /// Writes to this writer and flushes every line.
    pub fn new(writer: W) -> Self {
        Self(Mutex::new(writer))
    }
}

impl<W: Write + Send> Sink for JsonLines<W> {
    fn take(&self, line: &Line) {
        if let Ok(text) = serde_json::to_string(line) {
            write_line(&self.0, &text);
        }
    }
}

impl<W: Write> Sentences<W> {
    /// Writes to this writer and flushes every line.
    pub fn new(writer: W) -> Self {
        Self(Mutex::new(writer))
    }
}

impl<W: Write + Send> Sink for Sentences<W> {
    fn take(&self, line: &Line) {
        if let Some(text) = line.event.sentence() {
            write_line(&self.0, &text);
        }
    }
}

impl Sink for Silence {
    fn take(&self, _: &Line) {}
}

/// Writes a line in one call, so that lines of several threads do not mix.
fn write_line(writer: &Mutex<impl Write>, text: &str) {
    let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
    let _reader_gone = writer.write_all(format!("{text}\n").as_bytes()).and_then(|()| writer.flush());
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::super::*;
    use super::*;

    /// Writer whose content a test can read.
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn at(seconds: f64) -> Clock {
        Arc::new(move || SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds))
    }

    fn id() -> FileId {
        FileId::from_digest([0xab; 32])
    }

    fn json_of(event: &Event) -> Value {
        let written = Shared::default();
        Events::new(at(1_700_000_000.25), JsonLines::new(written.clone())).emit(event.clone());
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert!(text.ends_with('\n') && text.matches('\n').count() == 1, "{text}");
        assert_eq!(serde_json::from_str::<Line>(&text).unwrap().event, *event, "read as it is written");
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn lines_are_as_documented() {
        let (file, source) = (id(), "127.1.1.2:6881".parse().unwrap());
        let listening = json_of(&Event::Listening { address: [127, 1, 1, 1].into(), port: 6881 });
        assert_eq!(
            listening,
            json!({"time": 1_700_000_000.25, "event": "listening", "address": "127.1.1.1", "port": 6881})
        );
        let policy = "alto".to_owned();
        let joined =
            Event::Joined { file, name: "a".to_owned(), size: 5, pieces: 1, piece_size: 65536, have: 0, policy };
        assert_eq!(
            json_of(&joined),
            json!({
                "time": 1_700_000_000.25, "event": "joined", "file": id().to_string(), "name": "a", "size": 5,
                "pieces": 1, "piece-size": 65536, "have": 0, "policy": "alto",
            })
        );
        let state = SourceState::Lied;
        let lied = json_of(&Event::Source { file, source, state, reason: Some("piece 3".to_owned()) });
        assert_eq!((&lied["source"], &lied["state"]), (&json!("127.1.1.2:6881"), &json!("lied")));
        let contribution = Contribution { bytes: 5, pieces: 1, name: "p2".to_owned(), cost: Some(2.5) };
        let done = json_of(&Event::Done {
            file,
            seconds: 1.5,
            bytes: 5,
            path: "x/a".into(),
            sources: BTreeMap::from([(source, contribution)]),
            wasted: 0,
        });
        assert_eq!(done["sources"], json!({"127.1.1.2:6881": {"bytes": 5, "pieces": 1, "name": "p2", "cost": 2.5}}));
        assert_eq!(json_of(&Event::Failed { file: None, reason: "x".to_owned() }).as_object().unwrap().len(), 3);
    }

    #[test]
    fn people_are_told_what_matters() {
        let written = Shared::default();
        let events = Events::new(at(0.0), Sentences::new(written.clone()));
        let source = "127.1.1.2:6881".parse().unwrap();
        events.emit(Event::Piece {
            file: id(),
            piece: 0,
            bytes: 1,
            seconds: 0.1,
            source,
            others: BTreeMap::new(),
            have: 1,
        });
        events.emit(Event::Failed { file: Some(id()), reason: "nobody has it".to_owned() });
        assert_eq!(written.0.lock().unwrap().as_slice(), b"failed: nobody has it\n");
    }
}
