//! The limit on the upload rate: one for all uploads, which take from it in turn.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Bytes that go out at a time where nothing limits them.
pub(super) const CHUNK: usize = 256 * 1024;
/// A limited rate is spread evenly over intervals of this length.
const INTERVAL: Duration = Duration::from_millis(50);
/// Less at a time would be mostly headers of packets.
const MIN_CHUNK: usize = 1024;

/// Lets bytes pass at a rate.
pub(super) struct Pace {
    /// Bytes per second.
    rate: Option<u64>,
    /// When the next bytes may go. Whoever waits for that holds the lock; the others queue for it in order, and all
    /// take chunks of one size: so the rate is shared equally.
    next: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new(rate: Option<u64>) -> Self {
        Self { rate, next: Mutex::new(Instant::now()) }
    }

    /// How many bytes to take at a time.
    pub(super) fn chunk(&self) -> usize {
        let Some(rate) = self.rate else { return CHUNK };
        let interval = u64::from(INTERVAL.subsec_millis());
        usize::try_from(rate.saturating_mul(interval) / 1000).unwrap_or(CHUNK).clamp(MIN_CHUNK, CHUNK)
    }

    /// Waits until so many bytes may go.
    pub(super) async fn take(&self, bytes: usize) {
        let Some(rate) = self.rate else { return };
        let mut next = self.next.lock().await;
        sleep_until(*next).await;
        // What was not used in the past cannot be used now, but for what timers are late.
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

    /// How many bytes each of several uploads gets through in a time.
    async fn uploads(rate: u64, count: usize, time: Duration) -> Vec<usize> {
        let pace = Arc::new(Pace::new(Some(rate)));
        let upload = |pace: Arc<Pace>| async move {
            let mut sent = 0;
            let endless = async {
                loop {
                    pace.take(pace.chunk()).await;
                    sent += pace.chunk();
                }
            };
            let _elapsed = tokio::time::timeout(time, endless).await;
            sent
        };
        let uploads: Vec<_> = (0..count).map(|_| tokio::spawn(upload(Arc::clone(&pace)))).collect();
        let mut sent = Vec::new();
        for upload in uploads {
            sent.push(upload.await.unwrap());
        }
        sent
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_holds_and_is_shared_equally() {
        for (rate, count) in [(100_000, 1), (100_000, 5), (10_000_000, 3), (5_000, 2)] {
            let sent = uploads(rate, count, Duration::from_secs(10)).await;
            let (total, chunk) = (sent.iter().sum::<usize>() as u64, Pace::new(Some(rate)).chunk() as u64);
            assert!(total <= rate * 10 + 3 * chunk && total + 3 * chunk >= rate * 10, "{rate}: {sent:?}");
            let (least, most) = (sent.iter().min().unwrap(), sent.iter().max().unwrap());
            assert!((most - least) as u64 <= chunk, "{sent:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn idle_time_is_not_saved_up() {
        let pace = Pace::new(Some(1000));
        tokio::time::advance(Duration::from_hours(1)).await;
        let start = Instant::now();
        for _ in 0..5 {
            pace.take(1000).await;
        }
        assert!(start.elapsed() >= Duration::from_millis(3900), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn no_limit_is_no_wait() {
        let (pace, start) = (Pace::new(None), Instant::now());
        for _ in 0..1000 {
            pace.take(pace.chunk()).await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
