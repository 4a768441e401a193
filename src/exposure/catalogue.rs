//! All checks, and the sections of the guide that they answer.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::look::Check;
use super::{code, drift, entry, house, policy, privileges, roles, secrets, settings, trail};

/// The 25 sections of the guide to PostgreSQL security in production, by number.
pub const GUIDE: [&str; 25] = [
    "Keep the server off the public internet",
    "Restrict the network to who needs it",
    "Encrypt connections with TLS",
    "Authenticate strongly",
    "Treat pg_hba.conf as a boundary",
    "No application as superuser",
    "Separate roles",
    "Least privilege on objects",
    "Tell humans from services",
    "Store secrets where they belong",
    "Rotate credentials, remove old ones",
    "Row-level security",
    "Internal tools are applications, too",
    "Extensions and dangerous features",
    "Patch",
    "Protect backups like live data",
    "Encrypt at rest",
    "Log the right things",
    "See failed logins and anomalies",
    "Admin paths and break-glass",
    "SQL injection and its blast radius",
    "Replicas and copies",
    "Restore securely",
    "Access drift",
    "Expect the incident",
];

const FAMILIES: &[&[Check]] = &[
    entry::CHECKS,
    roles::CHECKS,
    settings::CHECKS,
    privileges::CHECKS,
    code::CHECKS,
    secrets::CHECKS,
    trail::CHECKS,
    house::CHECKS,
    drift::CHECKS,
    policy::CHECKS,
];

/// Every check, family by family.
pub fn all() -> impl Iterator<Item = &'static Check> {
    FAMILIES.iter().copied().flatten()
}

/// The check of this id.
pub fn find(id: &str) -> Option<&'static Check> {
    static BY_ID: LazyLock<HashMap<&str, &Check>> = LazyLock::new(|| all().map(|c| (c.about.id, c)).collect());
    BY_ID.get(id).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::exposure::{Look, Plane};

    #[test]
    fn every_check_tells_all_of_itself() {
        let mut ids = BTreeSet::new();
        for Check { about, look } in all() {
            let id = about.id;
            assert!(ids.insert(id), "{id} is there twice");
            let mut parts = id.split('-');
            assert_eq!(parts.next(), Some("EXP"), "{id}");
            assert!(parts.next().is_some_and(|f| f.bytes().all(|b| b.is_ascii_uppercase())), "{id}");
            assert!(parts.next().is_some_and(|n| n.len() == 3 && n.bytes().all(|b| b.is_ascii_digit())), "{id}");
            for (what, text) in [
                ("title", about.title),
                ("why", about.why),
                ("inspects", about.inspects),
                ("remedy", about.remedy),
                ("false positives", about.false_positives),
                ("source", about.source),
            ] {
                assert!(!text.trim().is_empty() && text == text.trim(), "{id}: {what}");
            }
            assert!(about.title.len() <= 110 && !about.title.ends_with('.'), "{id}: a title is a short statement");
            assert!(about.why.len() >= 40 && about.remedy.len() >= 15, "{id}: why and remedy say something");
            assert!(!about.guide.is_empty() && about.guide.iter().all(|g| (1..=25).contains(g)), "{id}: guide");
            assert!(!about.planes.is_empty(), "{id}: planes");
            let fits = match look {
                Look::Server(_) | Look::Database(_) => {
                    about.planes.iter().all(|p| matches!(p, Plane::Live | Plane::Posture | Plane::Copy))
                }
                Look::Files(_) => about.planes == [Plane::Copy],
                Look::Trail(_) => about.planes == [Plane::Trail],
                Look::House(_) => about.planes == [Plane::House],
                Look::History(_) => true,
                Look::Declarations(_) => about.planes == Plane::ALL,
            };
            assert!(fits, "{id}: planes that its look does not have");
        }
    }
}
