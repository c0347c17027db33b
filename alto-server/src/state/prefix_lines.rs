//! The lines in which sources give prefixes to PIDs, and in which they are stored.
//!
//! A whole set has lines `PREFIX PID`; a difference has `+ PREFIX PID` and `- PREFIX`. The first line of a request may be
//! a topology.

use std::fmt::Write as _;
use std::net::IpAddr;

use ipnet::IpNet;
use topo::{PidName, PrefixChanges, PrefixSet};

/// Longest part of a line that a message quotes, in characters.
const QUOTED: usize = 60;

/// Form of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Whole set.
    Set,
    /// Difference to a set.
    Difference,
}

/// Content of a request.
#[derive(Debug, Default)]
pub(crate) struct Statements<'a> {
    /// Topology in the first line.
    pub(crate) topology: Option<&'a [u8]>,
    pub(crate) changes: PrefixChanges,
}

/// Reason why lines cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LinesError {
    #[error("line {number}: {message}")]
    Line { number: usize, message: String },
    #[error("has more than {0} lines with prefixes; group prefixes, or raise max-prefixes")]
    TooMany(usize),
}

/// Parses lines, of which at most `most` have a statement.
pub(crate) fn parse(text: &[u8], form: Form, most: usize) -> Result<Statements<'_>, LinesError> {
    let mut statements = Statements::default();
    let mut last: Option<(&str, PidName)> = None;
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if index == 0 && line.trim_ascii_start().starts_with(b"{") {
            statements.topology = Some(line);
            continue;
        }
        let failed = |message: String| LinesError::Line { number: index + 1, message };
        let line = std::str::from_utf8(line).map_err(|_| failed("is not UTF-8".to_owned()))?;
        let mut words = line.split_ascii_whitespace();
        let Some(first) = words.next().filter(|word| !word.starts_with('#')) else { continue };
        if statements.changes.len() >= most {
            return Err(LinesError::TooMany(most));
        }
        let (sign, prefix) = match form {
            Form::Set => ("+", Some(first)),
            Form::Difference => (first, words.next()),
        };
        let pid = if sign == "-" { None } else { words.next() };
        let (Some(prefix), true, None) = (prefix, matches!(sign, "+" | "-"), words.next()) else {
            return Err(failed(wanted(line, form)));
        };
        if sign == "+" && pid.is_none() {
            return Err(failed(wanted(line, form)));
        }
        let net = net(prefix).ok_or_else(|| {
            failed(format!("{:?} is not a prefix: write it as in 192.0.2.0/24 or 2001:db8::/32", excerpt(prefix)))
        })?;
        let Some(pid) = pid else {
            statements.changes.set(net, None);
            continue;
        };
        // Neighbouring lines mostly have the same PID, whose name is then not parsed again.
        if last.as_ref().is_none_or(|(text, _)| *text != pid) {
            let name: PidName = pid.parse().map_err(|error| failed(format!("{error}")))?;
            last = Some((pid, name));
        }
        statements.changes.set(net, last.as_ref().map(|(_, name)| name));
    }
    Ok(statements)
}

fn net(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn wanted(line: &str, form: Form) -> String {
    let forms = match form {
        Form::Set => "PREFIX PID",
        Form::Difference => "+ PREFIX PID or - PREFIX",
    };
    format!("{:?} is not of the form {forms}", excerpt(line))
}

fn excerpt(text: &str) -> String {
    text.chars().take(QUOTED).collect()
}

/// Writes a whole set as lines.
pub(crate) fn print_set(set: &PrefixSet) -> String {
    let mut text = String::with_capacity(set.len() * 24);
    for (net, pid) in set.iter() {
        // Writing to a string never fails.
        let _ = writeln!(text, "{net} {pid}");
    }
    text
}

/// Writes a difference as lines, the last change of each prefix only.
pub(crate) fn print_difference(changes: &PrefixChanges) -> String {
    let mut text = String::with_capacity(changes.len() * 26);
    for (net, pid) in changes.iter() {
        let _ = match pid {
            Some(pid) => writeln!(text, "+ {net} {pid}"),
            None => writeln!(text, "- {net}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_written() {
        let text = b"# from r1\n10.0.0.0/8 a\r\n\n 10.1.2.3/16\tb \n2001:db8::1 a\n::ffff:10.2.0.0/112 c";
        let Statements { topology, changes } = parse(text, Form::Set, 9).unwrap();
        assert_eq!((topology, changes.len()), (None, 4));
        let (set, effect) = PrefixSet::default().with(changes);
        assert_eq!(print_set(&set), "10.0.0.0/8 a\n10.1.0.0/16 b\n10.2.0.0/16 c\n2001:db8::1/128 a\n");
        assert_eq!((effect.added, effect.removed), (4, 0));

        let text = b"{\"name\": \"t\"}\n- 10.0.0.0/8\n+ 10.0.0.0/8 b\n+ 10.1.0.0/16 x\n- 10.1.0.0/16\n- 192.0.2.0/24\n";
        let Statements { topology, mut changes } = parse(text, Form::Difference, 9).unwrap();
        assert_eq!(topology, Some(&b"{\"name\": \"t\"}"[..]));
        changes.sort();
        assert_eq!(print_difference(&changes), "+ 10.0.0.0/8 b\n- 10.1.0.0/16\n- 192.0.2.0/24\n");
        let (set, effect) = set.with(changes);
        assert_eq!(print_set(&set), "10.0.0.0/8 b\n10.2.0.0/16 c\n2001:db8::1/128 a\n");
        assert_eq!((effect.added, effect.removed), (1, 1));
    }

    #[test]
    fn faulty_lines_are_named_by_number() {
        for (text, form, words) in [
            ("10.0.0.0/8 a\n10.0.0.0/33 a", Form::Set, "line 2: \"10.0.0.0/33\" is not a prefix"),
            ("10.0.0.0/8", Form::Set, "line 1: \"10.0.0.0/8\" is not of the form PREFIX PID"),
            ("10.0.0.0/8 a b", Form::Set, "line 1:"),
            ("+ 10.0.0.0/8 a", Form::Set, "line 1:"),
            ("10.0.0.0/8 a", Form::Difference, "is not of the form + PREFIX PID or - PREFIX"),
            ("- 10.0.0.0/8 a", Form::Difference, "line 1:"),
            ("+ 10.0.0.0/8", Form::Difference, "line 1:"),
            ("\n\n10.0.0.0/8 a.b", Form::Set, "line 3: \"a.b\" is not a valid name"),
        ] {
            let error = parse(text.as_bytes(), form, 9).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert_eq!(parse(b"10.0.0.0/8 a\n11.0.0.0/8 a", Form::Set, 1).unwrap_err(), LinesError::TooMany(1));
        assert!(parse(b"10.0.0.0/8 \xff", Form::Set, 9).unwrap_err().to_string().contains("not UTF-8"));
    }
}
