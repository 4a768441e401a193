//! `audit`: exposure checks without a restore.

pub mod baseline;
pub mod explain;

use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;

use super::drill::Redact;
use super::report::{Form, files};
use crate::audit::{Done, Job};
use crate::cli::context::Context;
use crate::cli::exit;
use crate::cli::output::Ui;
use crate::config::Override;
use crate::error::{Code, Result};
use crate::exposure::{Plane, Policy};
use crate::report::{Document, Format, Redactor, pseudonyms};
use crate::source::ConnParams;

/// Options of `audit`.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_long_help = "Looks at up to three planes: live (the server, over SQL with the backup role, read-only, creating \
    nothing), trail (the store: what lies in it, who can read and change it; canaries are written and removed), and house \
    (this host: keys, jobs, leftovers, programs). Without --plane it is all that can be had here. What the role may not see \
    is \"not evaluated\", never a pass; drills see more, because in a restored copy they are superuser.\n\n\
    Findings are compared with the last audit of this host. Waivers and intent stand in the files of \
    source.NAME.exposure.declarations; waived findings stay in the report.\n\n\
    Exit code 0 means nothing open at the threshold (source.NAME.exposure.fail_on, default high); 52 that there is; 53 that \
    a required check, or every check, could not be evaluated; 20 that the server could not be reached, 3x the store.\n\n\
    EXAMPLES:\n  \
    pgseal audit shop\n  \
    pgseal audit shop --plane live --json | jq '.exposure.sections'\n  \
    pgseal audit shop --plane trail,house --report-dir reports\n  \
    pgseal audit explain EXP-HBA-003\n  \
    pgseal audit baseline reports/shop-audit-….json --reason 'being mended' --owner dba@example.org --expires 2027-01-31"
)]
pub struct Args {
    /// A source of the configuration
    #[arg(required = true)]
    source: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
    /// What to look at [default: all that can be had]
    #[arg(long, value_enum, value_name = "PLANE", value_delimiter = ',')]
    plane: Vec<Where>,
    /// Write the report into this directory, made if missing
    #[arg(long, value_name = "DIR")]
    report_dir: Option<PathBuf>,
    /// Form of the report on stdout [default: text]
    #[arg(long, value_enum, value_name = "FORM", conflicts_with = "json")]
    format: Option<Form>,
    /// Write metrics to this file (mode 0644), replacing it
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// Names of the database in the report [default: report.redact]
    #[arg(long, value_enum, value_name = "LEVEL")]
    redact: Option<Redact>,
}

/// What else `audit` does.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Say why a check matters, what it looks at, and how to mend what it finds
    Explain(explain::Args),
    /// Write waivers for the open findings of a report
    Baseline(baseline::Args),
}

/// `--plane`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Where {
    /// The server, over SQL with the backup role
    Live,
    /// The store and what lies in it
    Trail,
    /// This host and pgseal's own configuration
    House,
}

/// Runs it.
pub async fn run(args: Args, ui: &Ui) -> Result<Code> {
    match args.command {
        Some(Command::Explain(args)) => return explain::run(&args, ui),
        Some(Command::Baseline(args)) => return baseline::run(&args, ui),
        None => {}
    }
    let over =
        args.redact.map(|r| Override { key: "report.redact", flag: "--redact", value: r.level().name().to_owned() });
    let ctx = Context::with(ui, over.into_iter().collect())?;
    let wanted = args.source.as_deref().unwrap_or_default();
    let (name, source) = ctx.source(wanted)?;
    let policy = Policy::load(&source.exposure)?;
    files::ready(args.report_dir.as_deref(), args.metrics.as_deref())?;
    // A report that is kept is signed where this host has a key for it.
    let signer = if args.report_dir.is_some() { Some(ctx.report_signer()?) } else { ctx.report_signer().ok() };
    let (connection, reading) =
        (ConnParams::resolve(&source.connection, &|n| std::env::var(n).ok()), ctx.reading().await);
    let planes = planes(&args.plane, &connection, &reading);
    let job = Job {
        name: name.clone(),
        source,
        loaded: ctx.loaded(),
        env: &ctx.inputs().env,
        policy: &policy,
        planes,
        connection,
        reading,
        identities: ctx.config().keys.identity.is_some().then(|| ctx.identities()).transpose()?.map(Arc::new),
        key: pseudonyms::key(&ctx.config().state_dir)?,
        progress: ctx.progress(),
    };
    let key = job.key;
    let Done { mut report, code } = job.run().await?;
    let mut redactor = Redactor::new(ctx.config().redact, key);
    redactor.apply_to_audit(&mut report)?;
    let document = Document::from(report);
    let mut errors = Vec::new();
    if let (Some(dir), Some(signer)) = (&args.report_dir, &signer) {
        let evidence = document.sign(signer)?;
        let (written, failed) = files::write_all(dir, &document.stem(), &evidence, |form| {
            // Attestations are of a backup; an audit has none.
            (form != Format::InToto).then(|| document.render(form, Some(signer)))
        });
        for place in written {
            ui.say(&format!("report: {}", place.display()));
        }
        errors.extend(failed);
    }
    if let Some(file) = &args.metrics {
        let metrics = document.render(Format::Prometheus, None);
        errors.extend(metrics.and_then(|m| files::replace_public(file, &m)).err());
    }
    let form = if ui.global.json { Format::Json } else { args.format.map_or(Format::Text, Format::from) };
    let shown =
        document.render(form, signer.as_ref()).and_then(|bytes| ctx.out().text(&String::from_utf8_lossy(&bytes)));
    errors.extend(shown.err());
    if errors.is_empty() {
        return Ok(code);
    }
    let worst = exit::errors(&errors, ui);
    Ok(if matches!(code, Code::Done | Code::Warnings) { worst } else { code })
}

/// What to look at: what was asked for, or all that this host has the means for.
fn planes(asked: &[Where], connection: &Result<ConnParams>, reading: &Result<crate::catalog::Reading>) -> Vec<Plane> {
    let had = |plane: Where| match plane {
        _ if !asked.is_empty() => asked.contains(&plane),
        Where::Live => connection.is_ok(),
        // A store that is configured and cannot be had is an error, not an absence.
        Where::Trail => !matches!(reading, Err(e) if e.code() == Code::Usage),
        Where::House => true,
    };
    let all = [(Where::Live, Plane::Live), (Where::Trail, Plane::Trail), (Where::House, Plane::House)];
    all.into_iter().filter(|(w, _)| had(*w)).map(|(_, plane)| plane).collect()
}
