//! Whom a backup is sealed for: age X25519 recipients, `age1…`, public.

use age::x25519::Recipient;

use crate::error::{Code, Error, Result, Stage};
use crate::types::{Digest, shown};

/// At least one age recipient.
#[derive(Clone)]
pub struct Recipients {
    all: Vec<(Recipient, String)>,
}

impl Recipients {
    /// Parses recipients. At least one; no duplicates; X25519 only.
    ///
    /// A secret key given by mistake is refused without being repeated.
    pub fn parse(texts: &[String]) -> Result<Self> {
        let mut all: Vec<(Recipient, String)> = Vec::with_capacity(texts.len());
        for (n, text) in texts.iter().enumerate() {
            let nth = format!("recipient {}", n + 1);
            if looks_secret(text) {
                return Err(refused("this is a secret key, not a recipient").on(nth).hint(
                    "Take it out of here at once: with it on this host every backup can be read. Put its public \
                     recipient (age1…, shown by `age-keygen -y`) here, and consider the key as leaked.",
                ));
            }
            let recipient: Recipient = text.parse().map_err(|reason: &str| {
                refused(format!("{}: not an age X25519 recipient ({reason})", shown(&shorten(text))))
                    .on(nth.clone())
                    .hint("A recipient starts with age1 and comes from `pgseal keygen identity` or age-keygen.")
            })?;
            let canonical = recipient.to_string();
            if all.iter().any(|(_, t)| *t == canonical) {
                return Err(refused(format!("{canonical} is listed twice"))
                    .on(nth)
                    .hint("Remove one; a second recipient is only of use when it is another key."));
            }
            all.push((recipient, canonical));
        }
        if all.is_empty() {
            return Err(refused("there is no recipient to seal the backup for").hint(
                "Set keys.recipients; `pgseal keygen identity -o FILE` makes an identity and prints its recipient.",
            ));
        }
        Ok(Self { all })
    }

    /// How many.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// `x25519:` and 16 hexadecimal digits of each recipient's SHA-256: what a
    /// manifest tells about recipients, because a recipient that the store does
    /// not know cannot be used there to make files that look like ours.
    pub fn short_ids(&self) -> Vec<String> {
        self.all.iter().map(|(_, text)| short_id(text)).collect()
    }

    /// For `age::Encryptor`.
    pub fn iter(&self) -> impl Iterator<Item = &dyn age::Recipient> {
        self.all.iter().map(|(r, _)| r as &dyn age::Recipient)
    }
}

impl std::fmt::Debug for Recipients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Recipients").field(&self.short_ids()).finish()
    }
}

/// The short id of a recipient in its canonical text form.
pub(super) fn short_id(recipient: &str) -> String {
    format!("x25519:{}", Digest::of(recipient.as_bytes()).short())
}

/// Bech32 allows all-upper and all-lower case; a mixed-case typo is still a secret.
fn looks_secret(text: &str) -> bool {
    text.to_ascii_uppercase().contains("AGE-SECRET-KEY-") || text.to_ascii_uppercase().contains("AGE-PLUGIN-")
}

fn shorten(text: &str) -> String {
    if text.chars().count() > 24 { text.chars().take(20).chain("…".chars()).collect() } else { text.to_owned() }
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(Code::Usage, Stage::Keys, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Identities;

    const ONE: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

    fn parse(texts: &[&str]) -> Result<Recipients> {
        Recipients::parse(&texts.iter().map(|&t| t.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn recipients_are_parsed_and_named_by_hash() {
        let (_, other) = Identities::generate();
        let r = parse(&[ONE, &other]).unwrap();
        assert_eq!((r.len(), r.iter().count()), (2, 2));
        // printf %s age1… | sha256sum | cut -c1-16
        assert_eq!(r.short_ids()[0], format!("x25519:{}", Digest::of(ONE.as_bytes()).short()));
        assert!(!format!("{r:?}").contains("age1"));
    }

    #[test]
    fn wrong_lists_are_refused() {
        let said = |texts: &[&str]| parse(texts).unwrap_err().to_string();
        assert!(said(&[]).contains("there is no recipient"));
        assert!(said(&[ONE, ONE]).contains("listed twice"));
        assert!(said(&["age1abc"]).contains("not an age X25519 recipient"));
        assert!(said(&["ssh-ed25519 AAAA"]).contains("not an age X25519 recipient"));
        assert!(said(&[""]).contains("not an age X25519 recipient"));
    }

    #[test]
    fn a_secret_key_is_refused_and_not_repeated() {
        let (secret, _) = Identities::generate();
        for text in [secret.as_str(), &secret.to_lowercase(), &format!(" {}", *secret), "AGE-SECRET-KEY-PQ-1XYZ"] {
            let e = parse(&[text]).unwrap_err();
            assert!(e.text().contains("secret key"), "{e:?}");
            assert!(!format!("{e:?}").to_uppercase().contains(&text.trim().to_uppercase()[..20]), "{e:?}");
        }
    }
}
