//! Threads that request pieces, as many as there are requests at a time.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Reporter, spawn};
use crate::download::outcome::Outcome;
use crate::download::request::{Job, Requester, Step};

/// A worker's report on the job with this ID.
#[derive(Debug)]
pub(in crate::download) struct JobReport {
    pub(in crate::download) job: u64,
    pub(in crate::download) progress: Progress,
}

/// Progress of a job.
#[derive(Debug)]
pub(in crate::download) enum Progress {
    /// The holder begins to send, or a piece arrived, which matches its hash and was written.
    Step(Step),
    /// The request has ended.
    Ended {
        outcome: Outcome,
        /// Bytes received that are of no use.
        wasted: u64,
    },
}

/// A pool of worker threads that grows with the number of requests.
pub(in crate::download) struct Workers {
    jobs: Sender<Job>,
    queue: Arc<Mutex<Receiver<Job>>>,
    threads: usize,
    /// Creates the requester of a new thread.
    requester: Box<dyn Fn() -> Requester + Send>,
    reporter: Reporter<JobReport>,
}

impl Workers {
    /// A pool without threads yet.
    pub(in crate::download) fn new(
        requester: impl Fn() -> Requester + Send + 'static,
        reporter: Reporter<JobReport>,
    ) -> Self {
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        Self { jobs, queue, threads: 0, requester: Box::new(requester), reporter }
    }

    /// Queues a job and starts another thread if there are fewer than the `running` jobs, this one included. Fails only
    /// if no thread at all can be started.
    pub(in crate::download) fn start(&mut self, job: Job, running: usize) -> io::Result<()> {
        if self.threads < running {
            let (queue, requester, reporter) = (Arc::clone(&self.queue), (self.requester)(), self.reporter.clone());
            match spawn("requests", move || work(&queue, requester, &reporter)) {
                Ok(()) => self.threads += 1,
                Err(error) if self.threads == 0 => return Err(error),
                Err(_) => {}
            }
        }
        // Cannot fail: the receiver lives as long as this pool.
        let _sent = self.jobs.send(job);
        Ok(())
    }
}

fn work(queue: &Mutex<Receiver<Job>>, mut requester: Requester, reporter: &Reporter<JobReport>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let report = |progress| reporter.report(JobReport { job: job.id, progress });
        let (outcome, wasted) = requester.run(&job, |step| {
            report(Progress::Step(step));
        });
        if !report(Progress::Ended { outcome, wasted }) {
            return;
        }
    }
}
