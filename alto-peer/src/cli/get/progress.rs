//! Progress of a download for people: a bar, and important events above it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use command_line::note;
use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::output::Output;
use crate::events::{Event, Line, Sink, SourceState};

/// Sink that draws a bar on the terminal.
pub(super) struct Progress(Mutex<Shown>);

struct Shown {
    bar: ProgressBar,
    piece_size: u64,
    /// Time at which the download gives up, while it waits for holders.
    until: Option<Instant>,
}

/// Sink that writes problems and the result only.
pub(super) struct Quiet;

impl Progress {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        Self(Mutex::new(Shown { bar, piece_size: 0, until: None }))
    }
}

impl Sink for Progress {
    fn take(&self, line: &Line) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = shown.bar.clone();
        match &line.event {
            Event::Joined { size, piece_size, have, .. } => {
                shown.piece_size = u64::from(*piece_size);
                // The template is a constant, and right.
                if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}") {
                    bar.set_style(style.progress_chars("=> "));
                }
                bar.set_length(*size);
                bar.set_position((*have as u64 * shown.piece_size).min(*size));
                bar.println(line.event.sentence().unwrap_or_default());
            }
            Event::Piece { have, .. } => {
                shown.until = None;
                bar.set_position((*have as u64 * shown.piece_size).min(bar.length().unwrap_or(0)));
            }
            Event::Progress { bytes, rate, sources, .. } => {
                let left = bar.length().unwrap_or(0).saturating_sub(*bytes);
                let patience = shown.until.map(|until| until.saturating_duration_since(Instant::now()));
                bar.set_message(state(left, *rate, *sources, patience));
            }
            Event::Waiting { seconds, .. } => {
                let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                shown.until = time.map(|time| Instant::now() + time);
                bar.println(line.event.sentence().unwrap_or_default());
            }
            Event::Done { .. } | Event::Failed { .. } => {
                bar.finish_and_clear();
                result(&line.event);
            }
            // With its reason; that a holder answers is seen by the bar.
            Event::Source { state: SourceState::Connected, .. } => {}
            event => {
                if let Some(sentence) = event.sentence() {
                    bar.println(sentence);
                }
            }
        }
    }
}

/// Formats rate, number of sources and time left, or `patience`, the time until the download gives up.
fn state(left: u64, rate: f64, sources: usize, patience: Option<Duration>) -> String {
    if let Some(patience) = patience.filter(|_| sources == 0) {
        return format!("nobody has the rest now, giving up in {}", HumanDuration(patience));
    }
    if sources == 0 {
        return "looking for holders".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shown to people")]
    let per_second = HumanBytes(rate.max(0.0) as u64);
    #[expect(clippy::cast_precision_loss, reason = "shown to people")]
    let seconds = left as f64 / rate;
    let time =
        Duration::try_from_secs_f64(seconds.ceil()).map_or("?".to_owned(), |time| HumanDuration(time).to_string());
    format!("{per_second}/s from {sources}, {time} left")
}

impl Sink for Quiet {
    fn take(&self, line: &Line) {
        match &line.event {
            Event::Fallback { .. }
            | Event::Unreachable { .. }
            | Event::Waiting { .. }
            | Event::Metrics { reason: Some(_), .. }
            | Event::Source { state: SourceState::Lied, .. } => {
                note!("alto-peer: {}", line.event.sentence().unwrap_or_default());
            }
            event => result(event),
        }
    }
}

/// Prints the result of a successful download; the caller reports the reason of a failure.
fn result(event: &Event) {
    if let Event::Done { .. } = event {
        Output::stdout().say(&event.sentence().unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_told_in_units_people_know() {
        assert_eq!(state(10 * 1024 * 1024, 1024.0 * 1024.0, 3, None), "1.00 MiB/s from 3, 10 seconds left");
        assert_eq!(state(1, 0.0, 1, None), "0 B/s from 1, ? left");
        assert_eq!(state(1, 0.0, 0, None), "looking for holders");
        let patience = Some(Duration::from_mins(9));
        assert_eq!(state(1, 0.0, 0, patience), "nobody has the rest now, giving up in 9 minutes");
    }
}
