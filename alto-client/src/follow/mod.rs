//! Following of resources: what changes in them, as it changes.
//!
//! A [`Follower`] holds the present version of each document it follows. It is told of changes by an update stream
//! (RFC 8895) if the server has one, by TIPS (RFC 9569) if it has that, and asks again and again if it has neither. After a
//! loss it goes on from the versions that it has, after pauses that double up to a minute.

mod document;
mod endpoint_costs;
mod event;
mod handle;
mod losses;
mod patch;
mod polling;
mod session;
mod stream;
mod views;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use alto_types::ResourceId;
use serde_json::Value;

pub use self::document::{Difference, Document, Leaf};
pub use self::handle::Handle;
use self::losses::{LONGEST_PAUSE, Losses, is_lasting};
use self::session::{Form, News, Session, Told};
use crate::client::Client;
use crate::error::Error;

/// Resource to follow.
#[derive(Clone, Debug, PartialEq)]
pub struct Followed {
    /// ID in the directory.
    pub resource_id: ResourceId,
    /// Request of the resource, if it is asked with POST.
    pub input: Option<Value>,
}

/// Ways in which a client is told of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// Update stream (RFC 8895).
    Stream,
    /// Views of which each next version is waited for (RFC 9569).
    Views,
    /// Requests at an interval.
    Polling,
}

/// Change of a followed document.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// Place of the document in the list of those followed.
    pub place: usize,
    /// What differs from the version before; empty at first, and if nothing does (RFC 8895 §6.6).
    pub differences: Vec<Difference>,
    /// Whether this is the first version.
    pub is_first: bool,
    /// Way in which the client was told.
    pub way: Way,
}

/// Client that follows some resources.
pub struct Follower {
    client: Client,
    handle: Handle,
    followed: Vec<Followed>,
    /// Ways that are tried, the best one first.
    ways: Vec<Way>,
    interval: Duration,
    documents: Vec<Option<Document>>,
    session: Option<(Way, Box<dyn Session>)>,
    /// Time at which the session began.
    began: Instant,
    losses: Losses,
    /// Ways that the server turned out not to have.
    lost: HashMap<Way, Instant>,
}

/// Time after which a way that failed is tried again.
const RETRY: Duration = Duration::from_mins(5);

impl Client {
    /// Follows resources, by a stream if there is one, else by views, else by asking every minute.
    pub fn follow(&self, followed: Vec<Followed>) -> Follower {
        Follower {
            client: self.clone(),
            handle: Handle::default(),
            documents: vec![None; followed.len()],
            followed,
            ways: vec![Way::Stream, Way::Views, Way::Polling],
            interval: Duration::from_mins(1),
            session: None,
            began: Instant::now(),
            losses: Losses::default(),
            lost: HashMap::new(),
        }
    }
}

impl Follower {
    /// Sets the ways that are tried, the best one first. Default: all of them.
    #[must_use]
    pub fn by(self, ways: &[Way]) -> Self {
        Self { ways: ways.to_vec(), ..self }
    }

    /// Sets the time between requests where the server does not tell of changes. Default: 60 s.
    #[must_use]
    pub fn interval(self, interval: Duration) -> Self {
        Self { interval, ..self }
    }

    /// Sets who is told of the errors that this follower goes on after: of each one once, and again when another one or news
    /// came in between. Default: nobody.
    #[must_use]
    pub fn on_loss(mut self, listener: impl FnMut(&Error) + Send + 'static) -> Self {
        self.losses.listen(Box::new(listener));
        self
    }

    /// Handle by which other threads see how this follower is told, and end its waits.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Follows these resources from now on. Those that were followed before go on from their present versions.
    pub fn follow_instead(&mut self, followed: Vec<Followed>) {
        let before = std::mem::replace(&mut self.followed, followed);
        let mut held: Vec<_> = before.into_iter().zip(std::mem::take(&mut self.documents)).collect();
        let known =
            |now: &Followed| held.iter_mut().find(|(before, _)| before == now).and_then(|(_, held)| held.take());
        self.documents = self.followed.iter().map(known).collect();
        self.end();
    }

    /// Resources that are followed.
    pub fn followed(&self) -> &[Followed] {
        &self.followed
    }

    /// Present version of a document. None if there is none yet, or if it depends on another version of a followed document
    /// than the present one, and must not be used until its update has come (RFC 8895 §9.2).
    pub fn document(&self, place: usize) -> Option<&Document> {
        let document = self.documents.get(place)?.as_ref()?;
        let is_other = |tag: &alto_types::VersionTag| {
            let own = self.followed.iter().position(|followed| followed.resource_id == tag.resource_id);
            let held = own.and_then(|own| self.documents[own].as_ref()?.vtag());
            held.is_some_and(|held| held.tag != tag.tag)
        };
        (!document.depends_on().iter().any(is_other)).then_some(document)
    }

    /// Waits for the next change of any document. An error is one that no waiting helps against: a resource that the
    /// directory does not have, a request that the server refuses in each way (an ALTO error, or a status from 400 to 499
    /// other than 408, 425 and 429), or an interruption by another thread. [`Self::on_loss`] tells of all others.
    pub fn update(&mut self) -> Result<Update, Error> {
        loop {
            if self.handle.take_interruption() {
                self.end();
                return Err(Error::Interrupted);
            }
            let (way, mut session) = match self.session.take() {
                Some(session) => session,
                None => match self.begin() {
                    Ok(session) => session,
                    // Connections of a wait that is over are closed.
                    Err(_) if self.handle.is_interrupted() => continue,
                    Err(error) if is_lasting(&error) => return Err(error),
                    Err(error) => {
                        tracing::debug!(%error, "not told of changes");
                        self.losses.tell(&error);
                        self.pause(&error);
                        continue;
                    }
                },
            };
            let told = session.next();
            if self.handle.is_interrupted() {
                continue;
            }
            match told {
                Ok(Told::News(News { place, form, text })) => match self.take(place, form, &text, way) {
                    Ok(update) => {
                        self.session = Some((way, session));
                        self.losses.forget();
                        return Ok(update);
                    }
                    Err(reason) => {
                        // The document is not the one that the server thinks it is: begin anew with it.
                        let resource = &self.followed[place].resource_id;
                        tracing::warn!(%resource, reason, "read again");
                        let (uri, reason) = (self.client.root().to_string(), format!("{resource}: {reason}"));
                        self.documents[place] = None;
                        self.lose(way, Error::Malformed { uri, reason }, true)?;
                    }
                },
                // Asking is for as long as there is no better way.
                Ok(Told::Nothing) if self.has_better(way) => self.end(),
                Ok(Told::Nothing) => self.session = Some((way, session)),
                Ok(Told::Ended(error)) => self.lose(way, error, true)?,
                Err(error) => self.lose(way, error, false)?,
            }
        }
    }

    /// Begins a session in the best way that works.
    fn begin(&mut self) -> Result<(Way, Box<dyn Session>), Error> {
        let directory = self.client.directory()?;
        for Followed { resource_id, input } in &self.followed {
            let entry = directory.get(resource_id.as_str());
            let entry = entry.ok_or_else(|| Error::unsupported(format!("resource {resource_id}"), Vec::new()))?;
            if entry.accepts().is_some() && input.is_none() {
                return Err(Error::NoRequest { resource_id: resource_id.clone() });
            }
        }
        self.lost.retain(|_, since| since.elapsed() < RETRY);
        // Ways that were lost are better than none.
        let mut ways = self.ways.clone();
        ways.sort_by_key(|way| self.lost.contains_key(way));
        let mut worst: Option<Error> = None;
        for way in ways {
            let tags: Vec<Option<String>> = self.documents.iter().map(|document| tag(document.as_ref())).collect();
            let line = self.client.line();
            self.handle.connect(&line);
            let begun: Result<Box<dyn Session>, Error> = match way {
                Way::Stream => stream::begin(&self.client, &line, &self.followed, &tags),
                Way::Views => views::begin(&self.client, &line, &self.followed, &tags),
                Way::Polling => Ok(polling::begin(&self.client, &self.handle, &self.followed, self.interval)),
            };
            match begun {
                Ok(session) => {
                    self.handle.set_way(Some(way));
                    self.began = Instant::now();
                    return Ok((way, session));
                }
                Err(error) => {
                    tracing::debug!(?way, %error, "not a way to be told of changes");
                    if is_lasting(&error) {
                        self.lost.insert(way, Instant::now());
                    }
                    // What may pass is worth another try, and what a server says tells more than what it does not have.
                    let weight = |error: &Error| (!is_lasting(error), !matches!(error, Error::Unsupported { .. }));
                    if worst.as_ref().is_none_or(|worst| weight(&error) > weight(worst)) {
                        worst = Some(error);
                    }
                }
            }
        }
        Err(worst.unwrap_or(Error::Query("no way to follow: name at least one")))
    }

    /// Takes over what was told.
    fn take(&mut self, place: usize, form: Form, text: &[u8], way: Way) -> Result<Update, String> {
        let known = self.documents.get_mut(place).ok_or("of another resource")?;
        let is_first = known.is_none();
        let next = match (form, &known) {
            (Form::Whole, _) => Document::read(text)?,
            (_, None) => return Err("a patch of a document that is not known".to_owned()),
            (Form::MergePatch, Some(held)) => {
                let mut next = held.clone();
                patch::merge(&mut next, text).map_err(|error| error.to_string())?;
                next
            }
            (Form::JsonPatch, Some(held)) => {
                let mut next = held.clone();
                patch::apply(&mut next, text).map_err(|error| error.to_string())?;
                next
            }
        };
        // A version of another resource under the same name would be used for the wrong one.
        let named = next.vtag().map(|vtag| vtag.resource_id);
        let followed = &self.followed[place].resource_id;
        if self.followed[place].input.is_none() && named.as_ref().is_some_and(|named| named != followed) {
            return Err(format!(
                "the version of another resource, {}",
                named.map_or_else(String::new, |id| id.to_string())
            ));
        }
        let differences = known.as_ref().map_or_else(Vec::new, |known| known.differences(&next));
        *known = Some(next);
        Ok(Update { place, differences, is_first, way })
    }

    /// Tells whether there is a way before this one that is worth a try.
    fn has_better(&self, way: Way) -> bool {
        let is_lost = |way| self.lost.get(way).is_some_and(|since| since.elapsed() < RETRY);
        self.ways.iter().take_while(|better| **better != way).any(|better| !is_lost(better))
    }

    /// Ends the session. The next one goes on from the versions at hand.
    fn end(&mut self) {
        self.session = None;
        self.handle.set_way(None);
    }

    /// Ends a session, and waits. A session may end as a matter of course once, or because it failed. Returns the error if it
    /// stays and there is no other way.
    fn lose(&mut self, way: Way, error: Error, is_usual: bool) -> Result<(), Error> {
        tracing::debug!(?way, %error, "no longer told of changes");
        self.end();
        if self.began.elapsed() > LONGEST_PAUSE {
            self.losses.forget_count();
        }
        if self.losses.are_enough() || !is_usual && is_lasting(&error) {
            if self.ways.iter().any(|other| *other != way && !self.lost.contains_key(other)) {
                self.lost.insert(way, Instant::now());
            } else if is_lasting(&error) {
                return Err(error);
            }
        }
        if !is_usual || !self.losses.are_none() {
            self.losses.tell(&error);
        }
        self.pause(&error);
        Ok(())
    }

    fn pause(&mut self, error: &Error) {
        let pause = self.losses.pause(error);
        self.handle.sleep(pause);
    }
}

fn tag(document: Option<&Document>) -> Option<String> {
    Some(document?.vtag()?.tag.to_string())
}
