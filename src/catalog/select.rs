//! What a backup is called: `shop@latest`, `shop@latest-proven`,
//! `shop@2026-11-20`, an id, or an unambiguous prefix of one.

use std::str::FromStr;

use jiff::civil::Date;

use super::load::{Catalog, Entry};
use super::proof::Proof;
use crate::error::{Code, Error, Result, Stage};
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
    /// An id or the beginning of one, of any source.
    Id(String),
}

impl FromStr for Selector {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        let bad = |m: String| {
            Error::usage(m)
                .on(s)
                .hint("Name a backup as SOURCE@latest, SOURCE@latest-proven, SOURCE@2026-11-20, or by its id or the beginning of it.")
        };
        if let Some((source, which)) = s.split_once('@') {
            let source: SourceName = source.parse().map_err(bad)?;
            return match which {
                "latest" => Ok(Self::Latest(source)),
                "latest-proven" => Ok(Self::LatestProven(source)),
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
            Self::Latest(s) | Self::LatestProven(s) | Self::Day(s, _) => Some(s),
            Self::Id(_) => None,
        }
    }

    /// Finds the backup in the catalogs of all sources it may be in.
    ///
    /// For `latest`, the newest slot must itself be good: falling back to an
    /// older backup in silence is how bad backups go unnoticed.
    pub fn find<'a>(&self, catalogs: &'a [Catalog], proofs: &[Proof]) -> Result<&'a Entry> {
        let missing =
            |what: String| Error::new(Code::Usage, Stage::Verify, what).hint("`pgseal list` shows what there is.");
        let of = |source: &SourceName| catalogs.iter().find(|c| c.source == *source);
        match self {
            Self::Latest(source) => {
                let catalog = of(source).ok_or_else(|| missing(format!("there is no source {source}")))?;
                if let Some(p) = catalog.problems.iter().find(|p| p.seq >= catalog.last_slot()) {
                    return Err(Error::new(p.code, Stage::Verify, format!("the newest backup cannot be used: {}", p.text))
                        .on(format!("{source} slot {}", p.seq))
                        .hint("pgseal does not fall back to an older backup by itself; name one by its id after `pgseal verify`."));
                }
                catalog.head().ok_or_else(|| missing(format!("{source} has no backups")))
            }
            Self::LatestProven(source) => {
                let catalog = of(source).ok_or_else(|| missing(format!("there is no source {source}")))?;
                catalog
                    .entries
                    .iter()
                    .rev()
                    .find(|e| proofs.iter().any(|p| p.proves(e)))
                    .ok_or_else(|| missing(format!("no backup of {source} has passed a drill yet")))
            }
            Self::Day(source, day) => {
                let catalog = of(source).ok_or_else(|| missing(format!("there is no source {source}")))?;
                let on_or_before =
                    |e: &&Entry| jiff::tz::TimeZone::UTC.to_datetime(e.manifest.started_at).date() <= *day;
                catalog
                    .entries
                    .iter()
                    .rev()
                    .find(on_or_before)
                    .ok_or_else(|| missing(format!("{source} has no backup of {day} or before")))
            }
            Self::Id(prefix) => {
                let mut hits = catalogs
                    .iter()
                    .flat_map(|c| &c.entries)
                    .filter(|e| e.manifest.backup_id.as_str().starts_with(prefix.as_str()));
                match (hits.next(), hits.next()) {
                    (Some(one), None) => Ok(one),
                    (Some(_), Some(_)) => Err(missing(format!("more than one backup starts with {prefix}"))),
                    (None, _) => Err(missing(format!("no backup with a good signature starts with {prefix}"))),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::chain::Problem;
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
                    stored_at: jiff::Timestamp::UNIX_EPOCH,
                }
            })
            .collect();
        Catalog {
            source: "shop".parse().unwrap(),
            entries,
            problems: vec![],
            slots: (1..=n).collect(),
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
        for (name, text) in [
            ("shop@2026-11-20", "no backup of"),
            ("shop@latest-proven", "no backup of shop has passed"),
            ("202611", "more than one"),
            ("20251121", "no backup with"),
            ("other@latest", "no source"),
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
        c.problems.push(Problem { seq: 3, code: Code::Untrusted, text: "bad signature".into() });
        assert_eq!(find("shop@latest", &c).unwrap_err().code(), Code::Untrusted);
        assert_eq!(find("20261122", &c).unwrap(), 2);
    }
}
