//! Checks of dates in answers (RFC 9439 §6.2, §6.4.1).

use std::time::{Duration, SystemTime};

use super::requirements::{s6_2::MODIFIED, s6_4_1::EXPIRES};
use super::{each_answer, is_offered};
use crate::check::Check;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer};
use crate::sheet::Sheet;
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] =
    &[Check::new("examines Last-Modified and Expires of answers with costs", &[MODIFIED, EXPIRES], dates)];

/// Time after which a change is in a previous second, the resolution of HTTP dates.
const NEXT_SECOND: Duration = Duration::from_millis(1100);

fn dates(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    if !is_offered(context, sheet) {
        return Ok(());
    }
    sheet.on(EXPIRES).skip("no answer with a metric of RFC 9439 has `Expires`");
    let mut has_waited = false;
    each_answer(context, |mut answered| {
        if answered.exchange.answer.header("last-modified").is_none() {
            // A server may omit the date within the second of a change, as another change may follow in the same second.
            if !std::mem::replace(&mut has_waited, true) {
                std::thread::sleep(NEXT_SECOND);
            }
            answered.exchange = context.send(answered.exchange.request.clone())?;
        }
        let exchange = &answered.exchange;
        if exchange.answer.status != 200 {
            return Ok(());
        }
        // Without `Date`, the clocks are assumed to agree.
        let now = date(exchange, "date").unwrap_or_else(SystemTime::now);
        let finding = |expected: &str, name: &str| {
            let seen = exchange.answer.header(name).unwrap_or("none");
            Finding::new(expected, format!("{seen} ({}, {})", answered.resource.id, answered.cost_type)).from(exchange)
        };
        let entry = sheet.on(MODIFIED);
        entry.saw(exchange, 1, "answer");
        match date(exchange, "last-modified") {
            Some(modified) if modified <= now => {}
            Some(_) => drop(entry.fail(finding("a time that is not in the future", "last-modified"))),
            None => drop(entry.fail(finding("`Last-Modified` with an HTTP date", "last-modified"))),
        }
        if exchange.answer.header("expires").is_some() {
            let entry = sheet.on(EXPIRES);
            entry.saw(exchange, 1, "answer");
            if date(exchange, "expires").is_none_or(|expires| expires <= now) {
                entry.fail(finding("a time after that of the answer", "expires"));
            }
        }
        Ok(())
    })
}

fn date(exchange: &Exchange, name: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(exchange.answer.header(name)?).ok()
}
