//! The ways into `/admin`: the Unix socket, and TCP with a token.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use http::header::AUTHORIZATION;

use super::operator::Operator;
use super::token::Tokens;
use crate::http::{Exchange, HttpError};

/// Tokens in force; none if `/admin` is not served over TCP.
pub(crate) type TokensInForce = Arc<ArcSwapOption<Tokens>>;

/// Way into the API.
#[derive(Clone)]
pub(crate) enum Entrance {
    /// Unix socket, which the file system guards.
    Socket,
    /// TCP, where every request must carry a token.
    Tcp(TokensInForce),
}

impl Entrance {
    /// Finds out who asks.
    pub(super) fn identify(&self, exchange: &Exchange) -> Result<Operator, HttpError> {
        let tokens = match self {
            Self::Socket => return Ok(Operator::of_socket()),
            Self::Tcp(tokens) => tokens.load(),
        };
        let Some(tokens) = &*tokens else {
            return Err(HttpError::NotFound(
                "there is no administration over TCP: set admin-token-file, or use the Unix socket of admin-socket"
                    .to_owned(),
            ));
        };
        let authorization = exchange.headers.get(AUTHORIZATION).map(|field| field.to_str().unwrap_or_default());
        if let Some(operator) = tokens.owner(authorization) {
            exchange.authenticated(&operator.name);
            return Ok(operator.clone());
        }
        let (challenge, detail) = if authorization.is_some() {
            metrics::counter!("alto_authentication_failures_total", "for" => "admin").increment(1);
            ("Bearer realm=\"alto-admin\", error=\"invalid_token\"", "the token is not one of admin-token-file")
        } else {
            ("Bearer realm=\"alto-admin\"", "no token was sent")
        };
        Err(HttpError::Unauthorized {
            challenges: vec![challenge.to_owned()],
            detail: format!(
                "{detail}: /admin wants \"Authorization: Bearer TOKEN\" with a token of the server's admin-token-file"
            ),
        })
    }
}
