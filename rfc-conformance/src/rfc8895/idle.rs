//! Checks of streams without changes (RFC 8895 §6.8).

use std::time::{Duration, Instant};

use super::requirements::s6_8::KEEP_ALIVE;
use super::{services, small};
use crate::check::Check;
use crate::context::Context;
use crate::http::NoAnswer;
use crate::sheet::Sheet;
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] =
    &[Check::new("watches a stream for the time of --idle, in which nothing changes", &[KEEP_ALIVE], idle)];

/// Longest time without any sign, with two seconds of tolerance.
const LONGEST: Duration = Duration::from_secs(17);

fn idle(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for service in services(context, sheet)? {
        if context.idle < LONGEST {
            sheet.on(KEEP_ALIVE).skip("takes 17 seconds: give --idle 17");
            continue;
        }
        let Some((mut stream, _)) = small(context, &service, "n")? else { continue };
        let (begin, mut longest) = (Instant::now(), Duration::ZERO);
        while begin.elapsed() < context.idle && !stream.ended {
            let (last, signs) = (Instant::now(), stream.comments() + stream.events.len());
            let rest = context.idle.saturating_sub(begin.elapsed());
            stream.until(rest, |stream| stream.comments() + stream.events.len() > signs);
            longest = longest.max(last.elapsed());
        }
        let exchange = stream.exchange();
        let entry = sheet.on(KEEP_ALIVE);
        entry.saw(&exchange, 1, "stream");
        if stream.ended {
            entry.fail(Finding::new("a stream that stays open", "it ends").from(&exchange));
        } else if longest >= LONGEST {
            let seen = format!("nothing for {:.1} s", longest.as_secs_f32());
            entry.fail(Finding::new("an event or a comment at least every 15 s", seen).from(&exchange));
        }
    }
    Ok(())
}
