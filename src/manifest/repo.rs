//! `repo.json`: names a repository for ever.
//!
//! ```json
//! {"format":"pgseal-repository","version":1,"repo_id":"…32 hex…","created":"2026-11-23T03:00:00Z"}
//! ```
//!
//! It is not signed and not trusted: every host pins the id it first saw
//! ([`super::pin`]), and every manifest carries it inside its signed bytes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result, Stage};
use crate::types::RepoId;

/// Largest `repo.json`: 64 KiB.
pub const LIMIT: u64 = 64 * 1024;

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repo {
    /// [`Repo::FORMAT`].
    pub format: String,
    /// [`Repo::VERSION`].
    pub version: u32,
    /// The repository's name.
    pub repo_id: RepoId,
    /// When it was created, by the clock of whoever created it.
    pub created: Timestamp,
}

impl Repo {
    /// Value of `format`.
    pub const FORMAT: &str = "pgseal-repository";
    /// Value of `version`.
    pub const VERSION: u32 = 1;

    /// A new repository.
    pub fn new(random: [u8; 16], now: Timestamp) -> Self {
        // Whole seconds: nobody needs more, and the document stays readable.
        let created = Timestamp::from_second(now.as_second()).unwrap_or(now);
        Self { format: Self::FORMAT.into(), version: Self::VERSION, repo_id: RepoId::new(random), created }
    }

    /// The stored bytes: one line.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec(self)
            .map_err(|e| Error::new(Code::Internal, Stage::Store, "cannot write repo.json").because(e))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads the stored bytes, which come from outside.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        if bytes.len() as u64 > LIMIT {
            return Err(Error::new(Code::Limit, Stage::Store, "larger than 64 KiB").on("repo.json"));
        }
        let corrupt = |e: serde_json::Error| {
            Error::new(Code::Corrupt, Stage::Store, "not the document of a repository")
                .on("repo.json")
                .hint("Restore repo.json from another copy of the store; manifests carry the repository's id.")
                .because(e)
        };
        let head: Head = serde_json::from_slice(bytes).map_err(corrupt)?;
        if head.format != Self::FORMAT {
            return Err(Error::new(Code::RepositoryMissing, Stage::Store, "not a repository of pgseal")
                .on("repo.json")
                .hint("Something else lies at this place; check repository.url."));
        }
        if head.version != Self::VERSION {
            return Err(Error::new(
                Code::Usage,
                Stage::Store,
                format!("the repository has format {}, this pgseal reads format {}", head.version, Self::VERSION),
            )
            .on("repo.json")
            .hint("Use a newer pgseal."));
        }
        serde_json::from_slice(bytes).map_err(corrupt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_round_trips() {
        let repo = Repo::new([0xab; 16], "2026-11-23T03:00:00.5Z".parse().unwrap());
        let bytes = repo.to_bytes().unwrap();
        assert_eq!(
            std::str::from_utf8(&bytes).unwrap(),
            "{\"format\":\"pgseal-repository\",\"version\":1,\"repo_id\":\"abababababababababababababababab\",\
             \"created\":\"2026-11-23T03:00:00Z\"}\n"
        );
        assert_eq!(Repo::parse(&bytes).unwrap(), repo);
    }

    #[test]
    fn other_documents_are_refused() {
        let code = |text: &str| Repo::parse(text.as_bytes()).unwrap_err().code();
        let id = "abababababababababababababababab";
        assert_eq!(code(""), Code::Corrupt);
        assert_eq!(code("{}"), Code::Corrupt);
        assert_eq!(code("{\"format\":\"restic\",\"version\":1}"), Code::RepositoryMissing);
        assert_eq!(code("{\"format\":\"pgseal-repository\",\"version\":2,\"new\":1}"), Code::Usage);
        let with = |id: &str, rest: &str| {
            format!(
                "{{\"format\":\"pgseal-repository\",\"version\":1,\"repo_id\":\"{id}\",\"created\":\"2026-11-23T03:00:00Z\"{rest}}}"
            )
        };
        assert!(Repo::parse(with(id, "").as_bytes()).is_ok());
        assert_eq!(code(&with("ABAB", "")), Code::Corrupt);
        assert_eq!(code(&with(id, ",\"extra\":1")), Code::Corrupt);
        assert_eq!(code(&with(id, ",\"version\":1")), Code::Corrupt);
        assert_eq!(Repo::parse(&vec![b' '; 70_000]).unwrap_err().code(), Code::Limit);
    }
}
