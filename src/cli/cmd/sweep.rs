//! `pgseal sweep`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cli::context::Context;
use crate::cli::output::Ui;
use crate::config::connection;
use crate::error::{Code, Result};
use crate::process::lease::Purpose;
use crate::restore::leftovers as databases;
use crate::scratch::leftovers;
use crate::source::ConnParams;
use crate::types::shown;

/// Options of `sweep`.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "Looked at are scratch.dir, and the directory for temporary files (TMPDIR) of whoever runs this; \
    with --databases also the databases of one server. Exit code 3 says that something could not be removed.\n\n\
    EXAMPLES:\n  \
    pgseal sweep --dry-run\n  \
    pgseal sweep\n  \
    PGHOST=db2 PGUSER=postgres pgseal sweep --databases\n  \
    pgseal sweep --databases --connection service=db2 --json | jq .leftovers"
)]
pub struct Args {
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
    /// Also drop unfinished databases of killed restores; the server is named by libpq's variables
    #[arg(long)]
    databases: bool,
    /// Connection to that server [default: PG* variables]
    #[arg(long, value_name = "CONNINFO", requires = "databases")]
    connection: Option<String>,
}

/// Something that was left, and what became of it.
struct Swept {
    kind: &'static str,
    name: String,
    pid: i32,
    /// Why it is still there.
    why: Option<String>,
}

/// Runs it.
pub async fn run(args: Args, ui: &Ui) -> Result<Code> {
    connection::argument(args.connection.as_deref().unwrap_or_default())?;
    let ctx = Context::new(ui)?;
    let mut swept = directories(&ctx, args.dry_run).await;
    if args.databases {
        let text = args.connection.as_deref().unwrap_or_default();
        let conn = ConnParams::resolve(text, &|name| std::env::var(name).ok())?;
        for one in databases::find(&conn).await? {
            let why = if args.dry_run { None } else { databases::remove(&conn, &one).await.err().map(|e| e.text()) };
            swept.push(Swept { kind: "database", name: one.name, pid: one.session, why });
        }
    }
    if swept.is_empty() && !ctx.out().json() {
        ui.say("nothing is left behind");
    } else {
        ctx.out().either(|| value(&swept, args.dry_run), || text(&swept, args.dry_run))?;
    }
    for one in &swept {
        if let Some(why) = &one.why {
            ui.progress.warn(
                &format!("{} cannot be removed: {}", shown(&one.name), shown(why)),
                Some("Remove it by hand: it may hold restored data."),
            );
        }
    }
    Ok(if swept.iter().any(|s| s.why.is_some()) { Code::Warnings } else { Code::Done })
}

async fn directories(ctx: &Context<'_>, dry_run: bool) -> Vec<Swept> {
    let scratch = &ctx.config().scratch;
    let owners = leftovers::owners(&scratch.user).await;
    // The same place under two names is looked at once.
    let places: BTreeSet<_> =
        [scratch.dir.clone(), std::env::temp_dir()].iter().filter_map(|d| d.canonicalize().ok()).collect();
    let work = move || {
        let all = places.iter().flat_map(|dir| leftovers::find(dir, &owners));
        let swept = all.map(|one| {
            let done = (!dry_run).then(|| leftovers::remove(&one, &owners)).filter(|d| !d.is_clean());
            Swept {
                kind: match one.purpose {
                    Purpose::Scratch => "scratch",
                    Purpose::Private => "private",
                },
                name: one.path.display().to_string(),
                pid: one.pid,
                why: done.map(|d| d.detail.unwrap_or_else(|| "it is still there".to_owned())),
            }
        });
        swept.collect()
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_default()
}

fn value(swept: &[Swept], dry_run: bool) -> Value {
    let all: Vec<Value> = swept
        .iter()
        .map(|s| {
            json!({ "kind": s.kind, "name": s.name, "pid": s.pid, "removed": !dry_run && s.why.is_none(), "why": s.why })
        })
        .collect();
    json!({ "dry_run": dry_run, "leftovers": all })
}

fn text(swept: &[Swept], dry_run: bool) -> String {
    let mut text = String::new();
    for one in swept {
        let done = match (&one.why, dry_run) {
            (Some(_), _) => "left",
            (None, true) => "would remove",
            (None, false) => "removed",
        };
        let _ = writeln!(text, "{done}  {}  {}", one.kind, shown(&one.name));
    }
    text
}
