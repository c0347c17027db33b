//! The limit on the upload rate, shared equally by all uploads.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Bytes sent at a time without a limit, and the most with one.
pub(super) const CHUNK: usize = 256 * 1024;
/// Interval over which a limited rate is spread evenly.
const INTERVAL: Duration = Duration::from_millis(50);
/// Fewer bytes at a time would be mostly packet headers.
const MIN_CHUNK: usize = 1024;

/// Limiter of the rate at which bytes are sent.
pub(super) struct RateLimiter {
    /// Bytes per second.
    rate: Option<u64>,
    /// Time at which the next bytes may be sent. The upload that waits for it holds the lock, and the others queue for the
    /// lock in order. As all send chunks of one size, the rate is shared equally.
    next: Mutex<Instant>,
}

impl RateLimiter {
    /// A limiter to this many bytes per second, or without a limit.
    pub(super) fn new(rate: Option<u64>) -> Self {
        Self { rate, next: Mutex::new(Instant::now()) }
    }

    /// Number of bytes to send at a time.
    pub(super) fn chunk(&self) -> usize {
        let Some(rate) = self.rate else { return CHUNK };
        let interval = u64::from(INTERVAL.subsec_millis());
        usize::try_from(rate.saturating_mul(interval) / 1000).unwrap_or(CHUNK).clamp(MIN_CHUNK, CHUNK)
    }

    /// Waits until this many bytes may be sent.
    pub(super) async fn acquire(&self, bytes: usize) {
        let Some(rate) = self.rate else { return };
        let mut next = self.next.lock().await;
        sleep_until(*next).await;
        // Unused time is not saved up, apart from what timers are late.
        let start = (*next).max(Instant::now().checked_sub(INTERVAL).unwrap_or(*next));
        #[expect(clippy::cast_precision_loss, reason = "a chunk is small, and a rate of 2^53 is no limit")]
        let time = bytes as f64 / rate.max(1) as f64;
        *next = start + Duration::from_secs_f64(time);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Bytes that each of several uploads sends in this time.
    async fn uploads(rate: u64, count: usize, time: Duration) -> Vec<usize> {
        let limiter = Arc::new(RateLimiter::new(Some(rate)));
        let upload = |limiter: Arc<RateLimiter>| async move {
            let mut sent = 0;
            let endless = async {
                loop {
                    limiter.acquire(limiter.chunk()).await;
                    sent += limiter.chunk();
                }
            };
            let _elapsed = tokio::time::timeout(time, endless).await;
            sent
        };
        let uploads: Vec<_> = (0..count).map(|_| tokio::spawn(upload(Arc::clone(&limiter)))).collect();
        let mut sent = Vec::new();
        for upload in uploads {
            sent.push(upload.await.unwrap());
        }
        sent
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_kept_and_shared_equally() {
        for (rate, count) in [(100_000, 1), (100_000, 5), (10_000_000, 3), (5_000, 2)] {
            let sent = uploads(rate, count, Duration::from_secs(10)).await;
            let (total, chunk) = (sent.iter().sum::<usize>() as u64, RateLimiter::new(Some(rate)).chunk() as u64);
            assert!(total <= rate * 10 + 3 * chunk && total + 3 * chunk >= rate * 10, "{rate}: {sent:?}");
            let (least, most) = (sent.iter().min().unwrap(), sent.iter().max().unwrap());
            assert!((most - least) as u64 <= chunk, "{sent:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn unused_time_is_not_saved_up() {
        let limiter = RateLimiter::new(Some(1000));
        tokio::time::advance(Duration::from_hours(1)).await;
        let start = Instant::now();
        for _ in 0..5 {
            limiter.acquire(1000).await;
        }
        assert!(start.elapsed() >= Duration::from_millis(3900), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nothing_waits() {
        let (limiter, start) = (RateLimiter::new(None), Instant::now());
        for _ in 0..1000 {
            limiter.acquire(limiter.chunk()).await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
