//! Names that become part of an object key: short, plain, never chosen by a
//! database user.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(s: String) -> Result<Self, String> {
                s.parse()
            }
        }

        impl From<$name> for String {
            fn from(v: $name) -> Self {
                v.0
            }
        }
    };
}

text_id!(
    /// The operator's slug of a source: `[a-z0-9][a-z0-9-]{0,39}`.
    SourceName
);

impl FromStr for SourceName {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let ok = (1..=40).contains(&s.len())
            && !s.starts_with('-')
            && s.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if ok {
            Ok(Self(s.to_owned()))
        } else {
            Err("a source name is 1 to 40 of a-z, 0-9 and '-', and starts with a letter or digit".into())
        }
    }
}

text_id!(
    /// `20261123T030000Z-` and 16 random hexadecimal digits. Sorts by time.
    BackupId
);

impl BackupId {
    /// A new id for a backup started at `now`.
    pub fn new(now: Timestamp, random: [u8; 8]) -> Self {
        Self(format!("{}-{}", Self::second(now), hex::encode(random)))
    }

    fn second(at: Timestamp) -> String {
        at.strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    /// Whether it names this second.
    pub fn is_of(&self, at: Timestamp) -> bool {
        self.0.split_once('-').is_some_and(|(second, _)| second == Self::second(at))
    }
}

impl FromStr for BackupId {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let b = s.as_bytes();
        let ok = b.len() == 33
            && b[8] == b'T'
            && b[15] == b'Z'
            && b[16] == b'-'
            && b[..8].iter().chain(&b[9..15]).all(u8::is_ascii_digit)
            && b[17..].iter().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        if ok { Ok(Self(s.to_owned())) } else { Err("a backup id looks like 20261123T030000Z-0123456789abcdef".into()) }
    }
}

text_id!(
    /// 128 random bits in hexadecimal; names one repository for ever.
    RepoId
);

impl RepoId {
    /// From 16 random bytes.
    pub fn new(random: [u8; 16]) -> Self {
        Self(hex::encode(random))
    }
}

impl FromStr for RepoId {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        if s.len() == 32 && s.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Self(s.to_owned()))
        } else {
            Err("a repository id is 32 lower-case hexadecimal digits".into())
        }
    }
}

/// `N` bytes from the operating system's generator.
pub fn random_bytes<const N: usize>() -> crate::Result<[u8; N]> {
    let mut out = [0u8; N];
    getrandom::fill(&mut out)
        .map_err(|e| crate::Error::internal(format!("no random numbers from the operating system: {e}")))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_names() {
        for good in ["shop", "a", "0-9", &"a".repeat(40)] {
            assert!(good.parse::<SourceName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "Shop", "a/b", "a.b", "a b", &"a".repeat(41), "é"] {
            assert!(bad.parse::<SourceName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn backup_ids_round_trip() {
        let t: Timestamp = "2026-11-23T03:00:00Z".parse().unwrap();
        let id = BackupId::new(t, [0xab; 8]);
        assert_eq!(id.as_str(), "20261123T030000Z-abababababababab");
        assert_eq!(id.as_str().parse::<BackupId>().unwrap(), id);
        assert!(id.is_of(t) && id.is_of(t + jiff::SignedDuration::from_millis(999)));
        assert!(
            !id.is_of(t - jiff::SignedDuration::from_millis(1)) && !id.is_of(t + jiff::SignedDuration::from_secs(1))
        );
        for bad in ["", "20261123T030000Z-ABABABABABABABAB", "20261123T030000Z-abababababababa", "../../etc"] {
            assert!(bad.parse::<BackupId>().is_err(), "{bad}");
        }
    }
}
