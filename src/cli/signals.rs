//! An interrupt drops the work: children end and temporary files go by their
//! own guards; nothing else has to remember them.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::{Code, Error, Result, Stage};

/// The signals that end a command, with their numbers and names.
const ENDING: [(i32, &str); 3] = [(1, "SIGHUP"), (2, "SIGINT"), (15, "SIGTERM")];

/// Runs `work`. The first SIGINT, SIGTERM or SIGHUP drops it and gives
/// [`Code::Signal`]; a second one, while that clean-up still goes on, ends the
/// program at once with 128 + n.
///
/// `said` is where the work was, and what is true of it now.
pub async fn with_signals<T>(work: impl Future<Output = Result<T>>, said: (Stage, Option<&str>)) -> Result<T> {
    interruptible(work, said, &Arc::default()).await
}

/// `interrupted` becomes true with the first signal.
async fn interruptible<T>(
    work: impl Future<Output = Result<T>>,
    (stage, hint): (Stage, Option<&str>),
    interrupted: &Arc<AtomicBool>,
) -> Result<T> {
    let cannot = |e: std::io::Error| Error::internal("cannot listen for signals").because(e);
    let mut listeners = Vec::with_capacity(ENDING.len());
    for (number, name) in ENDING {
        // Acts in the signal handler itself: however blocked the threads are, a second signal ends the program.
        signal_hook::flag::register_conditional_shutdown(number, 128 + number, Arc::clone(interrupted))
            .map_err(cannot)?;
        listeners.push((number, name, signal(SignalKind::from_raw(number)).map_err(cannot)?));
    }
    let mut work = Box::pin(work);
    tokio::select! {
        result = &mut work => result,
        (number, name) = next(&mut listeners) => {
            interrupted.store(true, Ordering::SeqCst);
            drop(work);
            let code = Code::Signal(u8::try_from(number).unwrap_or(15));
            let e = Error::new(code, stage, format!("ended by {name}"));
            Err(match hint {
                Some(hint) => e.hint(hint),
                None => e,
            })
        }
    }
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
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::process::{Command, Stdio};

    use rustix::process::{Pid, Signal, kill_process};

    use super::*;

    struct Guard(Arc<AtomicBool>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    fn signal_myself(number: i32) {
        kill_process(rustix::process::getpid(), Signal::from_named_raw(number).unwrap()).unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_signal_drops_the_work_and_silence_does_not() {
        let interrupted = Arc::new(AtomicBool::new(false));
        for (number, _) in ENDING {
            let dropped = Arc::new(AtomicBool::new(false));
            let guard = Guard(dropped.clone());
            let work = async move {
                let _guard = guard;
                signal_myself(number);
                std::future::pending::<()>().await;
                Ok(())
            };
            let e = interruptible(work, (Stage::Restore, Some("Again.")), &interrupted).await.unwrap_err();
            assert_eq!((e.stage(), e.next_step()), (Stage::Restore, Some("Again.")));
            assert_eq!(i32::from(e.code().number()), 128 + number);
            assert!(dropped.load(Ordering::SeqCst));
            // The next round stands for another process.
            assert!(interrupted.swap(false, Ordering::SeqCst));
        }
        let said = (Stage::Dump, None);
        assert_eq!(interruptible(async { Ok(7) }, said, &interrupted).await.unwrap(), 7);
        let failed = interruptible(async { Err::<(), _>(Error::usage("x")) }, said, &interrupted).await.unwrap_err();
        assert_eq!(failed.code(), Code::Usage);
        assert!(!interrupted.load(Ordering::SeqCst));
    }

    /// Clean-up that never ends.
    struct Stuck;
    impl Drop for Stuck {
        fn drop(&mut self) {
            std::io::stderr().write_all(b"cleaning up\n").unwrap();
            let _ = std::io::stdin().read(&mut [0]);
        }
    }

    /// The test below runs this in a process of its own.
    #[tokio::test]
    async fn stuck_clean_up() {
        if std::env::var_os("PGSEAL_TEST_STUCK").is_none() {
            return;
        }
        let work = async {
            let _stuck = Stuck;
            signal_myself(15);
            std::future::pending::<Result<()>>().await
        };
        with_signals(work, (Stage::Dump, None)).await.unwrap_err();
    }

    #[test]
    fn a_second_signal_ends_a_stuck_clean_up() {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "cli::signals::tests::stuck_clean_up", "--nocapture"])
            .env("PGSEAL_TEST_STUCK", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "cleaning up\n");
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
    }
}
