//! The answer that tells a client of new pieces as they arrive, which takes a tenth of what asking again and again does.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use warp::Reply;
use warp::reply::Response;

use crate::content::library::Shared;
use crate::content::{Bitfield, Have, HaveMore};

/// Bounds on the delay that lets pieces arriving in quick succession be told together. Within these it is the time since the
/// last line, as a line takes more bytes on the wire than what it says.
const COLLECT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// Longest delay of pieces that most others have as well, which a line about others takes along.
const COMMON: Duration = Duration::from_secs(8);
/// Media type of the answer.
const LINES: &str = "application/x-ndjson";

/// Pieces that a client has been told of in one answer, and the time until which it is told of more.
struct Told {
    shared: Arc<Shared>,
    have: Option<Bitfield>,
    /// Time of the last line.
    last: Instant,
    until: Instant,
    stopping: watch::Receiver<bool>,
}

/// Answers with a line for the pieces that are there, and another whenever there are more, for this time or until all are
/// there.
pub(super) fn news(shared: Arc<Shared>, time: Duration, stopping: watch::Receiver<bool>) -> Response {
    let now = Instant::now();
    let told = Told { shared, have: None, last: now, until: now + time, stopping };
    let lines = stream::unfold(told, |mut told| async move {
        let line = told.next().await?;
        Some((Ok::<_, std::io::Error>(line), told))
    });
    let mut response = warp::reply::stream(lines).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(LINES));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Told {
    /// The next line, as soon as there is one.
    async fn next(&mut self) -> Option<String> {
        if self.have.is_some() {
            return self.more().await;
        }
        let have = self.have.insert(self.shared.have());
        let (pieces, version, complete) = (have.len(), have.count() as u64, have.is_complete());
        line(&Have { pieces, version, have: have.to_hex(), complete })
    }

    /// The next line about further pieces; none once all are there or the time is over.
    async fn more(&mut self) -> Option<String> {
        let told = self.have.as_ref()?;
        let partial = self.shared.partial().filter(|_| !told.is_complete())?;
        let mut versions = partial.versions();
        let mut known = told.count() as u64;
        tokio::select! {
            there_is = versions.wait_for(|version| *version > known) => drop(there_is.ok()?),
            () = sleep_until(self.until) => return None,
            _ = self.stopping.wait_for(|stop| *stop) => return None,
        }
        let latest = Instant::now() + COMMON;
        let (have, new) = loop {
            sleep(self.last.elapsed().clamp(COLLECT.0, COLLECT.1)).await;
            let have = partial.have();
            let new: Vec<usize> = have.iter().filter(|piece| !told.get(*piece)).collect();
            known = have.count() as u64;
            if have.is_complete() || Instant::now() >= latest || !partial.common().include(&new) {
                break (have, new);
            }
            tokio::select! {
                there_is = versions.wait_for(|version| *version > known) => drop(there_is.ok()?),
                () = sleep_until(latest) => {}
                _ = self.stopping.wait_for(|stop| *stop) => return None,
            }
        };
        self.last = Instant::now();
        self.have = Some(have);
        line(&HaveMore { version: known, new })
    }
}

fn line(message: &impl Serialize) -> Option<String> {
    serde_json::to_string(message).ok().map(|text| text + "\n")
}
