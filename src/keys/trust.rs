//! Judging signatures against what the operator pinned.
//!
//! The verdicts are those of `ssh-keygen -Y verify` (tests hold both side by
//! side), except where this is stricter: only Ed25519, no certificates, nothing
//! before or after the armor, no reserved bytes, one way to write a signature,
//! bounded sizes.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use ssh_key::public::KeyData;
use ssh_key::{HashAlg, PublicKey};

use super::allowed::{self, Line};
use super::armor::read_armor;
use super::files::read_public;
use super::signing::Namespace;
use crate::error::{Code, Error, Result, Stage};
use crate::types::shown;

/// Largest allowed signers or revocation file: 1 MiB.
const FILE_LIMIT: u64 = 1024 * 1024;

/// What a signature is worth. Callers decide on each of the three.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Signature {
    /// Right bytes, by a key trusted for this principal, purpose and time.
    Good {
        /// Fingerprint, `SHA256:…`.
        signer: String,
    },
    /// Right bytes, by a key that is not trusted for this.
    Unknown {
        /// Fingerprint, `SHA256:…`.
        signer: String,
        /// What is missing.
        reason: String,
        /// The line of the allowed signers that would allow it, where none speaks of the
        /// key for this principal and purpose.
        line: Option<String>,
    },
    /// Not a signature of these bytes, or by a revoked key.
    Bad {
        /// What is wrong.
        reason: String,
    },
}

impl Signature {
    /// The fingerprint of a good signature; anything else is an error 41 about `object`.
    pub fn require(self, object: &str) -> Result<String> {
        let untrusted = |m: String| Error::new(Code::Untrusted, Stage::Verify, m).on(object.to_owned());
        match self {
            Self::Good { signer } => Ok(signer),
            Self::Unknown { signer, reason, .. } => {
                Err(untrusted(format!("signed by {signer}, which is not trusted: {reason}")).hint(
                    "If this key is yours, add it to keys.allowed_signers by hand; never take a key from the store.",
                ))
            }
            Self::Bad { reason } => Err(untrusted(format!("bad signature: {reason}")).hint(
                "The bytes are not what the signer signed. Do not use this object; compare with another copy of the store.",
            )),
        }
    }
}

/// The operator's pinned signers and revoked keys.
#[derive(Debug, Clone)]
pub struct Trust {
    file: PathBuf,
    lines: Vec<Line>,
    revoked: Vec<KeyData>,
}

impl Trust {
    /// Reads the allowed signers and, where given, the revoked keys (one public
    /// key a line; a binary KRL is refused rather than overlooked). Rules of
    /// [`read_public`] for both.
    pub fn load(allowed_signers: &Path, revoked: Option<&Path>) -> Result<Self> {
        let wrong = |path: &Path, what: String| {
            Error::new(Code::Usage, Stage::Keys, what)
                .on(path.display().to_string())
                .hint("See ALLOWED SIGNERS in ssh-keygen(1); `pgseal keygen signer` prints a line to start from.")
        };
        let text = text_of(allowed_signers)?;
        let lines = allowed::parse(&text).map_err(|e| wrong(allowed_signers, e))?;
        if !lines.iter().any(|l| l.key.is_some()) {
            return Err(wrong(allowed_signers, "there is no ssh-ed25519 key in the file".into()));
        }
        let revoked = match revoked {
            Some(path) => revoked_keys(&text_of(path)?)
                .map_err(|e| wrong(path, e).hint("List one revoked public key a line, as in a .pub file."))?,
            None => Vec::new(),
        };
        Ok(Self { file: allowed_signers.to_owned(), lines, revoked })
    }

    /// From the content of both files.
    #[cfg(test)]
    fn parse(allowed_signers: &str, revoked: &str) -> Result<Self, String> {
        Ok(Self { file: PathBuf::new(), lines: allowed::parse(allowed_signers)?, revoked: revoked_keys(revoked)? })
    }

    /// Judges the armored signature of `message` by `principal` (the source's
    /// name) at the time `at` (the verifier's clock, or the signed time of a
    /// document whose age was checked otherwise).
    ///
    /// SHA-256 and SHA-512 are accepted inside SSHSIG, as the protocol allows.
    pub fn verify(&self, ns: Namespace, principal: &str, at: Timestamp, message: &[u8], armor: &[u8]) -> Signature {
        let key = match self.made_by(ns, message, armor) {
            Ok(key) => key,
            Err(reason) => return Signature::Bad { reason },
        };
        let signer = key.fingerprint(HashAlg::Sha256).to_string();
        match self.judge(&key, ns, principal, at) {
            Ok(()) => Signature::Good { signer },
            Err((is_stranger, reason)) => {
                let source = principal.parse().ok().filter(|_| is_stranger);
                let public = PublicKey::from(key).to_openssh().ok();
                let line = source.zip(public).map(|(s, public)| allowed::line(&[s], ns.as_str(), &public));
                Signature::Unknown { signer, reason, line }
            }
        }
    }

    /// What to do about a key that no line speaks of. Whoever can write to the store
    /// can sign with a key of his own: that it is yours must be known from elsewhere.
    pub fn introduce(&self, signer: &str, line: &str) -> String {
        format!(
            "No line of {} lets {signer} sign this. Compare that with the key of the host that makes the backups \
             (there: ssh-keygen -lf KEY); only if it is the same, and you trust it: echo \
             '{line}' >> {0}",
            self.file.display()
        )
    }

    /// Whether a pinned key made the signature, whomever it may sign for. For a
    /// document that names its principal itself: only then it is read, and
    /// [`Self::verify`] asked about that principal.
    pub fn pinned(&self, ns: Namespace, message: &[u8], armor: &[u8]) -> Signature {
        match self.made_by(ns, message, armor) {
            Err(reason) => Signature::Bad { reason },
            Ok(key) => {
                let signer = key.fingerprint(HashAlg::Sha256).to_string();
                if self.lines.iter().any(|l| l.key.as_ref() == Some(&key)) {
                    Signature::Good { signer }
                } else {
                    let reason = "the key is not among the allowed signers".to_owned();
                    Signature::Unknown { signer, reason, line: None }
                }
            }
        }
    }

    /// The key that signed `message`, where it is of a kind that is accepted and
    /// not revoked.
    fn made_by(&self, ns: Namespace, message: &[u8], armor: &[u8]) -> Result<KeyData, String> {
        let bad = |reason: String| Err(reason);
        let signature = read_armor(armor)?;
        let KeyData::Ed25519(_) = signature.public_key() else {
            return bad(format!(
                "the key is of type {}; only ssh-ed25519 is accepted",
                shown(signature.public_key().algorithm().as_str())
            ));
        };
        if signature.algorithm() != ssh_key::Algorithm::Ed25519 {
            return bad("the signature's type is not that of its key".into());
        }
        if !signature.reserved().is_empty() {
            return bad("the signature has reserved bytes".into());
        }
        if !matches!(signature.hash_alg(), HashAlg::Sha256 | HashAlg::Sha512) {
            return bad("the signature uses an unknown hash".into());
        }
        if signature.namespace() != ns.as_str() {
            return bad(format!("made for {:?}, not for {:?}", shown(signature.namespace()), ns.as_str()));
        }
        let key = signature.public_key();
        if PublicKey::from(key.clone()).verify(ns.as_str(), message, &signature).is_err() {
            return bad("it does not belong to these bytes".into());
        }
        if self.revoked.contains(key) {
            return bad(format!("the key {} is revoked", key.fingerprint(HashAlg::Sha256)));
        }
        Ok(key.clone())
    }

    /// Looks for a line that allows the key; the reason is that of the line that
    /// came closest, with whether none is for this principal and purpose.
    fn judge(&self, key: &KeyData, ns: Namespace, principal: &str, at: Timestamp) -> Result<(), (bool, String)> {
        let mut reason = (0, "the key is not among the allowed signers".to_owned());
        let mut closest = |rank: u8, text: String| {
            if rank > reason.0 {
                reason = (rank, text);
            }
        };
        let now = at.as_second();
        for line in self.lines.iter().filter(|l| l.key.as_ref() == Some(key)) {
            let n = line.number;
            if !allowed::matches_list(principal, &line.principals) {
                closest(1, format!("the key is allowed, but not for {principal:?} (line {n})"));
            } else if line.namespaces.as_ref().is_some_and(|list| !allowed::matches_list(ns.as_str(), list)) {
                closest(2, format!("the key is allowed, but not for {} (line {n})", ns.as_str()));
            } else if line.valid_after.is_some_and(|t| now < t) {
                closest(EXPIRED, format!("the key is not valid yet at {at} (line {n})"));
            } else if line.valid_before.is_some_and(|t| now > t) {
                closest(EXPIRED, format!("the key has expired at {at} (line {n})"));
            } else {
                return Ok(());
            }
        }
        Err((reason.0 < EXPIRED, reason.1))
    }
}

/// How close a line comes that is for the principal and the purpose, but not for the time.
const EXPIRED: u8 = 3;

fn text_of(path: &Path) -> Result<String> {
    String::from_utf8(read_public(path, FILE_LIMIT)?).map_err(|e| {
        let what = if e.as_bytes().starts_with(b"SSHKRL\n") {
            "this is a binary key revocation list, which is not supported"
        } else {
            "the file is not text"
        };
        Error::new(Code::Usage, Stage::Keys, what)
            .on(path.display().to_string())
            .hint("List one public key a line, as text.")
    })
}

fn revoked_keys(text: &str) -> Result<Vec<KeyData>, String> {
    if text.starts_with("SSHKRL\n") {
        return Err("this is a binary key revocation list, which is not supported".into());
    }
    let mut keys = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // ssh-keygen skips what it cannot read here; a revocation that is
        // silently not in force is worse than an error.
        keys.extend(allowed::key(line).map_err(|e| format!("line {}: {e}", n + 1))?);
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::armor::{BEGIN, END, content};
    use crate::keys::{Signer, write_new};

    fn signer() -> (Signer, String) {
        let (private, public) = Signer::generate("t").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k");
        write_new(&path, private.as_bytes(), 0o600).unwrap();
        (Signer::load(&path).unwrap(), public)
    }

    #[test]
    fn the_closest_line_gives_the_reason() {
        let (s, public) = signer();
        let armor = s.sign(Namespace::Manifest, b"m").unwrap();
        let at: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
        let judge = |allowed: &str| {
            let trust = Trust::parse(&allowed.replace("KEY", &public), "").unwrap();
            trust.verify(Namespace::Manifest, "shop", at, b"m", armor.as_bytes())
        };
        assert_eq!(judge("other KEY\nshop KEY"), Signature::Good { signer: s.fingerprint() });
        for (allowed, reason) in [
            ("# none", "not among the allowed signers"),
            ("other KEY", "not for \"shop\" (line 1)"),
            ("other KEY\nshop namespaces=\"report@pgseal\" KEY", "not for manifest@pgseal (line 2)"),
            ("shop valid-before=\"20260101Z\" KEY\nother KEY", "expired at 2026-11-23T00:00:00Z (line 1)"),
            ("shop valid-after=\"20270101Z\" KEY", "not valid yet"),
        ] {
            let Signature::Unknown { reason: said, line, .. } = judge(allowed) else { panic!("{allowed}") };
            assert!(said.contains(reason), "{said}");
            // A key that has expired is no stranger; the line of one that is makes it trusted.
            assert_eq!(line.is_none(), reason.contains("expired") || reason.contains("not valid yet"), "{line:?}");
            let Some(line) = line else { continue };
            assert!(line.starts_with("shop namespaces=\"manifest@pgseal\" ssh-ed25519 "), "{line}");
            assert_eq!(judge(&line), Signature::Good { signer: s.fingerprint() });
        }
    }

    #[test]
    fn a_pinned_key_is_known_whomever_it_signs_for_and_no_other_is() {
        let ((s, public), (other, _)) = (signer(), signer());
        let trust =
            |revoked: &str| Trust::parse(&format!("shop namespaces=\"manifest@pgseal\" {public}"), revoked).unwrap();
        let ask = |trust: &Trust, by: &Signer, message: &[u8]| {
            trust.pinned(Namespace::Report, message, by.sign(Namespace::Report, b"m").unwrap().as_bytes())
        };
        assert_eq!(ask(&trust(""), &s, b"m"), Signature::Good { signer: s.fingerprint() });
        assert!(matches!(ask(&trust(""), &other, b"m"), Signature::Unknown { .. }));
        assert!(matches!(ask(&trust(""), &s, b"n"), Signature::Bad { .. }));
        assert!(matches!(ask(&trust(&public), &s, b"m"), Signature::Bad { .. }));
    }

    #[test]
    fn verdicts_become_errors_41() {
        let good = Signature::Good { signer: "SHA256:x".into() };
        assert_eq!(good.require("o").unwrap(), "SHA256:x");
        for v in [
            Signature::Bad { reason: "r".into() },
            Signature::Unknown { signer: "SHA256:x".into(), reason: "r".into(), line: None },
        ] {
            let e = v.require("0000000042.json").unwrap_err();
            assert_eq!((e.code(), e.object()), (Code::Untrusted, Some("0000000042.json")));
            assert!(e.next_step().is_some());
        }
    }

    #[test]
    fn files_that_cannot_be_relied_on_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            write_new(&path, bytes, 0o644).unwrap();
            path
        };
        let (_, public) = signer();
        let good = put("good", format!("shop {public}\n").as_bytes());
        assert!(Trust::load(&good, None).is_ok());
        let revoked = put("revoked", format!("# old\n{public}\nssh-rsa AAAA\n").as_bytes());
        assert_eq!(Trust::load(&good, Some(&revoked)).unwrap().revoked.len(), 1);
        let said = |a: &Path, r: Option<&Path>| Trust::load(a, r).unwrap_err().text();
        assert!(said(&put("empty", b""), None).contains("no ssh-ed25519 key"));
        assert!(said(&put("rsa", b"shop ssh-rsa AAAA\n"), None).contains("no ssh-ed25519 key"));
        assert!(said(&put("typo", b"shop\n"), None).contains("line 1"));
        assert!(said(&put("binary", b"\xff\xfe"), None).contains("not text"));
        assert!(said(&good, Some(&put("krl", b"SSHKRL\n\x00\x00"))).contains("revocation list"));
        assert!(said(&good, Some(&put("krl2", b"SSHKRL\n\x00\xff"))).contains("revocation list"));
        assert!(said(&good, Some(&put("garbled", b"ssh-ed25519 AAAA\n"))).contains("line 1"));
    }

    #[test]
    fn no_other_armor_is_the_same_signature() {
        let (s, public) = signer();
        let trust = Trust::parse(&format!("* {public}"), "").unwrap();
        let verify = |armor: &[u8]| trust.verify(Namespace::Report, "x", Timestamp::UNIX_EPOCH, b"m", armor);
        let armor = s.sign(Namespace::Report, b"m").unwrap().into_bytes();
        assert!(matches!(verify(&armor), Signature::Good { .. }));
        for at in 0..armor.len() - 1 {
            for byte in [0, b'\n', b' ', b'=', b'-', b'+', b'/', b'0', b'A', b'B', b'C', b'D', b'Q', b'g', b'w', 0xff] {
                let mut replaced = armor.clone();
                replaced[at] = byte;
                let mut inserted = armor.clone();
                inserted.insert(at, byte);
                for other in [replaced, inserted] {
                    // Where lines break says nothing.
                    if content(&other) != content(&armor) {
                        assert!(matches!(verify(&other), Signature::Bad { .. }), "byte {byte} at {at}");
                    }
                }
            }
        }
        for cut in 0..armor.len() - 1 {
            assert!(matches!(verify(&armor[..cut]), Signature::Bad { .. }), "cut at {cut}");
        }
    }

    proptest::proptest! {
        #[test]
        fn hostile_files_and_armor_never_panic(line in "\\PC{0,200}", bytes: Vec<u8>) {
            let options = ["", "shop ", "shop namespaces=", "shop valid-after=\"", "shop namespaces=\"a\","];
            for start in options {
                let _ = Trust::parse(&format!("{start}{line}"), &line);
            }
            let armor = [BEGIN, &bytes, END].concat();
            let verdict = Trust::parse("", "").unwrap().verify(Namespace::Report, "x", Timestamp::UNIX_EPOCH, b"m", &armor);
            proptest::prop_assert!(matches!(verdict, Signature::Bad { .. }), "{verdict:?}");
        }
    }
}
