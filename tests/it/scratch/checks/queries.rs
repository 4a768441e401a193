//! The operator's own checks: compared as they ask for, and never quoted.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn your_queries_are_compared_and_never_quoted() {
    let (_top, scratch, instance) = set_up().await;
    let facts = facts();
    let bindir = bindir();
    let jail = scratch.jail().clone();
    let subject =
        Subject { instance: &instance, facts: &facts, bindir: &bindir, jail: &jail, jobs: 1, taken_at: taken_at() };
    for (query, says) in [
        ("select 'secret value'", "it gives another value"),
        ("select null", "it gives NULL"),
        ("select 1 where false", "it gives no row"),
        ("select generate_series(1, 3)", "it gives 3 rows instead of one"),
        ("select 1, 2", "it gives 2 columns instead of one"),
        ("select 'secret'::int", "the query fails: the server refused with SQLSTATE 22P02"),
        ("create table x ()", "the query fails: the server refused with SQLSTATE 25006"),
    ] {
        let c = checks::user_sql::run(&subject, &[sql("q", query, "true")]).await;
        assert_eq!(c.outcome, Outcome::Finding, "{query}");
        assert_eq!(c.findings[0].message, says, "{query}");
        assert!(!format!("{c:?}").contains("secret"));
    }
    // As a role, with its rights and under its row security.
    let admin = instance.connect_writable("shop=1").await.unwrap();
    admin
        .client()
        .batch_execute(
            "create table public.seen (who name, token text); grant select on public.seen to \"sel\"\"ler\"; \
             insert into public.seen values ('sel\"ler', 'secret token'), ('other', 'secret'); \
             alter table public.seen enable row level security; \
             create policy p on public.seen to public using (who = current_user)",
        )
        .await
        .unwrap();
    let asks = |query: &str, role: &str| Question { role: Some(role.into()), ..question(query) };
    let count = "select count(*) from seen";
    let between = |q: Question, low, high| SqlCheck {
        name: "c".into(),
        question: q,
        expected: Expected::Between(Some(low), Some(high)),
    };
    for (check, says) in [
        (between(question(count), 2.0, 2.0), None),
        (between(asks(count, "sel\"ler"), 1.0, 1.0), None),
        (between(asks(count, "sel\"ler"), 2.0, 3.0), Some("it gives less than 2")),
        (between(asks(count, "staff"), 1.0, 1.0), Some("the query fails: the server refused with SQLSTATE 42501")),
        (between(asks(count, "nobody"), 1.0, 1.0), Some("the role that asks is not there")),
        (between(asks("select session_user = 'sel\"ler'", "sel\"ler"), 1.0, 1.0), Some("it gives no number")),
    ] {
        let c = checks::user_sql::run(&subject, std::slice::from_ref(&check)).await;
        assert_eq!(c.findings.first().map(|f| f.message.as_str()), says, "{check:?} {c:?}");
        assert_eq!(c.outcome, if says.is_some() { Outcome::Finding } else { Outcome::Pass }, "{c:?}");
    }
    let slow = Question { timeout: Duration::from_millis(50), ..question("select pg_sleep(30)") };
    let c = checks::user_sql::run(&subject, &[between(slow, 0.0, 1.0)]).await;
    assert_eq!(c.outcome, Outcome::NotEvaluated);
    assert_eq!(c.reason.as_deref(), Some("c: it took longer than 0 s"));
    let fresh = |query: &str| SqlCheck {
        name: "fresh".into(),
        question: question(query),
        expected: Expected::Newer(Duration::from_hours(24)),
    };
    for (query, outcome) in [
        ("select timestamptz '2026-03-09 14:00+02'", Outcome::Pass),
        ("select timestamp '2026-03-09 12:00:01'", Outcome::Pass),
        ("select timestamptz '2026-03-09 13:00+02'", Outcome::Finding),
        ("select now() + interval '100 years'", Outcome::Finding),
        ("select max(at) from (values (null::timestamptz)) v(at)", Outcome::Finding),
    ] {
        let c = checks::user_sql::run(&subject, &[fresh(query)]).await;
        assert_eq!(c.outcome, outcome, "{query}: {c:?}");
    }

    // The canary.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "secret token\n").unwrap();
    let token = asks("select token from seen", "sel\"ler");
    let with = |question: &Question, token| Some(Canary { question: question.clone(), token });
    for (canary, outcome) in [
        (None, Outcome::NotApplicable),
        (with(&token, Token::File(file.clone())), Outcome::Pass),
        (with(&token, Token::Sha256(Digest::of(b"secret token"))), Outcome::Pass),
        (with(&token, Token::Sha256(Digest::of(b"secret token "))), Outcome::Finding),
        (with(&question("select token from seen where false"), Token::File(file.clone())), Outcome::Finding),
        (with(&question("select token from gone"), Token::File(file.clone())), Outcome::Finding),
        (with(&token, Token::File(dir.path().join("none"))), Outcome::NotEvaluated),
        (
            with(&Question { database: Some("nowhere".into()), ..token.clone() }, Token::File(file.clone())),
            Outcome::NotEvaluated,
        ),
    ] {
        let c = checks::canary::run(&subject, canary.as_ref()).await;
        assert_eq!(c.outcome, outcome, "{canary:?}: {c:?}");
        assert!(!format!("{c:?}").contains("secret"), "{c:?}");
    }

    // What whoever may create in public puts in place of PostgreSQL's own.
    let run = async |sql: &str| admin.client().batch_execute(sql).await.unwrap();
    run("create table public.state (s varchar); insert into public.state values ('bad'); grant create on schema public to staff; \
         create function public.totals() returns bigint language sql as $$ select count(*) from public.state where lower(s) = 'bad' $$; \
         set role staff; create function public.same(varchar, varchar) returns bool language sql as 'select false'; \
         create operator public.= (leftarg = varchar, rightarg = varchar, function = public.same); reset role")
    .await;
    let faked = sql("f", "select count(*) from state where s = 'bad'::varchar", "0");
    let c = checks::user_sql::run(&subject, std::slice::from_ref(&faked)).await;
    assert_eq!(c.outcome, Outcome::NotEvaluated, "{c:?}");
    assert!(c.reason.as_deref().unwrap().starts_with("f: = of schema public, which belongs to staff, could"), "{c:?}");
    run("drop operator public.= (varchar, varchar)").await;
    assert_eq!(checks::user_sql::run(&subject, &[faked]).await.outcome, Outcome::Finding);
    // Functions count where the query, or what it calls, names them.
    run("set role staff; create function public.lower(varchar) returns text language sql as $$ select 'good' $$; reset role").await;
    for (query, outcome) in [
        ("select 1", Outcome::Pass),
        ("select count(*) from state", Outcome::Pass),
        ("select count(*) from state where LOWER(s) = 'good'", Outcome::NotEvaluated),
        ("select totals()", Outcome::NotEvaluated),
    ] {
        let c = checks::user_sql::run(&subject, &[sql("q", query, "1")]).await;
        assert_eq!(c.outcome, outcome, "{query}: {c:?}");
    }
    // A superuser's are meant; a schema of the superuser's name that is not his is not looked into.
    run("alter function public.lower(varchar) owner to postgres; create schema postgres authorization staff; \
         create table postgres.state (s varchar)")
    .await;
    let c =
        checks::user_sql::run(&subject, &[sql("q", "select count(*) from state where lower(s) = 'good'", "1")]).await;
    assert_eq!(c.outcome, Outcome::Pass, "{c:?}");
    drop(admin);

    let elsewhere = SqlCheck {
        question: Question { database: Some("nowhere".into()), ..question("select true") },
        ..sql("q", "", "true")
    };
    let c = checks::user_sql::run(&subject, &[elsewhere, sql("r", "select true", "true")]).await;
    assert_eq!((c.outcome, c.present, c.examined), (Outcome::NotEvaluated, 2, 1), "{c:?}");
    // The server dies under the checks: an error of theirs, not a finding.
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(instance.pid()).unwrap(),
        rustix::process::Signal::QUIT,
    )
    .unwrap();
    assert!(
        crate::scratch::support::within(std::time::Duration::from_secs(10), || pgseal::scratch::procfs::working_below(
            scratch.path()
        )
        .is_empty())
        .await
    );
    for c in checks::run(&subject, Kind::Logical, &drill(&[sql("q", "select true", "true")])).await.results {
        let nothing = ["USR-CANARY", "INT-EXT-OBJECTS"].contains(&c.id.as_str()) && c.outcome == Outcome::NotApplicable;
        assert!(nothing || matches!(c.outcome, Outcome::Error | Outcome::NotEvaluated), "{c:?}");
    }
}
