//! Request IDs, made of a random part per process and a number.

use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};
use rand::RngExt as _;

use super::per_thread::PerThread;

/// Field that has the ID of a request, in requests and in answers.
const FIELD: HeaderName = HeaderName::from_static("x-request-id");

/// Most digits of a number.
const DIGITS: usize = 16;

/// Source of request IDs, which are unique in this process and very probably among processes.
pub(super) struct RequestIds {
    process: [u8; DIGITS],
    /// Numbers of requests so far, by thread.
    counts: PerThread<AtomicU64>,
}

impl RequestIds {
    /// Picks the random part.
    pub(super) fn new() -> Self {
        // The highest bit is set, so that all digits are written.
        let mut process = [0; DIGITS];
        write_hex(rand::rng().random::<u64>() | 1 << 63, &mut process);
        Self { process, counts: PerThread::new() }
    }

    /// ID that the client has given its request, or a new one.
    pub(super) fn of(&self, request: &HeaderMap) -> Option<HeaderValue> {
        request.get(FIELD).cloned().or_else(|| {
            // Each thread has every n-th number.
            let (thread, count) = self.counts.own();
            let count = count.fetch_add(1, Ordering::Relaxed);
            let number = count.wrapping_mul(self.counts.len() as u64).wrapping_add(thread as u64);
            // Digits of the process, a hyphen, and at most as many digits.
            let mut id = [b'-'; 2 * DIGITS + 1];
            id[..DIGITS].copy_from_slice(&self.process);
            let end = DIGITS + 1 + write_hex(number, &mut id[DIGITS + 1..]);
            HeaderValue::from_bytes(&id[..end]).ok()
        })
    }
}

/// Tells the client the ID of its request.
pub(super) fn tell(id: Option<HeaderValue>, answer: &mut HeaderMap) {
    if let Some(id) = id {
        answer.entry(FIELD).or_insert(id);
    }
}

/// Writes a number in hexadecimal digits, without the formatting of the standard library, which takes longer than the rest.
/// Returns how many there are.
fn write_hex(number: u64, out: &mut [u8]) -> usize {
    let digits = number.checked_ilog2().map_or(1, |bits| bits as usize / 4 + 1);
    for (place, digit) in out.iter_mut().take(digits).enumerate() {
        *digit = b"0123456789abcdef"[((number >> (4 * (digits - 1 - place))) & 15) as usize];
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_process_and_a_number_in_hexadecimal() {
        let ids = RequestIds::new();
        let process = String::from_utf8(ids.process.to_vec()).unwrap();
        assert_eq!(process.len(), DIGITS);
        for number in [0, 1, 15, 16, 0x1a2b, u64::MAX] {
            let mut digits = [0; DIGITS];
            let length = write_hex(number, &mut digits);
            assert_eq!(digits[..length], *format!("{number:x}").as_bytes());
        }
        let of_threads: Vec<HeaderValue> = std::thread::scope(|scope| {
            let several = || (0..20).map(|_| ids.of(&HeaderMap::new()).unwrap()).collect::<Vec<_>>();
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(several)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert!(of_threads.iter().all(|id| id.to_str().unwrap().starts_with(&format!("{process}-"))));
        assert_eq!(of_threads.iter().collect::<std::collections::HashSet<_>>().len(), 60);
        let own = HeaderMap::from_iter([(FIELD, HeaderValue::from_static("own"))]);
        assert_eq!(ids.of(&own).unwrap(), "own");
    }
}
