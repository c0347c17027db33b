//! Reading of everything that the store has, for a server that starts.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use alto_registry::shared::{Position, Reply, Session, StoreError};

use super::derivation::derivation;
use crate::state::audit::{AuditEntry, Noted};
use crate::state::network::following::{Stored, StoredSource};
use crate::state::replication::{Links, LogPosition, field};

/// Script that reads everything in one moment.
const LOAD: &str = include_str!("load.lua");
/// Number of chunks of a large value in one answer.
const CHUNKS: usize = 8;
/// Greatest length of a large value, and of all small ones together, in bytes. Operators can bring half of that in one
/// request.
const MOST: usize = 512 * 1024 * 1024;

/// Hash with texts as names.
type Fields = BTreeMap<String, Vec<u8>>;

/// Reads everything, with its position; nothing where no server has begun yet.
pub(super) fn read(session: &mut Session, base: &str) -> Result<Option<(Position, Stored)>, StoreError> {
    let (log, head) = (format!("{base}log"), format!("{base}head"));
    let script = format!("local head, base = KEYS[2], KEYS[3]\n{LOAD}");
    let words = [&b"EVAL"[..], script.as_bytes(), b"3", log.as_bytes(), head.as_bytes(), base.as_bytes()];
    let reply = session.call_within(MOST, &words)?;
    let [Reply::Bytes(head), rest @ ..] = reply.items() else {
        return Err(StoreError::Unknown("the answer of the script that reads everything".to_owned()));
    };
    if head.is_empty() {
        return Ok(None);
    }
    let position = Position::read_head(head).ok_or_else(|| unreadable("the position"))?;
    let fields: Vec<Fields> = rest.iter().map(read_fields).collect::<Result<_, _>>()?;
    let [topology, links, previous_links, prefixes, published, since, audit] = &fields[..] else {
        return Err(unreadable("the state of the network"));
    };
    let name = |field: &str| topology.get(field).map(|value| String::from_utf8_lossy(value).into_owned());
    let base_name = name(field::BASE).ok_or_else(|| unreadable("the topology"))?;
    let previous = match name(field::PREVIOUS) {
        None => None,
        Some(name) if name == field::FILE => Some((None, read_links(previous_links)?)),
        Some(name) => {
            let text = fetch(session, base, &name)?;
            Some((Some((name, text)), read_links(previous_links)?))
        }
    };
    let stored = Stored {
        position: place(&position),
        base: (base_name.clone(), fetch(session, base, &base_name)?),
        replaced: topology.get(field::REPLACED).is_some_and(|value| value == b"1"),
        links: read_links(links)?,
        previous,
        sources: read_sources(session, base, prefixes)?,
        published: read_sources(session, base, published)?,
        published_at: topology.get(field::PUBLISHED).and_then(|value| read_time(value)),
        audit: read_audit(audit),
        since: since.iter().filter_map(|(name, value)| Some((name.clone(), read_time(value)?))).collect(),
    };
    Ok(Some((position, stored)))
}

/// Reads a large value.
pub(super) fn fetch(session: &mut Session, base: &str, name: &str) -> Result<Vec<u8>, StoreError> {
    let key = format!("{base}{name}");
    let mut whole = Vec::new();
    for start in (0..).step_by(CHUNKS) {
        let (first, last) = (start.to_string(), (start + CHUNKS - 1).to_string());
        let reply = session.call(&[b"LRANGE", key.as_bytes(), first.as_bytes(), last.as_bytes()])?;
        let chunks = reply.items();
        if start == 0 && chunks.is_empty() {
            return Err(StoreError::Gone(name.to_owned()));
        }
        chunks.iter().filter_map(Reply::bytes).for_each(|chunk| whole.extend(chunk));
        if whole.len() > MOST {
            return Err(StoreError::Unknown(format!("more than {MOST} bytes as {name}")));
        }
        if chunks.len() < CHUNKS {
            break;
        }
    }
    Ok(whole)
}

/// Position as the network knows it.
pub(super) fn place(position: &Position) -> LogPosition {
    if *position == Position::default() {
        return LogPosition::default();
    }
    let label = format!("{position}-{}", derivation());
    LogPosition { order: position.order(), text: position.to_string(), label }
}

fn unreadable(what: &str) -> StoreError {
    StoreError::Unknown(what.to_owned())
}

fn read_fields(reply: &Reply) -> Result<Fields, StoreError> {
    let pair = |pair: &[Reply]| {
        let name = String::from_utf8(pair.first()?.bytes()?.to_vec()).ok()?;
        Some((name, pair.get(1)?.bytes()?.to_vec()))
    };
    reply.items().chunks(2).map(pair).collect::<Option<_>>().ok_or_else(|| unreadable("a part of the network"))
}

fn read_links(fields: &Fields) -> Result<Links, StoreError> {
    let read = |(key, json): (&String, &Vec<u8>)| {
        let change = serde_json::from_slice(json).map_err(|_| StoreError::Unknown(format!("the link {key}")))?;
        Ok((key.clone(), change))
    };
    fields.iter().map(read).collect()
}

fn read_sources(session: &mut Session, base: &str, fields: &Fields) -> Result<Vec<StoredSource>, StoreError> {
    let mut sources = Vec::new();
    for (name, value) in fields {
        let text = String::from_utf8_lossy(value);
        let mut words = text.split(' ').filter(|word| !word.is_empty());
        let sequence = words.next().and_then(|word| word.parse().ok());
        let sequence = sequence.ok_or_else(|| StoreError::Unknown(format!("the source {name}")))?;
        let mut pieces = Vec::new();
        for piece in words {
            pieces.push((piece.to_owned(), fetch(session, base, piece)?));
        }
        sources.push(StoredSource { name: name.clone(), sequence, pieces });
    }
    Ok(sources)
}

/// Reads the audit trail, in its order. An entry of another version that cannot be read is left out.
fn read_audit(fields: &Fields) -> Vec<AuditEntry> {
    let read = |value: &Vec<u8>| {
        let space = value.iter().position(|byte| *byte == b' ')?;
        let entry = serde_json::from_slice(&value[space + 1..]).ok()?;
        let mut noted = Noted { entry, is_new: false };
        noted.date(read_time(&value[..space])?);
        Some(noted.entry)
    };
    let mut entries: Vec<AuditEntry> = fields.values().filter_map(read).collect();
    entries.sort_by_key(|entry| entry.number);
    entries
}

/// Reads milliseconds since 1970.
fn read_time(value: &[u8]) -> Option<SystemTime> {
    let milliseconds = std::str::from_utf8(value).ok()?.parse().ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds))
}
