//! EXP-STO-007: what the credential that writes backups may do besides, tried on
//! canaries.

use std::time::Duration;

use bytes::Bytes;

use crate::exposure::look::{Blind, Check, Look, Looking};
use crate::exposure::trail::Trail;
use crate::exposure::{About, Found, Plane, Seen, Severity};
use crate::store::s3_probe::Bucket;
use crate::store::s3_probe::canary::Put;
use crate::store::{Key, StoreError, layout};
use crate::types::ids::random_bytes;
use crate::types::{Digest, Known};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-STO-007",
        title: "the credential that writes backups can neither replace nor delete them",
        severity: Severity::High,
        planes: &[Plane::Trail],
        guide: &[8, 16, 25],
        refs: &["SRG-APP-000340"],
        why: "The database host is what an attacker has first, and its credential for the store with it. If that can \
              delete, the backups go with the database.",
        inspects: "With the credential of this host, on canaries below canary/: store one, store it again without \
                   \"create only\", delete it, delete a version of it, shorten its lock. Whether it can read sealed \
                   parts of old backups, and list the bucket above its prefix (both low). Where versions are kept, \
                   replacing and deleting hide, and are medium. Looks only where a signing key is configured: on \
                   other hosts there is no such credential.",
        remedy: "Give the backup host a policy like examples/iam/writer-policy.json: s3:PutObject only with \
                 if-none-match, no delete, no bypass; prune with another credential from another host. In a \
                 directory: let another user own it, or copy it to where this host cannot write.",
        false_positives: "A host that also prunes by design: move that to another host, or waive it. A directory \
                          always can be emptied by who owns it.",
        source: "Amazon S3 user guide, \"Enforce conditional writes on Amazon S3 buckets\".",
    },
    look: Look::Trail(look),
};

/// How long the canary's lock lasts: what is left behind goes by itself soon.
const LOCK: Duration = Duration::from_mins(10);

fn look<'a>(trail: &'a Trail<'a>) -> Looking<'a> {
    Box::pin(async move {
        if !trail.writes {
            return Ok(Seen::not_evaluated(
                "no signing key is configured: this host writes no backups. Audit the host that does",
            ));
        }
        let run = format!("audit-{}", hex::encode(random_bytes::<8>()?));
        match &trail.bucket {
            Some(bucket) => of_bucket(trail, bucket, &run).await,
            None => of_store(trail, &layout::canary(&run, "writer")).await,
        }
    })
}

/// A directory, or whatever else the store is: by its own operations.
async fn of_store(trail: &Trail<'_>, key: &Key) -> std::result::Result<Seen, Blind> {
    let store = trail.reading.store.as_ref();
    let body = Bytes::from_static(b"pgseal audit: a canary, may be deleted\n");
    stored(store.put_new(key, body.clone(), &Digest::of(&body)).await, key)?;
    let mut seen = Seen::all_of(1);
    match store.delete(key).await {
        Ok(()) => seen.add(Found::new("writer: delete", "whoever writes backups here can delete them")),
        Err(e @ StoreError::Denied(_)) => seen.note = Some(format!("the canary {key} stays: {e}")),
        Err(e) => return Err(Blind::Failed(e.about(key))),
    }
    Ok(seen)
}

/// A canary that could not be stored proves nothing about what may be done to it.
fn stored<T>(put: std::result::Result<T, StoreError>, key: &Key) -> std::result::Result<T, Blind> {
    put.map_err(|e| match e {
        StoreError::Denied(why) => Blind::Denied(format!("the credential may not store a canary: {why}")),
        e => Blind::Failed(e.about(key)),
    })
}

async fn of_bucket(trail: &Trail<'_>, bucket: &Bucket, run: &str) -> std::result::Result<Seen, Blind> {
    let mut probe = Probe { bucket, seen: Seen::default(), left: Vec::new() };
    let key = layout::canary(run, "writer");
    let first = match bucket.put_canary(&key, Put::Over).await {
        Ok(version) => version,
        // A policy that demands "create only" refuses this put: then it cannot replace either.
        Err(StoreError::Denied(_)) => return create_only(trail, probe, run).await,
        Err(e) => return Err(Blind::Failed(e.about(&key))),
    };
    let versions = first.is_some();
    let bad = if versions { Severity::Medium } else { Severity::High };
    let behind = if versions { ", though the older version stays" } else { "" };
    let second = bucket.put_canary(&key, Put::Over).await;
    let replaced = second.is_ok();
    probe.tell("replace", replaced, bad, &format!("it can replace objects{behind}"), second.as_ref().err());
    let gone = bucket.delete_canary(&key, None, false).await;
    let hidden = if versions { ", though its versions stay" } else { "" };
    probe.tell("delete", gone.is_ok(), bad, &format!("it can delete objects{hidden}"), gone.as_ref().err());
    if gone.is_err() && !versions {
        probe.left.push(key.clone());
    }
    for (n, version) in [first, second.ok().flatten()].into_iter().flatten().enumerate() {
        let gone = bucket.delete_canary(&key, Some(&version), false).await;
        if gone.is_err() {
            probe.left.push(key.clone());
        }
        if n == 0 {
            let what = "it can delete versions: nothing can be brought back";
            probe.tell("delete a version", gone.is_ok(), Severity::High, what, gone.as_ref().err());
        }
    }
    lock(&mut probe, run).await;
    besides(trail, &mut probe).await;
    Ok(probe.done())
}

/// The credential may only create: whether it may also delete is tried on a
/// canary that was created.
async fn create_only(trail: &Trail<'_>, mut probe: Probe<'_>, run: &str) -> std::result::Result<Seen, Blind> {
    let key = layout::canary(run, "created");
    let version = stored(probe.bucket.put_canary(&key, Put::New).await, &key)?;
    probe.tell("replace", false, Severity::High, "", None);
    let gone = probe.bucket.delete_canary(&key, None, false).await;
    probe.tell("delete", gone.is_ok(), Severity::High, "it can delete objects", gone.as_ref().err());
    let mut left = gone.is_err();
    if let Some(version) = &version {
        let gone = probe.bucket.delete_canary(&key, Some(version), false).await;
        let what = "it can delete versions: nothing can be brought back";
        probe.tell("delete a version", gone.is_ok(), Severity::High, what, gone.as_ref().err());
        left = gone.is_err();
    }
    if left {
        probe.left.push(key);
    }
    lock(&mut probe, run).await;
    besides(trail, &mut probe).await;
    Ok(probe.done())
}

/// Locks, where the bucket has any.
async fn lock(probe: &mut Probe<'_>, run: &str) {
    match probe.bucket.lock().await {
        Known::Yes(Some(_)) => {}
        Known::Yes(None) => return,
        Known::No(why) => return probe.unclear(why),
    }
    let key = layout::canary(run, "locked");
    // A policy may demand longer locks than a canary should have: then a canary
    // without a lock shows whether it may be given a short one.
    let (put, locked) = match probe.bucket.put_canary(&key, Put::Locked(LOCK)).await {
        Err(StoreError::Denied(_)) => (probe.bucket.put_canary(&key, Put::New).await, false),
        other => (other, true),
    };
    let version = match put {
        Ok(version) => version,
        Err(e) => return probe.unclear(format!("a canary for locks could not be stored: {e}")),
    };
    let shortened = probe.bucket.shorten_canary(&key, version.as_deref()).await;
    if locked || shortened.is_err() {
        let what = "it can shorten a governance lock: locks do not hold against this host";
        probe.tell("shorten a lock", shortened.is_ok(), Severity::High, what, shortened.as_ref().err());
    } else {
        probe.unclear("it can set short locks; whether it can shorten long ones was not tried".into());
    }
    let gone = probe.bucket.delete_canary(&key, version.as_deref(), true).await;
    if locked {
        let what = "it can delete what a governance lock holds";
        probe.tell("override a lock", gone.is_ok(), Severity::High, what, gone.as_ref().err());
    }
    if gone.is_err() {
        probe.left.push(key);
    }
}

/// What a writer does not need.
async fn besides(trail: &Trail<'_>, probe: &mut Probe<'_>) {
    if let Some(newest) = trail.newest() {
        let facts = layout::facts(&newest.manifest.source, &newest.manifest.backup_id);
        let read = trail.reading.store.peek(&facts, 1, &mut Vec::new()).await;
        let what = "it can read the sealed parts of old backups, which no backup needs";
        probe.tell("read", read.is_ok(), Severity::Low, what, read.as_ref().err());
    }
    if !probe.bucket.prefix().is_empty() {
        let listed = probe.bucket.lists_all().await;
        let what = "it can list the bucket above its own prefix";
        probe.tell("list", listed.is_ok(), Severity::Low, what, listed.as_ref().err());
    }
}

/// What was seen so far, and the canaries that could not be taken away.
struct Probe<'b> {
    bucket: &'b Bucket,
    seen: Seen,
    left: Vec<Key>,
}

impl Probe<'_> {
    /// One attempt: it went through, it was refused, or nothing is known.
    fn tell(&mut self, attempt: &str, went: bool, severity: Severity, what: &str, error: Option<&StoreError>) {
        self.seen.present += 1;
        match error {
            None | Some(StoreError::Denied(_) | StoreError::Exists) => {
                self.seen.examined += 1;
                if went {
                    self.seen.add(Found::new(format!("writer: {attempt}"), what).at(severity));
                }
            }
            Some(e) => self.seen.open.push(format!("whether it can {attempt}: {e}")),
        }
    }

    /// Something could not be tried.
    fn unclear(&mut self, why: String) {
        self.seen.present += 1;
        self.seen.open.push(why);
    }

    fn done(mut self) -> Seen {
        self.left.dedup();
        if !self.left.is_empty() {
            let keys: Vec<&str> = self.left.iter().map(Key::as_str).collect();
            self.seen.note = Some(format!("canaries stay that could not be deleted: {}", keys.join(", ")));
        }
        self.seen
    }
}
