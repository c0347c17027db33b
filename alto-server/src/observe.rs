//! Metrics and the log: collecting, describing and exporting them.

use std::fmt::Write as _;
use std::io::stderr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use crate::config::Config;
use crate::config::log_format::LogFormat;
use crate::http::meter;
use crate::journal::{Journal, Recorder};
use crate::process;
use crate::state::snapshot::Snapshot;

/// Upper bounds of the buckets of durations, in seconds.
const LATENCY_BUCKETS: [f64; 12] = [0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

/// Time between two tidyings of the recorder.
const TIDYING: Duration = Duration::from_secs(10);

/// Level of the log, which can be changed at any time.
#[derive(Clone)]
pub(crate) struct LogLevel(Arc<dyn Fn(EnvFilter) -> bool + Send + Sync>);

impl LogLevel {
    /// Sets another level or filter. Returns false if the log is not that of this server.
    pub(crate) fn set(&self, filter: EnvFilter) -> bool {
        (self.0)(filter)
    }
}

/// Starts writing the log to standard error, and keeps its warnings and errors. A second start in one process is ignored.
pub(crate) fn start_log(config: &Config) -> (LogLevel, Arc<Journal>) {
    let journal = Arc::new(Journal::default());
    let recorder = Recorder(Arc::clone(&journal));
    // The library would report lines that nobody reads on standard error, where that ends the thread.
    let log = fmt().with_env_filter(config.log_filter.clone()).with_writer(stderr).log_internal_errors(false);
    let level = match config.log_format {
        LogFormat::Json => {
            let log = log.json().flatten_event(true).with_filter_reloading();
            let handle = log.reload_handle();
            let _already_started = log.finish().with(recorder).try_init();
            LogLevel(Arc::new(move |filter| handle.reload(filter).is_ok()))
        }
        LogFormat::Text => {
            let log = log.with_ansi(false).with_filter_reloading();
            let handle = log.reload_handle();
            let _already_started = log.finish().with(recorder).try_init();
            LogLevel(Arc::new(move |filter| handle.reload(filter).is_ok()))
        }
    };
    (level, journal)
}

/// Starts collecting metrics. Fails if this process already does.
pub(crate) fn install() -> Result<PrometheusHandle, metrics_exporter_prometheus::BuildError> {
    let durations = Matcher::Suffix("_seconds".to_owned());
    let handle = PrometheusBuilder::new().set_buckets_for_metric(durations, &LATENCY_BUCKETS)?.install_recorder()?;
    describe();
    Ok(handle)
}

fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_counter!("alto_overload_refused_total", "Requests answered 503 because of a limit, by limit.");
    describe_counter!("alto_connections_total", "Connections accepted.");
    describe_counter!(
        "alto_connections_closed_total",
        "Connections that the server ended because of a limit, by reason."
    );
    describe_counter!("alto_view_changes_total", "Views published since the start, not counting the first.");
    describe_histogram!("alto_view_build_seconds", "Time to compute the view after a change.");
    describe_histogram!("alto_update_seconds", "Time to add a version to everything that clients follow.");
    describe_gauge!("alto_update_streams", "Update streams currently open (RFC 8895).");
    describe_gauge!("alto_tips_views", "TIPS views currently open (RFC 9569).");
    describe_gauge!("alto_followed", "Resources and requests whose answers clients follow.");
    describe_counter!("alto_followed_begun_total", "Times that the history of an answer was begun.");
    describe_counter!("alto_unknown_streams_total", "Requests for a control URI of no open stream.");
    describe_counter!("alto_swarm_refused_total", "Requests refused by the peer registry, by reason.");
    describe_counter!("alto_swarm_expired_total", "Registrations that expired because no heartbeat arrived.");
    describe_counter!("alto_swarm_saved_changes_total", "Changes of the peer registry written to disk.");
    describe_histogram!("alto_swarm_save_seconds", "Time to write one batch of registry changes to disk.");
    describe_gauge!("alto_swarm_peers", "Peers currently registered.");
    describe_gauge!("alto_swarm_files", "Distinct files held by registered peers.");
    describe_gauge!("alto_swarm_holdings", "Files held by registered peers, counted once per holder.");
    describe_gauge!("alto_connections", "Connections currently open.");
    describe_gauge!("alto_pids", "PIDs in the network map.");
    describe_gauge!("alto_prefixes", "Prefixes in the network map.");
    describe_gauge!("alto_link_overrides", "Links that differ from the topology by what came through /admin.");
    describe_gauge!("alto_topology_replaced", "1 if the topology was set through /admin, 0 if it is the file.");
    describe_counter!("alto_authentication_failures_total", "Wrong credentials, by what they were for.");
    describe_counter!("alto_reloads_total", "Reloads of settings and files, by result.");
    describe_gauge!("alto_last_reload_successful", "1 if the last reload was in order, or there was none; else 0.");
    describe_gauge!("alto_last_reload_success_timestamp_seconds", "Time of the last reload in order, or of the start.");
    describe_gauge!("alto_certificate_expiry_timestamp_seconds", "Time until which the certificate for TLS is valid.");
    metrics::gauge!("alto_last_reload_successful").set(1.0);
    metrics::gauge!("alto_last_reload_success_timestamp_seconds").set(seconds(SystemTime::now()));
}

/// Puts the durations recorded so far into their buckets, for as long as the server runs: the recorder keeps each until then,
/// or until somebody asks for the metrics.
pub(crate) async fn tidy(recorded: PrometheusHandle) {
    let mut ticks = tokio::time::interval(TIDYING);
    loop {
        ticks.tick().await;
        recorded.run_upkeep();
    }
}

/// Returns all metrics in the text format of Prometheus.
///
/// The tags of the present view are added here instead of being recorded, because the recorder keeps every label it has
/// ever seen and would grow with every change of a cost.
pub(crate) fn exposition(recorded: &PrometheusHandle, present: &Snapshot) -> String {
    let (view, map) = (present.view().tag(), present.view().network_map().tag());
    let mut text = meter::exposition();
    text.push_str(&recorded.render());
    text.push_str(
        "# HELP alto_view_info Always 1; the labels are the tags of the current view.\n# TYPE alto_view_info gauge\n",
    );
    let _ = writeln!(text, "alto_view_info{{view_tag=\"{view}\",network_map_tag=\"{map}\"}} 1");
    text.push_str("# HELP alto_build_info Always 1; the label is the version.\n# TYPE alto_build_info gauge\n");
    text.push_str(concat!("alto_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1\n"));
    text + &process::exposition()
}

/// Time in seconds since 1970-01-01, as metrics have it.
pub(crate) fn seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
