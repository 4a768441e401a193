//! `config show` and wrong configurations.

use crate::cli::sealed::{Sealed, golden};

const FILE: &str = "[repository]\nurl = \"file:///var/lib/pgseal/repo\"\n\n[source.shop]\nconnection = \"service=shop\"\n\
                    jobs = 2\n\n[source.shop.retention]\nkeep_daily = 7\n";

#[test]
fn values_are_shown_with_their_origins() {
    let sealed = Sealed::new();
    sealed.write("work/pgseal.toml", FILE);
    let said = sealed
        .said(sealed.command(&["config", "show", "--origin"]).env("PGSEAL_SCRATCH_USER", "nobody").output().unwrap());
    golden(|| insta::assert_snapshot!("config-origin", said));
    let said = sealed.run(&["config", "show"]);
    golden(|| insta::assert_snapshot!("config-show", said));
    let said = sealed.run(&["config", "show", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(value["file"], "/T/work/pgseal.toml");
    let url = &value["values"][0];
    assert_eq!((&url["key"], &url["origin"]), (&"repository.url".into(), &"/T/work/pgseal.toml:2".into()));
}

#[test]
fn errors_name_the_line_and_the_next_step() {
    let sealed = Sealed::new();
    sealed.write("work/pgseal.toml", "[source.shop]\ndatabase = [\"shop\"]\n");
    let said = sealed.run(&["config", "show"]);
    golden(|| insta::assert_snapshot!("config-unknown-key", said));
    let said = sealed.run(&["config", "show", "--json"]);
    golden(|| insta::assert_snapshot!("config-unknown-key-json", said));
    sealed.write("work/pgseal.toml", "[source.shop]\nconnection = \"host=db password=hunter2\"\n");
    let said = sealed.run(&["config", "show"]);
    assert!(said.code == 2 && said.err.contains("passfile") && !format!("{said}").contains("hunter2"), "{said}");
    let said = sealed.run(&["--config", "none.toml", "config", "show"]);
    assert!(said.code == 2 && said.err.contains("no such file"), "{said}");
}
