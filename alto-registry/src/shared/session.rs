//! A connection to the store, over which commands go and answers come.

use std::io::{BufReader, Write as _};
use std::time::Duration;

use super::address::Login;
use super::reply::{Reply, StoreError};
use super::stream::Stream;
use super::wire::{self, Budget};

/// A connection to the master.
pub struct Session {
    stream: BufReader<Stream>,
    prefix: String,
}

/// Memory that the answers to one question may take, in bytes. An entry of the log is at most half as long.
pub(super) const LONGEST: usize = 64 * 1024 * 1024;

impl Session {
    /// Takes an open connection.
    pub(super) fn new(stream: Stream, prefix: String) -> Self {
        Self { stream: BufReader::new(stream), prefix }
    }

    /// Says who this is.
    pub(super) fn log_in(&mut self, Login { user, password }: &Login) -> Result<(), StoreError> {
        let words = [Some("AUTH"), user.as_deref(), Some(password)];
        let words: Vec<&[u8]> = words.into_iter().flatten().map(str::as_bytes).collect();
        let refused = |reason| {
            StoreError::Refused(format!(
                "authentication fails, user and password are not those that it knows: {reason}"
            ))
        };
        self.call(&words)
            .map(drop)
            .map_err(|error| if let StoreError::Refused(reason) = error { refused(reason) } else { error })
    }

    /// Start of the names of all keys.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Sets the time to wait for answers. A server that is gone without a word is noticed by it.
    pub(super) fn set_patience(&self, patience: Duration) -> Result<(), StoreError> {
        self.stream.get_ref().set_patience(patience)
    }

    /// Sends one command. A refusal by the store is an error.
    pub fn call(&mut self, words: &[&[u8]]) -> Result<Reply, StoreError> {
        self.call_within(LONGEST, words)
    }

    /// The same with an answer that may take some other amount of memory.
    pub fn call_within(&mut self, most: usize, words: &[&[u8]]) -> Result<Reply, StoreError> {
        self.send(std::slice::from_ref(&words))?;
        match self.receive(&mut Budget::new(most))? {
            Reply::Refused(reason) => Err(StoreError::Refused(reason)),
            reply => Ok(reply),
        }
    }

    /// Sends several commands at once, and returns their answers, refusals among them.
    pub fn call_all<W: AsRef<[u8]>>(&mut self, commands: &[impl AsRef<[W]>]) -> Result<Vec<Reply>, StoreError> {
        self.send(commands)?;
        let mut budget = Budget::new(LONGEST);
        commands.iter().map(|_| self.receive(&mut budget)).collect()
    }

    /// Sends several commands at once, and hands over each answer before the next is read. After an error this session is of
    /// no use any more.
    pub fn call_each<W: AsRef<[u8]>>(
        &mut self,
        commands: &[impl AsRef<[W]>],
        mut each: impl FnMut(usize, Reply) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.send(commands)?;
        (0..commands.len()).try_for_each(|place| each(place, self.receive(&mut Budget::new(LONGEST))?))
    }

    fn send<W: AsRef<[u8]>>(&mut self, commands: &[impl AsRef<[W]>]) -> Result<(), StoreError> {
        let stream = self.stream.get_mut();
        let sent = stream.write_all(&wire::encode(commands)).and_then(|()| stream.flush());
        sent.map_err(|error| wire::broken(&error))
    }

    fn receive(&mut self, budget: &mut Budget) -> Result<Reply, StoreError> {
        wire::decode(&mut self.stream, budget)
    }
}
