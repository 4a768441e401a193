//! Builds the [`Config`] from the layers and checks what no single key can tell.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::inputs::Inputs;
use super::origin::{Explained, Origin, refused};
use super::reader::{Layers, Section};
use super::schema::{
    Checksums, Config, Databases, Drill, Exposure, FileChecksums, Keys, Repository, Retention, S3, Scratch, Source,
};
use super::{connection, user_checks, values};
use crate::error::{Code, Error, Result, Stage};
use crate::types::{Kind, Redaction, SourceName};

/// Least `scratch.max_memory`: a server maps its shared buffers, its libraries
/// and room to work in.
const LEAST_MEMORY: u64 = 512 << 20;

/// Least `limits.memory`: buffers for a few parts, and the facts of a small database.
const LEAST_OWN_MEMORY: u64 = 128 << 20;

/// Largest size that is taken for one: 1 EiB.
const MOST_BYTES: u64 = 1 << 60;

/// A configuration and where it came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Complete and checked.
    pub config: Config,
    /// Key, value as shown, origin; in the order of the schema.
    pub origins: Vec<Explained>,
    /// The file, where there is one.
    pub file: Option<PathBuf>,
}

/// Reads and checks all layers.
pub fn load(inputs: &Inputs) -> Result<Loaded> {
    build(inputs, inputs.file()?)
}

/// The same without any file.
pub fn load_without_file(inputs: &Inputs) -> Result<Loaded> {
    build(inputs, None)
}

fn build(inputs: &Inputs, file: Option<(PathBuf, String)>) -> Result<Loaded> {
    let layers = Layers::new(inputs, file.as_ref().map(|(p, t)| (p.as_path(), t.as_str())));
    let parsed = match &file {
        Some((_, text)) => Some(DeTable::parse(text).map_err(|e| layers.syntax(&e))?),
        None => None,
    };
    let config = read(&layers.top(parsed.as_ref().map(toml::Spanned::get_ref)), inputs)?;
    layers.check_variables()?;
    drop(parsed);
    Ok(Loaded { config, origins: layers.explained(), file: file.map(|(p, _)| p) })
}

fn read(top: &Section<'_>, inputs: &Inputs) -> Result<Config> {
    let repository = repository(&top.sub("repository")?)?;
    let keys = keys(&top.sub("keys")?)?;

    let tools = top.sub("tools")?;
    let pg_bindir = tools.path("pg_bindir")?;
    tools.finish()?;

    let state = top.sub("state")?;
    let state_dir = if let Some(dir) = state.path("dir")? {
        dir
    } else {
        let dir = default_state_dir(inputs)?;
        state.explain("dir", dir.display().to_string(), Origin::Default);
        dir
    };
    state.finish()?;

    let limits = top.sub("limits")?;
    let memory = limits.number("memory", LEAST_OWN_MEMORY..=MOST_BYTES, values::size)?;
    if memory.is_none() {
        limits.explain("memory", "half of the host's, at least 1 GiB", Origin::Default);
    }
    limits.finish()?;

    let scratch = scratch(&top.sub("scratch")?)?;

    let report = top.sub("report")?;
    let redact = report.text_or("redact", Redaction::Names.name(), str::parse)?;
    report.finish()?;

    let mut sources = BTreeMap::new();
    for (name, origin, section) in top.named("source")? {
        let name: SourceName = name.parse().map_err(|e| refused(&origin, format!("source name: {e}")))?;
        sources.insert(name, source(&section)?);
    }
    top.finish()?;
    Ok(Config { repository, keys, pg_bindir, state_dir, memory, scratch, redact, sources })
}

/// `$XDG_STATE_HOME/pgseal`; else `/var/lib/pgseal` for root and
/// `~/.local/state/pgseal` for others.
fn default_state_dir(inputs: &Inputs) -> Result<PathBuf> {
    let set = inputs.var("XDG_STATE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let base = match set {
        Some(dir) => Some(dir),
        None if inputs.root => return Ok("/var/lib/pgseal".into()),
        None => inputs.xdg("XDG_STATE_HOME", ".local/state"),
    };
    base.map(|b| b.join("pgseal")).ok_or_else(|| {
        Error::new(Code::Usage, Stage::Config, "there is no home directory for the state")
            .on("state.dir")
            .hint("Set state.dir or PGSEAL_STATE_DIR.")
    })
}

fn repository(section: &Section<'_>) -> Result<Repository> {
    let url = section.text("url", values::repository_url)?.unwrap_or_default();
    let retry_for = section.text_or("retry_for", "5m", values::duration)?;
    let s3 = section.sub("s3")?;
    let out = S3 {
        endpoint: s3.text("endpoint", values::endpoint)?,
        region: s3.text("region", values::some_text)?,
        path_style: s3.flag_or("path_style", false)?,
        profile: s3.text("profile", values::some_text)?,
        checksums: s3.text("checksums", values::checksums)?.unwrap_or(Checksums::Auto),
        object_lock: s3.text("object_lock", values::object_lock)?,
        allow_plain_http: s3.flag_or("allow_plain_http", false)?,
    };
    s3.finish()?;
    section.finish()?;
    Ok(Repository { url, retry_for, s3: out })
}

fn keys(section: &Section<'_>) -> Result<Keys> {
    let keys = Keys {
        recipients: section.list("recipients")?.unwrap_or_default(),
        signing_key: section.path("signing_key")?,
        allowed_signers: section.path("allowed_signers")?,
        revoked_keys: section.path("revoked_keys")?,
        identity: section.path("identity")?,
        report_key: section.path("report_key")?,
    };
    if keys.revoked_keys.is_some() && keys.allowed_signers.is_none() {
        return Err(section.wrong("revoked_keys", "revoking needs allowed_signers too"));
    }
    section.finish()?;
    Ok(keys)
}

fn scratch(section: &Section<'_>) -> Result<Scratch> {
    let dir = if let Some(dir) = section.path("dir")? {
        dir
    } else {
        section.explain("dir", "/var/tmp", Origin::Default);
        PathBuf::from("/var/tmp")
    };
    let user = section.text_or("user", "postgres", values::some_text)?;
    // Depends on the host, so the default is in words.
    let size = |key, least, default: &str| {
        let found = section.number(key, least..=MOST_BYTES, values::size)?;
        if found.is_none() {
            section.explain(key, default, Origin::Default);
        }
        Ok::<_, Error>(found)
    };
    let out = Scratch {
        dir,
        user,
        max_memory: size("max_memory", LEAST_MEMORY, "half of the host's, at least 1 GiB")?,
        max_processes: section.number_or("max_processes", 64..=1 << 20, 1024, values::number)?,
        max_disk: size("max_disk", 1 << 20, "all but keep_free")?,
        keep_free: size("keep_free", 0, "5 %, 1 GiB at most")?,
    };
    section.finish()?;
    Ok(out)
}

fn source(section: &Section<'_>) -> Result<Source> {
    let kind = section.text_or("kind", "logical", values::kind)?;
    let connection = section.text("connection", connection::check)?.unwrap_or_default();
    if kind == Kind::Physical && section.has("databases") {
        return Err(section.wrong("databases", "a physical backup always holds the whole cluster"));
    }
    let manifest_checksums = match kind {
        Kind::Physical => section.text_or("manifest_checksums", "sha256", values::file_checksums)?,
        Kind::Logical if section.has("manifest_checksums") => {
            return Err(section.wrong("manifest_checksums", "only a physical backup has a manifest of files"));
        }
        Kind::Logical => FileChecksums::default(),
    };
    let databases = if let Some(d) = section.any("databases", databases)? {
        d
    } else {
        section.explain("databases", "connected", Origin::Default);
        Databases::Connected
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(64) as u64;
    let out = Source {
        kind,
        connection,
        databases,
        jobs: section.number_or("jobs", 1..=64, cores, values::number)? as usize,
        compression: section.number_or("compression", 1..=19, 3, values::number)? as i32,
        part_bytes: section.number_or("part_bytes", 64 << 10..=256 << 20, 8 << 20, values::size)?,
        manifest_checksums,
        role_passwords: section.flag_or("role_passwords", true)?,
        next_due: section.text("next_due", values::duration)?,
        idle_timeout: section.text_or("idle_timeout", "15m", values::duration)?,
        deadline: section.text("deadline", values::duration)?,
        lock_wait: section.text_or("lock_wait", "60s", values::duration)?,
        count_rows_to: section.number_or("count_rows_to", 0..=MOST_BYTES, 1 << 30, values::size)?,
        retention: if section.has("retention") { Some(retention(&section.sub("retention")?)?) } else { None },
        drill: drill(&section.sub("drill")?)?,
        exposure: exposure(&section.sub("exposure")?)?,
    };
    if !section.has("retention") {
        // Makes the key known, so that a misspelling of it finds it.
        section.sub("retention")?;
    }
    section.finish()?;
    Ok(out)
}

/// `"all"`, `"connected"` or a list of names.
fn databases(value: &toml::de::DeValue<'_>) -> Result<(Databases, String), String> {
    let wrong = "\"all\", \"connected\" or a list of database names is expected here";
    if let Some(word) = value.as_str() {
        return match word {
            "all" => Ok((Databases::All, word.to_owned())),
            "connected" => Ok((Databases::Connected, word.to_owned())),
            _ => Err(wrong.into()),
        };
    }
    let array = value.as_array().ok_or(wrong)?;
    let names: Vec<String> =
        array.iter().map(|i| i.get_ref().as_str().map(str::to_owned)).collect::<Option<_>>().ok_or(wrong)?;
    if names.is_empty() {
        return Err("the list of databases is empty: nothing would be backed up".into());
    }
    if names.iter().any(|n| n.is_empty() || n.contains('\0')) {
        return Err("a database name is not empty and has no NUL".into());
    }
    if names.iter().collect::<BTreeSet<_>>().len() != names.len() {
        return Err("a database is listed twice".into());
    }
    let shown = names.iter().map(|n| crate::types::shown(n).into_owned()).collect::<Vec<_>>().join(", ");
    Ok((Databases::Named(names), shown))
}

fn retention(section: &Section<'_>) -> Result<Retention> {
    let count = |key| Ok(section.number(key, 1..=10_000, values::number)?.map(|n| n as u32));
    let out = Retention {
        keep_within: section.text("keep_within", values::duration)?,
        keep_last: count("keep_last")?,
        keep_daily: count("keep_daily")?,
        keep_weekly: count("keep_weekly")?,
        keep_monthly: count("keep_monthly")?,
        keep_yearly: count("keep_yearly")?,
        keep_proven: count("keep_proven")?,
    };
    let path = section.path_of("");
    section.finish()?;
    if out == Retention::default() {
        let message = format!("{} keeps nothing", path.trim_end_matches('.'));
        return Err(Error::new(Code::Usage, Stage::Config, message)
            .hint("Give at least one keep_… rule, or remove the section: without it nothing is ever pruned."));
    }
    Ok(out)
}

fn drill(section: &Section<'_>) -> Result<Drill> {
    let min_isolation = section.text("min_isolation", values::min_isolation)?.unwrap_or_else(|| {
        section.explain("min_isolation", "auto: I3 on the database's own host, else I2", Origin::Default);
        None
    });
    let max_restore = section.text("max_restore", values::duration)?;
    let max_rpo = section.text("max_rpo", values::duration)?;
    let max_slowdown = section.any("max_slowdown", values::slowdown)?.unwrap_or_else(|| {
        section.explain("max_slowdown", "2", Origin::Default);
        2.0
    });
    let deadline = section.text("deadline", values::deadline)?.unwrap_or_else(|| {
        section.explain("deadline", "auto: 6 h, and a second for each 2 MiB of the backup", Origin::Default);
        None
    });
    let preload = section.list("preload")?.unwrap_or_default();
    if let Some(wrong) = preload.iter().find_map(|name| values::library(name).err()) {
        return Err(section.wrong("preload", &wrong));
    }
    let (sql, canary) = (user_checks::sql(section)?, user_checks::canary(section)?);
    section.finish()?;
    Ok(Drill { min_isolation, max_restore, max_rpo, max_slowdown, deadline, preload, sql, canary })
}

fn exposure(section: &Section<'_>) -> Result<Exposure> {
    let usual = Exposure::default();
    let list = |key, check: fn(&str) -> Result<(), String>| {
        let Some(list) = section.list(key)? else { return Ok(None) };
        match list.iter().find_map(|item| check(item).err()) {
            Some(wrong) => Err(section.wrong(key, &wrong)),
            None => Ok(Some(list)),
        }
    };
    let out = Exposure {
        fail_on: section.text_or("fail_on", usual.fail_on.name(), str::parse)?,
        required: list("required", values::check_pattern)?.unwrap_or_default(),
        declarations: section.paths("declarations")?.unwrap_or_default(),
        tenant_columns: list("tenant_columns", values::column_word)?.unwrap_or_else(|| {
            section.explain("tenant_columns", usual.tenant_columns.join(", "), Origin::Default);
            usual.tenant_columns
        }),
        guess_passwords: section.flag_or("guess_passwords", usual.guess_passwords)?,
    };
    section.finish()?;
    Ok(out)
}

/// Where `init` writes a configuration when there is none: the file of
/// `--config`, else the user's, else (for root) the system's.
pub fn default_file(inputs: &Inputs) -> Result<PathBuf> {
    if let Some(path) = &inputs.config {
        return Ok(inputs.cwd.join(path));
    }
    if inputs.root {
        return Ok(inputs.system_file.clone());
    }
    inputs.xdg("XDG_CONFIG_HOME", ".config").map(|d| d.join("pgseal/pgseal.toml")).ok_or_else(|| {
        Error::new(Code::Usage, Stage::Config, "there is no home directory for the configuration")
            .hint("Name a file with --config.")
    })
}

/// Whether a file of this path is there, followed or not.
pub fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
