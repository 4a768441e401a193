//! The connection service file (PostgreSQL manual, "The Connection Service File").

use std::path::{Path, PathBuf};

use super::conninfo::{Options, is_known, is_space};
use crate::error::{Error, Result, Stage};

/// Largest service file read, bytes.
const LIMIT: u64 = 1024 * 1024;

/// Where Debian's and most other packages look when `PGSYSCONFDIR` is unset.
const SYSTEM_DIRS: [&str; 3] = ["/etc/postgresql-common", "/etc/sysconfig/pgsql", "/etc"];

/// Adds the parameters of service `name` to `options` where they are not set.
///
/// `PGSERVICEFILE` (or `servicefile=`), else `~/.pg_service.conf`, then `pg_service.conf` in
/// `PGSYSCONFDIR`; the first that has the service wins.
pub fn apply(
    name: &str,
    explicit: Option<&Path>,
    home: Option<&Path>,
    sysconfdir: Option<&Path>,
    options: &mut Options,
) -> Result<()> {
    let mut files: Vec<PathBuf> = Vec::new();
    match explicit {
        Some(path) if !path.exists() => {
            return Err(Error::usage("the service file does not exist").on(path.display().to_string()));
        }
        Some(path) => files.push(path.to_owned()),
        None => files.extend(home.map(|h| h.join(".pg_service.conf"))),
    }
    match sysconfdir {
        Some(dir) => files.push(dir.join("pg_service.conf")),
        None => files.extend(SYSTEM_DIRS.iter().map(|d| Path::new(d).join("pg_service.conf"))),
    }
    for file in files.iter().filter(|f| f.exists()) {
        if section(file, name, options)? {
            return Ok(());
        }
    }
    Err(Error::usage("there is no such service")
        .on(format!("service={name}"))
        .hint("Services are read from PGSERVICEFILE or ~/.pg_service.conf, then pg_service.conf in PGSYSCONFDIR."))
}

/// Reads the section; whether it was there.
fn section(file: &Path, name: &str, options: &mut Options) -> Result<bool> {
    let at = |n: usize| format!("{}:{n}", file.display());
    // It decides which server is meant, and who gets the password.
    let text = crate::keys::read_public(file, LIMIT).map_err(|e| e.at(Stage::Source))?;
    let text = String::from_utf8(text).map_err(|_| Error::usage("is not UTF-8").on(file.display().to_string()))?;
    let mut inside = false;
    for (n, line) in text.lines().enumerate() {
        let line = line.trim_matches(is_space);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            if inside {
                return Ok(true);
            }
            inside = rest.strip_suffix(']') == Some(name);
            continue;
        }
        if !inside {
            continue;
        }
        if line.starts_with("ldap") {
            return Err(Error::usage("services in LDAP are not supported").on(at(n + 1)));
        }
        let Some((key, value)) = line.split_once('=') else {
            return Err(Error::usage("\"=\" is missing in the service file").on(at(n + 1)));
        };
        if key == "service" || key == "servicefile" {
            return Err(Error::usage("a service cannot name another one").on(at(n + 1)));
        }
        if !is_known(key) {
            return Err(Error::usage(format!("there is no connection parameter \"{key}\"")).on(at(n + 1)));
        }
        options.entry(key.to_owned()).or_insert_with(|| value.to_owned());
    }
    Ok(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str, name: &str) -> Result<Options> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("s");
        std::fs::write(&file, body).unwrap();
        let mut o = Options::from([("user".to_owned(), "given".to_owned())]);
        apply(name, Some(&file), None, Some(dir.path()), &mut o)?;
        Ok(o)
    }

    #[test]
    fn the_first_section_of_that_name_fills_what_is_unset() {
        let o = read("# c\n[x]\nhost=a\n\n[y]\n  host=/tmp\nuser=u\n port=5\n[y]\nhost=late\n", "y").unwrap();
        assert_eq!((o["host"].as_str(), o["user"].as_str(), o["port"].as_str()), ("/tmp", "given", "5"));
    }

    #[test]
    fn faults_in_the_file_are_named() {
        for (body, said) in [
            ("[x]\nhost=a", "no such service"),
            ("[y]\nhost", "\"=\" is missing"),
            ("[y]\nhost = a", "no connection parameter \"host \""),
            ("[y]\nservice=z", "cannot name another"),
            ("[y]\nldap://x", "LDAP"),
        ] {
            let e = read(body, "y").unwrap_err();
            assert!(e.to_string().contains(said), "{body}: {e}");
        }
        let mut o = Options::new();
        let e = apply("y", Some(Path::new("/nonexistent/f")), None, None, &mut o).unwrap_err();
        assert!(e.to_string().contains("does not exist"), "{e}");
    }
}
