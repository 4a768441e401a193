//! Names planted everywhere in an exposure, and none left.

use super::*;
use crate::report::exposure::sample::{self, sample};
use crate::report::{audit, pseudonyms};

/// Hidden in every name.
const NAME: &str = "canary";

fn planted() -> Exposure {
    let mut e = sample();
    let objects = [
        "database canary_db: function canary_s.canary_f(integer, canary_t)",
        "role canary x of y",
        "database canary_db: policy canarypolicy on table canary_s.\"canary \"\"q\"\"\"",
        "user mapping of canaryrole on server canaryserver",
        "host canary_db,all +canary_group 10.0.0.0/8 ldap ldapserver=canary.example map=canarymap",
        "hostssl \"canary x\" canary_app canary.example cert",
        "database canary: x: schema canaryschema",
        "setting canary_app.user_id of role canaryrole",
    ];
    let finding = e.checks[0].findings[0].clone();
    e.checks[0].findings = objects.map(|o| Finding { object: o.into(), ..finding.clone() }).into();
    e.checks[0].findings[0].message =
        "function canary_f is of canaryrole, see \"canary view\"; 10.0.0.0/8 stays".into();
    e.checks[0].findings[1].remedy = "REVOKE canary_group FROM canary_app".into();
    e.checks[0].findings[2].remedy = sample::ABOUT.remedy.into();
    e.checks[5].reason = Some("table canary_s.canary_2 is locked".into());
    e.checks[1].findings[0].waiver.as_mut().unwrap().reason = "canary_app is ours".into();
    (e.entry[0].roles, e.entry[0].databases) = (vec!["canary app".into()], vec!["canarydb".into(), "all".into()]);
    e.entry[0].rule = objects[4].into();
    e.entry[1].from = "canary.example".into();
    e.reach[0].object = "database canary_db: view canary_s.canaryview".into();
    e.reach[0].classes = vec!["canarycolumn: contact".into()];
    e.credentials[0].object = "database canary_db: user mapping of canaryrole on server canaryserver".into();
    e
}

fn redacted(level: Redaction, e: Exposure) -> (Redactor, audit::AuditReport) {
    let mut redactor = Redactor::new(level, [7; 32]);
    let mut r = audit::tests::sample_of(e);
    redactor.apply_to_audit(&mut r).unwrap();
    (redactor, r)
}

#[test]
fn no_name_is_left_at_any_level_but_none() {
    for level in [Redaction::Names, Redaction::Details] {
        let (_, r) = redacted(level, planted());
        let said = serde_json::to_string_pretty(&r).unwrap();
        assert!(!said.contains(NAME), "{level:?}: {said}");
        assert_eq!(r.redaction, level);
        let mut words = r.exposure.checks.iter().flat_map(|c| &c.findings).map(|f| &f.remedy);
        assert!(words.any(|r| r == sample::ABOUT.remedy), "the catalogue's own words stay");
    }
    assert_eq!(redacted(Redaction::None, planted()).1.exposure, planted());
}

#[test]
fn what_is_no_name_can_still_be_read() {
    let (redactor, r) = redacted(Redaction::Names, planted());
    let e = &r.exposure;
    let object = |i: usize| e.checks[0].findings[i].object.as_str();
    let stands_for = |kind: &str, name: &str| redactor.pseudonym(kind, name);
    assert_eq!(
        object(0),
        format!(
            "database {}: function {}.{}(integer, {})",
            stands_for("database", "canary_db"),
            stands_for("schema", "canary_s"),
            stands_for("function", "canary_f"),
            stands_for("name", "canary_t")
        )
    );
    assert!(object(4).starts_with("host database-") && object(4).contains(" 10.0.0.0/8 ldap ldapserver="));
    assert!(object(4).contains(",all +role-"), "{}", object(4));
    assert!(e.checks[0].findings[0].message.ends_with("; 10.0.0.0/8 stays"), "{:?}", e.checks[0].findings[0]);
    assert_eq!(e.checks[3].findings[0].object, "setting log_connections");
    assert_eq!(e.entry[1].addresses, "4294967296");
    assert_eq!(e.entry[0].from, "0.0.0.0/0");
    assert_eq!(e.entry[0].databases[1], "all");
    assert!(e.reach[0].classes[0].starts_with("column-") && e.reach[0].classes[0].ends_with(": contact"));
    assert!(e.checks[3].findings[0].message.ends_with("of setting log_connections"), "{:?}", e.checks[3]);
    let waiver = e.checks[1].findings[0].waiver.as_ref().unwrap();
    assert_eq!((waiver.owner.as_str(), waiver.ticket.as_deref()), ("platform@acme.example", Some("SEC-214")));
    // Plain samples come out readable: nothing of ours is taken for a name.
    let (_, r) = redacted(Redaction::Names, sample());
    let reasons: Vec<&str> = r.exposure.checks.iter().filter_map(|c| c.reason.as_deref()).collect();
    assert!(reasons.contains(&"the backup role may not read pg_authid"), "{reasons:?}");
    assert_eq!(r.exposure.checks[1].findings[0].object.split(' ').next_back(), Some("scram-sha-256"));
}

#[test]
fn details_are_ids_numbers_and_grades() {
    let (_, r) = redacted(Redaction::Details, planted());
    let e = &r.exposure;
    assert!(e.entry[0].roles.is_empty() && e.entry[0].databases.is_empty() && e.entry[0].role_count == 12);
    assert_eq!((e.entry[0].class.as_str(), e.entry[0].from.as_str()), ("global", LEFT_OUT));
    assert_eq!(e.reach[0].classes, ["contact"]);
    assert_eq!((e.reach[0].readers, e.sections.clone()), (9, sample().sections));
    assert_eq!(e.credentials[0].tag, sample().credentials[0].tag);
    let findings = |e: &Exposure| e.checks.iter().map(|c| c.findings.len()).collect::<Vec<_>>();
    assert_eq!(findings(e), findings(&planted()));
}

#[test]
fn fingerprints_are_keyed_and_stay_the_same_from_run_to_run() {
    let (redactor, r) = redacted(Redaction::Names, sample());
    let (plain, keyed) = (&sample().checks[0].findings[0].fingerprint, &r.exposure.checks[0].findings[0].fingerprint);
    assert_ne!(plain, keyed);
    assert_eq!(&redactor.fingerprint(plain), keyed);
    assert!(keyed.starts_with("x1:") && keyed.len() == plain.len());
    assert_eq!(&redacted(Redaction::None, sample()).0.fingerprint(plain), plain);
}

#[test]
fn names_come_back_on_the_host_that_knows_them() {
    let (redactor, r) = redacted(Redaction::Names, planted());
    let names = redactor.meanings().into_iter().map(|(p, n)| (p.to_owned(), n.to_owned())).collect();
    let mut document = crate::report::Document::from(r);
    pseudonyms::resolve(&mut document, &names);
    let crate::report::Document::Audit(r) = document else { panic!() };
    let objects: Vec<&str> = r.exposure.checks[0].findings.iter().map(|f| f.object.as_str()).collect();
    assert!(objects.contains(&"user mapping of canaryrole on server canaryserver"), "{objects:#?}");
    assert!(objects[0].starts_with("database canary_db: function canary_s.canary_f("), "{objects:#?}");
}

#[test]
fn hostile_names_are_hidden_wherever_they_stand() {
    for name in crate::report::json::tests::HOSTILE {
        let mut e = sample();
        e.checks[0].findings[0].object = format!("role {name}");
        e.checks[0].findings[0].message = format!("it is {name}");
        let (redactor, r) = redacted(Redaction::Names, e);
        let f = &r.exposure.checks[0].findings[0];
        let stands = redactor.pseudonym("role", name);
        assert_eq!((f.object.as_str(), f.message.as_str()), (&*format!("role {stands}"), &*format!("it is {stands}")));
    }
}
