//! The protocol of the store (RESP2): commands as they are sent, and answers, none of which takes more memory than it may.

use std::io::{self, BufRead, Read};

use super::reply::{Reply, StoreError};

/// Longest line, which texts and errors are.
const LONGEST_LINE: usize = 64 * 1024;
/// Depth to which lists may be nested.
const DEEPEST: usize = 8;
/// Memory that an answer takes beside its bytes.
const ITEM: usize = size_of::<Reply>();
/// Greatest number of places for which memory is taken before anything is there to fill them.
const PLACES: usize = 1024;

/// Memory that answers may still take.
pub(super) struct Budget {
    left: usize,
    most: usize,
}

impl Budget {
    /// Starts with a number of bytes.
    pub(super) fn new(most: usize) -> Self {
        Self { left: most, most }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), StoreError> {
        self.left = self.left.checked_sub(bytes).ok_or(StoreError::TooLong(self.most))?;
        Ok(())
    }
}

/// Writes commands, one behind the other.
pub(super) fn encode<W: AsRef<[u8]>>(commands: &[impl AsRef<[W]>]) -> Vec<u8> {
    let words = commands.iter().flat_map(AsRef::as_ref).map(|word| word.as_ref().len() + 16);
    let mut bytes = Vec::with_capacity(words.sum::<usize>() + 16 * commands.len());
    for command in commands {
        let words = command.as_ref();
        bytes.extend(format!("*{}\r\n", words.len()).as_bytes());
        for word in words {
            let word = word.as_ref();
            bytes.extend(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend(word);
            bytes.extend(b"\r\n");
        }
    }
    bytes
}

/// Reads one answer.
pub(super) fn decode(input: &mut impl BufRead, budget: &mut Budget) -> Result<Reply, StoreError> {
    decode_at(input, budget, 0)
}

fn decode_at(input: &mut impl BufRead, budget: &mut Budget, depth: usize) -> Result<Reply, StoreError> {
    budget.spend(ITEM)?;
    let line = read_line(input)?;
    let Some((kind, rest)) = line.split_first() else { return Err(garbled("an empty line")) };
    match kind {
        b'+' => {
            budget.spend(rest.len())?;
            Ok(Reply::Bytes(rest.to_vec()))
        }
        b'-' => {
            budget.spend(rest.len())?;
            Ok(Reply::Refused(String::from_utf8_lossy(rest).into_owned()))
        }
        b':' => Ok(Reply::Number(read_number(rest)?)),
        b'$' => match read_length(rest)? {
            None => Ok(Reply::Nothing),
            Some(length) => {
                budget.spend(length)?;
                read_bytes(input, length).map(Reply::Bytes)
            }
        },
        b'*' => match read_length(rest)? {
            None => Ok(Reply::Nothing),
            Some(_) if depth == DEEPEST => Err(garbled("lists in lists in lists")),
            Some(length) => {
                let mut items = Vec::with_capacity(length.min(PLACES));
                for _ in 0..length {
                    items.push(decode_at(input, budget, depth + 1)?);
                }
                Ok(Reply::List(items))
            }
        },
        _ => Err(garbled("an unknown kind of answer")),
    }
}

/// Reads up to the end of a line, which is not part of what it returns.
fn read_line(input: &mut impl BufRead) -> Result<Vec<u8>, StoreError> {
    let mut line = Vec::new();
    let most = LONGEST_LINE as u64 + 2;
    input.by_ref().take(most).read_until(b'\n', &mut line).map_err(|error| broken(&error))?;
    if line.is_empty() {
        return Err(ended());
    }
    match line.strip_suffix(b"\r\n") {
        Some(text) => Ok(text.to_vec()),
        None if line.len() as u64 == most => Err(garbled("a line without an end")),
        None if line.ends_with(b"\n") => Err(garbled("a line with another end")),
        None => Err(ended()),
    }
}

/// Reads bytes and the end of the line behind them. Memory is taken as they come.
fn read_bytes(input: &mut impl BufRead, length: usize) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::with_capacity(length.min(PLACES));
    input.by_ref().take(length as u64).read_to_end(&mut bytes).map_err(|error| broken(&error))?;
    let mut end = [0; 2];
    input.read_exact(&mut end).map_err(|error| broken(&error))?;
    if bytes.len() != length || end != *b"\r\n" {
        return Err(garbled("bytes without an end"));
    }
    Ok(bytes)
}

/// Reads a length; nothing where there is no value.
fn read_length(text: &[u8]) -> Result<Option<usize>, StoreError> {
    match read_number(text)? {
        -1 => Ok(None),
        number => usize::try_from(number).map(Some).map_err(|_| garbled("a negative length")),
    }
}

fn read_number(text: &[u8]) -> Result<i64, StoreError> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or_else(|| garbled("no number"))
}

fn garbled(what: &str) -> StoreError {
    StoreError::Away(format!("its answer is not that of a Redis: {what}"))
}

fn ended() -> StoreError {
    StoreError::Away("it has ended the connection".to_owned())
}

/// Reason for a connection that failed.
pub(super) fn broken(error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => ended(),
        // What a socket says whose time to wait is over.
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => StoreError::Away("no answer in time".to_owned()),
        _ => StoreError::Away(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn read(bytes: &[u8], most: usize) -> Result<Reply, StoreError> {
        decode(&mut &*bytes, &mut Budget::new(most))
    }

    fn bytes(text: &str) -> Reply {
        Reply::Bytes(text.as_bytes().to_vec())
    }

    #[test]
    fn commands_are_written_as_lists_of_bytes() {
        let commands: [&[&[u8]]; 2] = [&[b"GET", b"a\r\n"], &[b"PING"]];
        assert_eq!(encode(&commands), b"*2\r\n$3\r\nGET\r\n$3\r\na\r\n\r\n*1\r\n$4\r\nPING\r\n");
    }

    #[test]
    fn answers_of_each_kind_are_read() {
        for (text, wanted) in [
            ("+OK\r\n", bytes("OK")),
            ("-ERR no\r\n", Reply::Refused("ERR no".to_owned())),
            (":-7\r\n", Reply::Number(-7)),
            ("$4\r\na\r\nb\r\n", bytes("a\r\nb")),
            ("$0\r\n\r\n", bytes("")),
            ("$-1\r\n", Reply::Nothing),
            ("*-1\r\n", Reply::Nothing),
            ("*2\r\n:1\r\n*1\r\n$1\r\nx\r\n", Reply::List(vec![Reply::Number(1), Reply::List(vec![bytes("x")])])),
        ] {
            assert_eq!(read(text.as_bytes(), 1000), Ok(wanted), "{text:?}");
        }
    }

    #[test]
    fn what_is_cut_off_or_garbled_is_an_error() {
        let whole = b"*2\r\n$3\r\nabc\r\n:5\r\n";
        assert!(read(whole, 1000).is_ok());
        assert!((0..whole.len()).all(|length| read(&whole[..length], 1000).is_err()));
        for garbage in ["\r\n", "?\r\n", ":x\r\n", "$-2\r\n", "$3\r\nabcde", "+a\n", "HTTP/1.1 400\r\n"] {
            assert!(read(garbage.as_bytes(), 1000).is_err(), "{garbage:?}");
        }
        let deep = "*1\r\n".repeat(1_000_000);
        assert!(read(deep.as_bytes(), usize::MAX).is_err());
    }

    /// Counts what is read of an input without end.
    struct Endless(&'static [u8], usize);

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            for byte in buffer.iter_mut() {
                *byte = self.0[self.1 % self.0.len()];
                self.1 += 1;
            }
            Ok(buffer.len())
        }
    }

    #[test]
    fn an_answer_without_end_is_given_up_within_its_budget() {
        const MOST: usize = 100_000;
        for (start, then) in [
            ("$99999999999\r\n", "x"),
            ("*99999999999\r\n", ":1\r\n"),
            ("*99999999999\r\n", "*0\r\n"),
            ("*99999999999\r\n", "$-1\r\n"),
            ("*99999999999\r\n", "$1000\r\n"),
            ("+", "x"),
            ("", "*3\r\n"),
        ] {
            let mut endless = Endless(then.as_bytes(), 0);
            let mut input = BufReader::new(start.as_bytes().chain(&mut endless));
            decode(&mut input, &mut Budget::new(MOST)).unwrap_err();
            assert!(endless.1 < 2 * MOST, "{start:?}, {then:?}: {} bytes were read", endless.1);
        }
    }
}
