//! EXP-KEY-001: no secret key lies in the store. Keys on this host are the house's
//! business (EXP-KEY-006): another place, another remedy, another waiver.

use futures_util::stream::{self, StreamExt as _};

use crate::exposure::contents::Contents;
use crate::exposure::contents::{ENOUGH, secret_key};
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::trail::objects::heads::Head;
use crate::exposure::trail::{Trail, object};
use crate::exposure::{About, Found, Plane, Seen, Severity};
use crate::store::{Key, ObjectMeta};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-KEY-001",
        title: "no secret key lies in the store beside what it opens",
        severity: Severity::Critical,
        planes: &[Plane::Trail],
        guide: &[10, 16, 17],
        refs: &["SRG-APP-000231"],
        why: "Sealing rests on the identity being somewhere else. With the key in the bucket, one leaked read \
              credential is every backup ever made.",
        inspects: "Every object of the store that is not itself sealed, of other sources too: the first 4 KiB, and \
                   all of it up to 1 MiB, for age identities (AGE-SECRET-KEY-1…) and private keys in PEM form. What \
                   is found is never repeated.",
        remedy: "Take the key as leaked. Make a new identity, put its recipient into keys.recipients, let the backups \
                 that the old one opens expire, and delete the object with all its versions.",
        false_positives: "A key that opens nothing of yours, of somebody who shares the bucket.",
        source: "age-encryption.org/v1, \"Identities\"; RFC 7468.",
    },
    look: Look::Trail(look),
};

/// Largest object that is read whole; no key file comes near.
const MOST: u64 = 1024 * 1024;

/// Requests at the same time.
const PARALLEL: usize = 16;

fn look<'a>(trail: &'a Trail<'a>) -> Looking<'a> {
    Box::pin(async move {
        let heads = trail.heads().await?;
        let mut seen = Seen::default();
        let mut closed = 0u64;
        let mut longer: Vec<ObjectMeta> = Vec::new();
        for (meta, head) in trail.objects.iter().zip(heads) {
            seen.present += 1;
            match head {
                Head::Closed(_) | Head::Left => closed += 1,
                Head::Read { key: Some(what), .. } => {
                    seen.examined += 1;
                    seen.add(Found::new(object(&meta.key), format!("it holds {what}")));
                }
                // Sealed: what is in it is not beside it.
                Head::Read { contents: Contents::Age, .. } => seen.examined += 1,
                Head::Read { .. } if meta.size > ENOUGH && meta.size <= MOST => longer.push(meta.clone()),
                Head::Read { .. } => seen.examined += 1,
            }
        }
        let read: Vec<(ObjectMeta, Result<Option<&'static str>, ()>)> = stream::iter(longer)
            .map(|meta| async move {
                let Ok(key) = Key::parse(&meta.key) else { return (meta, Err(())) };
                let mut bytes = Vec::new();
                let got = trail.reading.store.get(&key, MOST, &mut bytes).await;
                (meta, got.map(|()| secret_key(&bytes)).map_err(drop))
            })
            .buffered(PARALLEL)
            .collect()
            .await;
        for (meta, what) in read {
            match what {
                Ok(what) => {
                    seen.examined += 1;
                    seen.found.extend(what.map(|w| Found::new(object(&meta.key), format!("it holds {w}"))));
                }
                Err(()) => closed += 1,
            }
        }
        if closed > 0 {
            seen.open.push(format!("{closed} objects could not be read"));
        }
        if seen.present == 0 {
            seen.note = Some("the store is empty".into());
        }
        Ok(seen)
    })
}
