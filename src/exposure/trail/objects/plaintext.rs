//! EXP-BKP-001: nothing lies in the store in the clear.

use super::heads::Head;
use crate::exposure::contents::Contents;
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::trail::{Trail, object};
use crate::exposure::{About, Found, Plane, Seen, Severity};
use crate::store::layout;
use crate::types::shown;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-BKP-001",
        title: "nothing that holds data lies in the store unencrypted",
        severity: Severity::Critical,
        planes: &[Plane::Trail],
        guide: &[16, 17],
        refs: &["SRG-APP-000231"],
        why: "Whoever reads the store reads what is not sealed: the provider, every administrator of the account, and \
              whoever finds a leaked credential. One forgotten dump beside sealed backups undoes the sealing of all of \
              them.",
        inspects: "The first 4 KiB of every object of the source, and of objects that belong to no source. Objects \
                   below d/ must begin with the header of an age file (parts.json alone is a list of hashes). \
                   Elsewhere dumps, archives, compressed files and SQL text are findings; manifests, signatures and \
                   reports are meant to be readable.",
        remedy: "Find out who wrote it, take it out of the store with all its versions, and treat what it holds as \
                 read. If pgseal's own parts are listed, somebody replaced them: run `pgseal verify SOURCE --deep`.",
        false_positives: "A file of somebody else who shares the bucket: give pgseal a prefix of its own.",
        source: "age-encryption.org/v1, section \"The header\"; magic numbers of the formats' own specifications.",
    },
    look: Look::Trail(look),
};

fn look<'a>(trail: &'a Trail<'a>) -> Looking<'a> {
    Box::pin(async move {
        let heads = trail.heads().await?;
        let mut seen = Seen::default();
        let (mut left, mut closed) = (0u64, 0u64);
        for (meta, head) in trail.objects.iter().zip(heads).filter(|(m, _)| trail.ours(&m.key)) {
            seen.present += 1;
            match head {
                Head::Left => left += 1,
                Head::Closed(_) => closed += 1,
                Head::Read { contents, .. } => {
                    seen.examined += 1;
                    if let Some(what) = wrong(trail, &meta.key, *contents) {
                        seen.add(Found::new(object(&meta.key), what));
                    }
                }
            }
        }
        if left > 0 {
            seen.open.push(format!("{left} of the oldest objects were not read: there are too many"));
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

/// What is wrong with an object that begins like this.
fn wrong(trail: &Trail<'_>, key: &str, contents: Contents) -> Option<String> {
    let data = key.strip_prefix(&layout::source_prefix(trail.source)).and_then(|k| k.strip_prefix("d/"));
    let sealed = data.is_some_and(|k| !k.ends_with("/parts.json"));
    match contents {
        Contents::Plain(what) => Some(format!("it is not encrypted: it is {what}")),
        Contents::Empty if sealed => Some("it is not encrypted: it is empty".into()),
        Contents::Unknown if sealed => {
            Some(format!("it is not encrypted with age, though it lies where sealed parts lie ({})", shown(key)))
        }
        Contents::Age | Contents::Empty | Contents::Unknown => None,
    }
}
