//! Only what a pinned key signed for its source is believed: from files, from the
//! store, and as history.

use std::path::{Path, PathBuf};

use pgseal::keys::{Namespace, Signer};
use serde_json::Value;

use crate::report::pg::{self, PgServer};
use crate::report::world::{Said, World, check, outcome};

fn file(dir: &Path, end: &str) -> PathBuf {
    let all = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    let mut found: Vec<PathBuf> = all.filter(|p| p.to_str().unwrap().ends_with(end)).collect();
    found.sort();
    found.remove(0)
}

fn put(path: &Path, bytes: impl AsRef<[u8]>) {
    std::fs::write(path, bytes).unwrap();
}

fn signature(report: &Path) -> PathBuf {
    PathBuf::from(format!("{}.sig", report.display()))
}

/// A report file that somebody made: these bytes, signed by this key for this.
fn forged(world: &World, name: &str, bytes: &[u8], by: &Signer, purpose: Namespace) -> String {
    let path = world.path(name);
    put(&path, bytes);
    put(&signature(&path), by.sign(purpose, bytes).unwrap());
    path.display().to_string()
}

fn stranger() -> Signer {
    let dir = tempfile::tempdir().unwrap();
    let (private, _) = Signer::generate("stranger").unwrap();
    let path = dir.path().join("k");
    pgseal::keys::write_new(&path, private.as_bytes(), 0o600).unwrap();
    Signer::load(&path).unwrap()
}

#[test]
fn reports_are_believed_by_pinned_keys_only() {
    let server = PgServer::start(&pg::bindir(), &[]);
    server.psql("postgres", "create database shop");
    server.psql("shop", "create table t as select generate_series(1, 10) i");
    let world = World::new(&server);
    let id = world.ok(&["backup", "shop"]).out.trim().to_owned();
    assert_eq!(world.pgseal(&["report", "show", "shop"]).code, 2, "not drilled yet");
    world.ok(&["drill", "shop", "--report-dir", "reports"]);
    let report = file(&world.path("reports"), ".json");
    let path = report.display().to_string();
    let bytes = std::fs::read(&report).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    let run = serde_json::from_slice::<Value>(&bytes).unwrap()["run"].as_str().unwrap().to_owned();

    from_files(&world, &path, &bytes);
    from_the_store(&world, &id, &run, &text);
    unverified(&world, &path, &text);
    pages(&world, &path);
    history(&world, &run, &bytes);
    world.nothing_left();
}

fn from_files(world: &World, path: &str, bytes: &[u8]) {
    let verify = |args: &[&str]| world.pgseal(&[&["report", "verify"], args].concat());
    let good = verify(&[path]);
    assert!(
        good.code == 0 && good.out.starts_with("good  ") && good.out.contains("passed, proof level data"),
        "{good:?}"
    );

    let own = Signer::load(&world.path("keys/signer")).unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let other_source = text.replace("\"source\": \"shop\"", "\"source\": \"other\"");
    assert_ne!(other_source, text);
    let cases: Vec<(String, i32, &str)> = vec![
        (forged(world, "stranger.json", bytes, &stranger(), Namespace::Report), 41, "not among the allowed signers"),
        (forged(world, "purpose.json", bytes, &own, Namespace::Manifest), 41, "made for \"manifest@pgseal\""),
        (forged(world, "source.json", other_source.as_bytes(), &own, Namespace::Report), 41, "not for \"other\""),
        // A key that is trusted signs what is no report: the bytes are at fault.
        (forged(world, "nothing.json", b"{}", &own, Namespace::Report), 40, "no report of format 1"),
        (forged(world, "huge.json", &vec![b' '; 33 << 20], &own, Namespace::Report), 44, "more than"),
        (world.path("none.json").display().to_string(), 2, "cannot read the file"),
        (world.path("reports").display().to_string(), 2, "not a file"),
    ];
    for (path, code, why) in &cases {
        let said = verify(&[path]);
        assert_eq!(said.code, *code, "{path}: {said:?}");
        assert!(said.out.starts_with("BAD   ") && said.out.contains(why), "{path}: {said:?}");
        // Nothing of it is shown either.
        let shown = world.pgseal(&["report", "show", path]);
        assert_eq!((shown.code, shown.out.as_str()), (*code, ""), "{shown:?}");
    }
    // One flipped byte; no signature; a signature cut off.
    let flipped = world.path("flipped.json");
    put(&flipped, text.replace("passed", "failed"));
    std::fs::copy(signature(Path::new(path)), signature(&flipped)).unwrap();
    let flipped = flipped.display().to_string();
    assert!(verify(&[&flipped]).out.contains("does not belong to these bytes"));
    put(&signature(Path::new(&flipped)), "-----BEGIN SSH SIGNATURE-----\n");
    assert_eq!(verify(&[&flipped]).code, 41);
    std::fs::remove_file(signature(Path::new(&flipped))).unwrap();
    let said = verify(&[&flipped]);
    assert!(said.code == 41 && said.out.contains("there is no signature beside it"), "{said:?}");

    // All are looked at, the worst is the exit code, and JSON tells of each.
    let nothing = world.path("nothing.json").display().to_string();
    let all = verify(&[&nothing, path, &flipped, "--json"]);
    let list: Value = serde_json::from_str(&all.out).unwrap();
    let verdicts: Vec<bool> = list.as_array().unwrap().iter().map(|r| r["verified"].as_bool().unwrap()).collect();
    assert_eq!((all.code, verdicts), (41, vec![false, true, false]), "{all:?}");
    assert_eq!((&list[1]["verdict"], &list[0]["error"]["code"]), (&"passed".into(), &40.into()));

    // Pinned by a flag, without configured signers.
    let pinned = world.path("keys/allowed").display().to_string();
    assert_eq!(verify(&[path, "--allowed-signers", &pinned]).code, 0);
    let mine = world.path("mine").display().to_string();
    put(Path::new(&mine), format!("shop {}\n", stranger().public_line()));
    assert_eq!(verify(&[path, "--allowed-signers", &mine]).code, 41);
}

fn from_the_store(world: &World, id: &str, run: &str, text: &str) {
    for what in ["shop", "shop@latest", id, &id[..20], run, &run[..8]] {
        let said = world.ok(&["report", "show", what, "--json"]);
        assert_eq!(said.out, text, "{what}");
    }
    for (form, begins) in [
        ("text", "Drill of shop"),
        ("json", "{\n  \"format\""),
        ("junit", "<?xml"),
        ("md", "## ✅"),
        ("sarif", "{\n  \"$schema\""),
        ("prom", "# HELP"),
        ("intoto", "{\"payloadType\""),
        ("html", "<!"),
    ] {
        let said = world.ok(&["report", "show", "shop", "--format", form]);
        assert!(said.out.to_lowercase().starts_with(&begins.to_lowercase()), "{form}: {}", said.out);
    }
    for nothing in ["ffff", "20200101T", "other"] {
        let said = world.pgseal(&["report", "show", nothing]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
    }
    assert_eq!(world.pgseal(&["report", "show", "shop", "--json", "--format", "md"]).code, 2);
}

fn unverified(world: &World, path: &str, text: &str) {
    let flipped = world.path("claims.json");
    put(&flipped, text.replace("\"proof_level\": \"data\"", "\"proof_level\": \"booted\""));
    std::fs::copy(signature(Path::new(path)), signature(&flipped)).unwrap();
    let flipped = flipped.display().to_string();
    for form in ["text", "json", "junit", "md", "sarif", "html"] {
        let said = world.pgseal(&["report", "show", &flipped, "--unverified", "--format", form]);
        assert_eq!(said.code, 41, "{said:?}");
        assert!(said.err.contains("UNVERIFIED") && said.out.contains("UNVERIFIED"), "{form}: {said:?}");
        assert!(
            !said.out.to_lowercase().contains("shop: passed") && !said.out.contains("\"verdict\": \"passed\""),
            "{form}: {said:?}"
        );
    }
    let said = world.pgseal(&["report", "show", &flipped, "--unverified"]);
    assert!(said.out.starts_with("!!! UNVERIFIED") && said.out.trim_end().ends_with("!!!"), "{said:?}");
    assert!(said.out.contains("INCONCLUSIVE") && said.out.contains("It claims \"passed\""), "{said:?}");
    // Programs act on these.
    for form in ["prom", "intoto"] {
        let said = world.pgseal(&["report", "show", &flipped, "--unverified", "--format", form]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
    }
    // What is verified says nothing of the kind.
    let said = world.ok(&["report", "show", path, "--unverified"]);
    assert!(!said.out.contains("UNVERIFIED") && said.out.contains("PASSED"), "{said:?}");
}

fn pages(world: &World, path: &str) {
    let html = |args: &[&str]| -> Said { world.pgseal(&[&["report", "html"], args].concat()) };
    let site = world.path("site");
    std::fs::create_dir(&site).unwrap();
    let site = site.display().to_string();
    let said = html(&[path, "-o", &site]);
    assert_eq!(said.code, 0, "{said:?}");
    let page = said.out.trim();
    assert!(std::fs::read_to_string(page).unwrap().contains("passed"));
    // Never over a file, and not from what nobody signed.
    let said = html(&[path, "-o", &site]);
    assert!(said.code == 2 && said.err.contains("exists already"), "{said:?}");
    assert_eq!(html(&[path]).code, 2, "the drill wrote a page there");
    let claims = world.path("claims.json").display().to_string();
    assert_eq!(html(&[&claims]).code, 41);
    assert!(!world.path("claims.html").exists());
    assert_eq!(html(&[&claims, "--unverified"]).code, 41);
    assert!(std::fs::read_to_string(world.path("claims.html")).unwrap().contains("UNVERIFIED"));
    assert_eq!(html(&[path, &claims, "-o", &world.path("one.html").display().to_string()]).code, 2);
}

fn history(world: &World, run: &str, bytes: &[u8]) {
    // A second drill knows of the first.
    let (code, second) = world.drill("shop");
    let past = second["history"].as_array().unwrap();
    assert_eq!((code, past.len(), past[0]["run"].as_str()), (0, 1, Some(run)), "{second:#}");
    assert_eq!((outcome(&second, "HIS-REPORTS"), outcome(&second, "RTO-TREND")), ("pass", "pass"));

    // Forgeries of every kind: by a stranger, unsigned, and a copy of a good one
    // under another name. None is history, all are told.
    let r = world.path("store/s/shop/r");
    let forge = |name: &str, bytes: &[u8], armor: Option<String>| {
        put(&r.join(format!("{name}.json")), bytes);
        if let Some(armor) = armor {
            put(&r.join(format!("{name}.json.sig")), armor);
        }
    };
    forge("0000000001.aaaa", bytes, Some(stranger().sign(Namespace::Report, bytes).unwrap()));
    forge("0000000001.bbbb", bytes, None);
    let own = std::fs::read_to_string(r.join(format!("0000000001.{run}.json.sig"))).unwrap();
    forge("0000000001.cccc", bytes, Some(own));
    let (code, third) = world.drill("shop");
    let runs: Vec<&str> = third["history"].as_array().unwrap().iter().map(|p| p["run"].as_str().unwrap()).collect();
    assert_eq!(runs, [run, second["run"].as_str().unwrap()]);
    assert_eq!(code, 3, "{third:#}");
    let told = check(&third, "HIS-REPORTS");
    assert_eq!((&told["outcome"], &told["present"]), (&"finding".into(), &5.into()), "{told:#}");
    let said = told["findings"].to_string();
    for (name, why) in [("aaaa", "not among the allowed signers"), ("bbbb", ""), ("cccc", "copied under this name")] {
        assert!(said.contains(&format!("0000000001.{name}.json")) && said.contains(why), "{said}");
    }

    // The newest that can be verified is shown, with a warning of newer junk.
    forge("0000000001.dddd", bytes, None);
    let shown = world.pgseal(&["report", "show", "shop", "--json"]);
    assert_eq!(shown.code, 3, "{shown:?}");
    assert!(shown.err.contains("0000000001.dddd.json") && shown.err.contains("passed over"), "{shown:?}");
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!(shown["run"], third["run"]);
    let junk = world.pgseal(&["report", "show", "dddd"]);
    assert!(junk.code != 0 && junk.code != 3 && junk.out.is_empty(), "{junk:?}");

    // Slower than the last good drill by far, as its signed report tells.
    let mut quick: Value = serde_json::from_slice(bytes).unwrap();
    quick["run"] = "eeee".into();
    quick["finished_at"] = "2100-01-01T00:00:00Z".into();
    quick["rto_s"] = 1.into();
    let quick = serde_json::to_vec(&quick).unwrap();
    let own = Signer::load(&world.path("keys/signer")).unwrap();
    forge("0000000001.eeee", &quick, Some(own.sign(Namespace::Report, &quick).unwrap()));
    let (_, fourth) = world.drill("shop");
    assert_eq!(fourth["history"].as_array().unwrap().last().unwrap()["run"], "eeee");
    let slow = fourth["rto_s"].as_f64().unwrap() > 11.0;
    assert_eq!(outcome(&fourth, "RTO-TREND"), if slow { "finding" } else { "pass" });
}
