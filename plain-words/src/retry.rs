//! Search for all faults of a text. Deserialising ends at the first one; so each that is found is put right in a copy, with
//! a value that is good enough for the type to be read further, until nothing is found any more.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use serde_path_to_error::{Path, Segment};

use crate::fault::Fault;
use crate::words::plain;

/// Largest number of faults that are described.
const MOST_FAULTS: usize = 20;
/// Number of bytes that may be deserialised again in the search: a text of a client must not cost much more than reading it.
const BUDGET: usize = 4 * 1024 * 1024;
/// Number of characters of a value that a message quotes.
const QUOTED: usize = 60;
/// Number of other elements of a list that are tried in place of one.
const MOST_SIBLINGS: usize = 3;
/// Number of keys that an object gets in place of a value, and how deep such objects are nested.
const MOST_KEYS: usize = 8;
const MAX_DEPTH: usize = 2;

type Failure = serde_path_to_error::Error<serde_json::Error>;

/// A step from a value to one within it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// What a fault consists of, as far as it can be told from the words of the deserialiser.
enum Kind {
    /// A key is missing in the object at the place.
    Missing(String),
    /// The key at the place is unknown.
    Unknown,
    /// A key appears twice, of which only one is left in the copy.
    Twice,
    /// The value at the place cannot be used.
    Value,
}

/// A failure, taken apart.
struct Found {
    fault: Fault,
    place: Vec<Step>,
    kind: Kind,
    /// Names of variants that are known in place of an unknown one.
    known: Vec<String>,
}

/// Describes the failure of reading a document, of this length as a text, as a type, and what other faults it has.
pub(crate) fn faults<T: DeserializeOwned>(copy: Value, length: usize, first: &Failure) -> Vec<Fault> {
    let mut found = Found::new(first, &copy);
    let mut search = Search { copy, budget: BUDGET / length.max(1) };
    let mut faults = Vec::new();
    let mut put_right: Vec<Vec<Step>> = Vec::new();
    loop {
        let place = found.whole_place();
        let next = search.heal::<T>(&found, 0);
        // What is wrong with a value that contains one put right may follow from how that was put right.
        if !put_right.iter().any(|earlier| earlier.starts_with(&place)) {
            faults.push(found.fault);
        }
        put_right.push(place);
        let Next::Fault(failure) = next else { return faults };
        if faults.len() == MOST_FAULTS || put_right.len() == 2 * MOST_FAULTS {
            return faults;
        }
        found = Found::new(&failure, &search.copy);
    }
}

/// A copy of a document in which faults are put right, and how often that may still be tried.
struct Search {
    copy: Value,
    budget: usize,
}

/// What comes after a fault was put right.
enum Next {
    /// The next fault.
    Fault(Failure),
    /// No fault is left.
    Nothing,
    /// It is not known, as no remedy was found or too many were tried.
    Unknown,
}

impl Search {
    /// Puts a fault right.
    fn heal<T: DeserializeOwned>(&mut self, found: &Found, depth: usize) -> Next {
        let place = found.whole_place();
        for remedy in found.remedies(&self.copy) {
            let is_twice = matches!(found.kind, Kind::Twice);
            let is_new = !is_twice && remedy.as_ref().is_some_and(Value::is_object);
            let Some(changed) = changed(&self.copy, &found.place, &found.kind, remedy) else { continue };
            let before = std::mem::replace(&mut self.copy, changed);
            let mut next = self.attempt::<T>();
            // An object may have to be filled first.
            for _ in 0..MOST_KEYS {
                match next {
                    Next::Fault(failure) if is_new && depth < MAX_DEPTH && is_within(&failure, &place) => {
                        let inner = Found::new(&failure, &self.copy);
                        next = self.heal::<T>(&inner, depth + 1);
                    }
                    _ => break,
                }
            }
            let is_put_right = match &next {
                Next::Nothing => true,
                Next::Fault(failure) => is_twice || !place_of(failure).starts_with(&place),
                Next::Unknown => false,
            };
            if is_put_right {
                return next;
            }
            self.copy = before;
        }
        Next::Unknown
    }

    /// Deserialises the copy, unless that was done too often.
    fn attempt<T: DeserializeOwned>(&mut self) -> Next {
        let Some(budget) = self.budget.checked_sub(1) else { return Next::Unknown };
        self.budget = budget;
        match serde_path_to_error::deserialize::<_, T>(&self.copy) {
            Ok(_) => Next::Nothing,
            Err(failure) => Next::Fault(failure),
        }
    }
}

/// Tells whether a failure is one of a value inside the value at a place.
fn is_within(failure: &Failure, place: &[Step]) -> bool {
    let of = place_of(failure);
    of.len() > place.len() && of.starts_with(place)
}

/// A copy with a value at a place, or without the value there.
fn changed(copy: &Value, place: &[Step], kind: &Kind, remedy: Option<Value>) -> Option<Value> {
    let mut changed = copy.clone();
    let mut at = &mut changed;
    let (last, way) = match kind {
        Kind::Missing(key) => (Some(Step::Key(key.clone())), place),
        _ => (place.last().cloned(), &place[..place.len().saturating_sub(1)]),
    };
    for step in way {
        at = match step {
            Step::Key(key) => at.get_mut(key)?,
            Step::Index(index) => at.get_mut(index)?,
        };
    }
    match (last, remedy) {
        (None, remedy) => *at = remedy?,
        (Some(Step::Key(key)), Some(value)) => drop(at.as_object_mut()?.insert(key, value)),
        (Some(Step::Key(key)), None) => drop(at.as_object_mut()?.remove(&key)),
        (Some(Step::Index(index)), value) => *at.get_mut(index)? = value?,
    }
    Some(changed)
}

fn steps(path: &Path) -> Vec<Step> {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

/// Place of a failure, the missing key included.
fn place_of(failure: &Failure) -> Vec<Step> {
    let mut place = steps(failure.path());
    if let Kind::Missing(key) = kind(&failure.inner().to_string()) {
        place.push(Step::Key(key));
    }
    place
}

fn kind(message: &str) -> Kind {
    let key = |rest: &str| rest.split('`').nth(1).unwrap_or_default().to_owned();
    match message {
        _ if message.starts_with("missing field ") => Kind::Missing(key(message)),
        _ if message.starts_with("unknown field ") => Kind::Unknown,
        _ if message.starts_with("duplicate field ") || message.starts_with("a key appears twice") => Kind::Twice,
        _ => Kind::Value,
    }
}

impl Found {
    fn new(failure: &Failure, copy: &Value) -> Self {
        let message = failure.inner().to_string();
        let path = failure.path().to_string();
        // The path of the text as a whole is a point, and steps that have no name are question marks.
        let path = path.trim_end_matches(['.', '?']).to_owned();
        let mut known = Vec::new();
        if message.starts_with("unknown variant ") {
            known.extend(message.split('`').skip(3).step_by(2).map(str::to_owned));
        }
        let (place, kind) = (steps(failure.path()), kind(&message));
        let said = plain(&message);
        let problem = match (&kind, place.last(), value_at(copy, &place)) {
            // The path ends with an unknown key, so that the words need not repeat it.
            (Kind::Unknown, Some(Step::Key(key)), _) => {
                said.strip_prefix(&format!("{key:?} ")).map_or(said.clone(), str::to_owned)
            }
            // Some types say what is wrong with their text, and not which text it was.
            (Kind::Value, _, Some(Value::String(text))) if said.starts_with("is not ") => {
                format!("{:?} {said}", text.chars().take(QUOTED).collect::<String>())
            }
            _ => said,
        };
        Self { fault: Fault { path, problem }, place, kind, known }
    }

    /// Place of the fault, the missing key included.
    fn whole_place(&self) -> Vec<Step> {
        let mut place = self.place.clone();
        if let Kind::Missing(key) = &self.kind {
            place.push(Step::Key(key.clone()));
        }
        place
    }

    /// Values that may be good enough in place of the fault; none stands for no value at all.
    fn remedies(&self, copy: &Value) -> Vec<Option<Value>> {
        match self.kind {
            Kind::Unknown => return vec![None],
            // The copy has one of both values.
            Kind::Twice => return value_at(copy, &self.place).cloned().map(Some).into_iter().collect(),
            Kind::Missing(_) | Kind::Value => {}
        }
        let mut remedies = vec![None];
        remedies.extend(self.known.first().map(|known| Some(Value::from(known.as_str()))));
        let simple = [
            Value::Null,
            json!(1),
            json!("a"),
            json!("1"),
            json!([]),
            Value::Object(Map::new()),
            json!(false),
            json!("192.0.2.1"),
            json!("192.0.2.0/24"),
            json!("http://localhost/"),
            json!("0".repeat(64)),
        ];
        remedies.extend(simple.into_iter().map(Some));
        // What the list has elsewhere may be good here.
        if let Some((Step::Index(own), list)) = self.place.split_last()
            && let Some(Value::Array(elements)) = value_at(copy, list)
        {
            let others = elements.iter().enumerate().filter(|(index, _)| index != own);
            remedies.extend(others.take(MOST_SIBLINGS).map(|(_, element)| Some(element.clone())));
        }
        remedies
    }
}

/// Value at a place.
fn value_at<'a>(copy: &'a Value, place: &[Step]) -> Option<&'a Value> {
    place.iter().try_fold(copy, |value, step| match step {
        Step::Key(key) => value.get(key),
        Step::Index(index) => value.get(index),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::IpAddr;

    use serde::Deserialize;

    use crate::parse;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Network {
        name: String,
        port: u16,
        policy: Option<Policy>,
        address: IpAddr,
        #[serde(default)]
        nodes: Vec<Node>,
        #[serde(default)]
        labels: BTreeMap<String, String>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Policy {
        Best,
        Random,
    }

    #[derive(Debug, Deserialize)]
    #[serde(try_from = "Both")]
    #[expect(dead_code, reason = "only read")]
    struct Node(Both);

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Both {
        low: u8,
        high: u8,
    }

    impl TryFrom<Both> for Node {
        type Error = String;

        fn try_from(both: Both) -> Result<Self, String> {
            if both.low < both.high { Ok(Self(both)) } else { Err("low has to be less than high".to_owned()) }
        }
    }

    fn faults(text: &str) -> Vec<String> {
        let faults = parse::<Network>(text.as_bytes(), "{}").unwrap_err();
        faults.into_iter().map(|fault| fault.to_string()).collect()
    }

    #[test]
    fn all_faults_of_a_text_are_named_at_once() {
        let text = r#"{"nmae": "n", "port": "x", "policy": "bets", "address": "nowhere", "labels": {"a": 1, "b": "x"},
            "nodes": [{"low": 1, "high": 2}, {"low": 300, "high": 2, "wide": 1}, 7, {"low": 2, "high": 1}]}"#;
        let found = faults(text);
        for expected in [
            "port: \"x\" is not a whole number from 0 to 65535",
            "nmae: is not a key that is known here: did you mean \"name\"?",
            "policy: \"bets\" is not a known value: did you mean \"best\"?",
            "address: \"nowhere\" is not an address: use one such as",
            "labels.a: 1 is not a text in quotes",
            "nodes[1].low: 300 is not a whole number from 0 to 255",
            "nodes[1].wide: is not a key that is known here",
            "nodes[2]: 7 is not an object in braces: {...}",
            "nodes[3]: low has to be less than high",
            "\"name\" is missing: add it",
        ] {
            assert!(found.iter().any(|found| found.starts_with(expected)), "{expected} is not in {found:#?}");
        }
        assert_eq!(found.len(), 10, "{found:#?}");
    }

    #[test]
    fn what_follows_from_a_remedy_is_not_a_fault() {
        // The value in place of the text is not less than 0, which is no fault of the text.
        let found = faults(r#"{"name": "n", "port": 1, "address": "::1", "nodes": [{"low": "x", "high": 0}]}"#);
        assert_eq!(found, ["nodes[0].low: \"x\" is not a whole number from 0 to 255"]);
    }

    #[test]
    fn the_search_is_bounded() {
        let labels: Vec<String> = (0..5000).map(|label| format!("\"{label}\": 7")).collect();
        let labels = labels.join(",");
        let text = format!(r#"{{"name": "n", "port": 1, "address": "::1", "labels": {{{labels}}}}}"#);
        assert_eq!(faults(&text).len(), super::MOST_FAULTS);
    }

    #[test]
    fn a_key_twice_hides_no_other_fault() {
        let found = faults(r#"{"name": "n", "name": "m", "port": "x", "address": "::1"}"#);
        assert_eq!(found.len(), 2, "{found:#?}");
    }
}
