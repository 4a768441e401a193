//! Who can open a backup: age X25519 identities, secret, only on restore and
//! drill hosts.

use std::path::Path;

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use zeroize::Zeroizing;

use super::files::read_secret_or;
use super::recipients::{Recipients, short_id};
use crate::error::{Code, Error, Result, Stage};

/// Largest identity file: 1 MiB.
const LIMIT: u64 = 1024 * 1024;

/// One or more age identities.
pub struct Identities {
    all: Vec<(Identity, String)>,
}

impl Identities {
    /// Reads an identity file as age-keygen writes it: comments, empty lines,
    /// one `AGE-SECRET-KEY-1…` a line. Rules of [`super::read_secret`].
    pub fn from_file(path: &Path) -> Result<Self> {
        let make = format!(
            "Check keys.identity. An identity opens only what was sealed for its recipient: bring the file here from where \
             you keep it. A new one is made by `pgseal keygen identity -o {}`, and opens the backups that are made after \
             the recipient that this prints is in keys.recipients of the database host.",
            path.display()
        );
        let bytes = read_secret_or(path, LIMIT, &make)?;
        Self::parse(&bytes).map_err(|e| e.on(path.display().to_string()))
    }

    /// Parses the content of an identity file. No error repeats any of it.
    fn parse(bytes: &[u8]) -> Result<Self> {
        let hint = "Give a file as `pgseal keygen identity` or age-keygen writes it.";
        if bytes.starts_with(b"\xef\xbb\xbf") || bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Err(refused("the identity file starts with a byte order mark").hint("Save it as plain UTF-8."));
        }
        if bytes.starts_with(b"age-encryption.org/") || bytes.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----") {
            return Err(refused("the identity file is itself encrypted").hint(
                "pgseal runs without a terminal: decrypt it into a credential that only this host's user can read.",
            ));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| refused("the identity file is not text").hint(hint))?;
        let mut all: Vec<(Identity, String)> = Vec::new();
        for (n, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let at = n + 1;
            let kind = |start: &str| line.to_ascii_uppercase().starts_with(start);
            if kind("AGE-SECRET-KEY-PQ-") || kind("AGE-PLUGIN-") {
                return Err(refused(format!("line {at}: only X25519 identities are supported")).hint(hint));
            }
            if kind("AGE1") {
                return Err(refused(format!("line {at}: this is a recipient, not an identity")).hint(
                    "keys.identity names the file with the secret key; recipients belong into keys.recipients.",
                ));
            }
            let identity: Identity =
                line.parse().map_err(|_: &str| refused(format!("line {at}: not an age identity")).hint(hint))?;
            let recipient = identity.to_public().to_string();
            if all.iter().any(|(_, r)| *r == recipient) {
                return Err(refused(format!("line {at}: the same identity again")).hint("Remove one of the two lines."));
            }
            all.push((identity, recipient));
        }
        if all.is_empty() {
            return Err(refused("the identity file holds no identity").hint(hint));
        }
        Ok(Self { all })
    }

    /// The same names as [`super::Recipients::short_ids`]: tells before a
    /// download whether an identity fits a manifest.
    pub fn short_ids(&self) -> Vec<String> {
        self.all.iter().map(|(_, recipient)| short_id(recipient)).collect()
    }

    /// Whom they belong to: what these identities can open was sealed for one of these.
    pub fn recipients(&self) -> Result<Recipients> {
        Recipients::parse(&self.all.iter().map(|(_, recipient)| recipient.clone()).collect::<Vec<_>>())
    }

    /// Each alone, with its short id.
    pub fn each(&self) -> Vec<(String, Self)> {
        let alone = |(i, r): &(Identity, String)| (short_id(r), Self { all: vec![(i.clone(), r.clone())] });
        self.all.iter().map(alone).collect()
    }

    /// For `age::Decryptor`.
    pub fn iter(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.all.iter().map(|(i, _)| i as &dyn age::Identity)
    }

    /// A new identity: its secret text (`AGE-SECRET-KEY-1…`, no line end) and
    /// its recipient.
    pub fn generate() -> (Zeroizing<String>, String) {
        let identity = Identity::generate();
        (Zeroizing::new(identity.to_string().expose_secret().to_owned()), identity.to_public().to_string())
    }
}

impl std::fmt::Debug for Identities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Identities").field(&self.short_ids()).finish()
    }
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(Code::Usage, Stage::Keys, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::write_new;

    #[test]
    fn files_with_comments_and_several_keys_are_read() {
        let (one, r1) = Identities::generate();
        let (two, r2) = Identities::generate();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("id");
        let text = format!("# created: today\r\n# public key: {r1}\r\n{}\r\n\n{}\n", *one, *two);
        write_new(&path, text.as_bytes(), 0o600).unwrap();
        let ids = Identities::from_file(&path).unwrap();
        assert_eq!(ids.iter().count(), 2);
        assert_eq!(ids.short_ids(), Recipients::parse(&[r1, r2]).unwrap().short_ids());
        assert_eq!(ids.recipients().unwrap().short_ids(), ids.short_ids());
        let alone: Vec<String> = ids.each().iter().flat_map(|(_, i)| i.short_ids()).collect();
        assert_eq!(alone, ids.short_ids());
        assert!(ids.each().iter().all(|(name, i)| i.short_ids() == [name.clone()]));
        assert!(!format!("{ids:?}").contains(&one[16..40]));
    }

    #[test]
    fn wrong_files_are_refused_without_repeating_them() {
        let (key, recipient) = Identities::generate();
        let said = |text: &str| {
            let e = Identities::parse(text.as_bytes()).unwrap_err();
            assert_eq!(e.code(), Code::Usage);
            assert!(e.next_step().is_some());
            assert!(!format!("{e:?}").contains(&key[16..40]), "{e:?}");
            e.text()
        };
        assert_eq!(said(""), "the identity file holds no identity");
        assert_eq!(said("# only comments\n"), "the identity file holds no identity");
        assert_eq!(said(&format!("\u{feff}{}", *key)), "the identity file starts with a byte order mark");
        assert_eq!(said(&format!("{}\n{}\n", *key, *key)), "line 2: the same identity again");
        assert_eq!(said(&format!("{}X\n", *key)), "line 1: not an age identity");
        assert_eq!(said(&recipient), "line 1: this is a recipient, not an identity");
        assert_eq!(said("AGE-PLUGIN-YUBIKEY-1ABC"), "line 1: only X25519 identities are supported");
        assert_eq!(said("age-encryption.org/v1\n-> scrypt"), "the identity file is itself encrypted");
        assert_eq!(Identities::parse(b"\x80\x81").unwrap_err().text(), "the identity file is not text");
    }
}
