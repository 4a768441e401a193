//! Whether the database runs on this host: a copy that gets out would meet it.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::net::{IpAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::process::lease::Lease;
use crate::source::ConnParams;
use crate::sys::plain_file::{self, Unreadable};

/// How long looking up the source's name may take.
const LOOK_UP: Duration = Duration::from_secs(3);

/// Largest `pg_control` that is opened, bytes; the server's own has 8192.
const CONTROL: u64 = 64 * 1024;

/// What was seen of the database on this host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nearness {
    /// Signs that it runs here.
    pub here: Vec<String>,
    /// What could not be looked at.
    pub unseen: Vec<String>,
}

/// Looks where the source's connection leads and whether a server of the
/// backup's cluster runs here. The source itself is not contacted. `source` is
/// absent where its connection cannot be resolved on this host.
pub async fn look(source: Option<&ConnParams>, system_identifier: &str) -> Nearness {
    let mut seen = Nearness::default();
    match source {
        Some(params) => address(params, &mut seen).await,
        None => seen.unseen.push("where the source's connection leads: it cannot be resolved here".to_owned()),
    }
    servers(Path::new("/proc"), system_identifier, &mut seen);
    seen
}

async fn address(params: &ConnParams, seen: &mut Nearness) {
    if let Some(dir) = params.socket_dir() {
        seen.here.push(format!("the source's connection is a socket in {}", dir.display()));
        return;
    }
    let addresses: Vec<IpAddr> = match (params.hostaddr, &params.host) {
        (Some(address), _) => vec![address],
        (None, Some(host)) => {
            let found = tokio::time::timeout(LOOK_UP, tokio::net::lookup_host((host.as_str(), params.port))).await;
            found.ok().and_then(Result::ok).map(|all| all.map(|a| a.ip()).collect()).unwrap_or_default()
        }
        (None, None) => Vec::new(),
    };
    if addresses.is_empty() {
        seen.unseen.push("where the source's connection leads: its host has no address here".to_owned());
    } else if let Some(ours) = addresses.iter().find(|a| is_ours(**a)) {
        seen.here.push(format!("the source's connection leads to {ours}, an address of this host"));
    }
}

/// Only an address of this host can be bound to; nothing is sent.
fn is_ours(address: IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified() || UdpSocket::bind((address, 0)).is_ok()
}

/// Servers that run here, by the cluster's identity in the first eight bytes of
/// their control file (`ControlFileData` in PostgreSQL's pg_control.h).
fn servers(proc: &Path, system_identifier: &str, seen: &mut Nearness) {
    let mut hidden = 0u32;
    let mut dirs = BTreeSet::new();
    for entry in std::fs::read_dir(proc).into_iter().flatten().flatten() {
        let process = entry.path();
        let name = std::fs::read_to_string(process.join("comm")).unwrap_or_default();
        if !matches!(name.trim_end(), "postgres" | "postmaster") {
            continue;
        }
        // A server and its children work in the data directory.
        match std::fs::read_link(process.join("cwd")) {
            Ok(dir) if is_scratch(&dir) => {}
            Ok(dir) => match identifier(&process.join("cwd")) {
                Ok(id) if id.to_string() == system_identifier => drop(dirs.insert(dir)),
                // Without a control file no server runs, or it is just ending.
                Ok(_) | Err(Unreadable::Missing) => {}
                Err(_) => hidden += u32::from(process.exists()),
            },
            Err(_) => hidden += u32::from(process.exists()),
        }
    }
    seen.here.extend(dirs.iter().map(|d| format!("a server of the backup's cluster runs here, in {}", d.display())));
    if hidden > 0 {
        seen.unseen.push(format!("which cluster {hidden} PostgreSQL processes of other users belong to"));
    }
}

fn identifier(data: &Path) -> Result<u64, Unreadable> {
    let mut bytes = [0; 8];
    plain_file::open_below(data, Path::new("global/pg_control"), CONTROL)?.read_exact(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// A drill's own instance: physical copies have the cluster's identity.
fn is_scratch(data: &Path) -> bool {
    let text = data.to_string_lossy();
    let data = PathBuf::from(text.strip_suffix(" (deleted)").unwrap_or(&text));
    data.parent().is_some_and(|dir| Lease::read(dir).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn of(connection: &str) -> Nearness {
        let source = ConnParams::resolve(connection, &|name| std::env::var(name).ok()).ok();
        look(source.as_ref(), "no cluster's").await
    }

    #[tokio::test]
    async fn sockets_and_addresses_of_this_host_are_near() {
        for near in
            ["host=/var/run/postgresql", "host=localhost", "hostaddr=127.0.0.1", "hostaddr=::1 host=db", "host=0.0.0.0"]
        {
            let seen = of(near).await;
            assert_eq!(seen.here.len(), 1, "{near}: {seen:?}");
        }
        // TEST-NET-1 is nobody's (RFC 5737).
        let far = of("hostaddr=192.0.2.1").await;
        assert_eq!(far.here, Vec::<String>::new());
        for unknown in ["service=no-such-service", "host=no-such-host.invalid"] {
            let seen = of(unknown).await;
            assert!(seen.here.is_empty() && seen.unseen.iter().any(|u| u.contains("leads")), "{unknown}: {seen:?}");
        }
    }

    #[test]
    fn a_server_is_known_by_its_control_file() {
        let top = tempfile::tempdir().unwrap();
        let (proc, data) = (top.path().join("proc"), top.path().join("data"));
        std::fs::create_dir_all(data.join("global")).unwrap();
        std::fs::write(data.join("global/pg_control"), 7_423_456_789_012_345_678_u64.to_ne_bytes()).unwrap();
        let process = |pid: &str, comm: &str, cwd: &Path| {
            std::fs::create_dir_all(proc.join(pid)).unwrap();
            std::fs::write(proc.join(pid).join("comm"), comm).unwrap();
            std::os::unix::fs::symlink(cwd, proc.join(pid).join("cwd")).unwrap();
        };
        process("10", "postgres\n", &data);
        process("11", "postgres\n", &data);
        process("12", "bash\n", &data);
        let seen = |id| {
            let mut seen = Nearness::default();
            servers(&proc, id, &mut seen);
            seen
        };
        assert_eq!(seen("7423456789012345678").here.len(), 1);
        assert_eq!(seen("1"), Nearness::default());
        process("13", "postgres\n", &top.path().join("removed"));
        assert_eq!(seen("1"), Nearness::default());
        let cut = top.path().join("cut/global");
        std::fs::create_dir_all(&cut).unwrap();
        std::fs::write(cut.join("pg_control"), "short").unwrap();
        process("14", "postgres\n", cut.parent().unwrap());
        assert_eq!(seen("1").unseen.len(), 1);
        std::fs::remove_dir_all(cut).unwrap();
        // A drill's own copy is not the database.
        Lease::ours(crate::process::lease::Purpose::Scratch, top.path()).unwrap().write().unwrap();
        assert_eq!(seen("7423456789012345678"), Nearness::default());
    }
}
