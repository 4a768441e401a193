//! Bombs by a signer that lies: kilobytes that would be gigabytes in memory. The real
//! program says 44, or what else is wrong, and its memory stays small.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use pgseal::Code;
use pgseal::manifest::model::{FactsRef, Manifest, Role, StoredPart};
use pgseal::manifest::parse;
use pgseal::pipeline::writer::{Options, Writer};
use pgseal::restore::{Opened, feed};
use pgseal::store::layout;
use pgseal::types::{Kind, Silent};

use crate::tamper::in_memory::write;
use crate::tamper::world::World;

const MIB: usize = 1 << 20;

impl World {
    fn writer(&self, part_bytes: usize) -> Writer {
        let options =
            Options { part_bytes, level: 3, workers: 1, streams: 1, uploads: 1, idle_timeout: Duration::from_mins(1) };
        Writer::start(self.reading.store.clone(), Arc::clone(&self.recipients), options).unwrap()
    }

    /// Puts these facts into a backup.
    async fn with_facts(&self, mut m: Manifest, plain: &[u8]) -> Manifest {
        self.memory.lose(&m.facts.key);
        let key = layout::facts(&self.name, &m.backup_id);
        let sealed = self.writer(plain.len()).object(key.clone(), plain).await.unwrap();
        m.facts = FactsRef {
            key: key.to_string(),
            stored_bytes: sealed.stored_bytes,
            stored_sha256: sealed.stored_sha256,
            plain_bytes: sealed.plain_bytes,
        };
        m
    }

    /// Makes its stream one of `parts`, each of `part_bytes` but the last.
    async fn with_stream(&self, mut m: Manifest, part_bytes: usize, parts: &[Vec<u8>]) -> Manifest {
        let writer = self.writer(part_bytes);
        let (mut stored, mut plain_bytes) = (Vec::new(), 0);
        for (i, part) in parts.iter().enumerate() {
            let key = layout::part(&self.name, &m.backup_id, "s01", i + 1);
            self.memory.lose(key.as_str());
            let sealed = writer.object(key, part).await.unwrap();
            stored.push(StoredPart(sealed.stored_sha256, sealed.stored_bytes));
            plain_bytes += part.len() as u64;
        }
        m.part_bytes = part_bytes as u64;
        m.counts.parts = parts.len() as u64;
        let stream = &mut m.streams[0];
        (stream.parts, stream.plain_bytes, stream.stored) = (parts.len() as u64, plain_bytes, stored);
        m
    }

    /// The store as a directory, with a configuration; runs the program on it and gives its exit
    /// code, what it said, and the most memory that it used in bytes.
    fn restore(&self, name: &str, env: &[(&str, &str)]) -> (i32, String, u64) {
        let dir = self.dir.path().join(name);
        let store = dir.join("store");
        for (key, bytes) in self.objects() {
            let path = store.join(key);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let repo = format!(
            "{{\"format\":\"pgseal-repository\",\"version\":1,\"repo_id\":\"{}\",\"created\":\"2026-11-23T03:00:00Z\"}}",
            self.reading.repo
        );
        std::fs::write(store.join("repo.json"), repo).unwrap();
        let text = |path: PathBuf| path.display().to_string();
        let config = format!(
            "[repository]\nurl = \"file://{}\"\n[keys]\nallowed_signers = \"{}\"\nidentity = \"{}\"\n\
             [state]\ndir = \"{}\"\n[source.shop]\nconnection = \"host=/nonexistent\"\n",
            text(store),
            text(self.dir.path().join("allowed")),
            text(self.dir.path().join("identity")),
            text(dir.join("state")),
        );
        write(&dir, "pgseal.toml", &config);
        let mut child = Command::new(env!("CARGO_BIN_EXE_pgseal"))
            .env_clear()
            .env("HOME", &dir)
            .env("PATH", "/usr/bin:/bin")
            .envs(env.iter().copied())
            .args(["restore", "shop@latest", "--target-dir", "target"])
            .current_dir(&dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(dir.join("said")).unwrap())
            .spawn()
            .unwrap();
        let status = format!("/proc/{}/status", child.id());
        let mut most = 0;
        let code = loop {
            // The high-water mark only rises: what is read last is right up to a few milliseconds.
            let now = std::fs::read_to_string(&status).unwrap_or_default();
            let line =
                now.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            most = line.map_or(most, |kib| most.max(kib * 1024));
            if let Some(status) = child.try_wait().unwrap() {
                break status.code().unwrap_or(-1);
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        (code, std::fs::read_to_string(dir.join("said")).unwrap(), most)
    }

    async fn physical(&self) -> Manifest {
        let mut m = self.draft(1, None, b"x").await;
        m.kind = Kind::Physical;
        m.streams[0].role = Role::Base;
        m
    }
}

/// A tar with one entry of this type and size, in parts.
fn tar(kind: u8, size: usize, part_bytes: usize) -> Vec<Vec<u8>> {
    let mut h = tar::Header::new_ustar();
    h.set_path("a").unwrap();
    h.set_size(size as u64);
    h.set_entry_type(tar::EntryType::new(kind));
    h.set_cksum();
    let mut first = h.as_bytes().to_vec();
    first.resize(part_bytes, b'a');
    let mut parts = vec![first];
    parts.resize((size + 512).div_ceil(part_bytes), vec![b'a'; part_bytes]);
    parts
}

#[tokio::test]
async fn kilobytes_do_not_become_gigabytes_in_memory() {
    // What an honest backup takes: it is restored up to the end of its stream, which is no tar.
    let w = World::new();
    let m = w.physical().await;
    w.put(m, b"x");
    let (code, said, usual) = w.restore("honest", &[]);
    assert_eq!(code, i32::from(Code::Corrupt.number()), "{said}");
    assert!(usual > 4 << 20, "{usual}");

    let array = [b"[".as_slice(), &b"[],".repeat(80 * MIB / 3), b"[]]"].concat();
    let text = [b"[\"".as_slice(), &vec![b'a'; 60 * MIB], b"\"]"].concat();
    // Below what compression alone makes suspicious; parsed it would take a gigabyte.
    let small = [b"[".as_slice(), &b"[],".repeat(5 * MIB), b"[]]"].concat();
    for (what, facts, env, says) in [
        ("arrays", &array, &[][..], "would open to"),
        ("one text", &text, &[], "would open to"),
        ("below the ratio", &small, &[("PGSEAL_LIMITS_MEMORY", "256MiB")], "of memory"),
    ] {
        let w = World::new();
        let m = w.physical().await;
        let m = w.with_facts(m, facts).await;
        assert!(m.facts.stored_bytes < 64 * 1024, "{what}: {}", m.facts.stored_bytes);
        w.put(m, b"x");
        let (code, said, most) = w.restore("facts", env);
        assert!(code == 44 && said.contains(says), "{what}: {code}: {said}");
        assert!(most < usual + 64 * MIB as u64, "{what}: {most} bytes, usually {usual}");
    }

    // GNU's long name and link, records of pax: no base backup holds them, and their content is not read.
    for kind in [b'L', b'K', b'x', b'g'] {
        let w = World::new();
        let m = w.physical().await;
        let m = w.with_stream(m, 4 * MIB, &tar(kind, 400 * MIB, 4 * MIB)).await;
        w.put(m, b"x");
        let (code, said, most) = w.restore("tar", &[]);
        assert!(code == 40 && said.contains("only files and directories"), "{}: {code}: {said}", char::from(kind));
        assert!(most < usual + 150 * MIB as u64, "{}: {most} bytes, usually {usual}", char::from(kind));
    }

    // Parts of the largest size, with a few kilobytes each; and the limit behind all others.
    let w = World::new();
    let m = w.physical().await;
    let m = w.with_stream(m, 256 * MIB, &tar(b'0', 1024 * MIB - 512, 256 * MIB)).await;
    w.put(m, b"x");
    let (code, said, most) = w.restore("parts", &[("PGSEAL_LIMITS_MEMORY", "200MiB")]);
    assert!(code == 44 && said.contains("limit of pgseal's own memory"), "{code}: {said}");
    assert!(most < 300 * MIB as u64, "{most} bytes");
}

#[tokio::test]
async fn definitions_and_documents_are_bounded_before_they_are_read() {
    let w = World::new();
    let mut m = w.draft(1, None, b"x").await;
    m.streams[0].role = Role::Schema;
    let parts = vec![vec![b'a'; 8 * MIB]; 8];
    let m = w.with_stream(m, 8 * MIB, &parts).await;
    w.put(m, b"x");
    let opened = Opened::open(&w.reading.store, &w.latest().await.unwrap(), &w.identities, 1).await.unwrap();
    let stream = opened.manifest.streams[0].clone();
    let read = feed::into_memory(&opened, &stream, &(Arc::new(Silent) as pgseal::types::event::Progress)).await;
    assert_eq!(read.unwrap_err().code(), Code::Limit);

    // A manifest: each of these values would take sixteen times its text.
    let mut m = w.draft(2, None, b"x").await;
    m.x.insert("y".into(), serde_json::json!([vec![0; 300_000]]));
    let bytes = serde_json::to_vec(&m).unwrap();
    assert!(parse::from_bytes(&[&bytes[..], b"\n"].concat(), "m").is_ok());
    m.x.insert("z".into(), serde_json::json!([vec![0; 300_000]]));
    let bytes = serde_json::to_vec(&m).unwrap();
    assert_eq!(parse::from_bytes(&[&bytes[..], b"\n"].concat(), "m").unwrap_err().code(), Code::Limit);
}
