//! Runs the checks: discovery first, then everything on several threads, then what needs to have seen it all.

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
    /// The URI of the root directory.
    pub directory: String,
    /// Whether recommendations count as requirements.
    pub strict: bool,
    /// Only requirements whose IDs begin so; empty means all.
    pub only: Vec<String>,
    /// Name and password for HTTP Digest.
    pub user: Option<(String, String)>,
    /// A PEM file of authorities to trust instead of those of the web.
    pub ca: Option<PathBuf>,
    /// Whether to trust any certificate.
    pub insecure: bool,
    /// For one request.
    pub timeout: Duration,
    /// For the whole run.
    pub deadline: Duration,
    /// Checks that run at a time.
    pub jobs: usize,
    /// Whether to show a progress bar on standard error.
    pub progress: bool,
}

impl Options {
    /// Defaults for a directory.
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

/// Grades a target.
pub fn run(options: &Options) -> Report {
    let started = Instant::now();
    let settings = Settings {
        user: options.user.clone(),
        ca: options.ca.clone(),
        insecure: options.insecure,
        timeout: options.timeout,
        deadline: options.deadline,
    };
    let survey = Arc::new(Survey::new(rfc7285::every_answer::look));
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
        Err(trouble) => report.could_not_run = Some(format!("the directory gives no answer: {trouble}")),
    }
    report.requests = client.count();
    report.took = started.elapsed();
    report
}

/// All verdicts on a target, in the order of the standards.
fn all(client: &Client, subject: &Subject, survey: &Survey, options: &Options) -> Vec<Line> {
    let context = Context::new(client, subject, options.user.as_ref(), survey);
    let chosen = |requirement: &Requirement| {
        options.only.is_empty() || options.only.iter().any(|prefix| requirement.is_within(prefix))
    };
    let checks: Vec<_> = catalogue::checks().filter(|check| check.grades.iter().any(chosen)).collect();
    let (last, first): (Vec<_>, Vec<_>) = checks.into_iter().partition(|check| check.when == When::Last);
    let progress = progress(options.progress, first.len() + last.len());
    let mut sheet = side_by_side(&context, &first, options.jobs.max(1), &progress);
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

/// Runs checks on several threads. What they noted is put together in the order of the checks.
fn side_by_side(context: &Context<'_>, checks: &[&Check], jobs: usize, progress: &ProgressBar) -> Sheet {
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

/// What one check notes. A check that fails itself is no verdict on the target, and no reason to stop.
fn graded(context: &Context<'_>, check: &Check) -> Sheet {
    let run = AssertUnwindSafe(|| {
        let mut sheet = Sheet::new(check.grades);
        if context.subject.directories.is_empty() {
            sheet.skip_all("the root gives no directory, so nothing else can be found");
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

/// Asks the root once more.
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
