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

/// How long a program may take to say its version. A wrapper may be slow, but
/// one that hangs must not hang a backup.
const PATIENCE: Duration = Duration::from_secs(30);

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
    pub async fn find(configured: Option<&Path>, major: u32) -> Result<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path: Vec<PathBuf> = std::env::split_paths(&path).collect();
        Self::find_in(configured, major, &path, PATIENCE).await
    }

    async fn find_in(configured: Option<&Path>, major: u32, path: &[PathBuf], patience: Duration) -> Result<Self> {
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
                let said = first_line(&config, "--bindir", patience).await.ok();
                dirs.extend(said.map(PathBuf::from).filter(|p| p.is_absolute()));
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
            match first_line(&program, "--version", patience).await.map(|line| major_of(&line)) {
                Ok(Some(found)) if found == major => {
                    let dir = program.parent().unwrap_or(dir).to_owned();
                    check_owner(&dir)?;
                    return Ok(Self { dir, major });
                }
                Ok(Some(found)) => seen.push(format!("{} has {found}", dir.display())),
                Ok(None) => seen.push(format!("{} gives no version", program.display())),
                Err(e) => seen.push(format!("{} --version {}", program.display(), e.text())),
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
        let line = answer(self.tool(name)?.arg("--version"), PATIENCE).await.map_err(|e| e.on(name))?;
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

/// First line of what a program says to `arg`.
async fn first_line(program: &Path, arg: &str, patience: Duration) -> Result<String> {
    let text = answer(Tool::new(program).arg(arg), patience).await?;
    Ok(text.lines().next().unwrap_or("").trim().to_owned())
}

/// What a program prints; it is ended, with what it started, when it takes too long.
async fn answer(tool: Tool, patience: Duration) -> Result<String> {
    let asked = async {
        let (exit, out) = tool.stdout(Stdout::Piped).spawn().await?.output(4096).await?;
        exit.success(Code::SourceUnusable, Stage::Source)?;
        Ok(String::from_utf8_lossy(&out).trim().to_owned())
    };
    tokio::time::timeout(patience, asked).await.unwrap_or_else(|_| {
        let message = format!("gave no answer within {} s", patience.as_secs());
        Err(Error::new(Code::SourceUnusable, Stage::Source, message)
            .hint("Set tools.pg_bindir to the directory of the programs themselves, not of wrappers."))
    })
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

    #[tokio::test]
    async fn only_the_same_major_will_do() {
        let dir = fake("16.2", 0o755);
        let e = PgBin::find(Some(dir.path()), 15).await.unwrap_err();
        assert_eq!(e.code(), Code::SourceUnusable);
        assert!(e.to_string().contains("has 16"), "{e}");
        assert_eq!(PgBin::find(Some(dir.path()), 16).await.unwrap().major(), 16);
    }

    #[tokio::test]
    async fn the_path_is_searched_last() {
        let dir = fake("99.1", 0o755);
        let found = PgBin::find_in(None, 99, &["relative".into(), dir.path().to_owned()], PATIENCE).await.unwrap();
        assert_eq!(found.dir(), dir.path().canonicalize().unwrap());
        assert_eq!(PgBin::find_in(None, 98, &[], PATIENCE).await.unwrap_err().code(), Code::SourceUnusable);
    }

    #[tokio::test]
    async fn a_wrapper_that_hangs_is_given_up_and_ended() {
        let dir = fake("15.1", 0o755);
        let (program, mark) = (dir.path().join(MARK), dir.path().join("pid"));
        // What the wrapper started holds its output open, too.
        let script = format!("#!/bin/sh\nsleep 1000 &\necho $! > {}\nwait\n", mark.display());
        std::fs::write(&program, script).unwrap();
        // Long enough for the shell to start even on a busy machine.
        let e = PgBin::find_in(Some(dir.path()), 15, &[], Duration::from_secs(2)).await.unwrap_err();
        assert_eq!(e.code(), Code::SourceUnusable);
        assert!(e.to_string().ends_with("pg_dump --version gave no answer within 2 s)"), "{e}");
        assert!(e.next_step().is_some_and(|h| h.contains("tools.pg_bindir")), "{e:?}");
        let pid = std::fs::read_to_string(mark).unwrap();
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        let alive = || !state().is_empty() && !state().contains(") Z ");
        let give_up = std::time::Instant::now() + Duration::from_secs(10);
        while alive() {
            assert!(std::time::Instant::now() < give_up, "the wrapper's child lives on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // One of several places that hangs does not hide the one that answers.
        let good = fake("99.1", 0o755);
        let path = [dir.path().to_owned(), good.path().to_owned()];
        let found = PgBin::find_in(None, 99, &path, Duration::from_secs(2)).await.unwrap();
        assert_eq!(found.dir(), good.path().canonicalize().unwrap());
    }

    #[tokio::test]
    async fn programs_that_others_may_replace_are_refused() {
        let dir = fake("15.1", 0o775);
        let e = PgBin::find(Some(dir.path()), 15).await.unwrap_err();
        assert_eq!(e.code(), Code::Usage);
        assert!(e.to_string().contains("0775"), "{e}");
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let dir = fake("15.1", 0o755);
        let bin = PgBin::find(Some(dir.path()), 15).await.unwrap();
        assert_eq!(bin.version_line("pg_dump").await.unwrap(), "pg_dump (PostgreSQL) 15.1");
        assert_eq!(bin.tool("pg_restore").unwrap_err().code(), Code::SourceUnusable);
    }
}
