//! EXP-LEFT-003: no dump lies around in the clear.

use crate::exposure::contents::{ENOUGH, dump};
use crate::exposure::house::{House, file, walk};
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::{About, Found, Plane, Seen, Severity};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-LEFT-003",
        title: "no unencrypted dump of this user lies in scratch, temporary and home directories",
        severity: Severity::High,
        planes: &[Plane::House],
        guide: &[16, 22],
        refs: &["SRG-APP-000231"],
        why: "\"Just a quick dump before the migration\" is how a database leaves the building: sealed backups do not \
              help when the same data lies in somebody's home.",
        inspects: "The first 4 KiB of files in scratch and temporary directories and the home of this user, three \
                   levels deep: pg_dump archives (PGDMP), SQL of pg_dump and pg_dumpall, tar archives of dumps and \
                   base backups. Compressed files are not opened; what other users own is theirs (root sees all).",
        remedy: "Delete it, or seal it: pgseal backup SOURCE. Change passwords that were in a dump of globals.",
        false_positives: "Fixtures of tests: keep them in a work tree deeper than three levels, or waive them by path.",
        source: "pg_backup_archiver.h of PostgreSQL; POSIX ustar.",
    },
    look: Look::House(look),
};

fn look<'a>(house: &'a House<'a>) -> Looking<'a> {
    Box::pin(std::future::ready(Ok(judge(house))))
}

fn judge(house: &House<'_>) -> Seen {
    let mut seen = Seen::default();
    walk::each(&house.places, house.uid, &mut seen, |path, meta, seen| {
        if meta.is_dir() {
            return true;
        }
        if !meta.is_file() || meta.len() == 0 {
            return false;
        }
        seen.present += 1;
        match walk::head(path, ENOUGH) {
            Ok(head) => {
                seen.examined += 1;
                if let Some(what) = head.as_deref().and_then(dump) {
                    seen.add(Found::new(file(path), format!("{what}, {}", bytesize::ByteSize(meta.len()))));
                }
            }
            Err(e) => seen.open.push(format!("{} cannot be read: {e}", path.display())),
        }
        false
    });
    if seen.present == 0 && seen.open.is_empty() && seen.note.is_none() {
        seen.note = Some("there are no files in scratch, temporary and home directories".into());
    }
    seen
}
