//! The running server: start, signals, and orderly end.

mod doors;
mod parts;

use std::sync::Arc;
use std::time::Duration;

use alto_registry::store_file::StoreError;
use alto_registry::swarms::SavedError;
use command_line::Exit;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::admin::service::Admin;
use crate::admin::socket::SocketError;
use crate::config::settings::Settings;
use crate::config::{Config, ConfigError};
use crate::http::event_loops::EventLoops;
use crate::http::offload::{self, Cancel};
use crate::journal::Journal;
use crate::observe::{self, LogLevel};
use crate::reload::Reread;
use crate::service_manager::ServiceManager;
use crate::state::audit::Actor;
use crate::state::network::ChangeRefused;
use crate::swarm;
use doors::Doors;
use parts::Parts;

/// Reason why the server could not start or had to end.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Network(#[from] ChangeRefused),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Swarm(#[from] swarm::service::StartError),
    #[cfg(feature = "redis")]
    #[error(transparent)]
    Cluster(#[from] crate::cluster::ClusterError),
    #[error(transparent)]
    AdminSocket(#[from] SocketError),
    #[error(transparent)]
    Tracker(#[from] SavedError),
    /// Address that the settings name and the system refuses, which may change without a change of the settings.
    #[error(transparent)]
    Listen(ConfigError),
    #[error("cannot collect metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    #[error("the operating system refused to start the server: {0}")]
    System(#[from] std::io::Error),
}

/// Time in which abandoned work may notice that the server ends.
const ABANDONED_WORK: Duration = Duration::from_millis(500);

/// Serves until a signal ends the process.
pub(crate) fn run(settings: Settings, config: Config, reread: Reread) -> Exit {
    let (log, journal) = observe::start_log(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = runtime.map_err(ServeError::System).and_then(|runtime| {
        let (loops, threads) = EventLoops::start()?;
        let result = runtime.block_on(serve(settings, config, reread, (log, journal), loops));
        // No client waits for what still runs. What it was about to save was not acknowledged.
        let await_end = threads.end(ABANDONED_WORK);
        runtime.shutdown_timeout(ABANDONED_WORK);
        await_end();
        result
    });
    match result {
        Ok(()) => Exit::Success,
        Err(error) => {
            error.to_string().lines().for_each(|problem| tracing::error!("{problem}"));
            match error {
                ServeError::Config(_)
                | ServeError::AdminSocket(SocketError::Occupied(_) | SocketError::NoFolder(_)) => Exit::Config,
                #[cfg(feature = "redis")]
                ServeError::Cluster(crate::cluster::ClusterError::Config(_)) => Exit::Config,
                _ => Exit::Failure,
            }
        }
    }
}

async fn serve(
    settings: Settings,
    config: Config,
    reread: Reread,
    (log, journal): (LogLevel, Arc<Journal>),
    loops: EventLoops,
) -> Result<(), ServeError> {
    // Before any log line announces the server, so that no signal is lost.
    let mut signals = Signals::listen()?;
    let metrics = observe::install()?;
    let tidying = tokio::spawn(observe::tidy(metrics.clone()));
    let (stop, stopping) = watch::channel(false);
    let parts = Parts::start(settings, &config, reread, (log, journal), &stopping)?;
    let tables = parts.tables(&config, metrics, &stopping);
    let mut doors = Doors::new(&parts, &config, loops, stopping);
    let tasks = parts.begin();
    doors.open_all(&parts, &config, tables)?;

    let manager = ServiceManager::from_environment();
    manager.ready();
    let alive = tokio::spawn(manager.clone().keep_alive());
    reload_until_stopped(&mut signals, &manager, &parts.admin).await;
    manager.stopping();
    tracing::info!("stopping: accepting no connections, finishing requests in progress");
    stop.send_replace(true);
    doors.close().await;
    for task in tasks.into_iter().chain([alive, tidying]) {
        task.abort();
    }
    parts.save();
    tracing::info!("stopped");
    Ok(())
}

/// Reloads at each signal to do so, and returns at the first one to stop.
async fn reload_until_stopped(signals: &mut Signals, manager: &ServiceManager, admin: &Arc<Admin>) {
    // Beside the signals, so that a slow reload never delays the end.
    let mut reloads = JoinSet::new();
    while signals.next().await == OperatorCommand::Reload {
        while reloads.try_join_next().is_some() {}
        manager.reloading();
        let (reload, manager) = (reload(Arc::clone(admin)), manager.clone());
        reloads.spawn(async move {
            reload.await;
            manager.ready();
        });
    }
}

/// Command of the operator to the running process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OperatorCommand {
    /// Read settings and files again (SIGHUP).
    Reload,
    /// Finish and end (SIGTERM, SIGINT).
    Stop,
}

/// Signals that the process handles.
struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> OperatorCommand {
        tokio::select! {
            _ = self.hangup.recv() => OperatorCommand::Reload,
            _ = self.interrupt.recv() => OperatorCommand::Stop,
            _ = self.terminate.recv() => OperatorCommand::Stop,
        }
    }
}

/// Reads everything again, off the event loop.
async fn reload(admin: Arc<Admin>) {
    let pool = admin.changes.clone();
    let work = move |_: &Cancel| {
        let by = Actor { who: "signal".to_owned(), from: None };
        // What is wrong has been logged.
        let _logged = admin.reloading.reload(&by);
    };
    if pool.run(None, offload::HEAVY, work).await.is_err() {
        tracing::error!("the reload changed nothing: too much other work waits");
    }
}
