//! PostgreSQL's own programs, of the server's major version.
//!
//! Programs of another major fail in odd ways: pg_dump refuses a newer server,
//! an older pg_verifybackup a newer manifest, a newer one reads pg_control
//! wrongly. So the same major is required.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Code, Error, Result, Stage};
use crate::process::{Stdout, Tool};

/// The program that shows which major a directory holds.
const MARK: &str = "pg_dump";

/// A directory with the programs of one major.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PgBin {
    dir: PathBuf,
    major: u32,
}

impl PgBin {
    /// Finds the programs of `major`: in `configured` alone where it is given,
    /// else `/usr/lib/postgresql/MAJOR/bin`, `/usr/pgsql-MAJOR/bin`, what a
    /// `pg_config` on `PATH` names, and `PATH` itself.
    ///
    /// # Errors
    /// Source unusable (22) where there is none of that major; usage (2) where
    /// others could replace the programs.
    pub fn find(configured: Option<&Path>, major: u32) -> Result<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self::find_in(configured, major, &std::env::split_paths(&path).collect::<Vec<_>>())
    }

    fn find_in(configured: Option<&Path>, major: u32, path: &[PathBuf]) -> Result<Self> {
        let mut dirs: Vec<PathBuf> = Vec::new();
        if let Some(dir) = configured {
            dirs.push(dir.to_owned());
        } else {
            dirs.push(format!("/usr/lib/postgresql/{major}/bin").into());
            dirs.push(format!("/usr/pgsql-{major}/bin").into());
            let absolute = || path.iter().filter(|d| d.is_absolute());
            if let Some(config) = absolute().map(|d| d.join("pg_config")).find(|p| p.is_file())
                && check_owner(&config).is_ok()
            {
                dirs.extend(first_line(&config, "--bindir").map(PathBuf::from).filter(|p| p.is_absolute()));
            }
            dirs.extend(absolute().cloned());
        }
        let mut seen = Vec::new();
        for dir in &dirs {
            let Ok(program) = dir.join(MARK).canonicalize() else { continue };
            check_owner(&program)?;
            // Debian's /usr/bin/pg_dump is a wrapper that picks a version by itself.
            if program.file_name() != Some(MARK.as_ref()) {
                continue;
            }
            match first_line(&program, "--version").as_deref().and_then(major_of) {
                Some(found) if found == major => {
                    let dir = program.parent().unwrap_or(dir).to_owned();
                    check_owner(&dir)?;
                    return Ok(Self { dir, major });
                }
                Some(found) => seen.push(format!("{} has {found}", dir.display())),
                None => seen.push(format!("{} gives no version", program.display())),
            }
        }
        let message = if seen.is_empty() {
            format!("no PostgreSQL {major} client programs found")
        } else {
            format!("no PostgreSQL {major} client programs found ({})", seen.join(", "))
        };
        let looked: Vec<String> = dirs.iter().map(|d| d.display().to_string()).collect();
        Err(Error::new(Code::SourceUnusable, Stage::Source, message).on(looked.join(":")).hint(format!(
            "Install them (Debian: postgresql-client-{major}) or set tools.pg_bindir to their directory."
        )))
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The major.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// A program of the directory, by absolute path, checked for its owner.
    pub fn tool(&self, name: &str) -> Result<Tool> {
        let program = self.dir.join(name);
        if !program.is_file() {
            return Err(Error::new(Code::SourceUnusable, Stage::Source, "the program is missing")
                .on(program.display().to_string())
                .hint(format!("Install PostgreSQL {} completely, with its server programs.", self.major)));
        }
        check_owner(&program)?;
        Ok(Tool::new(program))
    }

    /// What `NAME --version` prints: `pg_dump (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)`.
    pub async fn version_line(&self, name: &str) -> Result<String> {
        let child = self.tool(name)?.arg("--version").stdout(Stdout::Piped).spawn().await?;
        let (exit, out) = tokio::time::timeout(Duration::from_secs(30), child.output(4096))
            .await
            .map_err(|_| Error::new(Code::SourceUnusable, Stage::Source, "--version gives no answer").on(name))??;
        exit.success(Code::SourceUnusable, Stage::Source)?;
        let line = String::from_utf8_lossy(&out).trim().to_owned();
        if major_of(&line) == Some(self.major) {
            Ok(line)
        } else {
            Err(Error::new(Code::SourceUnusable, Stage::Source, format!("is not of version {}", self.major)).on(name))
        }
    }
}

/// `15` of `pg_dump (PostgreSQL) 15.13 (Debian …)`, `19` of `… 19devel`.
fn major_of(line: &str) -> Option<u32> {
    let version = line.split_once("(PostgreSQL) ")?.1;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// First line of a program's output; it is run with an empty environment.
fn first_line(program: &Path, arg: &str) -> Option<String> {
    let out = std::process::Command::new(program)
        .arg(arg)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C")
        .stdin(std::process::Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&out.stdout);
    out.status.success().then(|| text.lines().next().unwrap_or("").trim().to_owned())
}

/// A program runs with the database's password: nobody but root and us may be able to replace it.
fn check_owner(path: &Path) -> Result<()> {
    let fault = |what: String| {
        Error::usage(what).on(path.display().to_string()).hint("Only root or the user of pgseal may own and write it.")
    };
    let meta = std::fs::metadata(path).map_err(|e| fault("cannot look at the program".into()).because(e))?;
    if meta.mode() & 0o022 != 0 {
        return Err(fault(format!("others may write it (mode {:04o})", meta.mode() & 0o7777)));
    }
    if meta.uid() != 0 && meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(fault(format!("belongs to another user (uid {})", meta.uid())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// A directory with a pg_dump that claims `version`.
    fn fake(version: &str, mode: u32) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join(MARK);
        std::fs::write(&program, format!("#!/bin/sh\necho 'pg_dump (PostgreSQL) {version}'\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(mode)).unwrap();
        dir
    }

    #[test]
    fn majors_are_read() {
        assert_eq!(major_of("pg_dump (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)"), Some(15));
        assert_eq!(major_of("pg_dump (PostgreSQL) 19devel"), Some(19));
        assert_eq!(major_of("pg_dump 15"), None);
    }

    #[test]
    fn only_the_same_major_will_do() {
        let dir = fake("16.2", 0o755);
        let e = PgBin::find(Some(dir.path()), 15).unwrap_err();
        assert_eq!(e.code(), Code::SourceUnusable);
        assert!(e.to_string().contains("has 16"), "{e}");
        assert_eq!(PgBin::find(Some(dir.path()), 16).unwrap().major(), 16);
    }

    #[test]
    fn the_path_is_searched_last() {
        let dir = fake("99.1", 0o755);
        let found = PgBin::find_in(None, 99, &["relative".into(), dir.path().to_owned()]).unwrap();
        assert_eq!(found.dir(), dir.path().canonicalize().unwrap());
        assert_eq!(PgBin::find_in(None, 98, &[]).unwrap_err().code(), Code::SourceUnusable);
    }

    #[test]
    fn programs_that_others_may_replace_are_refused() {
        let dir = fake("15.1", 0o775);
        let e = PgBin::find(Some(dir.path()), 15).unwrap_err();
        assert_eq!(e.code(), Code::Usage);
        assert!(e.to_string().contains("0775"), "{e}");
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let dir = fake("15.1", 0o755);
        let bin = PgBin::find(Some(dir.path()), 15).unwrap();
        assert_eq!(bin.version_line("pg_dump").await.unwrap(), "pg_dump (PostgreSQL) 15.1");
        assert_eq!(bin.tool("pg_restore").unwrap_err().code(), Code::SourceUnusable);
    }
}
