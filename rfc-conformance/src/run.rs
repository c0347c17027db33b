//! Runs the checks: discovery first, then everything on several threads, then what needs to have seen it all.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::check::{Check, Requirement, When};
use crate::checks;
use crate::context::Context;
use crate::http::{Client, Settings};
use crate::options::Options;
use crate::report::Report;
use crate::target::Target;
use crate::verdict::{Finding, Line, Sheet};

/// What is known at the end: that the target survived.
pub(crate) const ALIVE: Requirement =
    Requirement::must("suite/alive/1", "After everything that was asked, the target still answers as it did at first");

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
    let mut report = Report::empty(&options.directory, options.strict);
    let client = match Client::new(&settings) {
        Ok(client) => client,
        Err(error) => {
            report.could_not_run = Some(error.to_string());
            return report;
        }
    };
    match Target::discover(&client, &options.directory) {
        Ok(target) => report.lines = all(&client, &target, options),
        Err(trouble) => report.could_not_run = Some(format!("the directory gives no answer: {trouble}")),
    }
    report.requests = client.count();
    report.took = started.elapsed();
    report
}

/// All verdicts on a target, in the order of the standards.
fn all(client: &Client, target: &Target, options: &Options) -> Vec<Line> {
    let context = Context::new(client, target, options.user.as_ref());
    let chosen = |requirement: &Requirement| {
        options.only.is_empty() || options.only.iter().any(|prefix| requirement.is_within(prefix))
    };
    let checks: Vec<_> = checks::all().filter(|check| check.grades.iter().any(chosen)).collect();
    let (last, first): (Vec<_>, Vec<_>) = checks.into_iter().partition(|check| check.when == When::Last);
    let progress = progress(options.progress, first.len() + last.len());
    let mut sheet = side_by_side(&context, &first, options.jobs.max(1), &progress);
    for check in last {
        sheet.absorb(graded(&context, check));
        progress.inc(1);
    }
    progress.finish_and_clear();
    let mut lines = sheet.verdicts();
    lines.extend(still_alive(client, target).verdicts());
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
        if context.target.directories.is_empty() {
            sheet.nothing_at_all("the root gives no directory, so nothing else can be found");
        }
        if let Err(trouble) = (check.run)(context, &mut sheet) {
            sheet.unfinished(&trouble);
        }
        sheet
    });
    std::panic::catch_unwind(run).unwrap_or_else(|_| {
        let mut sheet = Sheet::new(check.grades);
        sheet.broke_down();
        sheet
    })
}

/// Asks the root once more.
fn still_alive(client: &Client, target: &Target) -> Sheet {
    let mut sheet = Sheet::new(&[ALIVE]);
    match client.follow(crate::http::Request::get(&target.root).with("Accept", "*/*")) {
        Ok(exchange) => {
            let entry = sheet.on(ALIVE);
            entry.saw(&exchange, 1, "answer");
            if exchange.answer.status != target.first.answer.status {
                let expected = format!("status {}, as at first", target.first.answer.status);
                entry.broken(Finding::new(expected, exchange.outline()).from(&exchange));
            }
        }
        Err(trouble) => sheet.unfinished(&trouble),
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
