//! ISO-007: unix sockets of the host. A network namespace does not hide them.
//!
//! Sockets of others are looked at from inside and not connected to; our own
//! canary's is.

use std::path::{Path, PathBuf};

use super::canary::Canary;
use super::dial::{self, Way};
use super::inside::Answers;
use super::{Outside, Rule, Seen};
use crate::config::schema::Isolation;

/// ISO-007.
pub const RULE: Rule =
    Rule { id: "ISO-007", title: "no unix socket of the host can be reached from inside", from: Isolation::I3 };

/// Sockets that are worth more than a network.
const KNOWN: [&str; 6] = [
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/dbus/system_bus_socket",
    "/run/systemd/private",
];

/// Where packages put PostgreSQL's socket: Debian's and upstream's directory.
const POSTGRES: [&str; 2] = ["/run/postgresql", "/tmp"];

/// Most sockets that are looked at.
const MOST: usize = 64;

/// The sockets that are looked at: the source's, those of servers on this host,
/// containers', the agent of whoever runs us.
pub(super) fn paths(outside: &Outside) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = KNOWN.iter().map(PathBuf::from).collect();
    if let Some((dir, port)) = outside.source.as_ref().filter(|s| s.0.starts_with('/')) {
        all.push(Path::new(dir).join(format!(".s.PGSQL.{port}")));
    }
    all.extend(std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from).filter(|p| p.is_absolute()));
    for dir in POSTGRES {
        let there = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let socket = |name: &str| name.strip_prefix(".s.PGSQL.").is_some_and(|n| n.parse::<u16>().is_ok());
        all.extend(there.filter(|e| e.file_name().to_str().is_some_and(socket)).map(|e| e.path()));
    }
    all.retain(|p| p.to_str().is_some());
    all.truncate(MOST);
    all
}

pub(super) fn judge(
    ways: &[Way],
    paths: &[PathBuf],
    canary: &Result<Canary, String>,
    answers: &Result<Answers, String>,
) -> Seen {
    let (own, answers) = match (canary, answers) {
        (Ok(own), Ok(answers)) => (own, answers),
        (Err(why), _) | (_, Err(why)) => return Seen::blind(why),
    };
    // Who may write to a socket may connect to it (`unix(7)`).
    let open: Vec<String> = paths
        .iter()
        .zip(&answers.paths)
        .filter(|(_, a)| a.exists && a.writable)
        .map(|(p, _)| p.display().to_string())
        .collect();
    // What the canary heard counts, whatever was said inside.
    let heard = own.heard(true) > 0;
    let Some(reached) = dial::socket_file(ways, answers).map(|said| said || heard).or(heard.then_some(true)) else {
        return Seen::blind("psql could not be used inside to connect to a socket");
    };
    if open.is_empty() && !reached {
        return Seen::Good(format!("our own socket cannot be seen, nor any of {} others opened", paths.len()));
    }
    let others = if open.is_empty() { format!("none of {} others", paths.len()) } else { open.join(", ") };
    Seen::Bad(format!("can be reached: {}{others}", if reached { "our own socket; " } else { "" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_socket_is_looked_at() {
        let outside = Outside { source: Some(("/srv/pg".into(), 5433)), key_files: vec![] };
        assert!(paths(&outside).contains(&"/srv/pg/.s.PGSQL.5433".into()));
        let outside = Outside { source: Some(("db1".into(), 5433)), key_files: vec![] };
        assert!(!paths(&outside).iter().any(|p| p.ends_with(".s.PGSQL.5433") && p.starts_with("db1")));
        assert!(paths(&outside).iter().any(|p| p == Path::new("/run/docker.sock")));
    }
}
