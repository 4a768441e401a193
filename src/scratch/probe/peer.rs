//! ISO-016: whom the drill's own sessions talked to.
//!
//! Each session proves it before its first statement ([`crate::source::peer`]).
//! Here it is told, and the socket that programs beside the server connect to
//! is compared with the one that was made at the start.
//!
//! The kernel's word is who called `listen(2)`, not who takes the calls: it says who
//! answers only while nobody else holds that socket, and while nobody runs beside
//! the server who could have taken it. Where that is not so there is no pass.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{Probe, Rule, Seen, census, processes};
use crate::config::schema::Isolation;
use crate::scratch::Instance;
use crate::scratch::procfs::{self, Living};
use crate::source::Meetings;

/// ISO-016.
pub const RULE: Rule =
    Rule { id: "ISO-016", title: "every session is with the scratch server itself", from: Isolation::I1 };

/// How long a new child of the server may take to let go of what it inherited.
const INHERITED: Duration = Duration::from_secs(2);

/// ISO-016 of a running instance.
pub async fn peer(instance: &Instance, level: Isolation) -> Probe {
    let meetings = instance.door().peer().meetings();
    let seen = match (meetings.stranger(), instance.socket_is_unchanged(), meetings.proven()) {
        (Some(who), ..) => Seen::Bad(who),
        (None, false, _) => Seen::Bad("the socket that programs connect to was replaced".to_owned()),
        (None, true, 0) => Seen::blind("no session was opened"),
        (None, true, n) => alone(instance.pid()).await.err().unwrap_or_else(|| {
            Seen::Good(format!(
                "{n} sessions: each with the server's own process, by the kernel's word, and with the mark of this \
                 run; the socket is the one made at the start, and nobody else holds it"
            ))
        }),
    };
    RULE.probe(level, seen)
}

/// Whether who listens is who answers.
async fn alone(postmaster: i32) -> Result<(), Seen> {
    let began = Instant::now();
    loop {
        match holders(postmaster) {
            Err(why) => return Err(Seen::Blind(why)),
            Ok(others) if others.is_empty() => break,
            Ok(others) if began.elapsed() > INHERITED => {
                let names: Vec<String> = others.into_iter().filter_map(processes::name).collect();
                return Err(Seen::Bad(format!("the server's socket is held by others, too: {}", names.join(", "))));
            }
            Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    let others = census::programs(postmaster).others;
    if others.is_empty() {
        return Ok(());
    }
    let text = format!("who answers is not proven, there could have taken the server's place: {}", others.join(", "));
    Err(Seen::Blind(text))
}

/// Who else holds a socket on which the server listens.
fn holders(postmaster: i32) -> Result<Vec<i32>, String> {
    let open = |pid| procfs::of_living(pid, procfs::open_sockets);
    let Living::Read(own) = open(postmaster) else { return Err("the server's open files cannot be seen".to_owned()) };
    let listening = procfs::listening_unix(postmaster).ok_or("the server's sockets cannot be seen")?;
    let ours: BTreeSet<u64> = own.into_iter().filter(|inode| listening.contains(inode)).collect();
    if ours.is_empty() {
        return Err("the server does not hold the socket on which it listened".to_owned());
    }
    let mut others = Vec::new();
    for pid in processes::inhabitants(postmaster).into_iter().filter(|p| *p != postmaster) {
        match open(pid) {
            Living::Read(theirs) if theirs.iter().any(|inode| ours.contains(inode)) => others.push(pid),
            Living::Read(_) | Living::Ended => {}
            Living::Closed => return Err(format!("the open files of process {pid} cannot be seen")),
        }
    }
    Ok(others)
}

/// ISO-016 where something else was met; nothing where nothing was.
pub fn stranger(meetings: &Meetings, level: Isolation) -> Option<Probe> {
    meetings.stranger().map(|who| RULE.probe(level, Seen::Bad(who)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_that_another_process_holds_proves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let listener = std::os::unix::net::UnixListener::bind(dir.path().join("s")).unwrap();
        let me = processes::own_pid();
        let mut sleep = std::process::Command::new("sleep");
        let mut child =
            sleep.arg("1000").stdin(std::os::fd::OwnedFd::from(listener.try_clone().unwrap())).spawn().unwrap();
        drop(sleep);
        let (held, seen) = (holders(me), alone(me).await);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(held, Ok(vec![i32::try_from(child.id()).unwrap()]));
        assert!(matches!(&seen, Err(Seen::Bad(why)) if why.contains("sleep")), "{seen:?}");
        assert_eq!((holders(me), alone(me).await), (Ok(vec![]), Ok(())));

        // Nobody holds it, and somebody is there who could.
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let seen = alone(me).await;
        child.kill().unwrap();
        child.wait().unwrap();
        // Forked by us, it is taken for a child of the server's by its parent alone.
        assert!(matches!(&seen, Err(Seen::Blind(why)) if why.contains("the program sleep")), "{seen:?}");
        drop(listener);
        assert!(holders(me).is_err_and(|why| why.contains("does not hold")));
    }
}
