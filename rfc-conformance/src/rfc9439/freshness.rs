//! How old costs are (RFC 9439 §6.2, §6.4.1).

use std::time::{Duration, SystemTime};

use super::requirements::{s6_2::MODIFIED, s6_4_1::EXPIRES};
use super::{Answered, answers, offered};
use crate::check::Check;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer};
use crate::sheet::Sheet;
use crate::verdict::Finding;

/// All checks of this file.
pub(super) const CHECKS: &[Check] = &[Check::new(&[MODIFIED, EXPIRES], dates)];

/// After this, what was new is of a second that has passed.
const SECOND: Duration = Duration::from_millis(1100);

fn dates(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    if !offered(context, sheet) {
        return Ok(());
    }
    sheet.on(EXPIRES).skip("no answer with a metric of RFC 9439 has `Expires`");
    let mut all = answers(context)?;
    let is_dated = |answered: &Answered<'_>| answered.exchange.answer.header("last-modified").is_some();
    if !all.iter().all(is_dated) {
        // Within the second of a change nothing true can be said, as another change may fall into it.
        std::thread::sleep(SECOND);
        for answered in &mut all {
            answered.exchange = context.send(answered.exchange.request.clone())?;
        }
    }
    for answered in all.iter().filter(|answered| answered.exchange.answer.status == 200) {
        let exchange = &answered.exchange;
        // A clock that is not told is taken for ours.
        let now = date(exchange, "date").unwrap_or_else(SystemTime::now);
        let finding = |expected: &str, name: &str| {
            let seen = exchange.answer.header(name).unwrap_or("none");
            Finding::new(expected, format!("{seen} ({}, {})", answered.resource.id, answered.cost_type)).from(exchange)
        };
        let entry = sheet.on(MODIFIED);
        entry.saw(exchange, 1, "answer");
        match date(exchange, "last-modified") {
            Some(modified) if modified <= now => {}
            Some(_) => drop(entry.fail(finding("a time that is not to come", "last-modified"))),
            None => drop(entry.fail(finding("`Last-Modified` with an HTTP date", "last-modified"))),
        }
        if exchange.answer.header("expires").is_some() {
            let entry = sheet.on(EXPIRES);
            entry.saw(exchange, 1, "answer");
            if date(exchange, "expires").is_none_or(|expires| expires <= now) {
                entry.fail(finding("a time after that of the answer", "expires"));
            }
        }
    }
    Ok(())
}

fn date(exchange: &Exchange, name: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(exchange.answer.header(name)?).ok()
}
