//! Who runs servers and programs.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result, Stage};
use crate::process::{Stdout, Tool};

/// Where the system's programs may be; never `$PATH`, which others may set.
const PROGRAM_DIRS: [&str; 6] =
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin", "/run/current-system/sw/bin"];

/// An ordinary user of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub uid: u32,
    pub gid: u32,
    pub name: String,
}

impl User {
    /// The user called `name`, which is not root. `id` asks every source of
    /// users the host has.
    pub async fn named(name: &str) -> Result<Self> {
        let bad = |why: &str| {
            Error::new(Code::CouldNotRun, Stage::Scratch, format!("servers cannot run as this user: {why}"))
                .on(name)
                .hint("Set scratch.user to an ordinary user of this host; PostgreSQL refuses to run as root.")
        };
        if name.is_empty() || name.starts_with('-') {
            return Err(bad("not a user name"));
        }
        let number = |text: Option<String>| text.and_then(|s| s.parse::<u32>().ok());
        let uid = number(id(&["-u", "--", name]).await).ok_or_else(|| bad("there is no such user"))?;
        let gid = number(id(&["-g", "--", name]).await).ok_or_else(|| bad("it has no group"))?;
        if uid == 0 { Err(bad("it is root")) } else { Ok(Self { uid, gid, name: name.to_owned() }) }
    }

    /// Whoever runs pgseal.
    pub async fn of_process() -> Result<Self> {
        let uid = rustix::process::geteuid().as_raw();
        Ok(Self { uid, gid: rustix::process::getegid().as_raw(), name: name_of(uid).await? })
    }
}

/// The name that `peer` authentication sees for `uid` on this host.
pub(super) async fn name_of(uid: u32) -> Result<String> {
    id(&["-un", "--", &uid.to_string()]).await.filter(|n| !n.bytes().all(|b| b.is_ascii_digit())).ok_or_else(|| {
        Error::new(Code::CouldNotRun, Stage::Scratch, "the user has no name on this host")
            .on(uid.to_string())
            .hint("Give the user an entry in /etc/passwd: PostgreSQL's peer authentication needs one.")
    })
}

/// The absolute path of a system program.
pub(super) fn program(name: &str) -> Option<PathBuf> {
    PROGRAM_DIRS
        .iter()
        .map(|d| Path::new(d).join(name))
        .find(|p| std::fs::metadata(p).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0))
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
    async fn only_an_ordinary_user_will_do() {
        for bad in ["root", "no-such-user-here", "", "-u"] {
            let e = User::named(bad).await.unwrap_err();
            assert_eq!(e.code(), Code::CouldNotRun, "{bad}");
            assert!(e.next_step().is_some());
        }
        let nobody = User::named("nobody").await.unwrap();
        assert_eq!(name_of(nobody.uid).await.unwrap(), "nobody");
    }

    #[test]
    fn programs_are_found_in_the_systems_directories_only() {
        assert!(program("sh").is_some_and(|p| p.is_absolute()));
        assert_eq!(program("../../etc/passwd"), None, "not a program");
        assert_eq!(program("no-such-program"), None);
    }
}
