//! One run's files in a directory: all under one stem, each complete or not
//! there, none overwritten, closed to other users (0600): even without names a
//! report tells much about a database.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::error::{Code, Error, Result, Stage};
use crate::report::Format;
use crate::report::signed::Signed;

/// Makes the directory of a run's files where it is missing, and tries that it, and the
/// one of the metrics, can be written into: before the work, not after it, for a report
/// that cannot be written is no report.
///
/// # Errors
/// 2 where one of them cannot.
pub fn ready(dir: Option<&Path>, metrics: Option<&Path>) -> Result<()> {
    let cannot = |dir: &Path, e: std::io::Error| {
        Error::new(Code::Usage, Stage::Report, "cannot write into this directory")
            .on(dir.display().to_string())
            .because(e)
    };
    if let Some(dir) = dir {
        std::fs::create_dir_all(dir).map_err(|e| cannot(dir, e))?;
    }
    for dir in dir.into_iter().chain(metrics.map(dir_of)) {
        tempfile::tempfile_in(dir).map_err(|e| cannot(dir, e))?;
    }
    Ok(())
}

/// Writes every form that `render` gives of a report. One that cannot be written
/// does not keep the others back.
pub fn write_all(
    dir: &Path,
    stem: &str,
    evidence: &Signed,
    render: impl Fn(Format) -> Option<Result<Vec<u8>>>,
) -> (Vec<PathBuf>, Vec<Error>) {
    let (mut written, mut errors) = (Vec::new(), Vec::new());
    let mut put = |extension: &str, bytes: Result<Vec<u8>>| {
        let path = dir.join(format!("{stem}.{extension}"));
        match bytes.and_then(|b| write(&path, &b)) {
            Ok(()) => written.push(path),
            Err(e) => errors.push(e),
        }
    };
    // The signature first: a report without one is never seen.
    put("json.sig", Ok(evidence.signature.clone().into_bytes()));
    put("json", Ok(evidence.bytes.clone()));
    for format in Format::ALL.into_iter().filter(|f| *f != Format::Json) {
        if let Some(bytes) = render(format) {
            put(format.extension(), bytes);
        }
    }
    (written, errors)
}

/// Writes a new file of mode 0600 in one step.
///
/// # Errors
/// 2 where it exists or cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let put = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(dir_of(path))?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path)?;
        Ok(())
    };
    put().map_err(|e| {
        let wrong = |what: &str| Error::new(Code::Usage, Stage::Report, what).on(path.display().to_string());
        if e.kind() == std::io::ErrorKind::AlreadyExists {
            wrong("the file exists already").hint("Reports are never overwritten; choose another place.")
        } else {
            wrong("cannot write the file").because(e)
        }
    })
}

/// Replaces a file that others may read (0644) in one step: the collector of
/// Prometheus runs as its own user and reads at any time.
///
/// # Errors
/// 2 where it cannot be written.
pub fn replace_public(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let put = || -> std::io::Result<()> {
        // The collector reads *.prom: not what is still being written.
        let mut file = tempfile::Builder::new().prefix(".pgseal").suffix(".new").tempfile_in(dir_of(path))?;
        file.write_all(bytes)?;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    put().map_err(|e| {
        Error::new(Code::Usage, Stage::Report, "cannot write the metrics").on(path.display().to_string()).because(e)
    })
}

/// The directory in which a file lies or will lie.
pub fn dir_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
