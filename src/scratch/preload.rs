//! Libraries that a sealed server loads at its start, because the operator
//! says so (`source.NAME.drill.preload`): some extensions cannot be created or
//! read without theirs (PostgreSQL manual, "Shared Library Preloading").
//!
//! Only a library of this host's own packages is taken: a file of the server
//! program's library directory that its owner alone can write. The copy names
//! none and brings none. The workers that such a library would start are not
//! started: `max_worker_processes` is 0 then, so that nothing runs in the copy
//! that pgseal did not ask for (a scheduler's jobs, for instance).

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::seal::Setting;
use crate::error::{Code, Error, Result, Stage};

/// A setting that an extension needs to be created, and the library that knows it.
const NEEDED: [(&str, &str); 1] = [("pg_cron", "cron.database_name")];

/// What is loaded; nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preload {
    libraries: Vec<String>,
    settings: Vec<Setting>,
}

impl Preload {
    /// The libraries `names`, looked for beside the programs in `bindir`. Of the
    /// source's settings only those are taken over that an extension needs to be
    /// created at all.
    ///
    /// # Errors
    /// 53 with the library's name where this host does not have it, or somebody
    /// else than its owner could have written it.
    pub fn find(names: &[String], bindir: &Path, source: impl Fn(&str) -> Option<String>) -> Result<Self> {
        if names.is_empty() {
            return Ok(Self::default());
        }
        let dir = library_dir(bindir)?;
        for name in names {
            check(name, &dir)?;
        }
        let needed = NEEDED.iter().filter(|(library, _)| names.iter().any(|n| n == library));
        let settings = needed.filter_map(|(_, setting)| Some((*setting, source(setting)?))).collect();
        Ok(Self { libraries: names.to_vec(), settings })
    }

    /// The sealed settings `all`, with what is loaded.
    pub(super) fn applied(&self, mut all: Vec<Setting>) -> Vec<Setting> {
        if self.libraries.is_empty() {
            return all;
        }
        for (name, value) in &mut all {
            if *name == LIBRARIES {
                *value = self.libraries.join(",");
            }
        }
        all.push(("max_worker_processes", "0".to_owned()));
        all.extend(self.settings.iter().cloned());
        all
    }
}

/// The setting that names them.
pub(in crate::scratch) const LIBRARIES: &str = "shared_preload_libraries";

/// Where the server's libraries are, by one that every server has. PostgreSQL
/// finds the directory relative to its programs, too (`get_pkglib_path()`);
/// packages put it beside them, or a folder deeper.
fn library_dir(bindir: &Path) -> Result<PathBuf> {
    let beside = bindir.parent().unwrap_or(bindir).join("lib");
    let all = [beside.clone(), beside.join("postgresql")];
    all.into_iter().find(|d| d.join("plpgsql.so").is_file()).ok_or_else(|| {
        Error::new(Code::CouldNotRun, Stage::Scratch, "the library directory of these PostgreSQL programs is not known")
            .on(bindir.display().to_string())
            .hint("Install the server package of the backup's major version, or set tools.pg_bindir to its programs.")
    })
}

fn check(name: &str, dir: &Path) -> Result<()> {
    let path = dir.join(format!("{name}.so"));
    let refuse = |what: String, hint: &str| {
        Err(Error::new(Code::CouldNotRun, Stage::Scratch, what).on(path.display().to_string()).hint(hint))
    };
    let Ok(file) = std::fs::metadata(&path) else {
        return refuse(
            format!("the library {name} of drill.preload is not installed on this host"),
            "Install the extension's server package of the backup's major version, or take it out of drill.preload.",
        );
    };
    // Whoever owns the server program could replace that, too.
    let program = std::fs::metadata(dir).map_or(0, |m| m.uid());
    if !file.is_file() || file.mode() & 0o022 != 0 || (file.uid() != 0 && file.uid() != program) {
        return refuse(
            format!("the library {name} of drill.preload could have been replaced by other users"),
            "Reinstall the package that it belongs to: the file must be its owner's alone to write.",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::scratch::seal;

    #[test]
    fn only_a_library_that_its_owner_alone_writes_is_taken() {
        let top = tempfile::tempdir().unwrap();
        let (bin, lib) = (top.path().join("bin"), top.path().join("lib"));
        std::fs::create_dir_all(&bin).unwrap();
        let find = |name: &str| Preload::find(&[name.to_owned()], &bin, |_| None).map_err(|e| (e.code(), e.text()));
        assert_eq!(find("x").unwrap_err().0, Code::CouldNotRun, "no library directory");
        std::fs::create_dir_all(&lib).unwrap();
        for name in ["plpgsql", "good", "open"] {
            std::fs::write(lib.join(format!("{name}.so")), "x").unwrap();
        }
        std::fs::set_permissions(lib.join("good.so"), std::fs::Permissions::from_mode(0o644)).unwrap();
        std::fs::set_permissions(lib.join("open.so"), std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(find("good").is_ok());
        for (name, why) in [("missing", "is not installed"), ("open", "replaced")] {
            let (code, text) = find(name).unwrap_err();
            assert!(code == Code::CouldNotRun && text.contains(why) && text.contains(name), "{name}: {text}");
        }
    }

    #[test]
    fn nothing_is_loaded_unless_named_and_workers_stay_away() {
        let value = |p: &Preload, name| {
            let all = p.applied(seal::sealed(15, "m"));
            all.into_iter().filter(|(n, _)| *n == name).map(|(_, v)| v).collect::<Vec<_>>()
        };
        let none = Preload::default();
        assert_eq!((value(&none, LIBRARIES), value(&none, "max_worker_processes")), (vec![String::new()], vec![]));
        let some = Preload {
            libraries: vec!["pg_cron".into(), "pgaudit".into()],
            settings: vec![("cron.database_name", "shop".into())],
        };
        assert_eq!(value(&some, LIBRARIES), ["pg_cron,pgaudit"]);
        assert_eq!(
            (value(&some, "max_worker_processes"), value(&some, "cron.database_name")),
            (vec!["0".into()], vec!["shop".into()])
        );
    }
}
