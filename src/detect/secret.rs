//! A credential that was found in a text.

use std::fmt;
use std::ops::Range;

use hmac::{Hmac, Mac as _};

/// What kind of credential it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Kind {
    PrivateKey,
    /// A private key that a passphrase protects.
    EncryptedPrivateKey,
    AgeIdentity,
    AwsKeyId,
    AwsSecretKey,
    GithubToken,
    GitlabToken,
    SlackToken,
    StripeKey,
    GoogleKey,
    Jwt,
    /// `scheme://user:password@host`.
    UrlPassword,
    /// `curl -u user:password`.
    ArgumentPassword,
    /// libpq's `password=…` beside its other keywords.
    ConnectionPassword,
    /// `PASSWORD '…'`.
    SqlPassword,
    /// The value of a name like `password` or `api_key`.
    Named,
    Bcrypt,
    Argon2,
    ScramVerifier,
    Md5Verifier,
}

impl Kind {
    /// The words used in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PrivateKey => "private key",
            Self::EncryptedPrivateKey => "encrypted private key",
            Self::AgeIdentity => "age identity",
            Self::AwsKeyId => "aws access key id",
            Self::AwsSecretKey => "aws secret access key",
            Self::GithubToken => "github token",
            Self::GitlabToken => "gitlab token",
            Self::SlackToken => "slack token",
            Self::StripeKey => "stripe key",
            Self::GoogleKey => "google api key",
            Self::Jwt => "json web token",
            Self::UrlPassword => "password in a url",
            Self::ArgumentPassword => "password in a command",
            Self::ConnectionPassword => "password in a connection string",
            Self::SqlPassword => "password in sql",
            Self::Named => "password or key",
            Self::Bcrypt => "bcrypt hash",
            Self::Argon2 => "argon2 hash",
            Self::ScramVerifier => "scram verifier",
            Self::Md5Verifier => "md5 verifier",
        }
    }

    /// Whether it is what a server stores of a password, and not the password.
    pub const fn is_verifier(self) -> bool {
        matches!(self, Self::Bcrypt | Self::Argon2 | Self::ScramVerifier | Self::Md5Verifier)
    }

    /// Whether only a word beside the value says that it is a secret.
    pub const fn is_by_name(self) -> bool {
        matches!(self, Self::Named | Self::ConnectionPassword | Self::SqlPassword)
    }
}

/// How sure it is that somebody has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weight {
    /// A sample of documentation or a placeholder: worth no more than a note.
    Example,
    /// What a server stores of a password, or a key under a passphrase.
    Guarded,
    /// A value that only its name makes a secret.
    Likely,
    /// Its shape says so.
    Sure,
}

/// One credential in a text: a kind and a place, never the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// What it is.
    pub kind: Kind,
    /// How sure that is.
    pub weight: Weight,
    range: Range<usize>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({}, {:?})", self.kind.name(), self.weight)
    }
}

impl Secret {
    pub(super) fn new(kind: Kind, range: Range<usize>, example: bool) -> Self {
        let weight = match kind {
            _ if example => Weight::Example,
            _ if kind.is_verifier() => Weight::Guarded,
            Kind::EncryptedPrivateKey => Weight::Guarded,
            Kind::Named => Weight::Likely,
            _ => Weight::Sure,
        };
        Self { kind, weight, range }
    }

    /// The same, where something else than its shape leaves no doubt.
    pub(super) fn for_sure(mut self) -> Self {
        self.weight = Weight::Sure;
        self
    }

    /// Whether it is a documentation sample or a placeholder.
    pub fn is_example(&self) -> bool {
        self.weight == Weight::Example
    }

    pub(super) fn start(&self) -> usize {
        self.range.start
    }

    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.range.start < other.range.end && other.range.start < self.range.end
    }

    /// Whether it is all of `text` but blanks around it.
    pub fn is_all_of(&self, text: &str) -> bool {
        text.get(self.range.clone()).is_some_and(|s| s.trim() == text.trim())
    }

    /// HMAC of the secret under a key of this host; `text` is what it was found in.
    /// The same secret has the same tag wherever it lies, and the tag tells
    /// nothing of it to whoever has not the key.
    pub fn tag(&self, text: &str, key: &[u8; 32]) -> String {
        tag(text.get(self.range.clone()).unwrap_or_default().as_bytes(), key)
    }
}

/// HMAC-SHA-256 of a secret, its first half in hexadecimal digits.
pub fn tag(secret: &[u8], key: &[u8; 32]) -> String {
    let Ok(mut mac) = Hmac::<sha2::Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(b"pgseal credential\0");
    mac.update(secret);
    hex::encode(&mac.finalize().into_bytes()[..16])
}
