//! Changes to inputs that keep their form, for fuzzers: they reach what lies behind a parser sooner than changes of bytes.
//!
//! Half of all changes are left to the fuzzer, which also uses its dictionaries.

use serde_json::Value;

/// Changes bytes the fuzzer's own way: a buffer, how much of it is used, and how much may be; returns the new size.
pub type ByBytes = fn(&mut [u8], usize, usize) -> usize;

/// Changes an input of JSON.
pub fn of_json(data: &mut [u8], size: usize, most: usize, seed: u32, by_bytes: ByBytes) -> usize {
    changed(data, size, most, seed, by_bytes, json)
}

/// Changes an input of words and lines.
pub fn of_text(data: &mut [u8], size: usize, most: usize, seed: u32, by_bytes: ByBytes) -> usize {
    changed(data, size, most, seed, by_bytes, |bytes, numbers| Some(text(bytes, numbers)))
}

fn changed(
    data: &mut [u8],
    size: usize,
    most: usize,
    seed: u32,
    by_bytes: ByBytes,
    by_form: fn(&[u8], &mut Numbers) -> Option<Vec<u8>>,
) -> usize {
    let mut numbers = Numbers(u64::from(seed));
    let next = if numbers.below(2) == 0 { None } else { by_form(&data[..size], &mut numbers) };
    match next.filter(|next| next.len() <= most) {
        Some(next) => {
            data[..next.len()].copy_from_slice(&next);
            next.len()
        }
        None => by_bytes(data, size, most),
    }
}

/// A sequence of numbers without a pattern, which its seed decides (`SplitMix64`).
struct Numbers(u64);

impl Numbers {
    /// Returns a number below `end`, which is not zero.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % (end.max(1) as u64)).unwrap_or_default()
    }
}

/// Doubles, removes, replaces or changes one value; `None` if the input is no JSON.
fn json(bytes: &[u8], numbers: &mut Numbers) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(bytes).ok()?;
    let mut places = Vec::new();
    collect(&value, String::new(), &mut places);
    let place = places.get(numbers.below(places.len()))?.clone();
    let other = value.pointer(places.get(numbers.below(places.len()))?).cloned()?;
    let kind = numbers.below(4);
    match value.pointer_mut(&place)? {
        Value::Array(list) if kind == 0 && !list.is_empty() => {
            let element = list[numbers.below(list.len())].clone();
            list.insert(numbers.below(list.len() + 1), element);
        }
        Value::Array(list) if kind == 1 && !list.is_empty() => drop(list.remove(numbers.below(list.len()))),
        Value::Object(members) if kind == 1 && !members.is_empty() => {
            let name = members.keys().nth(numbers.below(members.len()))?.clone();
            members.remove(&name);
        }
        found if kind == 2 => *found = other,
        Value::Bool(found) => *found = !*found,
        Value::Number(found) => {
            let before = found.as_i64().unwrap_or_default();
            *found = [0, 1, -1, before.wrapping_add(1), before.wrapping_mul(2)][numbers.below(5)].into();
        }
        Value::String(found) => *found = String::from_utf8(text(found.as_bytes(), numbers)).ok()?,
        _ => return None,
    }
    serde_json::to_vec(&value).ok()
}

/// Collects the JSON pointers of a value and of all values inside.
fn collect(value: &Value, place: String, places: &mut Vec<String>) {
    match value {
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, inner)| collect(inner, format!("{place}/{index}"), places));
        }
        Value::Object(members) => members.iter().for_each(|(name, inner)| {
            collect(inner, format!("{place}/{}", name.replace('~', "~0").replace('/', "~1")), places);
        }),
        _ => {}
    }
    places.push(place);
}

/// Replaces a word by another one or by a number, or doubles or removes a line.
fn text(bytes: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'_');
    let kind = numbers.below(4);
    let same = |one: &u8, other: &u8| if kind < 2 { *one != b'\n' } else { is_word(one) == is_word(other) };
    let mut pieces: Vec<&[u8]> = bytes.chunk_by(same).collect();
    if pieces.is_empty() {
        return b"0".to_vec();
    }
    let words: Vec<usize> = (0..pieces.len()).filter(|&place| kind < 2 || is_word(&pieces[place][0])).collect();
    let Some(&place) = words.get(numbers.below(words.len())) else { return bytes.to_vec() };
    let most = [10, 100, 1000, 10_000, 1_000_000][numbers.below(5)];
    let number = numbers.below(most).to_string();
    match kind {
        0 => pieces.insert(place, pieces[place]),
        1 => drop(pieces.remove(place)),
        2 => pieces[place] = pieces[words[numbers.below(words.len())]],
        _ => pieces[place] = number.as_bytes(),
    }
    pieces.concat()
}
