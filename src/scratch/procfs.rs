//! What `/proc` says of processes and their networks (`proc(5)`).

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use crate::process::alive::{boot_id, start_time};

/// Living processes whose working directory is `dir` or below it. A PostgreSQL
/// server and all its children work in their data directory.
pub fn working_below(dir: &Path) -> Vec<i32> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir("/proc") else { return found };
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
        let Ok(cwd) = std::fs::read_link(entry.path().join("cwd")) else { continue };
        // The link of a removed directory ends in " (deleted)".
        let text = cwd.to_string_lossy();
        let cwd = PathBuf::from(text.strip_suffix(" (deleted)").unwrap_or(&text));
        if cwd.starts_with(dir) && start_time(pid).is_some() {
            found.push(pid);
        }
    }
    found
}

/// Of those that work below `dir`, the ones that a drill started: servers, and
/// whatever runs in another network namespace than ours. The shell of someone
/// who looks around in there is none of them.
pub fn started_below(dir: &Path) -> Vec<i32> {
    let ours = network_namespace(rustix::process::getpid().as_raw_nonzero().get());
    let server = |pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|c| c.trim_end() == "postgres");
    let apart = |pid| matches!((network_namespace(pid), ours), (Some(theirs), Some(ours)) if theirs != ours);
    working_below(dir).into_iter().filter(|pid| server(*pid) || apart(*pid)).collect()
}

/// The process that calls itself `inner` in the pid namespace it lives in, and
/// that is `top` or descends from it.
pub fn descendant(top: i32, inner: i32) -> Option<i32> {
    // pid -> parent, and its id in the innermost namespace (NSpid's last number).
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
        let Ok(status) = std::fs::read_to_string(entry.path().join("status")) else { continue };
        let field = |name: &str| status.lines().find_map(|l| l.strip_prefix(name));
        let number = |name: &str| field(name)?.split_whitespace().last()?.parse::<i32>().ok();
        if let (Some(parent), Some(own)) = (number("PPid:"), number("NSpid:")) {
            all.insert(pid, (parent, own));
        }
    }
    let below = |mut pid: i32| {
        // A chain is never longer than there are processes.
        (0..all.len()).any(|_| {
            let found = pid == top;
            pid = all.get(&pid).map_or(0, |p| p.0);
            found
        })
    };
    all.iter().find(|(pid, (_, own))| *own == inner && below(**pid)).map(|(pid, _)| *pid)
}

/// The inode that names a process's network namespace.
pub fn network_namespace(pid: i32) -> Option<u64> {
    std::fs::metadata(format!("/proc/{pid}/ns/net")).ok().map(|m| m.ino())
}

/// Interface names in the text of `/proc/PID/net/dev`.
pub fn interfaces(dev: &str) -> Vec<String> {
    dev.lines()
        .filter_map(|l| l.split_once(':'))
        .map(|(name, _)| name.trim().to_owned())
        .filter(|n| !n.is_empty() && n != "net" && !n.contains('|'))
        .collect()
}

/// A socket that accepts from the network.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// `tcp`, `tcp6`, `udp`, `udp6`.
    pub protocol: &'static str,
    /// Address and port as `/proc` writes them.
    pub local: String,
    /// Inode of the socket.
    pub inode: u64,
}

/// Listening TCP and unconnected UDP sockets in the network namespace of `pid`;
/// `None` where `/proc` cannot be read.
pub fn listeners(pid: i32) -> Option<Vec<Listener>> {
    let mut all = Vec::new();
    let mut read = 0;
    for protocol in ["tcp", "tcp6", "udp", "udp6"] {
        let Ok(text) = std::fs::read_to_string(format!("/proc/{pid}/net/{protocol}")) else { continue };
        read += 1;
        for line in text.lines().skip(1) {
            let f: Vec<&str> = line.split_whitespace().collect();
            let (Some(local), Some(state), Some(inode)) = (f.get(1), f.get(3), f.get(9)) else { continue };
            // 0A is TCP_LISTEN in the kernel's include/net/tcp_states.h. A UDP
            // socket with a peer hears that peer alone (the statistics collector
            // of PostgreSQL 13 and 14 talks to itself like that).
            let connected = f.get(2).is_some_and(|remote| !remote.ends_with(":0000"));
            if *state == "0A" || (protocol.starts_with("udp") && !connected) {
                all.push(Listener { protocol, local: (*local).to_owned(), inode: inode.parse().unwrap_or(0) });
            }
        }
    }
    // A kernel without IPv6 lacks two of the files, never tcp and udp.
    (read >= 2).then_some(all)
}

/// What was read of a process that may be about to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Living<T> {
    /// This.
    Read(T),
    /// It ended, and has nothing any more.
    Ended,
    /// It lives, and does not let itself be read.
    Closed,
}

/// Reads something of a process that an ordinary user may read of his own. One that
/// is ending belongs to root from the moment on in which it gave its memory back
/// (`task_dump_owner()` in the kernel's fs/proc/base.c) until it is gone: that is
/// waited for, a second at most.
pub fn of_living<T>(pid: i32, read: impl Fn(i32) -> Option<T>) -> Living<T> {
    let give_up = Instant::now() + Duration::from_secs(1);
    loop {
        if let Some(value) = read(pid) {
            return Living::Read(value);
        }
        if start_time(pid).is_none() {
            return Living::Ended;
        }
        if Instant::now() > give_up {
            return Living::Closed;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Socket inodes that a process holds open; `None` where that cannot be read.
pub fn open_sockets(pid: i32) -> Option<Vec<u64>> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let inode = |p: PathBuf| p.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
    Some(entries.flatten().filter_map(|e| std::fs::read_link(e.path()).ok()).filter_map(inode).collect())
}

/// Inodes of the unix sockets that accept, in the network namespace of `pid`; `None`
/// where `/proc` cannot be read.
pub fn listening_unix(pid: i32) -> Option<Vec<u64>> {
    // Names of sockets are any bytes.
    let text = std::fs::read(format!("/proc/{pid}/net/unix")).ok()?;
    let text = String::from_utf8_lossy(&text);
    let accepting = |line: &str| {
        let f: Vec<&str> = line.split_whitespace().take(7).collect();
        // 10000 is __SO_ACCEPTCON in the kernel's include/uapi/linux/net.h.
        let accepts = u32::from_str_radix(f.get(3)?, 16).ok()? & 0x1_0000 != 0;
        f.get(6)?.parse().ok().filter(|_| accepts)
    };
    Some(text.lines().skip(1).filter_map(accepting).collect())
}

/// Routes of the network namespace of `pid` that do not stay on loopback;
/// `None` where `/proc` cannot be read.
pub fn routes(pid: i32) -> Option<Vec<String>> {
    let v4 = std::fs::read_to_string(format!("/proc/{pid}/net/route")).ok()?;
    let mut all: Vec<String> = v4
        .lines()
        .skip(1)
        .filter_map(|l| l.split_whitespace().next())
        .filter(|i| *i != "lo")
        .map(str::to_owned)
        .collect();
    if let Ok(v6) = std::fs::read_to_string(format!("/proc/{pid}/net/ipv6_route")) {
        all.extend(v6.lines().filter_map(|l| l.split_whitespace().last()).filter(|i| *i != "lo").map(str::to_owned));
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ends_is_waited_for_and_one_that_is_closed_is_not_passed_over() {
        let mut child = std::process::Command::new("/bin/sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        assert!(matches!(of_living(pid, open_sockets), Living::Read(_)));
        assert_eq!(of_living(pid, |_| None::<()>), Living::Closed);
        child.kill().unwrap();
        assert_eq!(of_living(pid, |_| None::<()>), Living::Ended);
        child.wait().unwrap();
        assert_eq!(of_living(pid, open_sockets), Living::Ended);
    }

    #[test]
    fn our_own_process_is_seen() {
        let me = i32::try_from(std::process::id()).unwrap();
        assert!(start_time(me).is_some());
        assert!(working_below(&std::env::current_dir().unwrap()).contains(&me));
        assert!(network_namespace(me).is_some());
        assert_eq!(start_time(i32::MAX), None);
    }

    #[test]
    fn a_process_is_found_by_the_id_it_has_inside() {
        let me = i32::try_from(std::process::id()).unwrap();
        // Forks, so that the second process of the namespace is the one that sleeps.
        let forks = ["--unshare-pid", "--bind", "/", "/", "--proc", "/proc", "--", "sleep", "1000"];
        let mut child = std::process::Command::new("bwrap").args(forks).spawn().unwrap();
        let top = i32::try_from(child.id()).unwrap();
        let title = |pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let found = loop {
            match descendant(top, 2) {
                Some(pid) if title(pid) == "sleep\n" => break pid,
                _ => std::thread::yield_now(),
            }
        };
        assert!(found != top && descendant(me, 2) == Some(found));
        assert_eq!(descendant(top, top), Some(top), "itself, in our own namespace");
        assert_eq!(descendant(found, me), None, "not below it");
        rustix::process::kill_process(rustix::process::Pid::from_raw(found).unwrap(), rustix::process::Signal::KILL)
            .unwrap();
        child.wait().unwrap();
        assert_eq!(descendant(top, 2), None);
    }

    #[test]
    fn a_listener_of_ours_is_found() {
        let l = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = format!(":{:04X}", l.local_addr().unwrap().port());
        let me = i32::try_from(std::process::id()).unwrap();
        let found = listeners(me).unwrap();
        let ours = found.iter().find(|l| l.local.ends_with(&port)).unwrap();
        assert!(open_sockets(me).unwrap().contains(&ours.inode));
    }

    #[test]
    fn a_connected_udp_socket_is_no_listener() {
        let port = |s: &std::net::UdpSocket| format!(":{:04X}", s.local_addr().unwrap().port());
        let (open, own) = (std::net::UdpSocket::bind("127.0.0.1:0"), std::net::UdpSocket::bind("127.0.0.1:0"));
        let (open, own) = (open.unwrap(), own.unwrap());
        own.connect(own.local_addr().unwrap()).unwrap();
        let found = listeners(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(found.iter().any(|l| l.protocol == "udp" && l.local.ends_with(&port(&open))));
        assert!(!found.iter().any(|l| l.protocol == "udp" && l.local.ends_with(&port(&own))));
    }

    #[test]
    fn a_bystander_is_not_taken_for_a_server() {
        let dir = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("sleep").arg("1000").current_dir(dir.path()).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let seen = (working_below(dir.path()).contains(&pid), started_below(dir.path()).contains(&pid));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(seen, (true, false));
    }

    #[test]
    fn interface_names_are_read_from_dev() {
        let dev = "Inter-|   Receive\n face |bytes packets\n    lo: 0 0\n  eth0: 1 2\n";
        assert_eq!(interfaces(dev), ["lo", "eth0"]);
    }
}
