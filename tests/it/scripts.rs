//! Scripts, examples and the README say what is true: scripts pass shellcheck,
//! documented commands, flags, files and exit codes exist, examples are read by
//! the parsers that read the user's files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pgseal::Code;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn files_in(dir: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(dir)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_in(path.strip_prefix(root()).unwrap().to_str().unwrap()));
        } else {
            found.push(path);
        }
    }
    found
}

/// Runs pgseal where no configuration of this machine is found.
fn pgseal(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_pgseal"))
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .current_dir(root())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn scripts_are_clean_and_executable() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut scripts: Vec<PathBuf> =
        files_in("scripts").into_iter().chain(files_in(".ci")).chain(files_in("tests/it/support")).collect();
    scripts.retain(|p| fs::read_to_string(p).is_ok_and(|t| t.starts_with("#!") || p.ends_with("lib.sh")));
    assert!(scripts.len() >= 8, "{scripts:?}");
    for script in &scripts {
        let mode = fs::metadata(script).unwrap().permissions().mode();
        assert!(mode & 0o111 != 0 || script.ends_with("lib.sh"), "{} is not executable", script.display());
    }
    let is_python = |p: &PathBuf| fs::read_to_string(p).is_ok_and(|t| t.lines().next().unwrap().contains("python"));
    let (mut python, scripts): (Vec<PathBuf>, Vec<PathBuf>) = scripts.into_iter().partition(is_python);
    assert!(!python.is_empty() && scripts.len() >= 8, "{python:?} {scripts:?}");
    python.extend(files_in("tests/corpus").into_iter().filter(|p| p.extension().is_some_and(|e| e == "py")));
    let cache = tempfile::tempdir().unwrap();
    let output = Command::new("python3")
        .args(["-W", "error", "-m", "py_compile"])
        .args(&python)
        .env("PYTHONPYCACHEPREFIX", cache.path())
        .current_dir(root())
        .output();
    let output = output.expect("python3 is missing: run scripts/setup --test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = Command::new("shellcheck").arg("-x").args(&scripts).current_dir(root()).output();
    let output = output.expect("shellcheck is missing: run scripts/setup --test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn files_that_documents_name_exist() {
    for document in ["README.md", "SECURITY.md", "CHANGELOG.md"] {
        let text = read(document);
        let mut named: BTreeSet<&str> = text
            .match_indices("](")
            .map(|(at, _)| text[at + 2..].split(')').next().unwrap())
            .filter(|target| !target.contains("://"))
            .collect();
        let word = |c: char| c.is_whitespace() || matches!(c, '`' | '(' | ')' | ',' | ';');
        named.extend(text.split(word).filter(|w| w.starts_with("scripts/") || w.starts_with("examples/")));
        for name in named {
            let name = name.trim_end_matches(['.', ':']);
            assert!(root().join(name).exists(), "{document} names {name}, which does not exist");
        }
    }
}

/// Words of every `pgseal …` command line that stands in backquotes or starts a
/// line (after an optional prefix such as a schedule and a user); of Markdown,
/// only lines in code blocks.
fn command_lines(text: &str, markdown: bool) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut in_prose = markdown;
    for line in text.lines() {
        let line = line.trim();
        if markdown && line.starts_with("```") {
            in_prose = !in_prose;
            continue;
        }
        let quoted = line.split('`').skip(1).step_by(2).filter(|q| q.starts_with("pgseal "));
        let plain = line
            .find("pgseal ")
            .filter(|_| !in_prose)
            .filter(|at| {
                let before = &line[..*at];
                // A command: nothing before it, a cron line, an ExecStart or an assignment.
                let first = before.split_whitespace().next().unwrap_or("");
                before.is_empty()
                    || before.ends_with('/')
                    || before.ends_with("\" ")
                    || first.bytes().all(|b| b.is_ascii_digit() || b == b'*')
            })
            .map(|at| &line[at..]);
        for command in quoted.chain(plain) {
            let words = command.split(['>', '|', '#']).next().unwrap().split_whitespace().skip(1);
            found.push(words.map(str::to_owned).collect());
        }
    }
    found
}

#[test]
fn documented_commands_and_flags_exist() {
    let mut documents: Vec<(String, bool)> =
        ["README.md", "SECURITY.md", "CHANGELOG.md"].map(|d| (read(d), true)).to_vec();
    documents.extend(files_in("examples").iter().filter_map(|p| Some((fs::read_to_string(p).ok()?, false))));
    let mut commands = 0;
    for words in documents.iter().flat_map(|(text, markdown)| command_lines(text, *markdown)) {
        // Global flags with a value take it along; of the rest, leading plain words name the command.
        let mut help: Vec<&str> = Vec::new();
        let mut flags: Vec<&str> = Vec::new();
        let mut words = words.iter().map(String::as_str).peekable();
        while let Some(word) = words.next() {
            if word.starts_with('-') {
                flags.push(word.split('=').next().unwrap());
                if matches!(word, "--config" | "--log-format") {
                    words.next();
                }
            } else if help.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()) {
                help.push(word);
                if matches!(word, "keygen" | "config" | "report" | "store") {
                    help.extend(words.next_if(|w| w.bytes().all(|b| b.is_ascii_lowercase())));
                }
            }
        }
        if help.is_empty() {
            continue;
        }
        commands += 1;
        let shown = help.join(" ");
        help.push("--help");
        let (ok, text) = pgseal(&help);
        assert!(ok && text.contains("Usage: pgseal"), "documented, but there is no `pgseal {shown}`:\n{text}");
        for flag in flags {
            assert!(text.contains(flag), "documented, but `pgseal {shown}` has no {flag}:\n{text}");
        }
    }
    assert!(commands > 12, "found only {commands} commands in the documents");
}

#[test]
fn the_scan_for_commands_finds_what_it_should() {
    let text = "pgseal init\n see `pgseal doctor` and `pgseal status --max-age 26h`\npgseal is a tool\n\
                12 3 * * * postgres  pgseal -q backup shop >/dev/null\nExecStart=/usr/bin/pgseal prune\nrun pgseal daily";
    let found =
        |text: &str, markdown| -> Vec<String> { command_lines(text, markdown).iter().map(|w| w.join(" ")).collect() };
    assert_eq!(found(text, false), ["init", "doctor", "status --max-age 26h", "is a tool", "-q backup shop", "prune"]);
    let markdown = "pgseal is a tool, see `pgseal doctor`:\n```console\npgseal init\n```\npgseal runs";
    assert_eq!(found(markdown, true), ["doctor", "init"]);
}

#[test]
fn the_readme_has_every_exit_code() {
    let readme = read("README.md");
    let rows: BTreeSet<&str> = readme
        .lines()
        .filter_map(|l| l.strip_prefix("| ")?.split(' ').next())
        .filter(|c| c.as_bytes()[0].is_ascii_digit())
        .collect();
    let table: BTreeSet<String> = Code::TABLE
        .iter()
        .map(|code| if matches!(code, Code::Signal(_)) { "128+n".to_owned() } else { code.number().to_string() })
        .collect();
    assert_eq!(rows, table.iter().map(String::as_str).collect());
}

#[test]
fn example_configurations_are_understood() {
    for (file, url) in [("minimal.toml", "file:///var/backups/pgseal"), ("production.toml", "s3://acme-backups/pg")] {
        let (ok, text) = pgseal(&["--config", &format!("examples/config/{file}"), "config", "show"]);
        assert!(ok && text.contains(url), "{file}: {text}");
    }
    // And a wrong one is not.
    let wrong = tempfile::NamedTempFile::new().unwrap();
    fs::write(wrong.path(), read("examples/config/minimal.toml").replace("databases", "databasis")).unwrap();
    let (ok, text) = pgseal(&["--config", wrong.path().to_str().unwrap(), "config", "show"]);
    assert!(!ok && text.contains("databasis"), "{text}");
}

#[test]
fn example_policies_and_recipients_are_well_formed() {
    let policy: serde_json::Value = serde_json::from_str(&read("examples/iam/writer-policy.json")).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    let granted = |action: &str| {
        statements.iter().any(|s| s["Effect"] == "Allow" && s["Action"].to_string().contains(&format!("\"{action}\"")))
    };
    assert!(granted("s3:PutObject"));
    for forbidden in ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention", "s3:*", "*"] {
        assert!(!granted(forbidden), "the writer may {forbidden}");
    }
    for file in ["minimal.toml", "production.toml"] {
        let text = read(&format!("examples/config/{file}"));
        let recipients: Vec<&str> = text.split('"').filter(|w| w.starts_with("age1")).collect();
        assert_eq!(recipients.len(), 2, "{file}");
        for recipient in recipients {
            recipient.parse::<age::x25519::Recipient>().unwrap_or_else(|e| panic!("{file}: {recipient}: {e}"));
        }
        assert!(!text.contains("AGE-SECRET-KEY"), "{file}");
    }
}
