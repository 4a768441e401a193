//! What a trial run inside a jail saw: the level is what it proves.

use std::collections::{BTreeMap, BTreeSet};

use super::procfs;

/// Namespaces that are compared with ours (`namespaces(7)`).
const NAMESPACES: [&str; 5] = ["net", "mnt", "pid", "ipc", "user"];

/// Prints what [`Inside::parse`] reads.
pub(super) const SCRIPT: &str = "echo root /* && for n in net mnt pid ipc user; do readlink /proc/self/ns/$n || exit 1; \
     done && id -u && cat /proc/self/status && echo network && cat /proc/self/net/dev";

/// What a command inside the jail saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inside {
    pub uid: u32,
    namespaces: BTreeMap<&'static str, String>,
    root: BTreeSet<String>,
    capabilities: Option<u64>,
    no_new_privs: bool,
    filtered: bool,
    interfaces: Vec<String>,
}

impl Inside {
    pub fn parse(text: &str) -> Option<Self> {
        let (head, dev) = text.split_once("\nnetwork\n")?;
        let mut lines = head.lines();
        let root = lines.next()?.strip_prefix("root ")?;
        let mut namespaces = BTreeMap::new();
        for name in NAMESPACES {
            namespaces.insert(name, lines.next().filter(|l| l.starts_with(name))?.to_owned());
        }
        let uid = lines.next()?.parse().ok()?;
        let status: BTreeMap<&str, &str> = lines.filter_map(|l| l.split_once(':')).collect();
        let field = |name: &str| status.get(name).map(|v| v.trim());
        Some(Self {
            uid,
            namespaces,
            root: root.split(' ').map(|n| n.trim_start_matches('/').to_owned()).collect(),
            capabilities: field("CapEff").and_then(|v| u64::from_str_radix(v, 16).ok()),
            no_new_privs: field("NoNewPrivs") == Some("1"),
            filtered: field("Seccomp") == Some("2"),
            interfaces: procfs::interfaces(dev),
        })
    }

    /// Whether it is in another namespace of this kind than we are.
    pub fn is_apart(&self, namespace: &str) -> bool {
        let ours = std::fs::read_link(format!("/proc/self/ns/{namespace}")).map(|p| p.to_string_lossy().into_owned());
        ours.is_ok_and(|ours| self.namespaces.get(namespace).is_some_and(|theirs| *theirs != ours))
    }

    /// Why the network is not empty and apart (I2); `None` where it is.
    pub fn lacks_network(&self) -> Option<String> {
        if !self.is_apart("net") {
            return Some("the network namespace is the host's".to_owned());
        }
        let more: Vec<&str> = self.interfaces.iter().map(String::as_str).filter(|i| *i != "lo").collect();
        (!more.is_empty()).then(|| format!("the network namespace holds {}", more.join(" ")))
    }

    /// Why it is not sealed off as I3 demands; `None` where it is. `allowed` is
    /// what the root directory may hold.
    pub fn lacks_walls(&self, allowed: &BTreeSet<&str>) -> Option<String> {
        if let Some(why) = self.lacks_network() {
            return Some(why);
        }
        if let Some(shared) = ["mnt", "pid", "ipc"].into_iter().find(|n| !self.is_apart(n)) {
            return Some(format!("the {shared} namespace is the host's"));
        }
        if self.capabilities != Some(0) {
            return Some("it keeps capabilities".to_owned());
        }
        if !self.no_new_privs {
            return Some("no_new_privs is not set".to_owned());
        }
        if !self.filtered {
            return Some("its system calls are not filtered".to_owned());
        }
        let more: Vec<&str> = self.root.iter().map(String::as_str).filter(|n| !allowed.contains(n)).collect();
        (!more.is_empty()).then(|| format!("of the host's files, {} stay visible", more.join(" ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(change: impl Fn(&str) -> String) -> Inside {
        let text = "root /bin /usr /proc\nnet:[1]\nmnt:[2]\npid:[3]\nipc:[4]\nuser:[5]\n101\nName:\tcat\n\
             CapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\nnetwork\nInter-| Receive\n face |bytes\n    lo: 0 0\n";
        Inside::parse(&change(text)).unwrap()
    }

    #[test]
    fn only_what_is_sealed_off_on_every_side_is_i3() {
        let allowed = BTreeSet::from(["bin", "usr", "proc"]);
        let sealed = text(str::to_owned);
        assert_eq!((sealed.uid, sealed.lacks_walls(&allowed)), (101, None));
        let own = |n: &str| std::fs::read_link(format!("/proc/self/ns/{n}")).unwrap().to_string_lossy().into_owned();
        for (from, to, why) in [
            ("net:[1]", own("net"), "network namespace is the host's"),
            ("mnt:[2]", own("mnt"), "mnt namespace is the host's"),
            ("pid:[3]", own("pid"), "pid namespace is the host's"),
            ("ipc:[4]", own("ipc"), "ipc namespace is the host's"),
            ("lo: 0 0", "lo: 0 0\n  eth0: 1 2".into(), "holds eth0"),
            ("/proc\n", "/proc /home /srv\n".into(), "home srv stay visible"),
            ("0000000000000000", "0000000000000001".into(), "capabilities"),
            ("CapEff", "CapNone".into(), "capabilities"),
            ("NoNewPrivs:\t1", "NoNewPrivs:\t0".into(), "no_new_privs"),
            ("Seccomp:\t2", "Seccomp:\t0".into(), "not filtered"),
        ] {
            let said = text(|t| t.replacen(from, &to, 1)).lacks_walls(&allowed);
            assert!(said.as_ref().is_some_and(|s| s.contains(why)), "{why}: {said:?}");
        }
        assert!(text(|t| t.replace("mnt:[2]", &own("mnt"))).lacks_network().is_none());
        assert!(!text(|t| t.replace("user:[5]", &own("user"))).is_apart("user"));
    }

    #[test]
    fn what_is_cut_off_is_not_believed() {
        for cut in ["", "root /bin\nnet:[1]\n", "root /bin\nnet:[1]\nmnt:[2]\npid:[3]\nuser:[5]\nipc:[4]\n0\nnetwork\n"]
        {
            assert_eq!(Inside::parse(cut), None, "{cut:?}");
        }
    }
}
