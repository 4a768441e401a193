//! What a shop exposes, as audits and drills write it: everything that can be said
//! is said, with names as they are in real life.

use std::collections::BTreeMap;

use pgseal::checks::{Change, CheckResult, Finding, Outcome, Rule, Severity, Waiver};
use pgseal::exposure::outcome::{Credential, Drift, EntryRow, Grade, ReachRow, Section};
use pgseal::exposure::{Exposure, Plane};
use pgseal::report::{AuditReport, ErrorEntry, ToolRef};
use pgseal::types::Digest;
use pgseal::{Code, Error, Stage};

const fn rule(id: &'static str, title: &'static str, severity: Severity) -> Rule {
    Rule { id, title, severity }
}

fn found(rule: Rule, object: &str, message: &str, remedy: &str, change: Change) -> Finding {
    let plain = rule.finding(object, message, remedy);
    Finding { fingerprint: format!("x1:{}", plain.fingerprint), change: Some(change), ..plain }
}

fn accepted(finding: Finding, reason: &str, ticket: &str, expires: &str) -> Finding {
    let waiver = Waiver {
        reason: reason.into(),
        owner: "platform@shop.example".into(),
        ticket: Some(ticket.into()),
        expires: expires.parse().unwrap(),
    };
    Finding { waiver: Some(waiver), ..finding }
}

fn open_checks() -> Vec<CheckResult> {
    use Change::{Changed, New, Unchanged};
    let trust = rule("EXP-HBA-001", "nobody enters over the network without authentication", Severity::Critical);
    let public = rule("EXP-HBA-002", "nobody can try to enter from the internet", Severity::High);
    let admin = rule("EXP-HBA-003", "no superuser enters over the network", Severity::High);
    let definer = rule("EXP-FUNC-001", "functions with their owner's rights pin their search_path", Severity::High);
    let data = rule("EXP-DATA-001", "personal data is read by few", Severity::Medium);
    let log = rule("EXP-LOG-001", "connections and disconnections are logged", Severity::Low);
    let over = rule("EXP-HBA-014", "rules name their databases and roles", Severity::Low);
    let ext = rule("EXP-EXT-002", "extensions have the version that is installed", Severity::Info);
    let narrow = "Write scram-sha-256 in place of trust, and the addresses of the application in place of the range:\n\
                  hostssl shop app 10.1.2.0/28 scram-sha-256";
    let mut partly = definer.judged(
        41,
        38,
        vec![
            found(
                definer,
                "database shop: function public.credit(integer, numeric)",
                "it runs as postgres, and everybody may call it; search_path is not set",
                "ALTER FUNCTION public.credit(integer, numeric) SET search_path = pg_catalog, pg_temp;",
                Changed,
            ),
            found(
                definer,
                "database shop: function public.refund(bigint)",
                "it runs as app_owner; pg_temp is searched first",
                "ALTER FUNCTION public.refund(bigint) SET search_path = pg_catalog, pg_temp;",
                Unchanged,
            ),
        ],
    );
    partly.reason = Some("not everything could be looked at: database legacy: it takes no connections".into());
    vec![
        trust.judged(14, 14, vec![found(trust, "host all all 10.0.0.0/8 trust", "12 roles, superusers postgres and dba among them, enter every database from 16,777,216 addresses without any proof", narrow, New)]),
        public.judged(14, 14, vec![found(public, "host shop app 0.0.0.0/0 scram-sha-256", "the whole IPv4 internet can try the password of app", narrow, Unchanged)]),
        admin.judged(14, 14, vec![found(admin, "role dba", "it enters from 10.0.0.0/8 by the rule host all all 10.0.0.0/8 trust", "Put a reject line for superusers above the broad one; let them enter by peer.", New)]),
        partly,
        data.judged(18, 18, vec![
            found(data, "database shop: table public.customers", "9 of 12 logins read e-mail addresses and IBANs", "Revoke SELECT from PUBLIC, grant it to a role for those who need it.", Unchanged),
            found(data, "database shop: view reporting.all_customers", "12 of 12 logins read e-mail addresses", "Revoke SELECT from PUBLIC, grant it to a role for those who need it.", New),
        ]),
        log.judged(2, 2, vec![found(log, "setting log_connections", "it is off", "ALTER SYSTEM SET log_connections = on;", Unchanged)]),
        over.judged(14, 14, vec![found(over, "host all all 10.0.0.0/8 trust", "it is about every database and every role", "List them.", New)]),
        ext.judged(3, 3, vec![found(ext, "database shop: extension pg_trgm", "1.5 is installed, 1.6 is there", "ALTER EXTENSION pg_trgm UPDATE;", Unchanged)]),
    ]
}

fn quiet_checks() -> Vec<CheckResult> {
    let pass = |id, title| rule(id, title, Severity::High).judged(12, 12, vec![]);
    let wide = rule("EXP-HBA-007", "ranges of addresses are narrow", Severity::Medium);
    let pods = found(
        wide,
        "hostssl shop worker 172.16.0.0/12 scram-sha-256",
        "1,048,576 addresses",
        "Narrow it.",
        Change::Unchanged,
    );
    let mut waived = wide.judged(
        14,
        14,
        vec![accepted(pods, "pod network, narrowed by NetworkPolicy db-ingress", "SEC-214", "2027-02-01")],
    );
    waived.outcome = Outcome::Waived;
    let error = Error::new(Code::CouldNotRun, Stage::Checks, "the server gave up: SQLSTATE 57014 (statement timeout)");
    vec![
        waived,
        pass("EXP-ROLE-001", "no application is effectively a superuser"),
        pass("EXP-ROLE-002", "no role can make itself more than it is"),
        pass("EXP-TLS-001", "connections are encrypted"),
        pass("EXP-CONF-001", "no program is run by a setting"),
        rule("EXP-AUTH-001", "passwords are stored as SCRAM", Severity::High)
            .not_evaluated(12, "stored passwords are looked at in a restored copy only"),
        rule("EXP-HBA-012", "the server runs the access rules that the file holds", Severity::Medium)
            .not_evaluated(1, "the backup role may not read pg_hba_file_rules"),
        rule("EXP-SECR-004", "no secret stands in a function", Severity::High).error(41, 12, &error),
        rule("EXP-REPL-001", "standbys are encrypted", Severity::High).not_applicable("there is no standby"),
        rule("EXP-RLS-001", "tables with tenants have row security", Severity::High)
            .not_applicable("no table has a column that tells tenants apart"),
    ]
}

fn sections() -> Vec<Section> {
    use Grade::{A, B, C, D, E, Unknown};
    let all: [(Grade, u32, u32, u32, u32); 25] = [
        (D, 3, 3, 1, 0),
        (E, 6, 6, 2, 1),
        (A, 7, 6, 0, 0),
        (Unknown, 8, 3, 0, 0),
        (E, 14, 13, 4, 1),
        (A, 3, 3, 0, 0),
        (A, 4, 4, 0, 0),
        (D, 12, 11, 3, 0),
        (A, 3, 3, 0, 0),
        (Unknown, 10, 6, 0, 0),
        (A, 4, 4, 0, 0),
        (A, 9, 9, 0, 0),
        (C, 4, 4, 2, 0),
        (A, 7, 7, 1, 0),
        (A, 5, 5, 0, 0),
        (Unknown, 14, 0, 0, 0),
        (Unknown, 6, 1, 0, 0),
        (B, 5, 5, 1, 0),
        (Unknown, 2, 0, 0, 0),
        (D, 5, 5, 1, 0),
        (D, 4, 4, 2, 0),
        (A, 6, 6, 0, 0),
        (Unknown, 12, 0, 0, 0),
        (A, 5, 5, 0, 0),
        (C, 8, 7, 2, 0),
    ];
    let section =
        |(i, (grade, checks, evaluated, open, waived))| Section { number: i, grade, checks, evaluated, open, waived };
    (1u8..).zip(all).map(section).collect()
}

fn way(from: &str, class: &str, addresses: &str, transport: &str, method: &str) -> EntryRow {
    EntryRow {
        from: from.into(),
        class: class.into(),
        addresses: addresses.into(),
        transport: transport.into(),
        method: method.into(),
        roles: ["app"].map(str::to_owned).into(),
        role_count: 1,
        superuser: false,
        databases: vec!["shop".into()],
        rule: format!("host shop app {from} {method}"),
        maybe: false,
    }
}

fn entry() -> Vec<EntryRow> {
    let everybody = [
        "app",
        "app_owner",
        "auditor",
        "backup",
        "dba",
        "etl",
        "postgres",
        "reporting",
        "shop_ro",
        "support",
        "web",
        "worker",
    ];
    let all = |w: EntryRow, rule: &str| EntryRow {
        roles: everybody.map(str::to_owned).into(),
        role_count: 12,
        superuser: true,
        databases: ["analytics", "legacy", "postgres", "shop"].map(str::to_owned).into(),
        rule: rule.into(),
        ..w
    };
    vec![
        all(way("10.0.0.0/8", "private", "16777216", "plain", "trust"), "host all all 10.0.0.0/8 trust"),
        all(way("10.0.0.0/8", "private", "16777216", "tls", "trust"), "host all all 10.0.0.0/8 trust"),
        way("the IPv4 internet", "global", "3702258432", "tls", "scram-sha-256"),
        way("the IPv4 internet", "global", "3702258432", "plain", "scram-sha-256"),
        EntryRow {
            roles: vec!["auditor".into()],
            rule: "hostssl shop auditor .audit.example ldap".into(),
            maybe: true,
            ..way(".audit.example", "unknown", "0", "tls", "ldap")
        },
        EntryRow {
            roles: vec!["worker".into()],
            rule: "hostssl shop worker 172.16.0.0/12 scram-sha-256".into(),
            ..way("172.16.0.0/12", "private", "1048576", "tls", "scram-sha-256")
        },
        EntryRow {
            roles: vec!["replicator".into()],
            databases: vec!["replication".into()],
            rule: "hostssl replication replicator 192.168.7.4/32 cert".into(),
            ..way("192.168.7.4/32", "private", "1", "tls", "cert")
        },
        all(way("127.0.0.0/8", "loopback", "16777216", "plain", "md5"), "host all all 127.0.0.1/8 md5"),
        all(way("socket", "socket", "0", "socket", "peer"), "local all all peer"),
    ]
}

fn reach() -> Vec<ReachRow> {
    let row = |object: &str, classes: &[&str], readers, writers, public, from: &str, plain| ReachRow {
        object: format!("database shop: {object}"),
        classes: classes.iter().map(|c| (*c).to_owned()).collect(),
        readers,
        writers,
        logins: 12,
        public,
        widest_entry: Some(from.to_owned()).filter(|f| !f.is_empty()),
        without_tls: Some(plain),
        tag: None,
    };
    vec![
        row("view reporting.all_customers", &["email: contact"], 12, 0, true, "global", true),
        row(
            "table public.customers",
            &["email: contact", "iban: financial", "birthday: technical"],
            9,
            3,
            false,
            "global",
            true,
        ),
        row("table public.payments", &["card_last4: financial"], 4, 2, false, "private", false),
        row("table public.orders", &[], 7, 3, false, "global", true),
        row("table public.sessions", &["token: credential"], 2, 2, false, "private", false),
        row("table internal.salaries", &["tax_id: national id"], 1, 1, false, "", false),
    ]
}

/// Everything, found in the posture and a restored copy.
pub fn shop() -> Exposure {
    let credential = |object: &str, kind: &str, day: &str| Credential {
        object: object.into(),
        kind: kind.into(),
        tag: format!("{:016x}", object.len() * 0x1234_5678),
        first_seen: format!("{day}T04:00:00Z").parse().unwrap(),
    };
    Exposure {
        ruleset: 1,
        planes: vec![Plane::Posture, Plane::Copy],
        posture_at: Some("2026-11-23T01:00:02Z".parse().unwrap()),
        fail_on: Severity::High,
        required_open: vec!["EXP-AUTH-001".into()],
        checks: [open_checks(), quiet_checks()].concat(),
        sections: sections(),
        entry: entry(),
        reach: reach(),
        credentials: vec![
            credential("password of role app", "scram verifier", "2025-01-14"),
            credential("password of role legacy_sync", "md5 verifier", "2024-03-02"),
            credential("database shop: user mapping of app on server billing", "password", "2026-02-11"),
        ],
        drift: Some(Drift {
            since: "2026-11-22T04:00:10Z".parse().unwrap(),
            new: 4,
            unchanged: 6,
            changed: 1,
            fixed: 2,
            unknown: 3,
        }),
        declarations: Some(Digest::of(b"waivers of the shop")),
        key_id: Some("c0ffee00c0ffee00".into()),
    }
}

/// The same with nothing open at or above the threshold.
pub fn calm() -> Exposure {
    let mut e = shop();
    let mild = |c: &CheckResult| c.outcome != Outcome::Finding || c.severity < Severity::Medium;
    e.checks.retain(mild);
    e.required_open.clear();
    e.entry.drain(..4);
    for s in &mut e.sections {
        if s.grade >= Grade::C && s.grade <= Grade::E {
            (s.grade, s.open) = (Grade::A, 0);
        }
    }
    e.drift = Some(Drift { new: 0, fixed: 5, changed: 0, unchanged: 3, unknown: 0, ..e.drift.unwrap() });
    e
}

/// An audit that wrote this.
pub fn audit(exposure: Exposure) -> AuditReport {
    let (code, reasons) = pgseal::report::audit::judge(&exposure, &[]);
    AuditReport {
        format: AuditReport::FORMAT.into(),
        version: AuditReport::VERSION,
        run: "8d20c4b1f6a97e35".into(),
        redaction: pgseal::types::Redaction::None,
        source: "shop".parse().unwrap(),
        started_at: "2026-11-23T06:00:00Z".parse().unwrap(),
        finished_at: "2026-11-23T06:00:03Z".parse().unwrap(),
        tool: ToolRef { name: "pgseal".into(), version: "0.1.0".into() },
        server_major: Some(15),
        exposure,
        exit_code: code.number(),
        reasons,
        errors: vec![],
    }
}

/// An audit that could not ask.
pub fn blind() -> AuditReport {
    let mut seen = calm();
    seen.planes = vec![Plane::Live];
    (seen.drift, seen.posture_at) = (None, None);
    seen.checks = seen
        .checks
        .into_iter()
        .map(|c| {
            let rule = Rule { id: "EXP-X", title: "x", severity: c.severity };
            CheckResult { id: c.id, title: c.title, ..rule.not_evaluated(0, "the server did not answer") }
        })
        .collect();
    (seen.entry, seen.reach, seen.credentials) = (vec![], vec![], vec![]);
    for s in &mut seen.sections {
        *s = Section { grade: Grade::Unknown, evaluated: 0, open: 0, waived: 0, ..s.clone() };
    }
    let e = Error::new(Code::SourceUnreachable, Stage::Source, "the server did not answer within 10 s")
        .hint("Check that it runs, and that this host may connect.");
    let mut r = audit(seen);
    r.exit_code = Code::SourceUnreachable.number();
    r.reasons = vec!["the audit could not go on: source_unreachable (20)".into(), "no check could be evaluated".into()];
    r.server_major = None;
    r.errors = vec![ErrorEntry::from(&e)];
    r
}

/// Names and texts that try to run, to hide, to reverse and to overflow.
pub fn hostile(names: &[String]) -> Exposure {
    let mut e = shop();
    let name = |i: usize| names[i % names.len()].clone();
    let mut at = 0;
    let mut next = || {
        at += 1;
        name(at)
    };
    for c in &mut e.checks {
        c.title.push_str(" <i>x</i>");
        c.reason = Some(next());
        for f in &mut c.findings {
            (f.object, f.message, f.remedy) = (next(), next(), next());
            if let Some(w) = &mut f.waiver {
                (w.reason, w.owner, w.ticket) = (next(), next(), Some(next()));
            }
        }
    }
    for row in &mut e.entry {
        (row.from, row.rule, row.method, row.transport) = (next(), next(), next(), next());
        row.roles.iter_mut().chain(&mut row.databases).for_each(|n| *n = next());
    }
    for row in &mut e.reach {
        (row.object, row.widest_entry) = (next(), Some(next()));
        row.classes = vec![format!("{}: contact", next())];
    }
    for c in &mut e.credentials {
        (c.object, c.kind) = (next(), next());
    }
    e
}

/// As large as exposures get: 10,000 findings, 1,000 ways in, 1,000 tables.
pub fn huge() -> Exposure {
    let mut e = shop();
    let one = e.checks[0].clone();
    e.checks = (0..100)
        .map(|n| {
            let mut c = one.clone();
            c.id = format!("EXP-HBA-{n:03}");
            c.findings = (0..100)
                .map(|i| {
                    let mut f = one.findings[0].clone();
                    f.object = format!("database shop: table tenant_{n:04}.orders_{i:05}");
                    f
                })
                .collect();
            c
        })
        .collect();
    e.entry = (0..1_000)
        .map(|i| EntryRow { from: format!("10.{}.{}.0/24", i / 256, i % 256), ..e.entry[0].clone() })
        .collect();
    e.reach = (0..1_000)
        .map(|i| ReachRow { object: format!("database shop: table public.t_{i:04}"), ..e.reach[1].clone() })
        .collect();
    e.credentials = vec![e.credentials[0].clone(); 5_000];
    e
}

/// How often each outcome is there: every state has its example.
pub fn outcomes(e: &Exposure) -> BTreeMap<&'static str, usize> {
    let mut all = BTreeMap::new();
    for c in &e.checks {
        *all.entry(c.outcome.name()).or_default() += 1;
    }
    all
}
