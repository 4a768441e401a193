//! From `repository.url` to a store.

use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use super::fs::FileStore;
use super::retry::{Policy, Retrying};
use super::s3::S3Store;
use super::{Key, SharedStore};
use crate::config::schema::Repository;
use crate::error::{Error, Result};
use crate::types::event::Progress;
use crate::types::shown;

/// What a repository's URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Directory(PathBuf),
    Bucket { bucket: String, prefix: String },
}

/// Opens the configured repository; calls are repeated as [`Retrying`] does.
///
/// No request goes to S3 yet. [`crate::Code::RepositoryMissing`] for a directory that
/// is not there, [`crate::Code::Usage`] for a URL that is none of ours.
pub async fn open(repository: &Repository, progress: Progress) -> Result<SharedStore> {
    make(repository, progress, false).await
}

/// The same for `init`: a missing directory is created with mode 0700. Buckets
/// are never created; that is the operator's act, with the policy that belongs to it.
pub async fn create(repository: &Repository, progress: Progress) -> Result<SharedStore> {
    make(repository, progress, true).await
}

async fn make(repository: &Repository, progress: Progress, create: bool) -> Result<SharedStore> {
    let policy = Policy { deadline: repository.retry_for, ..Policy::default() };
    match parse(&repository.url)? {
        Place::Directory(root) => {
            let opened = if create { FileStore::create(&root) } else { FileStore::open(&root) };
            let store = opened.map_err(|e| e.about(root.display()))?;
            Ok(Arc::new(Retrying::new(store, progress, policy)))
        }
        Place::Bucket { bucket, prefix } => {
            let store = S3Store::open(&bucket, &prefix, &repository.s3).await?;
            Ok(Arc::new(Retrying::new(store, progress, policy)))
        }
    }
}

/// The directory that a repository's URL names; `None` where it names none.
pub fn directory(url: &str) -> Option<PathBuf> {
    match parse(url) {
        Ok(Place::Directory(path)) => Some(path),
        _ => None,
    }
}

pub(super) fn parse(url: &str) -> Result<Place> {
    let wrong = |why: &str| {
        Error::usage(why).on("repository.url").hint("Write it like file:///var/lib/pgseal or s3://bucket/prefix.")
    };
    if url.is_empty() {
        return Err(wrong("no repository is configured"));
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(wrong("not a URL"));
    };
    // Before anything else, and without repeating the URL: it may hold a password.
    if rest.split('/').next().unwrap_or_default().contains('@') {
        return Err(wrong("the URL holds a credential")
            .hint("Give the credential in the environment or in a profile of the AWS configuration files."));
    }
    if rest.contains(['?', '#']) {
        return Err(wrong("the URL has a query or a fragment, which no setting is read from"));
    }
    match scheme {
        "file" => {
            if !rest.starts_with('/') {
                return Err(wrong("a file URL needs an absolute path, after three slashes"));
            }
            let path: Vec<u8> = percent_encoding::percent_decode_str(rest).collect();
            if path.contains(&0) {
                return Err(wrong("the path holds a NUL character"));
            }
            Ok(Place::Directory(PathBuf::from(std::ffi::OsString::from_vec(path))))
        }
        "s3" => {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
            // "Bucket naming rules" of the S3 user guide, and capitals and underscores of older servers.
            let plain = (3..=255).contains(&bucket.len())
                && bucket.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
                && bucket.starts_with(|c: char| c.is_ascii_alphanumeric());
            if !plain {
                return Err(wrong("not the name of a bucket"));
            }
            if !prefix.is_empty() {
                Key::parse(prefix)
                    .map_err(|_| wrong("the prefix holds other characters than letters, digits, / . _ -"))?;
            }
            Ok(Place::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
        }
        _ => Err(wrong(&format!("no such kind of store: {}", shown(&scheme.chars().take(20).collect::<String>())))),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::error::Code;
    use crate::types::Silent;

    #[test]
    fn urls() {
        let bucket = |b: &str, p: &str| Place::Bucket { bucket: b.into(), prefix: p.into() };
        assert_eq!(parse("file:///var/lib/pg%20seal").unwrap(), Place::Directory("/var/lib/pg seal".into()));
        assert_eq!(parse("s3://acme-backups/pg/prod/").unwrap(), bucket("acme-backups", "pg/prod"));
        assert_eq!(parse("s3://acme").unwrap(), bucket("acme", ""));
        assert_eq!(parse("s3://acme/").unwrap(), bucket("acme", ""));
        for bad in [
            "",
            "/var/lib",
            "file://relative",
            "file://host/x",
            "file:///a%00b",
            "s3://",
            "s3://ab",
            "s3:///x",
            "s3://a_b c",
            "s3://acme//x",
            "s3://acme/../x",
            "s3://acme/x?region=y",
            "https://acme",
            "gs://acme",
        ] {
            let e = parse(bad).unwrap_err();
            assert_eq!(e.code(), Code::Usage, "{bad}");
            assert!(e.next_step().is_some(), "{bad}");
        }
    }

    #[test]
    fn a_credential_is_refused_and_not_repeated() {
        for url in ["s3://AKIA:geheim@bucket/x", "file://geheim@/x"] {
            let e = parse(url).unwrap_err();
            assert!(!format!("{e:?}").contains("geheim"), "{e:?}");
            assert!(e.text().contains("credential"), "{e}");
        }
    }

    #[tokio::test]
    async fn a_missing_directory_is_named_and_init_creates_it() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("file://{}/a/b", dir.path().display());
        let repository = Repository { url, ..Repository::default() };
        let e = open(&repository, Arc::new(Silent)).await.unwrap_err();
        assert_eq!(e.code(), Code::RepositoryMissing);
        create(&repository, Arc::new(Silent)).await.unwrap();
        open(&repository, Arc::new(Silent)).await.unwrap();
        let mode = std::fs::metadata(dir.path().join("a/b")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
