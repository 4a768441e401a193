//! Every help text as it is, and that each has examples.

use clap::CommandFactory as _;

use crate::cli::sealed::{Sealed, golden};

/// All commands with their subcommands, by path.
fn all(command: &clap::Command, path: &[String], into: &mut Vec<Vec<String>>) {
    into.push(path.to_vec());
    for sub in command.get_subcommands() {
        all(sub, &[path, &[sub.get_name().to_owned()]].concat(), into);
    }
}

#[test]
fn every_help_text() {
    let sealed = Sealed::new();
    let mut paths = Vec::new();
    all(&pgseal::cli::args::Cli::command(), &[], &mut paths);
    for path in paths {
        let mut args: Vec<&str> = path.iter().map(String::as_str).collect();
        args.push("--help");
        let said = sealed.run(&args);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{path:?}");
        assert!(said.out.contains("EXAMPLES:"), "{path:?} has no examples");
        assert!(said.out.contains("--config <FILE>") && said.out.contains("--json"), "{path:?}");
        let name = [&["help".to_owned()], path.as_slice()].concat().join("-");
        golden(|| insta::assert_snapshot!(name, said.out));
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let sealed = Sealed::new();
    for args in
        [&["bogus"][..], &[], &["store"], &["init", "--bogus"], &["-q", "-v", "config", "show"], &["keygen", "signer"]]
    {
        let said = sealed.run(args);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{args:?}: {said}");
        assert!(said.err.contains("Usage:") || said.err.contains("error:"), "{args:?}: {said}");
    }
    let said = sealed.run(&["bogus", "--json"]);
    let value: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((said.code, &value["errors"][0]["code"]), (2, &2.into()));
    assert_eq!(sealed.run(&["--version"]).out, format!("pgseal {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_and_manual_pages() {
    let sealed = Sealed::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = sealed.run(&["completions", shell]);
        assert!(said.code == 0 && said.out.contains("keygen"), "{shell}");
    }
    let script = sealed.write("script", &sealed.run(&["completions", "bash"]).out);
    assert!(std::process::Command::new("bash").arg("-n").arg(script).status().unwrap().success());
    assert_eq!(sealed.run(&["completions", "tcsh"]).code, 2);

    let page = sealed.run(&["man"]);
    assert!(page.code == 0 && page.out.contains(".TH pgseal 1"), "{page}");
    std::fs::create_dir(sealed.path("man")).unwrap();
    assert_eq!(sealed.run(&["man", "../man"]).code, 0);
    for name in ["pgseal.1", "pgseal-init.1", "pgseal-store-check.1"] {
        assert!(sealed.path("man").join(name).exists(), "{name}");
    }
    let said = sealed.run(&["man", "../none"]);
    assert!(said.code == 2 && said.err.contains("hint: The directory must exist."), "{said}");
}

#[test]
fn a_reader_who_goes_away_is_no_error_and_a_full_disk_is() {
    let sealed = Sealed::new();
    let run = |to: std::process::Stdio| {
        std::process::Command::new(assert_cmd::cargo::cargo_bin("pgseal"))
            .env_clear()
            .envs(sealed.variables())
            .args(["completions", "bash"])
            .stdout(to)
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let out = run(writer.into()).wait_with_output().unwrap();
    assert_eq!((out.status.code(), out.stderr.as_slice()), (Some(0), &b""[..]));
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let out = run(full.into()).wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8(out.stderr).unwrap().contains("cannot write to standard output"));
}
