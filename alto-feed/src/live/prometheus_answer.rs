//! Answers of Prometheus to instant queries.

use std::collections::HashMap;

use serde::Deserialize;

use crate::excerpt::excerpt;

#[derive(Deserialize)]
struct Answer {
    status: String,
    data: Option<Data>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    #[serde(default)]
    result: Vec<Sample>,
}

/// Labels, and a time with a value, which is a text and may be `NaN` or `+Inf`.
#[derive(Deserialize)]
pub struct Sample {
    /// Values of labels by their names.
    pub metric: HashMap<String, String>,
    value: (f64, String),
}

impl Sample {
    /// Value times a factor; none unless that is a finite number and not negative.
    pub fn number(&self, factor: f64) -> Option<f64> {
        let number = self.value.1.parse::<f64>().ok()? * factor;
        (number.is_finite() && number >= 0.0).then_some(number)
    }
}

/// Reads the samples of a vector, or why there are none.
pub fn samples(text: &str) -> Result<Vec<Sample>, String> {
    let answer: Answer = plain_words::parse_str(text, "{}").map_err(|faults| excerpt(&faults.to_string()))?;
    match (answer.status.as_str(), answer.data) {
        ("success", Some(data)) if data.result_type == "vector" => Ok(data.result),
        ("success", Some(data)) => Err(format!("the result is a {}, and not a vector", excerpt(&data.result_type))),
        _ => Err(answer.error.map_or_else(|| "failed without a reason".to_owned(), |error| excerpt(&error))),
    }
}
