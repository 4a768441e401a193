//! How far we can isolate on this host, found by trying and not by guessing.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::config::schema::Isolation;
use crate::error::{Code, Error, Result, Stage};
use crate::process::{Stdout, Tool};

/// Where the system's programs may be; never `$PATH`, which others may set.
const PROGRAM_DIRS: [&str; 6] =
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin", "/run/current-system/sw/bin"];

/// How servers and tools are run apart from the rest of the host.
#[derive(Debug, Clone)]
pub struct Jail {
    /// What was reached, by trying.
    pub level: Isolation,
    /// What could not be had, and why.
    pub reasons: Vec<String>,
    uid: u32,
    gid: u32,
    user: String,
    prefix: Vec<OsString>,
}

impl Jail {
    /// Tries what this host allows. `user` runs the servers when pgseal is
    /// root; an ordinary user runs them itself.
    ///
    /// The credentials are dropped by `setpriv` after the namespace was made:
    /// changing them clears the parent-death signal (`prctl(2)`), so `setpriv`
    /// sets it again as its last act before exec.
    ///
    /// # Errors
    /// 53 where pgseal is root and `user` does not exist or is root, or where
    /// `setpriv` is missing: PostgreSQL refuses to run as root.
    pub async fn detect(user: &str) -> Result<Self> {
        let root = rustix::process::geteuid().is_root();
        let mut reasons = Vec::new();
        let setpriv = program("setpriv");
        let (uid, gid, name) = if root {
            let (uid, gid) = lookup(user).await?;
            (uid, gid, user.to_owned())
        } else {
            let uid = rustix::process::geteuid().as_raw();
            (uid, rustix::process::getegid().as_raw(), user_name(uid).await?)
        };
        let drop_rights: Vec<OsString> = match (&setpriv, root) {
            (Some(setpriv), true) => words(
                setpriv,
                &[
                    &format!("--reuid={uid}"),
                    &format!("--regid={gid}"),
                    "--clear-groups",
                    "--inh-caps=-all",
                    "--bounding-set=-all",
                    "--no-new-privs",
                    "--pdeathsig",
                    "QUIT",
                    "--",
                ],
            ),
            (Some(setpriv), false) => words(setpriv, &["--no-new-privs", "--pdeathsig", "QUIT", "--"]),
            (None, true) => {
                return Err(Error::new(Code::CouldNotRun, Stage::Scratch, "cannot give up root")
                    .on("setpriv")
                    .hint("Install util-linux, or run pgseal as an ordinary user."));
            }
            (None, false) => {
                reasons.push("setpriv is not installed: no_new_privs could not be set".to_owned());
                Vec::new()
            }
        };
        let mut jail = Self { level: Isolation::I1, reasons, uid, gid, user: name, prefix: drop_rights.clone() };
        jail.run_inside().await.map_err(|why| {
            Error::new(Code::CouldNotRun, Stage::Scratch, format!("cannot run a program as the scratch user: {why}"))
                .on(jail.user.clone())
                .hint("Set scratch.user to an ordinary user of this host.")
        })?;
        let Some(unshare) = program("unshare") else {
            jail.reasons.push("unshare is not installed: the network is not isolated".to_owned());
            return Ok(jail);
        };
        // System V shared memory and semaphores come along at no cost.
        let mut tries: Vec<Vec<OsString>> = Vec::new();
        if root {
            tries.push(words(&unshare, &["--net", "--ipc", "--"]));
            tries.push(words(&unshare, &["--net", "--"]));
        } else {
            tries.push(words(&unshare, &["--user", "--map-current-user", "--net", "--ipc", "--"]));
            tries.push(words(&unshare, &["--user", "--map-current-user", "--net", "--"]));
        }
        for mut attempt in tries {
            attempt.extend(drop_rights.iter().cloned());
            let without = std::mem::replace(&mut jail.prefix, attempt);
            match jail.run_inside().await {
                Ok(inside) if inside.network_is_empty() => {
                    jail.level = Isolation::I2;
                    break;
                }
                Ok(_) => jail.reasons.push("the new network namespace is not empty".to_owned()),
                Err(why) => jail.reasons.push(format!("no network namespace: {why}")),
            }
            jail.prefix = without;
        }
        if jail.level >= Isolation::I2 {
            jail.reasons.clear();
            jail.reasons
                .push("own mount and process namespaces are not set up: the host's files stay visible".to_owned());
        }
        Ok(jail)
    }

    /// Program and arguments that go before a command ([`Tool::under`]).
    pub fn prefix(&self) -> Vec<OsString> {
        self.prefix.clone()
    }

    /// User id that servers run under.
    pub const fn uid(&self) -> u32 {
        self.uid
    }

    /// Group id that servers run under.
    pub const fn gid(&self) -> u32 {
        self.gid
    }

    /// Name of the user that servers run under.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// A tool that runs inside this jail.
    pub fn tool(&self, program: impl Into<PathBuf>) -> Tool {
        let tool = Tool::new(program).on_parent_death(rustix::process::Signal::QUIT);
        if self.prefix.is_empty() { tool } else { tool.under(self.prefix()) }
    }

    /// Gives `path` to the user that servers run under; links are not followed.
    ///
    /// # Errors
    /// 53 where the owner cannot be changed.
    pub fn give(&self, path: &Path) -> Result<()> {
        if rustix::process::geteuid().as_raw() == self.uid {
            return Ok(());
        }
        std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid)).map_err(|e| {
            Error::new(Code::CouldNotRun, Stage::Scratch, "cannot give the file to the scratch user")
                .on(path.display().to_string())
                .because(e)
        })
    }

    async fn run_inside(&self) -> Result<Inside, String> {
        const SCRIPT: &str = "readlink /proc/self/ns/net && id -u && cat /proc/self/net/dev && echo routes && \
                              cat /proc/self/net/route /proc/self/net/ipv6_route 2>/dev/null; exit 0";
        let sh = program("sh").ok_or("there is no sh")?;
        let tool = self.tool(sh).arg("-c").arg(SCRIPT).stdout(Stdout::Piped);
        let running = tool.spawn().await.map_err(|e| e.text())?;
        let (exit, out) = running.output(64 * 1024).await.map_err(|e| e.text())?;
        let said = exit.stderr().last_lines(1);
        exit.success(Code::CouldNotRun, Stage::Scratch).map_err(|e| e.text())?;
        let inside = Inside::parse(&String::from_utf8_lossy(&out)).ok_or(said)?;
        if inside.uid == self.uid { Ok(inside) } else { Err(format!("it runs as user id {}", inside.uid)) }
    }
}

/// What a command inside the jail saw.
#[derive(Debug)]
struct Inside {
    namespace: String,
    uid: u32,
    interfaces: Vec<String>,
}

impl Inside {
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let namespace = lines.next()?.to_owned();
        let uid = lines.next()?.parse().ok()?;
        let before = text.split_once("routes\n").map_or(text, |p| p.0);
        Some(Self { namespace, uid, interfaces: super::procfs::interfaces(before) })
    }

    fn network_is_empty(&self) -> bool {
        let ours = std::fs::read_link("/proc/self/ns/net").map(|p| p.to_string_lossy().into_owned());
        ours.is_ok_and(|o| o != self.namespace) && self.interfaces.iter().all(|i| i == "lo")
    }
}

/// The absolute path of a system program.
pub(super) fn program(name: &str) -> Option<PathBuf> {
    PROGRAM_DIRS
        .iter()
        .map(|d| Path::new(d).join(name))
        .find(|p| std::fs::metadata(p).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0))
}

fn words(program: &Path, args: &[&str]) -> Vec<OsString> {
    std::iter::once(program.as_os_str().to_owned()).chain(args.iter().map(|a| OsString::from(*a))).collect()
}

/// User and group id by name. `id` asks every source of users the host has.
async fn lookup(user: &str) -> Result<(u32, u32)> {
    let bad = |why: &str| {
        Error::new(Code::CouldNotRun, Stage::Scratch, format!("servers cannot run as this user: {why}"))
            .on(user)
            .hint("Set scratch.user to an ordinary user of this host; PostgreSQL refuses to run as root.")
    };
    if user.is_empty() || user.starts_with('-') {
        return Err(bad("not a user name"));
    }
    let uid = id(&["-u", "--", user])
        .await
        .and_then(|s| s.parse::<u32>().ok())
        .ok_or_else(|| bad("there is no such user"))?;
    let gid =
        id(&["-g", "--", user]).await.and_then(|s| s.parse::<u32>().ok()).ok_or_else(|| bad("it has no group"))?;
    if uid == 0 { Err(bad("it is root")) } else { Ok((uid, gid)) }
}

/// The name that `peer` authentication sees for `uid`.
pub(super) async fn user_name(uid: u32) -> Result<String> {
    id(&["-un", "--", &uid.to_string()]).await.filter(|n| !n.bytes().all(|b| b.is_ascii_digit())).ok_or_else(|| {
        Error::new(Code::CouldNotRun, Stage::Scratch, "the user has no name on this host")
            .on(uid.to_string())
            .hint("Give the user an entry in /etc/passwd: PostgreSQL's peer authentication needs one.")
    })
}

async fn id(args: &[&str]) -> Option<String> {
    let running = Tool::new(program("id")?).args(args.iter().copied()).stdout(Stdout::Piped).spawn().await.ok()?;
    let (exit, out) = running.output(4096).await.ok()?;
    (exit.code() == Some(0)).then(|| String::from_utf8_lossy(&out).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_unknown_user_and_root_are_refused_when_we_are_root() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        for bad in ["root", "no-such-user-here", "", "-u"] {
            let e = Jail::detect(bad).await.unwrap_err();
            assert_eq!(e.code(), Code::CouldNotRun, "{bad}");
            assert!(e.next_step().is_some());
        }
    }

    #[test]
    fn only_an_empty_foreign_namespace_counts() {
        let dev = "net:[1]\n101\nInter-| Receive\n face |bytes\n    lo: 0 0\nroutes\n";
        assert!(Inside::parse(dev).unwrap().network_is_empty());
        let eth = "net:[1]\n101\nInter-| Receive\n face |bytes\n    lo: 0 0\n  eth0: 0 0\nroutes\n";
        assert!(!Inside::parse(eth).unwrap().network_is_empty());
        let own = std::fs::read_link("/proc/self/ns/net").unwrap();
        let own = dev.replace("net:[1]", &own.to_string_lossy());
        assert!(!Inside::parse(&own).unwrap().network_is_empty());
    }
}
