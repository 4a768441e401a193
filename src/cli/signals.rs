//! An interrupt drops the work: children end and temporary files go by their
//! own guards; nothing else has to remember them.

use std::future::Future;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::error::{Code, Error, Result, Stage};

/// The signals that end a command, with their numbers and names.
const ENDING: [(i32, &str); 3] = [(1, "SIGHUP"), (2, "SIGINT"), (15, "SIGTERM")];

/// Runs `work`. The first SIGINT, SIGTERM or SIGHUP drops it and gives
/// [`Code::Signal`]; a second one, while that drop still goes on, ends the
/// program at once with 128 + n.
pub async fn with_signals<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut listeners = Vec::with_capacity(ENDING.len());
    for (number, name) in ENDING {
        let listener = signal(SignalKind::from_raw(number))
            .map_err(|e| Error::internal("cannot listen for signals").because(e))?;
        listeners.push((number, name, listener));
    }
    let (first, interrupted) = oneshot::channel();
    // On a thread of its own: dropping the work may block this one.
    let listening = tokio::spawn(async move {
        let seen = next(&mut listeners).await;
        if first.send(seen).is_ok() {
            let (number, _) = next(&mut listeners).await;
            std::process::exit(128 + number);
        }
    });
    let mut work = Box::pin(work);
    let result = tokio::select! {
        result = &mut work => result,
        Ok((number, name)) = interrupted => {
            drop(work);
            Err(Error::new(
                Code::Signal(u8::try_from(number).unwrap_or(15)),
                Stage::Internal,
                format!("ended by {name}"),
            )
            .hint("An interrupted backup is never taken for one; the next run starts afresh."))
        }
    };
    listening.abort();
    result
}

async fn next(listeners: &mut [(i32, &'static str, Signal)]) -> (i32, &'static str) {
    let waits = listeners.iter_mut().map(|(number, name, listener)| {
        Box::pin(async move {
            listener.recv().await;
            (*number, *name)
        })
    });
    futures_util::future::select_all(waits).await.0
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    struct Guard(Arc<AtomicBool>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_signal_drops_the_work_and_silence_does_not() {
        for (number, _) in ENDING {
            let dropped = Arc::new(AtomicBool::new(false));
            let guard = Guard(dropped.clone());
            let work = async move {
                let _guard = guard;
                let me = rustix::process::getpid();
                let signal = rustix::process::Signal::from_named_raw(number).unwrap();
                rustix::process::kill_process(me, signal).unwrap();
                std::future::pending::<()>().await;
                Ok(())
            };
            let e = with_signals(work).await.unwrap_err();
            assert_eq!(i32::from(e.code().number()), 128 + number);
            assert!(dropped.load(Ordering::SeqCst));
        }
        assert_eq!(with_signals(async { Ok(7) }).await.unwrap(), 7);
        let failed = with_signals(async { Err::<(), _>(Error::usage("x")) }).await.unwrap_err();
        assert_eq!(failed.code(), Code::Usage);
    }
}
