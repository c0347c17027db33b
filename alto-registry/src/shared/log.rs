//! The log as writers and readers of a server see it.

use std::sync::mpsc::TrySendError;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::connector::Connector;
use super::follow::{self, Follower};
use super::inner::{Confirmation, Inner};
use super::position::Position;
use super::progress::Report;
use super::reply::{Reply, StoreError};
use super::script::Script;
use super::session::LONGEST;
use super::writer::{self, Task};

/// A log, followed as long as this lives.
pub struct SharedLog {
    inner: Arc<Inner>,
    queue: Option<mpsc::SyncSender<Task>>,
    writer: Option<JoinHandle<()>>,
}

impl SharedLog {
    /// Starts to follow a log, and returns when everything is in memory that it has at present. All keys have the name in
    /// theirs, with the version of the format.
    pub fn open(
        connector: Arc<Connector>,
        name: &str,
        scripts: Vec<&'static Script>,
        follower: Box<dyn Follower>,
        patience: Duration,
    ) -> Result<Self, StoreError> {
        // A refusal is final, while a store that does not answer may be about to start.
        if let Err(refused @ StoreError::Refused(_)) = connector.connect(patience) {
            return Err(refused);
        }
        let base = format!("{}:{name}:", connector.address().prefix);
        let inner = Arc::new(Inner::new(connector, base));
        let spawn = |role: &str, work: Box<dyn FnOnce() + Send>| {
            let named = std::thread::Builder::new().name(format!("{name}-{role}"));
            named.spawn(work).map_err(|error| StoreError::Away(format!("no thread for it: {error}")))
        };
        let weak = Arc::downgrade(&inner);
        // Not joined at the end: it wakes up within a second, and changes nothing any more.
        let _follower = spawn("follower", Box::new(move || follow::run(&weak, follower)))?;
        let (queue, tasks) = mpsc::sync_channel(writer::WAITING);
        let writing = Arc::clone(&inner);
        let writer = spawn("writer", Box::new(move || writer::run(&writing, &scripts, &tasks)))?;
        let log = Self { inner, queue: Some(queue), writer: Some(writer) };
        let deadline = Instant::now() + patience;
        while !log.inner.progress.wait_for(&Position::default(), Duration::from_millis(100)) {
            if let Some(problem) = log.inner.progress.stopped() {
                return Err(StoreError::Stopped(problem));
            }
            if Instant::now() > deadline {
                let problem = log.report().problem.unwrap_or_else(|| "it takes too long to read everything".to_owned());
                return Err(StoreError::Away(problem));
            }
        }
        Ok(log)
    }

    /// Runs a script, and waits for its answer and for its confirmation. A server that cannot follow what it changes does
    /// not change anything.
    pub fn run(
        &self,
        script: &'static Script,
        arguments: Vec<Vec<u8>>,
        confirmation: Confirmation,
    ) -> Result<Reply, StoreError> {
        if confirmation == Confirmation::Copies {
            self.check()?;
        }
        // What is in an entry has to fit into the answer from which others read it.
        if let Some(long) = arguments.iter().map(Vec::len).find(|length| *length > LONGEST / 2) {
            return Err(StoreError::Refused(format!(
                "the change has a part of {long} bytes; {} are taken",
                LONGEST / 2
            )));
        }
        let (answer, answered) = mpsc::channel();
        let task = Task { script, arguments, confirmation, answer };
        let closed = || StoreError::Away("this server is ending".to_owned());
        self.queue.as_ref().ok_or_else(closed)?.try_send(task).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Away("too many changes wait for it".to_owned()),
            TrySendError::Disconnected(_) => closed(),
        })?;
        answered.recv().map_err(|_| closed())?
    }

    /// Waits until this server has followed up to the number of an entry that it has written, but not for ever.
    pub fn follow_own(&self, id: &[u8]) {
        if let Some(position) = Position::read(id, b"") {
            self.inner.progress.wait_for(&position, self.inner.connector.waits().follow);
        }
    }

    /// Waits until this server has followed whatever any server had acknowledged when this was called.
    pub fn catch_up(&self) -> Result<(), StoreError> {
        self.check()?;
        let head = self.run(writer::latest(), Vec::new(), Confirmation::Master)?;
        let head = head.bytes().and_then(Position::read_head).unwrap_or_default();
        if self.inner.progress.wait_for(&head, self.inner.connector.waits().follow) {
            return Ok(());
        }
        Err(StoreError::Away("following the log takes too long".to_owned()))
    }

    /// Refuses where this server cannot follow.
    fn check(&self) -> Result<(), StoreError> {
        self.inner.progress.stopped().map_or(Ok(()), |problem| Err(StoreError::Stopped(problem)))
    }

    /// Tells how far this server is.
    pub fn report(&self) -> Report {
        self.inner.progress.report()
    }

    /// Position that this server has reached.
    pub fn position(&self) -> Position {
        self.inner.progress.position()
    }
}

impl Drop for SharedLog {
    fn drop(&mut self) {
        self.inner.close();
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _panicked = writer.join();
        }
    }
}
