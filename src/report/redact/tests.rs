//! Names planted everywhere, and none left.

use serde_json::json;

use super::*;
use crate::report::json::tests::{HOSTILE, sample};

const SCHEMA: &str = "secret_schema";
const TABLE: &str = "secret table\u{1b}\"x";
const NEW: &str = "secret_unknown";

fn facts() -> Facts {
    let name = |name: &str| json!({ "schema": SCHEMA, "name": name });
    let mut table = name(TABLE);
    table["columns"] = json!(["a"]);
    table["rows"] = json!(1);
    let role = |name: &str, of: &[&str]| {
        json!({ "name": name, "superuser": false, "inherit": true, "create_role": false, "create_db": false,
            "login": true, "replication": false, "bypass_rls": false, "connection_limit": -1,
            "valid_until": null, "member_of": of, "settings": [] })
    };
    serde_json::from_value(json!({
        "format": "pgseal-facts", "version": 1,
        "server": { "version_num": 150_000, "version": "15", "system_identifier": "1", "timeline": 1,
            "in_recovery": false, "data_checksums": false, "bootstrap_superuser": "postgres", "settings": {},
            "preload_libraries": [], "host": "h", "role": "postgres" },
        "databases": [{ "name": "secret_db", "owner": "secret_owner", "encoding": "UTF8", "collate": "C",
            "ctype": "C", "locale_provider": "c", "locale": null, "icu_rules": null, "comment": null, "acl": null,
            "connection_limit": -1, "settings": [], "size_bytes": 1,
            "extensions": [{ "name": "hstore", "version": "1", "schema": "public" }],
            "tables": [table], "large_objects": 0, "invalid_indexes": [name("secret_index")],
            "sequences": [{ "schema": SCHEMA, "name": "secret_seq", "last_value": 1, "is_called": true }],
            "matviews": [{ "schema": SCHEMA, "name": "secret_view", "populated": true }],
            "object_counts": {}, "contents_known": true }],
        "roles": [role("secret_role", &["secret_group"])],
        "streams": {}, "physical": null, "warnings": [],
    }))
    .unwrap()
}

fn redactor(level: Redaction, key: u8) -> Redactor {
    let mut r = Redactor::new(level, [key; 32]);
    r.learn(&facts()).unwrap();
    r
}

/// Names in every field that a check, a probe or an error may put them into.
fn planted() -> Report {
    let mut r = sample();
    let object = format!("secret_db: {SCHEMA}.{TABLE}");
    let f = r.checks[0].findings[0].clone();
    let with = |o: &str| crate::checks::Finding { object: o.into(), message: format!("of {TABLE}: bad"), ..f.clone() };
    r.checks[0].findings = vec![
        with(&object),
        with("secret_role"),
        with(&format!("secret_db: {NEW}")),
        with(&format!("{NEW} on {TABLE}")),
    ];
    r.checks[1].reason = Some(format!("{} is odd", shown(TABLE)));
    r.checks[3].reason = Some("role secret_role lacks a right".into());
    r.reasons.push(format!("INT-X was not evaluated: {TABLE} (secret_db)"));
    (r.tables[0].database, r.tables[0].table) =
        ("secret_db".into(), format!("{SCHEMA}.\"{}\"", TABLE.replace('"', "\"\"")));
    r.errors[0].object = Some(format!("CREATE INDEX {NEW} ON {SCHEMA}.t"));
    r.errors[0].message = format!("the server refused {TABLE}");
    r.errors[0].hint = Some("See secret_view.".into());
    if let Some(i) = &mut r.isolation {
        i.probes[0].evidence = "secret_owner has 0 sessions".into();
        i.reasons.push("secret_seq".into());
    }
    r.teardown.as_mut().unwrap().detail = Some("secret_index stays".into());
    r
}

#[test]
fn no_name_is_left_at_any_level_but_none() {
    for level in [Redaction::Names, Redaction::Details] {
        let mut r = planted();
        redactor(level, 1).apply(&mut r).unwrap();
        let said = serde_json::to_string(&r).unwrap();
        assert!(!said.contains("secret"), "{level:?}: {said}");
        assert_eq!(r.redaction, level);
        assert_ne!(r.checks[0].findings[0].fingerprint, planted().checks[0].findings[0].fingerprint);
        // What CI acts on is untouched.
        let same = |r: &Report| (r.verdict, r.exit_code, r.checks.len(), r.checks[0].findings.len(), r.errors[0].code);
        assert_eq!(same(&r), same(&planted()));
    }
    let mut r = planted();
    redactor(Redaction::None, 1).apply(&mut r).unwrap();
    assert_eq!(r, planted());
}

#[test]
fn one_name_has_one_pseudonym_and_another_key_has_others() {
    let said = |key| {
        let mut r = planted();
        redactor(Redaction::Names, key).apply(&mut r).unwrap();
        r
    };
    let r = said(1);
    let table = r.checks[0].findings[0].object.rsplit('.').next().unwrap().to_owned();
    assert!(table.starts_with("table-") && table.len() == 6 + 12, "{table}");
    assert!(r.checks[0].findings[0].message.contains(&table) && r.tables[0].table.contains(&table), "{r:?}");
    assert!(r.checks[1].reason.as_ref().unwrap().starts_with(&table), "the escaped form is the same name");
    assert!(r.checks[0].findings[0].object.starts_with(&r.tables[0].database));
    assert!(r.checks[0].findings[1].object.starts_with("role-"));
    for unknown in [&r.checks[0].findings[2].object, &r.checks[0].findings[3].object] {
        assert!(unknown.starts_with("object-") && !unknown.contains(' '), "{unknown}");
    }
    assert!(r.errors[0].object.as_ref().unwrap().starts_with("object-"));
    assert!(!serde_json::to_string(&said(2)).unwrap().contains(&table));
    assert_eq!(said(1), r);
    let names = redactor(Redaction::Names, 1);
    assert_eq!(names.meanings().get(table.as_str()), Some(&TABLE));
}

#[test]
fn words_are_not_cut_and_the_longest_name_wins() {
    let mut r = Redactor::new(Redaction::Names, [3; 32]);
    let mut facts = facts();
    facts.databases[0].name = "t".into();
    facts.roles[0].name = "t u".into();
    facts.roles[0].member_of = vec!["row".into(), "größe".into()];
    r.learn(&facts).unwrap();
    assert_eq!(r.text("the rest of it is not_t, t2 or größer; rows"), "the rest of it is not_t, t2 or größer; rows");
    assert_eq!(r.text("(t u)"), format!("({})", r.pseudonym("role", "t u")));
    assert_eq!(r.text("t ux"), format!("{} ux", r.pseudonym("database", "t")));
    assert_eq!(r.text("größe/row"), format!("{}/{}", r.pseudonym("role", "größe"), r.pseudonym("role", "row")));
    assert_eq!(
        r.object("t: public.row"),
        format!("{}: public.{}", r.pseudonym("database", "t"), r.pseudonym("role", "row"))
    );
}

#[test]
fn hostile_names_are_found_in_whatever_way_they_are_written() {
    for name in HOSTILE {
        let mut facts = facts();
        facts.databases[0].tables[0].name.name = name.into();
        let mut r = Redactor::new(Redaction::Names, [4; 32]);
        r.learn(&facts).unwrap();
        for written in [name.to_owned(), shown(name).into_owned(), name.replace('"', "\"\"")] {
            let object = r.object(&format!("secret_db: public.{written}"));
            assert_eq!(
                object,
                format!("{}: public.{}", r.pseudonym("database", "secret_db"), r.pseudonym("table", name))
            );
        }
    }
}

#[test]
fn what_an_error_of_ours_is_about_can_still_be_found() {
    let mut r = planted();
    let mut about = |stage: &str, object: &str| {
        (r.errors[0].stage, r.errors[0].object) = (stage.to_owned(), Some(object.to_owned()));
        redactor(Redaction::Names, 1).apply(&mut r).unwrap();
        r.errors[0].object.clone().unwrap()
    };
    for (stage, ours) in [
        ("fetch", "s/secret_db/d/20261123T030000Z-abababababababab/s01/00001.zst.age"),
        ("store", "s/secret_db/r/0000000001.aaaa.json"),
        ("fetch", "s/shop/d/20261123T030000Z-abababababababab/s01/00001.zst.age"),
        ("scratch", "/var/tmp/pgseal-1"),
        ("restore", "/var/tmp/pgseal-1"),
        ("restore", "pg_restore"),
        ("scratch", "setpriv"),
        ("verify", "0000000042.json"),
    ] {
        assert_eq!(about(stage, ours), ours);
    }
    assert!(about("scratch", "s/secret_db").starts_with("s/database-"));
    assert!(about("scratch", "secret_db").starts_with("database-"));
    assert!(about("restore", "table secret_unknown").starts_with("object-"));
    assert!(about("checks", "secret_unknown").starts_with("object-"));
}

#[test]
fn before_the_facts_are_known_objects_are_hidden_too() {
    let mut r = planted();
    Redactor::new(Redaction::Names, [5; 32]).apply(&mut r).unwrap();
    assert!(r.checks[0].findings.iter().all(|f| f.object.starts_with("object-")));
    assert!(r.errors[0].object.as_ref().unwrap().starts_with("object-"));
    assert!(r.tables[0].table.starts_with("object-"));
}
