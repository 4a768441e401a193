//! Reports as drills write them, one for each verdict, and hostile and huge
//! ones: fixed values, so that what is made of them is the same everywhere.

use crate::support::exposure;

use pgseal::checks::{CheckResult, Rule, Severity};
use pgseal::report::model::{PastDrill, RecipientProof, Span, TableProof};
use pgseal::report::{ErrorEntry, IsolationReport, ProofLevel, Report, Timings, ToolRef, Verdict};
use pgseal::scratch::{Probe, ProbeOutcome, Teardown};
use pgseal::types::{Digest, Kind};
use pgseal::{Code, Error, Stage};

const fn rule(id: &'static str, title: &'static str, severity: Severity) -> Rule {
    Rule { id, title, severity }
}

pub const ROWS: Rule = rule("INT-ROWS", "every table has its rows, with the same content", Severity::Critical);
const TABLES: Rule = rule("INT-TABLES", "the set of tables is the same", Severity::High);
const SEQ: Rule = rule("INT-SEQ", "sequences are not behind", Severity::High);
const INDEX: Rule = rule("INT-INDEX", "no index is invalid that was not", Severity::Medium);
const EXT: Rule = rule("INT-EXT", "extensions are there in their versions", Severity::Medium);
const MATVIEW: Rule = rule("INT-MATVIEW", "materialized views are populated", Severity::Low);
const LO: Rule = rule("INT-LO", "large objects are there", Severity::High);
const ROLES: Rule = rule("INT-ROLES", "roles with their attributes are there", Severity::High);
const BUDGET: Rule = rule("RTO-BUDGET", "the restore took no longer than its budget", Severity::Medium);
const SQL: Rule = rule("USR-SQL", "your own queries give what you expect", Severity::High);

fn probe(id: &str, title: &str, outcome: ProbeOutcome, evidence: &str) -> Probe {
    Probe { id: id.into(), title: title.into(), outcome, evidence: evidence.into(), looks: Vec::new() }
}

fn probes() -> Vec<Probe> {
    use ProbeOutcome::Pass;
    [
        ("ISO-001", "sealed settings hold, asked before the start and in the running server", "41 settings as sealed"),
        ("ISO-002", "no settings, signals or links of the source are left in the copy", "4 files looked at, none"),
        ("ISO-004", "nothing listens on the network", "0 listeners"),
        ("ISO-005", "the network namespace is empty", "namespace 4026532771, interfaces lo, 0 routes"),
        ("ISO-006", "dial-outs reach nothing", "6 addresses tried, 0 reached; the canary heard nothing"),
        ("ISO-007", "the sockets of the source and of Docker cannot be opened", "4 paths, none exists inside"),
        ("ISO-009", "only processes of the server itself run", "checkpointer, background writer, client backend"),
        ("ISO-010", "nothing replicates and nothing archives", "0 senders, 0 receivers, 0 subscriptions"),
        ("ISO-011", "programs cannot write outside the scratch directory", "2 attempts, both refused"),
        ("ISO-014", "the instance and its directory are gone after the stop", "0 processes, 0 mounts"),
    ]
    .map(|(id, title, evidence)| probe(id, title, Pass, evidence))
    .into()
}

fn table(name: &str, rows: u64) -> TableProof {
    TableProof {
        database: "shop".into(),
        table: name.into(),
        expected_rows: Some(rows),
        rows: Some(rows),
        content_matches: Some(true),
    }
}

fn tables() -> Vec<TableProof> {
    [
        ("public.addresses", 48_211),
        ("public.carts", 9_120),
        ("public.categories", 214),
        ("public.customers", 31_877),
        ("public.events", 2_480_115),
        ("public.invoices", 118_406),
        ("public.order_items", 602_338),
        ("public.orders", 187_902),
        ("public.payments", 179_550),
        ("public.products", 12_480),
        ("public.reviews", 55_019),
        ("public.stock", 12_480),
    ]
    .map(|(name, rows)| table(name, rows))
    .into()
}

fn healthy_checks() -> Vec<CheckResult> {
    vec![
        TABLES.judged(12, 12, vec![]),
        SEQ.judged(11, 11, vec![]),
        INDEX.judged(34, 34, vec![]),
        EXT.judged(3, 3, vec![]),
        MATVIEW.judged(0, 0, vec![]),
        LO.judged(0, 0, vec![]),
        ROLES.judged(7, 7, vec![]),
        ROWS.judged(12, 12, vec![]),
        SQL.judged(2, 2, vec![]),
        BUDGET.judged(1, 1, vec![]),
    ]
}

/// Nightly drills, oldest first; one failed, one proved nothing.
fn history() -> Vec<PastDrill> {
    (0..24u64)
        .map(|i| {
            let day = 30 + i;
            let date = if day <= 31 { format!("202610{day:02}") } else { format!("202611{:02}", day - 31) };
            let verdict = match i {
                9 => Verdict::Failed,
                16 => Verdict::Inconclusive,
                _ => Verdict::Passed,
            };
            let wobble = [0.0, 0.4, -0.3, 0.2, 0.9, -0.1, 0.3][i as usize % 7];
            let at = format!("{}-{}-{}T04:00:{:02}Z", &date[..4], &date[4..6], &date[6..], 10 + i % 40);
            PastDrill {
                run: format!("{:016x}", 0xa000 + i),
                backup_id: format!("{date}T030000Z-{:016x}", 0xb000 + i).parse().unwrap(),
                kind: Kind::Logical,
                finished_at: at.parse().unwrap(),
                verdict,
                proof_level: if verdict == Verdict::Passed { ProofLevel::Data } else { ProofLevel::Restored },
                proven: verdict == Verdict::Passed,
                rto_s: (verdict != Verdict::Inconclusive).then_some(31.0 + 0.35 * i as f64 + 2.0 * wobble),
                total_s: 55.0 + 0.5 * i as f64,
                plain_bytes: 1_420_000_000 + 11_000_000 * i,
                stored_bytes: 301_000_000 + 2_300_000 * i,
            }
        })
        .collect()
}

fn span(name: &str, from_s: f64, to_s: f64) -> Span {
    Span { name: name.into(), from_s, to_s }
}

/// A nightly drill in which all is well.
pub fn passed() -> Report {
    Report {
        format: Report::FORMAT.into(),
        version: Report::VERSION,
        run: "5b0f6d2c9a41e7d3".into(),
        redaction: pgseal::types::Redaction::None,
        source: "shop".parse().unwrap(),
        backup_id: "20261123T010000Z-3f9a51c07be2d846".parse().unwrap(),
        seq: 218,
        kind: Kind::Logical,
        manifest_sha256: Digest::of(b"a manifest"),
        signer: Some("backup@db1.shop.example".into()),
        started_at: "2026-11-23T04:00:00Z".parse().unwrap(),
        finished_at: "2026-11-23T04:01:10Z".parse().unwrap(),
        verdict: Verdict::Passed,
        proof_level: ProofLevel::Data,
        proven: true,
        exit_code: 0,
        reasons: vec![],
        plain_bytes: 1_690_000_000,
        stored_bytes: 357_000_000,
        isolation: Some(IsolationReport {
            level: "I3".into(),
            required: "I2".into(),
            reasons: vec![],
            probes: probes(),
        }),
        checks: healthy_checks(),
        tables: tables(),
        timings_s: Timings { fetch: 0.8, restore: 37.9, start: 1.2, checks: 24.6, total: 69.7 },
        stages: vec![
            span("fetch", 0.2, 1.0),
            span("start", 1.1, 2.3),
            span("probes", 2.4, 4.1),
            span("restore", 4.2, 42.1),
            span("checks", 42.2, 66.8),
            span("probes", 66.9, 68.0),
            span("teardown", 68.1, 69.6),
        ],
        history: history(),
        recipients: vec![
            RecipientProof {
                recipient: "9c41f0aa2be07d15".into(),
                opened: Some(true),
                last_proven_at: Some("2026-11-22T04:00:33Z".parse().unwrap()),
            },
            RecipientProof {
                recipient: "e1077b3c55d2908f".into(),
                opened: Some(true),
                last_proven_at: Some("2026-09-01T09:12:00Z".parse().unwrap()),
            },
        ],
        rpo_s: 10_800,
        rto_s: Some(39.9),
        rto_budget_s: Some(60.0),
        backup_age_s: 10_620,
        teardown: Some(Teardown { instance_gone: true, directory_gone: true, detail: None }),
        tool: ToolRef { name: "pgseal".into(), version: "0.1.0".into() },
        server_major: 15,
        errors: vec![],
        exposure: Some(exposure::calm()),
    }
}

/// The same backup with rows missing and other things wrong, and some not looked at.
pub fn failed() -> Report {
    let mut r = passed();
    r.run = "77e20c1bd9f3a560".into();
    (r.verdict, r.proven) = (Verdict::Failed, false);
    r.proof_level = ProofLevel::Booted;
    r.exit_code = 51;
    r.reasons = vec![
        "INT-ROWS found something: every table has its rows, with the same content".into(),
        "INT-SEQ found something: sequences are not behind".into(),
        "RTO-BUDGET found something: the restore took no longer than its budget".into(),
        "PHY-AMCHECK was not evaluated: the extension amcheck is not installed".into(),
    ];
    r.tables[7].rows = Some(187_901);
    r.tables[7].content_matches = Some(false);
    r.tables[9].content_matches = Some(false);
    r.tables[2].rows = None;
    r.tables[2].content_matches = None;
    r.tables[1].content_matches = None;
    let remedy = "Do not rely on this backup. Find out what happened to the source since the last good one.";
    r.checks[7] = ROWS.judged(
        12,
        11,
        vec![
            ROWS.finding("shop public.orders", "187,902 rows were backed up, 187,901 restored", remedy),
            ROWS.finding("shop public.products", "the rows are as many, but their content differs", remedy),
        ],
    );
    r.checks[1] = SEQ.judged(
        11,
        11,
        vec![SEQ.finding(
            "shop public.orders_id_seq",
            "it stands at 187,850, the backup's facts say 187,902",
            "New rows would collide with restored ones: set the sequence before the copy is used.",
        )],
    );
    r.checks[4] = MATVIEW.judged(
        2,
        2,
        vec![MATVIEW.finding("shop public.top_sellers", "it is not populated", "Refresh it after a restore.")],
    );
    r.checks[9] = BUDGET.judged(
        1,
        1,
        vec![BUDGET.finding(
            "restore",
            "fetch, restore and start took 71.4 s, 60 s are allowed",
            "Restore on a faster host, with more jobs, or allow more time.",
        )],
    );
    r.checks.push(
        rule("PHY-AMCHECK", "indexes agree with their tables", Severity::High)
            .not_evaluated(34, "the extension amcheck is not installed"),
    );
    r.checks[6] = ROLES
        .judged(7, 7, vec![ROLES.finding("reporting", "the role is not there", "Create it before the restore.")])
        .waived("reporting was dropped on purpose in October");
    r.rto_s = Some(71.4);
    r.timings_s = Timings { fetch: 0.9, restore: 69.1, start: 1.4, checks: 27.0, total: 104.0 };
    r.stages[3].to_s = 73.3;
    for (s, from, to) in [(4, 73.4, 100.4), (5, 100.5, 101.9), (6, 102.0, 103.9)] {
        (r.stages[s].from_s, r.stages[s].to_s) = (from, to);
    }
    r.recipients[1].opened = None;
    r.errors = vec![ErrorEntry::from(&Error::new(Code::ChecksFailed, Stage::Checks, "4 checks found something"))];
    r
}

/// The backup restores, and the source is open.
pub fn open() -> Report {
    let mut r = passed();
    r.run = "31f0c9d2e8b7a645".into();
    (r.verdict, r.exit_code) = (Verdict::Failed, 52);
    let seen = exposure::shop();
    let judged = pgseal::exposure::verdict(&seen);
    r.reasons = [judged.exposed, judged.incomplete].concat();
    r.errors = vec![];
    r.exposure = Some(seen);
    r
}

/// The drill could not look: the server of the copy did not start in time.
pub fn inconclusive() -> Report {
    let mut r = passed();
    r.run = "0d94ab5520f1c3e8".into();
    (r.verdict, r.proven) = (Verdict::Inconclusive, false);
    r.proof_level = ProofLevel::Stored;
    r.exit_code = 53;
    let e = Error::new(Code::CouldNotRun, Stage::Scratch, "no programs of PostgreSQL 18 are on this host")
        .hint("Install postgresql-18, or name its directory in pg_bindir.");
    r.server_major = 18;
    r.reasons = vec!["no programs of PostgreSQL 18 are on this host".into(), "no check was run".into()];
    r.errors = vec![ErrorEntry::from(&e)];
    r.checks.clear();
    r.exposure = None;
    r.tables.clear();
    r.isolation = None;
    r.teardown = None;
    r.history.clear();
    r.rto_s = None;
    r.rto_budget_s = None;
    r.stages.truncate(1);
    r.timings_s = Timings { fetch: 0.8, total: 1.1, ..Timings::default() };
    for p in &mut r.recipients {
        p.opened = None;
    }
    r
}

/// The seal did not hold, and something is left behind.
pub fn exposed() -> Report {
    let mut r = passed();
    r.run = "c2c8f1e00b7764aa".into();
    (r.verdict, r.proven) = (Verdict::Unsafe, false);
    r.exposure = None;
    r.proof_level = ProofLevel::Booted;
    r.exit_code = 52;
    let i = r.isolation.as_mut().unwrap();
    i.level = "I1".into();
    i.required = "I3".into();
    i.reasons = vec![
        "no network namespace: the kernel refuses user namespaces (kernel.unprivileged_userns_clone is 0)".into(),
        "no mount namespace, for the same reason".into(),
    ];
    i.probes[4] = probe(
        "ISO-006",
        "dial-outs reach nothing",
        ProbeOutcome::Fail,
        "the canary on 10.1.4.7 was reached from inside the copy",
    );
    for open in [3, 5] {
        i.probes[open].outcome = ProbeOutcome::NotEvaluated;
        i.probes[open].evidence = "the server's namespace cannot be entered".into();
    }
    r.reasons = vec![
        "ISO-006 failed: dial-outs reach nothing (the canary on 10.1.4.7 was reached from inside the copy)".into(),
        "the scratch instance was not removed completely".into(),
        "INT-ROWS was not evaluated: the instance was stopped".into(),
    ];
    r.errors = vec![ErrorEntry::from(
        &Error::new(Code::Exposure, Stage::Scratch, "an isolation probe failed: the instance was stopped at once")
            .hint("Do not drill on this host until the failed probe is understood."),
    )];
    r.checks = vec![
        ROWS.not_evaluated(12, "the instance was stopped"),
        SEQ.not_evaluated(11, "the instance was stopped"),
        TABLES.not_evaluated(12, "the instance was stopped"),
    ];
    for t in &mut r.tables {
        t.rows = None;
        t.content_matches = None;
    }
    r.teardown = Some(Teardown {
        instance_gone: true,
        directory_gone: false,
        detail: Some("/var/lib/pgseal/scratch/c2c8f1e0: 3 files are in use".into()),
    });
    r.stages.truncate(4);
    r.timings_s = Timings { checks: 0.0, total: 43.0, ..r.timings_s };
    r
}

/// A first drill of a physical backup in which everything went well, with a warning.
pub fn first_physical() -> Report {
    let mut r = passed();
    r.run = "1111222233334444".into();
    r.kind = Kind::Physical;
    r.exit_code = 3;
    r.history.clear();
    r.rto_budget_s = None;
    r.reasons = vec!["INT-TABLES warns: the set of tables is the same".into()];
    for t in &mut r.tables {
        t.expected_rows = None;
        t.content_matches = None;
    }
    r.checks = vec![
        rule("PHY-MANIFEST", "the files are those of the backup's own manifest", Severity::Critical).judged(
            1_204,
            1_204,
            vec![],
        ),
        rule("PHY-CHECKSUMS", "page checksums are right", Severity::Critical).judged(206_112, 206_112, vec![]),
        rule("PHY-AMCHECK", "indexes agree with their tables", Severity::High).judged(34, 34, vec![]),
        rule("PHY-READ", "every row of every table can be read", Severity::Critical).judged(12, 12, vec![]),
        CheckResult {
            severity: Severity::Low,
            reason: Some("the facts are older than the end of the base backup".into()),
            ..TABLES.judged(12, 12, vec![TABLES.finding("shop public.tmp_import", "it is not there", "")])
        },
        BUDGET.not_applicable("source.NAME.drill.max_restore is not set"),
    ];
    r
}

/// Names and texts that try to run, to hide, to reverse and to overflow.
pub fn names() -> Vec<String> {
    let long = "W".repeat(63);
    [
        "public.\"<script>window.pwned=1</script>\"".to_owned(),
        "public.\"\"\" onmouseover=\"\"window.pwned=1\"".to_owned(),
        "public.'><img src=x onerror=window.pwned=1>".to_owned(),
        "public.</title></style></svg><svg onload=window.pwned=1>".to_owned(),
        "public.\u{1b}[31m\u{1b}]0;pwned\u{7}".to_owned(),
        "public.\u{202e}txt.exe\u{2066}\u{200b}".to_owned(),
        "public.שלום_עולם".to_owned(),
        format!("{long}.{long}"),
        "{{ 7*7 }} ${7*7} {% raw %}".to_owned(),
        "public.a\nb\r\nc\u{2028}d".to_owned(),
        "url(javascript:window.pwned=1);} body{display:none".to_owned(),
        "&lt;script&gt; &amp; &#x3c;".to_owned(),
    ]
    .into()
}

/// Names and texts that try to run, to hide, to reverse and to overflow.
pub fn hostile() -> Report {
    let mut r = failed();
    let (long, names) = ("W".repeat(63), names());
    for (t, name) in r.tables.iter_mut().zip(&names) {
        t.table.clone_from(name);
        t.database = format!("{long}<u>");
        t.content_matches = Some(false);
    }
    let found = names.iter().map(|n| ROWS.finding(n, format!("{n} is not right"), format!("Look at {n}."))).collect();
    r.checks[7] = ROWS.judged(12, 12, found);
    for c in &mut r.checks {
        c.title.push_str(" <i>x</i>");
        c.reason = Some(format!("because of {}", names[0]));
    }
    let i = r.isolation.as_mut().unwrap();
    i.level = "I2\"><script>window.pwned=1</script>".into();
    i.reasons.clone_from(&names);
    for (p, name) in i.probes.iter_mut().zip(&names) {
        p.evidence.clone_from(name);
        p.id.push_str("<x>");
    }
    r.reasons.clone_from(&names);
    r.signer = Some(names[2].clone());
    r.run = "<r>\"'".into();
    for (s, name) in r.stages.iter_mut().zip(&names) {
        s.name.clone_from(name);
    }
    for (p, name) in r.recipients.iter_mut().zip(&names) {
        p.recipient.clone_from(name);
    }
    r.errors[0].object = Some(names[3].clone());
    r.errors[0].hint = Some(names[0].clone());
    r.errors[0].stage.clone_from(&names[1]);
    r.teardown = Some(Teardown { instance_gone: false, directory_gone: false, detail: Some(names[0].clone()) });
    r.tool.version.clone_from(&names[0]);
    r.exposure = Some(exposure::hostile(&names));
    r
}

/// As large as reports get: 50,000 tables, 100 findings of each of 40 checks.
pub fn huge() -> Report {
    let mut r = failed();
    r.tables =
        (0..50_000u64).map(|i| table(&format!("tenant_{:04}.orders_{i:05}", i % 2_000), i * 37 % 90_001)).collect();
    for i in (0..50_000).step_by(700) {
        r.tables[i].rows = r.tables[i].rows.map(|n| n + 3);
    }
    r.checks = (0..40u32)
        .map(|n| {
            let findings = (0..250)
                .map(|i| {
                    ROWS.finding(
                        format!("shop tenant_{n:04}.orders_{i:05}"),
                        "3 rows too many",
                        "Do not rely on this backup.",
                    )
                })
                .collect();
            let mut c = ROWS.judged(50_000, 50_000, findings);
            c.id = format!("INT-{n:03}");
            c
        })
        .collect();
    let one = r.history[0].clone();
    r.history = vec![one; 5_000];
    r.exposure = Some(exposure::huge());
    r
}
