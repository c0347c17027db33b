//! Threads that make requests, as many as there are requests at a time.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::Message;
use crate::fetch::background;
use crate::fetch::request::{Job, Requester};

/// The threads, and the way to them.
pub(super) struct Workers {
    jobs: Sender<Job>,
    queue: Arc<Mutex<Receiver<Job>>>,
    threads: usize,
    /// Makes what each of them needs.
    requester: Box<dyn Fn() -> Requester + Send>,
    messages: Sender<Message>,
}

impl Workers {
    pub(super) fn new(requester: impl Fn() -> Requester + Send + 'static, messages: Sender<Message>) -> Self {
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        Self { jobs, queue, threads: 0, requester: Box::new(requester), messages }
    }

    /// Has the job done, beside `running` others; by a thread that is there already if there can be no more.
    pub(super) fn start(&mut self, job: Job, running: usize) -> io::Result<()> {
        if self.threads <= running {
            let (queue, requester, messages) = (Arc::clone(&self.queue), (self.requester)(), self.messages.clone());
            match background::start("fetching", move || work(&queue, requester, &messages)) {
                Ok(()) => self.threads += 1,
                Err(error) if self.threads == 0 => return Err(error),
                Err(_) => {}
            }
        }
        // The queue lives as long as we do.
        let _never_fails = self.jobs.send(job);
        Ok(())
    }
}

fn work(queue: &Mutex<Receiver<Job>>, mut requester: Requester, messages: &Sender<Message>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let arrived = |arrival| drop(messages.send(Message::Arrived { job: job.id, arrival }));
        let (outcome, wasted) = requester.run(&job, arrived);
        if messages.send(Message::Over { job: job.id, outcome, wasted }).is_err() {
            return;
        }
    }
}
