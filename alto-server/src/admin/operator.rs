//! Whoever asks `/admin` for something, and what they may do.

use std::fmt;

use crate::http::{Exchange, HttpError};
use crate::state::audit::Actor;

/// Someone who was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operator {
    /// Name in the audit trail.
    pub(super) name: String,
    /// What they may do; everyone may read.
    pub(super) scopes: Vec<Scope>,
}

/// Part of the API that a token opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Everything.
    Everything,
    /// Reading, which every token may.
    Read,
    /// Reporting measurements of links.
    Measure,
    /// Giving the prefixes of one source.
    Prefixes(String),
}

impl Operator {
    /// Whoever opens the Unix socket, which the file system allows to the user of this process only.
    pub(super) fn of_socket() -> Self {
        Self { name: "socket".to_owned(), scopes: vec![Scope::Everything] }
    }

    /// Tells whether something that needs a scope is allowed.
    pub(super) fn has(&self, needed: &Scope) -> bool {
        *needed == Scope::Read || self.scopes.iter().any(|scope| *scope == Scope::Everything || scope == needed)
    }

    /// Refuses what the operator may not do.
    pub(super) fn require(&self, needed: &Scope) -> Result<(), HttpError> {
        if self.has(needed) {
            return Ok(());
        }
        metrics::counter!("alto_authentication_failures_total", "for" => "admin").increment(1);
        let scopes: Vec<String> = self.scopes.iter().map(ToString::to_string).collect();
        let or_more = if *needed == Scope::Everything { "" } else { " or everything" };
        Err(HttpError::Forbidden(format!(
            "the token {:?} is for {}; this needs a token for {needed}{or_more}",
            self.name,
            scopes.join(" and ")
        )))
    }

    /// The operator in the audit trail.
    pub(super) fn actor(&self, exchange: &Exchange) -> Actor {
        Actor { who: self.name.clone(), from: Some(exchange.client()).filter(|address| !address.is_unspecified()) }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("everything"),
            Self::Read => f.write_str("read"),
            Self::Measure => f.write_str("measure"),
            Self::Prefixes(source) => write!(f, "prefixes:{source}"),
        }
    }
}
