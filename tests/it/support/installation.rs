//! What the PostgreSQL under test brings along, and what is left of a fixture
//! where it lacks something.

use std::path::Path;
use std::process::Command;

/// Whether the installation with these programs has something: `contrib`,
/// `icu`, or, of a number, at least that major version.
pub fn has(bin: &Path, what: &str) -> bool {
    let ask = |program: &str, arg: &str| {
        let out = Command::new(bin.join(program)).arg(arg).output().unwrap();
        assert!(out.status.success(), "{program} {arg}: {out:?}");
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    };
    match what {
        // Beside the programs: pg_config of an unpacked package may tell where it would be installed.
        "contrib" => bin.ancestors().any(|top| {
            let share = top.join("share/postgresql");
            let major = bin.parent().and_then(Path::file_name).unwrap_or_default();
            [share.join("extension"), share.join(major).join("extension")]
                .iter()
                .any(|dir| dir.join("amcheck.control").exists())
        }),
        // It was asked for until 15, and is refused since.
        "icu" => {
            let built = ask("pg_config", "--configure");
            built.contains("--with-icu") || (has(bin, "16") && !built.contains("--without-icu"))
        }
        major => {
            let version = ask("postgres", "--version");
            let version = version.split_once(") ").unwrap().1;
            version[..2].parse::<u32>().unwrap() >= major.parse().unwrap()
        }
    }
}

/// A fixture without what cannot be here: a line that ends in `-- with WHAT`
/// is there only with it, one that ends in `-- without WHAT` only without.
pub fn fitting(bin: &Path, sql: &str) -> String {
    let fits = |line: &&str| {
        let Some((_, mark)) = line.rsplit_once(" -- with") else { return true };
        match mark.trim().strip_prefix("out ") {
            Some(what) => !has(bin, what),
            None => has(bin, mark.trim()),
        }
    };
    sql.split_inclusive('\n').filter(fits).collect()
}
