//! Requests at an interval, for servers that do not tell of changes.

use std::time::{Duration, Instant};

use alto_types::MediaType;

use super::Followed;
use super::handle::Handle;
use super::session::{Form, News, Session, Told};
use crate::client::Client;
use crate::error::Error;

/// Requests to the resources in turn.
struct Polling {
    client: Client,
    handle: Handle,
    followed: Vec<Followed>,
    interval: Duration,
    /// Document that is asked for next.
    place: usize,
    /// Time of the next round.
    at: Instant,
    /// Latest answer of each resource.
    last: Vec<Vec<u8>>,
}

/// Begins to ask for resources of the directory.
pub(super) fn begin(client: &Client, handle: &Handle, followed: &[Followed], interval: Duration) -> Box<dyn Session> {
    let last = vec![Vec::new(); followed.len()];
    let (client, handle, followed) = (client.clone(), handle.clone(), followed.to_vec());
    Box::new(Polling { client, handle, followed, interval, place: 0, at: Instant::now(), last })
}

impl Session for Polling {
    fn next(&mut self) -> Result<Told, Error> {
        loop {
            let Some(Followed { resource_id, input }) = self.followed.get(self.place).cloned() else {
                self.place = 0;
                self.at = Instant::now() + self.interval;
                return Ok(Told::Nothing);
            };
            if self.place == 0 {
                self.handle.sleep(self.at.saturating_duration_since(Instant::now()));
                if self.handle.is_interrupted() {
                    return Ok(Told::Nothing);
                }
            }
            let place = self.place;
            self.place += 1;
            let text = self.client.read(&resource_id, input.as_ref())?;
            if text != self.last[place] {
                self.last[place].clone_from(&text);
                return Ok(Told::News(News { place, form: Form::Whole, text }));
            }
        }
    }
}

impl Client {
    /// Reads a resource of the directory as it is.
    fn read(&self, resource_id: &alto_types::ResourceId, input: Option<&serde_json::Value>) -> Result<Vec<u8>, Error> {
        let directory = self.directory()?;
        let entry = directory.get(resource_id.as_str());
        let entry = entry.ok_or_else(|| Error::unsupported(format!("resource {resource_id}"), Vec::new()))?;
        let accept = MediaType::ALL.into_iter().find(|known| known.names(entry.media_type()));
        let accepts = MediaType::ALL.into_iter().find(|known| entry.accepts().is_some_and(|given| known.names(given)));
        let accept = accept.ok_or_else(|| Error::unsupported(format!("{resource_id} in a known form"), Vec::new()))?;
        self.ask_raw(&entry.uri, accept, accepts.zip(input))
    }
}
