//! LOG, CONF, REPL, VER.

use pgseal::checks::{Outcome, Severity};
use pgseal::exposure::{Plane, Policy};

use crate::exposure::fixture::{database, found, live, live_as, of, server, server_checks, severity, silent};

#[tokio::test]
async fn settings_of_a_careless_server() {
    let pg = server(&[
        ("log_connections", "off"),
        ("log_disconnections", "off"),
        ("log_statement", "none"),
        ("log_min_duration_statement", "0"),
        ("log_line_prefix", "%%u %p "),
        ("log_min_messages", "panic"),
        ("log_error_verbosity", "terse"),
        ("log_replication_commands", "off"),
        ("debug_print_plan", "on"),
        ("zero_damaged_pages", "on"),
        ("allow_system_table_mods", "on"),
        ("restore_command", "cp /archive/%f %p"),
        ("recovery_target_time", "2020-01-01 00:00:00"),
    ]);
    let r = server_checks(&live(&pg).await, &Policy::default());
    found(&r, "EXP-LOG-001", &["setting log_connections", "setting log_disconnections"]);
    found(&r, "EXP-LOG-002", &["setting log_statement"]);
    found(&r, "EXP-LOG-003", &["setting debug_print_plan", "setting log_min_duration_statement"]);
    found(&r, "EXP-LOG-004", &["setting log_error_verbosity", "setting log_line_prefix", "setting log_min_messages"]);
    found(&r, "EXP-LOG-005", &["setting log_replication_commands"]);
    // fsync and full_page_writes are off in every server of the tests.
    let dangerous =
        ["setting allow_system_table_mods", "setting fsync", "setting full_page_writes", "setting zero_damaged_pages"];
    found(&r, "EXP-CONF-001", &dangerous);
    assert_eq!(severity(&r, "EXP-CONF-001", "setting fsync"), Severity::High);
    assert_eq!(severity(&r, "EXP-CONF-001", "setting allow_system_table_mods"), Severity::Medium);
    found(&r, "EXP-REPL-002", &["setting recovery_target_time", "setting restore_command"]);
}

#[tokio::test]
async fn settings_of_a_careful_server() {
    let pg = server(&[
        ("log_connections", "on"),
        ("log_disconnections", "on"),
        ("log_statement", "ddl"),
        ("log_min_duration_statement", "-1"),
        ("log_line_prefix", "%m [%p] user=%u,db=%d,client=%h "),
        ("log_replication_commands", "on"),
        ("fsync", "on"),
        ("full_page_writes", "on"),
    ]);
    let r = server_checks(&live(&pg).await, &Policy::default());
    for id in
        ["EXP-LOG-001", "EXP-LOG-002", "EXP-LOG-003", "EXP-LOG-004", "EXP-LOG-005", "EXP-CONF-001", "EXP-REPL-002"]
    {
        silent(&r, id);
    }
    assert_eq!(of(&r, "EXP-REPL-001").outcome, Outcome::NotApplicable);
}

#[tokio::test]
async fn standbys_slots_and_publications() {
    let pg = server(&[("wal_level", "logical")]);
    pg.psql("postgres", "SELECT pg_create_physical_replication_slot('left_behind')");
    pg.psql("postgres", "CREATE TABLE t (a int); CREATE PUBLICATION \"all\" FOR ALL TABLES");
    pg.psql("postgres", "CREATE PUBLICATION chosen FOR TABLE t");
    let r = server_checks(&live(&pg).await, &Policy::default());
    found(&r, "EXP-REPL-001", &["replication slot left_behind"]);
    assert_eq!(severity(&r, "EXP-REPL-001", "replication slot left_behind"), Severity::Medium);
    let r = database(&pg, "postgres", Plane::Live, &Policy::default()).await;
    found(&r, "EXP-REPL-003", &["database postgres: publication all"]);
    pg.psql("postgres", "DROP PUBLICATION \"all\"");
    silent(&database(&pg, "postgres", Plane::Live, &Policy::default()).await, "EXP-REPL-003");

    // Roles that may not see it get no pass.
    pg.psql("postgres", "CREATE ROLE nobody LOGIN");
    let r = server_checks(&live_as(&pg, "nobody").await, &Policy::default());
    {
        let id = "EXP-REPL-001";
        assert_ne!(of(&r, id).outcome, Outcome::Pass, "{id}");
    }
}
