//! `pgseal drill`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;

use crate::cli::context::Context;
use crate::cli::exit;
use crate::cli::output::Ui;
use crate::drill::Job;
use crate::error::{Code, Error, Result, Stage};
use crate::keys::write_new;
use crate::report::model::{ProofLevel, Report};
use crate::report::{junit, signed, text};
use crate::types::SourceName;

/// Options of `drill`.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "The report is signed, stored beside the backups, and written to --report-dir as .txt, .json, \
    .json.sig and .xml (JUnit).\n\n\
    Exit code 0 means passed, 3 passed with warnings; 40, 41, 42, 44, 50 and 51 a bad backup; 52 an unsafe drill; 53 that \
    there is no evidence either way (12 and 124 say so too: no identity fits, the deadline passed). Where the newest \
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
    pgseal drill shop@2026-11-20 --level booted\n  \
    pgseal drill 20261123T0300 --json | jq .verdict"
)]
pub struct Args {
    /// A source (its newest backup), or a backup
    what: String,
    /// Write the report into this directory, made if missing
    #[arg(long, value_name = "DIR")]
    report_dir: Option<PathBuf>,
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

/// Runs it.
pub async fn run(args: Args, ui: &Ui) -> Result<Code> {
    let ctx = Context::new(ui)?;
    let identities = Arc::new(ctx.identities()?);
    let signer = ctx.report_signer()?;
    let name = match args.what.parse::<SourceName>() {
        Ok(source) if ctx.config().sources.contains_key(&source) => format!("{source}@latest"),
        _ => args.what.clone(),
    };
    let found = ctx.find(&name).await.map_err(no_report)?;
    let (_, source) = ctx.source(found.entry.manifest.source.as_str())?;
    if let Some(dir) = &args.report_dir {
        // Before the work, not after it: a report that cannot be written is no report.
        std::fs::create_dir_all(dir).map_err(|e| cannot_write(dir, e))?;
        tempfile::tempfile_in(dir).map_err(|e| cannot_write(dir, e))?;
    }
    let job = Job {
        entry: &found.entry,
        drill: &source.drill,
        connection: &source.connection,
        jobs: args.jobs.map_or(source.jobs, usize::from),
        scratch: &ctx.config().scratch,
        reading: ctx.reading().await?,
        identities,
        pg_bindir: ctx.config().pg_bindir.clone(),
        required: match args.level {
            Level::Booted => ProofLevel::Booted,
            Level::Data => ProofLevel::Data,
        },
        progress: ctx.progress(),
    };
    let (report, code) = job.run().await?;
    let evidence = signed::sign(&report, &signer)?;
    // All three are tried: none that fails keeps the report from the others, nor
    // the drill's own exit code from the caller.
    let mut errors = Vec::new();
    match args.report_dir.as_ref().map_or(Ok(Vec::new()), |dir| write(dir, &report, &evidence)) {
        Ok(places) => places.iter().for_each(|place| ui.say(&format!("report: {}", place.display()))),
        Err(e) => errors.push(e),
    }
    let shown =
        if ui.global.json { String::from_utf8_lossy(&evidence.bytes).into_owned() } else { text::render(&report) };
    errors.extend(ctx.out().text(&shown).err());
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

/// An older backup in place of a bad one would hide what is wrong.
fn no_report(e: Error) -> Error {
    let next = e.next_step().unwrap_or_default().to_owned();
    e.hint(format!("{next} Nothing was drilled, and there is no report.").trim().to_owned())
}

fn write(dir: &Path, report: &Report, evidence: &signed::Signed) -> Result<Vec<PathBuf>> {
    let stem = format!("{}-{}-{}", report.source, report.seq, report.run);
    let files: [(&str, Vec<u8>); 4] = [
        ("txt", text::render(report).into_bytes()),
        ("json", evidence.bytes.clone()),
        ("json.sig", evidence.signature.clone().into_bytes()),
        ("xml", junit::render(report)?.into_bytes()),
    ];
    files
        .into_iter()
        .map(|(extension, bytes)| {
            let path = dir.join(format!("{stem}.{extension}"));
            write_new(&path, &bytes, 0o600)?;
            Ok(path)
        })
        .collect()
}

fn cannot_write(dir: &Path, e: std::io::Error) -> Error {
    Error::new(Code::Usage, Stage::Report, "cannot make the report directory").on(dir.display().to_string()).because(e)
}
