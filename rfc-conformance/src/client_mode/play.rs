//! Playing the scenarios: listeners, which scenario a request belongs to, and the record of it all.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::certificates::{Authority, CertificateError};
use super::drive::{Done, Driven, Driver, Question};
use super::judge::{self, Scene};
use super::log::{Capture, Garbled, Log, Subject};
use super::rules;
use super::scenario::{Ask, Certificate, Needs, Place, Scenario, Task};
use super::scenarios::{self, PASSWORD, USER};
use crate::report::Report;
use crate::stage::http::{Answer, Refusal, Request};
use crate::stage::serve::{Handler, Server};
use crate::stage::site::{Found, Site};

/// How a session is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen; port 0 picks a free one. A second port, and more for HTTPS, are picked on the same address.
    pub listen: SocketAddr,
    /// The host that clients know this address by.
    pub host: Option<String>,
    /// Scenarios to play; empty means all.
    pub scenarios: Vec<String>,
    /// Plays HTTPS, too, and writes the authority that clients have to trust to this file.
    pub write_ca: Option<PathBuf>,
    /// Whether recommendations count as requirements.
    pub strict: bool,
    /// Only requirements whose IDs begin so; empty means all.
    pub only: Vec<String>,
}

/// Why a session cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The address is taken, or not here.
    #[error("{0}: cannot be listened on: {1}")]
    Listen(SocketAddr, io::Error),
    /// There is no such scenario.
    #[error("there is no scenario {0:?}; they are {1}")]
    NoSuchScenario(String, String),
    /// No certificates.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// A session: the scripted servers, and everything that clients do to them.
pub struct Session {
    settings: Settings,
    scenarios: Vec<Scenario>,
    stage: Arc<Stage>,
    origins: Origins,
    /// Dropping them ends them.
    _servers: Vec<Server>,
    attempts: BTreeMap<&'static str, Vec<(Task, Driven)>>,
    subject: String,
}

/// Schemes and authorities.
struct Origins {
    first: String,
    second: String,
    /// Good, of the wrong name, of a stranger.
    secure: Option<[String; 3]>,
}

/// What all listeners share.
struct Stage {
    sites: Mutex<BTreeMap<&'static str, Arc<Site>>>,
    /// The scenario that was entered last.
    active: Mutex<Option<&'static str>>,
    run: AtomicUsize,
    log: Log,
}

/// One listener.
struct Booth {
    origin: String,
    stage: Arc<Stage>,
}

impl Session {
    /// Listens, and begins to answer.
    pub fn open(settings: Settings) -> Result<Self, SessionError> {
        let scenarios = chosen(&settings)?;
        let stage = Arc::new(Stage {
            sites: Mutex::default(),
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
            let booth = Booth { origin: origin.clone(), stage: Arc::clone(&stage) };
            servers.push(Server::start(listener, tls, Arc::new(booth)).map_err(failed)?);
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
            Self { settings, scenarios, stage, origins, _servers: servers, attempts: BTreeMap::new(), subject };
        for scenario in &session.scenarios {
            session.enter(scenario, 0);
        }
        *session.stage.active.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(session)
    }

    /// Name, URI of the root directory, description, and names of the tasks of every scenario that is played.
    pub fn programme(&self) -> Vec<(&'static str, String, &'static str, Vec<&'static str>)> {
        let played = self.scenarios.iter().filter_map(|scenario| Some((scenario, self.place(scenario, 0)?)));
        let line = |(scenario, place): (&Scenario, Place)| {
            let mut tasks: Vec<_> = (scenario.tasks)(&(scenario.site)(&place)).iter().map(|t| t.ask.name()).collect();
            tasks.dedup();
            (scenario.name, root(scenario, &place), scenario.about, tasks)
        };
        played.map(line).collect()
    }

    /// Puts the tasks of all scenarios to a client, one after the other. `subject` says which client it is; `told`
    /// hears of every scenario before it begins.
    pub fn drive(&mut self, driver: &mut dyn Driver, subject: &str, mut told: impl FnMut(&str)) {
        subject.clone_into(&mut self.subject);
        for scenario in &self.scenarios {
            told(scenario.name);
            let Some(place) = self.place(scenario, 0) else { continue };
            let tasks = (scenario.tasks)(&(scenario.site)(&place));
            let mut attempts = Vec::new();
            for (turn, task) in tasks.into_iter().enumerate() {
                let run = self.stage.run.fetch_add(1, Ordering::SeqCst) + 1;
                self.enter(scenario, turn);
                let question = self.question(scenario, &place, &task);
                let outcome = match driver.attempt(&question) {
                    Ok(outcome) => Driven::Done(Done::new(run, question.uri, outcome)),
                    Err(why) => Driven::Not(why),
                };
                attempts.push((task, outcome));
            }
            self.attempts.insert(scenario.name, attempts);
        }
    }

    /// How long no client has asked anything.
    pub fn idle(&self) -> Duration {
        self.stage.log.idle()
    }

    /// How many requests came in.
    pub fn requests(&self) -> usize {
        let (kept, dropped) = self.stage.log.count();
        kept + dropped
    }

    /// The verdicts so far.
    pub fn report(&self, took: Duration) -> Report {
        let captures = self.stage.log.captures();
        let mut scenes = Vec::new();
        for scenario in &self.scenarios {
            let of_scenario = captures.iter().filter(|capture| capture.scenario == Some(scenario.name)).cloned();
            scenes.push(Scene {
                scenario,
                captures: of_scenario.collect(),
                attempts: self.attempts.get(scenario.name).cloned().unwrap_or_default(),
            });
        }
        let mut report = Report::empty(&self.subject, self.settings.strict);
        report.lines = judge::verdicts(&scenes, &self.stage.log.garbled());
        let only = &self.settings.only;
        report.lines.retain(|line| only.is_empty() || only.iter().any(|prefix| line.requirement.is_within(prefix)));
        report.requests = self.requests();
        report.took = took;
        if report.requests == 0 && self.stage.log.garbled().is_empty() {
            report.could_not_run = Some("no client has asked anything".into());
        }
        report
    }

    /// Where a scenario is played; nowhere if it takes what is not there.
    fn place(&self, scenario: &Scenario, turn: usize) -> Option<Place> {
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
        Some(Place { prefix, origin: origin.clone(), other: self.origins.second.clone(), turn })
    }

    /// Begins a scenario anew.
    fn enter(&self, scenario: &Scenario, turn: usize) {
        if let Some(place) = self.place(scenario, turn) {
            let site = Arc::new((scenario.site)(&place));
            self.stage.sites.lock().unwrap_or_else(PoisonError::into_inner).insert(scenario.name, site);
        }
        *self.stage.active.lock().unwrap_or_else(PoisonError::into_inner) = Some(scenario.name);
    }

    fn question(&self, scenario: &Scenario, place: &Place, task: &Task) -> Question {
        let site = (scenario.site)(place);
        let default_map = site.directories[0].default_map.clone().unwrap_or_default();
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
        let chooses = task.rule == rules::DEFAULT_MAP && !matches!(task.ask, Ask::Directory);
        let forbidden = if chooses { vec!["map"] } else { Vec::new() };
        Question {
            scenario: scenario.name,
            task: task.ask.name(),
            uri: root(scenario, place),
            values,
            required,
            forbidden,
        }
    }
}

impl Handler for Booth {
    fn answer(&self, request: &Request) -> Answer {
        let stage = &self.stage;
        let name = request.resource.split(['/', '?']).nth(1).unwrap_or_default();
        let site = {
            let sites = stage.sites.lock().unwrap_or_else(PoisonError::into_inner);
            sites.get_key_value(name).map(|(name, site)| (*name, Arc::clone(site)))
        };
        let mut active = stage.active.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((name, _)) = &site {
            *active = Some(*name);
        }
        let scenario = *active;
        drop(active);
        let (answer, subject) = match &site {
            None => (Answer::plain(404, "no scenario is played here"), Subject::Stray),
            Some((_, site)) => {
                let answer = site.answer(request);
                let subject = match site.find(request) {
                    Some(Found::Directory(directory)) => Subject::Directory(directory.id.clone()),
                    Some(Found::Resource(resource)) => Subject::Resource(Box::new(resource.clone())),
                    None if answer.status == 404 => Subject::Stray,
                    None => Subject::Prop,
                };
                // On the other server there is nothing, whatever the path.
                let subject = if answer.status == 404 { Subject::Stray } else { subject };
                (answer, subject)
            }
        };
        stage.log.add(Capture {
            number: 0,
            scenario,
            run: stage.run.load(Ordering::SeqCst),
            at: Duration::ZERO,
            origin: self.origin.clone(),
            request: request.clone(),
            answer: answer.clone(),
            subject,
        });
        answer
    }

    fn refused(&self, peer: SocketAddr, refusal: &Refusal) {
        let scenario = *self.stage.active.lock().unwrap_or_else(PoisonError::into_inner);
        self.stage.log.add_garbled(Garbled { scenario, peer, refusal: refusal.clone() });
    }
}

fn root(scenario: &Scenario, place: &Place) -> String {
    format!("{}{}{}", place.origin, place.prefix, scenario.root)
}

fn host_of(address: IpAddr) -> String {
    match address {
        address if address.is_unspecified() => "127.0.0.1".into(),
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn chosen(settings: &Settings) -> Result<Vec<Scenario>, SessionError> {
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
