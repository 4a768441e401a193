//! The CPU threads: each keeps its own state (zstd context, scratch buffers).

use std::sync::Arc;

use crossbeam_channel::{Sender, bounded};
use tokio::sync::oneshot;

use crate::error::{Error, Result};

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// Threads that run jobs, each on its own state. They end when the last handle
/// is dropped and their queue is empty.
pub struct Workers<S> {
    queue: Sender<Job<S>>,
    count: usize,
}

impl<S> Clone for Workers<S> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), count: self.count }
    }
}

impl<S> std::fmt::Debug for Workers<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} workers", self.count)
    }
}

impl<S: 'static> Workers<S> {
    /// Starts `count` threads, each with a state made by `state`.
    pub fn start(name: &str, count: usize, state: impl Fn() -> Result<S> + Send + Sync + 'static) -> Result<Self> {
        let count = count.max(1);
        // Unbounded in form, bounded in fact: a job holds a buffer of a fixed pool.
        let (queue, jobs) = bounded::<Job<S>>(4096);
        let state = Arc::new(state);
        for n in 0..count {
            let jobs = jobs.clone();
            let state = Arc::clone(&state);
            std::thread::Builder::new()
                .name(format!("{name}-{n}"))
                .spawn(move || {
                    // Without a state the jobs' answers are dropped, which their owners see as an error.
                    let Ok(mut state) = state() else { return };
                    for job in jobs {
                        job(&mut state);
                    }
                })
                .map_err(|e| Error::internal("cannot start a thread").because(e))?;
        }
        Ok(Self { queue, count })
    }

    /// Runs `work` on some thread.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce(&mut S) -> T + Send + 'static) -> Result<T> {
        let (answer, wait) = oneshot::channel();
        let job: Job<S> = Box::new(move |state| {
            // Nobody waits any more when the run was interrupted: save the work.
            if !answer.is_closed() {
                let _ = answer.send(work(state));
            }
        });
        self.queue.send(job).map_err(|_| Error::internal("the worker threads are gone"))?;
        wait.await.map_err(|_| Error::internal("a worker thread ended early"))
    }

    /// Number of threads.
    pub fn count(&self) -> usize {
        self.count
    }
}
