//! The thread that forks. See the folder's head for why there is just one.

use std::io;
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

struct Job {
    command: Command,
    runtime: Handle,
    reply: oneshot::Sender<io::Result<Child>>,
}

static SPAWNER: OnceLock<Sender<Job>> = OnceLock::new();

/// Spawns `command` from the long-lived thread.
pub(super) async fn spawn(command: Command) -> io::Result<Child> {
    let sender = SPAWNER.get_or_init(|| {
        let (sender, jobs) = channel::<Job>();
        // Named so that it can be told apart in a debugger; it never ends.
        let thread = std::thread::Builder::new().name("spawner".into()).spawn(move || {
            for mut job in jobs {
                let _inside = job.runtime.enter();
                let _ = job.reply.send(job.command.spawn());
            }
        });
        drop(thread);
        sender
    });
    let (reply, answer) = oneshot::channel();
    sender
        .send(Job { command, runtime: Handle::current(), reply })
        .map_err(|_| io::Error::other("the spawning thread could not be started"))?;
    answer.await.map_err(|_| io::Error::other("the spawning thread is gone"))?
}
