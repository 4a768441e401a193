//! EXP-VER-003: the PostgreSQL programs that pgseal runs have no known holes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::exposure::house::House;
use crate::exposure::look::{Check, Look, Looking};
use crate::exposure::releases::{CLIENT_HOLES, RELEASES, release};
use crate::exposure::{About, Found, Plane, Seen, Severity};
use crate::process::{Stdout, Tool};
use crate::types::{Known, PgVersion};

/// The check.
pub const CHECK: Check = Check {
    about: About {
        id: "EXP-VER-003",
        title: "the PostgreSQL programs that pgseal runs have no known holes",
        severity: Severity::High,
        planes: &[Plane::House],
        guide: &[15, 23],
        refs: &["CIS 1.5", "SRG-APP-000456"],
        why: "pg_dump reads what a server says, pg_restore what a backup holds: both run with the backup user's rights \
              over data that others made. Their holes are how a database takes over the host that saves it.",
        inspects: "pg_dump, pg_restore, pg_basebackup and psql of every installed major (tools.pg_bindir alone where it \
                   is set): their version against the built-in table of holes in client programs.",
        remedy: "Update the client packages: apt-get install --only-upgrade postgresql-client-15.",
        false_positives: "A distribution that mends holes without changing the version: see its security tracker, and \
                          waive by name.",
        source: "https://www.postgresql.org/support/security/",
    },
    look: Look::House(look),
};

/// A program, and what it says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// `pg_dump`.
    pub name: &'static str,
    /// Where.
    pub path: PathBuf,
    /// Its version.
    pub version: PgVersion,
}

const PROGRAMS: [&str; 4] = ["pg_dump", "pg_restore", "pg_basebackup", "psql"];

/// How long a program may take to say its version.
const PATIENCE: Duration = Duration::from_secs(10);

/// The programs that a backup or a restore would run: those of `configured`
/// alone where it is given, else of every installed major.
pub async fn find(configured: Option<&Path>) -> Known<Vec<Client>> {
    let dirs: Vec<PathBuf> = match configured {
        Some(dir) => vec![dir.to_owned()],
        None => RELEASES
            .iter()
            .flat_map(|r| [format!("/usr/lib/postgresql/{}/bin", r.major), format!("/usr/pgsql-{}/bin", r.major)])
            .map(PathBuf::from)
            .collect(),
    };
    let mut found = Vec::new();
    for path in dirs.iter().flat_map(|d| PROGRAMS.map(|p| (p, d.join(p)))) {
        let (name, path) = path;
        let Ok(path) = path.canonicalize() else { continue };
        match version(&path).await {
            Some(version) => found.push(Client { name, path, version }),
            None => return Known::no(format!("{} does not tell its version", path.display())),
        }
    }
    if found.is_empty() { Known::no("no PostgreSQL programs were found on this host") } else { Known::Yes(found) }
}

async fn version(path: &Path) -> Option<PgVersion> {
    let asked = async {
        let tool = Tool::new(path.to_owned()).arg("--version").stdout(Stdout::Piped);
        let (exit, out) = tool.spawn().await.ok()?.output(4096).await.ok()?;
        (exit.code() == Some(0)).then(|| read(&String::from_utf8_lossy(&out)))?
    };
    tokio::time::timeout(PATIENCE, asked).await.ok()?
}

/// `15.18` of `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`; a version
/// under development, as `19devel`, counts as its first.
fn read(line: &str) -> Option<PgVersion> {
    let word = line.split_once("(PostgreSQL) ")?.1.split_whitespace().next()?;
    let digits = |t: &str| t.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u32>().ok();
    let (major, minor) = match word.split_once('.') {
        Some((major, minor)) => (digits(major)?, digits(minor)?),
        None => (digits(word)?, 0),
    };
    (major < 1_000 && minor < 10_000).then_some(PgVersion(major * 10_000 + minor))
}

fn look<'a>(house: &'a House<'a>) -> Looking<'a> {
    Box::pin(std::future::ready(Ok(judge(house))))
}

fn judge(house: &House<'_>) -> Seen {
    let clients = match house.clients.get() {
        Ok(clients) => clients,
        Err(why) => return Seen::not_evaluated(why),
    };
    let mut seen = Seen::all_of(clients.len());
    // By major: an update brings all programs of one together.
    let mut majors: BTreeMap<u32, Vec<&Client>> = BTreeMap::new();
    for c in clients {
        majors.entry(c.version.major()).or_default().push(c);
    }
    for (major, clients) in majors {
        if release(major).is_none() {
            seen.open.push(format!("PostgreSQL {major} is not in the table of releases"));
            continue;
        }
        for hole in CLIENT_HOLES {
            let open: Vec<&&Client> =
                clients.iter().filter(|c| hole.programs.contains(&c.name) && hole.is_in(c.version)).collect();
            let Some(first) = open.first() else { continue };
            let names: Vec<&str> = open.iter().map(|c| c.name).collect();
            let object = format!("PostgreSQL {major} programs: {}", hole.cve);
            let text = format!("{} {}: {}", names.join(", "), first.version, hole.what);
            let mend = hole.fixed.iter().find(|(m, _)| *m == major).map_or_else(
                || format!("PostgreSQL {major} ended before this was mended: use the programs of a newer major."),
                |(_, minor)| format!("Update the client packages to {major}.{minor} or later."),
            );
            seen.add(Found::new(object, text).at(hole.severity).mend(mend));
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_programs_say_them() {
        for (line, version) in [
            ("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(150_018)),
            ("psql (PostgreSQL) 18.7\n", Some(180_007)),
            ("pg_dump (PostgreSQL) 19devel\n", Some(190_000)),
            ("pg_dump (PostgreSQL) 14beta1\n", Some(140_000)),
            ("gzip 1.12\n", None),
            ("pg_dump (PostgreSQL) \n", None),
            ("pg_dump (PostgreSQL) 99999999999.1\n", None),
        ] {
            assert_eq!(read(line).map(|v| v.0), version, "{line}");
        }
    }
}
