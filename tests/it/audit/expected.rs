//! What is expected of the two clusters, written by hand from the catalogue.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Where a finding of the worst cluster must stand: `l` live audit, `d` drill of the
/// logical backup, `p` drill of the physical one, `t` audit of the store, `h` of the host.
pub const WORST: &[(&str, &str, &str)] = &[
    // Who comes in.
    ("EXP-HBA-001", "ldp", "rule host all all 0.0.0.0/0 trust"),
    ("EXP-HBA-002", "ldp", "rule host all all 0.0.0.0/0 trust"),
    ("EXP-HBA-003", "ldp", "rule host all all 0.0.0.0/0 trust"),
    ("EXP-HBA-004", "ldp", "rule host shop app 10.0.0.0/8 password"),
    ("EXP-HBA-005", "ldp", "rule host replication all 192.168.0.0/16 md5"),
    ("EXP-HBA-006", "ldp", "rule host all all 0.0.0.0/0 trust"),
    ("EXP-HBA-007", "ldp", "rule host shop app 10.0.0.0/8 password"),
    ("EXP-HBA-008", "ldp", "rule host all till samenet md5"),
    ("EXP-HBA-009", "ldp", "rule local all all trust"),
    ("EXP-HBA-010", "ldp", "map line anyone /^.*$ admin2"),
    ("EXP-HBA-011", "ldp", "rule host shop legacy 172.16.0.0/12 scram-sha-256"),
    ("EXP-HBA-014", "ldp", "rule host all all 0.0.0.0/0 trust"),
    ("EXP-NET-001", "ldp", "setting listen_addresses: 127.1"),
    ("EXP-TLS-001", "ldp", "setting ssl"),
    ("EXP-CONF-002", "ldp", "setting unix_socket_permissions"),
    // What they are.
    ("EXP-ROLE-001", "ldp", "role app"),
    ("EXP-ROLE-002", "ldp", "role filer"),
    ("EXP-ROLE-003", "ldp", "role reporter"),
    ("EXP-ROLE-004", "ldp", "role mkrole"),
    ("EXP-ROLE-005", "ldp", "role repl"),
    ("EXP-ROLE-006", "ldp", "role dumper"),
    ("EXP-ROLE-007", "ldp", "role support: admin option for role billing_rw"),
    ("EXP-ROLE-008", "ldp", "database shop: role till"),
    ("EXP-ROLE-009", "ldp", "role app"),
    ("EXP-ROLE-010", "ldp", "role admin2"),
    ("EXP-ROLE-011", "ldp", "role unused"),
    ("EXP-ROLE-012", "ldp", "role test"),
    ("EXP-ROLE-013", "ldp", "role hosted"),
    ("EXP-AUTH-001", "dp", "role old"),
    ("EXP-AUTH-002", "dp", "role admin2"),
    ("EXP-AUTH-003", "ldp", "role till: setting password_encryption"),
    ("EXP-AUTH-005", "ldp", "password rules"),
    ("EXP-AUTH-006", "dp", "roles twin1, twin2"),
    ("EXP-TOOL-004", "ldp", "role postgres"),
    // How it is run.
    ("EXP-LOG-001", "ldp", "setting log_connections"),
    ("EXP-LOG-002", "ldp", "setting log_statement"),
    ("EXP-LOG-003", "ldp", "setting log_min_duration_statement"),
    ("EXP-LOG-004", "ldp", "setting log_line_prefix"),
    ("EXP-LOG-005", "ldp", "setting log_replication_commands"),
    ("EXP-LOG-006", "p", "role app"),
    ("EXP-CONF-001", "ldp", "setting fsync"),
    ("EXP-REPL-001", "ldp", "replication slot left_behind"),
    ("EXP-REPL-002", "ldp", "setting restore_command"),
    ("EXP-REPL-003", "lp", "database shop: publication everything"),
    ("EXP-EXT-004", "ldp", "setting session_preload_libraries of database shop"),
    // What may be touched.
    ("EXP-PRIV-001", "ldp", "database shop: table public.customers"),
    ("EXP-PRIV-002", "ldp", "database shop: schema public"),
    ("EXP-PRIV-003", "ldp", "database shop: default privileges for role till on tables"),
    ("EXP-PRIV-004", "ldp", "database shop"),
    ("EXP-PRIV-005", "ldp", "database shop: function pg_catalog.pg_read_file(text) for role legacy"),
    ("EXP-PRIV-006", "ldp", "setting log_statement: SET for role support"),
    ("EXP-PRIV-007", "ldp", "database shop: role support"),
    ("EXP-PRIV-008", "ldp", "database shop: role bi_readonly"),
    ("EXP-PRIV-009", "ldp", "database shop: table public.customers"),
    ("EXP-RLS-001", "ldp", "database shop: table public.customers"),
    ("EXP-RLS-002", "ldp", "database shop: table public.invoices"),
    ("EXP-RLS-003", "ldp", "database shop: policy everybody on public.orders"),
    ("EXP-RLS-004", "ldp", "database shop: view public.all_orders"),
    ("EXP-RLS-005", "ldp", "database shop: table public.events_1"),
    ("EXP-RLS-006", "ldp", "database shop: table public.orders"),
    ("EXP-RLS-007", "ldp", "database shop: table public.locked"),
    ("EXP-RLS-008", "ldp", "database shop: policy told on public.orders"),
    ("EXP-FUNC-001", "ldp", "database shop: function public.credit(integer)"),
    ("EXP-FUNC-002", "ldp", "database shop: function public.credit(integer)"),
    ("EXP-FUNC-003", "ldp", "database shop: function public.inject(text)"),
    ("EXP-FUNC-004", "ldp", "database shop: language wild"),
    ("EXP-FUNC-005", "ldp", "database shop: event trigger hook"),
    ("EXP-FUNC-006", "ldp", "database shop: trigger tell on public.ledger"),
    ("EXP-EXT-001", "ldp", "database shop: extension dblink"),
    ("EXP-EXT-003", "ldp", "database shop: extension dblink"),
    // What lies in it.
    ("EXP-SECR-001", "dp", "database shop: user mapping of app on server peer"),
    ("EXP-SECR-002", "p", "database shop: subscription feed"),
    ("EXP-SECR-003", "ldp", "setting app.token of database shop"),
    ("EXP-SECR-004", "ldp", "setting restore_command"),
    ("EXP-SECR-005", "dp", "database shop: function public.upload()"),
    ("EXP-SECR-006", "p", "file deploy.key"),
    ("EXP-SECR-007", "p", "directory log"),
    ("EXP-SECR-008", "dp", "database shop: credentials"),
    ("EXP-DATA-001", "dp", "database shop: table public.customers"),
    ("EXP-DATA-002", "dp", "database shop: table column public.customers.password"),
    ("EXP-DATA-003", "p", "database shop: table public.customers"),
    // How it is backed up.
    ("EXP-STO-007", "t", "writer: delete"),
    ("EXP-STO-010", "t", "*/store/s"),
    ("EXP-BKP-001", "t", "object s/shop/dump.sql"),
    ("EXP-BKP-003", "t", "object s/shop/dump.sql"),
    ("EXP-KEY-001", "t", "object s/shop/identity.txt"),
    ("EXP-KEY-003", "t", "source shop"),
    ("EXP-MAN-002", "t", "source shop"),
    ("EXP-KEY-005", "h", "*/keys/identity"),
    ("EXP-TOOL-006", "h", "setting report.redact"),
    ("EXP-KEY-006", "h", "*/keys/identity"),
    ("EXP-TOOL-001", "h", "*/.bash_history"),
    ("EXP-TOOL-002", "h", "*/.profile"),
    ("EXP-LEFT-003", "h", "*/dump.sql"),
    // What was declared.
    ("EXP-GOV-001", "ldpth", "waiver EXP-HBA-001: gone"),
    ("EXP-GOV-002", "ldp", "waiver EXP-HBA-001: gone"),
    ("EXP-GOV-003", "ldpth", "waiver EXP-HBA-007: rule host shop app 10.0.0.0/8 password"),
    ("EXP-GOV-004", "ldp", "role gone"),
    ("EXP-GOV-005", "ldp", "replica 10.1.0.9/32"),
];

/// Checks that the worst cluster does not set off, and why. Their own tests do.
pub const ELSEWHERE: &[(&str, &str)] = &[
    ("EXP-HBA-012", "rules that were not loaded leave nothing else to be judged"),
    ("EXP-HBA-013", "what cannot be seen leaves the other rules undecided"),
    ("EXP-NET-002", "needs a client with a public address"),
    ("EXP-TLS-002", "TLS is off, which is worse"),
    ("EXP-TLS-003", "TLS is off, so there is no certificate"),
    ("EXP-TLS-004", "needs a client from another host"),
    ("EXP-TLS-005", "needs a connection to another host"),
    ("EXP-AUTH-004", "needs reports of a year"),
    ("EXP-DATA-004", "needs an earlier drill"),
    ("EXP-EXT-002", "a logical copy would have the newer version, and its drill would fail"),
    ("EXP-DRIFT-001", "needs an earlier drill"),
    ("EXP-DRIFT-002", "needs an earlier drill"),
    ("EXP-DRIFT-003", "needs an earlier drill"),
    ("EXP-DRIFT-004", "needs an earlier drill"),
    ("EXP-DRIFT-006", "needs audits of months"),
    ("EXP-STO-001", "the store is a directory"),
    ("EXP-STO-002", "the store is a directory"),
    ("EXP-STO-003", "the store is a directory"),
    ("EXP-STO-004", "the store is a directory"),
    ("EXP-STO-005", "the store is a directory"),
    ("EXP-STO-006", "the store is a directory"),
    ("EXP-STO-008", "the store is a directory"),
    ("EXP-STO-009", "the store is a directory"),
    ("EXP-BKP-002", "pgseal seals for whom it is told to"),
    ("EXP-BKP-004", "a history that was rolled back is not drilled"),
    ("EXP-BKP-005", "the backups are new"),
    ("EXP-BKP-006", "no copies are declared"),
    ("EXP-BKP-010", "the backup role sees everything"),
    ("EXP-MAN-001", "manifests of strangers have tests of their own"),
    ("EXP-KEY-002", "pgseal does not work with open key files"),
    ("EXP-KEY-004", "needs recipients of a year"),
    ("EXP-TOOL-003", "pgseal does not work with open configuration"),
    ("EXP-TOOL-005", "depends on how the tests are run"),
    ("EXP-LEFT-001", "pgseal leaves no instance"),
    ("EXP-LEFT-002", "pgseal leaves no copy"),
    ("EXP-LEFT-004", "depends on the disks of the machine"),
    ("EXP-VER-001", "depends on the calendar"),
    ("EXP-VER-002", "depends on the calendar"),
    ("EXP-VER-003", "depends on the calendar"),
    ("EXP-VER-004", "depends on the calendar"),
];

/// Checks whose outcome is decided by the machine, what else runs on it (other tests),
/// and the calendar: they may find more than what is expected of them here.
pub const OUTSIDE: &[&str] = &[
    "EXP-VER-001",
    "EXP-VER-002",
    "EXP-VER-003",
    "EXP-VER-004",
    "EXP-TOOL-001",
    "EXP-TOOL-002",
    "EXP-TOOL-005",
    "EXP-LEFT-001",
    "EXP-LEFT-002",
    "EXP-LEFT-003",
    "EXP-LEFT-004",
];

/// Objects by the check that found something on them and is open.
pub fn open(exposure: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for check in exposure["checks"].as_array().unwrap() {
        let id = check["id"].as_str().unwrap();
        for finding in check["findings"].as_array().into_iter().flatten().filter(|f| f["waiver"].is_null()) {
            all.entry(id.to_owned()).or_default().insert(finding["object"].as_str().unwrap().to_owned());
        }
    }
    all
}

/// `*` stands for where the tests happen to lie.
fn fits(object: &str, expected: &str) -> bool {
    expected.strip_prefix('*').map_or(object == expected, |end| object.ends_with(end))
}

/// Fails unless exactly the expected checks found something, and on the expected object.
#[track_caller]
pub fn worst(exposure: &Value, place: char) {
    let found = open(exposure);
    let mut wrong = Vec::new();
    let here = || WORST.iter().filter(|(_, at, _)| at.contains(place));
    for (id, _, object) in here() {
        match found.get(*id) {
            None => {
                let all = exposure["checks"].as_array().unwrap();
                let said = all.iter().find(|c| c["id"] == *id).unwrap_or(&Value::Null);
                wrong.push(format!("{id} did not find {object}: {} {}", said["outcome"], said["reason"]));
            }
            Some(objects) if !objects.iter().any(|o| fits(o, object)) => {
                wrong.push(format!("{id} found {objects:?}, not {object}"));
            }
            Some(_) => {}
        }
    }
    let expected: BTreeSet<&str> = here().map(|(id, ..)| *id).collect();
    let expected = |id: &str| expected.contains(id) || OUTSIDE.contains(&id);
    let more = found.iter().filter(|(id, _)| !expected(id));
    wrong.extend(more.map(|(id, objects)| format!("{id} found {objects:?}, and nothing was expected of it")));
    assert!(wrong.is_empty(), "{place}:\n{}", wrong.join("\n"));
}
