//! EXP-HBA-004: no password that can be read on its way, or is as good as one.

use super::{PLANES, by_rule};
use crate::exposure::access::{Access, Hit};
use crate::exposure::server::VerifierKind;
use crate::exposure::{About, Check, Found, Look, Policy, Seen, Server, Severity};
use crate::hba::{Cell, Method, Transport};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-HBA-004",
        title: "no rule takes passwords in clear text or by MD5",
        severity: Severity::High,
        planes: PLANES,
        guide: &[4, 5],
        refs: &["CIS 5.4", "SRG-APP-000172"],
        why: "With password, ldap, radius, pam or bsd the server gets the password itself; without TLS so does everybody \
              on the way. An MD5 verifier is as good as the password to whoever has it, from a backup for instance.",
        inspects: "The evaluated rules: methods that want the password in clear text, over plain TCP from beyond loopback; \
                   `password` on any path (medium with TLS); `md5` where a role that it fits has an MD5 verifier, or \
                   where verifiers are not known (low: with SCRAM verifiers the server uses SCRAM by itself).",
        remedy: "Use scram-sha-256 in hostssl rules: SET password_encryption = 'scram-sha-256', set the passwords again, \
                 then change the rules.",
        false_positives: "`md5` with SCRAM verifiers only is SCRAM; the finding is low then and only asks to say so in the \
                          file.",
        source: "PostgreSQL manual, \"Password Authentication\"",
    },
    look: Look::Server(look),
};

fn look(server: &Server, _: &Policy) -> Seen {
    let mut seen = by_rule(server, wanted, |access, hit| Some(found(access, hit)));
    // MD5 depends on what is stored.
    let md5 = by_rule(server, |_, cell| cell.method == Method::Md5, |_, hit| Some(of_md5(server, hit)));
    seen.found.extend(md5.found);
    seen
}

fn wanted(access: &Access, cell: &Cell) -> bool {
    match cell.method {
        Method::Password => cell.transport != Transport::Socket,
        method if method.clear_text() => cell.transport == Transport::Plain && access.is_remote(cell),
        _ => false,
    }
}

fn found(access: &Access, hit: &Hit<'_>) -> Found {
    let plain = hit.transports.contains(&Transport::Plain)
        && access.matrix.accepting().any(|c| {
            c.transport == Transport::Plain
                && access.is_remote(c)
                && access.config.rules.get(c.rule).is_some_and(|r| r.number == hit.rule.number)
        });
    let method = hit.rule.method.word();
    let (severity, how) = if plain {
        (Severity::High, "passwords travel in clear text without TLS")
    } else {
        (Severity::Medium, "the server gets the passwords themselves")
    };
    Found::new(hit.object(), format!("by {method} {how}, {}", hit.who())).at(severity)
}

fn of_md5(server: &Server, hit: &Hit<'_>) -> Found {
    let old = server
        .verifiers
        .ok()
        .map(|all| all.iter().filter(|v| v.kind == VerifierKind::Md5 && hit.roles.contains(v.role.as_str())).count());
    let found = |message: String, severity| Found::new(hit.object(), message).at(severity);
    match old {
        Some(0) => found("md5 is asked for, though every role here has a SCRAM verifier".into(), Severity::Low),
        Some(n) => found(format!("{n} of its roles authenticate by MD5, {}", hit.who()), Severity::High),
        None => found(
            format!("md5 is asked for; which verifiers are stored is not known here, {}", hit.who()),
            Severity::Low,
        ),
    }
}
