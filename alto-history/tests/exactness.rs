//! Whatever way clients take through a history, they have the document of the version they arrive at.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
#![allow(clippy::cast_possible_truncation, reason = "few versions")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use alto_history::{
    Cell, Column, Content, Costs, Form, History, Item, Key, Keys, Limits, List, Meta, Missing, Patches, Row, Rows,
    Sequence, Shown, Successor, Table, Unit, Vtag,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Names with every character that JSON or a JSON pointer escapes.
const NAMES: [&str; 6] = ["a", "b/c", "d~1", "e\"f", "g\\h", "ipv4:10.0.0.0/8"];
const PREFIXES: [&str; 7] =
    ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16", "11.0.0.0/8", "12.0.0.0/8", "::/0"];
const ALL: Limits = Limits { bytes: usize::MAX, versions: usize::MAX, age: Duration::MAX };

/// Version of a document, from which its content and its JSON are made independently.
#[derive(Clone, Debug)]
struct Model {
    depends_on: Option<u8>,
    data: Data,
}

#[derive(Clone, Debug)]
enum Data {
    /// Costs of two metrics, the first in millionths and the second in ranks, by places of names.
    Costs { multi: bool, pids: BTreeSet<usize>, costs: BTreeMap<(usize, usize), (Option<u64>, Option<u64>)> },
    /// Texts, nulls and lists by places of names.
    Rows(BTreeMap<usize, BTreeMap<usize, Member>>),
}

#[derive(Clone, Debug)]
enum Member {
    Null,
    Text(String),
    List(Vec<usize>),
}

impl Model {
    fn content(&self, tag: &str) -> Content {
        let dependency = |tag: u8| (Key::new("dependent-vtags"), format!("[{{\"tag\":\"{tag}\"}}]").into());
        let vtag = Some(Vtag { resource_id: Key::new("map"), tag: Key::new(tag) });
        let meta = Meta { members: self.depends_on.map(dependency).into_iter().collect(), vtag };
        let table = match &self.data {
            Data::Costs { multi, pids, costs } => {
                let pids: Vec<usize> = pids.iter().copied().collect();
                let keys = || Keys::of(pids.iter().map(|pid| NAMES[*pid]));
                let pairs = pids.len() * pids.len();
                let mut columns =
                    vec![Column::undefined(Unit::Ranks, pairs), Column::undefined(Unit::Millionths, pairs)];
                for (pair, (src, dst)) in
                    pids.iter().flat_map(|src| pids.iter().map(move |dst| (*src, *dst))).enumerate()
                {
                    let (amount, rank) = costs.get(&(src, dst)).copied().unwrap_or_default();
                    if let Some(rank) = rank {
                        columns[0].set(pair, rank);
                    }
                    if let Some(amount) = amount {
                        columns[1].set(pair, amount);
                    }
                }
                let shown = if *multi { Shown::Multi(vec![1, 0]) } else { Shown::One(1) };
                Table::Costs(Costs { sources: keys(), destinations: keys(), columns, shown })
            }
            Data::Rows(rows) => {
                let cell = |(key, member): (&usize, &Member)| {
                    let cell = match member {
                        Member::Null => Cell::Null,
                        Member::Text(text) => Cell::Text(Key::new(text)),
                        Member::List(list) => Cell::List(List::of_plain(list.iter().map(|place| PREFIXES[*place]))),
                    };
                    (Key::new(NAMES[*key]), cell)
                };
                let row = |(key, cells): (&usize, &BTreeMap<usize, Member>)| {
                    Row::new(Key::new(NAMES[*key]), cells.iter().map(cell))
                };
                Table::Rows(Rows::new(rows.iter().map(row).collect()))
            }
        };
        Content::new(meta, "data", table)
    }

    fn json(&self, tag: &str) -> Value {
        let mut meta = json!({"vtag": {"resource-id": "map", "tag": tag}});
        if let Some(tag) = self.depends_on {
            meta["dependent-vtags"] = json!([{"tag": tag.to_string()}]);
        }
        let data: Map<String, Value> = match &self.data {
            Data::Costs { multi, pids, costs } => {
                let number = |(amount, rank): &(Option<u64>, Option<u64>)| {
                    let amount = amount.map(|amount| serde_json::from_str::<Value>(&decimal(amount)).unwrap());
                    match multi {
                        false => amount,
                        true => (amount.is_some() || rank.is_some()).then(|| json!([amount, rank])),
                    }
                };
                let row = |src: &usize| {
                    let member = |dst: &usize| Some((NAMES[*dst].to_owned(), number(costs.get(&(*src, *dst))?)?));
                    (NAMES[*src].to_owned(), pids.iter().filter_map(member).collect::<Map<_, _>>().into())
                };
                pids.iter().map(row).collect()
            }
            Data::Rows(rows) => {
                let member = |member: &Member| match member {
                    Member::Null => Value::Null,
                    Member::Text(text) => text.as_str().into(),
                    Member::List(list) => list.iter().map(|place| PREFIXES[*place]).collect(),
                };
                let row = |(key, cells): (&usize, &BTreeMap<usize, Member>)| {
                    let cells = cells.iter().map(|(key, cell)| (NAMES[*key].to_owned(), member(cell)));
                    (NAMES[*key].to_owned(), cells.collect::<Map<_, _>>().into())
                };
                rows.iter().map(row).collect()
            }
        };
        json!({"meta": meta, "data": data})
    }

    /// Tells whether two versions differ in more than their tags.
    fn differs(&self, other: &Self) -> bool {
        self.json("") != other.json("")
    }
}

fn decimal(millionths: u64) -> String {
    let text = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn costs() -> impl Strategy<Value = Vec<Model>> {
    let name = 0..NAMES.len();
    let cost = (prop::option::of(prop::sample::select(vec![0, 1, 1_000_000, 2_500_000])), prop::option::of(1..3_u64));
    let pids = prop::collection::btree_set(name.clone(), 0..5);
    let costs = prop::collection::btree_map((name.clone(), name), cost, 0..24);
    let version = (prop::option::of(0..3_u8), pids, costs);
    (any::<bool>(), prop::collection::vec(version, 2..28)).prop_map(|(multi, versions)| {
        let model = |(depends_on, pids, costs)| Model { depends_on, data: Data::Costs { multi, pids, costs } };
        versions.into_iter().map(model).collect()
    })
}

fn rows(any_order: bool) -> impl Strategy<Value = Vec<Model>> {
    let name = 0..NAMES.len();
    let list = prop::collection::btree_set(0..PREFIXES.len(), 0..7).prop_map(|set| set.into_iter().collect());
    let list = (list, any::<bool>()).prop_map(move |(mut list, reversed): (Vec<usize>, bool)| {
        if reversed && any_order {
            list.reverse();
        }
        Member::List(list)
    });
    let text = prop_oneof![Just(Member::Null), "[a\"/]{0,2}".prop_map(Member::Text)];
    // The members of one name are of one kind.
    let row = prop::collection::btree_map(name.clone(), (text, list), 0..4).prop_map(|cells| {
        let cell = |(key, (text, list))| (key, if key < 3 { list } else { text });
        cells.into_iter().map(cell).collect::<BTreeMap<usize, Member>>()
    });
    let rows = prop::collection::btree_map(name, row, 0..4);
    let version = (prop::option::of(0..3_u8), rows);
    prop::collection::vec(version, 2..28).prop_map(|versions| {
        versions.into_iter().map(|(depends_on, rows)| Model { depends_on, data: Data::Rows(rows) }).collect()
    })
}

fn models() -> impl Strategy<Value = Vec<Model>> {
    prop_oneof![costs(), rows(false), rows(true)]
}

fn patches() -> impl Strategy<Value = Patches> {
    (any::<bool>(), any::<bool>()).prop_map(|(merge, json)| Patches { merge, json })
}

/// Applies an item as a client does, with the libraries of others.
fn apply(document: &Value, item: &Item) -> Value {
    let text: Value = serde_json::from_slice(item.text.body()).unwrap();
    let mut document = document.clone();
    match item.form {
        Form::Whole => return text,
        Form::MergePatch => json_patch::merge(&mut document, &text),
        Form::JsonPatch => {
            let patch: json_patch::Patch = serde_json::from_value(text).unwrap();
            json_patch::patch(&mut document, &patch).unwrap_or_else(|error| panic!("{error}: {document} {patch:?}"));
        }
    }
    document
}

fn extend(history: &mut History, model: &Model, tag: &str, now: Duration) -> bool {
    let successor = Successor::new(Arc::clone(history.newest()), model.content(tag), history.patches());
    history.extend(successor, tag, now)
}

/// A history beside the documents of all its versions, those that it has dropped included.
struct Recorded {
    history: History,
    /// By sequence number, from 1.
    documents: Vec<Value>,
    tags: Vec<String>,
}

impl Recorded {
    fn of(models: &[Model], patches: Patches, limits: Limits) -> Self {
        let tag = |place: usize| format!("tag~{place}");
        let history = History::new(models[0].content(&tag(0)), &tag(0), patches, limits, Duration::ZERO);
        let mut recorded = Self { history, documents: vec![models[0].json(&tag(0))], tags: vec![tag(0)] };
        let mut last = &models[0];
        for (place, model) in models.iter().enumerate().skip(1) {
            let time = Duration::from_secs(place as u64);
            let is_new = extend(&mut recorded.history, model, &tag(place), time);
            assert_eq!(is_new, model.differs(last), "{last:?} {model:?}");
            if is_new {
                recorded.documents.push(model.json(&tag(place)));
                recorded.tags.push(tag(place));
                last = model;
            }
            assert_eq!(recorded.history.end(), recorded.documents.len() as u64);
        }
        recorded
    }

    fn document(&self, version: Sequence) -> &Value {
        if version == 0 { &Value::Null } else { &self.documents[version as usize - 1] }
    }

    /// Follows recommendations and then single edges from a version, or from nothing, to the end.
    fn walk(&mut self, from: Option<Sequence>) {
        let (mut at, mut to) = self.history.recommended(from);
        assert!(at == 0 || Some(at) == from, "{at} {from:?}");
        let mut document = self.document(at).clone();
        while to <= self.history.end() {
            document = apply(&document, &self.history.item(at, to).unwrap());
            assert_eq!(&document, self.document(to), "{at} -> {to}");
            (at, to) = (to, to + 1);
        }
        assert_eq!(at, self.history.end());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_edge_leads_to_the_document_of_its_version(models in models(), patches in patches()) {
        let mut recorded = Recorded::of(&models, patches, ALL);
        let end = recorded.history.end();
        let whole = recorded.history.whole();
        prop_assert_eq!(&apply(&Value::Null, &whole), recorded.document(end));
        for from in 0..=end {
            for to in from + 1..=end {
                match recorded.history.item(from, to) {
                    Ok(item) => {
                        prop_assert_eq!(&apply(recorded.document(from), &item), recorded.document(to), "{} -> {}", from, to);
                        prop_assert!(item.form != Form::MergePatch || patches.merge);
                        prop_assert!(item.form != Form::JsonPatch || patches.json);
                    }
                    Err(missing) => {
                        prop_assert_eq!(missing, Missing::NoEdge);
                        prop_assert!(to > from + 1 || from == 0);
                    }
                }
            }
        }
        prop_assert!(recorded.history.item(0, 1).is_ok());
    }

    #[test]
    fn one_update_leads_from_any_version_to_the_newest(models in models(), patches in patches()) {
        let mut recorded = Recorded::of(&models, patches, ALL);
        let end = recorded.history.end();
        for from in 1..end {
            let item = recorded.history.update(Some(from)).unwrap();
            prop_assert_eq!(&apply(recorded.document(from), &item), recorded.document(end), "{} -> {}", from, end);
            let shortest = recorded.history.whole().text.body().len();
            prop_assert!(item.text.body().len() <= shortest);
        }
        prop_assert!(recorded.history.update(Some(end)).is_none());
        let item = recorded.history.update(None).unwrap();
        prop_assert_eq!(item.form, Form::Whole);
    }

    #[test]
    fn a_bounded_history_still_leads_everybody_to_the_newest_version(
        models in models(),
        patches in patches(),
        bytes in 0..4000_usize,
        versions in 1..12_usize,
        age in 0..12_u64,
    ) {
        let limits = Limits { bytes, versions, age: Duration::from_secs(age) };
        let mut recorded = Recorded::of(&models, patches, limits);
        let (start, end) = (recorded.history.start(), recorded.history.end());
        prop_assert!(end - start < versions as u64);
        prop_assert!(start == end || recorded.history.bytes() <= bytes);
        for from in 1..=end {
            recorded.walk(Some(from));
            if let Some(item) = recorded.history.update(Some(from)) {
                prop_assert_eq!(&apply(recorded.document(from), &item), recorded.document(end));
            }
            let tag = recorded.tags[from as usize - 1].clone();
            prop_assert_eq!(recorded.history.find(&tag), (from >= start).then_some(from));
        }
        recorded.walk(None);
        for old in 1..start {
            prop_assert_eq!(recorded.history.item(old, old + 1).err(), Some(Missing::Past).filter(|_| old < start));
            prop_assert_eq!(recorded.history.item(0, old).err(), Some(Missing::Past));
        }
        prop_assert_eq!(recorded.history.item(end, end + 1).err(), Some(Missing::Future { distance: 1 }));
        prop_assert_eq!(recorded.history.item(end + 4, end + 5).err(), Some(Missing::Future { distance: 5 }));
    }
}

/// A long text, beside which patches are shorter than the document.
fn padding() -> (usize, BTreeMap<usize, Member>) {
    (5, BTreeMap::from([(4, Member::Text("x".repeat(500)))]))
}

fn lists(elements: &[usize]) -> Model {
    let rows = BTreeMap::from([(0, BTreeMap::from([(0, Member::List(elements.to_vec()))])), padding()]);
    Model { depends_on: None, data: Data::Rows(rows) }
}

#[test]
fn long_shortcuts_skip_64_versions() {
    let models: Vec<Model> = (0..140).map(|version| lists(&[version % 7, 7 - 1 - (version + 1) % 3])).collect();
    let mut recorded = Recorded::of(&models, Patches { merge: true, json: true }, ALL);
    let item = recorded.history.item(64, 128).unwrap();
    assert_eq!(&apply(recorded.document(64), &item), recorded.document(128));
    assert_eq!(recorded.history.item(65, 129).err(), Some(Missing::NoEdge));
}

#[test]
fn a_moved_prefix_is_two_operations_and_a_test() {
    let many: Vec<usize> = (0..7).collect();
    let mut recorded =
        Recorded::of(&[lists(&many), lists(&[0, 1, 2, 4, 5, 6])], Patches { merge: false, json: true }, ALL);
    let text = recorded.history.item(1, 2).unwrap().text;
    let expected = json!([
        {"op": "test", "path": "/meta/vtag/tag", "value": "tag~0"},
        {"op": "remove", "path": "/data/a/a/3"},
        {"op": "replace", "path": "/meta/vtag/tag", "value": "tag~1"},
    ]);
    assert_eq!(serde_json::from_slice::<Value>(text.body()).unwrap(), expected);
}

#[test]
fn null_as_data_never_travels_in_a_merge_patch() {
    let with = |member| Model {
        depends_on: None,
        data: Data::Rows(BTreeMap::from([(0, BTreeMap::from([(3, member)])), (1, BTreeMap::new()), padding()])),
    };
    let models = [with(Member::Text("x".into())), with(Member::Null), with(Member::Text("y".into()))];
    for (json, form) in [(true, Form::JsonPatch), (false, Form::Whole)] {
        let mut recorded = Recorded::of(&models, Patches { merge: true, json }, ALL);
        assert_eq!(recorded.history.item(1, 2).unwrap().form, form);
    }
}

#[test]
fn content_with_a_new_tag_only_is_the_same_version_under_both_tags() {
    let model = lists(&[1]);
    let mut history =
        History::new(model.content("first"), "first", Patches { merge: true, json: false }, ALL, Duration::ZERO);
    for number in 0..20 {
        assert!(!extend(&mut history, &model, &format!("tag{number}"), Duration::ZERO));
    }
    assert_eq!((history.end(), history.tag(1)), (1, Some("first")));
    assert_eq!((history.find("first"), history.find("tag19"), history.find("tag2")), (Some(1), Some(1), None));
}

#[test]
fn a_full_replacement_is_sent_where_it_is_shorter() {
    let costs = |number: u64| {
        let pids: BTreeSet<usize> = (0..6).collect();
        let pair = |pair: usize| ((pair / 6, pair % 6), (Some(number + pair as u64), None));
        Model { depends_on: None, data: Data::Costs { multi: false, pids, costs: (0..36).map(pair).collect() } }
    };
    let mut recorded = Recorded::of(&[costs(1), costs(2)], Patches { merge: false, json: true }, ALL);
    assert_eq!(recorded.history.item(1, 2).unwrap().form, Form::Whole);
}
