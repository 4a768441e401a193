//! ISO-004 and ISO-005: what the network of the server looks like from the host.

use std::collections::BTreeSet;

use super::{Rule, Seen, processes};
use crate::config::schema::Isolation;
use crate::scratch::procfs::{self, Living};

/// ISO-004.
pub const LISTENERS: Rule = Rule { id: "ISO-004", title: "nothing listens on the network", from: Isolation::I1 };

/// ISO-005.
pub const NAMESPACE: Rule = Rule { id: "ISO-005", title: "the network namespace is empty", from: Isolation::I2 };

/// In a namespace of its own every listener is the server's. Of the host's,
/// none may be held open by any of its processes: so it has not added to them.
pub(super) fn listeners(pid: i32) -> Seen {
    let own = processes::own_pid();
    let (Some(inside), Some(host)) = (procfs::listeners(pid), procfs::listeners(own)) else {
        return Seen::blind("/proc/PID/net cannot be read");
    };
    let mut open = BTreeSet::new();
    for member in processes::family(pid) {
        match procfs::of_living(member, procfs::open_sockets) {
            Living::Read(sockets) => open.extend(sockets),
            // What it held is closed.
            Living::Ended if member != pid => {}
            Living::Ended | Living::Closed => return Seen::blind("the server's open files cannot be read"),
        }
    }
    let apart = processes::apart(pid, "net").unwrap_or(false);
    let mut theirs: Vec<String> = Vec::new();
    if apart {
        theirs.extend(inside.iter().map(|l| format!("{} {}", l.protocol, l.local)));
    }
    let held = host.iter().filter(|l| open.contains(&l.inode));
    theirs.extend(held.map(|l| format!("{} {} of the host", l.protocol, l.local)));
    if theirs.is_empty() {
        Seen::Good(format!("0 listeners; none of the host's {} is held by the server", host.len()))
    } else {
        Seen::Bad(theirs.join(", "))
    }
}

pub(super) fn namespace(pid: i32) -> Seen {
    let dev = std::fs::read_to_string(format!("/proc/{pid}/net/dev"));
    let (Some(apart), Ok(dev), Some(routes)) = (processes::apart(pid, "net"), dev, procfs::routes(pid)) else {
        return Seen::blind("/proc/PID/net cannot be read");
    };
    let interfaces = procfs::interfaces(&dev);
    let only_loopback = interfaces.iter().all(|i| i == "lo");
    let evidence = format!(
        "namespace {}, interfaces {}, {} routes",
        if apart { "its own" } else { "shared with the host" },
        interfaces.join(" "),
        routes.len()
    );
    Seen::judge(apart && only_loopback && routes.is_empty(), evidence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_process_there_is_nothing_to_see() {
        assert!(matches!(listeners(i32::MAX), Seen::Blind(_)));
        assert!(matches!(namespace(i32::MAX), Seen::Blind(_)));
    }

    #[test]
    fn our_own_listener_and_namespace_are_bad() {
        let me = processes::own_pid();
        let _held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(matches!(listeners(me), Seen::Bad(e) if e.contains("of the host")));
        assert!(matches!(namespace(me), Seen::Bad(e) if e.contains("shared with the host")));
    }
}
