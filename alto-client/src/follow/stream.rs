//! Update streams (RFC 8895).

use std::collections::BTreeMap;
use std::io::Read;

use alto_types::{AddUpdate, ControlEvent, MediaType};
use serde::Serialize;

use super::Followed;
use super::event::{Event, Events};
use super::session::{Form, News, Session, Told};
use crate::client::Client;
use crate::directory::Entry;
use crate::error::Error;
use crate::exchange::{HttpUri, Line, Live};
use crate::printable::printable;

/// Request for a stream (RFC 8895 §6.5).
#[derive(Serialize)]
struct Request {
    add: BTreeMap<String, AddUpdate>,
}

/// Open stream.
struct Stream {
    uri: HttpUri,
    events: Events<Box<dyn Read + Send>>,
    /// IDs of the substreams, in the order of the list of those followed.
    substreams: Vec<String>,
    is_first: bool,
}

/// Opens a stream for the documents, which the client has in the versions with these tags.
pub(super) fn begin(
    client: &Client,
    line: &Line,
    followed: &[Followed],
    tags: &[Option<String>],
) -> Result<Box<dyn Session>, Error> {
    let directory = client.directory()?;
    let is_stream = |entry: &&Entry| {
        MediaType::EVENT_STREAM.names(entry.media_type())
            && entry.accepts().is_some_and(|accepts| MediaType::UPDATE_STREAM_PARAMS.names(accepts))
            && followed.iter().all(|followed| entry.uses().contains(&followed.resource_id))
    };
    let entry = directory.entries().find(is_stream);
    let entry = entry.ok_or_else(|| Error::unsupported("update stream for these resources".to_owned(), Vec::new()))?;
    let substreams: Vec<String> = (0..followed.len()).map(|place| format!("r{place}")).collect();
    let add = followed.iter().zip(tags).zip(&substreams).map(|((followed, tag), substream)| {
        let Followed { resource_id, input } = followed.clone();
        let update = AddUpdate {
            resource_id: resource_id.to_string(),
            // Tags stand for documents that are read with GET (RFC 8895 §6.5).
            tag: tag.clone().filter(|_| input.is_none()),
            incremental_changes: true,
            input,
        };
        (substream.clone(), update)
    });
    let request = Request { add: add.collect() };
    let params = Some((MediaType::UPDATE_STREAM_PARAMS, &request));
    let Live { uri, content_type, body } = client.open(line, &entry.uri, &[MediaType::EVENT_STREAM], params)?;
    if !MediaType::EVENT_STREAM.names(&content_type) {
        return Err(Error::MediaType { uri: uri.to_string(), expected: MediaType::EVENT_STREAM, got: content_type });
    }
    let limit = usize::try_from(client.max_answer()).unwrap_or(usize::MAX);
    Ok(Box::new(Stream { uri, events: Events::new(body, limit), substreams, is_first: true }))
}

impl Session for Stream {
    fn next(&mut self) -> Result<Told, Error> {
        let uri = self.uri.to_string();
        loop {
            let event =
                self.events.next().map_err(|error| Error::Transport { uri: uri.clone(), source: error.into() })?;
            let ended = |reason: Option<String>| {
                let reason = reason.unwrap_or_else(|| "the server ended the stream".to_owned());
                Ok(Told::Ended(Error::Ended { uri: uri.clone(), reason: printable(&reason) }))
            };
            let Some(Event { name, data }) = event else { return ended(None) };
            if MediaType::UPDATE_STREAM_CONTROL.names(&name) {
                let control: ControlEvent = plain_words::parse(&data, "{}").map_err(|faults| Error::Malformed {
                    uri: uri.clone(),
                    reason: format!("control event: {faults}"),
                })?;
                self.is_first = false;
                if !control.stopped.is_empty() {
                    return ended(control.description);
                }
                continue;
            }
            if self.is_first {
                let reason = "the stream does not begin with a control event (RFC 8895 §6.7.1)".to_owned();
                return Err(Error::Malformed { uri, reason });
            }
            // Media types may have commas in their parameters, substreams have none.
            let Some((media_type, substream)) = name.rsplit_once(',') else { continue };
            let known = self.substreams.iter().position(|known| known == substream.trim());
            if let Some(place) = known {
                return Ok(Told::News(News { place, form: Form::of(media_type), text: data }));
            }
        }
    }
}
