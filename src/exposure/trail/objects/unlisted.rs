//! EXP-BKP-003: what lies in the store is named by a signed manifest, and what a
//! signed manifest names lies there.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::catalog::Entry;
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::trail::{Trail, backup, object, ready};
use crate::exposure::{About, Found, Plane, Seen, Severity};
use crate::manifest::parts;
use crate::store::layout;

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-BKP-003",
        title: "every object is named by a signed manifest, and every named object is there",
        severity: Severity::Medium,
        planes: &[Plane::Trail],
        guide: &[16, 22],
        refs: &[],
        why: "What nobody names is watched by nobody: leftovers of broken runs, copies that somebody put there, data \
              that outlives its deletion date. And a backup whose parts are gone looks whole until the day it is \
              needed.",
        inspects: "The keys below the source's prefix, and those outside every source. Parts, facts and receipts of \
                   all signed manifests are expected, as are manifests, signatures and reports by their names. \
                   Objects younger than a day may belong to a backup that is under way.",
        remedy: "Missing: run `pgseal verify SOURCE`, and look for a version of the object that can be brought back. \
                 Unlisted: `pgseal sweep` removes what dead runs left; find out who wrote the rest.",
        false_positives: "A file of somebody else who shares the bucket: give pgseal a prefix of its own.",
        source: "pgseal's FORMAT.md, \"Layout\".",
    },
    look: Look::Trail(look),
};

/// How long a backup may be under way.
const UNDER_WAY: SignedDuration = SignedDuration::from_hours(24);

fn look<'a>(trail: &'a Trail<'a>) -> Looking<'a> {
    ready(judge(trail))
}

fn judge(trail: &Trail<'_>) -> Seen {
    let wanted = wanted(trail);
    let there: BTreeSet<&str> = trail.objects.iter().map(|o| o.key.as_str()).collect();
    let mut seen = Seen::default();
    for (entry, keys) in &wanted {
        let missing: Vec<&String> = keys.iter().filter(|k| !there.contains(k.as_str())).collect();
        if let Some(first) = missing.first() {
            let what = format!("{} of its {} objects are gone, {first} among them", missing.len(), keys.len());
            seen.add(Found::new(backup(entry), what).at(Severity::High));
        }
    }
    let named: BTreeSet<&str> = wanted.iter().flat_map(|(_, keys)| keys.iter().map(String::as_str)).collect();
    // By directory: a backup that broke off has thousands of parts.
    let mut unlisted: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut under_way = 0;
    for o in trail.objects.iter().filter(|o| trail.ours(&o.key)) {
        seen.present += 1;
        seen.examined += 1;
        if named.contains(o.key.as_str()) || expected(trail, &o.key) {
            continue;
        }
        if young(o.modified, trail.now) {
            under_way += 1;
            continue;
        }
        let slot = unlisted.entry(place(trail, &o.key)).or_default();
        slot.0 += 1;
        slot.1 += o.size;
    }
    for (place, (objects, bytes)) in unlisted {
        let what = format!("{objects} unlisted objects ({})", bytesize::ByteSize(bytes));
        seen.add(Found::new(place, what));
    }
    let missing: usize =
        wanted.iter().map(|(_, keys)| keys.iter().filter(|k| !there.contains(k.as_str())).count()).sum();
    seen.present += missing as u64;
    seen.examined += missing as u64;
    if under_way > 0 {
        seen.note = Some(format!("{under_way} unlisted objects are younger than a day: a backup may be under way"));
    } else if seen.present == 0 {
        seen.note = Some("the store is empty".into());
    }
    seen
}

/// The data objects that signed manifests name.
fn wanted<'t>(trail: &'t Trail<'_>) -> Vec<(&'t Entry, Vec<String>)> {
    let keys = |e: &Entry| {
        let m = &e.manifest;
        let mut keys = vec![m.facts.key.clone()];
        for s in &m.streams {
            let part = |n: u64| layout::part(&m.source, &m.backup_id, &s.reference, n as usize).to_string();
            keys.extend((1..=s.parts).map(part));
        }
        if matches!(parts::pointer(m), Ok(Some(_))) {
            keys.push(layout::parts_list(&m.source, &m.backup_id).to_string());
        }
        keys
    };
    trail.catalog.entries.iter().map(|e| (e, keys(e))).collect()
}

/// Keys that no manifest names, and that pgseal writes all the same.
fn expected(trail: &Trail<'_>, key: &str) -> bool {
    let report = |k: &str| layout::read_report_key(trail.source, k).is_some();
    key == layout::repo().as_str()
        || layout::read_manifest_key(trail.source, key).is_some()
        || report(key)
        || key.strip_suffix(".sig").is_some_and(report)
}

/// One line for all of a backup that nobody names, and for the canaries.
fn place(trail: &Trail<'_>, key: &str) -> String {
    let data = format!("{}d/", layout::source_prefix(trail.source));
    if let Some((id, _)) = key.strip_prefix(&data).and_then(|k| k.split_once('/'))
        && !trail.catalog.entries.iter().any(|e| e.manifest.backup_id.as_str() == id)
    {
        return format!("prefix {data}{id}/");
    }
    if key.starts_with("canary/") { "prefix canary/".into() } else { object(key) }
}

fn young(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at) < UNDER_WAY
}
