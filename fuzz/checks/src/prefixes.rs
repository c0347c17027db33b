//! Lines for `/admin/prefixes` of `alto-server`.

use topo::PrefixSet;

use self::prefix_lines::{Form, LinesError, parse, print_difference, print_set};
use crate::fault;

#[path = "../../../alto-server/src/state/prefix_lines.rs"]
mod prefix_lines;

/// Greatest number of lines.
const MOST: usize = 100;

/// Checks that lines are refused with the number of one of them, or give the same set once they were written again.
pub fn check(bytes: &[u8]) {
    if let Some(set) = lines(bytes, Form::Set) {
        let written = print_set(&set);
        assert_eq!(lines(written.as_bytes(), Form::Set).map(|set| print_set(&set)), Some(written));
        fault(|| set.len() > 2 && set.iter().any(|(net, _)| net.addr().is_ipv6()));
    }
    if let Ok(statements) = parse(bytes, Form::Difference, MOST) {
        let mut changes = statements.changes;
        changes.sort();
        let written = print_difference(&changes);
        let mut again = parse(written.as_bytes(), Form::Difference, MOST).expect("written lines can be read").changes;
        again.sort();
        assert_eq!(print_difference(&again), written);
    }
}

fn lines(bytes: &[u8], form: Form) -> Option<PrefixSet> {
    match parse(bytes, form, MOST) {
        Ok(statements) => Some(PrefixSet::default().with(statements.changes).0),
        Err(LinesError::Line { number, .. }) => {
            assert!((1..=bytes.len() + 1).contains(&number));
            None
        }
        Err(LinesError::TooMany(most)) => {
            assert_eq!(most, MOST);
            None
        }
    }
}
