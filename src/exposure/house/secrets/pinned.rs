//! EXP-KEY-005: the key that signs and the key that opens are on two hosts, and
//! signers are pinned outside of the store.

use crate::exposure::house::{House, file};
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::{About, Found, Plane, Seen, Severity};
use crate::store::directory;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-KEY-005",
        title: "the signing key and the identity are kept apart, and signers are pinned",
        severity: Severity::Medium,
        planes: &[Plane::House],
        guide: &[10, 16],
        refs: &[],
        why: "Who has both keys can read the backups and exchange them. And signers that are taken from where the \
              backups lie are the signers of whoever can write there.",
        inspects: "Whether keys.signing_key and keys.identity are both configured on this host; whether \
                   keys.allowed_signers is set, and lies outside of a store that is a directory.",
        remedy: "Database host: signing key, no identity. Drill host: identity and report key, no signing key. Put \
                 allowed_signers into configuration management, never into the bucket.",
        false_positives: "One host for all, to try pgseal out.",
        source: "THREATS.md of pgseal, trust roots; The Update Framework, \"key compromise\".",
    },
    look: Look::House(look),
};

fn look<'a>(house: &'a House<'a>) -> Looking<'a> {
    Box::pin(std::future::ready(Ok(judge(house))))
}

fn judge(house: &House<'_>) -> Seen {
    let keys = &house.config.keys;
    let mut seen = Seen::all_of(2);
    if let (Some(signer), Some(identity)) = (&keys.signing_key, &keys.identity)
        && signer.exists()
        && identity.exists()
    {
        let what = format!("the key that signs backups, {}, is on the same host", signer.display());
        seen.add(Found::new(file(identity), what));
    }
    let Some(pinned) = &keys.allowed_signers else {
        let what = "no signer is pinned: this host cannot tell a backup of yours from another";
        seen.add(Found::new("setting keys.allowed_signers", what));
        return seen;
    };
    let inside = |root: std::path::PathBuf| {
        pinned.canonicalize().ok().zip(root.canonicalize().ok()).is_some_and(|(file, root)| file.starts_with(root))
    };
    if directory(&house.config.repository.url).is_some_and(inside) {
        let what = "the pinned signers lie in the store: whoever can write there decides whom you believe";
        seen.add(Found::new(file(pinned), what).at(Severity::High));
    }
    seen
}
