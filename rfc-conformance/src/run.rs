//! Runs of the suite: discovery, checks in parallel, and checks that run last.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::catalogue;
use crate::check::{Check, When};
use crate::context::Context;
use crate::http::{Client, Request, Settings};
use crate::report::Report;
use crate::requirement::Requirement;
use crate::rfc7285;
use crate::sheet::Sheet;
use crate::subject::Subject;
use crate::suite::requirements::alive::ALIVE;
use crate::survey::Survey;
use crate::verdict::{Finding, Line};

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
    /// Time limit of one request.
    pub timeout: Duration,
    /// Time limit of the whole run.
    pub deadline: Duration,
    /// Number of checks that run in parallel.
    pub jobs: usize,
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
            timeout: Duration::from_secs(10),
            deadline: Duration::from_mins(15),
            jobs: 4,
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
        Ok(subject) => report.lines = all(&client, &subject, &survey, options),
        Err(trouble) => report.could_not_run = Some(format!("the root directory gives no answer: {trouble}")),
    }
    report.requests = client.count();
    report.took = started.elapsed();
    report
}

/// Runs all selected checks and returns the verdicts in the order of the standards.
fn all(client: &Client, subject: &Subject, survey: &Survey, options: &Options) -> Vec<Line> {
    let context = Context::new(client, subject, options.user.as_ref(), survey);
    let chosen = |requirement: &Requirement| {
        options.only.is_empty() || options.only.iter().any(|prefix| requirement.is_within(prefix))
    };
    let checks: Vec<_> = catalogue::checks().filter(|check| check.grades.iter().any(chosen)).collect();
    let (last, first): (Vec<_>, Vec<_>) = checks.into_iter().partition(|check| check.when == When::Last);
    let progress = progress(options.progress, first.len() + last.len());
    let mut sheet = in_parallel(&context, &first, options.jobs.max(1), &progress);
    for check in last {
        sheet.absorb(graded(&context, check));
        progress.inc(1);
    }
    progress.finish_and_clear();
    let mut lines = sheet.verdicts();
    lines.extend(still_alive(client, subject).verdicts());
    lines.retain(|line| line.requirement == ALIVE || chosen(&line.requirement));
    lines.sort_by_key(|line| line.requirement.order());
    lines
}

/// Runs checks on several threads and merges their notes in the order of the checks.
fn in_parallel(context: &Context<'_>, checks: &[&Check], jobs: usize, progress: &ProgressBar) -> Sheet {
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
                    let sheet = graded(context, check);
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
fn graded(context: &Context<'_>, check: &Check) -> Sheet {
    let run = AssertUnwindSafe(|| {
        let mut sheet = Sheet::new(check.grades);
        if context.subject.directories.is_empty() {
            sheet.skip_all("the root URI gives no directory, so resources cannot be found");
        }
        if let Err(trouble) = (check.run)(context, &mut sheet) {
            sheet.interrupt(&trouble);
        }
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
    match client.follow(Request::get(&subject.root).with("Accept", "*/*")) {
        Ok(exchange) => {
            let entry = sheet.on(ALIVE);
            entry.saw(&exchange, 1, "answer");
            if exchange.answer.status != subject.first.answer.status {
                let expected = format!("status {}, as at first", subject.first.answer.status);
                entry.fail(Finding::new(expected, exchange.outline()).from(&exchange));
            }
        }
        Err(trouble) => sheet.interrupt(&trouble),
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
