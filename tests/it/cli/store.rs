//! `store check` and `store ls` on a directory.

use crate::cli::sealed::{Sealed, golden};

fn with_repository() -> Sealed {
    let sealed = Sealed::new();
    let url = format!("file://{}", sealed.path("repo").display());
    assert_eq!(sealed.run(&["init", "--repo", &url, "--config", "pgseal.toml", "-q"]).code, 0);
    sealed
}

#[test]
fn a_directory_keeps_its_promises() {
    let sealed = with_repository();
    let said = sealed.run(&["store", "check", "-q"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said}");
    assert!(said.out.lines().count() > 10 && said.out.lines().all(|l| l.starts_with("pass  ")), "{said}");
    let said = sealed.run(&["store", "check", "--json", "-q"]);
    let value: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&value["passed"], &value["capabilities"]["create_only"]), (&true.into(), &true.into()));
    // Nothing stays behind.
    assert_eq!(sealed.run(&["store", "ls", "canary/", "-q"]).out, "");
}

#[test]
fn objects_are_listed() {
    let sealed = with_repository();
    let said = sealed.run(&["store", "ls"]);
    golden(|| insta::assert_snapshot!("store-ls", said));
    let said = sealed.run(&["store", "ls", "--json", "-q"]);
    let value: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(value[0]["key"], "repo.json");
    for bad in ["../", "/etc", ".hidden", "a\nb"] {
        let said = sealed.run(&["store", "ls", bad]);
        assert!(said.code == 2 && said.err.contains("not the beginning of a key"), "{bad}: {said}");
    }
}

#[test]
fn without_a_repository_there_is_nothing_to_look_at() {
    let sealed = Sealed::new();
    assert_eq!(sealed.run(&["store", "ls"]).code, 2);
    sealed.write("work/pgseal.toml", "[repository]\nurl = \"file:///no/such/place\"\n");
    let said = sealed.run(&["store", "check"]);
    assert!(said.code == 10 && said.err.contains("hint:"), "{said}");
    let said = sealed.run(&["store", "check", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(value["errors"][0]["class"], "repository_missing");
}

#[test]
fn talk_is_json_when_asked() {
    let sealed = with_repository();
    let said = sealed.run(&["store", "ls", "--log-format", "json"]);
    for line in said.err.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(value["time"].is_string() && value["event"].is_string(), "{line}");
    }
    assert!(said.err.contains("1 objects"));
}
