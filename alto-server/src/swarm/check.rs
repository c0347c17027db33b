//! What a registration and an announcement may look like, before the registry is asked.

use std::collections::HashSet;

use alto_types::swarm::{Announcement, FileEntry, Registration};

use super::limits::{FILE_NAME_BYTES, Limits, PEER_NAME_BYTES};
use super::refused::Refused;

pub(super) fn registration(wanted: &Registration, limits: &Limits) -> Result<(), Refused> {
    name("name", &wanted.name, PEER_NAME_BYTES)?;
    if wanted.port == 0 {
        return Err(malformed("port", "is 0, where nothing can be reached; give the port you serve on"));
    }
    entries("files", &wanted.files, limits)
}

pub(super) fn announcement(said: &Announcement, limits: &Limits) -> Result<(), Refused> {
    count("remove", said.remove.len(), limits)?;
    entries("add", &said.add, limits)
}

fn entries(list: &str, entries: &[FileEntry], limits: &Limits) -> Result<(), Refused> {
    count(list, entries.len(), limits)?;
    let mut seen = HashSet::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let field = |member: &str| format!("{list}[{index}].{member}");
        if !seen.insert(entry.id) {
            return Err(malformed(&field("id"), "is in the list twice"));
        }
        name(&field("name"), &entry.name, FILE_NAME_BYTES)?;
        if matches!(entry.name.as_str(), "." | "..") || entry.name.contains(['/', '\\']) {
            return Err(malformed(&field("name"), "is a path; give the last part of it"));
        }
    }
    Ok(())
}

fn count(field: &str, length: usize, limits: &Limits) -> Result<(), Refused> {
    let limit = limits.files_per_peer as usize;
    if length > limit {
        return Err(Refused::TooLarge { field: field.to_owned(), length, limit });
    }
    Ok(())
}

fn name(field: &str, text: &str, limit: usize) -> Result<(), Refused> {
    if text.is_empty() {
        return Err(malformed(field, "is empty"));
    }
    if text.len() > limit {
        return Err(Refused::TooLarge { field: field.to_owned(), length: text.len(), limit });
    }
    // Names are shown on terminals.
    if text.chars().any(char::is_control) {
        return Err(malformed(field, "has a control character"));
    }
    Ok(())
}

fn malformed(field: &str, problem: &str) -> Refused {
    Refused::Malformed { field: field.to_owned(), problem: problem.to_owned() }
}
