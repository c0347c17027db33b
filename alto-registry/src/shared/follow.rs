//! The thread that follows the log.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::inner::Inner;
use super::position::Position;
use super::reply::{Reply, StoreError};
use super::session::Session;

/// Keeper of the state in memory.
pub trait Follower: Send + 'static {
    /// Replaces the state by the one in the store, and returns its position. Without one, it may be newer in parts than the
    /// position at which the caller began, and every later entry can be applied to it once more.
    fn load(&mut self, session: &mut Session) -> Result<Option<Position>, StoreError>;

    /// Changes the state as an entry says.
    fn apply(&mut self, entry: &Entry<'_>, session: &mut Session) -> Result<(), StoreError>;
}

/// Entry of the log.
pub struct Entry<'a> {
    /// Position after it.
    pub position: &'a Position,
    /// Kind of the change.
    pub kind: &'a [u8],
    /// The change itself.
    pub data: &'a [u8],
}

/// Time that a question for new entries waits for one.
const BLOCK: Duration = Duration::from_secs(1);
/// Time to wait for any answer while a snapshot is read.
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(10);
/// Longest pause before the next attempt to connect.
const PAUSE: Duration = Duration::from_millis(500);
/// Pause before the next attempt to understand the store.
const UNKNOWN_PAUSE: Duration = Duration::from_secs(5);

/// Pause before the next snapshot where one follows soon after another.
const LOST_PAUSE: Duration = Duration::from_secs(1);

/// Number of entries in the next answer, which has to fit into memory.
struct Batch(usize);

/// Reason to begin anew.
enum Broken {
    /// The connection is of no use any more.
    Session(StoreError),
    /// The log is not the one that was followed, or does not reach back to where it was.
    Log,
    /// The store has what this version does not understand.
    Unknown(StoreError),
}

/// Tells of a follower that has panicked, when it is dropped.
struct Watched<'a>(&'a Weak<Inner>);

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Gone(_) => Self::Log,
            StoreError::Unknown(_) | StoreError::TooLong(_) => Self::Unknown(error),
            StoreError::Refused(reason) if reason.contains("WRONGTYPE") => Self::Unknown(StoreError::Unknown(reason)),
            _ => Self::Session(error),
        }
    }
}

impl Batch {
    const FIRST: Self = Self(16);
    /// Greatest number.
    const MOST: usize = 512;
    /// Length of an answer that is long enough, in bytes.
    const LONG: usize = 4 * 1024 * 1024;

    /// Adapts the number to the length of an answer.
    fn adapt(&mut self, bytes: usize) {
        self.0 = if bytes > Self::LONG { (self.0 / 2).max(1) } else { (self.0 * 2).min(Self::MOST) };
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(inner) = self.0.upgrade()
        {
            inner.progress.stop("the thread that follows the store has failed; start this server again".to_owned());
        }
    }
}

/// Follows until the log is closed.
pub(super) fn run(log: &Weak<Inner>, mut follower: Box<dyn Follower>) {
    let _watched = Watched(log);
    let (mut pause, mut has_state, mut lost) = (Duration::from_millis(10), false, None::<Instant>);
    let mut batch = Batch::FIRST;
    while let Some(inner) = log.upgrade().filter(|inner| !inner.is_closed()) {
        let connected = inner.connector.connect(SNAPSHOT_PATIENCE);
        let ended = connected.map_err(Broken::from).and_then(|mut session| {
            start(&inner, &mut session, &mut *follower, (&mut batch, &mut has_state))?;
            session.set_patience(inner.connector.waits().answer)?;
            pause = Duration::from_millis(10);
            drop(inner);
            follow(log, &mut session, &mut *follower, &mut batch)
        });
        match ended {
            Ok(()) => return,
            Err(Broken::Log) => {
                tracing::warn!("the log of the store is not the one that was followed: starting from a snapshot");
                has_state = false;
                if lost.replace(Instant::now()).is_some_and(|before| before.elapsed() < LOST_PAUSE * 10) {
                    std::thread::sleep(LOST_PAUSE);
                }
            }
            Err(Broken::Unknown(error)) => {
                if let Some(inner) = log.upgrade()
                    && inner.progress.stop(error.to_string())
                {
                    tracing::error!(%error, "this server does not follow the store any more; what is known is served on");
                }
                std::thread::sleep(UNKNOWN_PAUSE);
            }
            Err(Broken::Session(error)) => {
                if let Some(inner) = log.upgrade()
                    && inner.progress.fail(error.to_string())
                {
                    tracing::warn!(%error, "cannot follow the store; what is known is served on");
                }
                std::thread::sleep(pause);
                pause = (pause * 2).min(PAUSE);
            }
        }
    }
}

/// Makes sure that the state in memory is one from which the log leads on.
fn start(
    inner: &Arc<Inner>,
    session: &mut Session,
    follower: &mut dyn Follower,
    (batch, has_state): (&mut Batch, &mut bool),
) -> Result<(), Broken> {
    let head = inner.head(session)?;
    let known = inner.progress.position();
    if *has_state && (known == head || has_entry(inner, session, &known)?) {
        inner.progress.hear();
        return Ok(());
    }
    if *has_state {
        return Err(Broken::Log);
    }
    inner.progress.begin();
    let loaded = follower.load(session)?;
    inner.progress.reach(loaded.unwrap_or(head));
    // Entries that came meanwhile may be in the state in part; with them, it is complete.
    let end = inner.head(session)?;
    while inner.progress.position() != end {
        read(inner, session, follower, (&mut *batch, None))?;
        if inner.progress.position().has_reached(&end) {
            break;
        }
    }
    *has_state = true;
    inner.progress.complete();
    inner.progress.hear();
    tracing::info!(position = %inner.progress.position(), "following the store");
    Ok(())
}

/// Whether the log has an entry, with the same history before it.
fn has_entry(inner: &Inner, session: &mut Session, position: &Position) -> Result<bool, StoreError> {
    let id = position.id();
    let found = session.call(&[b"XRANGE", inner.log.as_bytes(), id.as_bytes(), id.as_bytes()])?;
    let Some(entry) = found.items().first() else {
        // Before the first entry, there is nothing to compare; the first one will name what is before it.
        return Ok(*position == Position::default());
    };
    Ok(field(entry, b"c") == Some(position.chain().as_bytes()))
}

fn follow(
    log: &Weak<Inner>,
    session: &mut Session,
    follower: &mut dyn Follower,
    batch: &mut Batch,
) -> Result<(), Broken> {
    while let Some(inner) = log.upgrade().filter(|inner| !inner.is_closed()) {
        read(&inner, session, follower, (&mut *batch, Some(BLOCK)))?;
        inner.progress.hear();
    }
    Ok(())
}

/// Reads the entries after the present position, and applies them.
fn read(
    inner: &Inner,
    session: &mut Session,
    follower: &mut dyn Follower,
    (batch, block): (&mut Batch, Option<Duration>),
) -> Result<(), Broken> {
    let mut known = inner.progress.position();
    let (id, count, block) = (known.id(), batch.0.to_string(), block.map(|block| block.as_millis().to_string()));
    let mut command: Vec<&[u8]> = vec![b"XREAD", b"COUNT", count.as_bytes()];
    if let Some(block) = &block {
        command.extend([b"BLOCK", block.as_bytes()]);
    }
    command.extend([b"STREAMS", inner.log.as_bytes(), id.as_bytes()]);
    let found = match session.call(&command) {
        // One alone is short enough, as long as it is one of ours. The session ends in the middle of the answer.
        Err(StoreError::TooLong(_)) if batch.0 > 1 => {
            batch.0 = 1;
            return Err(Broken::Session(StoreError::Away("many long entries are read one by one".to_owned())));
        }
        found => found?,
    };
    let entries = found.items().first().and_then(|stream| stream.items().get(1)).map_or(&[][..], Reply::items);
    batch.adapt(entries.iter().filter_map(|entry| Some(field(entry, b"d")?.len())).sum());
    for entry in entries {
        let unreadable = || StoreError::Unknown(format!("an entry of the log after {known}"));
        let id = entry.items().first().and_then(Reply::bytes);
        let (Some(id), Some(kind), Some(data), Some(before), Some(chain)) =
            (id, field(entry, b"k"), field(entry, b"d"), field(entry, b"p"), field(entry, b"c"))
        else {
            return Err(unreadable().into());
        };
        if before != known.chain().as_bytes() {
            return Err(Broken::Log);
        }
        let position = Position::read(id, chain).ok_or_else(unreadable)?;
        follower.apply(&Entry { position: &position, kind, data }, session)?;
        inner.progress.reach(position.clone());
        known = position;
    }
    Ok(())
}

/// Value of a field of an entry.
fn field<'a>(entry: &'a Reply, name: &[u8]) -> Option<&'a [u8]> {
    let fields = entry.items().get(1)?.items();
    fields.chunks(2).find(|pair| pair[0].bytes() == Some(name))?.get(1)?.bytes()
}
