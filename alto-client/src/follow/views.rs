//! TIPS views (RFC 9569).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use alto_types::{Edge, MediaType, TipsRequest, TipsView};

use super::Followed;
use super::session::{Form, News, Session, Told};
use crate::client::Client;
use crate::directory::Entry;
use crate::error::Error;
use crate::exchange::{HttpUri, Line, Live};

/// Views of all documents, each read by a thread.
struct Views {
    /// URI of the directory.
    uri: String,
    told: Receiver<Result<Told, Error>>,
    stop: Arc<AtomicBool>,
}

/// Reader of one view.
struct Reader {
    client: Client,
    line: Line,
    place: usize,
    view: HttpUri,
    /// Media types of all updates that may come (RFC 9569 §7.2).
    accept: Vec<MediaType>,
    edge: Edge,
    tell: SyncSender<Result<Told, Error>>,
    stop: Arc<AtomicBool>,
}

/// Opens a view of each document, which the client has in the versions with these tags.
pub(super) fn begin(
    client: &Client,
    line: &Line,
    followed: &[Followed],
    tags: &[Option<String>],
) -> Result<Box<dyn Session>, Error> {
    let directory = client.directory()?;
    let (tell, told) = sync_channel(0);
    let stop = Arc::new(AtomicBool::new(false));
    let mut readers = Vec::with_capacity(followed.len());
    for (place, (Followed { resource_id, input }, tag)) in followed.iter().zip(tags).enumerate() {
        let is_service =
            |entry: &&Entry| MediaType::TIPS.names(entry.media_type()) && entry.uses().contains(resource_id);
        let unsupported = || Error::unsupported(format!("TIPS for {resource_id}"), Vec::new());
        let service = directory.entries().find(is_service).ok_or_else(unsupported)?;
        let resource = directory.get(resource_id.as_str()).ok_or_else(unsupported)?;
        let whole =
            MediaType::ALL.into_iter().find(|known| known.names(resource.media_type())).ok_or_else(unsupported)?;
        let request = TipsRequest {
            resource_id: resource_id.to_string(),
            tag: tag.clone().filter(|_| input.is_none()),
            input: input.clone(),
        };
        let answer = client.ask_raw(&service.uri, MediaType::TIPS, Some((MediaType::TIPS_PARAMS, &request)))?;
        let malformed = |reason: String| Error::Malformed { uri: service.uri().to_owned(), reason };
        let view: TipsView = plain_words::parse(&answer, "{}").map_err(|faults| malformed(faults.to_string()))?;
        let uri = view.tips_view_uri.ok_or_else(|| malformed("it has no tips-view-uri".to_owned()))?;
        let uri = service.uri.resolve(&uri).map_err(|error| malformed(format!("tips-view-uri {uri}: {error}")))?;
        let edge = view.tips_view_summary.updates_graph_summary.start_edge_rec;
        let edge = if edge.seq_i != 0 && tag.is_none() { Edge { seq_i: 0, seq_j: edge.seq_j } } else { edge };
        let accept = vec![whole, MediaType::MERGE_PATCH, MediaType::JSON_PATCH];
        let (tell, stop, line) = (tell.clone(), Arc::clone(&stop), line.clone());
        readers.push(Reader { client: client.clone(), line, place, view: uri, accept, edge, tell, stop });
    }
    for reader in readers {
        thread::spawn(move || reader.run());
    }
    Ok(Box::new(Views { uri: client.root().to_string(), told, stop }))
}

impl Session for Views {
    fn next(&mut self) -> Result<Told, Error> {
        self.told.recv().unwrap_or_else(|_| {
            Ok(Told::Ended(Error::Ended { uri: self.uri.clone(), reason: "all views ended".to_owned() }))
        })
    }
}

impl Drop for Views {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Reader {
    /// Reads update after update, until one cannot be had or nobody listens.
    fn run(mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            let told = match self.update() {
                // Nothing has changed for long.
                Ok(None) => continue,
                Ok(Some(news)) => Ok(Told::News(news)),
                // Versions that are gone, and views that are unknown, mean that a new view has to be opened.
                Err(error) if matches!(error.status(), Some(404 | 410 | 425)) => Ok(Told::Ended(error)),
                Err(error) => Err(error),
            };
            let goes_on = matches!(told, Ok(Told::News(_)));
            if self.tell.send(told).is_err() || !goes_on {
                return;
            }
            self.edge = Edge { seq_i: self.edge.seq_j, seq_j: self.edge.seq_j + 1 };
        }
    }

    /// Reads one update; none if it did not come into being in time.
    fn update(&self) -> Result<Option<News>, Error> {
        let Edge { seq_i, seq_j } = self.edge;
        // No slash of the view is doubled (RFC 9569 §6.2).
        let uri = self.view.below(&format!("ug/{seq_i}/{seq_j}")).map_err(|error| Error::Malformed {
            uri: self.view.to_string(),
            reason: format!("tips-view-uri: {error}"),
        })?;
        match self.client.open::<()>(&self.line, &uri, &self.accept, None) {
            Ok(live) => {
                let Live { content_type, .. } = &live;
                let form = Form::of(content_type);
                let text = live.read(self.client.max_answer())?;
                Ok(Some(News { place: self.place, form, text }))
            }
            Err(Error::Timeout { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
