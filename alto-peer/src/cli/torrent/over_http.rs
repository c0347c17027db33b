//! Announcements over HTTP (BEP 3).

use std::time::Duration;

use alto_types::tracker::announce::{AnnounceAnswer, AnnounceRequest};
use ureq::Agent;
use ureq::config::Config;

use super::error::AskError;

/// Longest answer that is read.
const MAX_ANSWER: u64 = 1024 * 1024;

/// Announces to the tracker at a URL, which may have a query of its own.
pub(super) fn announce(url: &str, request: &AnnounceRequest, timeout: Duration) -> Result<AnnounceAnswer, AskError> {
    let config = Config::builder()
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .user_agent(concat!("alto-peer/", env!("CARGO_PKG_VERSION")))
        .build();
    let separator = if url.contains('?') { '&' } else { '?' };
    let answer = Agent::new_with_config(config).get(format!("{url}{separator}{}", request.to_query())).call();
    let mut answer = answer.map_err(|error| AskError::no_answer(url, error))?;
    let status = answer.status();
    let body = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
    let body = body.map_err(|error| AskError::no_answer(url, error))?;
    match AnnounceAnswer::parse(&body) {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(failure)) => Err(AskError::refused(url, failure)),
        Err(_) if !status.is_success() => {
            Err(AskError::no_answer(url, format!("it answers with HTTP status {status}")))
        }
        Err(source) => Err(AskError::Malformed { tracker: url.to_owned(), source }),
    }
}
