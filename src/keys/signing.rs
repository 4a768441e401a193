//! Making signatures: SSHSIG with Ed25519 and SHA-512
//! (OpenSSH's PROTOCOL.sshsig), one namespace per kind of document.

use std::path::Path;

use base64ct::{Base64, Encoding as _};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey};
use zeroize::Zeroizing;

use super::files::read_secret_or;
use crate::error::{Code, Error, Result, Stage};

/// Largest private key file: 64 KiB.
const LIMIT: u64 = 64 * 1024;

/// What a signature is for. A signature made for one kind of document is no
/// signature for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Namespace {
    /// Manifests of backups.
    Manifest,
    /// Reports of drills and verifications.
    Report,
    /// Notes that a backup's data was pruned.
    Tombstone,
    /// The repository's own document.
    Repo,
}

impl Namespace {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Manifest, Self::Report, Self::Tombstone, Self::Repo];

    /// As `ssh-keygen -Y verify -n` takes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manifest => "manifest@pgseal",
            Self::Report => "report@pgseal",
            Self::Tombstone => "tombstone@pgseal",
            Self::Repo => "repo@pgseal",
        }
    }
}

/// This host's own signing key.
pub struct Signer {
    key: PrivateKey,
    public: String,
}

impl Signer {
    /// Reads an unencrypted OpenSSH Ed25519 private key. Rules of [`super::read_secret`].
    pub fn load(path: &Path) -> Result<Self> {
        let make = format!(
            "Check the path in the configuration, or make a key with `pgseal keygen signer -o {}` (for reports: with --role \
             drill) and add the line that this prints to keys.allowed_signers, here and on every host that verifies.",
            path.display()
        );
        let bytes = read_secret_or(path, LIMIT, &make)?;
        Self::parse(&bytes).map_err(|e| e.on(path.display().to_string()))
    }

    fn parse(bytes: &[u8]) -> Result<Self> {
        let make = "Make one with `pgseal keygen signer -o FILE`.";
        let has = |needle: &[u8]| memchr::memmem::find(bytes, needle).is_some();
        if !has(b"-----BEGIN OPENSSH PRIVATE KEY-----") {
            let what = if bytes.starts_with(b"ssh-") || bytes.starts_with(b"ecdsa-") {
                "this is a public key; the private key is needed to sign"
            } else if has(b"PRIVATE KEY-----") {
                "not in OpenSSH's private key format (a PEM or PKCS#8 key)"
            } else if has(b"AGE-SECRET-KEY-") {
                "this is an age identity, not a signing key"
            } else {
                "not an OpenSSH private key"
            };
            return Err(refused(what).hint(make));
        }
        // The crate's error says what is wrong with the structure, never a value.
        let key = PrivateKey::from_openssh(bytes)
            .map_err(|e| refused("cannot read the OpenSSH private key").hint(make).because(e))?;
        if key.is_encrypted() {
            return Err(refused("the key is protected by a passphrase").hint(
                "Backups run unattended: use a key of its own without one (0600, this host only); \
                 it can sign for this host's sources and nothing else.",
            ));
        }
        match key.key_data() {
            KeypairData::Ed25519(_) => {
                let public = key
                    .public_key()
                    .to_openssh()
                    .map_err(|e| Error::new(Code::Internal, Stage::Keys, "cannot write the public key").because(e))?;
                Ok(Self { key, public })
            }
            _ => {
                Err(refused(format!("this is a key of type {}; only ssh-ed25519 is accepted", key.algorithm()))
                    .hint(make))
            }
        }
    }

    /// Signs `message`; the armored text (`-----BEGIN SSH SIGNATURE-----`) is
    /// what `ssh-keygen -Y verify` takes. Deterministic: same key and message,
    /// same signature.
    pub fn sign(&self, namespace: Namespace, message: &[u8]) -> Result<String> {
        self.key
            .sign(namespace.as_str(), HashAlg::Sha512, message)
            .and_then(|s| s.to_pem(LineEnding::LF))
            .map_err(|e| Error::new(Code::Internal, Stage::Keys, "cannot sign").because(e))
    }

    /// The bare Ed25519 signature (RFC 8032) of `message`, 64 bytes, for formats
    /// that separate their own purposes: DSSE does so by the payload's type.
    pub fn sign_raw(&self, message: &[u8]) -> Result<Vec<u8>> {
        signature::Signer::try_sign(self.key.key_data(), message)
            .map(|s| s.as_bytes().to_vec())
            .map_err(|e| Error::new(Code::Internal, Stage::Keys, "cannot sign").because(e))
    }

    /// The public key as PEM (SubjectPublicKeyInfo, RFC 8410), for programs that
    /// know no OpenSSH keys.
    pub fn public_pem(&self) -> Result<String> {
        // SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING of 32 bytes }.
        const PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        let key = self.key.public_key().key_data().ed25519();
        let key = key.ok_or_else(|| Error::internal("a signer without an Ed25519 key"))?;
        let text = Base64::encode_string(&[&PREFIX[..], &key.0].concat());
        Ok(format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n"))
    }

    /// A fixed key, for tests.
    #[cfg(test)]
    #[allow(clippy::unwrap_used, clippy::missing_panics_doc)]
    pub fn of_test() -> Self {
        let pair = KeypairData::from(Ed25519Keypair::from_seed(&[7; 32]));
        let key = PrivateKey::new(pair, "test").unwrap();
        let public = key.public_key().to_openssh().unwrap();
        Self { key, public }
    }

    /// `SHA256:…`, as `ssh-keygen -l` shows it.
    pub fn fingerprint(&self) -> String {
        self.key.fingerprint(HashAlg::Sha256).to_string()
    }

    /// `ssh-ed25519 AAAA… comment`.
    pub fn public_line(&self) -> &str {
        &self.public
    }

    /// A new key: the private file's text and the public line. The comment is
    /// one line of printable text.
    pub fn generate(comment: &str) -> Result<(Zeroizing<String>, String)> {
        if comment.chars().any(char::is_control) {
            return Err(refused("a key's comment is one line of printable text").hint("Give another comment."));
        }
        let seed = Zeroizing::new(crate::types::ids::random_bytes::<32>()?);
        let pair = KeypairData::from(Ed25519Keypair::from_seed(&seed));
        let made = PrivateKey::new(pair, comment).and_then(|key| {
            debug_assert_eq!(key.algorithm(), Algorithm::Ed25519);
            Ok((key.to_openssh(LineEnding::LF)?, key.public_key().to_openssh()?))
        });
        made.map_err(|e| Error::new(Code::Internal, Stage::Keys, "cannot make a key").because(e))
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Signer").field(&self.fingerprint()).finish()
    }
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(Code::Usage, Stage::Keys, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_key_is_read_again_and_signs_the_same_each_time() {
        let (private, public) = Signer::generate("pgseal@db1").unwrap();
        let signer = Signer::parse(private.as_bytes()).unwrap();
        assert_eq!(signer.public_line(), public);
        assert!(public.ends_with(" pgseal@db1"));
        let one = signer.sign(Namespace::Manifest, b"m").unwrap();
        assert_eq!(one, signer.sign(Namespace::Manifest, b"m").unwrap());
        assert_ne!(one, signer.sign(Namespace::Report, b"m").unwrap());
        assert_eq!(format!("{signer:?}"), format!("Signer(\"{}\")", signer.fingerprint()));
        assert!(Signer::generate("a\nb").is_err());
    }

    #[test]
    fn other_files_are_refused_with_the_reason() {
        let said = |text: &str| Signer::parse(text.as_bytes()).unwrap_err().text();
        assert!(said("").contains("not an OpenSSH private key"));
        assert!(said("ssh-ed25519 AAAA").contains("public key"));
        assert!(said("-----BEGIN RSA PRIVATE KEY-----\n").contains("PEM or PKCS#8"));
        assert!(said("AGE-SECRET-KEY-1ABC").contains("age identity"));
        let (private, _) = Signer::generate("x").unwrap();
        let cut: String = private.lines().take(3).collect::<Vec<_>>().join("\n");
        assert!(said(&cut).contains("cannot read the OpenSSH private key"));
    }
}
