//! `init`, twice, and what it refuses.

use std::os::unix::fs::PermissionsExt as _;

use crate::cli::sealed::{Sealed, golden};

fn url(sealed: &Sealed) -> String {
    format!("file://{}", sealed.path("repo").display())
}

#[test]
fn a_first_run_creates_and_a_second_changes_nothing() {
    let sealed = Sealed::new();
    let first = sealed.run(&["init", "--repo", &url(&sealed), "--config", "pgseal.toml"]);
    golden(|| insta::assert_snapshot!("init-first", first));
    let files = ["work/pgseal.toml", "repo/repo.json", "state/pgseal/repository.json"];
    let read = || files.map(|f| std::fs::read(sealed.path(f)).unwrap());
    let before = read();

    let second = sealed.run(&["init"]);
    golden(|| insta::assert_snapshot!("init-second", second));
    assert_eq!(read(), before);
    assert_eq!(first.out, second.out);

    let json = sealed.run(&["init", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(value["repo_id"], first.out.trim());
    assert_eq!((&value["created"], &value["config_created"]), (&false.into(), &false.into()));

    let mode = |f: &str| std::fs::metadata(sealed.path(f)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("repo"), mode("state/pgseal"), mode("state/pgseal/repository.json")), (0o700, 0o700, 0o600));
}

#[test]
fn an_existing_configuration_is_never_touched() {
    let sealed = Sealed::new();
    let text = "[repository]\nurl = \"file:///nowhere\"\n";
    let file = sealed.write("work/pgseal.toml", text);
    let said = sealed.run(&["init", "--repo", &url(&sealed)]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), text);
}

#[test]
fn init_needs_a_place() {
    let sealed = Sealed::new();
    let config = ["init", "--config", "new.toml"];
    let said = sealed.run(&config);
    assert!(said.code == 2 && said.err.contains("no repository is configured"), "{said}");
    assert!(!sealed.path("work/new.toml").exists());
    let said = sealed.run(&[&config[..], &["--repo", "ftp://x"]].concat());
    assert!(said.code == 2 && said.err.contains("--repo"), "{said}");
    // A file where the directory should be.
    sealed.write("repo", "");
    let said = sealed.run(&[&config[..], &["--repo", &url(&sealed)]].concat());
    assert!(said.code >= 2 && said.err.contains("hint:"), "{said}");
    assert!(!sealed.path("work/new.toml").exists());
}

#[test]
fn a_replaced_or_emptied_repository_is_history_violated() {
    let sealed = Sealed::new();
    let place = url(&sealed);
    assert_eq!(sealed.run(&["init", "--repo", &place, "--config", "pgseal.toml"]).code, 0);
    let repo = sealed.path("repo/repo.json");
    let text = std::fs::read_to_string(&repo).unwrap();

    std::fs::remove_file(&repo).unwrap();
    let said = sealed.run(&["init"]);
    assert!(said.code == 42 && said.err.contains("repo.json is gone"), "{said}");
    assert!(!repo.exists());

    let id: serde_json::Value = serde_json::from_str(&text).unwrap();
    let other = text.replace(id["repo_id"].as_str().unwrap(), &"0".repeat(32));
    std::fs::write(&repo, other).unwrap();
    let said = sealed.run(&["init"]);
    assert!(said.code == 42 && said.err.contains("another repository than before"), "{said}");

    std::fs::write(&repo, "{}").unwrap();
    assert_eq!(sealed.run(&["init"]).code, 40);
    std::fs::write(&repo, "{\"format\":\"other\",\"version\":1}").unwrap();
    assert_eq!(sealed.run(&["init"]).code, 10);
    std::fs::write(&repo, text).unwrap();
    assert_eq!(sealed.run(&["init"]).code, 0);
}
