//! Whose key opens the backup: tried, carried on from report to report, and wanted of all on demand.

use std::os::unix::fs::PermissionsExt as _;

use pgseal::keys::Identities;
use serde_json::Value;

use crate::drill::pg::{self, PgServer};
use crate::drill::world::{World, check, outcome};

fn of<'a>(report: &'a Value, id: &str) -> &'a Value {
    let all = report["recipients"].as_array().unwrap();
    assert_eq!(all.len(), 2, "{report:#}");
    all.iter().find(|r| r["recipient"] == id).unwrap()
}

#[test]
fn a_recipient_is_proven_by_its_identity_alone() {
    let server = PgServer::start(&pg::bindir(), &[]);
    let world = World::new(&server);
    let (second, recipient) = Identities::generate();
    let config = std::fs::read_to_string(world.path("pgseal.toml")).unwrap();
    let two = config.replacen("recipients = [", &format!("recipients = [\"{recipient}\", "), 1);
    std::fs::write(world.path("pgseal.toml"), two).unwrap();
    let shown: Value = {
        let id = world.ok(&["backup", "shop"]).out.trim().to_owned();
        serde_json::from_str(&world.ok(&["show", &id, "--json"]).out).unwrap()
    };
    let ids: Vec<&str> =
        shown["manifest"]["encryption"]["recipients"].as_array().unwrap().iter().map(|r| r.as_str().unwrap()).collect();
    let (away, here) = (ids[0], ids[1]);
    let drill = |args: &[&str]| -> (i32, Value) {
        let said = world.pgseal(&[&["drill", "shop", "--json"], args].concat());
        world.nothing_left();
        (said.code, serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {said:?}")))
    };

    let (code, r) = drill(&[]);
    assert_eq!((code, outcome(&r, "KEY-OPENS"), outcome(&r, "KEY-PROVEN")), (0, "pass", "pass"), "{r:#}");
    assert_eq!((&of(&r, here)["opened"], &of(&r, away)["opened"]), (&Value::Bool(true), &Value::Null));
    assert!(of(&r, away)["last_proven_at"].is_null());

    // All are asked for, and one is not here: not looked, not passed.
    let (code, r) = drill(&["--all-recipients"]);
    assert_eq!((code, outcome(&r, "KEY-OPENS")), (53, "not_evaluated"), "{r:#}");
    assert!(check(&r, "KEY-OPENS")["reason"].as_str().unwrap().contains(away), "{r:#}");

    let file = world.path("keys/identity");
    let first = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{first}\n{}\n", *second)).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let (code, r) = drill(&["--all-recipients"]);
    assert_eq!((code, check(&r, "KEY-OPENS")["examined"].as_u64()), (0, Some(2)), "{r:#}");
    let proven = of(&r, away)["last_proven_at"].clone();
    assert!(proven.is_string(), "{r:#}");
    assert!(!r.to_string().contains("AGE-SECRET"));

    // The next report carries it on without the key, and the one after that.
    std::fs::write(&file, &first).unwrap();
    for _ in 0..2 {
        let (code, r) = drill(&["--level", "booted"]);
        assert_eq!(
            (code, &of(&r, away)["opened"], &of(&r, away)["last_proven_at"]),
            (0, &Value::Null, &proven),
            "{r:#}"
        );
    }
}
