//! Parameters in the query of a request.

use crate::http::{Exchange, HttpError};

/// Reads a whole number, if the query has it.
pub(super) fn number(exchange: &Exchange, key: &str) -> Result<Option<u64>, HttpError> {
    let query = exchange.target.query().unwrap_or_default();
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == key).map(|(_, value)| value);
    let parsed = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value.parse().ok(),
        _ => None,
    };
    parsed.map(Some).ok_or_else(|| wanted(key))
}

/// Reads a whole number that the query must have.
pub(super) fn required_number(exchange: &Exchange, key: &str) -> Result<u64, HttpError> {
    number(exchange, key)?.ok_or_else(|| wanted(key))
}

fn wanted(key: &str) -> HttpError {
    HttpError::BadRequest(format!("the query needs {key}=N once, N being a whole number"))
}
