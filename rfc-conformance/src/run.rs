//! Runs of the suite: discovery, checks in parallel, and checks that run last.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::catalogue;
use crate::change::Change;
use crate::check::{Check, When};
use crate::context::{Answers, Context, LARGE};
use crate::control;
use crate::explanation;
use crate::http::{Client, Request, Settings};
use crate::report::Report;
use crate::requirement::Requirement;
use crate::rfc7285;
use crate::rfc7285::requirements::s15_5_2::SURVIVES;
use crate::rfc9112::requirements::s8::INCOMPLETE;
use crate::sheet::Sheet;
use crate::subject::Subject;
use crate::suite::requirements::alive::ALIVE;
use crate::survey::Survey;
use crate::verdict::{Finding, Line, Verdict};

/// Settings of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// URI of the root directory.
    pub directory: String,
    /// Counts warnings as failures.
    pub strict: bool,
    /// Prefixes of the requirement IDs to grade; empty for all.
    pub only: Vec<String>,
    /// Name and password for HTTP Digest.
    pub user: Option<(String, String)>,
    /// PEM file of certificate authorities to trust instead of the built-in ones.
    pub ca: Option<PathBuf>,
    /// Accepts any server certificate.
    pub insecure: bool,
    /// Folder that long request bodies are written to, so that the commands of a report can refer to them.
    pub bodies: Option<PathBuf>,
    /// Time limit of one request.
    pub timeout: Duration,
    /// Time limit of the whole run.
    pub deadline: Duration,
    /// Number of checks that run in parallel.
    pub jobs: usize,
    /// Makes the data of the server change, if the user knows how.
    pub change: Option<Change>,
    /// Time for which an update stream without changes is watched; zero for none.
    pub idle: Duration,
    /// Shows a progress bar on standard error.
    pub progress: bool,
}

impl Options {
    /// Creates default settings for a root directory.
    pub fn new(directory: &str) -> Self {
        Self {
            directory: directory.to_owned(),
            strict: false,
            only: Vec::new(),
            user: None,
            ca: None,
            insecure: false,
            bodies: None,
            timeout: Duration::from_secs(10),
            deadline: Duration::from_mins(15),
            jobs: 4,
            change: None,
            idle: Duration::ZERO,
            progress: false,
        }
    }
}

/// Grades a server.
pub fn run(options: &Options) -> Report {
    let started = Instant::now();
    let settings = Settings {
        user: options.user.clone(),
        ca: options.ca.clone(),
        insecure: options.insecure,
        bodies: options.bodies.clone(),
        timeout: options.timeout,
        deadline: options.deadline,
    };
    let survey = Arc::new(Survey::new(rfc7285::every_answer::inspect));
    let mut report = Report::empty(&options.directory, options.strict);
    let client = match Client::new(&settings, survey.clone()) {
        Ok(client) => client,
        Err(error) => {
            report.could_not_run = Some(error.to_string());
            return report;
        }
    };
    match Subject::discover(&client, &options.directory) {
        Ok(subject) => {
            report.hint = hint(&subject);
            report.lines = all(&client, subject, &survey, options);
        }
        Err(trouble) => report.could_not_run = Some(format!("the root directory gives no answer: {trouble}")),
    }
    report.not_changed = options.change.as_ref().and_then(Change::failure);
    report.requests = client.count();
    report.took = started.elapsed();
    report
}

/// Returns advice where the URI of the run is probably not that of a directory.
fn hint(subject: &Subject) -> Option<String> {
    let advice = match subject.first.answer.status {
        404 => "a root directory often has the path /directory, and /.well-known/alto may lead to it",
        401 | 403 => "the server wants credentials: give --user",
        200 if subject.first.value().is_none_or(|value| value.get("resources").is_none()) => {
            "the URI has to be that of a directory, not of a map or a web page"
        }
        _ => return None,
    };
    Some(format!("{} gives {}: {advice}", subject.root, subject.first.outline()))
}

/// What the checks of a run share.
struct Shared<'run> {
    client: &'run Client,
    subject: &'run Subject,
    survey: &'run Survey,
    answers: &'run Answers,
    options: &'run Options,
}

impl<'run> Shared<'run> {
    fn context(&self) -> Context<'run> {
        let context = Context::new(self.client, self.subject, self.options.user.as_ref(), self.survey, self.answers);
        context.with_changes(self.options.change.as_ref(), self.options.idle)
    }
}

/// Runs all selected checks and returns the verdicts in the order of the standards.
fn all(client: &Client, mut subject: Subject, survey: &Survey, options: &Options) -> Vec<Line> {
    let answers = Answers::default();
    let (broken, largest) = control::ask_all(&Context::new(client, &subject, options.user.as_ref(), survey, &answers));
    let mut controls = Vec::new();
    for control in broken {
        subject.withhold(control.index, &control.cause);
        controls.extend(control.line);
    }
    let shared = Shared { client, subject: &subject, survey, answers: &answers, options };
    // Large answers take many times their size while they are examined, so that checks must not do it side by side.
    let jobs = if largest > LARGE { 1 } else { options.jobs.max(1) };
    let chosen = |requirement: &Requirement| {
        options.only.is_empty() || options.only.iter().any(|prefix| requirement.is_within(prefix))
    };
    let checks: Vec<_> = catalogue::checks().filter(|check| check.grades.iter().any(chosen)).collect();
    let (last, first): (Vec<_>, Vec<_>) = checks.into_iter().partition(|check| check.when == When::Last);
    let progress = progress(options.progress, first.len() + last.len());
    let mut sheet = in_parallel(&shared, &first, jobs, &progress);
    for check in last {
        sheet.absorb(graded(&shared, check));
        progress.inc(1);
    }
    progress.finish_and_clear();
    let mut lines = sheet.verdicts();
    let failing = client.failing_since();
    let mut alive = still_alive(client, &subject).verdicts();
    if let Some(number) = failing
        && let Some(alive) = alive.iter_mut().find(|line| matches!(line.verdict, Verdict::Fail))
    {
        blame(alive, &mut lines, number);
        blame(alive, &mut controls, number);
    }
    lines.retain(|line| chosen(&line.requirement));
    for control in &mut controls {
        let blocked =
            lines.iter().filter(|line| control.resource.as_ref().is_some_and(|id| line.blocked_by.contains(id)));
        control.blocks = blocked.map(|line| line.requirement.id).collect();
    }
    controls.retain(|control| !control.blocks.is_empty() || chosen(&control.requirement));
    // A requirement that some resources violate has a verdict for each of these, not one for the others as well.
    lines.retain(|line| controls.iter().all(|control| control.requirement != line.requirement));
    lines.extend(alive.into_iter().chain(controls));
    explanation::attribute(&mut lines, &subject);
    lines.sort_by_key(|line| (line.requirement.order(), line.resource.clone()));
    lines
}

/// Requirements that a server goes on after a request, whatever it is: they tell what a server that answers 5xx to everything
/// may have broken by.
const SURVIVAL: [Requirement; 2] = [SURVIVES, INCOMPLETE];

/// Attributes missing answers and status 5xx to the end of the server: they are one failure, which blocks everything else.
fn blame(alive: &mut Line, lines: &mut [Line], since: usize) {
    let tells = |line: &Line| SURVIVAL.contains(&line.requirement) && line.has_answer();
    for line in lines.iter_mut().filter(|line| !tells(line)) {
        let is_blocked = matches!(line.verdict, Verdict::Blocked(_)) && line.blocked_by.is_empty();
        if line.is_silence_since(since) || is_blocked {
            line.verdict = Verdict::Blocked("the server has stopped answering".to_owned());
            line.findings.clear();
            line.more = 0;
            line.blocked_by = vec![alive.requirement.id.to_owned()];
            alive.blocks.push(line.requirement.id);
        }
    }
    alive.blocks.sort_by_key(|id| Requirement::def(id, "").order());
    alive.blocks.dedup();
}

/// Runs checks on several threads and merges their notes in the order of the checks.
fn in_parallel(shared: &Shared<'_>, checks: &[&Check], jobs: usize, progress: &ProgressBar) -> Sheet {
    let next = AtomicUsize::new(0);
    let sheets = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(checks.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(check) = checks.get(index) else {
                        return;
                    };
                    let sheet = graded(shared, check);
                    sheets.lock().unwrap_or_else(PoisonError::into_inner).insert(index, sheet);
                    progress.inc(1);
                }
            });
        }
    });
    let sheets = sheets.into_inner().unwrap_or_else(PoisonError::into_inner);
    sheets.into_values().fold(Sheet::new(&[]), |mut all, sheet| {
        all.absorb(sheet);
        all
    })
}

/// Runs a check and returns its notes. A panic in the check is not a verdict on the server and does not end the run.
fn graded(shared: &Shared<'_>, check: &Check) -> Sheet {
    let run = AssertUnwindSafe(|| {
        let context = shared.context();
        let mut sheet = Sheet::new(check.grades);
        if shared.subject.directories.is_empty() {
            sheet.skip_all("the root URI gives no directory, so resources cannot be found");
        }
        if let Err(trouble) = (check.run)(&context, &mut sheet) {
            sheet.interrupt(&trouble);
        }
        sheet.block(&context.missed());
        sheet
    });
    std::panic::catch_unwind(run).unwrap_or_else(|_| {
        let mut sheet = Sheet::new(check.grades);
        sheet.interrupt_by_panic();
        sheet
    })
}

/// Checks that the root URI still gives the same status.
fn still_alive(client: &Client, subject: &Subject) -> Sheet {
    let mut sheet = Sheet::new(&[ALIVE]);
    client.give_another_chance();
    match client.follow(Request::get(&subject.root).with("Accept", "*/*")) {
        Ok(exchange) => {
            let entry = sheet.on(ALIVE);
            entry.saw(&exchange, 1, "answer");
            if exchange.answer.status != subject.first.answer.status {
                let expected = format!("status {}, as at first", subject.first.answer.status);
                entry.fail(Finding::new(expected, exchange.outline()).from(&exchange));
            }
        }
        Err(trouble) => sheet.on(ALIVE).unanswered(&trouble, "an answer, as at first"),
    }
    sheet
}

fn progress(wanted: bool, length: usize) -> ProgressBar {
    if !wanted {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} checks, {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
