//! EXP-KEY-002: files with keys are closed, and lie where keys may lie.

use std::path::{Path, PathBuf};

use crate::exposure::house::House;
use crate::exposure::house::modes::{Limit, judge};
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::{About, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-KEY-002",
        title: "key files are closed, on a local disk, and in no repository of source code",
        severity: Severity::High,
        planes: &[Plane::House],
        guide: &[10, 20],
        refs: &["SRG-APP-000176"],
        why: "The signing key makes backups that every restore believes; the identity opens all of them. A key on a \
              file server or in a git work tree is in more places than anybody can count, and in their backups.",
        inspects: "keys.signing_key, keys.report_key and keys.identity: mode 0600 or less, owner this user or root, no \
                   access list, no directory above that others can write; the file system they lie on (NFS, SMB, 9p \
                   and other network file systems are findings); a .git above them.",
        remedy: "chmod 600 FILE. Move the key to a local disk outside of work trees, or hand it over as a systemd \
                 credential (LoadCredential=). If it was ever committed or shared, make a new one.",
        false_positives: "A credential that a CI system mounts as 0440 for the job's own group.",
        source: "sshkey_perm_ok of OpenSSH; statfs(2).",
    },
    look: Look::House(look),
};

/// Magic numbers of network file systems (`linux/magic.h`).
const NETWORK: &[(i64, &str)] = &[
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xfe53_4d42, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0x0102_1997, "9p"),
    (0x5346_414f, "AFS"),
    (0x00c3_6400, "Ceph"),
    (0x6573_5546, "FUSE"),
];

fn look<'a>(house: &'a House<'a>) -> Looking<'a> {
    Box::pin(std::future::ready(Ok(judged(house))))
}

fn judged(house: &House<'_>) -> Seen {
    let keys = &house.config.keys;
    let mut all: Vec<&PathBuf> =
        [&keys.signing_key, &keys.report_key, &keys.identity].into_iter().filter_map(Option::as_ref).collect();
    all.sort();
    all.dedup();
    let mut seen = Seen::default();
    for path in all {
        let mut more = Vec::new();
        more.extend(network(path).map(|kind| format!("it lies on a network file system ({kind})")));
        more.extend(work_tree(path).map(|tree| format!("it lies in the git work tree {}", tree.display())));
        if !judge(path, Limit::Closed, house.uid, &more, &mut seen) {
            seen.present += 1;
            seen.open.push(format!("{} is configured and not there", path.display()));
        }
    }
    if seen.present == 0 {
        seen.note = Some("no key is configured on this host".into());
    }
    seen
}

fn network(path: &Path) -> Option<&'static str> {
    let magic = rustix::fs::statfs(path).ok()?.f_type;
    NETWORK.iter().find(|(m, _)| *m == magic).map(|(_, kind)| *kind)
}

fn work_tree(path: &Path) -> Option<PathBuf> {
    let real = path.canonicalize().ok()?;
    real.ancestors().skip(1).find(|d| d.join(".git").exists()).map(Path::to_owned)
}
