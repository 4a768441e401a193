//! Code in the copy puts another server's socket in the place of its own: the
//! checks would ask the host's real server, and change it.

use serde_json::Value;

use crate::drill::isolation::LEVELS;
use crate::drill::pg::{self, PgServer};
use crate::drill::world::{World, check, verdict};

/// A CHECK function of a table's owner. On the source it is harmless; in a copy
/// it replaces every socket within reach, by name and by directory, and leaves
/// `mark` where it can.
fn hostile(server: &PgServer, mark: &str) -> String {
    let real = server.socket_dir().join(".s.PGSQL.5432");
    let script = format!(
        "for d in ../s ../l; do for f in $d/.s.PGSQL.*; do case $f in *.lock) ;; *) rm -f $f; ln -s {real} $f;; esac; done; done; \
         for d in ../s ../l; do n=$(ls -A $d | grep -v lock); mv $d $d.old && mkdir $d && ln -s {real} $d/$n; done; \
         here=$(cd ..; pwd); n=$(ls -A $here/s | grep -v lock); \
         mv $here $here.old && mkdir -p $here/s && ln -s {real} $here/s/$n && mv $here.old/data $here/; \
         touch {mark}; true",
        real = real.display()
    );
    format!(
        "create function public.looks_harmless(i int) returns boolean language plpgsql as $f$ begin \
           if current_setting('cluster_name') like 'pgseal-%' then \
             begin execute format('copy (select 1) to program %L', $s${script}$s$); exception when others then null; end; \
           end if; return true; end $f$; \
         create table public.t(i int check (public.looks_harmless(i)), x text); \
         insert into public.t select g, 'x' from generate_series(1, 3) g; \
         create index on public.t(x); create table public.u as select generate_series(1, 1000) i"
    )
}

fn iso_016(report: &Value) -> &str {
    probe(report, "ISO-016")["outcome"].as_str().unwrap()
}

fn probe<'a>(report: &'a Value, id: &str) -> &'a Value {
    let probes = report["isolation"]["probes"].as_array().unwrap();
    probes.iter().find(|p| p["id"] == id).unwrap_or_else(|| panic!("{report:#}"))
}

/// Sessions of pgseal and its programs that the real server let in.
fn visits(server: &PgServer) -> usize {
    server.log().matches("connection authorized").count()
}

#[test]
fn a_socket_that_the_copy_replaced_leads_nowhere() {
    let server = PgServer::start(&pg::bindir(), &[("log_connections", "on")]);
    let marks = tempfile::Builder::new().prefix("pgm").tempdir_in("/var/tmp").unwrap();
    std::fs::set_permissions(marks.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let mark = marks.path().join("ran");
    server.psql("postgres", &hostile(&server, &mark.display().to_string()));
    let world = World::new(&server);
    world.configure("", "[source.NAME.drill]\nmin_isolation = \"I1\"\n");
    world.ok(&["backup", "shop"]);
    world.ok(&["backup", "cluster"]);
    // From here on whoever asks the real server hears something else.
    server.psql("postgres", "delete from public.u; drop index public.t_x_idx");
    let before = visits(&server);
    for (level, lacks) in LEVELS {
        world.lacks(lacks);
        let (code, report) = world.drill("shop");
        assert_eq!((code, verdict(&report), iso_016(&report)), (0, ("passed", "data"), "pass"), "{level}: {report:#}");
        assert_eq!(check(&report, "INT-ROWS")["outcome"], "pass");
        // The attack was carried out; at I3 there is no place for the mark.
        assert_eq!(mark.exists(), level != "I3", "{level}");
        let _ = std::fs::remove_file(&mark);
    }
    world.lacks(&[]);
    assert_eq!(world.drill("cluster").0, 0);
    assert_eq!(visits(&server), before, "somebody asked the real server");
}

#[test]
fn where_the_copy_can_replace_it_the_drill_is_unsafe() {
    let server = PgServer::start(&pg::bindir(), &[("log_connections", "on")]);
    server.psql("postgres", &hostile(&server, "/dev/null"));
    // Its server runs as the very user that pgseal runs as, and nothing is around it.
    let world = World::new_as(&server, Some("postgres"));
    world.configure("", "[source.NAME.drill]\nmin_isolation = \"I1\"\n");
    world.ok(&["backup", "shop"]);
    let before = visits(&server);
    world.lacks(LEVELS[2].1);
    let said = world.pgseal(&["drill", "shop", "--json"]);
    let report: Value = serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {said:?}"));
    assert_eq!((said.code, verdict(&report).0, iso_016(&report)), (52, "unsafe", "fail"), "{report:#}");
    assert_eq!(visits(&server), before, "somebody asked the real server");

    // What it moved out of the way was its own user's to move.
    for left in std::fs::read_dir(world.path("scratch")).unwrap() {
        std::fs::remove_dir_all(left.unwrap().path()).unwrap();
    }

    // The same user behind walls: nothing can be replaced.
    world.lacks(&[]);
    let (code, report) = world.drill("shop");
    assert_eq!((code, verdict(&report), iso_016(&report)), (0, ("passed", "data"), "pass"), "{report:#}");
    assert_eq!(visits(&server), before);
}

#[test]
fn beside_a_program_that_could_answer_no_session_is_proven() {
    let server = PgServer::start(&pg::bindir(), &[]);
    let world = World::new(&server);
    // A program of its own, and one that takes the server's name.
    for (name, said) in [("proxy", "the program proxy"), ("postgres", "a program called postgres")] {
        let script = format!("cp /bin/sleep {name}; setsid ./{name} 1000 >/dev/null 2>&1 </dev/null & sleep 0.1");
        server.psql("postgres", "drop table if exists t; drop function if exists f");
        server.psql(
            "postgres",
            &format!(
                "create function public.f(i int) returns boolean language plpgsql as $f$ begin \
                   if current_setting('cluster_name') like 'pgseal-%' then \
                     execute format('copy (select 1) to program %L', $s${script}$s$); \
                   end if; return true; end $f$; \
                 create table public.t(i int check (public.f(i))); insert into public.t values (1)"
            ),
        );
        world.ok(&["backup", "shop"]);
        let (code, report) = world.drill("shop");
        assert_eq!((code, verdict(&report).0), (52, "unsafe"), "{report:#}");
        assert_eq!(iso_016(&report), "not_evaluated", "{report:#}");
        for id in ["ISO-009", "ISO-016"] {
            let evidence = probe(&report, id)["evidence"].as_str().unwrap();
            assert!(evidence.contains(said), "{id}: {evidence}");
        }
    }
}
