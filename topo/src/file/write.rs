//! Writing of topology files: deterministic JSON that leaves out everything with its default value.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{CostModel, Delay, PropertyValue, TopologyFile};

/// Largest magnitude below which every whole number is exact as a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl TopologyFile {
    /// Serialises the file as indented JSON with a trailing newline.
    ///
    /// Equal files give equal bytes: keys are in a fixed order, and values that equal their defaults are left out.
    /// Numbers must be finite; JSON has no others.
    #[expect(clippy::missing_panics_doc, reason = "plain data with text keys always serialises")]
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).expect("plain data with text keys");
        json.push('\n');
        json
    }
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A number that is serialised with [`number`].
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        number(&self.0, serializer)
    }
}

/// Serialises a number, a whole one without a decimal point.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
pub(super) fn number<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if number.fract() == 0.0 && number.abs() < EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole, and small enough to be exact")]
        return serializer.serialize_i64(*number as i64);
    }
    serializer.serialize_f64(*number)
}

#[expect(clippy::ref_option, reason = "the signature is serde's")]
pub(super) fn number_if_any<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => number(value, serializer),
        None => serializer.serialize_none(),
    }
}

impl Serialize for Delay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        number(&self.0, serializer)
    }
}

impl Serialize for PropertyValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::None => serializer.serialize_none(),
        }
    }
}

impl Serialize for CostModel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let default = Self::default();
        let mut map = serializer.serialize_map(None)?;
        for (key, value, default) in [
            ("hop_weight", self.hop_weight, default.hop_weight),
            ("delay_weight", self.delay_weight, default.delay_weight),
            ("bandwidth_weight", self.bandwidth_weight, default.bandwidth_weight),
            ("reference_bandwidth", self.reference_bandwidth, default.reference_bandwidth),
            ("reference_delay", self.reference_delay, default.reference_delay),
        ] {
            #[expect(clippy::float_cmp, reason = "only an exact default can be left out")]
            if value != default {
                map.serialize_entry(key, &Number(value))?;
            }
        }
        map.end()
    }
}
