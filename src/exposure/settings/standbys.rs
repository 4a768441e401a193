//! EXP-REPL-001 and EXP-REPL-002: who streams the cluster, and how a standby does it.

use super::{Look as Settings, PLANES, of};
use crate::exposure::policy::network::Network;
use crate::exposure::{About, Check, Found, Look, Plane, Policy, Seen, Server, Severity};

/// Who streams.
pub const STREAMS: Check = Check {
    about: About {
        id: "EXP-REPL-001",
        title: "only declared standbys stream the cluster, encrypted",
        severity: Severity::High,
        planes: &[Plane::Live, Plane::Posture],
        guide: &[22],
        refs: &["CIS 7.5"],
        why: "A standby is a whole copy that somebody else runs: with its own users, its own rules and its own backups. One \
              that nobody declared is a leak that goes on.",
        inspects: "pg_stat_replication: receivers beyond loopback without encryption; receivers at addresses that are not \
                   declared as expect.replicas (where it is declared). Replication slots that nobody uses (medium): they \
                   keep WAL until the disk is full.",
        remedy: "End it with pg_terminate_backend(), find out what it was, rotate the role's password; drop slots with \
                 pg_drop_replication_slot().",
        false_positives: "A new standby: declare it in [expect].",
        source: "PostgreSQL manual, \"pg_stat_replication\"",
    },
    look: Look::Server(streams),
};

/// How a standby streams.
pub const LINK: Check = Check {
    about: About {
        id: "EXP-REPL-002",
        title: "a standby checks whom it follows, and a primary has no recovery settings left",
        severity: Severity::Medium,
        planes: PLANES,
        guide: &[3, 22],
        refs: &["CIS 7.5"],
        why: "A standby that does not check the certificate follows whoever answers, and sends its password there. Recovery \
              settings left on a primary wait for the next restart of a copy to fetch or follow something.",
        inspects: "primary_conninfo of a standby over TCP: sslmode other than verify-full (or verify-ca). On a primary: \
                   primary_conninfo, restore_command, recovery_target… that are still set (low).",
        remedy: "sslmode=verify-full sslrootcert=… in primary_conninfo; ALTER SYSTEM RESET what a primary does not need.",
        false_positives: "A standby over a socket or loopback; a pair that changes places may keep its settings: waive it.",
        source: "PostgreSQL manual, \"Replication\" settings; libpq, \"SSL Support\"",
    },
    look: Look::Server(link),
};

fn streams(server: &Server, policy: &Policy) -> Seen {
    let replication = match server.posture.replication.get() {
        Ok(replication) => replication,
        Err(why) => return Seen::not_evaluated(why),
    };
    let declared: Option<Vec<Network>> =
        policy.expect.replicas.as_ref().map(|all| all.iter().filter_map(|c| c.parse().ok()).collect());
    let mut seen = Seen::all_of(replication.senders.len() + replication.slots.len());
    for s in &replication.senders {
        let role = s.role.as_deref().unwrap_or("?");
        let place = s.address.map_or_else(|| "the socket".to_owned(), |a| a.to_string());
        let object = format!("receiver {} at {place} as {role}", s.application);
        let remote = s.address.is_some_and(|a| !a.is_loopback());
        if remote && s.tls == Some(false) && s.gss != Some(true) {
            seen.add(Found::new(&object, "it takes the whole cluster unencrypted"));
        } else if remote && s.tls.is_none() {
            seen.open.push(format!("whether {object} is encrypted may not be seen"));
        }
        if let (Some(declared), Some(address)) = (&declared, s.address)
            && !declared.iter().any(|net| net.contains(address))
        {
            seen.add(Found::new(&object, "it is not declared as a standby"));
        }
    }
    for (name, kind, active) in &replication.slots {
        if !active {
            let message = format!("nobody uses this {kind} slot; it keeps WAL until the disk is full");
            seen.add(Found::new(format!("replication slot {name}"), message).at(Severity::Medium));
        }
    }
    if seen.present == 0 {
        seen.note = Some("nobody was streaming, and there is no slot".to_owned());
    }
    seen
}

fn link(server: &Server, _: &Policy) -> Seen {
    let mut look = Settings::at(server);
    if server.in_recovery {
        look.setting("primary_conninfo", |value| {
            let word = |name: &str| value.split_whitespace().find_map(|w| w.strip_prefix(name)?.strip_prefix('='));
            let host = word("host").or_else(|| word("hostaddr")).unwrap_or("").trim_matches('\'');
            let near =
                host.is_empty() || host.starts_with(['/', '@']) || host == "localhost" || host.starts_with("127.");
            let mode = word("sslmode").unwrap_or("prefer").trim_matches('\'');
            let checked = matches!(mode, "verify-full" | "verify-ca");
            (!near && !checked).then(|| {
                of("primary_conninfo", format!("the standby follows {host} with sslmode={mode}: it checks nobody"))
            })
        });
        return look.seen;
    }
    let Ok(all) = server.posture.settings.get() else {
        return Seen::not_evaluated("the settings are not known");
    };
    let left = all.iter().filter(|(name, s)| {
        let recovery = matches!(name.as_str(), "primary_conninfo" | "restore_command" | "primary_slot_name")
            || (name.starts_with("recovery_target")
                && !matches!(
                    name.as_str(),
                    "recovery_target_timeline" | "recovery_target_action" | "recovery_target_inclusive"
                ));
        recovery && !s.is_default && s.value.as_deref() != Some("")
    });
    look.seen = Seen::all_of(1);
    for (name, _) in left {
        look.seen.add(of(name, "it is set on a server that follows nobody").at(Severity::Low));
    }
    look.seen
}
