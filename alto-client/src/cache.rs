//! Answers kept by what they are the answer to, used while fresh, validated when not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use http::StatusCode;

use super::error::Error;
use super::exchange::{Answer, Exchange, Question};
use super::freshness::{Freshness, Validators};
use super::uri::HttpUri;

/// Answers of one kind that are kept at a time; the one used longest ago goes first.
const CAPACITY: usize = 64;

/// How old an answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// As old as the server allows (RFC 7285 §8.3.6).
    WhileFresh,
    /// Straight from the server, and past all caches on the way.
    Never,
}

/// An answer, and how it was had.
#[derive(Debug)]
pub(crate) struct Kept<T> {
    pub(crate) value: Arc<T>,
    /// The server was asked, if only whether the answer still holds.
    pub(crate) asked: bool,
}

/// Answers of one kind, parsed.
#[derive(Debug)]
pub(crate) struct Cache<T> {
    stored: Mutex<HashMap<String, Stored<T>>>,
}

#[derive(Debug)]
struct Stored<T> {
    value: Arc<T>,
    /// Where the answer came from in the end.
    from: HttpUri,
    fresh_until: Instant,
    validators: Validators,
    used: Instant,
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self { stored: Mutex::default() }
    }
}

impl<T> Clone for Stored<T> {
    fn clone(&self) -> Self {
        Self {
            value: Arc::clone(&self.value),
            from: self.from.clone(),
            fresh_until: self.fresh_until,
            validators: self.validators.clone(),
            used: self.used,
        }
    }
}

impl<T> Cache<T> {
    /// The answer to a question without body: kept, validated, or new; and whether anybody was asked for it.
    pub(crate) fn get(
        &self,
        exchange: &Exchange,
        question: Question<'_>,
        reuse: Reuse,
        read: impl Fn(&Answer) -> Result<T, Error>,
    ) -> Result<Kept<T>, Error> {
        let key = question.uri.key();
        let known = self.lookup(&key).filter(|_| reuse == Reuse::WhileFresh);
        if let Some(known) = &known
            && Instant::now() < known.fresh_until
        {
            return Ok(Kept { value: Arc::clone(&known.value), asked: false });
        }
        let question = Question { past_caches: reuse == Reuse::Never, ..question };
        if let Some(known) = known.filter(|known| !known.validators.is_empty()) {
            let answer = exchange.ask(&Question { unless: Some(&known.validators), ..question })?;
            if answer.status != StatusCode::NOT_MODIFIED {
                return self.store(key, &answer, read);
            }
            // "Not modified" says something about what is known only where it is said by the same resource.
            if answer.uri == known.from {
                let freshness = Freshness::of(&answer.headers, answer.received);
                let validators = freshness.validators.clone().or(&known.validators);
                let fresh_until = freshness.until(Instant::now());
                let value = Arc::clone(&known.value);
                self.insert(key, Stored { fresh_until, validators, ..known });
                return Ok(Kept { value, asked: true });
            }
        }
        let answer = exchange.ask(&question)?;
        self.store(key, &answer, read)
    }

    fn store(
        &self,
        key: String,
        answer: &Answer,
        read: impl Fn(&Answer) -> Result<T, Error>,
    ) -> Result<Kept<T>, Error> {
        let value = Arc::new(read(answer)?);
        let freshness = Freshness::of(&answer.headers, answer.received);
        if freshness.storable {
            let now = Instant::now();
            let stored = Stored {
                value: Arc::clone(&value),
                from: answer.uri.clone(),
                fresh_until: freshness.until(now),
                validators: freshness.validators,
                used: now,
            };
            self.insert(key, stored);
        } else if let Ok(mut stored) = self.stored.lock() {
            stored.remove(&key);
        }
        Ok(Kept { value, asked: true })
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        if let Ok(mut stored) = self.stored.lock() {
            stored.clear();
        }
    }

    fn lookup(&self, key: &str) -> Option<Stored<T>> {
        let mut stored = self.stored.lock().ok()?;
        let found = stored.get_mut(key)?;
        found.used = Instant::now();
        Some(found.clone())
    }

    fn insert(&self, key: String, new: Stored<T>) {
        let Ok(mut stored) = self.stored.lock() else { return };
        if stored.len() >= CAPACITY && !stored.contains_key(&key) {
            let oldest = stored.iter().min_by_key(|(_, stored)| stored.used).map(|(key, _)| key.clone());
            oldest.and_then(|oldest| stored.remove(&oldest));
        }
        stored.insert(key, new);
    }
}
