//! ISO-017: what of the kernel the server shares with whoever started it, beside
//! files, processes and networks.
//!
//! A key is put into our own session keyring, which a child inherits
//! (`keyrings(7)`): inside, nobody may see it. That further namespaces are
//! refused is tried, and that a filter of system calls is in force, that no
//! capability is left and none can be gained, is read from the host's `/proc`
//! for each process.

use super::inside::Answers;
use super::{Rule, Seen, Target, processes};
use crate::config::schema::Isolation;
use crate::scratch::procfs;
use crate::sys::CanaryKey;
use crate::types::ids::random_bytes;

/// ISO-017.
pub const RULE: Rule = Rule {
    id: "ISO-017",
    title: "no key of the caller, no unfiltered system call and no further namespace inside",
    from: Isolation::I3,
};

/// A key that only we have.
pub(super) struct Planted {
    /// Part of its name.
    pub name: String,
    /// What became of it.
    key: Result<CanaryKey, String>,
}

impl Planted {
    /// Puts a key into our session keyring, for the server's user to see if he has it.
    pub(super) fn new(t: Target<'_>) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        let name = random_bytes::<8>().map(|r| format!("pgseal-{}", hex::encode(r)));
        let owner = std::fs::symlink_metadata(t.data_dir).map(|m| m.uid());
        match (name, owner) {
            (Ok(name), Ok(uid)) => {
                let key = CanaryKey::plant(&name, uid).map_err(|e| format!("the kernel gives no key: {}", e.kind()));
                Self { name, key }
            }
            _ => Self { name: "pgseal-none".to_owned(), key: Err("no key could be named".to_owned()) },
        }
    }

    /// Whether we see it ourselves.
    fn is_seen_here(&self) -> bool {
        std::fs::read_to_string("/proc/keys").is_ok_and(|keys| keys.contains(&self.name))
    }
}

pub(super) fn judge(t: Target<'_>, planted: &Planted, answers: &Result<Answers, String>) -> Seen {
    let Some(postmaster) = processes::postmaster(t.pid) else {
        return Seen::blind("the server's process cannot be seen");
    };
    let mut bad = Vec::new();
    let mut looked = 0;
    for member in processes::family(postmaster) {
        match std::fs::read_to_string(format!("/proc/{member}/status")) {
            Ok(status) => {
                looked += 1;
                bad.extend(lacks(&status));
            }
            // It ended meanwhile.
            Err(_) if procfs::start_time(member).is_none() => {}
            Err(_) => return Seen::blind("the state of its processes cannot be read"),
        }
    }
    let answers = match answers {
        Ok(answers) => answers,
        Err(why) if bad.is_empty() => return Seen::blind(why),
        Err(_) => return Seen::Bad(bad.join(", ")),
    };
    // Without /proc/keys the kernel has no keys.
    let keys = match (&planted.key, answers.key) {
        (_, Some(true)) => {
            bad.push("our own session keyring can be read".to_owned());
            String::new()
        }
        (Ok(_), Some(false)) if planted.is_seen_here() => "our key cannot be seen".to_owned(),
        (Err(why), _) => why.clone(),
        (Ok(_), None | Some(false)) if bad.is_empty() => {
            return Seen::blind("our own key cannot be seen from here either");
        }
        _ => String::new(),
    };
    let namespaces = match answers.namespace {
        Some(true) => {
            bad.push("a further user namespace can be made".to_owned());
            ""
        }
        Some(false) => "no further namespace",
        None => "namespaces not tried: unshare is not installed",
    };
    bad.sort();
    bad.dedup();
    if bad.is_empty() {
        Seen::Good(format!("{keys}, {namespaces}, system calls of {looked} processes filtered"))
    } else {
        Seen::Bad(bad.join(", "))
    }
}

/// What a process lacks, by its `/proc/PID/status` (`proc(5)`).
fn lacks(status: &str) -> Vec<String> {
    let field = |name: &str| {
        status.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':')).map_or("", str::trim).to_owned()
    };
    let none = |text: String| !text.is_empty() && text.bytes().all(|b| b == b'0');
    let rules = [
        (field("Seccomp") == "2", "system calls are not filtered"),
        (field("NoNewPrivs") == "1", "rights can be gained by set-user-id programs"),
        (none(field("CapEff")) && none(field("CapPrm")), "capabilities are left"),
    ];
    rules.into_iter().filter(|r| !r.0).map(|r| r.1.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let good = "Name:\tpostgres\nCapPrm:\t0000\nCapEff:\t0000\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n";
        assert_eq!(lacks(good), Vec::<String>::new());
        for (from, to) in [
            ("Seccomp:\t2", "Seccomp:\t0"),
            ("NoNewPrivs:\t1", "x:\t1"),
            ("CapEff:\t0000", "CapEff:\t0001"),
            ("CapPrm:\t0000", ""),
        ] {
            assert_eq!(lacks(&good.replace(from, to)).len(), 1, "{from}");
        }
        assert_eq!(lacks("").len(), 3);
    }
}
