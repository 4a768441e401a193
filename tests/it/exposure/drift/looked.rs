//! Who was connected, and where sensitive data lay, at earlier looks.

use super::*;

pub(super) fn sessions(all: &[(&str, &str)]) -> Known<Vec<SessionFacts>> {
    let one = |(role, address): &(&str, &str)| SessionFacts {
        role: Some((*role).to_owned()),
        database: Some("shop".to_owned()),
        address: address.parse::<IpAddr>().ok(),
        application: "x".to_owned(),
        backend: "client backend".to_owned(),
        tls: Some(true),
        gss: Some(false),
        count: 1,
    };
    Known::Yes(all.iter().map(one).collect())
}

/// A world with these sessions.
fn connected(all: &[(&str, &str)], roles: &[&str]) -> World {
    let mut world = World::of(server(&roles.iter().map(|r| role(r)).collect::<Vec<_>>()));
    world.server.posture.sessions = sessions(all);
    world
}

#[test]
fn clients_from_public_and_from_new_networks_are_told() {
    let id = "EXP-NET-002";
    let home = || connected(&[("app", "10.0.1.7"), ("app", "10.0.2.7")], &["app"]);
    silent(&drifted(id, home(), &connected(&[("app", "10.0.1.9"), ("app", "::ffff:10.0.2.200")], &["app"])));
    // One new network may be a move.
    silent(&drifted(id, home(), &connected(&[("app", "10.0.1.9"), ("app", "10.9.0.1")], &["app"])));
    let told =
        drifted(id, home(), &connected(&[("app", "10.8.0.1"), ("app", "10.9.0.1"), ("ops", "10.0.1.7")], &["app"]));
    found(&told, &[("role app", "from 2 networks not seen before: 10.8.0.1, 10.9.0.1")]);
    let told = drifted(id, home(), &connected(&[("app", "203.0.113.7"), ("app", "203.0.113.7")], &["app"]));
    found(&told, &[("role app from 203.0.113.7", "public address")]);
    // Nobody to compare with.
    let alone = look(id, &home(), None, &Rest::default(), &Policy::default());
    assert_eq!(alone.outcome, Outcome::NotEvaluated);
    let mut blind = home();
    blind.server.posture.sessions = Known::no("denied");
    assert_eq!(look(id, &blind, None, &Rest::default(), &Policy::default()).outcome, Outcome::NotEvaluated);
    let socket = connected(&[("app", "")], &["app"]);
    assert_eq!(look(id, &socket, None, &Rest::default(), &Policy::default()).outcome, Outcome::NotApplicable);
}

#[test]
fn logins_that_no_audit_saw_are_told() {
    let roles = ["idle", HOSTILE.as_str(), "seen", "here", "worker"];
    let audit =
        |days| Past { networks: Some([(telling().tag("seen"), BTreeSet::new())].into_iter().collect()), ..past(days) };
    let services = Policy {
        expect: pgseal::exposure::policy::Expect { services: Some(vec!["worker".into()]), ..Default::default() },
        ..Policy::default()
    };
    let said = |now_is: &World, past: &[Past]| {
        look("EXP-DRIFT-006", now_is, None, &Rest { past, ..Rest::default() }, &services)
    };
    let world = connected(&[("here", "")], &roles);
    let audits = [audit(40), audit(30), audit(20), audit(10)];
    let told = said(&world, &audits);
    found(&told, &[("role idle", "5 audits over 40 days"), (&format!("role {}", *HOSTILE), "in no session")]);
    silent(&said(&connected(&[("here", ""), ("idle", ""), (&HOSTILE, "10.0.0.1")], &roles), &audits));
    // Too few audits, or too short a time, tell nothing.
    for few in
        [&audits[..3], &[audit(4), audit(3), audit(2), audit(1)][..], &[past(40), past(30), past(20), past(10)][..]]
    {
        assert_eq!(said(&world, few).outcome, Outcome::NotEvaluated);
    }
}

#[test]
fn new_places_of_sensitive_data_are_told() {
    let row = |object: &str, classes: &[&str]| ReachRow {
        object: object.to_owned(),
        tag: Some(telling().tag(object)),
        classes: classes.iter().map(|c| (*c).to_owned()).collect(),
        readers: 1,
        writers: 1,
        logins: 1,
        public: false,
        widest_entry: None,
        without_tls: None,
    };
    let orders = "database shop: table public.orders";
    let then = looks::exposure(vec![], vec![row(orders, &["email: contact"])]);
    let earlier = [Past::of(&then, pgseal::types::Redaction::None, days_ago(7), &telling()).unwrap()];
    let world = World::of(server(&[]));
    let said = |reach: &[ReachRow], past| look("EXP-DATA-004", &world, None, &Rest { past, reach }, &Policy::default());
    silent(&said(&[row(orders, &["renamed: contact"])], &earlier));
    let told = said(&[row(orders, &["email: contact", "phone: contact", "iban: financial"])], &earlier);
    found(
        &told,
        &[
            (&format!("{orders}: contact"), "2 columns hold contact data, 1 did at the last look: email, phone"),
            (&format!("{orders}: financial"), "1 columns hold financial data, 0 did"),
        ],
    );
    assert_eq!(said(&[row(orders, &[])], &[]).outcome, Outcome::NotEvaluated);
    assert_eq!(said(&[], &earlier).outcome, Outcome::NotEvaluated);
}
