//! How far we can isolate on this host, found by trying and not by guessing.
//!
//! | level | how | what a trial run must have seen |
//! |---|---|---|
//! | I1 | `setpriv`: the scratch user, no capabilities, `no_new_privs` | that user |
//! | I2 | and `unshare --net --ipc` | a network namespace of its own with `lo` alone |
//! | I3 | `bwrap`: and own mount, pid, ipc and user namespaces | and no file of the host but programs |
//!
//! I4, a host of its own, cannot be seen from inside and is never reached by
//! trying.
//!
//! Whatever the level, it ends with us. `setpriv` sets the parent-death signal
//! as its last act, because changing credentials clears it (`prctl(2)`).
//! `bwrap` forks: pgseal's end kills its outer process, that one's end the first
//! process of the pid namespace, and with that the kernel ends all others in it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Limits;
use super::inside::{self, Inside};
use super::user::{self, User, program};
use super::view::{self, View};
use crate::config::schema::Isolation;
use crate::error::{Code, Error, Result, Stage};
use crate::process::{Filter, Stdout, Tool, Under};

/// Name inside a user namespace of all who are not in it, so of pgseal when it
/// is root: `peer` authentication needs one. The socket lies in a 0700 directory
/// of the scratch user, so only root can come as this.
const OUTSIDE: &str = "pgseal-outside";

/// How servers and tools are run apart from the rest of the host.
#[derive(Debug, Clone)]
pub struct Jail {
    /// What was reached, by trying.
    pub level: Isolation,
    /// What could not be had, and why.
    pub reasons: Vec<String>,
    user: User,
    walls: Walls,
    view: View,
    limits: Limits,
}

/// The programs that put up the walls, in the order they run.
#[derive(Debug, Clone, Default)]
struct Walls {
    /// Before bubblewrap, or all there is.
    before: Vec<OsString>,
    bwrap: Option<PathBuf>,
    /// Whether there is a user namespace, with the scratch user alone in it.
    own_user: bool,
    /// Inside bubblewrap.
    after: Vec<OsString>,
    prlimit: Option<PathBuf>,
    /// Whether system calls are filtered.
    filtered: bool,
}

impl Jail {
    /// Tries what this host allows. `user` runs the servers when pgseal is
    /// root; an ordinary user runs them itself.
    ///
    /// # Errors
    /// 53 where pgseal is root and `user` does not exist or is root, or where
    /// `setpriv` is missing: PostgreSQL refuses to run as root.
    pub async fn detect(user: &str) -> Result<Self> {
        let root = rustix::process::geteuid().is_root();
        let user = if root { User::named(user).await? } else { User::of_process().await? };
        let mut reasons = Vec::new();
        let give_up = drop_rights(&user, root, &mut reasons)?;
        let prlimit = program("prlimit");
        if prlimit.is_none() {
            reasons.push("prlimit is not installed: memory and processes are not limited".to_owned());
        }
        let filterable = crate::sys::filter::program(true).is_some();
        if !filterable {
            reasons.push("system calls are not filtered: their numbers on this architecture are not known".to_owned());
        }
        let least =
            |filtered| Walls { before: give_up.clone(), prlimit: prlimit.clone(), filtered, ..Walls::default() };
        let mut jail = Self {
            level: Isolation::I1,
            reasons,
            user,
            walls: least(filterable),
            view: View::default(),
            limits: Limits::default(),
        };
        // A kernel without filters keeps nobody from drilling at a lower level.
        let mut filtered = filterable;
        if filterable && let Err(why) = jail.look().await {
            filtered = false;
            jail.walls = least(false);
            jail.reasons.push(format!("system calls are not filtered: {why}"));
        }
        jail.look().await.map_err(|why| {
            Error::new(Code::CouldNotRun, Stage::Scratch, format!("cannot run a program as the scratch user: {why}"))
                .on(jail.user.name.clone())
                .hint("Set scratch.user to an ordinary user of this host.")
        })?;
        let walls = |before: Vec<OsString>| Walls { before, ..least(filtered) };

        let mut why_not = Vec::new();
        if let Some(bwrap) = program("bwrap") {
            let inside = |own_user, before: &[OsString], after: &[OsString]| {
                let bwrap = Some(bwrap.clone());
                Walls { own_user, bwrap, after: after.to_vec(), ..walls(before.to_vec()) }
            };
            let tries = if root {
                // Where ordinary users may have no user namespace, root needs none.
                vec![inside(true, &give_up, &[]), inside(false, &[], &give_up)]
            } else {
                // It sets no_new_privs itself, after what a set-uid one must do.
                vec![inside(true, &[], &[])]
            };
            for attempt in tries {
                match jail.attempt(attempt, |i| i.lacks_walls(&view::root_names())).await {
                    Ok(inside) => {
                        if !inside.is_apart("user") {
                            jail.reasons.push(format!("no user namespace of its own: {}", why_not.join("; ")));
                        }
                        jail.level = Isolation::I3;
                        return Ok(jail);
                    }
                    Err(why) => why_not.push(why),
                }
            }
        } else {
            why_not.push("bubblewrap (bwrap) is not installed".to_owned());
        }
        why_not.extend(forbidden(Path::new("/proc/sys")));
        jail.reasons.push(format!("no mount and process namespaces of its own: {}", why_not.join("; ")));

        let Some(unshare) = program("unshare") else {
            jail.reasons.push("no network namespace of its own: unshare is not installed".to_owned());
            return Ok(jail);
        };
        let whose: &[&str] = if root { &[] } else { &["--user", "--map-current-user"] };
        let mut why_not = String::new();
        // System V shared memory and semaphores come along at no cost.
        for apart in [&["--net", "--ipc", "--"][..], &["--net", "--"]] {
            let mut before = words(&unshare, &[whose, apart].concat());
            before.extend(give_up.iter().cloned());
            match jail.attempt(walls(before), Inside::lacks_network).await {
                Ok(_) => {
                    jail.level = Isolation::I2;
                    return Ok(jail);
                }
                Err(why) => why_not = why,
            }
        }
        jail.reasons.push(format!("no network namespace of its own: {why_not}"));
        Ok(jail)
    }

    /// Puts up other walls and looks; they stay where nothing is lacking.
    async fn attempt(&mut self, walls: Walls, lacks: impl Fn(&Inside) -> Option<String>) -> Result<Inside, String> {
        let before = std::mem::replace(&mut self.walls, walls);
        let seen = self.look().await.and_then(|inside| match lacks(&inside) {
            Some(why) => Err(why),
            None => Ok(inside),
        });
        if seen.is_err() {
            self.walls = before;
        }
        seen
    }

    /// Looks from inside.
    async fn look(&self) -> Result<Inside, String> {
        let sh = program("sh").ok_or("there is no sh")?;
        let tool = self.tool(sh).arg("-c").arg(inside::SCRIPT).stdout(Stdout::Piped);
        let running = tool.spawn().await.map_err(|e| e.text())?;
        let (exit, out) = running.output(64 * 1024).await.map_err(|e| e.text())?;
        exit.success(Code::CouldNotRun, Stage::Scratch).map_err(|e| e.text())?;
        let inside = Inside::parse(&String::from_utf8_lossy(&out)).ok_or("what it saw cannot be read")?;
        if inside.uid == self.user.uid { Ok(inside) } else { Err(format!("it runs as user id {}", inside.uid)) }
    }

    /// With these limits on each process.
    #[must_use]
    pub fn limited(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// With the files of `scratch` visible, and of no other instance.
    #[must_use]
    pub(super) fn around(mut self, scratch: &Path) -> Self {
        let at = |names: &[&str]| names.iter().map(|n| scratch.join(n)).collect::<Vec<PathBuf>>();
        self.view = View {
            writable: at(&["data", "l"]),
            // What configures the server, and how it is reached, is not for the server to change.
            readable: at(&["conf", "s"]),
            tmp: Some(scratch.join("tmp")),
            etc: ETC.iter().map(|f| scratch.join("etc").join(f)).collect(),
        };
        self
    }

    /// What stands in `/etc` inside: who the users are, and nothing else.
    pub(super) fn etc(&self) -> [(&'static str, String); 3] {
        let User { uid, gid, name } = &self.user;
        let mut passwd = format!("root:x:0:0::/:/bin/false\n{name}:x:{uid}:{gid}::/:/bin/false\n");
        if self.is_outside() {
            passwd.push_str(&format!("{OUTSIDE}:x:{0}:{0}::/:/bin/false\n", overflow_uid()));
        }
        let texts = [passwd, format!("{name}:x:{gid}:\n"), "passwd: files\ngroup: files\n".to_owned()];
        let mut texts = texts.into_iter();
        ETC.map(|name| (name, texts.next().unwrap_or_default()))
    }

    /// Whether the server sees pgseal as somebody without a user id.
    fn is_outside(&self) -> bool {
        self.walls.own_user && rustix::process::geteuid().as_raw() != self.user.uid
    }

    /// The name that the server's `peer` authentication sees of pgseal itself.
    ///
    /// # Errors
    /// 53 where this user has no name.
    pub(super) async fn our_name(&self) -> Result<String> {
        if self.is_outside() {
            return Ok(OUTSIDE.to_owned());
        }
        user::name_of(rustix::process::geteuid().as_raw()).await
    }

    /// What goes before `program` to run it inside ([`Tool::under`]). It may
    /// fork: the program's process is a descendant then.
    pub fn prefix(&self, program: &Path) -> Under {
        const APART: [&str; 9] = [
            "--unshare-ipc",
            "--unshare-pid",
            "--unshare-net",
            "--unshare-uts",
            "--unshare-cgroup-try",
            "--die-with-parent",
            // No terminal to push keys into.
            "--new-session",
            "--hostname",
            "pgseal",
        ];
        const OWN_USER: [&str; 3] = ["--unshare-user", "--cap-drop", "ALL"];
        let walls = &self.walls;
        let mut prefix = walls.before.clone();
        let mut filter = if walls.filtered { Filter::First } else { Filter::No };
        if let Some(bwrap) = &walls.bwrap {
            prefix.push(bwrap.into());
            // Root keeps what it needs to become the scratch user inside.
            let own_user = OWN_USER.iter().filter(|_| walls.own_user);
            prefix.extend(APART.iter().chain(own_user).map(OsString::from));
            prefix.extend(self.view.args(program));
            // The server's shared memory, of a size: what lies in a tmpfs is the host's
            // memory, and half of it by default. Nothing else of bubblewrap's own
            // directories can be written.
            let size = self.limits.memory.unwrap_or(SHARED_MEMORY).to_string();
            let shared = ["--perms", "1777", "--size", &size, "--tmpfs", "/dev/shm"];
            let closed = ["--remount-ro", "/dev", "--remount-ro", "/"];
            prefix.extend(shared.iter().chain(&closed).map(OsString::from));
            if walls.filtered {
                prefix.push("--seccomp".into());
                filter = Filter::By(prefix.len());
                // The number of a file that is opened for each start.
                prefix.push("0".into());
            }
            prefix.push("--".into());
        }
        prefix.extend(walls.after.iter().cloned());
        if let Some(prlimit) = &walls.prlimit {
            prefix.extend(self.limits.words(prlimit, walls.own_user));
        }
        Under { words: prefix, own_keyring: true, filter }
    }

    /// A tool that runs inside: in namespaces of its own, of the same kind as
    /// those of every other tool and server of this jail. Of the host's files it
    /// sees the scratch directory's, and the installation `program` belongs to.
    pub fn tool(&self, program: impl Into<PathBuf>) -> Tool {
        let program = program.into();
        let prefix = self.prefix(&program);
        let tool = Tool::new(program).on_parent_death(rustix::process::Signal::QUIT);
        tool.under(prefix)
    }

    /// User id that servers run under.
    pub const fn uid(&self) -> u32 {
        self.user.uid
    }

    /// Group id that servers run under.
    pub const fn gid(&self) -> u32 {
        self.user.gid
    }

    /// Name of the user that servers run under.
    pub fn user(&self) -> &str {
        &self.user.name
    }
}

/// Most bytes of shared memory where `scratch.max_memory` is not set.
const SHARED_MEMORY: u64 = 1 << 30;

/// Files of ours in `/etc`; the last makes the C library ask nothing else.
const ETC: [&str; 3] = ["passwd", "group", "nsswitch.conf"];

/// `setpriv`, as far as it is needed.
fn drop_rights(user: &User, root: bool, reasons: &mut Vec<String>) -> Result<Vec<OsString>> {
    let always = ["--no-new-privs", "--pdeathsig", "QUIT", "--"];
    match (program("setpriv"), root) {
        (Some(setpriv), true) => {
            let (uid, gid) = (format!("--reuid={}", user.uid), format!("--regid={}", user.gid));
            let first = [&uid, &gid, "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"];
            Ok(words(&setpriv, &[&first[..], &always].concat()))
        }
        (Some(setpriv), false) => Ok(words(&setpriv, &always)),
        (None, true) => Err(Error::new(Code::CouldNotRun, Stage::Scratch, "cannot give up root")
            .on("setpriv")
            .hint("Install util-linux, or run pgseal as an ordinary user.")),
        (None, false) => {
            reasons.push("setpriv is not installed: no_new_privs could not be set".to_owned());
            Ok(Vec::new())
        }
    }
}

/// The kernel's settings that keep ordinary users from having namespaces, below
/// `/proc/sys`.
fn forbidden(sys: &Path) -> Option<String> {
    let all = [
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "AppArmor restricts user namespaces of ordinary users"),
        ("kernel/unprivileged_userns_clone", "0", "the kernel gives ordinary users no user namespaces"),
        ("user/max_user_namespaces", "0", "the kernel gives no user namespaces"),
    ];
    let set = |(file, bad, _): &&(&str, &str, &str)| {
        std::fs::read_to_string(sys.join(file)).is_ok_and(|value| value.trim() == *bad)
    };
    all.iter().find(set).map(|(file, bad, what)| format!("{what} ({} = {bad})", file.replace('/', ".")))
}

/// The user id that stands for all that a user namespace does not map.
fn overflow_uid() -> u32 {
    let text = std::fs::read_to_string("/proc/sys/kernel/overflowuid").unwrap_or_default();
    text.trim().parse().unwrap_or(65534)
}

fn words(program: &Path, args: &[&str]) -> Vec<OsString> {
    std::iter::once(program.as_os_str().to_owned()).chain(args.iter().map(|a| OsString::from(*a))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_forbids_namespaces_is_named() {
        let sys = tempfile::tempdir().unwrap();
        assert_eq!(forbidden(sys.path()), None);
        for dir in ["kernel", "user"] {
            std::fs::create_dir(sys.path().join(dir)).unwrap();
        }
        let put = |file: &str, value: &str| std::fs::write(sys.path().join(file), format!("{value}\n")).unwrap();
        put("kernel/apparmor_restrict_unprivileged_userns", "0");
        put("kernel/unprivileged_userns_clone", "1");
        put("user/max_user_namespaces", "10000");
        assert_eq!(forbidden(sys.path()), None);
        put("kernel/apparmor_restrict_unprivileged_userns", "1");
        assert!(forbidden(sys.path()).unwrap().starts_with("AppArmor restricts"));
        put("kernel/apparmor_restrict_unprivileged_userns", "0");
        put("user/max_user_namespaces", "0");
        assert!(forbidden(sys.path()).unwrap().contains("(user.max_user_namespaces = 0)"));
    }

    #[tokio::test]
    async fn everything_is_had_here_and_said_to_be() {
        let jail = Jail::detect("postgres").await.unwrap();
        assert_eq!((jail.level, jail.reasons.as_slice()), (Isolation::I3, &[][..]));
        let prefix = jail.prefix(Path::new("/usr/bin/true"));
        let prefix = prefix.words;
        assert!(prefix.iter().any(|w| w == "--unshare-user"), "{prefix:?}");
        assert!(!prefix.iter().any(|w| w.to_string_lossy().starts_with("--as=")));
        let limits = Limits { memory: Some(1 << 30), processes: Some(9) };
        let prefix = jail.limited(limits).prefix(Path::new("/usr/bin/true")).words;
        assert!(prefix.iter().any(|w| w == "--nproc=9"), "{prefix:?}");
    }
}
