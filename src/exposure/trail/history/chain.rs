//! EXP-MAN-001: every manifest is signed by a key that the operator pinned.
//! EXP-BKP-004: the history is whole, and no shorter than this host saw it before.

use crate::error::Code;
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::trail::{Trail, ready};
use crate::exposure::{About, Found, Plane, Seen, Severity};
use crate::manifest::Problem;

/// EXP-MAN-001.
pub const SIGNED: Check = Check {
    about: About {
        id: "EXP-MAN-001",
        title: "every manifest is signed by a pinned key",
        severity: Severity::Critical,
        planes: &[Plane::Trail],
        guide: &[16, 23],
        refs: &["SRG-APP-000131"],
        why: "A restore runs the SQL that a backup holds. A manifest that nobody you know has signed is a way to run \
              code on the host that restores, and to hand you data that never was in your database.",
        inspects: "The manifest of every slot: the OpenSSH signature over its stored bytes, by an Ed25519 key of \
                   keys.allowed_signers that may sign for this source, was valid when the store received it, and is \
                   not revoked. No other algorithm is taken.",
        remedy: "Do not restore from these slots. If the key is yours, add its line to keys.allowed_signers by hand, \
                 never from the store; if not, find out who can write there.",
        false_positives: "A backup host that got a new signing key whose line has not reached this host yet.",
        source: "OpenSSH PROTOCOL.sshsig; ssh-keygen(1), \"ALLOWED SIGNERS\".",
    },
    look: Look::Trail(signed),
};

/// EXP-BKP-004.
pub const CHAIN: Check = Check {
    about: About {
        id: "EXP-BKP-004",
        title: "the signed history of backups is whole and was not rolled back",
        severity: Severity::High,
        planes: &[Plane::Trail],
        guide: &[16, 25],
        refs: &[],
        why: "Who can delete from the store can hide the newest backups and leave an older one as the latest, or take \
              away those that would show what was done. Signatures alone do not notice what is missing.",
        inspects: "Slots without a manifest, manifests that do not follow the one before, of another source or \
                   repository, of another database system, with impossible times; and whether the history reaches at \
                   least as far, with the same bytes, as this host saw it before.",
        remedy: "Run `pgseal verify SOURCE`. Bring deleted objects back from versions of the bucket or a second copy, \
                 and find out who can delete there.",
        false_positives: "Slots that were pruned by hand without a manifest that lists them as skipped.",
        source: "pgseal's FORMAT.md, \"The chain\"; The Update Framework, \"rollback and freeze attacks\".",
    },
    look: Look::Trail(whole),
};

fn signed<'a>(trail: &'a Trail<'a>) -> Looking<'a> {
    ready(judge(trail, |p| p.code == Code::Untrusted))
}

fn whole<'a>(trail: &'a Trail<'a>) -> Looking<'a> {
    let mut seen = judge(trail, |p| p.code != Code::Untrusted);
    if trail.catalog.seen.is_empty() && seen.present > 0 {
        // Half of the question has no answer here: no pass.
        seen.open.push(
            "this host never saw the history before, so that a rollback cannot be noticed; from now on it remembers it"
                .into(),
        );
    }
    ready(seen)
}

fn judge(trail: &Trail<'_>, mine: fn(&Problem) -> bool) -> Seen {
    let catalog = &trail.catalog;
    let mut seen = Seen::all_of(catalog.slots.len());
    for p in catalog.problems.iter().filter(|p| mine(p)) {
        // A slot that is gone is a thing that is not there and was looked for.
        if !catalog.slots.contains(&p.seq) {
            seen.present += 1;
            seen.examined += 1;
        }
        seen.add(Found::new(format!("slot {}", p.seq), p.text.clone()));
    }
    if seen.present == 0 {
        seen.note = Some("the source has no backups".into());
    }
    seen
}
