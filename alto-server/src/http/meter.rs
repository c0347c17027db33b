//! Counters of the answers of each resource.
//!
//! Every answer is counted, so each thread counts for itself: cores that count in the same place would wait for each other.
//! The recorder of all other metrics does that, and keeps every duration until somebody asks for metrics.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use http::StatusCode;

use super::per_thread::PerThread;

/// Upper bounds of the buckets of durations.
const BUCKETS: [(Duration, &str); 12] = [
    (Duration::from_micros(100), "0.0001"),
    (Duration::from_micros(250), "0.00025"),
    (Duration::from_micros(500), "0.0005"),
    (Duration::from_millis(1), "0.001"),
    (Duration::from_micros(2500), "0.0025"),
    (Duration::from_millis(5), "0.005"),
    (Duration::from_millis(10), "0.01"),
    (Duration::from_millis(25), "0.025"),
    (Duration::from_millis(100), "0.1"),
    (Duration::from_millis(500), "0.5"),
    (Duration::from_millis(2500), "2.5"),
    (Duration::from_secs(10), "10"),
];

/// Counters of all resources, which are those of the process, as all metrics are.
static METERS: Mutex<BTreeMap<String, Arc<Meter>>> = Mutex::new(BTreeMap::new());

/// Counters of one resource's answers, which the router finds for each request.
pub(crate) struct Meter {
    pub(super) resource: String,
    tallies: PerThread<Tally>,
    /// Numbers of answers by status code, from 100.
    answers: [OnceLock<PerThread<AtomicU64>>; 500],
}

/// Sums over the answers of one thread.
#[derive(Default)]
struct Tally {
    bytes: AtomicU64,
    nanoseconds: AtomicU64,
    /// Numbers of answers by duration; those above the last bound at the end.
    durations: [AtomicU64; BUCKETS.len() + 1],
}

impl Meter {
    /// Returns the counters of a resource.
    pub(crate) fn of(resource: &str) -> Arc<Self> {
        let mut meters = METERS.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(meters.entry(resource.to_owned()).or_insert_with(|| Arc::new(Self::new(resource.to_owned()))))
    }

    fn new(resource: String) -> Self {
        Self { resource, tallies: PerThread::new(), answers: [const { OnceLock::new() }; 500] }
    }

    /// Counts one answer.
    pub(super) fn count(&self, status: StatusCode, time: Duration, bytes: Option<u64>) {
        if let Some(answers) = self.answers.get(usize::from(status.as_u16()).saturating_sub(100)) {
            answers.get_or_init(PerThread::new).own().1.fetch_add(1, Ordering::Relaxed);
        }
        let (_, tally) = self.tallies.own();
        let bucket = BUCKETS.iter().take_while(|(bound, _)| time > *bound).count();
        tally.durations[bucket].fetch_add(1, Ordering::Relaxed);
        tally.nanoseconds.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        tally.bytes.fetch_add(bytes.unwrap_or_default(), Ordering::Relaxed);
    }

    /// Numbers of answers with the status codes that there were.
    fn by_status(&self) -> impl Iterator<Item = (usize, u64)> {
        let counts = (100..).zip(&self.answers);
        counts.filter_map(|(status, answers)| Some((status, sum(answers.get()?, |count| count))))
    }
}

/// Returns the counters of all resources that have answered in the text format of Prometheus.
pub(crate) fn exposition() -> String {
    let meters: Vec<Arc<Meter>> = {
        let all = METERS.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().filter(|meter| meter.by_status().next().is_some()).map(Arc::clone).collect()
    };
    write(&meters).unwrap_or_default()
}

fn write(meters: &[Arc<Meter>]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let begin = |text: &mut String, name, kind, help| writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    let name = "alto_requests_total";
    begin(&mut text, name, "counter", "Requests answered, by resource and status.")?;
    for meter in meters {
        let resource = label(&meter.resource);
        for (status, count) in meter.by_status() {
            writeln!(text, "{name}{{resource=\"{resource}\",status=\"{status}\"}} {count}")?;
        }
    }
    let name = "alto_response_bytes_total";
    begin(&mut text, name, "counter", "Bytes of answer bodies, by resource.")?;
    for meter in meters {
        let bytes = sum(&meter.tallies, |tally| &tally.bytes);
        writeln!(text, "{name}{{resource=\"{}\"}} {bytes}", label(&meter.resource))?;
    }
    let name = "alto_request_duration_seconds";
    begin(&mut text, name, "histogram", "Time from the head of a request to the head of its answer.")?;
    for meter in meters {
        let resource = label(&meter.resource);
        let mut count = 0;
        let bounds = BUCKETS.iter().map(|(_, bound)| *bound).chain(["+Inf"]);
        for (bucket, bound) in bounds.enumerate() {
            count += sum(&meter.tallies, |tally| &tally.durations[bucket]);
            writeln!(text, "{name}_bucket{{resource=\"{resource}\",le=\"{bound}\"}} {count}")?;
        }
        let seconds = Duration::from_nanos(sum(&meter.tallies, |tally| &tally.nanoseconds)).as_secs_f64();
        writeln!(text, "{name}_sum{{resource=\"{resource}\"}} {seconds}")?;
        writeln!(text, "{name}_count{{resource=\"{resource}\"}} {count}")?;
    }
    Ok(text)
}

/// Sum of a counter over all threads.
fn sum<T: Default>(counters: &PerThread<T>, counter: impl Fn(&T) -> &AtomicU64) -> u64 {
    counters.all().map(|each| counter(each).load(Ordering::Relaxed)).sum()
}

/// Escapes the value of a label.
fn label(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_threads_counted_is_added_up() {
        let meter = Arc::new(Meter::new("a \"map\"".to_owned()));
        std::thread::scope(|scope| {
            for thread in 1..=3 {
                let meter = &meter;
                scope.spawn(move || {
                    meter.count(StatusCode::OK, Duration::from_micros(100 * thread), Some(10 * thread));
                    meter.count(StatusCode::NOT_MODIFIED, Duration::from_secs(20), None);
                });
            }
        });
        let text = write(&[meter]).unwrap();
        for line in [
            "# TYPE alto_requests_total counter",
            "alto_requests_total{resource=\"a \\\"map\\\"\",status=\"200\"} 3",
            "alto_requests_total{resource=\"a \\\"map\\\"\",status=\"304\"} 3",
            "alto_response_bytes_total{resource=\"a \\\"map\\\"\"} 60",
            "# TYPE alto_request_duration_seconds histogram",
            "alto_request_duration_seconds_bucket{resource=\"a \\\"map\\\"\",le=\"0.0001\"} 1",
            "alto_request_duration_seconds_bucket{resource=\"a \\\"map\\\"\",le=\"0.00025\"} 2",
            "alto_request_duration_seconds_bucket{resource=\"a \\\"map\\\"\",le=\"10\"} 3",
            "alto_request_duration_seconds_bucket{resource=\"a \\\"map\\\"\",le=\"+Inf\"} 6",
            "alto_request_duration_seconds_sum{resource=\"a \\\"map\\\"\"} 60.0006",
            "alto_request_duration_seconds_count{resource=\"a \\\"map\\\"\"} 6",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing:\n{text}");
        }
    }

    #[test]
    fn a_resource_has_one_set_of_counters() {
        assert!(Arc::ptr_eq(&Meter::of("test-of-meters"), &Meter::of("test-of-meters")));
        assert!(!exposition().contains("test-of-meters"));
        Meter::of("test-of-meters").count(StatusCode::OK, Duration::ZERO, None);
        assert!(exposition().contains("alto_requests_total{resource=\"test-of-meters\",status=\"200\"} 1\n"));
    }
}
