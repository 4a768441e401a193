//! `pgseal drill`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;

use super::report::{Form, files};
use super::self_test;
use crate::cli::context::Context;
use crate::cli::exit;
use crate::cli::output::Ui;
use crate::config::{Override, schema};
use crate::drill::{Done, Job, Standing};
use crate::error::{Code, Error, Result};
use crate::exposure::Policy;
use crate::report::{Format, ProofLevel, pseudonyms, signed};
use crate::scratch::probe::Outside;
use crate::source::ConnParams;
use crate::types::{Redaction, SourceName};

/// Options of `drill`.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "The report is signed after everything was taken down, stored beside the backups, and written to \
    --report-dir under one name: .json and .json.sig (what was signed), .txt, .html, .xml (JUnit), .md (for the summary \
    of a CI job), .sarif (code scanning), .prom (Prometheus textfile), .intoto.jsonl (attestations in DSSE envelopes). \
    Files have mode 0600 and are never overwritten.\n\n\
    Reports hold no rows. Names of databases, tables and roles are pseudonyms unless report.redact or --redact says \
    otherwise, because reports lie in the store in the clear; on this host `pgseal report show WHAT --names` tells what \
    they stand for.\n\n\
    Exit code 0 means passed, 3 passed with warnings; 40, 41, 42, 44, 50 and 51 a bad backup; 43 that \
    the newest backup is overdue (source.NAME.next_due); 52 an unsafe drill; 53 that there is no evidence either way (12 and 124 say so too: no identity fits, the deadline passed). Where the newest \
    backup has no trusted signature there is nothing to report on: the command ends with 41, drills no older backup, and \
    writes no report. Nor does it when it is interrupted.\n\n\
    Isolation: source.NAME.drill.min_isolation says how much is required. I1 is a user without rights and sealed \
    settings, I2 also an empty network, I3 also no files but programs and no processes but its own (bubblewrap). \
    Without a word there it is I3 where the database runs on this host and I2 elsewhere. Where less can be had, the drill \
    ends with 53 before anything is restored.\n\n\
    Times in the report: fetch is signature, presence and opening of the backup's facts; restore is all its data, fetched, \
    opened and written; start is making, sealing and starting the server. \"restorable in\" (rto_s) is their sum, without \
    checks and teardown. rpo_s counts from the backup's snapshot, backup_age_s from its end, both to the drill's start.\n\n\
    EXAMPLES:\n  \
    pgseal drill shop\n  \
    pgseal drill shop --report-dir drill-reports\n  \
    pgseal drill shop --format md >> \"$GITHUB_STEP_SUMMARY\"\n  \
    pgseal drill shop --metrics /var/lib/prometheus/node-exporter/pgseal-shop.prom\n  \
    pgseal drill shop@2026-11-20 --level booted\n  \
    pgseal drill shop --all-recipients\n  \
    pgseal drill shop --self-test\n  \
    pgseal drill 20261123T0300 --json | jq .verdict"
)]
pub struct Args {
    /// A source (its newest backup), or a backup
    what: String,
    /// Write the report into this directory, made if missing
    #[arg(long, value_name = "DIR")]
    report_dir: Option<PathBuf>,
    /// Attack copies of the newest backup (flip, cut, swap, forge, roll back, ...) and show that each is noticed;
    /// nothing is restored, nothing is stored
    #[arg(long, conflicts_with_all = ["report_dir", "level", "jobs", "format", "metrics", "redact", "all_recipients"])]
    self_test: bool,
    /// Prove for every recipient of the backup that its identity opens every stream; they all must be in
    /// keys.identity
    #[arg(long)]
    all_recipients: bool,
    /// Form of the report on stdout [default: text]
    #[arg(long, value_enum, value_name = "FORM", conflicts_with = "json")]
    format: Option<Form>,
    /// Write metrics to this file (mode 0644), replacing it
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// Names of the database in the report [default: report.redact]
    #[arg(long, value_enum, value_name = "LEVEL")]
    redact: Option<Redact>,
    /// How far the proof must go for the drill to pass
    #[arg(long, value_enum, default_value_t = Level::Data)]
    level: Level,
    /// Tables checked and indexes built at the same time [default: jobs of the source]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    jobs: Option<u8>,
}

/// `--level`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Level {
    /// A server runs on the restored copy and answers
    Booted,
    /// Every row was read and is right
    Data,
}

/// `--redact`.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Redact {
    /// Names as they are
    None,
    /// Pseudonyms
    Names,
    /// Nothing that depends on names
    Details,
}

impl Redact {
    /// What it means.
    pub const fn level(self) -> Redaction {
        match self {
            Self::None => Redaction::None,
            Self::Names => Redaction::Names,
            Self::Details => Redaction::Details,
        }
    }
}

/// Runs it.
pub async fn run(args: Args, ui: &Ui) -> Result<Code> {
    let over =
        args.redact.map(|r| Override { key: "report.redact", flag: "--redact", value: r.level().name().to_owned() });
    let ctx = Context::with(ui, over.into_iter().collect())?;
    let identities = Arc::new(ctx.identities()?);
    let name = match args.what.parse::<SourceName>() {
        Ok(source) if ctx.config().sources.contains_key(&source) => format!("{source}@latest"),
        _ => args.what.clone(),
    };
    let found = ctx.find(&name).await.map_err(no_report)?;
    if args.self_test {
        return self_test::run(&ctx, &found, identities).await;
    }
    let signer = ctx.trusted_report_signer(&found.entry.manifest.source)?;
    let (_, source) = ctx.source(found.entry.manifest.source.as_str())?;
    files::ready(args.report_dir.as_deref(), args.metrics.as_deref())?;
    let key = pseudonyms::key(&ctx.config().state_dir)?;
    let policy = Policy::load(&source.exposure)?;
    // One that cannot be resolved on this host (its service file is elsewhere,
    // say) is not known here.
    let connection = ConnParams::resolve(&source.connection, &|name| std::env::var(name).ok()).ok();
    let job = Job {
        entry: &found.entry,
        standing: Standing::of(&found.catalog, found.entry.manifest.seq),
        catalog: &found.catalog.entries,
        policy,
        drill: &source.drill,
        source: connection.as_ref(),
        jobs: args.jobs.map_or(source.jobs, usize::from),
        scratch: &ctx.config().scratch,
        reading: ctx.reading().await?,
        identities,
        outside: outside(&ctx.config().keys, connection.as_ref()),
        pg_bindir: ctx.config().pg_bindir.clone(),
        all_recipients: args.all_recipients,
        required: match args.level {
            Level::Booted => ProofLevel::Booted,
            Level::Data => ProofLevel::Data,
        },
        redact: (ctx.config().redact, key),
        progress: ctx.progress(),
    };
    let Done { report, code, names } = job.run().await?;
    let evidence = signed::sign(&report, &signer)?;
    // All are tried: none that fails keeps the report from the others, nor the
    // drill's own exit code from the caller.
    let mut errors = Vec::new();
    if let Some(dir) = &args.report_dir {
        let (written, failed) =
            files::write_all(dir, &report.stem(), &evidence, |form| Some(form.render(&report, Some(&signer))));
        for place in written {
            ui.say(&format!("report: {}", place.display()));
        }
        errors.extend(failed);
    }
    if let Some(file) = &args.metrics {
        let metrics = Format::Prometheus.render(&report, None);
        errors.extend(metrics.and_then(|m| files::replace_public(file, &m)).err());
    }
    if report.redaction == Redaction::Names {
        errors.extend(pseudonyms::remember(&ctx.config().state_dir, &report.source, &names).err());
    }
    let form = args.format.map_or(Format::Text, Format::from);
    let shown = if ui.global.json { Ok(evidence.bytes.clone()) } else { form.render(&report, Some(&signer)) };
    let shown = shown.and_then(|bytes| ctx.out().text(&String::from_utf8_lossy(&bytes)));
    errors.extend(shown.err());
    let stored = async { signed::store(ctx.store().await?.as_ref(), &report, &evidence).await };
    match stored.await {
        Ok(key) => ui.say(&format!("report stored as {key}")),
        Err(e) => errors.push(e.or_hint("The drill's verdict stands, but `pgseal list` will not know of it.")),
    }
    if errors.is_empty() {
        return Ok(code);
    }
    let worst = exit::errors(&errors, ui);
    Ok(if matches!(code, Code::Done | Code::Warnings) { worst } else { code })
}

/// What the copy must not reach.
fn outside(keys: &schema::Keys, source: Option<&ConnParams>) -> Outside {
    let host = |c: &ConnParams| c.hostaddr.map(|a| a.to_string()).or_else(|| c.host.clone());
    let key_files = [&keys.identity, &keys.signing_key, &keys.report_key].into_iter().flatten().cloned().collect();
    Outside { source: source.and_then(|c| Some((host(c)?, c.port))), key_files }
}

/// An older backup in place of a bad one would hide what is wrong.
fn no_report(e: Error) -> Error {
    let next = e.next_step().unwrap_or_default().to_owned();
    e.hint(format!("{next} Nothing was drilled, and there is no report.").trim().to_owned())
}
