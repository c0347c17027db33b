//! Cache of parsed answers, reused while fresh and validated when stale (RFC 7285 §8.3.6).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use http::StatusCode;

use super::freshness::{Freshness, Validators};
use super::uri::HttpUri;
use super::{Answer, Exchange, Question};
use crate::error::Error;

/// Number of answers of one kind that are kept; the least recently used one is dropped first.
const CAPACITY: usize = 64;

/// Age at which a cached answer may still be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// Any age that the server allows (RFC 7285 §8.3.6).
    WhileFresh,
    /// None: the server is asked, past all caches on the way.
    Never,
}

/// Answer, cached or new.
#[derive(Debug)]
pub(crate) struct Kept<T> {
    pub(crate) value: Arc<T>,
    /// True if the server was asked, if only to validate the answer.
    pub(crate) asked: bool,
}

/// Parsed answers of one kind by URI.
#[derive(Debug)]
pub(crate) struct Cache<T> {
    stored: Mutex<HashMap<String, Stored<T>>>,
}

#[derive(Debug)]
struct Stored<T> {
    value: Arc<T>,
    /// URI of the resource that answered, after redirects.
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
    /// Answer to a GET: cached, validated or new.
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
            // A 304 speaks of the cached answer only if it comes from the same resource.
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

    /// Drops all answers.
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
