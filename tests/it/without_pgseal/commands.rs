//! A signer that lies writes a command into every value and key of what the script
//! reads: nothing of it runs. No server is needed; `psql` and `pg_restore` do nothing,
//! so that the script gets to its end where it believes what it read.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

use pgseal::types::Digest;
use serde_json::{Value, json};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/restore-without-pgseal");
const SIGN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/make-store.sh");
const REPO: &str = "00112233445566778899aabbccddeeff";

struct Keys {
    dir: tempfile::TempDir,
}

/// What one store holds: documents that a test changes before they are signed.
#[derive(Clone)]
struct Documents {
    facts: Value,
    /// Set where the manifest names one.
    parts: Option<Value>,
    manifest: Value,
}

/// In which of the documents something is changed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Document {
    Facts,
    Parts,
    Manifest,
}

fn bash(dir: &Path, script: &str) -> Output {
    let output = Command::new("bash").args(["-euo", "pipefail", "-c", script]).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

impl Keys {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("pgseal-cmd-").tempdir_in("/tmp").unwrap();
        bash(
            dir.path(),
            r#"age-keygen -o identity 2>/dev/null
            ssh-keygen -q -t ed25519 -N '' -C test -f signer
            printf 'shop namespaces="manifest@pgseal" %s\n' "$(cut -d' ' -f1,2 signer.pub)" >allowed_signers
            mkdir bin canary
            printf '#!/bin/sh\ncase $(cat) in *json_agg*) echo "[]" ;; esac\n' >bin/psql
            printf '#!/bin/sh\ncat >/dev/null\n' >bin/pg_restore; chmod +x bin/*
            printf part | zstd -q -c | age -r "$(age-keygen -y identity)" >part"#,
        );
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A logical backup of three streams with one part each.
    fn documents(&self, outside: bool) -> Documents {
        let part = std::fs::read(self.path("part")).unwrap();
        let stored = json!([[Digest::of(&part).to_string(), part.len()]]);
        let streams: Vec<Value> = [("s01", "globals"), ("s02", "schema"), ("s03", "data")]
            .iter()
            .map(|(name, role)| {
                let stored = if outside { json!([]) } else { stored.clone() };
                json!({"ref": name, "role": role, "parts": 1, "plain_bytes": 4, "stored": stored})
            })
            .collect();
        let parts = json!({"format": "pgseal-parts", "version": 1,
            "streams": {"s01": stored, "s02": stored, "s03": stored}});
        Documents {
            facts: json!({"format": "pgseal-facts", "version": 1,
                "databases": [{"name": "shop", "encoding": "UTF8", "collate": "C", "ctype": "C", "locale_provider": "i",
                               "locale": "de"}],
                "streams": {"s01": {"database": null}, "s02": {"database": "shop"}, "s03": {"database": "shop"}}}),
            parts: outside.then_some(parts),
            manifest: json!({"format": "pgseal-manifest", "version": 1, "repo_id": REPO, "source": "shop", "seq": 2,
                "prev_sha256": null, "prev_seq": null, "backup_id": "20261122T030000Z-0000000000000002", "kind": "logical",
                "label": "l", "started_at": "2026-11-22T03:00:00Z", "finished_at": "2026-11-22T03:00:01Z",
                "next_due": "2026-11-23T03:00:01Z", "tool": {"name": "pgseal", "version": "1", "target": "t"},
                "producer": {"pg_dump": "x"}, "pg": {"version_num": 150_000, "system_identifier": "7", "timeline": 1,
                "start_lsn": null, "stop_lsn": null, "in_recovery": false, "data_checksums": true},
                "encryption": {"scheme": "age-v1", "recipients": ["r"]},
                "compression": {"scheme": "zstd", "level": 3, "window_log_max": 27}, "part_bytes": 65536,
                "streams": streams, "facts": {"key": "k", "stored_bytes": 1, "stored_sha256": "", "plain_bytes": 1},
                "counts": {"databases": 1, "streams": 3, "parts": 3}, "x": {"skipped": [1]}}),
        }
    }

    /// Seals and signs `documents` with `change` done to one of them, and runs the script. What
    /// the program itself fills in (sizes and hashes of the documents inside) is filled in before.
    fn run(&self, documents: &Documents, document: Document, change: impl Fn(&mut Value)) -> Output {
        let mut d = documents.clone();
        let store = tempfile::tempdir_in(self.dir.path()).unwrap();
        let data = store.path().join("s/shop/d/20261122T030000Z-0000000000000002");
        let manifests = store.path().join("s/shop/m");
        std::fs::create_dir_all(&manifests).unwrap();
        for stream in ["s01", "s02", "s03"] {
            std::fs::create_dir_all(data.join(stream)).unwrap();
            std::fs::copy(self.path("part"), data.join(stream).join("00001.zst.age")).unwrap();
        }
        if document == Document::Facts {
            change(&mut d.facts);
        }
        let facts = serde_json::to_vec(&d.facts).unwrap();
        std::fs::write(store.path().join("facts"), &facts).unwrap();
        bash(
            store.path(),
            &format!(
                "zstd -q -c facts | age -r \"$(age-keygen -y ../identity)\" >{}/facts.zst.age; rm facts",
                data.display()
            ),
        );
        let sealed = std::fs::read(data.join("facts.zst.age")).unwrap();
        d.manifest["facts"]["stored_bytes"] = sealed.len().into();
        d.manifest["facts"]["stored_sha256"] = Digest::of(&sealed).to_string().into();
        d.manifest["facts"]["plain_bytes"] = facts.len().into();
        if let Some(parts) = &mut d.parts {
            if document == Document::Parts {
                change(parts);
            }
            let bytes = serde_json::to_vec(parts).unwrap();
            d.manifest["x"]["parts_json"] = json!({"sha256": Digest::of(&bytes).to_string(), "bytes": bytes.len()});
            std::fs::write(data.join("parts.json"), bytes).unwrap();
        }
        if document == Document::Manifest {
            change(&mut d.manifest);
        }
        let manifest = manifests.join("0000000002.json");
        std::fs::write(&manifest, serde_json::to_vec(&d.manifest).unwrap()).unwrap();
        let signer = self.path("signer");
        let done = Command::new(SIGN).arg("sign").args([&manifest, &signer]).status().unwrap();
        assert!(done.success());
        Command::new(SCRIPT)
            .args(["--source", "shop", "--target-db", "x", "--with-globals", "--ignore-history", "--store"])
            .arg(store.path())
            .arg("--allowed-signers")
            .arg(self.path("allowed_signers"))
            .arg("--identity")
            .arg(self.path("identity"))
            .env("PG_BINDIR", self.path("bin"))
            .env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()))
            .output()
            .unwrap()
    }

    /// What ran.
    fn canaries(&self) -> Vec<String> {
        std::fs::read_dir(self.path("canary")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// Pointers (RFC 6901) to every value that is no object or array.
fn leaves(value: &Value, at: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(k, v)| leaves(v, &format!("{at}/{k}"), into)),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, v)| leaves(v, &format!("{at}/{i}"), into)),
        _ => into.push(at.to_owned()),
    }
}

/// Gives every object one more field whose name is `key`.
fn more_keys(value: &mut Value, key: &str) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(|v| more_keys(v, key));
            fields.insert(key.to_owned(), json!(key));
        }
        Value::Array(items) => items.iter_mut().for_each(|v| more_keys(v, key)),
        _ => {}
    }
}

#[test]
fn no_value_and_no_key_of_a_backup_is_ever_run() {
    let keys = Keys::new();
    let (inside, outside) = (keys.documents(false), keys.documents(true));
    let text = |o: &Output| String::from_utf8_lossy(&o.stderr).into_owned();

    // As it should be, the script gets to its end: it reads all that is changed below.
    for documents in [&inside, &outside] {
        let output = keys.run(documents, Document::Manifest, |_| {});
        assert!(output.status.success() && text(&output).contains("restored into database x"), "{}", text(&output));
    }

    let mut todo: Vec<(&Documents, Document, String)> = Vec::new();
    let mut add = |documents, document, value: &Value| {
        let mut found = Vec::new();
        leaves(value, "", &mut found);
        todo.extend(found.into_iter().map(|at| (documents, document, at)));
    };
    let mut manifest = outside.manifest.clone();
    manifest["x"]["parts_json"] = json!({"sha256": "", "bytes": 1});
    add(&outside, Document::Manifest, &manifest);
    add(&inside, Document::Manifest, &json!({"streams": [{"stored": inside.manifest["streams"][0]["stored"]}]}));
    add(&outside, Document::Parts, outside.parts.as_ref().unwrap());
    add(&inside, Document::Facts, &inside.facts);
    assert!(todo.len() > 60, "{}", todo.len());
    let total = todo.len();

    let work = Mutex::new(todo.into_iter().enumerate());
    let refused = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = work.lock().unwrap().next();
                    let Some((n, (documents, document, at))) = next else { return };
                    let file = keys.path(&format!("canary/{n}"));
                    // Bash arithmetic (of an array that exists), word expansion, eval, psql, and the end of a quote.
                    let command = format!(
                        "BASH_VERSINFO[$(touch {f})]';$(touch {f})`touch {f}`\n\\! touch {f}\n",
                        f = file.display()
                    );
                    let plain = format!("BASH_VERSINFO[$(touch {})]", file.display());
                    for payload in [&plain, &command] {
                        // The second form is for what no pattern of one line holds back.
                        if payload == &command && document == Document::Manifest {
                            continue;
                        }
                        let output = keys.run(documents, document, |v| *v.pointer_mut(&at).unwrap() = json!(payload));
                        if !output.status.success() {
                            refused.lock().unwrap().push(format!("{document:?}{at}"));
                        }
                    }
                    assert!(!file.exists(), "{document:?}{at} ran");
                }
            });
        }
    });
    assert_eq!(keys.canaries(), Vec::<String>::new());
    // What is read is refused for its form, the five through which commands came among them.
    let refused = refused.into_inner().unwrap();
    for at in ["/facts/stored_bytes", "/facts/plain_bytes", "/pg/version_num", "/streams/1/plain_bytes", "/x/skipped/0"]
    {
        assert!(refused.contains(&format!("Manifest{at}")), "{at}: {refused:?}");
    }
    assert!(refused.len() > total / 2, "{refused:?}");

    // Keys: of more fields everywhere, and of the streams.
    let key = format!("BASH_VERSINFO[$(touch {})]", keys.path("canary/key").display());
    for (documents, document) in
        [(&outside, Document::Manifest), (&outside, Document::Parts), (&inside, Document::Facts)]
    {
        keys.run(documents, document, |v| more_keys(v, &key));
        if document != Document::Manifest {
            let renamed = keys.run(documents, document, |v| {
                let streams = v["streams"].as_object_mut().unwrap();
                let value = streams.remove("s02").unwrap();
                streams.insert(key.clone(), value);
            });
            assert!(!renamed.status.success(), "{document:?}: {}", text(&renamed));
        }
    }
    assert_eq!(keys.canaries(), Vec::<String>::new());

    // Numbers that are no sizes.
    for (at, number) in [
        ("/facts/plain_bytes", json!(-1)),
        ("/facts/plain_bytes", json!(1e300)),
        ("/streams/0/plain_bytes", json!(4.5)),
        ("/streams/0/plain_bytes", json!(65537)),
        ("/pg/version_num", json!(9e15)),
        ("/streams/0/parts", json!(0)),
    ] {
        let output = keys.run(&inside, Document::Manifest, |v| *v.pointer_mut(at).unwrap() = number.clone());
        assert!(!output.status.success() && text(&output).contains("not of this format"), "{at}: {}", text(&output));
    }
}
