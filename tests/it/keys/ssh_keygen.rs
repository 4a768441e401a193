//! Signatures in both directions against the real ssh-keygen, and every refusal
//! beside its verdict.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::Timestamp;
use pgseal::keys::{Namespace, Signature, Signer, Trust, write_new};
use tempfile::TempDir;

const MESSAGE: &[u8] = b"{\"format\":\"pgseal-manifest\"}\n";
const NOW: &str = "2026-11-23T12:00:00Z";

/// A directory with keys and the files that trust them.
struct Bench {
    dir: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::remove_file(&path).ok();
        write_new(&path, bytes, 0o600).unwrap();
        path
    }

    /// A key made by ssh-keygen; returns the public line.
    fn ssh_key(&self, name: &str, kind: &[&str]) -> String {
        let path = self.path(name);
        let done = Command::new("ssh-keygen")
            .args(["-q", "-N", "", "-C", name, "-t"])
            .args(kind)
            .arg("-f")
            .arg(&path)
            .status()
            .unwrap();
        assert!(done.success());
        std::fs::read_to_string(path.with_extension("pub")).unwrap().trim().to_owned()
    }

    /// A key made by us.
    fn our_key(&self, name: &str) -> (Signer, String) {
        let (private, public) = Signer::generate(name).unwrap();
        (Signer::load(&self.put(name, private.as_bytes())).unwrap(), public)
    }

    fn ssh_sign(&self, key: &str, namespace: &str, message: &[u8], hash: &str) -> Vec<u8> {
        let mut child = Command::new("ssh-keygen")
            .args(["-q", "-Y", "sign", "-n", namespace, "-O"])
            .arg(format!("hashalg={hash}"))
            .arg("-f")
            .arg(self.path(key))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(message).unwrap();
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success());
        out.stdout
    }

    /// What ssh-keygen says.
    fn ssh_verify(&self, case: &Case, armor: &[u8]) -> bool {
        let mut command = Command::new("ssh-keygen");
        command
            .env("TZ", "UTC")
            .args(["-Y", "verify", "-I", &case.principal, "-n", "manifest@pgseal"])
            .arg(format!("-Overify-time={}", case.at.replace(['-', ':', 'T'], "")))
            .arg("-f")
            .arg(self.put("allowed", case.allowed.as_bytes()))
            .arg("-s")
            .arg(self.put("armor", armor));
        if !case.revoked.is_empty() {
            command.arg("-r").arg(self.put("revoked", case.revoked.as_bytes()));
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // It may refuse before it reads the message.
        let _ = child.stdin.take().unwrap().write_all(&case.message);
        child.wait().unwrap().success()
    }

    /// What we say.
    fn our_verify(&self, case: &Case, armor: &[u8]) -> Signature {
        let allowed = self.put("allowed", case.allowed.as_bytes());
        let revoked = (!case.revoked.is_empty()).then(|| self.put("revoked", case.revoked.as_bytes()));
        let at: Timestamp = case.at.parse().unwrap();
        Trust::load(&allowed, revoked.as_deref()).unwrap().verify(
            Namespace::Manifest,
            &case.principal,
            at,
            &case.message,
            armor,
        )
    }
}

#[derive(Clone)]
struct Case {
    principal: String,
    at: &'static str,
    allowed: String,
    revoked: String,
    message: Vec<u8>,
}

fn case(allowed: &str) -> Case {
    Case {
        principal: "shop".into(),
        at: NOW,
        allowed: format!("{allowed}\n"),
        revoked: String::new(),
        message: MESSAGE.to_vec(),
    }
}

/// The verdict in one word.
fn word(verdict: &Signature) -> &'static str {
    match verdict {
        Signature::Good { .. } => "good",
        Signature::Unknown { .. } => "unknown",
        Signature::Bad { .. } => "bad",
    }
}

#[test]
fn ssh_keygen_verifies_what_we_sign() {
    let bench = Bench::new();
    let (ours, public) = bench.our_key("ours");
    let armor = ours.sign(Namespace::Manifest, MESSAGE).unwrap();
    let c = case(&format!("shop namespaces=\"manifest@pgseal\" {public}"));
    assert!(bench.ssh_verify(&c, armor.as_bytes()));
    assert_eq!(bench.our_verify(&c, armor.as_bytes()), Signature::Good { signer: ours.fingerprint() });

    // The same key signs the same bytes to the same armor in both programs.
    assert_eq!(bench.ssh_sign("ours", "manifest@pgseal", MESSAGE, "sha512"), armor.as_bytes());

    let out = Command::new("ssh-keygen").arg("-l").arg("-f").arg(bench.path("ours")).output().unwrap();
    assert!(String::from_utf8(out.stdout).unwrap().contains(&ours.fingerprint()));
}

#[test]
fn every_namespace_signs_for_itself_only() {
    let bench = Bench::new();
    let (ours, public) = bench.our_key("ours");
    let c = case(&format!("shop {public}"));
    for ns in Namespace::ALL {
        let armor = ours.sign(ns, MESSAGE).unwrap();
        let good = ns == Namespace::Manifest;
        assert_eq!(bench.ssh_verify(&c, armor.as_bytes()), good, "{ns:?}");
        assert_eq!(word(&bench.our_verify(&c, armor.as_bytes())), if good { "good" } else { "bad" }, "{ns:?}");
    }
}

#[test]
fn verdicts_agree_with_ssh_keygen() {
    let bench = Bench::new();
    let key = bench.ssh_key("theirs", &["ed25519"]);
    let other = bench.ssh_key("other", &["ed25519"]);
    let good = bench.ssh_sign("theirs", "manifest@pgseal", MESSAGE, "sha512");
    let plain = case(&format!("shop {key}"));
    let with = |allowed: &str| case(&allowed.replace("KEY", &key).replace("OTHER", &other));

    let mut table: Vec<(&str, Case, Vec<u8>, &str)> = vec![
        ("plain", plain.clone(), good.clone(), "good"),
        ("sha256", plain.clone(), bench.ssh_sign("theirs", "manifest@pgseal", MESSAGE, "sha256"), "good"),
        ("options", with("shop namespaces=\"manifest@pgseal\",valid-after=\"20260101Z\" KEY"), good.clone(), "good"),
        ("wildcard", with("sh?p,x* KEY"), good.clone(), "good"),
        ("quoted principals", with("\"a b,shop\" KEY"), good.clone(), "good"),
        ("second line", with("# c\n\nshop OTHER\nshop KEY"), good.clone(), "good"),
        ("upper-case option", with("shop NAMESPACES=\"manifest@pgseal\" KEY"), good.clone(), "good"),
        ("namespace pattern", with("shop namespaces=\"*@pgseal,!report@pgseal\" KEY"), good.clone(), "good"),
        ("until this second", with("shop valid-before=\"20261123120000Z\" KEY"), good.clone(), "good"),
        ("from this second", with("shop valid-after=\"20261123120000Z\" KEY"), good.clone(), "good"),
        ("later line covers the time", with("shop valid-before=\"20260101Z\" KEY\nshop KEY"), good.clone(), "good"),
        ("rsa key on another line", with("a ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ==\nshop KEY"), good.clone(), "good"),
        ("other signer", with("shop OTHER"), good.clone(), "unknown"),
        ("wrong principal", with("other KEY"), good.clone(), "unknown"),
        ("case of the principal", with("Shop KEY"), good.clone(), "unknown"),
        ("negated principal", with("*,!shop KEY"), good.clone(), "unknown"),
        ("namespace not allowed", with("shop namespaces=\"report@pgseal\" KEY"), good.clone(), "unknown"),
        ("expired", with("shop valid-before=\"20261123115959Z\" KEY"), good.clone(), "unknown"),
        ("expired in minutes", with("shop valid-before=\"202611231159Z\" KEY"), good.clone(), "unknown"),
        ("not yet valid", with("shop valid-after=\"20261123120001Z\" KEY"), good.clone(), "unknown"),
        ("namespace of the signature", plain.clone(), bench.ssh_sign("theirs", "file", MESSAGE, "sha512"), "bad"),
        ("empty", plain.clone(), Vec::new(), "bad"),
        ("not a signature", plain.clone(), b"hello\n".to_vec(), "bad"),
        ("junk before", plain.clone(), [b"x\n".as_slice(), &good].concat(), "bad"),
        ("cut off", plain.clone(), good[..good.len() / 2].to_vec(), "bad"),
    ];
    let mut revoked = plain.clone();
    revoked.revoked = format!("# lost laptop\n{key}\n");
    table.push(("revoked", revoked, good.clone(), "bad"));
    let mut not_revoked = plain.clone();
    not_revoked.revoked = format!("{other}\n");
    table.push(("another key revoked", not_revoked, good.clone(), "good"));
    let mut tampered = plain.clone();
    tampered.message[3] ^= 1;
    table.push(("tampered message", tampered, good.clone(), "bad"));
    let mut longer = plain.clone();
    longer.message.push(b'\n');
    table.push(("message with one more line end", longer, good.clone(), "bad"));
    let mut flipped = good.clone();
    let at = flipped.len() - 60;
    flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
    table.push(("tampered signature", plain.clone(), flipped, "bad"));

    for (name, case, armor, expected) in &table {
        let ours = bench.our_verify(case, armor);
        assert_eq!(word(&ours), *expected, "{name}: {ours:?}");
        assert_eq!(bench.ssh_verify(case, armor), *expected == "good", "{name}: ssh-keygen disagrees");
    }
}

#[test]
fn where_we_are_stricter_than_ssh_keygen() {
    let bench = Bench::new();
    let key = bench.ssh_key("theirs", &["ed25519"]);
    let rsa = bench.ssh_key("rsa", &["rsa", "-b", "2048"]);
    let ecdsa = bench.ssh_key("ecdsa", &["ecdsa"]);
    let good = bench.ssh_sign("theirs", "manifest@pgseal", MESSAGE, "sha512");
    let c = case(&format!("shop {key}\nshop {rsa}\nshop {ecdsa}"));
    let huge = [good.clone(), vec![b'\n'; 20_000]].concat();
    for (name, armor, reason) in [
        ("appended junk", [good.clone(), b"junk\n".to_vec()].concat(), "not exactly one"),
        ("appended signature", [good.clone(), good.clone()].concat(), "not exactly one"),
        ("two line ends", [good.clone(), b"\n".to_vec()].concat(), "not exactly one"),
        ("huge armor", huge, "larger than"),
        ("RSA", bench.ssh_sign("rsa", "manifest@pgseal", MESSAGE, "sha512"), "ssh-rsa"),
        ("ECDSA", bench.ssh_sign("ecdsa", "manifest@pgseal", MESSAGE, "sha512"), "cannot be read"),
    ] {
        assert!(bench.ssh_verify(&c, &armor), "{name}: ssh-keygen accepts it");
        let Signature::Bad { reason: said } = bench.our_verify(&c, &armor) else { panic!("{name}") };
        assert!(said.contains(reason), "{name}: {said}");
    }
    // The other way round nothing may differ: ours is never the laxer one.
    assert!(bench.ssh_verify(&c, &good));
    assert_eq!(word(&bench.our_verify(&c, &good)), "good");
}

#[test]
fn files_that_ssh_keygen_refuses_are_refused() {
    let bench = Bench::new();
    let key = bench.ssh_key("theirs", &["ed25519"]);
    let good = bench.ssh_sign("theirs", "manifest@pgseal", MESSAGE, "sha512");
    for allowed in [
        "shop",
        "shop KEYX",
        "shop namespaces=manifest@pgseal KEY",
        "shop namespaces=\"a KEY",
        "shop valid-after=\"2026\" KEY",
        "shop valid-after=\"20261301Z\" KEY",
        "shop namespaces=\"manifest@pgseal\",namespaces=\"manifest@pgseal\" KEY",
        "shop valid-after=\"20270101Z\",valid-before=\"20260101Z\" KEY",
        "shop no-such-option KEY",
        "\"shop KEY",
    ] {
        let c = case(&allowed.replace("KEYX", "ssh-ed25519 AAAA").replace("KEY", &key));
        assert!(!bench.ssh_verify(&c, &good), "{allowed}");
        assert!(Trust::load(&bench.put("allowed", c.allowed.as_bytes()), None).is_err(), "{allowed}");
    }
}

fn load(path: &Path) -> String {
    Signer::load(path).unwrap_err().text()
}

#[test]
fn private_keys_of_other_kinds_are_refused() {
    let bench = Bench::new();
    bench.ssh_key("rsa", &["rsa", "-b", "2048"]);
    bench.ssh_key("ecdsa", &["ecdsa"]);
    assert!(load(&bench.path("rsa")).contains("only ssh-ed25519"));
    assert!(load(&bench.path("ecdsa")).contains("cannot read"));
    let locked = bench.path("locked");
    let done = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "hunter22", "-f"]).arg(&locked).status();
    assert!(done.unwrap().success());
    assert!(load(&locked).contains("passphrase"));
    assert!(load(&bench.path("rsa.pub")).contains("open to others"));
    bench.ssh_key("fine", &["ed25519"]);
    assert!(Signer::load(&bench.path("fine")).is_ok());
}
