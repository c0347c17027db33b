//! Bencoding (BEP 3): a reader that borrows from its input, and functions that write.

use std::ops::Range;

/// Greatest depth of lists and dictionaries in each other.
const MAX_DEPTH: usize = 32;

/// A bencoded value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Integer of up to 64 bits.
    Integer(i64),
    /// String, which need not be text.
    Bytes(&'a [u8]),
    /// List.
    List(Vec<Value<'a>>),
    /// Dictionary.
    Dictionary(Dictionary<'a>),
}

/// A bencoded dictionary, with entries in the order in which they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dictionary<'a>(Vec<Entry<'a>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry<'a> {
    key: &'a [u8],
    value: Value<'a>,
    /// Bytes of the value in the input.
    raw: &'a [u8],
}

/// Input that is not bencoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not bencoded: {problem} at byte {position}")]
pub struct BencodeError {
    problem: &'static str,
    position: usize,
}

struct Reader<'a> {
    input: &'a [u8],
    position: usize,
}

impl<'a> Value<'a> {
    /// Reads a value that is all of the input.
    pub fn parse(input: &'a [u8]) -> Result<Self, BencodeError> {
        let mut reader = Reader { input, position: 0 };
        let value = reader.value(MAX_DEPTH)?;
        if reader.position < input.len() { Err(reader.error("something follows the value")) } else { Ok(value) }
    }

    /// The integer, if it is one.
    pub const fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The string, if it is one.
    pub const fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The string as text, if it is one.
    pub fn text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// The elements, if it is a list.
    pub fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// The dictionary, if it is one.
    pub const fn dictionary(&self) -> Option<&Dictionary<'a>> {
        match self {
            Self::Dictionary(dictionary) => Some(dictionary),
            _ => None,
        }
    }
}

impl<'a> Dictionary<'a> {
    /// Value of a key; the first if it occurs several times.
    pub fn get(&self, key: &[u8]) -> Option<&Value<'a>> {
        self.0.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// Bytes of the value of a key, as they were written.
    pub fn raw(&self, key: &[u8]) -> Option<&'a [u8]> {
        self.0.iter().find(|entry| entry.key == key).map(|entry| entry.raw)
    }

    /// Keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &Value<'a>)> {
        self.0.iter().map(|entry| (entry.key, &entry.value))
    }
}

impl<'a> Reader<'a> {
    const fn error(&self, problem: &'static str) -> BencodeError {
        BencodeError { problem, position: self.position }
    }

    fn peek(&self) -> Result<u8, BencodeError> {
        self.input.get(self.position).copied().ok_or_else(|| self.error("the value ends early"))
    }

    /// Reports whether the list or dictionary ends here, and passes its end.
    fn ends(&mut self) -> Result<bool, BencodeError> {
        let ends = self.peek()? == b'e';
        self.position += usize::from(ends);
        Ok(ends)
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, BencodeError> {
        match self.peek()? {
            b'i' => {
                self.position += 1;
                self.integer().map(Value::Integer)
            }
            b'0'..=b'9' => self.bytes().map(Value::Bytes),
            b'l' | b'd' if depth == 0 => Err(self.error("lists or dictionaries are too deep")),
            b'l' => {
                self.position += 1;
                let mut list = Vec::new();
                while !self.ends()? {
                    list.push(self.value(depth - 1)?);
                }
                Ok(Value::List(list))
            }
            b'd' => {
                self.position += 1;
                let mut entries = Vec::new();
                while !self.ends()? {
                    let key = self.bytes()?;
                    let start = self.position;
                    let value = self.value(depth - 1)?;
                    entries.push(Entry { key, value, raw: self.input.get(start..self.position).unwrap_or_default() });
                }
                Ok(Value::Dictionary(Dictionary(entries)))
            }
            _ => Err(self.error("no type starts with this byte")),
        }
    }

    /// Reads the rest of an integer, with the `e` at its end.
    fn integer(&mut self) -> Result<i64, BencodeError> {
        let text = self.until(b'e', 20)?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        let canonical = digits.bytes().all(|byte| byte.is_ascii_digit()) && (!digits.starts_with('0') || text == "0");
        text.parse().ok().filter(|_| canonical).ok_or_else(|| self.error("an integer is malformed"))
    }

    fn bytes(&mut self) -> Result<&'a [u8], BencodeError> {
        let digits = self.until(b':', 10)?;
        let canonical =
            digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits.len() == 1 || !digits.starts_with('0'));
        let length: Option<usize> = digits.parse().ok().filter(|_| canonical);
        let length = length.ok_or_else(|| self.error("the length of a string is malformed"))?;
        let range = self.position..self.position.saturating_add(length);
        let bytes = self.input.get(range).ok_or_else(|| self.error("a string ends early"))?;
        self.position += length;
        Ok(bytes)
    }

    /// Reads text up to a byte that must come within `most` bytes, and passes it.
    fn until(&mut self, end: u8, most: usize) -> Result<&'a str, BencodeError> {
        let rest = self.input.get(self.position..).unwrap_or_default();
        let length = rest.iter().take(most + 1).position(|byte| *byte == end);
        let length = length.ok_or_else(|| self.error("a number does not end"))?;
        let range: Range<usize> = 0..length;
        let text = rest.get(range).and_then(|text| std::str::from_utf8(text).ok());
        let text = text.ok_or_else(|| self.error("a number is not of digits"))?;
        self.position += length + 1;
        Ok(text)
    }
}

/// Appends an integer.
pub fn write_integer(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(format!("i{number}e").as_bytes());
}

/// Appends a string.
pub fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(format!("{}:", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
}

/// Appends a key and an integer. The keys of a dictionary must be written in the order of their bytes.
pub fn write_number(out: &mut Vec<u8>, key: &str, number: impl Into<i64>) {
    write_bytes(out, key.as_bytes());
    write_integer(out, number.into());
}

/// Appends a key and a string. The keys of a dictionary must be written in the order of their bytes.
pub fn write_text(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    write_bytes(out, key.as_bytes());
    write_bytes(out, value);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn write(value: &Value<'_>, out: &mut Vec<u8>) {
        match value {
            Value::Integer(number) => write_integer(out, *number),
            Value::Bytes(bytes) => write_bytes(out, bytes),
            Value::List(list) => {
                out.push(b'l');
                for value in list {
                    write(value, out);
                }
                out.push(b'e');
            }
            Value::Dictionary(dictionary) => {
                out.push(b'd');
                for (key, value) in dictionary.iter() {
                    write_bytes(out, key);
                    write(value, out);
                }
                out.push(b'e');
            }
        }
    }

    #[test]
    fn values_of_all_types_are_read() {
        let value =
            Value::parse(b"d4:infod6:lengthi-7e4:name3:\xff\x00\x01e4:listli0e0:lee3:numi9223372036854775807ee");
        let value = value.unwrap();
        let top = value.dictionary().unwrap();
        assert_eq!(top.raw(b"info"), Some(&b"d6:lengthi-7e4:name3:\xff\x00\x01e"[..]));
        assert_eq!(top.get(b"num").and_then(Value::integer), Some(i64::MAX));
        let list = top.get(b"list").and_then(Value::list).unwrap();
        assert_eq!(list, [Value::Integer(0), Value::Bytes(b""), Value::List(Vec::new())]);
    }

    #[test]
    fn what_is_not_bencoded_is_refused() {
        let deep = "l".repeat(100_000);
        for wrong in [
            "",
            "i",
            "ie",
            "i-e",
            "i01e",
            "i-0e",
            "i+1e",
            "i9223372036854775808e",
            "1:",
            "01:a",
            "-1:a",
            "99999999999:a",
            "4294967295:a",
            "l",
            "d",
            "di1e1:ae",
            "d1:ae",
            "d1:a",
            "i1ei2e",
            "x",
            &deep,
        ] {
            assert!(Value::parse(wrong.as_bytes()).is_err(), "{}", wrong.get(..20).unwrap_or(wrong));
        }
    }

    proptest! {
        #[test]
        fn any_input_is_refused_or_is_what_would_be_written(input in prop::collection::vec(
            prop_oneof![3 => prop::sample::select(b"ild0123e:-a".to_vec()), 1 => any::<u8>()], 0..60,
        )) {
            if let Ok(value) = Value::parse(&input) {
                let mut written = Vec::new();
                write(&value, &mut written);
                prop_assert_eq!(written, input);
            }
        }
    }
}
