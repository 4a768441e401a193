//! An exposure in which everything that can be said is said once.

use crate::checks::{Change, CheckResult, Finding, Outcome, Rule, Severity, Waiver};
use crate::exposure::outcome::{Credential, Drift, EntryRow, Grade, ReachRow, Section};
use crate::exposure::{About, Exposure, Plane};
use crate::types::Digest;

/// A check that the catalogue knows, for tests.
pub const ABOUT: About = About {
    id: "EXP-HBA-901",
    title: "nobody enters over the network without authentication",
    severity: Severity::Critical,
    planes: &[Plane::Live, Plane::Posture],
    guide: &[1, 5],
    refs: &["CIS 5.4", "SRG-APP-000023"],
    why: "Whoever reaches the port is in, as any role of the rule.",
    inspects: "Every way in whose method is trust.",
    remedy: "Write scram-sha-256 in place of trust.",
    false_positives: "None: a sealed network still counts.",
    source: "PostgreSQL manual, pg_hba.conf",
};

/// A database user's choice.
pub const HOSTILE: &str = "database shop: table public.\u{1b}[31m<b>\"&|`\n\u{202e}x]]>";

fn found(rule: Rule, object: &str, severity: Severity, change: Option<Change>) -> Finding {
    let plain = rule.finding(object, format!("it is not so of {object}"), "Mend it.");
    let fingerprint = format!("x1:{}", plain.fingerprint);
    let severity = (severity != rule.severity).then_some(severity);
    Finding { fingerprint, severity, change, content: Some("0123456789abcdef".into()), ..plain }
}

#[allow(clippy::unnecessary_wraps)] // the field's own type
fn waiver(ticket: Option<&str>, expires: &str) -> Option<Waiver> {
    Some(Waiver {
        reason: "narrowed by a network policy".into(),
        owner: "platform@acme.example".into(),
        ticket: ticket.map(str::to_owned),
        expires: expires.parse().unwrap(),
    })
}

/// Every outcome, every severity, waived alone and with others, every kind of change.
fn checks() -> Vec<CheckResult> {
    let rule = |id, title, severity| Rule { id, title, severity };
    let trust = rule(ABOUT.id, ABOUT.title, Severity::Critical);
    let wide = rule("EXP-HBA-907", "ranges are narrow", Severity::Medium);
    let grants = rule("EXP-PRIV-901", "tables are read by few", Severity::Medium);
    let log = rule("EXP-LOG-901", "logins are logged", Severity::Low);
    let accepted = Finding {
        waiver: waiver(Some("SEC-214"), "2027-02-01"),
        ..found(wide, "host shop app 172.16.0.0/12 scram-sha-256", Severity::Medium, Some(Change::Unchanged))
    };
    let also = Finding { waiver: waiver(None, "2026-12-31"), ..found(grants, "role audit", Severity::Medium, None) };
    let mut open = grants.judged(
        9,
        8,
        vec![
            found(grants, HOSTILE, Severity::High, Some(Change::Changed)),
            found(grants, "database shop: table public.orders", Severity::Medium, Some(Change::Unchanged)),
            also,
        ],
    );
    open.severity = Severity::High;
    open.findings[1].severity = Some(Severity::Medium);
    open.findings[2].severity = Some(Severity::Medium);
    open.reason = Some("not everything could be looked at: database old: it takes no connections".into());
    let mut waived = wide.judged(1, 1, vec![accepted]);
    waived.outcome = Outcome::Waived;
    let log = log.judged(
        2,
        2,
        vec![
            found(log, "setting log_connections", Severity::Low, Some(Change::New)),
            found(log, "setting log_disconnections", Severity::Info, Some(Change::New)),
        ],
    );
    let error = crate::Error::new(crate::Code::CouldNotRun, crate::Stage::Checks, "SQLSTATE 57014");
    vec![
        trust.judged(4, 4, vec![found(trust, "host all all 0.0.0.0/0 trust", Severity::Critical, Some(Change::New))]),
        waived,
        open,
        log,
        rule("EXP-ROLE-901", "no application is a superuser", Severity::High).judged(5, 5, vec![]),
        rule("EXP-AUTH-901", "passwords are stored as SCRAM", Severity::High)
            .not_evaluated(7, "the backup role may not read pg_authid"),
        rule("EXP-REPL-901", "standbys are encrypted", Severity::High).not_applicable("there is no standby"),
        rule("EXP-FUNC-901", "definers pin their search_path", Severity::High).error(3, 1, &error),
    ]
}

fn sections() -> Vec<Section> {
    let graded =
        |number: u8, grade, checks, evaluated, open, waived| Section { number, grade, checks, evaluated, open, waived };
    let special = [
        graded(1, Grade::E, 4, 4, 1, 0),
        graded(2, Grade::A, 5, 5, 0, 1),
        graded(4, Grade::Unknown, 6, 2, 0, 0),
        graded(5, Grade::E, 9, 9, 1, 1),
        graded(8, Grade::D, 10, 9, 2, 1),
        graded(18, Grade::B, 5, 5, 2, 0),
        graded(19, Grade::C, 2, 2, 1, 0),
    ];
    let of = |n| special.iter().find(|s| s.number == n).cloned().unwrap_or(graded(n, Grade::Unknown, 3, 0, 0, 0));
    (1..=25).map(of).collect()
}

fn way(from: &str, class: &str, transport: &str, method: &str, superuser: bool) -> EntryRow {
    EntryRow {
        from: from.into(),
        class: class.into(),
        addresses: "4294967296".into(),
        transport: transport.into(),
        method: method.into(),
        roles: vec!["app".into(), "postgres".into()],
        role_count: 12,
        superuser,
        databases: vec!["shop".into()],
        rule: format!("host all all {from} {method}"),
        maybe: false,
    }
}

/// All of it.
pub fn sample() -> Exposure {
    Exposure {
        ruleset: 1,
        planes: vec![Plane::Posture, Plane::Copy],
        posture_at: Some("2026-11-23T03:00:00Z".parse().unwrap()),
        fail_on: Severity::High,
        required_open: vec!["EXP-AUTH-901".into()],
        checks: checks(),
        sections: sections(),
        entry: vec![
            way("0.0.0.0/0", "global", "plain", "trust", true),
            way("10.0.0.0/8", "private", "tls", "scram-sha-256", false),
            EntryRow { maybe: true, ..way("db.acme.example", "private", "plain", "md5", false) },
            EntryRow { addresses: "0".into(), ..way("socket", "socket", "socket", "peer", true) },
        ],
        reach: vec![ReachRow {
            object: "database shop: table public.customers".into(),
            tag: Some("8899aabbccddeeff".into()),
            classes: vec!["email: contact".into(), "iban: financial".into()],
            readers: 9,
            writers: 2,
            logins: 12,
            public: true,
            widest_entry: Some("global".into()),
            without_tls: Some(true),
        }],
        credentials: vec![Credential {
            object: "password of role app".into(),
            kind: "scram verifier".into(),
            tag: "0f1e2d3c4b5a6978".into(),
            first_seen: "2026-01-02T03:00:00Z".parse().unwrap(),
        }],
        drift: Some(Drift {
            since: "2026-11-22T04:00:00Z".parse().unwrap(),
            new: 3,
            unchanged: 2,
            changed: 1,
            fixed: 4,
            unknown: 5,
        }),
        declarations: Some(Digest::of(b"waivers")),
        key_id: Some("0011223344556677".into()),
    }
}

/// The same with this name wherever a name stands.
pub fn with_name(name: &str) -> Exposure {
    let mut e = sample();
    for c in &mut e.checks {
        c.reason = c.reason.take().map(|_| name.to_owned());
        for f in &mut c.findings {
            (f.object, f.message, f.remedy) = (name.into(), name.into(), name.into());
            if let Some(w) = &mut f.waiver {
                (w.reason, w.owner) = (name.into(), name.into());
                w.ticket = w.ticket.take().map(|_| name.to_owned());
            }
        }
    }
    for row in &mut e.entry {
        (row.from, row.rule) = (name.into(), name.into());
        (row.roles, row.databases) = (vec![name.into()], vec![name.into()]);
        (row.class, row.method) = (name.into(), name.into());
    }
    for row in &mut e.reach {
        (row.object, row.classes) = (name.into(), vec![format!("{name}: contact")]);
        row.widest_entry = Some(name.into());
    }
    for c in &mut e.credentials {
        (c.object, c.kind) = (name.into(), name.into());
    }
    e.required_open = vec![name.into()];
    e
}
