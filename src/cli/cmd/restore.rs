//! `pgseal restore`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use bytesize::ByteSize;
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::output::Ui;
use crate::config::connection as conninfo;
use crate::error::{Code, Error, Result, Stage};
use crate::process::private_dir;
use crate::restore::carried::{self, Carried, Standby};
use crate::restore::lost::Lost;
use crate::restore::misdumped;
use crate::restore::plan::Plan;
use crate::restore::survey::{Foreseen, Survey};
use crate::restore::{LogicalTarget, Opened, PhysicalTarget, Said, globals};
use crate::source::facts::{DatabaseFacts, ObjectName};
use crate::source::{ConnParams, PgBin};
use crate::types::{Event, Kind, shown};
use crate::verify::{self, Depth};

/// Missing objects of a backup that are named.
const MOST_TOLD: usize = 10;

/// Options of `restore`.
#[derive(Debug, clap::Args)]
#[command(
    group = clap::ArgGroup::new("target").required(true),
    after_long_help = "A database gets its name, and a directory its place, only when the restore is complete. Nothing is \
    ever written over data: a target that holds anything is refused with exit code 13.\n\n\
    EXAMPLES:\n  \
    pgseal restore shop@latest --target-db shop_restored --dry-run\n  \
    pgseal restore shop@latest --target-db shop_restored\n  \
    pgseal restore 20261123T0300 --target-db shop2 --table public.orders\n  \
    PGHOST=db2 PGUSER=postgres pgseal restore shop@latest --target-db shop --globals\n  \
    pgseal restore shop-cluster@latest --target-dir /var/lib/postgresql/15/restored"
)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of its own
pub struct Args {
    /// SOURCE@latest, SOURCE@latest-proven, SOURCE@DAY, an id or the beginning of one
    backup: String,
    /// Restore a physical backup into this new or empty directory
    #[arg(long, value_name = "DIR", group = "target")]
    target_dir: Option<PathBuf>,
    /// Keep what makes a standby's backup a standby: standby.signal, recovery.signal, primary_conninfo
    #[arg(long, requires = "target_dir")]
    as_standby: bool,
    /// Restore a logical backup into this database, created if missing; the server is named by libpq's variables
    #[arg(long, value_name = "NAME", group = "target")]
    target_db: Option<String>,
    /// Which database of the backup; needed when it holds several
    #[arg(long, value_name = "NAME", requires = "target_db")]
    database: Option<String>,
    /// Only this table with its rows; may be given more than once
    #[arg(long, value_name = "SCHEMA.TABLE", requires = "target_db")]
    table: Vec<String>,
    /// Also create the backup's roles that do not exist; existing roles are left alone
    #[arg(long, requires = "target_db")]
    globals: bool,
    /// Restore without owners and privileges
    #[arg(long, requires = "target_db", conflicts_with = "globals")]
    no_owner: bool,
    /// Keep what can be restored where the server refuses something; ends with 3 and names each object that is lost
    #[arg(long, requires = "target_db")]
    keep_going: bool,
    /// Restore although the dump holds names of constraints that are run as SQL; read them first
    #[arg(long, requires = "target_db")]
    accept_names: bool,
    /// Parallel index builds [default: number of cores]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: Option<u8>,
    /// Connection to the target server [default: PG* variables]
    #[arg(long, value_name = "CONNINFO", requires = "target_db")]
    connection: Option<String>,
    /// Say what would be done: objects, bytes, space, target, fitting identity
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
pub async fn run(args: Args, ui: &Ui) -> Result<Code> {
    conninfo::argument(args.connection.as_deref().unwrap_or(""))?;
    args.target_db.as_deref().map_or(Ok(()), database_name)?;
    let ctx = Context::new(ui)?;
    let identities = Arc::new(ctx.identities()?);
    let found = ctx.find(&args.backup).await?;
    let entry = &found.entry;
    let (kind, target) = match (&args.target_dir, &args.target_db) {
        (Some(dir), _) => (Kind::Physical, format!("directory {}", dir.display())),
        (None, Some(db)) => (Kind::Logical, format!("database {}", shown(db))),
        (None, None) => return Err(Error::usage("there is no target")),
    };
    if entry.manifest.kind != kind {
        let (what, with) = match entry.manifest.kind {
            Kind::Logical => ("a logical backup", "--target-db"),
            Kind::Physical => ("a physical backup", "--target-dir"),
        };
        return Err(Error::usage(format!("this is {what}"))
            .on(entry.manifest.backup_id.as_str())
            .hint(format!("Use {with}.")));
    }
    let mut plan = Plan::new(entry, &identities, target, args.target_dir.as_deref())?;
    if args.dry_run {
        let opened = Opened::open(&ctx.store().await?, entry, &identities, 1).await?;
        match kind {
            Kind::Logical => {
                let found = survey(&ctx, &args, &opened).await?;
                plan.obstacles.extend(found.obstacles);
                plan.notes.extend(found.notes);
                match misdumped::heed(database(&args, &opened)?, args.accept_names) {
                    Ok(notes) => plan.notes.extend(notes),
                    Err(e) => plan.obstacles.push(e.to_string()),
                }
            }
            Kind::Physical => plan.notes.extend(carried::foreseen(&opened.facts, args.standby())),
        }
        // As `verify` looks: what is not there stops the restore in its middle.
        let stored = verify::backup(&ctx.reading().await?, entry, &Depth::default(), &ctx.progress()).await?.errors;
        plan.obstacles.extend(stored.iter().take(MOST_TOLD).map(ToString::to_string));
        if stored.len() > MOST_TOLD {
            plan.obstacles.push(format!("and {} more objects of the backup", stored.len() - MOST_TOLD));
        }
        ctx.out().either(|| json!(plan), || plan_text(&plan))?;
        let refused = (!plan.obstacles.is_empty()).then_some(Code::Refused);
        let worst = stored.iter().map(Error::code).chain(refused).min_by_key(|c| c.precedence());
        return Ok(worst.unwrap_or(Code::Done));
    }
    let jobs = args.jobs.map_or_else(|| std::thread::available_parallelism().map_or(2, usize::from), usize::from);
    let progress = ctx.progress();
    progress.event(Event::Started {
        title: format!("restore {}", entry.manifest.backup_id),
        total: Some(plan.stored_bytes),
    });
    let store = ctx.store().await?;
    let opened = Opened::open(&store, entry, &identities, entry.manifest.streams.len().min(jobs + 1)).await?;
    let mut json =
        json!({ "backup": entry.manifest.backup_id, "target": plan.target, "plain_bytes": plan.plain_bytes });
    let what = if let Some(dir) = &args.target_dir {
        if plan.lacks_space() {
            // A file system that compresses may hold it all the same.
            ctx.ui().progress.note("there is less free space at the target than the files take");
        }
        let (what, carried) = physical(&ctx, &opened, dir.clone(), args.standby()).await?;
        json["removed"] = json!(carried.removed);
        json["settings"] = json!(carried.settings);
        json["missing"] = json!(carried.missing);
        what
    } else {
        let (what, lost) = logical(&ctx, &args, &opened, jobs).await?;
        json["not_restored"] = json!(lost);
        what
    };
    progress.event(Event::Finished);
    ctx.out().either(|| json, || what)?;
    Ok(Code::Done)
}

impl Args {
    const fn standby(&self) -> Standby {
        if self.as_standby { Standby::AsBackedUp } else { Standby::Alone }
    }
}

async fn physical(ctx: &Context<'_>, opened: &Opened, dir: PathBuf, standby: Standby) -> Result<(String, Carried)> {
    let dir = std::path::absolute(&dir).map_err(|e| Error::usage("the target is no path").because(e))?;
    let owner = owner_for(&dir);
    if owner.is_none() && rustix::process::geteuid().is_root() {
        let text = "the restored files will belong to root, as the target directory does; PostgreSQL refuses to run \
                    as root. Before you start it: chown -R postgres: ";
        ctx.ui().progress.note(&format!("{text}{}", dir.display()));
    }
    let target = PhysicalTarget { dir: dir.clone(), durable: true, owner, standby, progress: ctx.progress() };
    let carried = target.restore(opened).await?.carried;
    for l in carried::lacking(&opened.facts) {
        ctx.ui().progress.warn(&l.text(), l.next_step());
    }
    let notes = carried.notes.iter().cloned().chain(carried::subscriptions(&opened.facts));
    for note in notes.chain(carried::without_content(&opened.facts)) {
        ctx.ui().progress.note(&note);
    }
    Ok((dir.display().to_string(), carried))
}

/// As root, files go to whoever owns the place they are restored to.
fn owner_for(dir: &std::path::Path) -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt as _;
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let meta = std::fs::metadata(dir).or_else(|_| std::fs::metadata(dir.parent().unwrap_or(dir))).ok()?;
    (meta.uid() != 0).then(|| (meta.uid(), meta.gid()))
}

async fn logical(ctx: &Context<'_>, args: &Args, opened: &Opened, jobs: usize) -> Result<(String, Vec<Lost>)> {
    let target = args.target_db.clone().unwrap_or_default();
    let facts = database(args, opened)?;
    for note in misdumped::heed(facts, args.accept_names)? {
        ctx.ui().progress.note(&note);
    }
    let source = facts.name.clone();
    let conn = connection(args)?;
    let session = conn.connect("pgseal restore").await?;
    let major = crate::source::probe::version(&session).await?.major();
    drop(session);
    // pg_restore of the target's major writes what that server understands; it
    // reads archives of its own and of older majors.
    let from = opened.manifest.pg.version_num.major();
    if major < from {
        return Err(Error::new(
            Code::Refused,
            Stage::Restore,
            format!("the backup is of PostgreSQL {from}, the target server is {major}"),
        )
        .hint("Restore into a server of the same or a newer major version."));
    }
    let bin = PgBin::find(ctx.config().pg_bindir.as_deref(), major).await?;
    let private = private_dir()?;
    let restore = LogicalTarget {
        conn: &conn,
        bin: &bin,
        under: crate::process::Under::default(),
        private: private.path(),
        jobs,
        databases: vec![(source, target.clone())],
        tables: tables(args)?,
        globals: args.globals.then_some(globals::Existing::Keep),
        owners: !args.no_owner,
        scratch: false,
        keep_going: args.keep_going,
        said: Said::default(),
        progress: ctx.progress(),
    };
    let lost = restore.restore(opened).await?.lost;
    for one in &lost {
        ctx.ui().progress.warn(&format!("not restored: {}: {}", one.object, one.why), None);
    }
    Ok((shown(&target).into_owned(), lost))
}

/// What on the target server would stop the restore.
async fn survey(ctx: &Context<'_>, args: &Args, opened: &Opened) -> Result<Foreseen> {
    let survey = Survey {
        conn: &connection(args)?,
        opened,
        database: database(args, opened)?,
        target: args.target_db.as_deref().unwrap_or_default(),
        tables: &tables(args)?,
        globals: args.globals,
        owners: !args.no_owner,
        keep_going: args.keep_going,
        bindir: ctx.config().pg_bindir.as_deref(),
        progress: ctx.progress(),
    };
    Ok(survey.foresee().await)
}

/// What PostgreSQL would cut or refuse (`NAMEDATALEN` in its pg_config_manual.h).
fn database_name(name: &str) -> Result<()> {
    const MOST: usize = 63;
    match name.len() {
        0 => Err(Error::usage("the name of the target database is empty").hint("Name one: --target-db NAME.")),
        _ if matches!(name, "template0" | "template1") => {
            let text = "the target is a template, of which every new database would be a copy";
            Err(Error::usage(text).on(name).hint("Name a database of its own with --target-db."))
        }
        1..=MOST => Ok(()),
        n => {
            let text = format!("the name of the target database has {n} bytes, PostgreSQL takes at most {MOST}");
            Err(Error::usage(text).on(name).hint("Choose a shorter name with --target-db."))
        }
    }
}

fn connection(args: &Args) -> Result<ConnParams> {
    let env = |name: &str| std::env::var(name).ok();
    let conn = ConnParams::resolve(args.connection.as_deref().unwrap_or(""), &env)?;
    let named = args.connection.is_some() || env("PGDATABASE").is_some();
    Ok(if named { conn } else { conn.with_database("postgres") })
}

/// The database of the backup that is asked for.
fn database<'a>(args: &Args, opened: &'a Opened) -> Result<&'a DatabaseFacts> {
    let all = opened.facts.databases.as_slice();
    let names = || all.iter().map(|d| shown(&d.name).into_owned()).collect::<Vec<_>>().join(", ");
    match (&args.database, all) {
        (Some(name), _) => all.iter().find(|d| d.name == *name).ok_or_else(|| {
            Error::usage("the backup does not hold this database")
                .on(name.clone())
                .hint(format!("It holds: {}.", names()))
        }),
        (None, [one]) => Ok(one),
        (None, _) => {
            Err(Error::usage("the backup holds several databases")
                .hint(format!("Name one with --database: {}.", names())))
        }
    }
}

fn tables(args: &Args) -> Result<Vec<ObjectName>> {
    args.table.iter().map(|t| table_name(t)).collect()
}

/// `schema.table`, each half plain or in double quotes; the schema is `public` where left out.
fn table_name(text: &str) -> Result<ObjectName> {
    let bad = || {
        Error::usage("not the name of a table")
            .on(text)
            .hint("Write SCHEMA.TABLE; put names with dots or capitals in double quotes.")
    };
    let mut halves: Vec<String> = vec![String::new()];
    let (mut quoted, mut chars) = (false, text.chars().peekable());
    while let Some(c) = chars.next() {
        let last = halves.last_mut().ok_or_else(bad)?;
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                last.push('"');
            }
            '"' => quoted = !quoted,
            '.' if !quoted => halves.push(String::new()),
            c if quoted => last.push(c),
            c => last.extend(c.to_lowercase()),
        }
    }
    if quoted || halves.iter().any(String::is_empty) {
        return Err(bad());
    }
    match halves.as_slice() {
        [name] => Ok(ObjectName { schema: "public".into(), name: name.clone() }),
        [schema, name] => Ok(ObjectName { schema: schema.clone(), name: name.clone() }),
        _ => Err(bad()),
    }
}

fn plan_text(p: &Plan) -> String {
    let mut text = format!(
        "backup      {} (slot {}, {})\nsigned by   {}\nfetch       {} objects, {}\nneeds       about {}\ntarget      {}\nidentity    {}\n",
        p.backup,
        p.seq,
        p.kind.name(),
        p.signer,
        p.objects,
        ByteSize(p.stored_bytes),
        ByteSize(p.plain_bytes),
        p.target,
        p.identities.join(", ")
    );
    if let Some(free) = p.free_bytes {
        let _ = writeln!(text, "free        {}", ByteSize(free));
    }
    for note in &p.notes {
        let _ = writeln!(text, "note        {}", shown(note));
    }
    for o in &p.obstacles {
        let _ = writeln!(text, "OBSTACLE    {}", shown(o));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_names_are_read_as_sql_reads_them() {
        let read = |t: &str| table_name(t).map(|o| (o.schema, o.name)).ok();
        let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(read("orders"), pair("public", "orders"));
        assert_eq!(read("Shop.Orders"), pair("shop", "orders"));
        assert_eq!(read("\"A.b\".\"c\"\"d\""), pair("A.b", "c\"d"));
        for bad in ["", ".", "a.", ".b", "a.b.c", "\"a"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
