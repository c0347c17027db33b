//! What bodies of answers say, read once for all exchanges with the same body: large maps are asked for many times, and
//! reading them is most of a run.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use sha2::{Digest as _, Sha256};

use super::message::Answer;
use crate::json::{self, Document, NotJson};

/// Size in bytes from which bodies are compared with earlier ones: reading a smaller one takes no longer.
const WORTHWHILE: usize = 4 * 1024;

/// A body as JSON, and what was made of that.
#[derive(Debug, Default)]
pub(super) struct Reading {
    json: OnceLock<Result<Document, NotJson>>,
    /// Results by their types.
    made: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

/// What answers that are still in use were read as, by a hash of all that their meaning depends on.
#[derive(Debug, Default)]
pub(super) struct Readings(Mutex<HashMap<[u8; 32], Weak<Reading>>>);

impl Reading {
    /// Returns the body as JSON, parsed once.
    pub(super) fn document(&self, answer: &Answer) -> Result<&Document, &NotJson> {
        self.json.get_or_init(|| json::parse(&answer.content())).as_ref()
    }

    /// Returns what `make` makes of the body; the first result counts.
    #[expect(clippy::expect_used, reason = "the type is the key under which the value was stored")]
    pub(super) fn made<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let known = || self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let first = known().get(&TypeId::of::<T>()).cloned();
        let value = first.unwrap_or_else(|| {
            let new: Arc<dyn Any + Send + Sync> = Arc::new(make());
            Arc::clone(known().entry(TypeId::of::<T>()).or_insert(new))
        });
        value.downcast().expect("values are stored under their type")
    }
}

impl Readings {
    /// Returns what an answer is read as: the same as an earlier one, if that had the same body and is still in use.
    pub(super) fn of(&self, answer: &Answer) -> Arc<Reading> {
        if answer.body.len() < WORTHWHILE {
            return Arc::default();
        }
        let mut hasher = Sha256::new();
        hasher.update(answer.header("content-encoding").unwrap_or_default());
        hasher.update([0]);
        hasher.update(answer.status.to_be_bytes());
        hasher.update(&answer.body);
        let hash = hasher.finalize().into();
        let mut readings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reading) = readings.get(&hash).and_then(Weak::upgrade) {
            return reading;
        }
        if readings.len() == readings.capacity() {
            readings.retain(|_, reading| reading.strong_count() > 0);
        }
        let reading = Arc::default();
        readings.insert(hash, Arc::downgrade(&reading));
        reading
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, encoding: Option<&str>, text: &str) -> Answer {
        let body = format!("{{\"a\": \"{text}{}\"}}", "x".repeat(WORTHWHILE)).into_bytes();
        let header = encoding.map(|encoding| ("content-encoding".to_owned(), encoding.to_owned()));
        Answer { status, headers: header.into_iter().collect(), body }
    }

    #[test]
    fn equal_answers_in_use_share_what_they_were_read_as_and_no_others_do() {
        let readings = Readings::default();
        let (one, other) = (answer(200, None, "one"), answer(200, None, "other"));
        let first = readings.of(&one);
        assert!(Arc::ptr_eq(&readings.of(&one), &first));
        for other in [answer(404, None, "one"), answer(200, Some("gzip"), "one"), other] {
            assert!(!Arc::ptr_eq(&readings.of(&other), &first));
        }
        let weak = Arc::downgrade(&first);
        drop(first);
        assert!(weak.upgrade().is_none(), "nothing is kept that nobody uses");
        assert!(readings.of(&one).document(&one).is_ok());
    }

    #[test]
    fn each_type_is_made_once() {
        let reading = Reading::default();
        assert_eq!(*reading.made(|| 1_u32), 1);
        assert_eq!(*reading.made(|| 2_u32), 1);
        assert_eq!(*reading.made(|| 3_u64), 3);
    }
}
