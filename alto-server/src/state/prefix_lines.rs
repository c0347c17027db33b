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
/// Longest line that is no topology, in bytes.
const MAX_LINE: usize = 1024;
/// Memory of a statement, in bytes.
const STATEMENT_BYTES: usize = 32;

/// Form of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Whole set.
    Set,
    /// Difference to a set.
    Difference,
}

/// Content of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statements {
    /// Topology in the first line.
    pub(crate) topology: Option<Vec<u8>>,
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

/// Reader of lines that arrive in pieces. It keeps the statements and the beginning of one line.
#[derive(Debug)]
pub(crate) struct LinesReader {
    form: Form,
    most: usize,
    statements: Statements,
    /// Number of the present line, from 1, and what of it has come.
    number: usize,
    line: Vec<u8>,
    /// PID of the last line, which neighbouring lines mostly have as well.
    last: Option<PidName>,
}

impl LinesReader {
    /// Creates a reader of lines of which at most `most` have a statement.
    pub(crate) fn new(form: Form, most: usize) -> Self {
        Self { form, most, statements: Statements::default(), number: 1, line: Vec::new(), last: None }
    }

    /// Reads the next piece.
    pub(crate) fn take(&mut self, piece: &[u8]) -> Result<(), LinesError> {
        let mut rest = piece;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            if self.line.is_empty() {
                self.read(line)?;
            } else {
                let mut whole = std::mem::take(&mut self.line);
                whole.extend_from_slice(line);
                self.read(&whole)?;
            }
            self.number += 1;
        }
        self.line.extend_from_slice(rest);
        if self.line.len() > MAX_LINE && !self.is_topology(&self.line) {
            return Err(self.failed(format!("is longer than {MAX_LINE} bytes")));
        }
        Ok(())
    }

    /// Ends the last line, and returns the statements of all.
    pub(crate) fn finish(mut self) -> Result<Statements, LinesError> {
        let line = std::mem::take(&mut self.line);
        self.read(&line)?;
        Ok(self.statements)
    }

    /// Bytes in memory.
    pub(crate) fn held(&self) -> usize {
        let topology = self.statements.topology.as_ref().map_or(0, Vec::len);
        self.line.len() + topology + self.statements.changes.len() * STATEMENT_BYTES
    }

    /// Whether a line is a topology, or the beginning of one.
    fn is_topology(&self, line: &[u8]) -> bool {
        self.number == 1 && line.trim_ascii_start().starts_with(b"{")
    }

    fn failed(&self, message: String) -> LinesError {
        LinesError::Line { number: self.number, message }
    }

    fn read(&mut self, line: &[u8]) -> Result<(), LinesError> {
        if self.is_topology(line) {
            self.statements.topology = Some(line.to_vec());
            return Ok(());
        }
        if line.len() > MAX_LINE {
            return Err(self.failed(format!("is longer than {MAX_LINE} bytes")));
        }
        let line = std::str::from_utf8(line).map_err(|_| self.failed("is not UTF-8".to_owned()))?;
        let mut words = line.split_ascii_whitespace();
        let Some(first) = words.next().filter(|word| !word.starts_with('#')) else { return Ok(()) };
        if self.statements.changes.len() >= self.most {
            return Err(LinesError::TooMany(self.most));
        }
        let (sign, prefix) = match self.form {
            Form::Set => ("+", Some(first)),
            Form::Difference => (first, words.next()),
        };
        let pid = if sign == "-" { None } else { words.next() };
        let (Some(prefix), true, None) = (prefix, matches!(sign, "+" | "-"), words.next()) else {
            return Err(self.failed(wanted(line, self.form)));
        };
        if sign == "+" && pid.is_none() {
            return Err(self.failed(wanted(line, self.form)));
        }
        let net = net(prefix).ok_or_else(|| {
            self.failed(format!("{:?} is not a prefix: write it as in 192.0.2.0/24 or 2001:db8::/32", excerpt(prefix)))
        })?;
        let Some(pid) = pid else {
            self.statements.changes.set(net, None);
            return Ok(());
        };
        // A name that stands in the last line as well is not parsed again.
        if self.last.as_ref().is_none_or(|last| last.as_str() != pid) {
            self.last = Some(pid.parse::<PidName>().map_err(|error| self.failed(format!("{error}")))?);
        }
        self.statements.changes.set(net, self.last.as_ref());
        Ok(())
    }
}

/// Parses lines, of which at most `most` have a statement.
pub(crate) fn parse(text: &[u8], form: Form, most: usize) -> Result<Statements, LinesError> {
    let mut reader = LinesReader::new(form, most);
    reader.take(text)?;
    reader.finish()
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
        assert_eq!(topology.as_deref(), Some(&b"{\"name\": \"t\"}"[..]));
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

    #[test]
    fn lines_may_arrive_in_pieces_of_any_length() {
        let text = "{\"name\": \"t\"}\n10.0.0.0/8 a\n# ü\n\n10.1.0.0/16 b";
        let whole = print_set(&PrefixSet::default().with(parse(text.as_bytes(), Form::Set, 9).unwrap().changes).0);
        for length in 1..text.len() {
            let mut reader = LinesReader::new(Form::Set, 9);
            for piece in text.as_bytes().chunks(length) {
                reader.take(piece).unwrap();
            }
            let Statements { topology, changes } = reader.finish().unwrap();
            assert_eq!(topology.as_deref(), Some(&text.as_bytes()[..13]));
            assert_eq!(print_set(&PrefixSet::default().with(changes).0), whole, "in pieces of {length} bytes");
        }
    }

    #[test]
    fn lines_are_not_kept_once_they_were_read() {
        let mut reader = LinesReader::new(Form::Set, 9);
        for _ in 0..1000 {
            reader.take(b"# a comment\n").unwrap();
        }
        reader.take(b"10.0.0.0/8 a\n").unwrap();
        assert_eq!(reader.held(), STATEMENT_BYTES);
        // Only a topology may be long, and only in the first line.
        let endless = |beginning: &str| {
            let mut reader = LinesReader::new(Form::Set, 9);
            reader.take(beginning.as_bytes())?;
            reader.take(&[b' '; MAX_LINE])
        };
        assert_eq!(endless("{"), Ok(()));
        assert_eq!(endless("#").unwrap_err().to_string(), "line 1: is longer than 1024 bytes");
        assert_eq!(endless("\n{").unwrap_err().to_string(), "line 2: is longer than 1024 bytes");
    }
}
