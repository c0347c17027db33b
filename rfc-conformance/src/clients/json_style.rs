//! Unusual but equivalent serializations of JSON.

use std::cell::Cell;
use std::fmt::Write as _;

use serde_json::{Number, Value};

/// Options for the serialization of JSON.
#[expect(clippy::struct_excessive_bools, reason = "each is one independent way to write the same")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct JsonStyle {
    /// Writes members in descending order of their names.
    pub(super) reversed: bool,
    /// Inserts white space wherever the grammar allows it.
    pub(super) spaced: bool,
    /// Writes every character of a string as `\uXXXX`, and slashes as `\/`.
    pub(super) escaped: bool,
    /// Writes numbers in unusual forms, such as `5E0`.
    pub(super) numbers: bool,
}

impl JsonStyle {
    /// Serializes a value.
    pub(super) fn write(self, value: &Value) -> Vec<u8> {
        let mut writer = Writer { style: self, text: String::new(), numbers: Cell::new(0) };
        writer.value(value);
        if self.spaced {
            writer.text.push_str(" \r\n\t\n");
        }
        writer.text.into_bytes()
    }
}

struct Writer {
    style: JsonStyle,
    text: String,
    /// Count of numbers written, to alternate between their forms.
    numbers: Cell<usize>,
}

impl Writer {
    fn value(&mut self, value: &Value) {
        self.space();
        match value {
            Value::Null | Value::Bool(_) => self.text.push_str(&value.to_string()),
            Value::Number(number) => self.number(number),
            Value::String(text) => self.string(text),
            Value::Array(elements) => {
                self.text.push('[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        self.text.push(',');
                    }
                    self.value(element);
                }
                self.space();
                self.text.push(']');
            }
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                if self.style.reversed {
                    members.reverse();
                }
                self.text.push('{');
                for (index, (name, member)) in members.into_iter().enumerate() {
                    if index > 0 {
                        self.text.push(',');
                    }
                    self.space();
                    self.string(name);
                    self.space();
                    self.text.push(':');
                    self.value(member);
                }
                self.space();
                self.text.push('}');
            }
        }
    }

    fn space(&mut self) {
        if self.style.spaced {
            self.text.push_str(["\n", "\t ", "\r\n", "    "][self.text.len() % 4]);
        }
    }

    fn string(&mut self, text: &str) {
        if !self.style.escaped {
            self.text.push_str(&Value::from(text).to_string());
            return;
        }
        self.text.push('"');
        for character in text.chars() {
            if character == '/' {
                self.text.push_str("\\/");
                continue;
            }
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(self.text, "\\u{unit:04X}");
            }
        }
        self.text.push('"');
    }

    fn number(&mut self, number: &Number) {
        let plain = number.to_string();
        if !self.style.numbers {
            self.text.push_str(&plain);
            return;
        }
        let turn = self.numbers.replace(self.numbers.get() + 1) % 4;
        let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
        let scenario = match (turn, plain.as_str()) {
            (_, text) if text.contains(['e', 'E']) => plain,
            (0, "0") => "-0".into(),
            (1, "0") => "0E+7".into(),
            (_, "0") => "0.0e-3".into(),
            (0, _) => format!("{whole}.{fraction}000"),
            // Moving the point would leave a leading zero, which JSON does not have.
            _ if matches!(whole, "0" | "-0") && !fraction.is_empty() => format!("{plain}0e-0"),
            (1, _) => format!("{plain}E0"),
            (2, _) => format!("{whole}{fraction}e-{}", fraction.len()),
            _ => format!("{whole}{fraction}0E-0{}", fraction.len() + 1),
        };
        self.text.push_str(&scenario);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-1000i32..1000).prop_map(Value::from),
            (-4000i32..4000).prop_map(|quarters| crate::mock_server::cost_type::number(f64::from(quarters) / 4.0)),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(".{0,6}", inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// Normalizes numbers, so that equal doubles compare equal.
    fn normal(value: &Value) -> Value {
        match value {
            Value::Number(number) => crate::mock_server::cost_type::number(number.as_f64().unwrap() + 0.0),
            Value::Array(elements) => elements.iter().map(normal).collect(),
            Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), normal(value))).collect(),
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn whatever_the_style_the_meaning_is_the_same(value in json(), bits in 0u8..16) {
            let [reversed, spaced, escaped, numbers] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
            let written = JsonStyle { reversed, spaced, escaped, numbers }.write(&value);
            let read: Value = serde_json::from_slice(&written).unwrap();
            prop_assert_eq!(normal(&read), normal(&value), "{}", String::from_utf8_lossy(&written));
        }
    }
}
