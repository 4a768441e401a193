//! What rows hold, and who can read them.

use pgseal::checks::{Outcome, Severity};

use super::{collector, looked, nothing_sings};
use crate::exposure::fixture::{found, of, server, severity, silent};
use crate::exposure::pg::PgServer;

/// A Visa number with a right check digit.
fn card(n: u64) -> String {
    let body = format!("40012{n:010}");
    let double = |(i, b): (usize, u8)| {
        let d = u32::from(b - b'0') * if i % 2 == 0 { 2 } else { 1 };
        d / 10 + d % 10
    };
    let sum: u32 = body.bytes().rev().enumerate().map(double).sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

/// A German IBAN with right check digits.
fn iban(n: u64) -> String {
    let account = format!("50010517{n:010}");
    let number: u128 = format!("{account}131400").parse().unwrap();
    format!("DE{:02}{account}", 98 - number % 97)
}

fn insert(pg: &PgServer, table: &str, rows: impl Iterator<Item = String>) {
    let rows: Vec<String> = rows.collect();
    pg.psql("shop", &format!("INSERT INTO {table} VALUES {}", rows.join(",")));
}

#[tokio::test]
async fn classes_meet_reach_and_no_value_leaves() {
    let pg = server(&[]);
    pg.psql("postgres", "CREATE DATABASE shop");
    pg.psql(
        "shop",
        r#"CREATE ROLE a LOGIN; CREATE ROLE b LOGIN; CREATE ROLE c LOGIN; CREATE ROLE d LOGIN;
           CREATE TABLE public.customers (id bigint, email text, card text, iban text, note text);
           GRANT SELECT ON public.customers TO PUBLIC;
           CREATE TABLE public.payments (id bigint, number numeric, profile jsonb) PARTITION BY RANGE (id);
           CREATE TABLE public.payments_1 PARTITION OF public.payments FOR VALUES FROM (0) TO (1000);
           GRANT SELECT ON public.payments TO a, b, c;
           CREATE TABLE public.config (name text, value text);
           GRANT SELECT ON public.config TO a;
           CREATE TABLE public.patients (id int, diagnosis text, blood_type text);
           GRANT SELECT ON public.patients TO PUBLIC;
           CREATE TABLE public.samples (email text);
           GRANT SELECT ON public.samples TO PUBLIC;
           CREATE TABLE public."we""ird
<b>" ("e-mail
" text);
           GRANT SELECT ON public."we""ird
<b>" TO PUBLIC;
           CREATE TABLE public.users (login text, password text, password_hash text, api_token text, secret text);"#,
    );
    let rows = 60;
    insert(
        &pg,
        "public.customers",
        (0..rows).map(|n| {
            format!("({n},'kunde{n}@kanarien.de','{}','{}','called about {}')", card(n * 7919), iban(n * 31), card(n))
        }),
    );
    insert(
        &pg,
        "public.payments",
        (0..rows).map(|n| {
            format!(
                r#"({n},{},'{{"kanarienschluessel": {{"mail": "p{n}@kanarien.de"}}, "password": "kanarie{n}"}}')"#,
                card(n * 13)
            )
        }),
    );
    insert(
        &pg,
        "public.config",
        ["('colour','blue')".into(), "('k','sk_live_KanarienA1b2C3d4')".to_owned()].into_iter(),
    );
    insert(&pg, "public.patients", (0..rows).map(|n| format!("({n},'x','A')")));
    insert(&pg, "public.samples", (0..rows).map(|n| format!("('p{n}@example.com')")));
    insert(&pg, "public.\"we\"\"ird\n<b>\"", (0..rows).map(|n| format!("('p{n}@kanarien.de')")));
    insert(
        &pg,
        "public.users",
        (0..rows).map(|n| format!("('u{n}','kanarie{n}','$2b$12${n:053}','kanarientoken-{n}','$2b$12${n:053}')")),
    );
    pg.psql("shop", "ANALYZE");

    let collector = collector();
    let results = looked(&pg, "shop", &collector).await;
    let table = |name: &str| format!("database shop: table public.{name}");
    let weird = table("\"we\"\"ird\n<b>\"");
    found(
        &results,
        "EXP-DATA-001",
        &[&table("customers"), &table("payments"), &table("patients"), &table("samples"), &weird],
    );
    for (name, bad) in [
        ("customers", Severity::Critical),
        ("payments", Severity::Critical),
        ("patients", Severity::High),
        ("samples", Severity::Info),
        ("\"we\"\"ird\n<b>\"", Severity::High),
    ] {
        assert_eq!(severity(&results, "EXP-DATA-001", &table(name)), bad, "{name}");
    }
    let said = &of(&results, "EXP-DATA-001").findings.iter().find(|f| f.object == table("customers")).unwrap().message;
    for part in ["PUBLIC", "card numbers in 60 of 60", "IBANs in 60 of 60", "card numbers within 60 of 60"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    found(
        &results,
        "EXP-DATA-002",
        &[
            "database shop: table column public.users.password",
            "database shop: table column public.users.api_token",
            "database shop: table column public.payments_1.profile",
        ],
    );
    let token = "database shop: table column public.users.api_token";
    assert_eq!(severity(&results, "EXP-DATA-002", token), Severity::Medium);
    let statistics = of(&results, "EXP-DATA-003");
    assert!(statistics.findings.iter().any(|f| f.object == table("customers")), "{statistics:#?}");

    let pictures = collector.into_pictures();
    let classes = |name: &str| pictures.reach.iter().find(|r| r.object == table(name)).unwrap().classes.clone();
    assert_eq!(classes("customers"), ["card: financial", "email: contact", "iban: financial", "note: financial"]);
    assert_eq!(classes("payments"), ["number: financial", "profile: credential"], "the head has what its parts hold");
    assert_eq!(classes("config"), ["value: credential"]);
    let secrets = ["kanarie", "Kanarien", &card(7919), &iban(31)];
    nothing_sings(&results, &pictures, &secrets);
}

#[tokio::test]
async fn numbers_are_no_cards_and_what_was_not_read_is_no_pass() {
    let pg = server(&[]);
    pg.psql("postgres", "CREATE DATABASE shop");
    pg.psql(
        "shop",
        "CREATE ROLE a LOGIN;
         CREATE TABLE public.events AS SELECT n AS id, 1700000000000000 + n * 7919 AS at_us,
           1400000000000000000 + n * 104729 AS snowflake, (abs(hashint8extended(n, 1)::numeric) % 10000000000000000) AS number,
           'order ' || n || ' was shipped' AS note, md5(n::text) AS checksum FROM generate_series(1, 5000) n;
         GRANT SELECT ON public.events TO PUBLIC; ANALYZE;
         CREATE TABLE public.hidden AS SELECT md5(n::text) AS password FROM generate_series(1, 50) n;",
    );
    let results = looked(&pg, "shop", &collector()).await;
    for id in ["EXP-DATA-001", "EXP-DATA-002"] {
        silent(&results, id);
    }
    assert_eq!(of(&results, "EXP-DATA-003").outcome, Outcome::NotApplicable);

    let params = pgseal::source::ConnParams::for_socket(pg.socket_dir(), pg.port(), "postgres", "shop");
    let locker = params.connect("locker").await.unwrap();
    locker.client().batch_execute("BEGIN; LOCK TABLE public.hidden IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let results = looked(&pg, "shop", &collector()).await;
    for id in ["EXP-DATA-001", "EXP-DATA-002"] {
        let result = of(&results, id);
        assert_eq!(result.outcome, Outcome::NotEvaluated, "{id}");
        assert!(result.reason.as_ref().unwrap().contains("table public.hidden"), "{result:#?}");
        assert_eq!((result.present, result.examined), (2, 1));
    }
}
