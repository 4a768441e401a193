//! Stored passwords of a copy: what kind they are, and whether an obvious one fits.
//!
//! Verifiers are as good as passwords (an md5 one is the password, as far as the
//! server is concerned), so they do not leave this file: what leaves is their
//! kind, HMACs under a key of this host, and whether a guess fitted, never which.

use std::num::NonZeroU32;

use base64ct::{Base64, Encoding as _};
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::exposure::server::{Verifier, VerifierKind};
use crate::source::Ask;
use crate::source::facts::Facts;
use crate::types::Known;

/// Passwords that are tried on one role.
const MOST_GUESSES: usize = 50;

/// Iterations of PBKDF2 that all guesses together may cost: 200 roles with 50
/// guesses of 4,096 iterations, some ten seconds of one core.
const MOST_ITERATIONS: u64 = 200 * 50 * 4_096;

/// Roles whose stored passwords are looked at.
const MOST_ROLES: usize = 50_000;

/// Passwords that are obvious without knowing anybody.
const OBVIOUS: [&str; 24] = [
    "postgres",
    "password",
    "changeme",
    "secret",
    "admin",
    "root",
    "test",
    "123456",
    "12345678",
    "123456789",
    "qwerty",
    "letmein",
    "welcome",
    "passw0rd",
    "Password1",
    "P@ssw0rd",
    "pgpass",
    "postgresql",
    "default",
    "example",
    "dev",
    "docker",
    "pass",
    "guest",
];

/// Longest salt that is believed, in bytes.
const MOST_SALT: usize = 1_024;

/// Whether obvious passwords are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guessing {
    /// They are.
    Try,
    /// The operator does not want it.
    Skip,
}

/// A role's stored password. Neither shown nor kept.
struct Stored {
    role: String,
    text: String,
}

/// What is known of the stored passwords in the copy of `facts`.
pub(in crate::exposure) async fn read(
    facts: &Facts,
    session: &impl Ask,
    key: &[u8; 32],
    guessing: Guessing,
) -> Known<Vec<Verifier>> {
    if let Some(why) = absent(facts) {
        return Known::no(why);
    }
    let sql = format!(
        "SELECT rolname::text, rolpassword FROM pg_catalog.pg_authid WHERE rolpassword IS NOT NULL \
         ORDER BY rolcanlogin DESC, rolsuper DESC, rolname COLLATE \"C\" LIMIT {}",
        MOST_ROLES + 1
    );
    let rows = match session.client().query(&sql, &[]).await {
        Ok(rows) if rows.len() > MOST_ROLES => {
            return Known::no(format!("more than {MOST_ROLES} roles have passwords"));
        }
        Ok(rows) => rows,
        Err(_) => return Known::no("the copy's stored passwords cannot be read"),
    };
    let stored: Vec<Stored> = rows.iter().map(|r| Stored { role: r.get(0), text: r.get(1) }).collect();
    let databases: Vec<String> = facts.databases.iter().map(|d| d.name.clone()).collect();
    let key = *key;
    let judged = tokio::task::spawn_blocking(move || judge(&stored, &databases, &key, guessing)).await;
    judged.map_or_else(|_| Known::no("judging the stored passwords failed"), Known::Yes)
}

/// Why a backup holds no stored passwords; `None` where it holds them.
fn absent(facts: &Facts) -> Option<&'static str> {
    if facts.physical.is_some() {
        return None;
    }
    let Some(globals) = facts.streams.values().find(|s| s.database.is_none()) else {
        return Some("the backup holds no roles (no globals)");
    };
    let without = globals.argv.iter().any(|a| a == "--no-role-passwords");
    without.then_some("the backup was made without stored passwords (role_passwords = false)")
}

fn judge(stored: &[Stored], databases: &[String], key: &[u8; 32], guessing: Guessing) -> Vec<Verifier> {
    let mut left = MOST_ITERATIONS;
    let one = |s: &Stored| {
        let parsed = Parsed::of(&s.text);
        let guessed = match guessing {
            Guessing::Skip => None,
            Guessing::Try => guess(&parsed, &s.role, databases, &mut left),
        };
        let salt_tag = match &parsed {
            Parsed::Scram { salt, .. } => Some(tag(key, "salt", salt)),
            _ => None,
        };
        Verifier {
            role: s.role.clone(),
            kind: parsed.kind(),
            tag: tag(key, "verifier", s.text.as_bytes()),
            salt_tag,
            guessed,
        }
    };
    stored.iter().map(one).collect()
}

/// A verifier in its parts.
enum Parsed {
    Md5([u8; 16]),
    Scram { iterations: u32, salt: Vec<u8>, stored_key: [u8; 32] },
    Unknown,
}

impl Parsed {
    /// `md5` and 32 digits, or `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`
    /// (`src/common/scram-common.c` of PostgreSQL).
    fn of(text: &str) -> Self {
        if let Some(digits) = text.strip_prefix("md5") {
            let mut digest = [0; 16];
            return hex::decode_to_slice(digits, &mut digest).map_or(Self::Unknown, |()| Self::Md5(digest));
        }
        Self::scram(text).unwrap_or(Self::Unknown)
    }

    fn scram(text: &str) -> Option<Self> {
        let (head, keys) = text.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
        let (iterations, salt) = head.split_once(':')?;
        let (stored, _) = keys.split_once(':')?;
        let salt = Base64::decode_vec(salt).ok().filter(|s| s.len() <= MOST_SALT)?;
        let stored_key = Base64::decode_vec(stored).ok()?.try_into().ok()?;
        Some(Self::Scram { iterations: iterations.parse().ok().filter(|n| *n > 0)?, salt, stored_key })
    }

    fn kind(&self) -> VerifierKind {
        match self {
            Self::Md5(_) => VerifierKind::Md5,
            Self::Scram { iterations, .. } => VerifierKind::Scram { iterations: *iterations },
            Self::Unknown => VerifierKind::Unknown,
        }
    }

    /// What one guess costs; `None` where nothing can be guessed.
    fn cost(&self) -> Option<u64> {
        match self {
            Self::Md5(_) => Some(1),
            Self::Scram { iterations, .. } => Some(u64::from(*iterations)),
            Self::Unknown => None,
        }
    }

    fn fits(&self, role: &str, password: &str) -> bool {
        match self {
            Self::Md5(digest) => {
                let salted = [password.as_bytes(), role.as_bytes()].concat();
                *digest == <[u8; 16]>::from(<md5::Md5 as md5::Digest>::digest(salted))
            }
            Self::Scram { iterations, salt, stored_key } => {
                // RFC 5802 section 3; SASLprep changes nothing in the words that are tried.
                let mut salted = [0; 32];
                let Some(rounds) = NonZeroU32::new(*iterations) else { return false };
                let kind = aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA256;
                aws_lc_rs::pbkdf2::derive(kind, rounds, salt, password.as_bytes(), &mut salted);
                <[u8; 32]>::from(Sha256::digest(mac(&salted, &[b"Client Key"]))) == *stored_key
            }
            Self::Unknown => false,
        }
    }
}

/// Whether an obvious password fits; `None` where that was not tried to the end.
fn guess(parsed: &Parsed, role: &str, databases: &[String], left: &mut u64) -> Option<bool> {
    let cost = parsed.cost()?;
    for word in guesses(role, databases) {
        *left = left.checked_sub(cost)?;
        if parsed.fits(role, &word) {
            return Some(true);
        }
    }
    Some(false)
}

/// What an intruder would try first.
fn guesses(role: &str, databases: &[String]) -> Vec<String> {
    let own =
        [role.to_owned(), role.chars().rev().collect(), role.to_lowercase(), format!("{role}1"), format!("{role}123")];
    let mut all: Vec<String> = Vec::with_capacity(MOST_GUESSES);
    for word in own.into_iter().chain(OBVIOUS.map(str::to_owned)).chain(databases.iter().cloned()) {
        if !word.is_empty() && !all.contains(&word) {
            all.push(word);
        }
    }
    all.truncate(MOST_GUESSES);
    all
}

/// An HMAC that tells nothing but equality.
fn tag(key: &[u8; 32], what: &str, value: &[u8]) -> String {
    hex::encode(&mac(key, &[b"pgseal\0", what.as_bytes(), b"\0", value])[..16])
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length, this one as it is (RFC 2104 section 2).
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What PostgreSQL 15 stored for a role `app`; the passwords are in the tests.
    fn stored(text: &str) -> Vec<Stored> {
        vec![Stored { role: "app".into(), text: text.into() }]
    }

    fn guessed(text: &str) -> Option<bool> {
        judge(&stored(text), &["shop".into()], &[7; 32], Guessing::Try)[0].guessed
    }

    #[test]
    fn what_is_no_verifier_is_unknown_and_not_guessed() {
        for odd in [
            "",
            "md5",
            "md5xyz",
            "SCRAM-SHA-256$",
            "SCRAM-SHA-256$0:AAAA$AAAA:AAAA",
            "plain",
            "SCRAM-SHA-256$4096:!$x:y",
        ] {
            let v = judge(&stored(odd), &[], &[7; 32], Guessing::Try);
            assert_eq!((v[0].kind, v[0].guessed), (VerifierKind::Unknown, None), "{odd}");
        }
    }

    #[test]
    fn work_has_an_end() {
        let key = Base64::encode_string(&[1; 32]);
        assert_eq!(guessed(&format!("SCRAM-SHA-256$4000000000:AAAA${key}:{key}")), None);
        assert_eq!(guessed(&format!("SCRAM-SHA-256$1:AAAA${key}:{key}")), Some(false));
        let skipped = judge(&stored(&format!("SCRAM-SHA-256$1:AAAA${key}:{key}")), &[], &[7; 32], Guessing::Skip);
        assert_eq!(skipped[0].guessed, None);
    }

    #[test]
    fn tags_depend_on_key_and_value() {
        let key = Base64::encode_string(&[1; 32]);
        let text = format!("SCRAM-SHA-256$1:AAAA${key}:{key}");
        let of = |k: u8| judge(&stored(&text), &[], &[k; 32], Guessing::Skip).remove(0);
        assert_eq!(of(1), of(1));
        assert_ne!(of(1).tag, of(2).tag);
        assert_ne!(of(1).salt_tag, of(2).salt_tag);
        assert_ne!(Some(of(1).tag), of(1).salt_tag);
    }
}
