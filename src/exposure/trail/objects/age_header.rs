//! The head of an age file: whom it is sealed for, without opening it.
//!
//! Text by lines ("age-encryption.org/v1", section "The header"): the version,
//! stanzas of `-> KIND ARGUMENTS` and their base64 body, `--- MAC`. A stanza does
//! not say whose it is, but how many there are can be counted.

/// Lines that are looked at.
const MAX_LINES: usize = 2_000;

/// Whom an age file is sealed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgeHeader {
    /// The kind of each stanza, in order; age's own filler is left out.
    pub kinds: Vec<Kind>,
    /// Fillers (`…-grease`), of which age adds one to keep readers honest.
    pub fillers: usize,
}

/// A kind of stanza.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A public key: what pgseal writes.
    X25519,
    /// A passphrase, with its work factor.
    Scrypt(u8),
    /// An SSH key.
    Ssh,
    /// Another; its name, bounded.
    Other(String),
}

impl Kind {
    /// In words.
    pub fn name(&self) -> String {
        match self {
            Self::X25519 => "X25519".into(),
            Self::Scrypt(n) => format!("a passphrase (scrypt, 2^{n})"),
            Self::Ssh => "an SSH key".into(),
            Self::Other(name) => format!("an unknown kind ({name})"),
        }
    }

    fn of(words: &mut std::str::Split<'_, char>) -> Option<Self> {
        Some(match words.next()? {
            "X25519" => Self::X25519,
            "scrypt" => Self::Scrypt(words.nth(1)?.parse().ok()?),
            "ssh-ed25519" | "ssh-rsa" => Self::Ssh,
            other => Self::Other(other.chars().take(40).collect()),
        })
    }
}

/// Reads a header out of the first bytes of a file.
///
/// # Errors
/// Why it is none, or not a whole one.
pub fn read(head: &[u8]) -> Result<AgeHeader, &'static str> {
    let rest = head.strip_prefix(b"age-encryption.org/v1\n").ok_or("it does not begin with the version line of age")?;
    let mut header = AgeHeader { kinds: Vec::new(), fillers: 0 };
    let mut in_body = false;
    for line in rest.split_inclusive(|b| *b == b'\n').take(MAX_LINES) {
        let Some(line) = line.strip_suffix(b"\n") else { return Err("the header is longer than what was read") };
        let line = std::str::from_utf8(line).map_err(|_| "the header is not text")?;
        if let Some(stanza) = line.strip_prefix("-> ").filter(|_| !in_body) {
            match Kind::of(&mut stanza.split(' ')).ok_or("a stanza cannot be read")? {
                Kind::Other(name) if name.ends_with("-grease") => header.fillers += 1,
                kind => header.kinds.push(kind),
            }
            in_body = true;
        } else if in_body {
            let base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
            if line.len() > 64 || !line.bytes().all(base64) {
                return Err("the body of a stanza cannot be read");
            }
            // The last line of a body is a short one.
            in_body = line.len() == 64;
        } else if line.starts_with("--- ") {
            return if header.kinds.is_empty() { Err("it is sealed for nobody") } else { Ok(header) };
        } else {
            return Err("the header cannot be read");
        }
    }
    Err("the header does not end")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use age::secrecy::SecretString;

    use super::*;

    fn sealed(recipients: &[&dyn age::Recipient]) -> Vec<u8> {
        let encryptor = age::Encryptor::with_recipients(recipients.iter().copied()).unwrap();
        let mut out = Vec::new();
        let mut writer = encryptor.wrap_output(&mut out).unwrap();
        writer.write_all(b"plain").unwrap();
        writer.finish().unwrap();
        out
    }

    #[test]
    fn stanzas_of_real_files_are_counted() {
        let keys: Vec<_> = (0..5).map(|_| age::x25519::Identity::generate().to_public()).collect();
        for n in 1..=keys.len() {
            let some: Vec<&dyn age::Recipient> = keys[..n].iter().map(|k| k as _).collect();
            // The filler is random: often enough to meet its forms.
            for _ in 0..50 {
                let header = read(&sealed(&some)).unwrap();
                assert_eq!(header.kinds, vec![Kind::X25519; n]);
                assert!(header.fillers <= 1, "{header:?}");
            }
        }
        let mut word = age::scrypt::Recipient::new(SecretString::from("word".to_owned()));
        word.set_work_factor(2);
        assert_eq!(read(&sealed(&[&word])).unwrap().kinds, [Kind::Scrypt(2)]);
    }

    #[test]
    fn what_is_no_whole_header_is_none() {
        let key = age::x25519::Identity::generate().to_public();
        let file = sealed(&[&key]);
        let end = file.windows(4).position(|w| w == b"--- ").unwrap();
        for cut in 0..=end {
            assert!(read(&file[..cut]).is_err(), "cut at {cut}");
        }
        for bad in [
            &b"age-encryption.org/v1\n--- x\n"[..],
            b"age-encryption.org/v1\n-> X25519 a\n!!\n--- x\n",
            b"age-encryption.org/v1\n-> scrypt a\nb\n--- x\n",
            b"age-encryption.org/v1\n\xff\n",
            b"age-encryption.org/v2\n-> X25519 a\nb\n--- x\n",
        ] {
            assert!(read(bad).is_err(), "{}", bad.escape_ascii());
        }
        let ssh = b"age-encryption.org/v1\n-> ssh-ed25519 a b\nc\n-> plugin a\nc\n--- x\n";
        assert_eq!(read(ssh).unwrap().kinds, [Kind::Ssh, Kind::Other("plugin".into())]);
    }
}
