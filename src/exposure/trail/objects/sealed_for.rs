//! EXP-BKP-002: objects are sealed for whom the manifest names, and no one else.

use std::collections::BTreeMap;

use super::age_header::Kind;
use super::heads::Head;
use crate::catalog::Entry;
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::trail::{Trail, backup};
use crate::exposure::{About, Found, Plane, Seen, Severity};
use crate::store::layout;
use crate::types::shown;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-BKP-002",
        title: "backups are sealed for the declared recipients and for nobody else",
        severity: Severity::High,
        planes: &[Plane::Trail],
        guide: &[16, 17],
        refs: &[],
        why: "An age file can be opened by everyone it was sealed for, and does not say who that is. Whoever slips one \
              more recipient into the configuration of the backup host reads every backup from then on, and no \
              signature breaks.",
        inspects: "The age header of every sealed object: how many recipients, of which kind. Their number must be \
                   that of the signed manifest, and each an X25519 key. The manifest's own list is held against the \
                   recipients configured on this host, where there are any.",
        remedy: "Compare keys.recipients on the backup host with what you decided on; find out who changed it. What is \
                 sealed for a stranger counts as read: take such backups out, and rotate what they hold.",
        false_positives: "Around the day on which recipients are exchanged, older backups carry the old ones. age's \
                          own filler (a stanza called …-grease) is not counted.",
        source: "age-encryption.org/v1, section \"Recipient stanzas\".",
    },
    look: Look::Trail(look),
};

fn look<'a>(trail: &'a Trail<'a>) -> Looking<'a> {
    Box::pin(async move {
        let heads = trail.heads().await?;
        let prefix = format!("{}d/", layout::source_prefix(trail.source));
        let by_id: BTreeMap<&str, &Entry> =
            trail.catalog.entries.iter().map(|e| (e.manifest.backup_id.as_str(), e)).collect();
        let mut seen = Seen::default();
        let mut strange: BTreeMap<&str, (u64, String)> = BTreeMap::new();
        let (mut closed, mut unreadable) = (0u64, 0u64);
        for (meta, head) in trail.objects.iter().zip(heads) {
            let Some((id, name)) = meta.key.strip_prefix(&prefix).and_then(|k| k.split_once('/')) else { continue };
            // What no signed manifest declares is unlisted (EXP-BKP-003).
            let Some(entry) = by_id.get(id).filter(|_| name != "parts.json") else { continue };
            seen.present += 1;
            let header = match head {
                Head::Read { sealed: Some(Ok(header)), .. } => header,
                // Not sealed at all: EXP-BKP-001.
                Head::Read { sealed: None, .. } => {
                    seen.examined += 1;
                    continue;
                }
                Head::Read { sealed: Some(Err(_)), .. } => {
                    unreadable += 1;
                    continue;
                }
                Head::Closed(_) | Head::Left => {
                    closed += 1;
                    continue;
                }
            };
            seen.examined += 1;
            let declared = entry.manifest.encryption.recipients.len();
            let foreign = header.kinds.iter().find(|k| **k != Kind::X25519);
            let what = if let Some(kind) = foreign {
                format!("sealed for {}", kind.name())
            } else if header.kinds.len() != declared {
                format!("sealed for {} recipients, the manifest declares {declared}", header.kinds.len())
            } else if header.fillers > 1 {
                format!("{} stanzas pass for filler, age writes one", header.fillers)
            } else {
                continue;
            };
            strange.entry(id).or_insert_with(|| (0, format!("{} is {what}", shown(name)))).0 += 1;
        }
        for (id, (objects, first)) in strange {
            let more = if objects > 1 { format!(" ({} more objects likewise)", objects - 1) } else { String::new() };
            seen.add(Found::new(format!("backup {id}"), format!("{first}{more}")));
        }
        undeclared(trail, &mut seen);
        if closed > 0 {
            seen.open.push(format!("{closed} sealed objects could not be read"));
        }
        if unreadable > 0 {
            seen.open.push(format!("the age header of {unreadable} objects could not be understood"));
        }
        if seen.present == 0 {
            seen.note = Some("no backup with a good signature lies in the store".into());
        }
        Ok(seen)
    })
}

/// Recipients of the newest backup that are not configured here.
fn undeclared(trail: &Trail<'_>, seen: &mut Seen) {
    let Some(newest) = trail.newest() else { return };
    if trail.recipients.is_empty() {
        seen.note = Some("no recipients are configured on this host: the manifest's own list was believed".into());
        return;
    }
    for id in newest.manifest.encryption.recipients.iter().filter(|r| !trail.recipients.contains(r)) {
        let what = format!("the newest backup, {}, is sealed for it, and it is not configured here", backup(newest));
        seen.add(Found::new(format!("recipient {id}"), what));
    }
}
