//! EXP-VER-001 and EXP-VER-002: the server's version is supported and current.

use super::PLANES;
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity, releases};

/// Days after the end of fixes from which on it is critical.
const LONG: i32 = 180;

/// The major version is supported.
pub const SUPPORTED: Check = Check {
    about: About {
        id: "EXP-VER-001",
        title: "the server's major version gets fixes",
        severity: Severity::High,
        planes: PLANES,
        guide: &[15],
        refs: &["CIS 1.5", "SRG-APP-000456"],
        why: "After its last minor release a major version gets no fix for any hole. Each later release of the other majors \
              then tells attackers what is open in this one.",
        inspects: "The major version beside the end-of-life dates in a built-in table. Critical 180 days after that date.",
        remedy: "Upgrade with pg_upgrade or by dump and restore; a backup that pgseal drilled is the way back.",
        false_positives: "A vendor's extended support: waive it with the contract's end.",
        source: "PostgreSQL project, \"Versioning Policy\"",
    },
    look: Look::Server(supported),
};

/// The minor version is current.
pub const CURRENT: Check = Check {
    about: About {
        id: "EXP-VER-002",
        title: "the server has the newest minor release of its major",
        severity: Severity::Medium,
        planes: PLANES,
        guide: &[15],
        refs: &["CIS 1.5"],
        why: "Minor releases hold fixes only, and their notes describe the holes. A server that is behind is open to what \
              everybody can read.",
        inspects: "The minor version beside the newest one in a built-in table. High where a release that is missing fixed a \
                   hole with a CVSS of 8 or more.",
        remedy: "Install the newest minor release and restart; no dump is needed.",
        false_positives: "A distribution that ports fixes back without raising the number: waive it with the package's version.",
        source: "PostgreSQL project, \"Security Information\"",
    },
    look: Look::Server(current),
};

fn supported(server: &Server, _: &Policy) -> Seen {
    let major = server.version.major();
    let Some(release) = releases::release(major) else {
        return Seen::not_evaluated(format!(
            "PostgreSQL {major} is not in the table of releases of this version of pgseal"
        ));
    };
    let today = jiff::tz::TimeZone::UTC.to_datetime(server.posture.taken_at).date();
    if today <= release.ends {
        return Seen::all_of(1);
    }
    let days = (today - release.ends).get_days();
    let severity = if days > LONG { Severity::Critical } else { Severity::High };
    let message = format!("PostgreSQL {major} got its last fixes on {}, {days} days ago", release.ends);
    Seen::one(Some(Found::new("server", message).at(severity)))
}

fn current(server: &Server, _: &Policy) -> Seen {
    let (version, Some(release)) = (server.version, releases::release(server.version.major())) else {
        return Seen::not_evaluated(format!(
            "{} is not in the table of releases of this version of pgseal",
            server.version
        ));
    };
    if version.minor() >= release.newest {
        return Seen::all_of(1);
    }
    let open: Vec<&releases::ClientHole> = releases::CLIENT_HOLES.iter().filter(|h| h.is_in(version)).collect();
    let severe = open.iter().any(|h| h.severity >= Severity::High);
    let cves: Vec<&str> = open.iter().map(|h| h.cve).collect();
    let known = if cves.is_empty() { String::new() } else { format!("; among what it lacks: {}", cves.join(", ")) };
    let message = format!("{version} is behind {}.{}{known}", release.major, release.newest);
    Seen::one(Some(Found::new("server", message).at(if severe { Severity::High } else { Severity::Medium })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposure::Plane;
    use crate::types::PgVersion;

    fn at(version: u32, day: &str) -> Server {
        let mut server = Server::new(Plane::Live, PgVersion(version), Vec::new(), Vec::new());
        server.posture.taken_at = format!("{day}T12:00:00Z").parse().unwrap();
        server
    }

    #[test]
    fn ends_of_life_and_minors() {
        let policy = Policy::default();
        let severity = |seen: Seen| seen.found.first().map(|f| f.severity.unwrap());
        assert_eq!(severity(supported(&at(150_020, "2026-11-26"), &policy)), None);
        assert_eq!(severity(supported(&at(140_025, "2026-11-12"), &policy)), None, "its last day");
        assert_eq!(severity(supported(&at(140_025, "2026-11-13"), &policy)), Some(Severity::High));
        assert_eq!(severity(supported(&at(130_023, "2026-11-26"), &policy)), Some(Severity::Critical));
        assert!(!supported(&at(250_000, "2026-11-26"), &policy).open.is_empty());
        assert_eq!(severity(current(&at(150_020, "2026-11-26"), &policy)), None);
        assert_eq!(severity(current(&at(150_018, "2026-11-26"), &policy)), Some(Severity::High));
        assert!(!current(&at(250_000, "2026-11-26"), &policy).open.is_empty());
    }
}
