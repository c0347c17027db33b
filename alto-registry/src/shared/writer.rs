//! The thread that writes. Writes that arrive while others are on their way share the next round trip, and the wait for
//! the copies. While there is no connection, writes are refused at once instead of waiting one behind the other.

use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use super::inner::{Confirmation, Inner};
use super::reply::{Reply, StoreError};
use super::script::Script;
use super::session::Session;

/// A script to run, and who waits for it.
pub(super) struct Task {
    pub(super) script: &'static Script,
    pub(super) arguments: Vec<Vec<u8>>,
    pub(super) confirmation: Confirmation,
    pub(super) answer: Sender<Result<Reply, StoreError>>,
}

/// The connection to the store, if there is one.
#[derive(Default)]
struct Line {
    session: Option<Session>,
    /// Time and reason of the latest attempt to connect, where it failed.
    failed: Option<(Instant, StoreError)>,
}

/// Number of writes that may wait.
pub(super) const WAITING: usize = 4096;
/// Number of scripts in one round trip.
const TOGETHER: usize = 256;
/// Time to wait for the copies.
const CONFIRM: Duration = Duration::from_secs(1);
/// Time after an attempt to connect in which there is no other, and everything is refused.
const PAUSE: Duration = Duration::from_millis(200);

/// Script that tells the latest position.
pub(super) fn latest() -> &'static Script {
    static LATEST: LazyLock<Script> = LazyLock::new(|| Script::new("latest", "return redis.call('GET', head)"));
    &LATEST
}

/// Writes until the queue is closed.
pub(super) fn run(inner: &Inner, scripts: &[&'static Script], tasks: &Receiver<Task>) {
    let mut line = Line::default();
    while let Ok(first) = tasks.recv() {
        let mut together = vec![first];
        while together.len() < TOGETHER
            && let Ok(task) = tasks.try_recv()
        {
            together.push(task);
        }
        let written = line.session(inner, scripts).and_then(|session| write(inner, scripts, session, &together));
        if written.is_err() {
            // The next one may be with another server.
            line.session = None;
        }
        for (place, task) in together.into_iter().enumerate() {
            let answer = match &written {
                Ok((replies, confirmed)) => judge(inner, task.confirmation, replies.get(place), *confirmed),
                Err(error) => Err(error.clone()),
            };
            if answer.as_ref().is_err_and(may_be_of_another) {
                line.session = None;
            }
            // Fails only if nobody waits any more.
            let _ignored = task.answer.send(answer);
        }
    }
}

impl Line {
    /// The connection, or a new one.
    fn session(&mut self, inner: &Inner, scripts: &[&'static Script]) -> Result<&mut Session, StoreError> {
        let session = match self.session.take() {
            Some(session) => session,
            None => match &self.failed {
                Some((at, error)) if at.elapsed() < PAUSE => return Err(error.clone()),
                _ => {
                    connect(inner, scripts).inspect_err(|error| self.failed = Some((Instant::now(), error.clone())))?
                }
            },
        };
        Ok(self.session.insert(session))
    }
}

/// Tells whether an error of the store may come from a server that is not the master any more, or is cut off from its
/// copies, so that another one may be asked.
fn may_be_of_another(error: &StoreError) -> bool {
    match error {
        StoreError::Unconfirmed { .. } => true,
        StoreError::Refused(reason) => {
            ["READONLY", "MASTERDOWN", "LOADING", "UNBLOCKED", "NOREPLICAS"].iter().any(|word| reason.contains(word))
        }
        _ => false,
    }
}

fn judge(
    inner: &Inner,
    confirmation: Confirmation,
    reply: Option<&Reply>,
    confirmed: Option<i64>,
) -> Result<Reply, StoreError> {
    let wanted = inner.connector.address().copies();
    match reply {
        Some(Reply::Refused(reason)) => Err(StoreError::Refused(reason.clone())),
        Some(reply) => match confirmed.filter(|_| confirmation == Confirmation::Copies) {
            Some(confirmed) if confirmed < i64::from(wanted) => Err(StoreError::Unconfirmed { confirmed, wanted }),
            _ => Ok(reply.clone()),
        },
        None => Err(StoreError::Away("no answer".to_owned())),
    }
}

/// Runs scripts, and then waits for the copies where one of them needs it. Returns the answers and the number of copies.
fn write(
    inner: &Inner,
    scripts: &[&'static Script],
    session: &mut Session,
    tasks: &[Task],
) -> Result<(Vec<Reply>, Option<i64>), StoreError> {
    let copies = inner.connector.address().copies();
    let waits = copies > 0 && tasks.iter().any(|task| task.confirmation == Confirmation::Copies);
    let (copies, confirm) = (copies.to_string(), CONFIRM.as_millis().to_string());
    let mut commands: Vec<Vec<&[u8]>> = tasks.iter().map(|task| call(inner, task)).collect();
    if waits {
        commands.push(vec![b"WAIT", copies.as_bytes(), confirm.as_bytes()]);
    }
    let mut replies = session.call_all(&commands)?;
    // A script that the server does not know has not run. It forgets them when an operator says so.
    let forgotten = |reply: &Reply| matches!(reply, Reply::Refused(reason) if reason.starts_with("NOSCRIPT"));
    let again: Vec<usize> = (0..tasks.len()).filter(|place| replies.get(*place).is_some_and(forgotten)).collect();
    let mut confirmed = waits.then(|| replies.pop().and_then(|reply| reply.number()).unwrap_or(0));
    if !again.is_empty() {
        load(session, scripts)?;
        let mut commands: Vec<Vec<&[u8]>> = again.iter().map(|place| call(inner, &tasks[*place])).collect();
        if waits {
            commands.push(vec![b"WAIT", copies.as_bytes(), confirm.as_bytes()]);
        }
        let mut more = session.call_all(&commands)?;
        if waits {
            confirmed = Some(more.pop().and_then(|reply| reply.number()).unwrap_or(0));
        }
        for (place, reply) in again.into_iter().zip(more) {
            replies[place] = reply;
        }
    }
    Ok((replies, confirmed))
}

fn call<'a>(inner: &'a Inner, task: &'a Task) -> Vec<&'a [u8]> {
    let start: [&[u8]; 3] = [b"EVALSHA", task.script.hash.as_bytes(), b"3"];
    let keys = inner.keys().map(str::as_bytes);
    start.into_iter().chain(keys).chain(task.arguments.iter().map(Vec::as_slice)).collect()
}

fn connect(inner: &Inner, scripts: &[&'static Script]) -> Result<Session, StoreError> {
    let mut session = inner.connector.connect(inner.connector.waits().answer)?;
    load(&mut session, scripts)?;
    Ok(session)
}

fn load(session: &mut Session, scripts: &[&'static Script]) -> Result<(), StoreError> {
    let scripts = scripts.iter().copied().chain([latest()]);
    let commands: Vec<[&[u8]; 3]> =
        scripts.clone().map(|script| [&b"SCRIPT"[..], b"LOAD", script.text.as_bytes()]).collect();
    for (script, reply) in scripts.zip(session.call_all(&commands)?) {
        if let Reply::Refused(reason) = reply {
            return Err(StoreError::Refused(format!("script {}: {reason}", script.name)));
        }
    }
    Ok(())
}
