//! Output of lines to standard output, to standard error, or above the prompt.

use std::io::{self, Write, stderr, stdout};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustyline::ExternalPrinter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::events::{Events, JsonLines, Sentences};

/// Writer of whole lines that threads share.
#[derive(Clone)]
pub(crate) struct Output(Arc<Mutex<Target>>);

enum Target {
    Stdout,
    Stderr,
    Prompt(Box<dyn ExternalPrinter + Send>),
}

impl Output {
    /// Standard output.
    pub(crate) fn stdout() -> Self {
        Self::to(Target::Stdout)
    }

    /// Standard error.
    pub(crate) fn stderr() -> Self {
        Self::to(Target::Stderr)
    }

    /// The terminal, above the line that is being typed.
    pub(crate) fn prompt(printer: impl ExternalPrinter + Send + 'static) -> Self {
        Self::to(Target::Prompt(Box::new(printer)))
    }

    /// Writes to standard output from now on, if it was the terminal above a line.
    pub(crate) fn leave_prompt(&self) {
        let mut target = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*target, Target::Prompt(_)) {
            *target = Target::Stdout;
        }
    }

    fn to(target: Target) -> Self {
        Self(Arc::new(Mutex::new(target)))
    }

    /// Writes one line or several.
    pub(crate) fn say(&self, text: &str) {
        let _reader_gone = self.clone().write_all(format!("{text}\n").as_bytes());
    }

    /// Events written here, as JSON or as sentences.
    pub(crate) fn events(&self, json: bool) -> Events {
        let clock = Arc::new(SystemTime::now);
        if json {
            Events::new(clock, JsonLines::new(self.clone()))
        } else {
            Events::new(clock, Sentences::new(self.clone()))
        }
    }

    /// Starts logging here: warnings and errors, or whatever the environment variable `ALTO_LOG` selects.
    pub(crate) fn log(&self) {
        let filter = EnvFilter::try_from_env("ALTO_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(self.clone());
        // The library would report lines that nobody reads on standard error, where that ends the thread.
        let log = log.without_time().with_target(false).with_ansi(false).log_internal_errors(false);
        let _already_started = log.try_init();
    }
}

impl Write for Output {
    /// Writes everything at once, as each call has whole lines.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Target::Stdout => stdout().lock().write_all(bytes).and_then(|()| stdout().flush())?,
            Target::Stderr => stderr().write_all(bytes)?,
            Target::Prompt(printer) => {
                printer.print(String::from_utf8_lossy(bytes).into_owned()).map_err(io::Error::other)?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Output {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
