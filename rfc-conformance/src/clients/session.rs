//! Sessions: the listeners of all scenarios, the assignment of requests to scenarios, and the resulting report.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::certificates::{Authority, CertificateError};
use super::driver::{Assignment, ClientDriver, TaskOutcome, TaskRun};
use super::grading;
use super::recording::{Capture, Log, RequestSubject, UnparsableRequest};
use super::requirements;
use super::scenario::{Certificate, Deployment, Needs, PlayedScenario, Scenario};
use super::scenarios::{self, PASSWORD, USER};
use super::task::{Ask, Task};
use crate::mock_server::http::{ReceivedRequest, RejectedMessage, Response};
use crate::mock_server::listener::{Handler, Server};
use crate::mock_server::resource::RequestTarget;
use crate::mock_server::service::Service;
use crate::report::Report;

/// Settings of a session.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// Listening address; port 0 selects a free port. The second server and the HTTPS servers use other free ports.
    pub listen: SocketAddr,
    /// Host by which clients address the server.
    pub host: Option<String>,
    /// Names of the scenarios to run; empty for all.
    pub scenarios: Vec<String>,
    /// File for the authority's certificate, which also enables the HTTPS scenarios.
    pub write_ca: Option<PathBuf>,
    /// Counts warnings as failures.
    pub strict: bool,
    /// Prefixes of the requirement IDs to grade; empty for all.
    pub only: Vec<String>,
}

/// Error that prevents a session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The address cannot be bound.
    #[error("{0}: cannot be listened on: {1}")]
    Listen(SocketAddr, io::Error),
    /// A scenario does not exist.
    #[error("there is no scenario {0:?}; they are {1}")]
    NoSuchScenario(String, String),
    /// The certificates could not be created.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// Running scenarios with the record of all requests.
pub struct Session {
    settings: SessionSettings,
    scenarios: Vec<Scenario>,
    state: Arc<SessionState>,
    origins: Origins,
    /// Listeners, which stop when they are dropped.
    _servers: Vec<Server>,
    attempts: BTreeMap<&'static str, Vec<(Task, TaskOutcome)>>,
    subject: String,
}

/// Scheme and authority of each listener.
struct Origins {
    first: String,
    second: String,
    /// HTTPS listeners: with a valid certificate, for another host, of an unknown authority.
    secure: Option<[String; 3]>,
}

/// State that all listeners share.
struct SessionState {
    services: Mutex<BTreeMap<&'static str, Arc<Service>>>,
    /// Scenario that was active last.
    active: Mutex<Option<&'static str>>,
    run: AtomicUsize,
    log: Log,
}

/// Handler of one listener.
struct ScenarioListener {
    origin: String,
    state: Arc<SessionState>,
}

impl Session {
    /// Starts the listeners.
    pub fn open(settings: SessionSettings) -> Result<Self, SessionError> {
        let scenarios = chosen(&settings)?;
        let state = Arc::new(SessionState {
            services: Mutex::default(),
            active: Mutex::default(),
            run: AtomicUsize::new(0),
            log: Log::new(),
        });
        let host = settings.host.clone().unwrap_or_else(|| host_of(settings.listen.ip()));
        let mut servers = Vec::new();
        let mut start = |address: SocketAddr, tls: Option<Arc<rustls::ServerConfig>>| {
            let failed = |error| SessionError::Listen(address, error);
            let listener = TcpListener::bind(address).map_err(failed)?;
            let port = listener.local_addr().map_err(failed)?.port();
            let origin = format!("{}://{host}:{port}", if tls.is_some() { "https" } else { "http" });
            let handler = ScenarioListener { origin: origin.clone(), state: Arc::clone(&state) };
            servers.push(Server::start(listener, tls, Arc::new(handler)).map_err(failed)?);
            Ok::<_, SessionError>(origin)
        };
        let other_port = SocketAddr::new(settings.listen.ip(), 0);
        let (first, second) = (start(settings.listen, None)?, start(other_port, None)?);
        let secure = match &settings.write_ca {
            None => None,
            Some(path) => {
                let trusted = Authority::new()?;
                trusted.write(path)?;
                let good = trusted.certificate(&host)?;
                let wrong = trusted.certificate("elsewhere.example")?;
                let strange = Authority::new()?.certificate(&host)?;
                Some([
                    start(other_port, Some(good))?,
                    start(other_port, Some(wrong))?,
                    start(other_port, Some(strange))?,
                ])
            }
        };
        let origins = Origins { first, second, secure };
        let subject = format!("the client of {}", origins.first);
        let session =
            Self { settings, scenarios, state, origins, _servers: servers, attempts: BTreeMap::new(), subject };
        for scenario in &session.scenarios {
            session.enter(scenario, 0);
        }
        *session.state.active.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(session)
    }

    /// Returns name, root URI, description and kinds of tasks of each scenario.
    pub fn overview(&self) -> Vec<(&'static str, String, &'static str, Vec<&'static str>)> {
        let played = self.scenarios.iter().filter_map(|scenario| Some((scenario, self.deployment(scenario, 0)?)));
        let line = |(scenario, deployment): (&Scenario, Deployment)| {
            let mut tasks: Vec<_> =
                (scenario.tasks)(&(scenario.service)(&deployment)).iter().map(|t| t.ask.name()).collect();
            tasks.dedup();
            (scenario.name, root(scenario, &deployment), scenario.about, tasks)
        };
        played.map(line).collect()
    }

    /// Runs a client for all tasks of all scenarios, one after the other. `subject` names the client in the report; `on_scenario` is
    /// called with the name of each scenario before it starts.
    pub fn drive(&mut self, driver: &mut dyn ClientDriver, subject: &str, mut on_scenario: impl FnMut(&str)) {
        subject.clone_into(&mut self.subject);
        for scenario in &self.scenarios {
            on_scenario(scenario.name);
            let Some(deployment) = self.deployment(scenario, 0) else { continue };
            let tasks = (scenario.tasks)(&(scenario.service)(&deployment));
            let mut attempts = Vec::new();
            for (turn, task) in tasks.into_iter().enumerate() {
                let run = self.state.run.fetch_add(1, Ordering::SeqCst) + 1;
                self.enter(scenario, turn);
                let assignment = self.assignment(scenario, &deployment, &task);
                let outcome = match driver.attempt(&assignment) {
                    Ok(outcome) => TaskOutcome::TaskRun(TaskRun::new(run, assignment.uri, outcome)),
                    Err(why) => TaskOutcome::Not(why),
                };
                attempts.push((task, outcome));
            }
            self.attempts.insert(scenario.name, attempts);
        }
    }

    /// Returns the time since the last message of a client.
    pub fn idle(&self) -> Duration {
        self.state.log.idle()
    }

    /// Returns the number of requests so far.
    pub fn requests(&self) -> usize {
        let (kept, dropped) = self.state.log.count();
        kept + dropped
    }

    /// Returns the report on everything so far.
    pub fn report(&self, took: Duration) -> Report {
        let captures = self.state.log.captures();
        let mut scenes = Vec::new();
        for scenario in &self.scenarios {
            let of_scenario = captures.iter().filter(|capture| capture.scenario == Some(scenario.name)).cloned();
            scenes.push(PlayedScenario {
                scenario,
                captures: of_scenario.collect(),
                attempts: self.attempts.get(scenario.name).cloned().unwrap_or_default(),
            });
        }
        let mut report = Report::empty(&self.subject, self.settings.strict);
        report.lines = grading::verdicts(&scenes, &self.state.log.unparsable());
        let only = &self.settings.only;
        report.lines.retain(|line| only.is_empty() || only.iter().any(|prefix| line.requirement.is_within(prefix)));
        report.requests = self.requests();
        report.took = took;
        if report.requests == 0 && self.state.log.unparsable().is_empty() {
            report.could_not_run = Some("no client has asked anything".into());
        }
        report
    }

    /// Returns the URIs of a scenario, or `None` if its prerequisites are not met.
    fn deployment(&self, scenario: &Scenario, turn: usize) -> Option<Deployment> {
        let origin = match scenario.needs {
            Needs::Nothing | Needs::Credentials => &self.origins.first,
            Needs::Tls(certificate) => {
                let [good, wrong, strange] = self.origins.secure.as_ref()?;
                match certificate {
                    Certificate::Good => good,
                    Certificate::WrongName => wrong,
                    Certificate::Stranger => strange,
                }
            }
        };
        let prefix = format!("/{}", scenario.name);
        Some(Deployment { prefix, origin: origin.clone(), other: self.origins.second.clone(), turn })
    }

    /// Activates a scenario in its initial state.
    fn enter(&self, scenario: &Scenario, turn: usize) {
        if let Some(deployment) = self.deployment(scenario, turn) {
            let service = Arc::new((scenario.service)(&deployment));
            self.state.services.lock().unwrap_or_else(PoisonError::into_inner).insert(scenario.name, service);
        }
        *self.state.active.lock().unwrap_or_else(PoisonError::into_inner) = Some(scenario.name);
    }

    fn assignment(&self, scenario: &Scenario, deployment: &Deployment, task: &Task) -> Assignment {
        let service = (scenario.service)(deployment);
        let default_map = service.directories[0].default_map.clone().unwrap_or_default();
        let (mut values, mut required) = (BTreeMap::new(), Vec::new());
        for (name, value, needed) in task.ask.values(&default_map) {
            values.insert(name, value);
            required.extend(needed.then_some(name));
        }
        values.insert("user", vec![USER.into()]);
        values.insert("password", vec![PASSWORD.into()]);
        let ca = self.settings.write_ca.as_ref().map(|path| path.display().to_string());
        values.insert("ca", ca.into_iter().collect());
        match scenario.needs {
            Needs::Nothing => {}
            Needs::Credentials => required.extend(["user", "password"]),
            Needs::Tls(_) => required.push("ca"),
        }
        let chooses = task.requirement == requirements::DEFAULT_MAP && !matches!(task.ask, Ask::Directory);
        let forbidden = if chooses { vec!["map"] } else { Vec::new() };
        Assignment {
            scenario: scenario.name,
            task: task.ask.name(),
            uri: root(scenario, deployment),
            values,
            required,
            forbidden,
        }
    }
}

impl Handler for ScenarioListener {
    fn respond(&self, request: &ReceivedRequest) -> Response {
        let state = &self.state;
        let name = request.path.split(['/', '?']).nth(1).unwrap_or_default();
        let service = {
            let services = state.services.lock().unwrap_or_else(PoisonError::into_inner);
            services.get_key_value(name).map(|(name, service)| (*name, Arc::clone(service)))
        };
        let mut active = state.active.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((name, _)) = &service {
            *active = Some(*name);
        }
        let scenario = *active;
        drop(active);
        let (answer, subject) = match &service {
            None => (Response::plain(404, "no scenario is played here"), RequestSubject::Stray),
            Some((_, service)) => {
                let answer = service.respond(request);
                let subject = match service.find(request) {
                    Some(RequestTarget::Directory(directory)) => RequestSubject::Directory(directory.id.clone()),
                    Some(RequestTarget::Resource(resource)) => RequestSubject::Resource(Box::new(resource.clone())),
                    None if answer.status == 404 && !is_of_updates(&request.path) => RequestSubject::Stray,
                    None => RequestSubject::Prop,
                };
                // On the other server there is nothing, whatever the path.
                let is_stray = answer.status == 404 && !is_of_updates(&request.path);
                let subject = if is_stray { RequestSubject::Stray } else { subject };
                (answer, subject)
            }
        };
        state.log.add(Capture {
            number: 0,
            scenario,
            run: state.run.load(Ordering::SeqCst),
            at: Duration::ZERO,
            origin: self.origin.clone(),
            request: request.clone(),
            answer: answer.clone(),
            subject,
        });
        answer
    }

    fn rejected(&self, peer: SocketAddr, refusal: &RejectedMessage) {
        let scenario = *self.state.active.lock().unwrap_or_else(PoisonError::into_inner);
        self.state.log.add_garbled(UnparsableRequest { scenario, peer, refusal: refusal.clone() });
    }
}

/// Tests whether a path is one that a service of updates creates, which may be gone.
fn is_of_updates(path: &str) -> bool {
    path.contains("/tips/") || path.contains("/updates/control/")
}

fn root(scenario: &Scenario, deployment: &Deployment) -> String {
    format!("{}{}{}", deployment.origin, deployment.prefix, scenario.root)
}

fn host_of(address: IpAddr) -> String {
    match address {
        address if address.is_unspecified() => "127.0.0.1".into(),
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn chosen(settings: &SessionSettings) -> Result<Vec<Scenario>, SessionError> {
    let all = scenarios::all();
    for name in &settings.scenarios {
        if name != "all" && !all.iter().any(|scenario| scenario.name == name) {
            let names: Vec<_> = all.iter().map(|scenario| scenario.name).collect();
            return Err(SessionError::NoSuchScenario(name.clone(), names.join(", ")));
        }
    }
    let wanted = |scenario: &Scenario| {
        settings.scenarios.is_empty() || settings.scenarios.iter().any(|name| name == "all" || name == scenario.name)
    };
    Ok(all.into_iter().filter(wanted).collect())
}
