//! Event triggers of the source neither fire in a copy nor keep it from being
//! restored and checked, and are compared like everything else.

use crate::drill::pg::{self, PgServer};
use crate::drill::versions::good;
use crate::drill::world::{World, check, outcome};

/// One forbids DDL, one writes it down, one fires for replicas, too; a
/// materialized view is filled after pg_restore made them.
const SQL: &str = "
    create function public.nope() returns event_trigger language plpgsql as $$ begin
      raise exception 'no DDL here: %', tg_tag; end $$;
    create function public.logd() returns event_trigger language plpgsql as $$ begin
      insert into public.ddl_log values (tg_tag); end $$;
    create table public.ddl_log(what text);
    create table public.t(i int primary key); insert into public.t select generate_series(1, 10);
    create materialized view public.m as select count(*) n from public.t;
    create event trigger l on ddl_command_end execute function public.logd();
    create event trigger n on ddl_command_start
      when tag in ('CREATE TABLE', 'ALTER TABLE', 'CREATE EXTENSION', 'CREATE INDEX', 'DROP TABLE', 'REFRESH MATERIALIZED VIEW')
      execute function public.nope();
    create event trigger d on sql_drop execute function public.nope();
    comment on event trigger n is 'ours';
    alter event trigger l enable always;
    alter event trigger d enable replica";

#[test]
fn a_copys_event_triggers_stay_silent_and_are_compared() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", SQL);
    if pg::major() >= 17 {
        // Which outranks the command line of the scratch server.
        server.psql("postgres", "alter database postgres set event_triggers = on");
        let login = "create function public.lgn() returns event_trigger language plpgsql as $$ begin \
                       if current_setting('cluster_name') like 'pgseal-%' then raise exception 'no login here'; end if; end $$; \
                     create event trigger lg on login execute function public.lgn()";
        server.psql("postgres", &format!("set event_triggers = off; {login}"));
    }
    let world = World::new(&server);
    for source in ["shop", "cluster"] {
        world.ok(&["backup", source]);
        let (code, report) = world.drill(source);
        good(source, 0, code, &report);
        if source == "shop" {
            assert_eq!(outcome(&report, "INT-ROWS"), "pass", "nothing was written down: {report:#}");
        } else if pg::major() >= 14 && server.offers("amcheck") {
            assert_eq!(check(&report, "PHY-AMCHECK")["outcome"], "pass", "{report:#}");
        }
    }
    assert_eq!(server.psql("postgres", "select count(*) from public.ddl_log where what like '%EXTENSION%'"), "0");
}
