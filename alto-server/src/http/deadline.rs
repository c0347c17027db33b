//! The limit on the time from the head of a request to the head of its answer, which handlers may lift.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::poll_immediate;

use super::head::Head;
use super::{Response, admission};

/// Waits for the answer to a request, or answers 503 once it has taken too long.
pub(super) async fn within(time: Duration, head: &Head, answering: impl Future<Output = Response>) -> Response {
    let mut answering = pin!(answering);
    // Most answers are there at once, and need no timer.
    if let Some(answer) = poll_immediate(answering.as_mut()).await {
        return answer;
    }
    match tokio::time::timeout(time, answering.as_mut()).await {
        Ok(answer) => answer,
        Err(_) if head.waits() => answering.await,
        Err(_) => admission::refused("time").into_response(),
    }
}
