//! What a backup is called: `shop@latest`, `shop@latest-proven`,
//! `shop@2026-11-20`, `shop@#42`, an id, or an unambiguous prefix of one.

use std::str::FromStr;

use jiff::civil::Date;

use super::load::{Catalog, Entry};
use super::proof::Proof;
use crate::error::{Code, Error, Result, Stage};
use crate::manifest::clock::SKEW;
use crate::manifest::{Fault, Problem};
use crate::types::SourceName;

/// A way to name a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The newest of a source. Never an older one when the newest is bad.
    Latest(SourceName),
    /// The newest that a signed drill report proved.
    LatestProven(SourceName),
    /// The newest that was started on this day (UTC) or before.
    Day(SourceName, Date),
    /// The one with this number, whatever is wrong with it but its signature.
    Number(SourceName, u64),
    /// An id or the beginning of one, of any source.
    Id(String),
}

impl FromStr for Selector {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        let bad = |m: String| {
            Error::usage(m)
                .on(s)
                .hint("Name a backup as SOURCE@latest, SOURCE@latest-proven, SOURCE@2026-11-20, SOURCE@#42, or by its id or the beginning of it.")
        };
        if let Some((source, which)) = s.split_once('@') {
            let source: SourceName = source.parse().map_err(bad)?;
            return match which {
                "latest" => Ok(Self::Latest(source)),
                "latest-proven" => Ok(Self::LatestProven(source)),
                number if number.starts_with('#') => match number[1..].parse() {
                    Ok(seq) => Ok(Self::Number(source, seq)),
                    Err(_) => Err(bad("what follows @# is not a number".into())),
                },
                day => day
                    .parse()
                    .map(|d| Self::Day(source, d))
                    .map_err(|_| bad("what follows @ is neither latest, latest-proven nor a day".into())),
            };
        }
        let plain = s.len() >= 4
            && s.len() <= 33
            && s.starts_with("20")
            && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if plain { Ok(Self::Id(s.to_owned())) } else { Err(bad("not a backup's name".into())) }
    }
}

impl Selector {
    /// The source, where the name says it.
    pub fn source(&self) -> Option<&SourceName> {
        match self {
            Self::Latest(s) | Self::LatestProven(s) | Self::Day(s, _) | Self::Number(s, _) => Some(s),
            Self::Id(_) => None,
        }
    }

    /// Finds the backup in the catalogs of all sources it may be in.
    ///
    /// For `latest`, the newest slot must itself be good: falling back to an
    /// older backup in silence is how bad backups go unnoticed.
    pub fn find<'a>(&self, catalogs: &'a [Catalog], proofs: &[Proof]) -> Result<&'a Entry> {
        let stranger = catalogs.iter().find_map(|c| c.stranger.as_deref());
        let missing = |what: String| Error::new(Code::Usage, Stage::Verify, what).hint(stranger.unwrap_or(LIST));
        let of = |source: &SourceName| catalogs.iter().find(|c| c.source == *source);
        if let Some(source) = self.source() {
            let catalog = of(source).ok_or_else(|| missing(format!("there is no source {source}")))?;
            return self.find_in(catalog, proofs);
        }
        let Self::Id(prefix) = self else { return Err(Error::internal("a name without source and id")) };
        let hits = catalogs.iter().flat_map(|c| {
            let called = |e: &&Entry| e.manifest.backup_id.as_str().starts_with(prefix.as_str());
            c.entries.iter().filter(called).map(move |e| (c, e))
        });
        let hits: Vec<(&Catalog, &Entry)> = hits.collect();
        let first = hits.first().map(|(_, e)| &e.manifest.backup_id);
        let one_id = hits.iter().all(|(_, e)| Some(&e.manifest.backup_id) == first);
        match hits.as_slice() {
            [] => Err(missing(format!("no backup with a good signature starts with {prefix}"))),
            [(_, one)] => Ok(one),
            _ if !one_id => Err(missing(format!("more than one backup starts with {prefix}"))),
            [(catalog, _), ..] => {
                // The same id twice: the one with which nothing is wrong, if it is one.
                let clean: Vec<&Entry> = hits.iter().filter(|(c, e)| is_clean(c, e)).map(|(_, e)| *e).collect();
                match clean.as_slice() {
                    [one] => Ok(one),
                    _ => Err(Error::new(
                        Code::History,
                        Stage::Verify,
                        format!("{} backups have the id {prefix}", hits.len()),
                    )
                    .on(catalog.source.as_str())
                    .hint(by_number(&catalog.source, &hits.iter().map(|(_, e)| *e).collect::<Vec<_>>()))),
                }
            }
        }
    }

    fn find_in<'a>(&self, catalog: &'a Catalog, proofs: &[Proof]) -> Result<&'a Entry> {
        let source = &catalog.source;
        let missing = |what: String| {
            Error::new(Code::Usage, Stage::Verify, what).hint(catalog.stranger.as_deref().unwrap_or(LIST))
        };
        if let Self::Number(_, seq) = self {
            let found = catalog.entries.iter().find(|e| e.manifest.seq == *seq);
            let unusable = |p: &&Problem| matches!(p.fault, Fault::Signature | Fault::Unreadable | Fault::Foreign);
            if let (None, Some(p)) = (found, catalog.problems_of(*seq).find(unusable)) {
                return Err(missing(p.text.clone()).with_code(p.code).on(format!("{source} slot {seq}")));
            }
            return found.ok_or_else(|| missing(format!("{source} has no backup #{seq} with a good signature")));
        }
        // Where something is hidden or was replaced, "the newest" is what somebody else chose.
        let newest = |p: &&Problem| matches!(self, Self::Latest(_)) && p.seq >= catalog.last_slot();
        if let Some(p) = catalog.problems.iter().find(|p| p.fault.hides() || newest(p)) {
            let what = if newest(&p) { "the newest backup cannot be used" } else { "backups were removed or replaced" };
            return Err(Error::new(p.code, Stage::Verify, format!("{what}: {}", p.text))
                .on(format!("{source} slot {}", p.seq))
                .hint(catalog.stranger.as_deref().unwrap_or(
                    "pgseal does not fall back to an older backup by itself; name one by its id after `pgseal verify`.",
                )));
        }
        match self {
            Self::LatestProven(_) => catalog
                .entries
                .iter()
                .rev()
                .find(|e| is_clean(catalog, e) && proofs.iter().any(|p| p.proves(e)))
                .ok_or_else(|| missing(format!("no backup of {source} has passed a drill yet"))),
            Self::Day(_, day) => of_day(catalog, *day),
            _ => catalog.head().ok_or_else(|| missing(format!("{source} has no backups"))),
        }
    }
}

/// The next step where a name means nothing.
const LIST: &str = "`pgseal list` shows what there is.";

/// Whether nothing is wrong with this very backup.
fn is_clean(catalog: &Catalog, entry: &Entry) -> bool {
    catalog.problems_of(entry.manifest.seq).next().is_none()
}

/// How to name backups where ids and days do not tell them apart.
fn by_number(source: &SourceName, entries: &[&Entry]) -> String {
    let names: Vec<String> = entries.iter().map(|e| format!("{source}@#{}", e.manifest.seq)).collect();
    format!("Find out with `pgseal verify` which one is right, then name it by its number: {}.", names.join(", "))
}

/// The newest that was begun on `day` or before. Only one that also stands before all
/// later ones: whoever can sign today can write any day into a manifest.
fn of_day(catalog: &Catalog, day: Date) -> Result<&Entry> {
    let date = |at| jiff::tz::TimeZone::UTC.to_datetime(at).date();
    // What is out of line is not of the day that it says.
    let clean: Vec<&Entry> = catalog.entries.iter().filter(|e| is_clean(catalog, e)).collect();
    let end = clean.iter().position(|e| date(e.manifest.started_at) > day).unwrap_or(clean.len());
    let behind = clean[end..].iter().rev().find(|e| date(e.manifest.started_at) <= day);
    let found = clean[..end].last();
    let on_time = |e: &Entry| e.stored_at.duration_since(e.manifest.finished_at) <= SKEW;
    // In a store that was copied all are late, from the first on.
    let late = found.filter(|e| !on_time(e) && date(e.stored_at) > day && clean.iter().take(end).any(|e| on_time(e)));
    let doubtful = |e: &Entry, why: String| {
        Error::new(
            Code::History,
            Stage::Verify,
            format!("whether backup #{} is of that day is doubtful: {why}", e.manifest.seq),
        )
        .on(format!("{}@{day}", catalog.source))
        .hint(by_number(&catalog.source, &found.into_iter().copied().chain([e]).collect::<Vec<_>>()))
    };
    if let Some(e) = behind {
        return Err(doubtful(
            e,
            format!("it says that it was begun at {}, but stands behind later ones", e.manifest.started_at),
        ));
    }
    if let Some(e) = late {
        return Err(doubtful(
            e,
            format!("it was finished at {}, and stored at {}", e.manifest.finished_at, e.stored_at),
        ));
    }
    found.copied().ok_or_else(|| {
        Error::new(Code::Usage, Stage::Verify, format!("{} has no backup of {day} or before", catalog.source))
            .hint(catalog.stranger.as_deref().unwrap_or(LIST))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Fault;
    use crate::manifest::parse::tests::sample;
    use crate::types::Digest;

    fn catalog(n: u64) -> Catalog {
        let entries = (1..=n)
            .map(|seq| {
                let mut manifest = sample(seq, None);
                manifest.backup_id = format!("202611{:02}T030000Z-0123456789abcde{seq}", 20 + seq).parse().unwrap();
                manifest.started_at = format!("2026-11-{:02}T03:00:00Z", 20 + seq).parse().unwrap();
                Entry {
                    manifest,
                    digest: Digest::of(&[seq as u8]),
                    signer: "k".into(),
                    stored_at: format!("2026-11-{:02}T03:00:00Z", 20 + seq).parse().unwrap(),
                }
            })
            .collect();
        Catalog {
            source: "shop".parse().unwrap(),
            entries,
            problems: vec![],
            stranger: None,
            seen: vec![],
            clock: crate::catalog::Clock { host: jiff::Timestamp::UNIX_EPOCH, store: Err("none".into()) },
            not_remembered: None,
            reports: crate::types::Known::Yes(()),
            slots: (1..=n).collect(),
            unproven: Vec::new(),
            foreign_objects: 0,
        }
    }

    fn find(name: &str, c: &Catalog) -> Result<u64> {
        name.parse::<Selector>()?.find(std::slice::from_ref(c), &[]).map(|e| e.manifest.seq)
    }

    #[test]
    fn names_find_what_they_say() {
        let c = catalog(3);
        assert_eq!(find("shop@latest", &c).unwrap(), 3);
        assert_eq!(find("shop@2026-11-22", &c).unwrap(), 2);
        assert_eq!(find("20261121", &c).unwrap(), 1);
        assert_eq!(find("shop@#2", &c).unwrap(), 2);
        for (name, text) in [
            ("shop@2026-11-20", "no backup of"),
            ("shop@latest-proven", "no backup of shop has passed"),
            ("202611", "more than one"),
            ("20251121", "no backup with"),
            ("other@latest", "no source"),
            ("shop@#4", "no backup #4"),
            ("shop@#", "not a number"),
            ("shop@yesterday", "what follows @"),
            ("../x", "not a backup's name"),
        ] {
            let e = find(name, &c).unwrap_err();
            assert!(e.text().contains(text), "{name}: {e}");
            assert_eq!(e.code(), Code::Usage, "{name}");
        }
        assert!(find("shop@latest", &catalog(0)).is_err());
    }

    #[test]
    fn latest_never_falls_back_to_an_older_backup() {
        let mut c = catalog(2);
        c.slots.push(3);
        c.problems.push(Problem::new(3, Fault::Signature, "bad signature"));
        assert_eq!(find("shop@latest", &c).unwrap_err().code(), Code::Untrusted);
        assert_eq!(find("20261122", &c).unwrap(), 2);
    }

    #[test]
    fn a_slot_that_holds_no_usable_manifest_is_told_as_verify_tells_it() {
        let mut c = catalog(2);
        c.slots.push(3);
        for (fault, code) in
            [(Fault::Unreadable, Code::Corrupt), (Fault::Signature, Code::Untrusted), (Fault::Foreign, Code::History)]
        {
            c.problems = vec![Problem::new(3, fault, "not a manifest: x")];
            let e = find("shop@#3", &c).unwrap_err();
            assert!(e.code() == code && e.text() == "not a manifest: x", "{e:?}");
        }
        c.problems = vec![Problem { code: Code::Limit, ..Problem::new(3, Fault::Unreadable, "too large") }];
        assert_eq!(find("shop@#3", &c).unwrap_err().code(), Code::Limit);
    }

    #[test]
    fn a_day_is_never_that_of_a_back_dated_backup() {
        let back_dated = |day: u8, faults: &[Fault]| {
            let mut c = catalog(4);
            let m = &mut c.entries[3].manifest;
            m.started_at = format!("2026-11-{day}T03:00:00Z").parse().unwrap();
            c.problems.extend(faults.iter().map(|f| Problem::new(4, *f, "x")));
            c
        };
        // Known to be out of line: as if it were not there.
        assert_eq!(find("shop@2026-11-22", &back_dated(22, &[Fault::Clock])).unwrap(), 2);
        // It says that it took days: nobody can tell.
        let e = find("shop@2026-11-22", &back_dated(22, &[])).unwrap_err();
        assert_eq!(e.code(), Code::History);
        assert!(e.next_step().unwrap().contains("shop@#2, shop@#4"), "{e:?}");
        assert_eq!(find("shop@2026-11-23", &back_dated(22, &[])).unwrap_err().code(), Code::History);
        // Of the day before, received days later; but not where all were.
        let mut c = catalog(4);
        c.entries[3].stored_at += jiff::SignedDuration::from_hours(72);
        assert_eq!(find("shop@2026-11-24", &c).unwrap_err().code(), Code::History);
        assert_eq!(find("shop@2026-11-27", &c).unwrap(), 4);
        assert_eq!(find("shop@2026-11-23", &c).unwrap(), 3);
        for e in &mut c.entries {
            e.stored_at = "2026-12-24T03:00:00Z".parse().unwrap();
        }
        assert_eq!(find("shop@2026-11-24", &c).unwrap(), 4);
    }

    #[test]
    fn of_two_with_one_id_the_right_one_or_none_is_found() {
        let mut c = catalog(3);
        c.entries[2].manifest.backup_id = c.entries[0].manifest.backup_id.clone();
        assert_eq!(find("20261121", &c).unwrap_err().code(), Code::History);
        c.problems.push(Problem::new(3, Fault::Id, "has the id of backup #1"));
        assert_eq!(find("20261121", &c).unwrap(), 1);
        c.problems.push(Problem::new(1, Fault::Fork, "x"));
        let e = find("20261121", &c).unwrap_err();
        assert!(e.next_step().unwrap().contains("shop@#1, shop@#3"), "{e:?}");
        assert_eq!(find("shop@#3", &c).unwrap(), 3);
    }

    #[test]
    fn where_something_is_hidden_only_what_is_named_is_found() {
        for fault in [Fault::Remembered, Fault::Reported] {
            let mut c = catalog(3);
            c.problems.push(Problem::new(1, fault, "x"));
            for name in ["shop@latest", "shop@2026-11-22", "shop@latest-proven"] {
                assert_eq!(find(name, &c).unwrap_err().code(), Code::History, "{name}");
            }
            assert_eq!(find("20261123", &c).unwrap(), 3);
            assert_eq!(find("shop@#3", &c).unwrap(), 3);
        }
        // A hole in the past, which says nothing of the newest.
        let mut c = catalog(3);
        c.problems.push(Problem::new(1, Fault::Gone, "x"));
        assert_eq!(find("shop@latest", &c).unwrap(), 3);
    }
}
