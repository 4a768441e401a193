//! ISO-002 and ISO-003: what the server reads its configuration from, links,
//! and where its files lie.

use std::path::{Path, PathBuf};

use super::{Rule, Seen, Target, processes};
use crate::config::schema::Isolation;
use crate::scratch::conn;
use crate::sys::plain_file::{self, Unreadable};
use crate::types::text::first_of;

/// ISO-002.
pub const CONFIGURATION: Rule = Rule {
    id: "ISO-002",
    title: "it reads our configuration alone, follows no signal file, and no link leaves its directory",
    from: Isolation::I1,
};

/// ISO-003.
pub const PLACE: Rule =
    Rule { id: "ISO-003", title: "its files lie in its own directory, in no other server's", from: Isolation::I1 };

/// Largest `postgresql.auto.conf` that is read, bytes.
const AUTO_LIMIT: u64 = 4 * 1024 * 1024;

/// Most names that evidence lists.
const NAMED: usize = 8;

pub(super) async fn look(t: Target<'_>) -> (Seen, Seen) {
    let read = settings_files(t).await;
    let (scratch, data, pid) = (t.scratch.to_owned(), t.data_dir.to_owned(), t.pid);
    let found = tokio::task::spawn_blocking(move || {
        let found = walk(&scratch, &data)?;
        Ok::<_, String>((found, strange_signals(&data)?, place(&scratch, &data, pid)))
    });
    let (found, signals, place) = match found.await {
        Ok(Ok(found)) => found,
        Ok(Err(why)) => return (Seen::blind(&why), Seen::Blind(why)),
        Err(e) => return (Seen::blind(e.to_string()), Seen::Blind(e.to_string())),
    };
    let configuration = match read {
        Err(why) => Seen::Blind(why),
        Ok(foreign) => {
            let bad: Vec<String> = foreign.into_iter().chain(signals).chain(found.leaving).collect();
            let good = format!("one configuration file, no signal file, {} files and no link outside", found.files);
            if bad.is_empty() { Seen::Good(good) } else { Seen::Bad(first_of(&bad, NAMED)) }
        }
    };
    let place = match place {
        Err(why) => Seen::Blind(why),
        Ok(mut bad) => {
            bad.extend(found.tablespaces_outside);
            let good = format!("{} tablespaces, all inside; no other server's directory", found.tablespaces);
            if bad.is_empty() { Seen::Good(good) } else { Seen::Bad(first_of(&bad, NAMED)) }
        }
    };
    (configuration, place)
}

/// Files that settings come from, other than the one we wrote.
async fn settings_files(t: Target<'_>) -> Result<Vec<String>, String> {
    let sql = "select current_setting('data_directory'), current_setting('config_file'), current_setting('hba_file'), \
               current_setting('ident_file'), \
               (select coalesce(array_agg(distinct sourcefile), '{}')::text[] from pg_catalog.pg_file_settings \
                 where sourcefile is not null)";
    let row = t.client.query_one(sql, &[]).await.map_err(|e| conn::reduced(&e))?;
    let text = |i: usize| row.try_get::<_, String>(i).map_err(|e| conn::reduced(&e));
    let (data, config) = (PathBuf::from(text(0)?), text(1)?);
    let mut foreign: Vec<String> = Vec::new();
    for i in 1..=3 {
        let file = text(i)?;
        // What lies in PGDATA came with the backup.
        if Path::new(&file).starts_with(&data) {
            foreign.push(format!("{file} is in the data directory"));
        }
    }
    let read: Vec<String> = row.try_get(4).map_err(|e| conn::reduced(&e))?;
    foreign.extend(read.into_iter().filter(|f| *f != config).map(|f| format!("{f} is read, too")));
    Ok(foreign)
}

/// Signal files, and an auto.conf that sets anything.
fn strange_signals(data: &Path) -> Result<Vec<String>, String> {
    let said = |e: std::io::Error| format!("the data directory cannot be read: {e}");
    let mut strange = Vec::new();
    for entry in std::fs::read_dir(data).map_err(said)? {
        let name = entry.map_err(said)?.file_name().to_string_lossy().into_owned();
        // A recovery that was planned has removed its own by now.
        if Path::new(&name).extension().is_some_and(|e| e == "signal") || name == "recovery.conf" {
            strange.push(name);
        }
    }
    match plain_file::read_below(data, "postgresql.auto.conf", AUTO_LIMIT) {
        Err(Unreadable::Missing) => {}
        Err(Unreadable::TooLarge) => strange.push("postgresql.auto.conf is too large to be empty".to_owned()),
        Err(Unreadable::NotPlain) => strange.push("postgresql.auto.conf is no regular file".to_owned()),
        Err(Unreadable::Failed(e)) => return Err(said(e)),
        Ok(text) => {
            let text = String::from_utf8_lossy(&text);
            if text.lines().any(|l| !l.trim().is_empty() && !l.trim_start().starts_with('#')) {
                strange.push("postgresql.auto.conf sets something".to_owned());
            }
        }
    }
    Ok(strange)
}

#[derive(Debug, Default)]
struct Found {
    files: u64,
    leaving: Vec<String>,
    tablespaces: usize,
    tablespaces_outside: Vec<String>,
}

/// Every entry of the data directory. Links of tablespaces are ISO-003's.
fn walk(scratch: &Path, data: &Path) -> Result<Found, String> {
    let scratch = scratch.canonicalize().map_err(|e| format!("the scratch directory cannot be read: {e}"))?;
    let mut found = Found::default();
    let mut pending = vec![data.to_owned()];
    while let Some(dir) = pending.pop() {
        let entries = match std::fs::read_dir(&dir) {
            Ok(entries) => entries,
            // A database's directory or a temporary one may go meanwhile.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && dir != data => continue,
            Err(e) => return Err(format!("the data directory cannot be read: {e}")),
        };
        for entry in entries {
            let entry = entry.map_err(|e| format!("the data directory cannot be read: {e}"))?;
            let Ok(kind) = entry.file_type() else { continue };
            let path = entry.path();
            found.files += 1;
            if kind.is_dir() {
                pending.push(path);
            } else if kind.is_symlink() {
                let inside = path.canonicalize().is_ok_and(|p| p.starts_with(&scratch));
                let name = path.strip_prefix(data).unwrap_or(&path).display().to_string();
                let tablespace = dir == data.join("pg_tblspc");
                found.tablespaces += usize::from(tablespace);
                match (inside, tablespace) {
                    (true, _) => {}
                    (false, true) => found.tablespaces_outside.push(format!("{name} leads outside")),
                    (false, false) => found.leaving.push(format!("the link {name} leads outside")),
                }
            }
        }
    }
    Ok(found)
}

/// Other servers above, below or on the scratch directory.
fn place(scratch: &Path, data: &Path, pid: i32) -> Result<Vec<String>, String> {
    let scratch = scratch.canonicalize().map_err(|e| format!("the scratch directory cannot be read: {e}"))?;
    let data = data.canonicalize().map_err(|e| format!("the data directory cannot be read: {e}"))?;
    let mut bad: Vec<String> =
        data_directory_above(&scratch).map(|d| format!("{} is above", d.display())).into_iter().collect();
    let ours = processes::inhabitants(pid);
    if processes::postmaster(pid).is_none() {
        return Err("the server's process cannot be seen".to_owned());
    }
    for other in processes::all().into_iter().filter(|p| !ours.contains(p)) {
        if processes::name(other).as_deref() != Some("postgres") {
            continue;
        }
        let Ok(cwd) = std::fs::read_link(format!("/proc/{other}/cwd")) else { continue };
        if cwd.starts_with(&data) {
            bad.push(format!("the server process {other} works on it, too"));
        } else if scratch.starts_with(&cwd) && cwd.join("PG_VERSION").exists() {
            // Not a program that has yet to enter its data directory.
            bad.push(format!("it lies in the directory of the server process {other}"));
        }
    }
    Ok(bad)
}

/// A data directory that `path` lies in.
pub(in crate::scratch) fn data_directory_above(path: &Path) -> Option<PathBuf> {
    path.ancestors().find(|d| d.join("PG_VERSION").exists()).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let top = tempfile::tempdir().unwrap();
        let scratch = top.path().join("pgseal-x");
        let data = scratch.join("data");
        std::fs::create_dir_all(data.join("pg_tblspc")).unwrap();
        (top, scratch, data)
    }

    #[test]
    fn links_are_followed_to_where_they_lead() {
        use std::os::unix::fs::symlink;
        let (_top, scratch, data) = made();
        std::fs::create_dir(scratch.join("space")).unwrap();
        symlink(scratch.join("space"), data.join("pg_tblspc/1")).unwrap();
        let found = walk(&scratch, &data).unwrap();
        assert_eq!((found.tablespaces, found.tablespaces_outside.len(), found.leaving.len()), (1, 0, 0));
        symlink("/var/tmp", data.join("pg_tblspc/2")).unwrap();
        symlink("/nonexistent", data.join("pg_wal")).unwrap();
        let found = walk(&scratch, &data).unwrap();
        assert_eq!(found.tablespaces_outside, ["pg_tblspc/2 leads outside"]);
        assert_eq!(found.leaving, ["the link pg_wal leads outside"]);
        assert!(walk(&scratch, &scratch.join("none")).is_err());
    }

    #[test]
    fn signals_and_settings_are_found() {
        let (_top, _scratch, data) = made();
        std::fs::write(data.join("postgresql.auto.conf"), "# Do not edit\n\n").unwrap();
        assert!(strange_signals(&data).unwrap().is_empty());
        std::fs::write(data.join("postgresql.auto.conf"), "# x\narchive_mode = on\n").unwrap();
        std::fs::write(data.join("standby.signal"), "").unwrap();
        assert_eq!(strange_signals(&data).unwrap(), ["standby.signal", "postgresql.auto.conf sets something"]);
        assert!(strange_signals(&data.join("none")).is_err());
        std::fs::remove_file(data.join("standby.signal")).unwrap();
        for make in [
            |p: &Path| std::os::unix::fs::symlink("/dev/zero", p).unwrap(),
            |p: &Path| rustix::fs::mkfifoat(rustix::fs::CWD, p, rustix::fs::Mode::RUSR).unwrap(),
        ] {
            let auto = data.join("postgresql.auto.conf");
            std::fs::remove_file(&auto).unwrap();
            make(&auto);
            assert_eq!(strange_signals(&data).unwrap(), ["postgresql.auto.conf is no regular file"]);
        }
    }

    #[test]
    fn a_data_directory_above_is_found() {
        let (_top, scratch, data) = made();
        std::fs::write(data.join("PG_VERSION"), "15\n").unwrap();
        assert_eq!(data_directory_above(&data.join("base/pgseal-y")), Some(data));
        assert_eq!(data_directory_above(&scratch), None);
    }

    #[test]
    fn without_a_server_process_there_is_no_place_to_judge() {
        let (_top, scratch, data) = made();
        assert!(place(&scratch, &data, processes::own_pid()).is_err());
    }
}
